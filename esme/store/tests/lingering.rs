//! Messages that are done: found for a while, never in place of a later one, and at no cost to
//! those that are not.

mod common;

use std::sync::Arc;

use common::{START, acme, config, id, message, open};
use signalbox_router::{
    DeliveryId, DeliveryState, Event, Ledger, MessageId, PartState, Phase, Record, State, Timestamp,
};
use signalbox_store::{Store, StoreConfig};

fn state(phase: Phase, remote_id: Option<&str>) -> DeliveryState {
    let part = |remote_id: &str| PartState {
        state: State::Sent,
        remote_id: Some(remote_id.into()),
        error: None,
    };
    DeliveryState {
        state: State::Sent,
        phase,
        provider: Some(acme()),
        parts: remote_id.map(part).into_iter().collect(),
        ..DeliveryState::default()
    }
}

fn accept(store: &mut Store, number: u64, states: Vec<DeliveryState>) {
    let mut message = message(number);
    message.to = (0..states.len()).map(|to| format!("sms:{to}")).collect();
    let message = Arc::new(message);
    let record = Record::Accepted { message, states };
    store.apply(record).expect("accepted");
}

fn change(store: &mut Store, number: u64, recipient: u16, at: u64, state: DeliveryState) {
    let record = Record::Changed {
        delivery: delivery(number, recipient),
        at: Timestamp(START.0 + at),
        event: Event::NotSent,
        state,
    };
    store.apply(record).expect("changed");
}

/// A message with one recipient that goes to `phase` with this remote id.
fn sent(store: &mut Store, number: u64, phase: Phase, remote_id: &str) {
    accept(store, number, vec![state(Phase::Dispatched, None)]);
    change(store, number, 0, number, state(phase, Some(remote_id)));
}

fn delivery(number: u64, recipient: u16) -> DeliveryId {
    DeliveryId {
        message: id(number),
        recipient,
    }
}

fn whose(store: &mut Store, remote_id: &str) -> Option<MessageId> {
    let part = store.by_remote_id(&acme(), remote_id).expect("an answer");
    part.map(|part| part.delivery.message)
}

fn store_with(change: impl FnOnce(&mut StoreConfig)) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = config(dir.path());
    change(&mut config);
    let (store, _) = Store::open(config).expect("a store");
    (dir, store)
}

#[test]
fn the_later_message_has_the_remote_id_whatever_is_asked_of_the_earlier() {
    let (_dir, mut store) = store_with(|_| {});
    sent(&mut store, 1, Phase::Done, "X");
    sent(&mut store, 2, Phase::AwaitingReceipt, "X");
    store.commit().expect("committed");
    store.message(id(1)).expect("an answer").expect("known");
    assert_eq!(whose(&mut store, "X"), Some(id(2)));
    change(&mut store, 1, 0, 30, state(Phase::Done, Some("X")));
    assert_eq!(whose(&mut store, "X"), Some(id(2)), "1 was changed again");
}

#[test]
fn of_two_that_are_done_the_later_has_the_remote_id_after_a_checkpoint_too() {
    let (dir, mut store) = store_with(|_| {});
    for number in [1, 2] {
        sent(&mut store, number, Phase::Done, "X");
    }
    // Known to a run while it was not done.
    sent(&mut store, 3, Phase::Done, "Y");
    accept(&mut store, 4, vec![state(Phase::Dispatched, None)]);
    store.checkpoint().expect("a checkpoint");
    change(&mut store, 4, 0, 20, state(Phase::Done, Some("Y")));
    for step in ["before", "after"] {
        assert_eq!(whose(&mut store, "X"), Some(id(2)), "{step}");
        assert_eq!(whose(&mut store, "Y"), Some(id(4)), "{step}");
        store.checkpoint().expect("a checkpoint");
    }
    drop(store);
    let (mut store, _) = open(dir.path());
    assert_eq!(whose(&mut store, "X"), Some(id(2)), "opened again");
    assert_eq!(whose(&mut store, "Y"), Some(id(4)), "opened again");
}

#[test]
fn what_a_run_has_of_a_later_message_is_found_once_memory_is_cleared() {
    let (_dir, mut store) = store_with(|config| config.hot_entries_max = 16);
    sent(&mut store, 1, Phase::Done, "X");
    sent(&mut store, 2, Phase::AwaitingReceipt, "X");
    for number in 100..130 {
        accept(&mut store, number, vec![state(Phase::Queued, None)]);
    }
    assert_eq!(whose(&mut store, "X"), Some(id(2)));
    store.checkpoint().expect("a checkpoint");
    assert_eq!(whose(&mut store, "X"), Some(id(2)));
}

#[test]
fn asking_for_what_is_done_brings_nothing_into_memory() {
    let (_dir, mut store) = store_with(|_| {});
    for number in 1..=3_000 {
        sent(&mut store, number, Phase::Done, &number.to_string());
    }
    store.commit().expect("committed");
    for number in 1..=3_000 {
        let known = store.delivery(delivery(number, 0)).expect("an answer");
        assert_eq!(known.expect("known").state.phase, Phase::Done);
    }
    assert_eq!(store.status().hot_entries, 0);
}

#[test]
fn replay_comes_to_the_same_whatever_was_asked() {
    let (dir, mut store) = store_with(|config| config.linger_entries_max = 4);
    sent(&mut store, 1, Phase::Done, "X1");
    store.commit().expect("committed");
    store.message(id(1)).expect("an answer").expect("known");
    for number in 2..20 {
        sent(&mut store, number, Phase::Done, &format!("X{number}"));
    }
    let before: Vec<_> = (1..20)
        .map(|n| whose(&mut store, &format!("X{n}")))
        .collect();
    assert_eq!((before[0], before[18]), (None, Some(id(19))));
    store.commit().expect("committed");
    drop(store);
    let (mut store, report) = Store::open(StoreConfig {
        linger_entries_max: 4,
        ..config(dir.path())
    })
    .expect("opened again");
    assert_eq!(report.changes_without_message, 0);
    let after: Vec<_> = (1..20)
        .map(|n| whose(&mut store, &format!("X{n}")))
        .collect();
    assert_eq!(after, before);
}

#[test]
fn a_message_that_is_changed_again_takes_no_place_of_others() {
    let (_dir, mut store) = store_with(|config| config.linger_entries_max = 20);
    sent(&mut store, 1, Phase::Done, "X1");
    sent(&mut store, 2, Phase::Done, "X2");
    for again in 0..100 {
        change(&mut store, 2, 0, 20 + again, state(Phase::Done, Some("X2")));
    }
    assert_eq!(whose(&mut store, "X1"), Some(id(1)));
    assert_eq!(whose(&mut store, "X2"), Some(id(2)));
}

#[test]
fn a_message_with_many_recipients_drives_nobody_out() {
    let (_dir, mut store) = store_with(|_| {});
    for number in 1..=50 {
        sent(&mut store, number, Phase::Done, &format!("S{number}"));
    }
    let remote_id = |recipient: u16| format!("many-{recipient}");
    let states = (0..1_000).map(|to| state(Phase::Done, Some(&remote_id(to))));
    accept(&mut store, 1_000, states.collect());
    for recipient in 0..1_000 {
        let again = state(Phase::Done, Some(&remote_id(recipient)));
        change(&mut store, 1_000, recipient, 2_000, again);
    }
    for number in 1..=50 {
        assert_eq!(whose(&mut store, &format!("S{number}")), Some(id(number)));
    }
    assert_eq!(whose(&mut store, &remote_id(999)), Some(id(1_000)));
}

#[test]
fn as_many_are_kept_as_the_setting_says() {
    let (_dir, mut store) = store_with(|config| config.linger_entries_max = 200_000);
    for number in 1..=100_000 {
        sent(&mut store, number, Phase::Done, &format!("{number:032x}"));
    }
    let known = (1..=100_000).filter(|n| whose(&mut store, &format!("{n:032x}")).is_some());
    assert_eq!(known.count(), 100_000);
}

#[test]
fn a_damaged_record_costs_only_what_is_not_done() {
    let (dir, mut store) = store_with(|config| config.body_cache_octets = 0);
    accept(&mut store, 1, vec![state(Phase::Queued, None); 2]);
    change(&mut store, 1, 1, 10, state(Phase::Done, Some("X")));
    store.commit().expect("committed");
    damage(dir.path(), b"message number 1");
    assert_eq!(store.delivery(delivery(1, 0)).expect("an answer"), None);
    assert_eq!(store.status().messages_lost, 1);
    assert_eq!(store.status().queued, 0);
    assert_eq!(whose(&mut store, "X"), Some(id(1)));
}

/// Changes an octet of the journal where `text` stands.
fn damage(dir: &std::path::Path, text: &[u8]) {
    use std::os::unix::fs::FileExt;
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let octets = std::fs::read(&path).expect("a file");
        if let Some(at) = octets.windows(text.len()).position(|some| some == text) {
            let file = std::fs::File::options().write(true).open(&path);
            let file = file.expect("a journal");
            file.write_all_at(&[!octets[at]], at as u64)
                .expect("written");
            return;
        }
    }
    panic!("no file has it");
}
