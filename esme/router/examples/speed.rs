//! Measures the router core: nanoseconds per message through submit, outcome, receipt, callback and
//! its outcome, with the ledger in memory. `cargo run --release -p signalbox-router --example
//! speed`
//!
//! The time inside the router is told apart from that of the ledger's `apply`, which a store does
//! in its own way.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A measurement needs the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalbox_router::{
    Action, Content, Dispatch, Effects, Input, Kind, Ledger, MemoryLedger, Message, MessageId,
    Outcome, PartId, Priority, ProviderName, RemoteId, Route, Router, RouterConfig, State,
    StateSet, Timestamp, Token, UnknownOutcome,
};

const ROUNDS: u64 = 200;
const BATCH: u64 = 1_000;
const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn main() {
    for callbacks in [false, true] {
        let mut run = Run::new(callbacks);
        for round in 0..ROUNDS {
            run.round(round);
        }
        let messages = (ROUNDS * BATCH) as u32;
        println!(
            "callbacks {callbacks}: {} ns per message in the router, {} ns in the ledger's apply",
            (run.router_time / messages).as_nanos(),
            (run.apply_time / messages).as_nanos(),
        );
    }
}

struct Run {
    router: Router,
    ledger: MemoryLedger,
    effects: Effects,
    callbacks: bool,
    router_time: Duration,
    apply_time: Duration,
}

impl Run {
    fn new(callbacks: bool) -> Self {
        let route = Route {
            name: "all".into(),
            scheme: "sms".into(),
            prefix: String::new(),
            providers: vec!["acme".into()],
            unknown_outcome: UnknownOutcome::default(),
        };
        let config = RouterConfig {
            routes: vec![route],
            ..RouterConfig::default()
        };
        Self {
            router: Router::new(config, 1),
            ledger: MemoryLedger::new(),
            effects: Effects::default(),
            callbacks,
            router_time: Duration::ZERO,
            apply_time: Duration::ZERO,
        }
    }

    /// A batch of messages from submit to the end of the callback.
    fn round(&mut self, round: u64) {
        for name in ["acme", "webhook"] {
            self.handle(vec![Input::Credit {
                provider: name.into(),
                credit: BATCH as u32,
            }]);
        }
        let messages = (0..BATCH)
            .map(|at| message(round * BATCH + at, self.callbacks))
            .collect();
        let sent = self.handle(vec![Input::Submit {
            token: Token(1),
            messages,
        }]);
        assert_eq!(sent.len(), BATCH as usize);
        let remote_ids: Vec<RemoteId> = (0..BATCH)
            .map(|at| format!("{:x}", round * BATCH + at).into())
            .collect();
        let outcomes = sent.iter().zip(&remote_ids).map(|(dispatch, remote_id)| {
            let remote_id = Some(remote_id.clone());
            outcome(
                "acme",
                dispatch,
                Outcome::Accepted {
                    remote_id,
                    receipt_expected: true,
                },
            )
        });
        self.handle(outcomes.collect());
        let receipts = remote_ids.into_iter().map(|remote_id| Input::Receipt {
            provider: "acme".into(),
            remote_ids: vec![remote_id],
            state: State::Delivered,
            error: None,
            otherwise: None,
            token: Token(2),
        });
        let callbacks = self.handle(receipts.collect());
        let answers = callbacks
            .iter()
            .map(|dispatch| outcome("webhook", dispatch, Outcome::Delivered));
        self.handle(answers.collect());
    }

    fn handle(&mut self, inputs: Vec<Input>) -> Vec<Dispatch> {
        for input in inputs {
            let first = self.effects.records.len();
            let start = Instant::now();
            self.router
                .handle(NOW, input, &mut self.ledger, &mut self.effects)
                .unwrap();
            let decided = Instant::now();
            for record in self.effects.records.drain(first..) {
                self.ledger.apply(record).unwrap();
            }
            self.router_time += decided - start;
            self.apply_time += decided.elapsed();
        }
        self.effects.records.clear();
        let dispatches = self
            .effects
            .actions
            .drain(..)
            .filter_map(|action| match action {
                Action::Dispatch { dispatch, .. } => Some(dispatch),
                _ => None,
            });
        dispatches.collect()
    }
}

fn outcome(provider: &str, dispatch: &Dispatch, outcome: Outcome) -> Input {
    let part = PartId {
        delivery: dispatch.delivery,
        part: 1,
    };
    Input::Outcome {
        provider: ProviderName::from(provider),
        part,
        parts_total: 1,
        outcome,
    }
}

fn message(number: u64, callbacks: bool) -> Message {
    let states = if callbacks {
        StateSet::NONE.with(State::Delivered)
    } else {
        StateSet::NONE
    };
    Message {
        id: MessageId::new(NOW, u128::from(number) << 12),
        kind: Kind::Outgoing,
        account: Arc::from("shop"),
        from: "100".into(),
        to: vec![format!("sms:+49151{number:08}")],
        subject: String::new(),
        content: Content::Text("x".repeat(160)),
        priority: Priority::Normal,
        accepted_at: NOW,
        not_before: Timestamp(0),
        expires_at: NOW.plus_ms(86_400_000),
        idempotency_key: format!("key-{number}"),
        request_hash: number,
        callback_url: "https://app.example/callback".into(),
        callback_states: states,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}
