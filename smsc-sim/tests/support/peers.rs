//! Where the third-party clients are. `tests/peers/install` puts them there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use smsc_sim::{Mo, Smsc};

/// Longest time that a peer may take for its whole script.
const SCRIPT_MAX: Duration = Duration::from_secs(60);

/// A file below `target/peers`; fails with the way to get it.
pub(crate) fn installed(file: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    required(manifest.join("../target/peers").join(file))
}

/// A program of Debian; fails with the way to get it.
pub(crate) fn required(path: PathBuf) -> PathBuf {
    let path_shown = path.display();
    assert!(
        path.exists(),
        "{path_shown} is missing: run smsc-sim/tests/peers/install"
    );
    path
}

/// A file of `tests/peers`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name)
}

/// Runs a client's script to its end against an SMSC: all of its `parts` messages arrive, it is
/// sent one message from a phone, and it prints what it saw.
pub(crate) async fn run_script(smsc: &Smsc, parts: u64, command: &mut Command) -> Value {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let pid = child.id();
    let ending = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let phone = async {
        smsc.wait_for_messages(parts, SCRIPT_MAX).await.unwrap();
        let mo = Mo::text("491711", "100", "from a phone").unwrap().remove(0);
        smsc.inject_mo(&mo).await.unwrap();
        ending.await.unwrap()
    };
    let Ok(output) = tokio::time::timeout(SCRIPT_MAX, phone).await else {
        Command::new("kill").arg(pid.to_string()).status().unwrap();
        panic!("the peer did not finish in {SCRIPT_MAX:?}");
    };
    assert!(output.status.success(), "{:?}", output.status);
    let said = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&said).expect(&said)
}
