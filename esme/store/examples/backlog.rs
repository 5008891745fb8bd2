//! Fills a store with pending messages and measures what opening it costs.
//!
//! `cargo run --release -p signalbox-store --example backlog -- fill|open DIRECTORY [COUNT]`

use std::sync::Arc;
use std::time::Instant;

use signalbox_router::{
    Content, DeliveryState, Kind, Ledger, Message, MessageId, Phase, Priority, ProviderName,
    Record, State, StateSet, Timestamp,
};
use signalbox_store::{Store, StoreConfig};

const START_MS: u64 = 1_700_000_000_000;
const TEXT_OCTETS: usize = 150;
const BATCH: u64 = 1_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(work), Some(path)) = (arguments.next(), arguments.next()) else {
        println!("usage: backlog fill|open DIRECTORY [COUNT]");
        return;
    };
    let count = arguments
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000_000);
    match work.as_str() {
        "fill" => fill(StoreConfig::new(path), count),
        _ => open(StoreConfig::new(path)),
    }
}

fn fill(config: StoreConfig, count: u64) {
    let (mut store, _) = Store::open(config).expect("a store");
    let started = Instant::now();
    for number in 0..count {
        store.apply(accepted(number)).expect("applied");
        if number % BATCH == BATCH - 1 {
            store.commit().expect("committed");
        }
    }
    store.commit().expect("committed");
    let seconds = started.elapsed().as_secs_f64();
    store.finish_merges().expect("merged");
    println!(
        "filled: {count} in {seconds:.1} s ({:.0}/s)",
        count as f64 / seconds
    );
    println!("{:?}", store.status());
}

fn open(config: StoreConfig) {
    let started = Instant::now();
    let (mut store, report) = Store::open(config).expect("a store");
    let opened_ms = started.elapsed().as_millis();
    println!(
        "opened in {opened_ms} ms, {} records replayed, {}",
        report.records,
        memory()
    );
    println!("{:?}", store.status());
    let provider = ProviderName::from("acme");
    let now = Timestamp(START_MS + 1_000_000_000);
    let started = Instant::now();
    let mut sent = 0;
    for _ in 0..100 {
        for id in store.claim(&provider, now, 1_000).expect("an answer") {
            let mut state = store
                .delivery(id)
                .expect("an answer")
                .expect("queued")
                .state;
            state.phase = Phase::Done;
            state.state = State::Sent;
            state.deadline_at = Timestamp(0);
            let event = signalbox_router::Event::Ended { error: None };
            let record = Record::Changed {
                delivery: id,
                at: now,
                event,
                state,
            };
            store.apply(record).expect("applied");
            sent += 1;
        }
        store.commit().expect("committed");
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "sent {sent} from the backlog: {:.0}/s, {}",
        f64::from(sent) / seconds,
        memory()
    );
}

fn accepted(number: u64) -> Record {
    let now = Timestamp(START_MS + number / 100);
    let id = MessageId::new(now, u128::from(number) << 12 | u128::from(number % 4_096));
    let message = Message {
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
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    };
    let state = DeliveryState {
        provider: Some("acme".into()),
        due_at: now,
        order: number,
        deadline_at: message.expires_at,
        ..DeliveryState::default()
    };
    Record::Accepted {
        message: Arc::new(message),
        states: vec![state],
    }
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines
        .map(|line| line.replace(['\t', ' '], ""))
        .collect::<Vec<_>>()
        .join(" ")
}
