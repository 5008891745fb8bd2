//! Where else the ready line goes: a file, and a file descriptor of the parent.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use support::program::{PROGRAM, Program, run};

/// A file of this test that is not there.
fn fresh(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("smsc-sim-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn the_ready_line_is_whole_in_the_file_and_in_the_descriptor() {
    let path = fresh("file");
    let to_file = Program::start(&["--ready-file", path.to_str().unwrap()]);
    let other = fresh("descriptor");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$0\" \"$@\" 3>\"$READY\"", PROGRAM])
        .args(["--ready-fd", "3"])
        .env("READY", &other);
    let to_descriptor = Program::start_command(&mut shell);
    for (path, program) in [(path, to_file), (other, to_descriptor)] {
        let line = std::fs::read_to_string(&path).unwrap();
        assert!(line.ends_with("}\n"), "{line}");
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said, program.ready);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let table = [["--ready-file", "/nowhere/ready"], ["--ready-fd", "99"]];
    for [option, value] in table {
        let output = run(&["--smpp-port", "0", "--http-port", "0", option, value]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("{option} {value}: ")), "{said}");
        assert_eq!(output.stdout, b"", "it is not ready");
    }
}
