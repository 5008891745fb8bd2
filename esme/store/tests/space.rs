//! What the journal takes of the disk and of the system's memory beyond what it holds.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::faulty::FaultyDisk;
use common::{accepted, delivery, message};
use signalbox_router::{Content, DeliveryState, Ledger, Record};
use signalbox_store::{Store, StoreConfig};

const MIB: u64 = 1 << 20;

fn segments(path: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(path).expect("a folder");
    let paths = names.map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    segments
}

/// Octets that a file takes of the disk.
fn taken(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").blocks() * 512
}

fn commit(store: &mut Store, number: u64) {
    store.apply(accepted(number)).expect("applied");
    store.commit().expect("committed");
}

#[test]
fn space_is_taken_ahead_and_given_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = StoreConfig {
        segment_octets: 4 << 10,
        ..common::config(dir.path())
    };
    let (mut store, _) = Store::open(config.clone()).expect("a store");
    commit(&mut store, 0);
    let first = segments(dir.path()).remove(0);
    let octets = fs::metadata(&first).expect("a segment").len();
    assert!(octets < 1 << 10, "its length stays: {octets}");
    assert!(taken(&first) >= 4 * MIB, "{} taken", taken(&first));

    let mut number = 0;
    while segments(dir.path()).len() == 1 {
        number += 1;
        commit(&mut store, number);
    }
    assert!(taken(&first) <= 64 << 10, "what is closed needs no more");
    let last = segments(dir.path()).remove(1);
    assert!(taken(&last) >= 4 * MIB, "{} taken", taken(&last));
    drop(store);
    assert!(taken(&last) <= 64 << 10, "{} after the stop", taken(&last));

    let (mut store, report) = Store::open(config).expect("opened again");
    assert_eq!(report.torn_octets, 0);
    for number in 0..=number {
        let found = store.delivery(delivery(number)).expect("an answer");
        assert!(found.is_some(), "message {number}");
    }
}

#[test]
fn the_system_may_forget_what_is_far_behind_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = StoreConfig {
        segment_octets: 40 * MIB,
        checkpoint_octets: 1 << 40,
        ..common::config(dir.path())
    };
    let (mut store, _) = Store::open_on(config, Arc::new(disk.clone())).expect("a store");
    let mut message = message(0);
    message.content = Content::Text("x".repeat(MIB as usize));
    for number in 0..150_u128 {
        message.id.0 += number + 1;
        let record = Record::Accepted {
            message: Arc::new(message.clone()),
            states: vec![DeliveryState::default()],
        };
        store.apply(record).expect("applied");
        store.commit().expect("committed");
    }

    let mut forgotten = 0;
    let mut journal = 0;
    for (ranges, octets) in disk.uncached() {
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            journal += octets;
            continue;
        };
        assert_eq!(first.start, 0);
        let gapless = ranges.windows(2).all(|pair| pair[0].end == pair[1].start);
        assert!(gapless, "{ranges:?}");
        journal += octets;
        forgotten += last.end.min(octets);
    }
    let kept = journal - forgotten;
    assert!(kept >= 64 * MIB, "{kept} of {journal} kept");
    assert!(kept <= 67 * MIB, "{kept} of {journal} kept");
}
