//! A signal or the end of the SMSC ends a load early, and its results are those up to then.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::json;
use support::file::TestFile;
use support::program::{Program, command};

/// Why it has failed.
const REASON: &str = "interrupted: what had not come by then counts as unanswered or missing";

/// A load of a minute that has run for a second.
fn load(program: &Program, results: &TestFile, more: &[&str]) -> Child {
    let target = format!("smpp://load:pw@{}", program.smpp);
    let args = ["load", "--target", &target, "--duration", "60s"];
    let mut load = command(&[&args[..], &["--json", results.path()], more].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first_second = String::new();
    let stderr = load.stderr.as_mut().unwrap();
    BufReader::new(stderr).read_line(&mut first_second).unwrap();
    load
}

fn signal(name: &str, process: &Child) {
    let pid = process.id().to_string();
    let mut kill = Command::new("kill");
    assert!(kill.args([name, &pid]).status().unwrap().success());
}

#[test]
fn a_signal_ends_a_load_with_what_was_measured_up_to_then() {
    let program = Program::start(&[]);
    for name in ["-INT", "-TERM"] {
        let results = TestFile::new("interrupted.json");
        let load = load(&program, &results, &["--rate", "200", "--receipts"]);
        signal(name, &load);
        let output = load.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(&format!("\n{REASON}: FAILED\n")), "{said}");
        assert!(said.contains(" messages accepted, 0 refused, "), "{said}");
        let json = results.json();
        assert_eq!(json["interrupted"], true, "{json}");
        assert_eq!(json["failed_because"], json!([REASON]), "{json}");
        let count = |name: &str| json[name].as_u64().unwrap();
        assert!(count("accepted") > 150, "{json}");
        assert_eq!(count("receipts"), count("accepted"), "{json}");
        // A message or two were due after the signal.
        assert_eq!(count("unanswered"), 0, "{json}");
        assert!(count("unsent") < 20, "{json}");
    }
}

/// Those of this SMSC take half a second.
#[test]
fn what_is_open_at_a_signal_is_waited_for() {
    let program = Program::start(&["--latency", "500ms"]);
    let results = TestFile::new("open.json");
    let load = load(&program, &results, &["--rate", "50"]);
    signal("-INT", &load);
    assert_eq!(load.wait_with_output().unwrap().status.code(), Some(3));
    let json = results.json();
    assert_eq!(
        (&json["interrupted"], &json["unanswered"]),
        (&json!(true), &json!(0)),
        "{json}"
    );
    assert!(json["accepted"].as_u64() >= Some(50), "{json}");
}

#[test]
fn a_signal_ends_all_of_a_sweep() {
    let program = Program::start(&[]);
    let results = TestFile::new("sweep.json");
    let load = load(&program, &results, &["--sweep", "1,2,4"]);
    signal("-INT", &load);
    let output = load.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let json = results.json();
    assert_eq!(json["sweep"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["interrupted"], true, "{json}");
}

/// The first waits for the end of the sessions, and this SMSC does not answer.
#[test]
fn a_second_signal_ends_the_program_at_once() {
    let program = Program::start(&[]);
    let results = TestFile::new("twice.json");
    let mut load = load(&program, &results, &["--rate", "200"]);
    signal("-STOP", &program.child);
    let started = Instant::now();
    signal("-INT", &load);
    // Those that come at once are taken for the first.
    let status = loop {
        signal("-TERM", &load);
        if let Some(status) = load.try_wait().unwrap() {
            break status;
        }
    };
    let time_ms = started.elapsed().as_millis();
    assert!((200..900).contains(&time_ms), "{time_ms}");
    assert_eq!(status.code(), Some(3));
    assert_eq!(fs::read_to_string(&results.0).unwrap(), "");
}

#[test]
fn the_end_of_the_smsc_ends_a_load_with_what_was_measured_up_to_then() {
    let mut program = Program::start(&[]);
    let results = TestFile::new("killed.json");
    let load = load(&program, &results, &["--rate", "100"]);
    program.child.kill().unwrap();
    let output = load.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let reason = "a session ended early: the connection was lost";
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("\n{reason}: FAILED\n")), "{said}");
    assert!(!said.contains("lack of room"), "{said}");
    let json = results.json();
    assert_eq!(json["failed_because"], json!([reason]));
    assert_eq!(json["interrupted"], false);
    assert!(json["accepted"].as_u64() > Some(80), "{json}");
    // Of the 6000 of the whole time most were not due yet.
    let count = |name: &str| json[name].as_u64().unwrap();
    let all = count("messages") + count("unanswered") + count("unsent");
    assert_eq!(count("offered"), all, "{json}");
    assert!(all < 1_500, "{json}");
}
