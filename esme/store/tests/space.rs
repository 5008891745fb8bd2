//! What the journal takes of the disk and of the system's memory beyond what it holds.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::faulty::{Fault, FaultyDisk};
use common::{accepted, delivery, message};
use signalbox_router::{Content, DeliveryState, Ledger, Phase, Record, Timestamp};
use signalbox_store::{Condition, OpenReport, Position, Store, StoreConfig, StoreError};

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

fn open(config: &StoreConfig, disk: &FaultyDisk) -> (Store, OpenReport) {
    Store::open_on(config.clone(), Arc::new(disk.clone())).expect("a store")
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

/// A message that takes about so many octets.
fn apply_large(store: &mut Store, number: u64, octets: usize, phase: Phase) {
    let mut large = message(number);
    large.content = Content::Text("x".repeat(octets));
    let record = Record::Accepted {
        message: Arc::new(large),
        states: vec![DeliveryState {
            phase,
            ..DeliveryState::default()
        }],
    };
    store.apply(record).expect("applied");
}

#[test]
fn what_was_taken_ahead_is_there_when_the_disk_is_full() {
    const KIB: usize = 1 << 10;
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = common::config(dir.path());
    let (mut store, _) = open(&config, &disk);
    commit(&mut store, 0);
    assert!(disk.used() as u64 >= 4 * MIB);
    // Others take the rest.
    disk.set_space(Some(disk.used()));
    let mut number = 0;
    loop {
        number += 1;
        apply_large(&mut store, number, 64 * KIB, Phase::Queued);
        match store.commit() {
            Ok(_) => {}
            Err(StoreError::DiskFull { .. }) => break,
            Err(error) => panic!("message {number}: {error}"),
        }
    }
    assert!((62..=64).contains(&number), "{number} messages of 64 KiB");
    assert_eq!(store.condition(), Condition::DiskFull);

    // Room for what was refused, and not for more ahead: none is taken where it is scarce.
    let room = disk.used() + 200 * KIB;
    disk.set_space(Some(room));
    store.commit().expect("there is space again");
    number += 1;
    apply_large(&mut store, number, 64 * KIB, Phase::Queued);
    store.commit().expect("committed");
    assert!(
        disk.used() + 32 * KIB < room,
        "nothing is kept that is not used"
    );
    drop(store);
    let (mut store, _) = open(&config, &disk);
    for number in 0..=number {
        let found = store.delivery(delivery(number)).expect("an answer");
        assert!(found.is_some(), "message {number}");
    }
}

#[test]
fn where_space_is_scarce_none_is_taken_ahead() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = StoreConfig {
        reserve_octets: MIB,
        ..common::config(dir.path())
    };
    disk.set_free(5 * MIB - 1);
    let (mut store, _) = open(&config, &disk);
    assert_eq!(store.condition(), Condition::Ready);
    commit(&mut store, 0);
    assert!(disk.used() < 64 << 10, "{} used", disk.used());
    // A batch that does not fit takes nothing for good.
    let used = disk.used();
    disk.set_space(Some(used + (1 << 10)));
    apply_large(&mut store, 1, 64 << 10, Phase::Queued);
    assert!(matches!(store.commit(), Err(StoreError::DiskFull { .. })));
    assert!(disk.used() <= used + 100, "{} used", disk.used());
    drop(store);

    disk.set_space(None);
    disk.set_free(5 * MIB);
    let (mut store, _) = open(&config, &disk);
    commit(&mut store, 2);
    assert!(disk.used() as u64 >= 4 * MIB);
}

/// The process ends while the disk is full: the segment that it could not make must not hide what
/// the next process writes from the one after it.
#[test]
fn a_segment_that_was_never_finished_hides_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    disk.set_free(MIB); // None is taken ahead.
    let config = common::config(dir.path());
    let (mut store, _) = open(&config, &disk);
    commit(&mut store, 0);
    // The batch fails, the fresh segment gets its name and nothing else, and nothing is tidied up.
    store.apply(accepted(1)).expect("applied");
    disk.set_space(Some(0));
    assert!(matches!(store.commit(), Err(StoreError::DiskFull { .. })));
    disk.fail_always(Some(Fault::Io));
    drop(store);
    disk.fail_always(None);
    disk.set_space(None);

    for number in 2..6 {
        let (mut store, report) = open(&config, &disk);
        assert_eq!(
            (report.torn_octets, report.damages_total),
            (0, 0),
            "start {number}"
        );
        for number in (0..number).filter(|number| *number != 1) {
            let found = store.delivery(delivery(number)).expect("an answer");
            assert!(found.is_some(), "message {number}");
        }
        commit(&mut store, number);
    }
}

#[test]
fn a_killed_process_leaves_nothing_taken_for_good() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = common::config(dir.path());
    let (mut store, _) = open(&config, &disk);
    commit(&mut store, 0);
    drop(store);
    let needed = disk.used();
    let (mut store, _) = open(&config, &disk);
    commit(&mut store, 1);
    assert!(disk.used() as u64 >= 4 * MIB);
    // The end of the process, for which no call gets through.
    disk.fail_always(Some(Fault::Io));
    drop(store);
    disk.fail_always(None);
    assert!(disk.used() as u64 >= 4 * MIB, "it could give nothing back");
    drop(open(&config, &disk));
    assert!(disk.used() < needed + (64 << 10), "{} used", disk.used());
}

#[test]
fn nothing_is_forgotten_that_the_history_has_not_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = StoreConfig {
        page_cache_octets: 4 * MIB,
        ..common::config(dir.path())
    };
    let (mut store, _) = open(&config, &disk);
    let read = Position(2 * MIB);
    store.retire(Timestamp(0), read).expect("an answer");
    for number in 0..10 {
        apply_large(&mut store, number, MIB as usize, Phase::Done);
        store.commit().expect("committed");
    }
    let ranges = disk.uncached().into_iter().flat_map(|(ranges, _)| ranges);
    let end = ranges.map(|range| range.end).max();
    assert!(
        end.is_some_and(|end| end >= MIB && end <= read.0 + (64 << 10)),
        "{end:?}"
    );
}

#[test]
fn the_system_may_forget_what_is_far_behind_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = StoreConfig {
        segment_octets: 4 * MIB,
        page_cache_octets: 6 * MIB,
        ..common::config(dir.path())
    };
    let (mut store, _) = open(&config, &disk);
    for number in 0..15 {
        apply_large(&mut store, number, MIB as usize, Phase::Done);
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
    assert!(kept >= 6 * MIB, "{kept} of {journal} kept");
    assert!(kept <= 9 * MIB, "{kept} of {journal} kept");
}
