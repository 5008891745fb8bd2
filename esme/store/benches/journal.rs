//! The whole cycle of a message (accepted and dispatched, taken by the provider, receipt, done)
//! through the store, beside the same through SQLite. One fsync per batch.
//!
//! Besides criterion's times it prints the processor time per message, which a busy machine
//! disturbs less.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use signalbox_router::{
    Content, DeliveryId, DeliveryState, Event, Kind, Ledger, Message, MessageId, PartState, Phase,
    Priority, ProviderName, Record, State, StateSet, Timestamp,
};
use signalbox_store::{Store, StoreConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEXT_OCTETS: usize = 250;

/// Makes the records of a message, as the router does.
struct Source {
    next: u64,
    provider: ProviderName,
}

impl Source {
    fn cycle(&mut self) -> [Record; 3] {
        self.next += 1;
        let number = self.next;
        let now = Timestamp(1_700_000_000_000 + number / 500);
        let id = MessageId::new(now, u128::from(number) << 12);
        let delivery = DeliveryId {
            message: id,
            recipient: 0,
        };
        let remote_id: Arc<str> = format!("{number:016x}").into();
        let mut state = DeliveryState {
            phase: Phase::Dispatched,
            provider: Some(self.provider.clone()),
            due_at: now,
            order: number,
            deadline_at: now.plus_ms(86_400_000),
            ..DeliveryState::default()
        };
        let message = Arc::new(message(id, number, now));
        let accepted = Record::Accepted {
            message,
            states: vec![state.clone()],
        };
        state.state = State::Sent;
        state.phase = Phase::AwaitingReceipt;
        state.deadline_at = now.plus_ms(259_200_000);
        let part = PartState {
            state: State::Sent,
            remote_id: Some(remote_id.clone()),
            error: None,
        };
        state.parts = vec![part];
        let event = Event::PartSent {
            part: 1,
            parts_total: 1,
            remote_id: Some(remote_id),
        };
        let sent = Record::Changed {
            delivery,
            at: now,
            event,
            state: state.clone(),
        };
        state.state = State::Delivered;
        state.phase = Phase::Done;
        state.deadline_at = Timestamp(0);
        state.parts[0].state = State::Delivered;
        let event = Event::Receipt {
            part: 1,
            state: State::Delivered,
            error: None,
        };
        let done = Record::Changed {
            delivery,
            at: now,
            event,
            state,
        };
        [accepted, sent, done]
    }

    /// The first records of all messages, then the second, then the third.
    fn batch(&mut self, messages: usize) -> [Vec<Record>; 3] {
        let mut batch = [const { Vec::new() }; 3];
        for _ in 0..messages {
            for (step, record) in self.cycle().into_iter().enumerate() {
                batch[step].push(record);
            }
        }
        batch
    }
}

fn message(id: MessageId, number: u64, now: Timestamp) -> Message {
    Message {
        id,
        kind: Kind::Outgoing,
        account: "shop".into(),
        from: "ACME".into(),
        to: vec![format!("sms:+49170{number:08}")],
        subject: String::new(),
        content: Content::Text("x".repeat(TEXT_OCTETS)),
        priority: Priority::Normal,
        accepted_at: now,
        not_before: Timestamp(0),
        expires_at: now.plus_ms(86_400_000),
        idempotency_key: String::new(),
        request_hash: number,
        callback_url: "https://shop.example/callbacks".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}

/// One batch: each message takes its three steps, asked for as the router asks.
fn run(store: &mut Store, provider: &ProviderName, batch: [Vec<Record>; 3]) {
    for (step, records) in batch.into_iter().enumerate() {
        for (at, record) in records.into_iter().enumerate() {
            if let Record::Changed {
                delivery, state, ..
            } = &record
            {
                if step == 2 && at % 2 == 0 {
                    let remote_id = state.parts[0].remote_id.as_deref().unwrap_or_default();
                    let part = store.by_remote_id(provider, remote_id).expect("an answer");
                    assert_eq!(part.map(|part| part.delivery), Some(*delivery));
                }
                assert!(store.delivery(*delivery).expect("an answer").is_some());
            }
            store.apply(record).expect("applied");
        }
        store.commit().expect("committed");
    }
}

fn sqlite(db: &rusqlite::Connection, batch: &[Vec<Record>; 3]) {
    let run = |sql: &str, step: usize| {
        db.execute_batch("BEGIN").expect("begun");
        let mut statement = db.prepare_cached(sql).expect("prepared");
        for (accepted, done) in batch[0].iter().zip(&batch[2]) {
            let Record::Accepted { message, .. } = accepted else {
                unreachable!("the first record is an acceptance");
            };
            let Record::Changed { state, .. } = done else {
                unreachable!("the third record is a change");
            };
            let id = message.id.0.to_be_bytes();
            let remote_id = state.parts[0].remote_id.as_deref().unwrap_or_default();
            let done = match step {
                0 => statement.execute((id, message.to[0].as_str(), message.text())),
                1 => statement.execute((remote_id, id)),
                _ => statement.execute([remote_id]),
            };
            assert_eq!(done.expect("executed"), 1);
        }
        drop(statement);
        db.execute_batch("COMMIT").expect("committed");
    };
    run("INSERT INTO message VALUES (?, 'accepted', ?, NULL, ?)", 0);
    run(
        "UPDATE message SET state = 'sent', remote_id = ? WHERE id = ?",
        1,
    );
    run(
        "UPDATE message SET state = 'delivered' WHERE remote_id = ?",
        2,
    );
}

trait TextOf {
    fn text(&self) -> &str;
}

impl TextOf for Message {
    fn text(&self) -> &str {
        match &self.content {
            Content::Text(text) => text,
            _ => "",
        }
    }
}

/// Processor time of this thread, ns; 0 where the system does not tell.
fn processor_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ')
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or(0)
}

fn journal(criterion: &mut Criterion) {
    let provider = ProviderName::from("acme");
    let mut source = Source {
        next: 0,
        provider: provider.clone(),
    };
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(20);
    for messages in [1_usize, 100, 1_000] {
        let dir = tempfile::tempdir().expect("a folder");
        let config = StoreConfig {
            reserve_octets: 0,
            ..StoreConfig::new(dir.path())
        };
        let (mut store, _) = Store::open(config).expect("a store");
        let (mut ns, mut done) = (0, 0);
        group.throughput(Throughput::Elements(messages as u64));
        group.bench_function(format!("store, batches of {messages}"), |bencher| {
            bencher.iter_batched(
                || source.batch(messages),
                |batch| {
                    let before = processor_ns();
                    run(&mut store, &provider, batch);
                    ns += processor_ns() - before;
                    done += messages as u64;
                },
                BatchSize::PerIteration,
            );
        });
        let status = store.status();
        println!(
            "store, batches of {messages}: {:.2} µs of processor per message ({done} messages, {} \
             octets written each, longest checkpoint {} ms)",
            ns as f64 / 1_000.0 / done.max(1) as f64,
            status.written_octets / done.max(1),
            status.checkpoint_us_max / 1_000,
        );
    }
    let dir = tempfile::tempdir().expect("a folder");
    let db = rusqlite::Connection::open(dir.path().join("db")).expect("a database");
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE message (id BLOB PRIMARY KEY, state TEXT, recipient TEXT, remote_id TEXT,
             text TEXT) WITHOUT ROWID;
         CREATE INDEX by_remote_id ON message (remote_id);",
    )
    .expect("a schema");
    let (mut ns, mut done) = (0, 0);
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("SQLite, batches of 1000", |bencher| {
        bencher.iter_batched(
            || source.batch(1_000),
            |batch| {
                let before = processor_ns();
                sqlite(&db, &batch);
                ns += processor_ns() - before;
                done += 1_000;
                batch
            },
            BatchSize::PerIteration,
        );
    });
    println!(
        "SQLite, batches of 1000: {:.2} µs of processor per message ({done} messages)",
        ns as f64 / 1_000.0 / f64::from(done.max(1)),
    );
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
