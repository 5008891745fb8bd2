//! A disk that fails and a power supply that goes: nothing that was committed is lost.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::faulty::{Fault, FaultyDisk};
use common::{Random, accepted, delivery, sent};
use signalbox_router::{Ledger, Phase, Record};
use signalbox_store::{Condition, Store, StoreConfig, StoreError};

const BATCHES: u64 = 24;

fn config(path: &Path) -> StoreConfig {
    StoreConfig {
        segment_octets: 4 << 10,
        checkpoint_octets: 2 << 10,
        hot_entries_max: 20,
        ..common::config(path)
    }
}

fn open(path: &Path, disk: &FaultyDisk) -> Result<Store, StoreError> {
    Store::open_on(config(path), Arc::new(disk.clone())).map(|(store, _)| store)
}

/// Commits until it works; the fault comes once, so it does.
fn commit(store: &mut Store) {
    for _ in 0..4 {
        let done = match store.condition() {
            Condition::ReadOnly { .. } => store.retry_probe(),
            _ => store.commit(),
        };
        if done.is_ok() {
            return;
        }
    }
    panic!(
        "one fault must not stop the store for good: {:?}",
        store.condition()
    );
}

/// Batch after batch; how many are committed.
fn work(store: &mut Store, from: u64, to: u64) {
    for number in from..to {
        let mut records = vec![accepted(number * 2), accepted(number * 2 + 1)];
        records.push(sent(number * 2));
        for record in records {
            store.apply(record).expect("applied");
        }
        commit(store);
    }
}

/// Everything up to a batch is there, in its last state.
fn check(store: &mut Store, batches: u64, why: &str) {
    for number in 0..batches * 2 {
        let found = store.delivery(delivery(number)).expect("an answer");
        let found = found.unwrap_or_else(|| panic!("{why}: message {number} is lost"));
        let phase = if number % 2 == 0 {
            Phase::AwaitingReceipt
        } else {
            Phase::Queued
        };
        assert_eq!(found.state.phase, phase, "{why}: message {number}");
    }
}

#[test]
fn each_call_fails_once_and_nothing_committed_is_lost() {
    for fault in [Fault::Io, Fault::Full, Fault::Interrupted, Fault::Short] {
        let mut call = 0;
        loop {
            let dir = tempfile::tempdir().expect("a folder");
            let disk = FaultyDisk::new();
            disk.fail_at(call, fault);
            let why = format!("{fault:?} at call {call}");
            let mut store = open(dir.path(), &disk)
                .or_else(|_| open(dir.path(), &disk))
                .unwrap_or_else(|error| panic!("{why}: {error}"));
            work(&mut store, 0, BATCHES);
            check(&mut store, BATCHES, &why);
            drop(store);
            let mut store = open(dir.path(), &disk).unwrap_or_else(|e| panic!("{why}: {e}"));
            check(&mut store, BATCHES, &why);
            drop(store);
            let mut random = Random(call);
            let after = disk.power_cut(&mut random, 512);
            let mut store = open(dir.path(), &after).unwrap_or_else(|e| panic!("{why}: {e}"));
            check(&mut store, BATCHES, &why);
            call += if cfg!(debug_assertions) { 3 } else { 1 };
            if call >= disk.calls() {
                break;
            }
        }
    }
}

#[test]
fn power_cuts_lose_nothing_committed() {
    let seeds = if cfg!(debug_assertions) { 60 } else { 1_000 };
    for seed in 0..seeds {
        let mut random = Random(seed);
        let dir = tempfile::tempdir().expect("a folder");
        let mut disk = FaultyDisk::new();
        let mut done = 0;
        for _ in 0..3 {
            let mut store = open(dir.path(), &disk).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            check(&mut store, done, &format!("seed {seed}"));
            let more = done + random.below(12);
            work(&mut store, done, more);
            done = more;
            // A batch that the power cuts off: written, never synced.
            disk.lie();
            for number in 0..random.below(8) {
                store
                    .apply(accepted(1_000_000 + seed * 100 + number))
                    .expect("applied");
            }
            store.commit().expect("the disk says so");
            let sector = if seed % 2 == 0 { 512 } else { 4_096 };
            let cut = disk.power_cut(&mut random, sector);
            drop(store);
            disk = cut;
        }
        let mut store = open(dir.path(), &disk).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        check(&mut store, done, &format!("seed {seed}, at the end"));
    }
}

#[test]
fn a_failed_sync_is_never_repeated_in_the_same_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let mut store = open(dir.path(), &disk).expect("a store");
    work(&mut store, 0, 2);
    // Of a commit, the first call is the write and the second the sync.
    disk.fail_at(disk.calls() + 1, Fault::Io);
    work(&mut store, 2, 3);
    assert_eq!(store.status().failures, 1);
    let segments = signalbox_store::Disk::list(&disk, dir.path()).expect("a list");
    let segments = segments
        .iter()
        .filter(|name| name.ends_with(".log"))
        .count();
    assert_eq!(segments, 2, "the batch went to a fresh segment");
    check(&mut store, 3, "after the failed sync");
}

#[test]
fn a_dead_disk_makes_the_store_read_only_until_a_probe_succeeds() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let mut store = open(dir.path(), &disk).expect("a store");
    work(&mut store, 0, 3);
    store.apply(accepted(6)).expect("applied");
    disk.fail_always(Some(Fault::Io));
    assert!(matches!(store.commit(), Err(StoreError::ReadOnly { .. })));
    assert!(matches!(store.condition(), Condition::ReadOnly { .. }));
    assert!(store.apply(accepted(7)).is_err());
    assert!(store.retry_probe().is_err());
    disk.fail_always(None);
    store.retry_probe().expect("the disk is back");
    assert_eq!(store.condition(), Condition::Ready);
    drop(store);
    let mut store = open(dir.path(), &disk).expect("opened again");
    check(&mut store, 3, "after the probe");
    assert!(store.delivery(delivery(6)).expect("an answer").is_some());
}

#[test]
fn a_full_disk_keeps_the_batch_until_there_is_space() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let mut store = open(dir.path(), &disk).expect("a store");
    work(&mut store, 0, 2);
    disk.fail_always(Some(Fault::Full));
    store.apply(accepted(4)).expect("applied");
    assert!(matches!(store.commit(), Err(StoreError::DiskFull { .. })));
    assert_eq!(store.condition(), Condition::DiskFull);
    store.apply(accepted(5)).expect("changes are still taken");
    disk.fail_always(None);
    store.apply(sent(4)).expect("applied");
    store.commit().expect("there is space again");
    assert_eq!(store.condition(), Condition::Ready);
    drop(store);
    check(
        &mut open(dir.path(), &disk).expect("opened again"),
        3,
        "after the full disk",
    );
}

#[test]
fn below_the_reserve_new_work_is_refused_and_changes_are_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = FaultyDisk::new();
    let config = StoreConfig {
        reserve_octets: 1_000,
        ..config(dir.path())
    };
    disk.set_free(999);
    let (mut store, _) = Store::open_on(config, Arc::new(disk.clone())).expect("a store");
    assert_eq!(store.condition(), Condition::DiskFull);
    let records: [Record; 2] = [accepted(0), sent(0)];
    records
        .into_iter()
        .for_each(|record| store.apply(record).expect("applied"));
    store.commit().expect("committed");
    assert_eq!(store.condition(), Condition::DiskFull);
    disk.set_free(1_000);
    store.commit().expect("nothing to do");
    assert_eq!(store.condition(), Condition::Ready);
}
