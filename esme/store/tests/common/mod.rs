//! What the tests of the store share: messages, states, seeded numbers.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

pub mod faulty;

use std::sync::Arc;

use signalbox_router::{
    Content, DeliveryId, DeliveryState, Event, Kind, Message, MessageId, PartState, Phase,
    Priority, ProviderName, Record, RemoteId, State, StateSet, Timestamp,
};
use signalbox_store::{Filter, History, HistoryConfig, OpenReport, Position, Store, StoreConfig};

/// Time at which the tests begin.
pub const START: Timestamp = Timestamp(1_700_000_000_000);

/// A small generator (SplitMix64), so that a seed repeats a test.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Settings that make small things happen early.
pub fn config(path: &std::path::Path) -> StoreConfig {
    StoreConfig {
        reserve_octets: 0,
        ..StoreConfig::new(path)
    }
}

pub fn open(path: &std::path::Path) -> (Store, OpenReport) {
    Store::open(config(path)).expect("the store opens")
}

pub fn id(number: u64) -> MessageId {
    MessageId::new(
        Timestamp(START.0 + number),
        u128::from(number) * 0x1_0000_0001,
    )
}

pub fn delivery(number: u64) -> DeliveryId {
    DeliveryId {
        message: id(number),
        recipient: 0,
    }
}

pub fn message(number: u64) -> Message {
    Message {
        id: id(number),
        kind: Kind::Outgoing,
        account: "shop".into(),
        from: "ACME".into(),
        to: vec![format!("sms:+49170{number:07}")],
        subject: String::new(),
        content: Content::Text(format!("message number {number}")),
        priority: Priority::Normal,
        accepted_at: Timestamp(START.0 + number),
        not_before: Timestamp(0),
        expires_at: Timestamp(START.0 + 86_400_000),
        idempotency_key: String::new(),
        request_hash: number,
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}

pub fn acme() -> ProviderName {
    ProviderName::from("acme")
}

pub fn queued(number: u64) -> DeliveryState {
    DeliveryState {
        provider: Some(acme()),
        due_at: Timestamp(START.0 + number),
        order: number,
        deadline_at: Timestamp(START.0 + 86_400_000),
        ..DeliveryState::default()
    }
}

pub fn accepted(number: u64) -> Record {
    Record::Accepted {
        message: Arc::new(message(number)),
        states: vec![queued(number)],
    }
}

pub fn sent(number: u64) -> Record {
    let part = PartState {
        state: State::Sent,
        remote_id: Some(remote_id(number)),
        error: None,
    };
    Record::Changed {
        delivery: delivery(number),
        at: Timestamp(START.0 + number + 1),
        event: Event::PartSent {
            part: 1,
            parts_total: 1,
            remote_id: Some(remote_id(number)),
        },
        state: DeliveryState {
            state: State::Sent,
            phase: Phase::AwaitingReceipt,
            deadline_at: Timestamp(START.0 + number + 259_200_000),
            parts: vec![part],
            ..queued(number)
        },
    }
}

pub fn delivered(number: u64) -> Record {
    let Record::Changed {
        delivery,
        mut state,
        ..
    } = sent(number)
    else {
        unreachable!("sent() makes a change");
    };
    state.state = State::Delivered;
    state.phase = Phase::Done;
    state.deadline_at = Timestamp(0);
    state.parts[0].state = State::Delivered;
    Record::Changed {
        delivery,
        at: Timestamp(START.0 + number + 2),
        event: Event::Receipt {
            part: 1,
            state: State::Delivered,
            error: None,
        },
        state,
    }
}

pub fn remote_id(number: u64) -> RemoteId {
    format!("{number:08x}").into()
}

/// A history that holds so much back.
pub fn history(store: &Store, dir: &std::path::Path, collect: usize) -> History {
    let config = HistoryConfig {
        collect_messages_max: collect,
        ..HistoryConfig::new(dir)
    };
    History::start(config, store.watch()).expect("a history")
}

/// Messages of the deliveries that fit a filter, in order.
pub fn found(history: &History, position: Position, filter: Filter) -> Vec<MessageId> {
    let page = history
        .find(
            Filter {
                limit: 1_000,
                ..filter
            },
            position,
        )
        .expect("an answer");
    page.deliveries
        .iter()
        .map(|delivery| delivery.id.message)
        .collect()
}
