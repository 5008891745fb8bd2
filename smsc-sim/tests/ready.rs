//! Where else the ready line goes: a file, and a file descriptor of the parent.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use support::program::{PROGRAM, Program, command, run};

/// A file of this test that is not there.
fn fresh(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("smsc-sim-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// Starts the program with what `redirection` makes of descriptor 3, and `READY` in it.
fn with_descriptor_3(redirection: &str, ready: &Path, stdin: impl Into<Stdio>) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}"), PROGRAM])
        .args(["--ready-fd", "3"])
        .env("READY", ready)
        .stdin(stdin);
    shell
}

/// Ends it as an operator does.
fn terminate(program: &mut Program) {
    let pid = program.child.id().to_string();
    let mut kill = Command::new("kill");
    assert!(kill.args(["-TERM", &pid]).status().unwrap().success());
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn the_ready_line_is_whole_in_the_file_and_in_the_descriptor() {
    let path = fresh("file");
    let to_file = Program::start(&["--ready-file", path.to_str().unwrap()]);
    let other = fresh("descriptor");
    let mut shell = with_descriptor_3("3>\"$READY\"", &other, Stdio::null());
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
fn a_descriptor_keeps_what_was_written_before() {
    let path = fresh("appended");
    std::fs::write(&path, "earlier\n").unwrap();
    let mut shell = with_descriptor_3("3>>\"$READY\"", &path, Stdio::null());
    let program = Program::start_command(&mut shell);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let line = text.strip_prefix("earlier\n").expect(&text);
    let said: Value = serde_json::from_str(line).unwrap();
    assert_eq!(said, program.ready);
}

#[test]
fn a_socket_gets_the_line_as_stdout_and_stderr_and_is_refused_elsewhere() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut shell = with_descriptor_3("3<&0", Path::new(""), OwnedFd::from(theirs));
    let refused = shell
        .args(["--smpp-port", "0", "--http-port", "0"])
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("--ready-fd 3: this is a socket"), "{said}");
    drop(ours);

    for fd in ["1", "2"] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = OwnedFd::from(theirs);
        let program = Program::start_logging_to(theirs.into(), &mut command(&["--ready-fd", fd]));
        let said = match fd {
            "2" => {
                let lines = BufReader::new(ours).lines().map(Result::unwrap);
                let mut ready = lines.filter_map(|line| serde_json::from_str(&line).ok());
                ready.next().unwrap()
            }
            _ => program.ready.clone(),
        };
        assert_eq!(said, program.ready, "{fd}");
    }
}

#[test]
fn the_file_tells_of_this_run_and_of_no_other() {
    let path = fresh("stale");
    let option = ["--ready-file", path.to_str().unwrap()];
    std::fs::write(&path, "of an earlier run\n").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let failed = run(&[option.as_slice(), &["--smpp-port", &port]].concat());
    assert!(!failed.status.success());
    assert!(!path.exists(), "it was never ready");

    std::fs::write(&path, "of an earlier run\n").unwrap();
    let mut program = Program::start(&option);
    let said = std::fs::read_to_string(&path).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said, program.ready);
    terminate(&mut program);
    assert!(!path.exists(), "it is ready no more");

    let mut first = Program::start(&option);
    let second = Program::start(&option);
    terminate(&mut first);
    let said = std::fs::read_to_string(&path).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said, second.ready, "it is the second's");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let directory = fresh("directory");
    std::fs::create_dir(&directory).unwrap();
    let table = [
        ["--ready-file", "/nowhere/ready"],
        ["--ready-file", directory.to_str().unwrap()],
        ["--ready-fd", "99"],
    ];
    for [option, value] in table {
        let output = run(&["--smpp-port", "0", "--http-port", "0", option, value]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("{option} {value}: ")), "{said}");
        assert_eq!(output.stdout, b"", "it is not ready");
    }
    std::fs::remove_dir(&directory).unwrap();
}
