//! The whole cycle of a message (accepted and dispatched, taken by the provider, receipt, done)
//! through the store, beside the same through SQLite. One fsync per batch.
//!
//! Besides criterion's times it prints the processor time per message, which a busy machine
//! disturbs less.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use signalbox_router::{
    Content, DeliveryId, DeliveryState, Event, Kind, Ledger, Message, MessageId, PartState, Phase,
    Priority, ProviderName, Record, RemoteId, State, StateSet, Timestamp,
};
use signalbox_store::{Store, StoreConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEXT_OCTETS: usize = 250;

/// What comes in from outside: messages, and the ids that the provider will give them.
struct Source {
    next: u64,
    /// The account and its callback URL, which its messages share.
    account: Arc<str>,
    callback_url: Arc<str>,
}

struct Batch {
    messages: Vec<Arc<Message>>,
    remote_ids: Vec<RemoteId>,
}

impl Source {
    fn new() -> Self {
        Self {
            next: 0,
            account: "shop".into(),
            callback_url: "https://shop.example/callbacks".into(),
        }
    }

    fn batch(&mut self, count: usize) -> Batch {
        let mut batch = Batch {
            messages: Vec::with_capacity(count),
            remote_ids: Vec::with_capacity(count),
        };
        for _ in 0..count {
            self.next += 1;
            let number = self.next;
            batch.messages.push(Arc::new(self.message(number)));
            batch.remote_ids.push(format!("{number:016x}").into());
        }
        batch
    }

    fn message(&self, number: u64) -> Message {
        let now = Timestamp(1_700_000_000_000 + number / 500);
        Message {
            id: MessageId::new(now, u128::from(number) << 12),
            kind: Kind::Outgoing,
            account: Arc::clone(&self.account),
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
            callback_url: Arc::clone(&self.callback_url),
            callback_states: StateSet::NONE,
            parent: None,
            provider: None,
            metadata: Vec::new(),
            options: Vec::new(),
        }
    }
}

/// One batch through the store: each message takes its three steps, asked for and changed as the
/// router does it.
fn run(store: &mut Store, provider: &ProviderName, batch: Batch) {
    for message in &batch.messages {
        let state = DeliveryState {
            phase: Phase::Dispatched,
            provider: Some(provider.clone()),
            due_at: message.accepted_at,
            order: message.request_hash,
            deadline_at: message.expires_at,
            ..DeliveryState::default()
        };
        let accepted = Record::Accepted {
            message: Arc::clone(message),
            states: vec![state],
        };
        store.apply(accepted).expect("applied");
    }
    store.commit().expect("committed");
    let ids: Vec<(MessageId, Timestamp)> = batch
        .messages
        .iter()
        .map(|message| (message.id, message.accepted_at))
        .collect();
    drop(batch.messages);
    for ((message, at), remote_id) in ids.iter().zip(&batch.remote_ids) {
        let (delivery, mut state) = asked(store, *message);
        state.state = State::Sent;
        state.phase = Phase::AwaitingReceipt;
        state.deadline_at = at.plus_ms(259_200_000);
        state.parts = vec![PartState {
            state: State::Sent,
            remote_id: Some(remote_id.clone()),
            error: None,
        }];
        let event = Event::PartSent {
            part: 1,
            parts_total: 1,
            remote_id: Some(remote_id.clone()),
        };
        changed(store, delivery, *at, event, state);
    }
    store.commit().expect("committed");
    for ((message, at), remote_id) in ids.iter().zip(&batch.remote_ids) {
        let part = store.by_remote_id(provider, remote_id).expect("an answer");
        assert_eq!(part.map(|part| part.delivery.message), Some(*message));
        let (delivery, mut state) = asked(store, *message);
        state.state = State::Delivered;
        state.phase = Phase::Done;
        state.deadline_at = Timestamp(0);
        state.parts[0].state = State::Delivered;
        let event = Event::Receipt {
            part: 1,
            state: State::Delivered,
            error: None,
        };
        changed(store, delivery, *at, event, state);
    }
    store.commit().expect("committed");
}

fn asked(store: &mut Store, message: MessageId) -> (DeliveryId, DeliveryState) {
    let id = DeliveryId {
        message,
        recipient: 0,
    };
    let delivery = store.delivery(id).expect("an answer").expect("known");
    (id, delivery.state)
}

fn changed(
    store: &mut Store,
    delivery: DeliveryId,
    at: Timestamp,
    event: Event,
    state: DeliveryState,
) {
    let record = Record::Changed {
        delivery,
        at,
        event,
        state,
    };
    store.apply(record).expect("applied");
}

fn sqlite(db: &rusqlite::Connection, batch: &Batch) {
    let run = |sql: &str, step: usize| {
        db.execute_batch("BEGIN").expect("begun");
        let mut statement = db.prepare_cached(sql).expect("prepared");
        for (message, remote_id) in batch.messages.iter().zip(&batch.remote_ids) {
            let id = message.id.0.to_be_bytes();
            let remote_id = &**remote_id;
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
    let mut source = Source::new();
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
