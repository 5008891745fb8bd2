//! Searching the history, its timelines, and that it can be made again.

mod common;

use std::sync::Arc;

use common::{
    accepted, config, delivered, delivery, found, history, id, message, open, queued, sent,
};
use signalbox_router::{
    CallbackEvent, Content, DeliveryState, Event, Kind, Ledger, MessageId, ParkedReceipt, Phase,
    ProviderName, Record, State, Timestamp,
};
use signalbox_store::{Filter, History, HistoryConfig, Position, Store};

const COUNT: u64 = 40;

/// A store with messages 0..40 (even ones delivered), a callback about message 2, an inbound
/// message 100, an orphaned and a matched receipt.
fn filled(dir: &std::path::Path) -> (Store, Position) {
    let (mut store, _) = open(dir);
    let mut records = Vec::new();
    for number in 0..COUNT {
        records.extend([accepted(number), sent(number)]);
        if number % 2 == 0 {
            records.push(delivered(number));
        }
        if let (2, Some(Record::Changed { state, .. })) = (number, records.last_mut()) {
            state.last_callback = Some(id(90));
        }
    }
    records.extend(callback_about(2, 90));
    let mut inbound = message(100);
    inbound.kind = Kind::Inbound;
    inbound.provider = Some("acme".into());
    let state = DeliveryState {
        provider: Some(ProviderName::webhook()),
        ..queued(100)
    };
    records.push(Record::Accepted {
        message: Arc::new(inbound),
        states: vec![state],
    });
    for remote_id in ["lost", "found"] {
        records.push(Record::Parked(ParkedReceipt {
            provider: common::acme(),
            remote_ids: vec![remote_id.into()],
            state: State::Delivered,
            error: None,
            at: Timestamp(1),
            deadline_at: Timestamp(2),
        }));
        records.push(Record::Unparked {
            provider: common::acme(),
            remote_id: remote_id.into(),
            matched: (remote_id == "found").then_some(signalbox_router::PartId {
                delivery: delivery(1),
                part: 1,
            }),
            at: Timestamp(3),
        });
    }
    for record in &records {
        store.apply(record.clone()).expect("applied");
    }
    let position = store.commit().expect("committed");
    (store, position)
}

fn callback_about(number: u64, callback: u64) -> [Record; 2] {
    let mut made = message(callback);
    made.kind = Kind::Callback;
    made.parent = Some(id(number));
    made.content = Content::Event(Box::new(CallbackEvent {
        state: State::Delivered,
        message: id(number),
        recipient: 0,
        to: String::new(),
        from: String::new(),
        at: Timestamp(1),
        provider: None,
        remote_ids: Vec::new(),
        error: None,
        duplicate_possible: false,
        metadata: Vec::new(),
    }));
    let state = DeliveryState {
        phase: Phase::Done,
        state: State::Delivered,
        provider: Some(ProviderName::webhook()),
        ..queued(callback)
    };
    [
        Record::Accepted {
            message: Arc::new(made),
            states: vec![queued(callback)],
        },
        Record::Changed {
            delivery: delivery(callback),
            at: Timestamp(common::START.0 + 500),
            event: Event::Ended { error: None },
            state,
        },
    ]
}

#[test]
fn every_filter_finds_its_own_newest_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, position) = filled(dir.path());
    let history = history(&store, dir.path(), 10_000);
    let some = |text: &str| Some(text.to_owned());
    let newest = |numbers: &mut dyn DoubleEndedIterator<Item = u64>| -> Vec<MessageId> {
        numbers.rev().map(id).collect()
    };
    let all = newest(&mut (0..COUNT).chain([100]));
    let rows: Vec<(Filter, Vec<MessageId>)> = vec![
        (Filter::default(), all.clone()),
        (
            Filter {
                to: some("sms:+491700000007"),
                ..Filter::default()
            },
            vec![id(7)],
        ),
        (
            Filter {
                to_prefix: some("sms:+49170000001"),
                ..Filter::default()
            },
            newest(&mut (10..20)),
        ),
        (
            Filter {
                from: some("ACME"),
                ..Filter::default()
            },
            all,
        ),
        (
            Filter {
                from: some("other"),
                ..Filter::default()
            },
            vec![],
        ),
        (
            Filter {
                state: Some(State::Delivered),
                ..Filter::default()
            },
            newest(&mut (0..COUNT / 2).map(|half| half * 2)),
        ),
        (
            Filter {
                state: Some(State::Sent),
                ..Filter::default()
            },
            newest(&mut (0..COUNT / 2).map(|half| half * 2 + 1)),
        ),
        (
            Filter {
                kind: Some(Kind::Inbound),
                ..Filter::default()
            },
            vec![id(100)],
        ),
        (
            Filter {
                provider: some("acme"),
                ..Filter::default()
            },
            // The inbound message came from there; the application gets it by the webhook.
            newest(&mut (0..COUNT).chain([100])),
        ),
        (
            Filter {
                provider: some("acme"),
                remote_id: some("00000005"),
                ..Filter::default()
            },
            vec![id(5)],
        ),
        (
            Filter {
                remote_id: some("00000006"),
                ..Filter::default()
            },
            vec![id(6)],
        ),
        (
            Filter {
                since: Some(Timestamp(common::START.0 + 5)),
                until: Some(Timestamp(common::START.0 + 8)),
                ..Filter::default()
            },
            newest(&mut (5..8)),
        ),
        (
            Filter {
                text_contains: some("number 12"),
                ..Filter::default()
            },
            vec![id(12)],
        ),
    ];
    for (filter, expected) in rows {
        assert_eq!(
            found(&history, position, filter.clone()),
            expected,
            "{filter:?}"
        );
    }
}

#[test]
fn pages_follow_one_another() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, position) = filled(dir.path());
    let history = history(&store, dir.path(), 10_000);
    let mut filter = Filter {
        limit: 7,
        ..Filter::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = history.find(filter.clone(), position).expect("an answer");
        ids.extend(page.deliveries.iter().map(|delivery| delivery.id.message));
        assert!(page.deliveries.len() <= 7);
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(ids, found(&history, position, Filter::default()));
}

#[test]
fn a_timeline_tells_everything_with_the_callback() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, position) = filled(dir.path());
    // Everything in one collection, and every record on its own, tell the same.
    for collect in [10_000, 1] {
        let history = history(&store, dir.path(), collect);
        let view = history
            .message(id(2), position)
            .expect("an answer")
            .expect("known");
        assert_eq!(view.message, message(2));
        let events: Vec<_> = view
            .timeline
            .iter()
            .map(|entry| entry.event.as_str())
            .collect();
        assert_eq!(
            events,
            [
                "accepted",
                "part_sent",
                "receipt",
                "callback_made",
                "callback_delivered"
            ]
        );
        assert_eq!(view.timeline[3].detail, id(90).to_string());
        assert_eq!(view.timeline[1].detail, "00000002");
        assert_eq!(view.deliveries[0].state, State::Delivered);
        assert_eq!(
            view.deliveries[0].parts[0].remote_id.as_deref(),
            Some("00000002")
        );
        assert_eq!(history.message(id(90), position).expect("an answer"), None);
        drop(history);
        std::fs::remove_file(dir.path().join("history.sqlite")).expect("removed");
    }
    // What comes later is added, and seen at once by who asks for its position.
    let history = history(&store, dir.path(), 10_000);
    history.message(id(3), position).expect("an answer");
    store.apply(delivered(3)).expect("applied");
    let position = store.commit().expect("committed");
    let view = history
        .message(id(3), position)
        .expect("an answer")
        .expect("known");
    assert_eq!(
        view.timeline.last().map(|entry| entry.event.as_str()),
        Some("receipt")
    );
    assert_eq!(view.deliveries[0].state, State::Delivered);
}

#[test]
fn orphans_are_listed_and_old_rows_purged() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, position) = filled(dir.path());
    let history = history(&store, dir.path(), 10_000);
    let orphans = history.orphans(10, position).expect("an answer");
    let ids: Vec<_> = orphans
        .iter()
        .map(|orphan| &*orphan.receipt.remote_ids[0])
        .collect();
    assert_eq!(ids, ["lost"]);
    let before = Timestamp(common::START.0 + 10);
    assert_eq!(
        history.purge(before, 4),
        Ok(5),
        "four deliveries and the orphan"
    );
    assert_eq!(history.purge(before, 100), Ok(6));
    assert_eq!(history.purge(before, 100), Ok(0));
    assert_eq!(
        found(&history, position, Filter::default()).len(),
        COUNT as usize + 1 - 10
    );
}

#[test]
fn a_history_made_again_is_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, position) = filled(dir.path());
    let page = |collect| {
        let history = history(&store, dir.path(), collect);
        let filter = Filter {
            limit: 1_000,
            ..Filter::default()
        };
        history.find(filter, position).expect("an answer")
    };
    let first = page(3);
    assert_eq!(page(10_000), first, "started again");
    let file = dir.path().join("history.sqlite");
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(page(7), first, "made again");
    for damaged in [
        b"not a database at all, but long enough to look at".as_slice(),
        b"",
    ] {
        std::fs::write(&file, damaged).expect("written");
        assert_eq!(page(10_000), first, "made again from a damaged file");
    }
}

/// What a process that ended on a full disk may leave: a name that seems to end the segment before.
#[test]
fn a_segment_that_was_never_finished_does_not_end_the_reading() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, position) = filled(dir.path());
    drop(store);
    let unfinished = dir.path().join(format!("journal-{:016x}.log", position.0));
    std::fs::write(&unfinished, "").expect("written");

    let (mut store, _) = Store::open(config(dir.path())).expect("opened again");
    store.apply(accepted(1_000)).expect("applied");
    let position = store.commit().expect("committed");
    let history = history(&store, dir.path(), 1_000);
    let found = found(&history, position, Filter::default());
    assert!(found.contains(&delivery(1_000).message), "{found:?}");
    assert!(!unfinished.exists());

    // As earlier versions left it: what was written meanwhile is still there.
    drop((history, store));
    std::fs::write(&unfinished, "").expect("written");
    let (mut store, report) = Store::open(config(dir.path())).expect("opened again");
    assert_eq!((report.torn_octets, report.damages_total), (0, 0));
    let found = store.delivery(delivery(1_000)).expect("an answer");
    assert!(found.is_some());
}

#[test]
fn it_waits_for_space_on_the_disk_and_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, position) = filled(dir.path());
    let config = HistoryConfig {
        free_octets_min: u64::MAX,
        ..HistoryConfig::new(dir.path())
    };
    let waiting = History::start(config, store.watch()).expect("a history");
    let error = waiting
        .find(Filter::default(), position)
        .expect_err("it waits");
    assert!(error.disk_full, "{error}");
    drop(waiting);
    let history = history(&store, dir.path(), 1_000);
    assert!(!found(&history, position, Filter::default()).is_empty());
}

#[test]
fn segments_go_when_nothing_needs_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = config(dir.path());
    config.segment_octets = 4 << 10;
    config.linger_entries_max = 0;
    let (mut store, _) = Store::open(config.clone()).expect("a store");
    for number in 0..100 {
        for record in [accepted(number), sent(number), delivered(number)] {
            // Message 50 is never delivered: its segment and the later ones are needed.
            if number != 50 || !matches!(&record, Record::Changed { .. }) {
                store.apply(record.clone()).expect("applied");
            }
        }
        store.commit().expect("committed");
    }
    store.checkpoint().expect("a checkpoint");
    let before = store.status().journal_octets;
    let later = Timestamp(common::START.0 + config.retention_ms + 1_000);
    let history = store.position();
    assert!(
        !store.retire(common::START, history).expect("an answer"),
        "too young"
    );
    assert!(
        !store.retire(later, Position(0)).expect("an answer"),
        "the history needs it"
    );
    while store.retire(later, history).expect("an answer") {}
    let after = store.status().journal_octets;
    assert!(
        after < before * 6 / 10 && after > before * 4 / 10,
        "{before} -> {after}"
    );
    assert!(store.delivery(delivery(50)).expect("an answer").is_some());
    drop(store);
    let (mut store, report) = Store::open(config).expect("opened again");
    assert_eq!(report.damages_total, 0);
    assert!(store.delivery(delivery(50)).expect("an answer").is_some());
}

#[test]
fn a_history_cut_off_goes_on_without_repeating() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, _) = open(dir.path());
    for number in 0..COUNT + 8 {
        // Receipts come eight messages later, the callback's end after that.
        if number < COUNT {
            store.apply(accepted(number)).expect("applied");
            store.apply(sent(number)).expect("applied");
        }
        if let Some(done) = number.checked_sub(8) {
            store.apply(delivered(done)).expect("applied");
            for record in callback_about(done, 1_000 + done) {
                store.apply(record.clone()).expect("applied");
            }
        }
        store.commit().expect("committed");
    }
    let position = store.position();
    let views = |history: &History| -> Vec<_> {
        let view = |number| history.message(id(number), position).expect("an answer");
        (0..COUNT).map(view).collect()
    };
    let expected = views(&history(&store, dir.path(), 10_000));
    for view in &expected {
        assert_eq!(view.as_ref().expect("known").timeline.len(), 4);
    }
    for collect in [2, 6, 20] {
        let cut = dir.path().join(format!("cut-{collect}.sqlite"));
        let config = |database: &std::path::Path, collect_messages_max| HistoryConfig {
            database: database.to_owned(),
            collect_messages_max,
            ..HistoryConfig::new(dir.path())
        };
        let whole = dir.path().join(format!("whole-{collect}.sqlite"));
        let running = History::start(config(&whole, collect), store.watch()).expect("a history");
        // What is answered is partly in the database, partly not: as if it ended here.
        assert_eq!(views(&running), expected, "{collect}: from both");
        for suffix in ["", "-wal"] {
            let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
            std::fs::copy(name(&whole), name(&cut)).expect("copied");
        }
        let again = History::start(config(&cut, 10_000), store.watch()).expect("a history");
        assert_eq!(views(&again), expected, "{collect}: cut off");
        assert_eq!(
            found(&again, position, Filter::default()).len(),
            COUNT as usize
        );
        assert_eq!(views(&again), expected, "{collect}: from the database");
    }
}
