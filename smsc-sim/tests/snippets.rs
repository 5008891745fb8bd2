//! The examples of `docs/simulator` that need only what `tests/peers/install` gets: a client sees
//! a receipt before its response, and the message is verified.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::peers;
use support::program::PROGRAM;

fn document(name: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.join("../docs/simulator").join(name)
}

fn check(command: &mut Command) {
    // Neither leaves files beside the example.
    let command = command
        .env("SMSC_SIM", PROGRAM)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_pytest_example_passes() {
    let mut command = Command::new(peers::installed("venv/bin/python"));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    check(command.arg(document("test_receipt_first.py")));
}

#[test]
fn the_node_example_passes() {
    let modules = peers::installed("node_modules/smpp");
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules.parent().unwrap());
    check(command.arg(document("receipt_first.test.js")));
}
