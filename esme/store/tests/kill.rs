//! A process that writes is killed at random instants; what it said to be committed is there.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use common::{Random, accepted, delivery, sent};
use signalbox_router::{Ledger, Phase};
use signalbox_store::{Store, StoreConfig};

/// Tells the test below that it is the process to be killed: the store's folder.
const CHILD: &str = "SIGNALBOX_STORE_TEST_WRITES_TO";

const CYCLES: u64 = 20;

fn config(path: impl AsRef<std::path::Path>) -> StoreConfig {
    StoreConfig {
        segment_octets: 64 << 10,
        checkpoint_octets: 32 << 10,
        hot_entries_max: 300,
        ..common::config(path.as_ref())
    }
}

#[test]
fn writes_until_killed() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let (mut store, _) = Store::open(config(path)).expect("a store");
    let mut number = store.status().awaiting_receipt + store.status().queued;
    let mut random = Random(number);
    loop {
        for _ in 0..1 + random.below(40) {
            store.apply(accepted(number)).expect("applied");
            store.apply(sent(number)).expect("applied");
            number += 1;
        }
        store.commit().expect("committed");
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {number}")
            .and_then(|()| out.flush())
            .expect("told");
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_committed() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut random = Random(4);
    let mut committed = 0;
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["writes_until_killed", "--exact", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let told = lines.map_while(Result::ok).filter_map(|line| {
            line.split_once("committed ")
                .and_then(|(_, number)| number.parse::<u64>().ok())
        });
        for number in told.take(1 + random.below(30) as usize) {
            committed = number;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        let (mut store, report) = Store::open(config(dir.path())).expect("opened again");
        assert_eq!(report.damages_total, 0, "cycle {cycle}");
        for number in 0..committed {
            let found = store.delivery(delivery(number)).expect("an answer");
            let phase = found.map(|found| found.state.phase);
            assert_eq!(
                phase,
                Some(Phase::AwaitingReceipt),
                "cycle {cycle}: message {number}"
            );
        }
    }
    assert!(committed > 0);
}
