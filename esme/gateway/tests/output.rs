//! Output that nobody reads: the exit code is the same, and the daemon goes on.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::PipeWriter;
use std::process::{Command, Stdio};

use axum::http::Method;
use support::{GatewayProcess, Home, Settings};

/// A pipe whose other end is closed.
fn unread() -> PipeWriter {
    let (_, writer) = std::io::pipe().unwrap();
    writer
}

#[test]
fn errors_that_nobody_reads_change_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "[store]\npath = 7\n").unwrap();
    let bad = bad.to_str().unwrap();
    for (args, code) in [
        (&["check", "--config", bad][..], 2),
        (&["run", "--config", bad], 2),
        (
            &[
                "send",
                "--to",
                "sms:+1",
                "--text",
                "x",
                "--url",
                "http://127.0.0.1:1",
            ],
            1,
        ),
    ] {
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
            command
                .args(args)
                .env("SIGNALBOX_KEY", "k")
                .stdin(Stdio::null());
            command
        };
        let read = command().output().unwrap();
        assert_eq!(read.status.code(), Some(code), "{args:?}: {read:?}");
        assert!(!read.stderr.is_empty(), "{args:?}");
        let unread = command().stderr(unread()).status().unwrap();
        assert_eq!(unread.code(), Some(code), "{args:?}");
    }
}

#[tokio::test]
async fn a_daemon_whose_log_nobody_reads_goes_on() {
    // Nothing listens there, so it has something to warn of.
    let home = Home::new(&Settings::new(1));
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command.stderr(unread());
    let gateway = GatewayProcess::start_by(command, &home);
    let mut client = gateway.client().await;
    let (status, _) = client
        .request(Method::GET, "/v1/messages", None)
        .await
        .unwrap();
    assert_eq!(status, 200);
    assert_eq!(gateway.terminate(), Some(0));
}
