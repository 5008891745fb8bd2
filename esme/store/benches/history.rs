//! What the history costs per message that is accepted, sent, receipted and told to its
//! application by a callback: reading behind (the whole journal at once), and beside a store that
//! works while one asker polls. Messages overlap, so that writes cut through their lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalbox_router::{
    CallbackEvent, Content, DeliveryId, DeliveryState, Event, Kind, Ledger, Message, MessageId,
    PartState, Phase, Priority, ProviderName, Record, RemoteId, State, StateSet, Timestamp,
};
use signalbox_store::{History, HistoryConfig, Store, StoreConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages of each of the two measurements.
const BEHIND: u64 = 200_000;
const BESIDE: u64 = 20_000;

/// Messages per commit, and how many commits lie between the steps of a message.
const BATCH: u64 = 50;
const LAG: u64 = 4;

/// Pause between two commits while the history is asked: 5,000 messages a second.
const PAUSE: Duration = Duration::from_millis(10);

const STEPS: u64 = 4;

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = StoreConfig {
        reserve_octets: 0,
        ..StoreConfig::new(dir.path())
    };
    let (mut store, _) = Store::open(config).expect("a store");
    for batch in 0..BEHIND / BATCH + LAG * STEPS {
        step(&mut store, batch, 0..BEHIND / BATCH);
    }
    let config = HistoryConfig::new(dir.path());
    let history = History::start(config, store.watch()).expect("a history");
    let started = Instant::now();
    let view = history.message(id(BEHIND - 1, 0), store.position());
    assert!(view.expect("an answer").is_some());
    let behind_ns = processor_ns();
    println!(
        "behind: {:.2} µs of processor per message, {:.0} messages/s",
        behind_ns as f64 / 1_000.0 / BEHIND as f64,
        BEHIND as f64 / started.elapsed().as_secs_f64(),
    );
    let first = BEHIND / BATCH + LAG * STEPS;
    let (mut asked, mut answers) = (0, Duration::ZERO);
    for batch in first..first + BESIDE / BATCH + LAG * STEPS {
        step(&mut store, batch, first..first + BESIDE / BATCH);
        std::thread::sleep(PAUSE);
        if batch % 2 == 0 {
            let newest = id(batch.min(first + BESIDE / BATCH - 1) * BATCH, 0);
            let started = Instant::now();
            let view = history.message(newest, store.position());
            assert!(view.expect("an answer").is_some());
            answers += started.elapsed();
            asked += 1;
        }
    }
    println!(
        "beside, polled every {:?}: {:.2} µs of processor per message, {:?} per answer",
        PAUSE * 2,
        (processor_ns() - behind_ns) as f64 / 1_000.0 / BESIDE as f64,
        answers / asked,
    );
    let size = std::fs::metadata(dir.path().join("history.sqlite")).expect("a file");
    println!("database: {} MiB", size.len() >> 20);
}

/// One batch of each step, of messages whose batch is among `batches`.
fn step(store: &mut Store, now: u64, batches: std::ops::Range<u64>) {
    for step in 0..STEPS {
        let Some(batch) = now.checked_sub(step * LAG) else {
            continue;
        };
        if !batches.contains(&batch) {
            continue;
        }
        for number in batch * BATCH..(batch + 1) * BATCH {
            for record in records(number, step) {
                store.apply(record).expect("applied");
            }
        }
    }
    store.commit().expect("committed");
}

fn records(number: u64, step: u64) -> Vec<Record> {
    let mut state = state(number, "acme");
    let at = Timestamp(time(number).0 + step * 40);
    let delivery = delivery(number, 0);
    if step == 0 {
        let content = Content::Text(format!("{number} {}", "x".repeat(140)));
        let message = Arc::new(message(number, Kind::Outgoing, content));
        return vec![Record::Accepted {
            message,
            states: vec![state],
        }];
    }
    let remote_id: RemoteId = format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into();
    state.parts = vec![PartState {
        state: State::Sent,
        remote_id: Some(remote_id.clone()),
        error: None,
    }];
    state.state = State::Sent;
    state.phase = Phase::AwaitingReceipt;
    let changed = |delivery, event, state| Record::Changed {
        delivery,
        at,
        event,
        state,
    };
    if step == 1 {
        let event = Event::PartSent {
            part: 1,
            parts_total: 1,
            remote_id: Some(remote_id),
        };
        return vec![changed(delivery, event, state)];
    }
    state.state = State::Delivered;
    state.phase = Phase::Done;
    state.deadline_at = Timestamp(0);
    state.parts[0].state = State::Delivered;
    if step == 2 {
        let receipt = Event::Receipt {
            part: 1,
            state: State::Delivered,
            error: None,
        };
        state.last_callback = Some(id(number, 1));
        let callback = Arc::new(message(number, Kind::Callback, about(number, &remote_id)));
        return vec![
            changed(delivery, receipt, state),
            Record::Accepted {
                message: callback,
                states: vec![self::state(number, "webhook")],
            },
        ];
    }
    state.provider = Some(ProviderName::webhook());
    state.parts = Vec::new();
    let ended = Event::Ended { error: None };
    vec![changed(self::delivery(number, 1), ended, state)]
}

fn about(number: u64, remote_id: &str) -> Content {
    Content::Event(Box::new(CallbackEvent {
        state: State::Delivered,
        message: id(number, 0),
        recipient: 0,
        to: to(number),
        from: "ACME".into(),
        at: time(number),
        provider: Some("acme".into()),
        remote_ids: vec![remote_id.to_owned()],
        error: None,
        duplicate_possible: false,
        metadata: Vec::new(),
    }))
}

fn message(number: u64, kind: Kind, content: Content) -> Message {
    let callback = kind == Kind::Callback;
    Message {
        id: id(number, u64::from(callback)),
        kind,
        account: "shop".into(),
        from: "ACME".into(),
        to: vec![to(number)],
        subject: String::new(),
        content,
        priority: Priority::Normal,
        accepted_at: time(number),
        not_before: Timestamp(0),
        expires_at: time(number).plus_ms(86_400_000),
        idempotency_key: String::new(),
        request_hash: number,
        callback_url: "https://shop.example/callbacks".into(),
        callback_states: StateSet::NONE,
        parent: callback.then(|| id(number, 0)),
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}

fn state(number: u64, provider: &str) -> DeliveryState {
    DeliveryState {
        phase: Phase::Dispatched,
        provider: Some(provider.into()),
        due_at: time(number),
        order: number,
        deadline_at: time(number).plus_ms(86_400_000),
        ..DeliveryState::default()
    }
}

fn to(number: u64) -> String {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 38;
    format!("sms:+49170{scattered:08}")
}

const fn time(number: u64) -> Timestamp {
    Timestamp(1_700_000_000_000 + number / 5)
}

/// The message's own id, or (1) that of its callback.
const fn id(number: u64, callback: u64) -> MessageId {
    MessageId::new(
        Timestamp(time(number).0 + callback * 80),
        (number as u128) << 20 | callback as u128,
    )
}

const fn delivery(number: u64, callback: u64) -> DeliveryId {
    DeliveryId {
        message: id(number, callback),
        recipient: 0,
    }
}

/// Processor time of the history's thread so far, ns; 0 where the system does not tell.
fn processor_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let of_history = tasks.flatten().map(|task| task.path()).find(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "history")
    });
    let stat = of_history.map(|task| std::fs::read_to_string(task.join("schedstat")));
    let stat = stat.and_then(Result::ok).unwrap_or_default();
    stat.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or(0)
}
