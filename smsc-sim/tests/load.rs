//! The load generator against a simulator whose times are known.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use smsc_sim::load::{self, LoadSettings, Pace, Report, Schedule};
use support::file::TestFile;
use support::program::{Program, run};
use tokio::sync::Notify;

/// Runs a load against an SMSC with this latency and receipt delay, both in ms.
async fn measure(
    latency_ms: u64,
    receipt_delay_ms: u64,
    change: impl FnOnce(&mut LoadSettings),
) -> Report {
    let smsc = support::smsc(|settings| {
        settings.behaviour.latency = Duration::from_millis(latency_ms);
        settings.behaviour.receipt_delay = Duration::from_millis(receipt_delay_ms);
    })
    .await;
    let target = format!("smpp://load:pw@{}", smsc.addr()).parse().unwrap();
    let mut settings = LoadSettings::new(target);
    change(&mut settings);
    load::run(settings, &mut |_| {}).await
}

fn open(settings: &mut LoadSettings, rate_per_s: u32, duration_ms: u64) {
    settings.pace = Pace::Open(Schedule::new(rate_per_s, Duration::ZERO));
    settings.duration = Duration::from_millis(duration_ms);
}

/// What the program says to a load of this target; paths must have no spaces.
fn load(target: &str, args: &str) -> Output {
    let args: Vec<&str> = args.split_whitespace().collect();
    run(&[&["load", "--target", target][..], &args].concat())
}

fn ms(time: Option<Duration>) -> u128 {
    time.expect("something was measured").as_millis()
}

#[tokio::test]
async fn a_closed_loop_keeps_to_its_time() {
    let report = measure(50, 0, |settings| {
        settings.window_size = 10;
        settings.duration = Duration::from_millis(500);
    })
    .await;
    // Ten at once each 50 ms, for 500 ms.
    let accepted = report.accepted();
    assert!((50..=110).contains(&accepted), "{accepted}");
    assert_eq!(report.answered(), accepted);
    assert_eq!(report.unsent(), 0);
}

#[tokio::test]
async fn an_open_loop_sends_at_its_rate() {
    let report = measure(0, 0, |settings| {
        open(settings, 500, 1_000);
        settings.binds = 3;
    })
    .await;
    assert_eq!((report.accepted(), report.unsent()), (500, 0));
    let rate = report.messages_per_second();
    assert!((400.0..510.0).contains(&rate), "{rate}");
}

/// A generator that waits for responses would report 100 ms and hide that messages came too late.
#[tokio::test]
async fn an_open_loop_counts_from_the_scheduled_time_and_says_what_was_not_sent() {
    let report = measure(100, 0, |settings| {
        open(settings, 100, 1_000);
        settings.window_size = 1;
    })
    .await;
    let json = report.to_json();
    let service_us = json["service_time_p99_us"].as_f64().unwrap();
    assert!((100e3..300e3).contains(&service_us), "{json}");
    assert!(ms(report.latency(0.9)) > 600, "{json}");
    // One each 100 ms instead of 100.
    assert!(report.unsent() >= 85, "{json}");
    assert!(report.errors_percent() > 80.0, "{json}");
    // What waits for the window is not the generator's own fault.
    assert!(json["lag_p50_us"].as_f64().unwrap() < 5_000.0, "{json}");
}

#[tokio::test]
async fn what_is_sent_in_the_warm_up_is_not_counted() {
    let report = measure(0, 0, |settings| {
        open(settings, 200, 500);
        settings.warmup = Duration::from_millis(500);
    })
    .await;
    let accepted = report.accepted();
    assert!((90..=110).contains(&accepted), "{accepted}");
}

/// Messages of the ramp would else look like those of an SMSC that cannot keep up.
#[tokio::test]
async fn what_is_sent_in_the_ramp_is_not_counted() {
    for warmup_ms in [0, 100, 700] {
        let report = measure(0, 0, |settings| {
            open(settings, 400, 500);
            settings.pace = Pace::Open(Schedule::new(400, Duration::from_millis(500)));
            settings.warmup = Duration::from_millis(warmup_ms);
        })
        .await;
        let json = report.to_json();
        assert_eq!((report.accepted(), report.unsent()), (200, 0), "{json}");
        assert_eq!(json["offered"], 200, "{json}");
    }
}

/// Receipts that come late are none of the next load's, nor of the next window's.
#[tokio::test]
async fn receipts_of_an_earlier_load_are_unexpected() {
    const DELAY_MS: u64 = 1_500;
    let smsc = support::smsc(|settings| {
        settings.behaviour.receipt_delay = Duration::from_millis(DELAY_MS);
    })
    .await;
    let target = format!("smpp://load:pw@{}", smsc.addr()).parse().unwrap();
    let settings = LoadSettings {
        messages_max: Some(20),
        receipts: true,
        receipt_wait: Duration::from_millis(100),
        ..LoadSettings::new(target)
    };
    let first = load::run(settings.clone(), &mut |_| {}).await;
    assert_eq!((first.accepted(), first.receipts()), (20, 0), "{first}");
    let patient = LoadSettings {
        receipt_wait: support::PATIENCE,
        ..settings
    };
    for recipients_from in [None, Some(7)] {
        let settings = LoadSettings {
            recipients_from,
            ..patient.clone()
        };
        let none = Notify::new();
        let windows = load::sweep_until(&none, &settings, &[1, 2], &mut |_| {}).await;
        let json = windows[0].to_json();
        let unexpected = if recipients_from.is_none() { 20 } else { 0 };
        assert_eq!(json["receipts_unexpected"], unexpected, "{json}");
        let from: Vec<u64> = windows
            .iter()
            .map(|report| report.to_json()["recipients_from"].as_u64().unwrap())
            .collect();
        assert!(from[1] >= from[0] + 20, "{from:?}");
        assert!(
            recipients_from.is_none_or(|first| first == from[0]),
            "{from:?}"
        );
        for report in &windows {
            assert_eq!(report.receipts(), 20, "{report}");
            let json = report.to_json();
            let fastest_ms = json["receipt_p50_us"].as_f64().unwrap() / 1e3;
            assert!(fastest_ms >= DELAY_MS as f64, "{json}");
        }
    }
}

/// A message belongs to the time that it was due in, whenever it is sent and answered.
#[tokio::test]
async fn the_border_of_the_warm_up_is_exact() {
    for (latency_ms, binds) in [(0, 1), (30, 3)] {
        let report = measure(latency_ms, 50, |settings| {
            open(settings, 1_000, 300);
            settings.warmup = Duration::from_millis(200);
            settings.binds = binds;
            settings.receipts = true;
        })
        .await;
        let json = report.to_json();
        let counts = (report.accepted(), report.unsent(), report.receipts());
        assert_eq!(counts, (300, 0, 300), "{json}");
        assert_eq!(json["offered"], 300, "{json}");
        assert_eq!(json["receipts_missing"], 0, "{json}");
        assert_eq!(json["receipts_unexpected"], 0, "{json}");
    }
}

#[tokio::test]
async fn a_load_of_which_nothing_was_accepted_is_exit_code_3() {
    let program = Program::start(&["--rate-limit", "1"]);
    let target = format!("smpp://load:pw@{}", program.smpp);
    let refused = || {
        let args = "--rate 50 --duration 200ms --quiet --fail-if p50>5s";
        let output = load(&target, args);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.contains("\nthreshold p50>5s: not exceeded\n"),
            "{said}"
        );
        (output.status.code(), said)
    };
    let (code, said) = refused();
    assert!(
        said.starts_with("1 message accepted, 9 refused, "),
        "{said}"
    );
    assert_eq!(code, Some(0), "{said}");
    let refusing = serde_json::json!({"submit_status": "ESME_RSYSERR"});
    program.main("POST", "behaviour", &refusing).await;
    let (code, said) = refused();
    assert!(
        said.starts_with("0 messages accepted, 10 refused, "),
        "{said}"
    );
    assert!(said.contains("\nnothing was accepted: FAILED\n"), "{said}");
    assert_eq!(code, Some(3), "{said}");
    let output = load(&target, "--messages 1 --quiet --json -");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["nothing_accepted"], true, "{json}");
    assert_eq!(json["failed"], true, "{json}");
}

#[test]
fn a_load_that_cannot_begin_replaces_the_results_of_an_earlier_one() {
    let program = Program::start(&["--account", "load:pw"]);
    let closed = "smpp://load:pw@127.0.0.1:1".to_owned();
    let wrong = format!("smpp://load:no@{}", program.smpp);
    let table = [
        (closed, "cannot connect to 127.0.0.1:1: "),
        (wrong, "a session ended early: the bind was refused: "),
    ];
    for (target, reason) in table {
        for more in ["", "--sweep 1,2"] {
            let results = TestFile::new("unbound.json");
            fs::write(&results.0, r#"{"failed": false}"#).unwrap();
            let output = load(
                &target,
                &format!("--quiet --json {} {more}", results.path()),
            );
            let json = results.json();
            assert_eq!(output.status.code(), Some(3), "{json}");
            assert_eq!(json["failed"], true, "{json}");
            let because = json["failed_because"].as_array().unwrap();
            assert!(because[0].as_str().unwrap().starts_with(reason), "{json}");
            assert_eq!(because[1..], ["nothing was accepted"], "{json}");
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(said.contains(&format!("\n{reason}")), "{said}");
        }
    }
}

#[test]
fn what_does_not_come_is_waited_for_as_long_as_is_said() {
    let table = [
        (
            ["--latency", "--response-timer"],
            "(waiting for 10 responses, 1.5s each at most)",
            ("unanswered", 10),
            "threshold errors>0.1% exceeded: 100.00 %",
        ),
        (
            ["--receipt-delay", "--receipt-wait"],
            "(waiting for 10 receipts, 1.5s at most)",
            ("receipts_missing", 10),
            "threshold receipts_missing>99% exceeded: 100.00 %",
        ),
    ];
    for ([of_smsc, of_load], waits, (count, expected), because) in table {
        let program = Program::start(&[of_smsc, "1h"]);
        let target = format!("smpp://load:pw@{}", program.smpp);
        let args = "--rate 50 --json - --duration 200ms --receipts --fail-if errors>0.1% \
             --fail-if receipts_missing>99%";
        let output = load(&target, &format!("{args} {of_load} 1500ms"));
        let progress = String::from_utf8(output.stderr).unwrap();
        assert!(progress.contains(waits), "{progress}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{json}");
        assert_eq!(json[count], expected, "{json}");
        assert_eq!(json["failed_because"][0], because, "{json}");
        assert!(json["elapsed_s"].as_f64() < Some(9.0), "{json}");
    }
}

#[tokio::test]
async fn receipts_are_timed_end_to_end() {
    let report = measure(20, 100, |settings| {
        open(settings, 100, 500);
        settings.receipts = true;
    })
    .await;
    assert_eq!(report.receipts(), report.accepted());
    let json = report.to_json();
    assert_eq!(json["receipts_missing"], 0);
    let receipt_us = json["receipt_p50_us"].as_f64().unwrap();
    assert!((100e3..400e3).contains(&receipt_us), "{json}");
}

#[test]
fn a_broken_threshold_is_exit_code_3_and_stands_in_the_report() {
    let program = Program::start(&["--latency", "20ms"]);
    let target = format!("smpp://load:pw@{}", program.smpp);
    let judged = |conditions: &str| {
        let args = format!("--rate 50 --duration 300ms --json - --mix default {conditions}");
        let output = load(&target, &args);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = judged("--fail-if p50>5s --fail-if errors>0.1%");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = judged("--fail-if p50>5s --fail-if p50>1ms");
    assert_eq!(code, Some(3), "{said}");
    let failed: Vec<&Value> = said["thresholds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|threshold| &threshold["failed"])
        .collect();
    assert_eq!(failed, [false, true]);
    let measured = said["thresholds"][1]["measured"][0].as_str().unwrap();
    assert!(measured.ends_with(" ms"), "{measured}");
    let because = format!("threshold p50>1ms exceeded: {measured}");
    assert_eq!(said["failed_because"], json!([because]));
    assert_eq!(said["environment"]["version"], env!("CARGO_PKG_VERSION"));
    let command_line = said["environment"]["command_line"].as_str().unwrap();
    assert!(!command_line.contains("load:pw"), "{command_line}");
}

#[test]
fn a_sweep_is_a_table_and_a_run_tells_its_progress_and_its_distribution() {
    let program = Program::start(&["--latency", "10ms"]);
    let target = format!("smpp://load:pw@{}", program.smpp);
    let output = load(&target, "--sweep 1,4 --duration 200ms --fail-if p50<1s");
    let said = String::from_utf8(output.stdout).unwrap();
    let windows: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(windows[..3], ["window", "1", "4"], "{said}");
    let broken = said
        .lines()
        .find(|line| line.starts_with("threshold "))
        .unwrap();
    assert!(broken.contains(" ms with window 1, "), "{broken}");
    assert!(broken.ends_with(" ms with window 4): FAILED"), "{broken}");
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(
        progress.starts_with("window 1     0 s  sent "),
        "{progress}"
    );
    assert!(progress.contains("\nwindow 4     0 s  sent "), "{progress}");
    let output = load(&target, "--sweep 1 --duration 200ms --quiet");
    assert!(output.stderr.is_empty());

    let (hgrm, hlog) = (TestFile::new("load.hgrm"), TestFile::new("load.hlog"));
    let files = format!("--hgrm {} --hlog {}", hgrm.path(), hlog.path());
    let output = load(&target, &format!("--rate 100 --duration 1200ms {files}"));
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("1 s  sent "), "{progress}");
    let distribution = fs::read_to_string(&hgrm.0).unwrap();
    assert!(distribution.contains("1/(1-Percentile)"), "{distribution}");
    assert!(
        distribution.contains("Total count    =          120"),
        "{distribution}"
    );
    let intervals = fs::read_to_string(&hlog.0).unwrap();
    let lines: Vec<&str> = intervals.lines().collect();
    assert_eq!(lines[1], "#[Histogram log format version 1.3]");
    // The first second and the rest.
    assert_eq!(lines[4..].len(), 2, "{intervals}");
    assert!(lines[4].starts_with("0.000,1.0"), "{intervals}");
    assert!(lines[5].contains(",HISTFAAA"), "{intervals}");
}
