//! What a store finds when its files were cut, changed or taken.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{accepted, config, delivered, delivery, open, sent};
use signalbox_router::{Ledger, Record};
use signalbox_store::{History, HistoryConfig, Store, StoreConfig, StoreError};

/// A store of `records`, one batch each or (`together`) all in one, and its only segment.
fn written(dir: &Path, records: &[Record], together: bool) -> (PathBuf, Vec<u64>) {
    let (mut store, _) = open(dir);
    let mut ends = vec![0];
    for record in records {
        store.apply(record.clone()).expect("applied");
        if !together {
            ends.push(store.commit().expect("committed").0);
        }
    }
    ends.push(store.commit().expect("committed").0);
    (dir.join("journal-0000000000000000.log"), ends)
}

/// Numbers of the messages that a copy of the store with this journal knows, and its damages.
fn survivors(octets: &[u8], name: &Path, count: u64) -> (Vec<u64>, u64) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(name.file_name().expect("a file"));
    fs::write(path, octets).expect("written");
    let (mut store, report) = open(dir.path());
    let found = |number: &u64| {
        store
            .delivery(delivery(*number))
            .expect("an answer")
            .is_some()
    };
    ((0..count).filter(found).collect(), report.damages_total)
}

#[test]
fn a_tail_torn_at_any_octet_loses_no_finished_batch() {
    let dir = tempfile::tempdir().expect("a folder");
    let records: Vec<Record> = (0..4).map(accepted).collect();
    let (journal, ends) = written(dir.path(), &records, false);
    let octets = fs::read(&journal).expect("read");
    let header = octets.len() as u64 - ends[4];
    for cut in 0..octets.len() {
        let position = (cut as u64).saturating_sub(header);
        let finished = ends
            .iter()
            .filter(|end| **end <= position && **end > 0)
            .count()
            .min(4);
        let (found, damages) = survivors(&octets[..cut], &journal, 4);
        assert_eq!(found.len(), finished, "cut at {cut}");
        assert_eq!(damages, 0, "cut at {cut}");
    }
}

#[test]
fn a_torn_batch_is_dropped_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let records: Vec<Record> = (0..5).map(accepted).collect();
    let (journal, _) = written(dir.path(), &records, true);
    let octets = fs::read(&journal).expect("read");
    for cut in (80..octets.len()).step_by(7) {
        assert_eq!(survivors(&octets[..cut], &journal, 5).0, [], "cut at {cut}");
    }
    // Pages that never arrived inside of a batch of full length.
    let mut holed = octets.clone();
    holed[150..600].fill(0);
    assert_eq!(survivors(&holed, &journal, 5).0, []);
}

#[test]
fn one_bit_costs_at_most_one_record_and_is_reported() {
    const COUNT: u64 = 100;
    for together in [false, true] {
        let dir = tempfile::tempdir().expect("a folder");
        let records: Vec<Record> = (0..COUNT).map(accepted).collect();
        let (journal, _) = written(dir.path(), &records, together);
        let mut octets = fs::read(&journal).expect("read");
        let step = if cfg!(debug_assertions) { 41 } else { 1 };
        for at in (0..octets.len()).step_by(step) {
            let bit = 1 << (at % 8);
            octets[at] ^= bit;
            let (found, damages) = survivors(&octets, &journal, COUNT);
            assert!(
                found.len() as u64 >= COUNT - 1,
                "octet {at}: {} left",
                found.len()
            );
            assert!(damages == 1, "octet {at}: {damages} damages reported");
            octets[at] ^= bit;
        }
    }
}

#[test]
fn a_segment_that_lost_both_headers_is_read_and_written_to_no_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let states = [accepted, sent, delivered];
    let records: Vec<Record> = states.iter().flat_map(|of| (0..3).map(of)).collect();
    let (journal, _) = written(dir.path(), &records, false);
    let mut octets = fs::read(&journal).expect("read");
    octets[..80].fill(0);
    fs::write(&journal, &octets).expect("written");
    let (mut store, report) = open(dir.path());
    assert_eq!(report.damages_total, 1);
    store.apply(accepted(9)).expect("applied");
    let committed = store.commit().expect("committed");
    assert_eq!(fs::read(&journal).expect("read"), octets);
    // The history knows what is in it, too.
    let history = HistoryConfig::new(dir.path());
    let history = History::start(history, store.watch()).expect("a history");
    let found = history.message(common::id(2), committed);
    assert!(found.expect("an answer").is_some());
    drop(history);
    drop(store);
    // Without a manifest the next segment tells the salt.
    fs::remove_file(dir.path().join("manifest")).expect("removed");
    let (mut store, _) = open(dir.path());
    for number in [0, 1, 2, 9] {
        let found = store.delivery(delivery(number)).expect("an answer");
        assert!(found.is_some(), "message {number}");
    }
    drop(store);
    // Its age is that of the next one, whose header tells.
    let config = StoreConfig {
        linger_entries_max: 0,
        ..config(dir.path())
    };
    let (mut store, _) = Store::open(config.clone()).expect("a store");
    store.checkpoint().expect("a checkpoint");
    for (after_ms, expected) in [(5, false), (1_000, true)] {
        let now = common::START.plus_ms(config.retention_ms + after_ms);
        let retired = store.retire(now, committed).expect("an answer");
        assert_eq!(retired, expected, "{after_ms} ms");
    }
}

/// Headers reach the disk before the first batch does: this was no torn write.
#[test]
fn nothing_is_cut_from_a_segment_that_lost_both_headers() {
    let dir = tempfile::tempdir().expect("a folder");
    let records: Vec<Record> = (0..100).map(accepted).collect();
    let (journal, _) = written(dir.path(), &records, true);
    let mut octets = fs::read(&journal).expect("read");
    octets[..4_096].fill(0);
    fs::write(&journal, &octets).expect("written");
    let (mut store, report) = open(dir.path());
    assert_eq!((report.torn_octets, report.damages_total), (0, 2));
    assert_eq!(fs::read(&journal).expect("read"), octets);
    let mut known = |number: &u64| {
        store
            .delivery(delivery(*number))
            .expect("an answer")
            .is_some()
    };
    let lost = (0..100).take_while(|number| !known(number)).count();
    assert!((1..50).contains(&lost), "{lost} stood in the first page");
}

#[test]
fn the_age_of_segments_without_headers_is_that_of_the_next_with_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let small = StoreConfig {
        linger_entries_max: 0,
        segment_octets: 4_096,
        ..config(dir.path())
    };
    let (mut store, _) = Store::open(small.clone()).expect("a store");
    for number in 0..60 {
        store.apply(accepted(number)).expect("applied");
        store.apply(sent(number)).expect("applied");
        store.apply(delivered(number)).expect("applied");
        store.commit().expect("committed");
    }
    drop(store);
    let mut journals: Vec<PathBuf> = fs::read_dir(dir.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    journals.sort();
    assert!(journals.len() > 3, "{journals:?}");
    for journal in &journals[..2] {
        let mut octets = fs::read(journal).expect("read");
        octets[..80].fill(0);
        fs::write(journal, &octets).expect("written");
    }
    let (mut store, _) = Store::open(small.clone()).expect("a store");
    let committed = store.commit().expect("committed");
    store.checkpoint().expect("a checkpoint");
    let retention_ms = small.retention_ms;
    for (now, expected) in [
        (common::START.plus_ms(retention_ms), false),
        (common::START.plus_ms(retention_ms + 1_000), true),
    ] {
        let retired = store.retire(now, committed).expect("an answer");
        assert_eq!(retired, expected, "{now:?}");
    }
}

#[test]
fn a_frame_inside_of_a_message_never_passes_for_a_record() {
    // A sender puts a whole journal, with right checksums, into a message whose record is damaged.
    let inner = tempfile::tempdir().expect("a folder");
    let (journal, _) = written(inner.path(), &[accepted(7)], false);
    let embedded = fs::read(journal).expect("read");
    let dir = tempfile::tempdir().expect("a folder");
    let mut message = common::message(1);
    message.content = signalbox_router::Content::Binary(embedded);
    let states = vec![common::queued(1)];
    let record = Record::Accepted {
        message: std::sync::Arc::new(message),
        states,
    };
    let (journal, _) = written(dir.path(), &[accepted(0), record, accepted(2)], false);
    let mut octets = fs::read(&journal).expect("read");
    let at = octets.len() / 2;
    octets[at] ^= 1;
    assert_eq!(survivors(&octets, &journal, 10), (vec![0, 2], 1));
}

#[test]
fn a_second_process_is_refused_and_told_by_whom() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    let Err(error) = Store::open(config(dir.path())) else {
        panic!("two have the store");
    };
    assert!(matches!(error, StoreError::Locked { .. }));
    let process = format!("process {}", std::process::id());
    assert!(error.to_string().contains(&process), "{error}");
    drop(store);
    open(dir.path());
}

#[test]
fn a_file_of_another_version_is_refused_by_version() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, _) = written(dir.path(), &[accepted(0)], false);
    let mut octets = fs::read(&journal).expect("read");
    for version in [1, 3] {
        for header in [0, 40] {
            octets[header + 8] = version;
            let crc = crc32c::crc32c(&octets[header..header + 36]);
            octets[header + 36..header + 40].copy_from_slice(&crc.to_le_bytes());
        }
        fs::write(&journal, &octets).expect("written");
        let error = Store::open(config(dir.path())).err().expect("refused");
        let named = format!("journal version {version}");
        assert!(error.to_string().contains(&named), "{error}");
    }
}

#[test]
fn a_lost_or_damaged_index_is_made_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, _) = open(dir.path());
    for number in 0..50 {
        store.apply(accepted(number)).expect("applied");
        store.apply(sent(number)).expect("applied");
    }
    store.apply(delivered(7)).expect("applied");
    store.checkpoint().expect("a checkpoint");
    store.apply(accepted(50)).expect("applied");
    store.commit().expect("committed");
    let before = store.status();
    drop(store);
    let damages: [fn(&Path); 3] = [
        |dir| fs::remove_file(dir.join("manifest")).expect("removed"),
        |dir| fs::write(dir.join("manifest"), b"nonsense").expect("written"),
        |dir| fs::write(dir.join("index-0000000000000000.run"), b"nonsense").expect("written"),
    ];
    for damage in damages {
        damage(dir.path());
        let (mut store, report) = open(dir.path());
        assert!(report.rebuilt.is_some());
        assert_eq!((report.damages_total, report.records), (0, 102));
        assert_eq!(store.status().awaiting_receipt, before.awaiting_receipt);
        assert_eq!(store.status().queued, 1);
        let part = store
            .by_remote_id(&common::acme(), &common::remote_id(3))
            .expect("an answer");
        assert_eq!(part.map(|part| part.delivery), Some(delivery(3)));
        store.checkpoint().expect("a checkpoint");
    }
}

#[test]
fn a_block_damaged_under_way_stops_the_store_until_the_index_is_made_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, _) = open(dir.path());
    store.apply(accepted(1)).expect("applied");
    store.checkpoint().expect("a checkpoint");
    drop(store);
    let run = dir.path().join("index-0000000000000000.run");
    let mut octets = fs::read(&run).expect("read");
    octets[30] ^= 1;
    fs::write(&run, octets).expect("written");
    let (mut store, _) = open(dir.path());
    let error = store
        .delivery(delivery(1))
        .expect_err("the block is damaged");
    assert!(error.to_string().contains("index-"), "{error}");
    assert!(store.apply(accepted(2)).is_err());
    assert!(
        store.retry_probe().is_err(),
        "a good disk does not mend the index"
    );
    assert!(store.apply(accepted(2)).is_err());
    drop(store);
    let (mut store, report) = open(dir.path());
    assert!(report.rebuilt.is_some());
    assert!(store.delivery(delivery(1)).expect("an answer").is_some());
}
