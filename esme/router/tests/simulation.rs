//! Random runs, each given by its seed: applications, two providers and a webhook receiver that
//! answer well, badly, late or never, crashes that lose the last batch or a part of it. What must
//! hold is checked at each step; in the end everybody is helpful and every delivery must end.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use std::collections::{BTreeMap, BTreeSet};

use bench::{
    Bench, HOUR, SECOND, START, code, config, next_route, refused, retry, route, throttled,
};
use signalbox_router::{
    Action, Content, DeliveryId, Dispatch, Effects, Input, Kind, Ledger, MemoryLedger, Message,
    MessageId, Outcome, PartId, Phase, ProviderName, Record, RemoteId, Route, Router, RouterConfig,
    State, StateSet, Timestamp, Token, UnknownOutcome,
};

const SEEDS: u64 = 60;
const STEPS: usize = 300;
const MESSAGES: usize = 40;
/// Hours in which everything must have ended once all are helpful.
const CALM_HOURS: usize = 400;

#[test]
fn random_runs_keep_the_promises() {
    for seed in 1..=SEEDS {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "seed {seed}");
    }
}

/// What the channel knows of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    InFlight,
    /// With the provider: must never be sent again.
    Taken,
    /// Its outcome allows another attempt.
    Free,
    /// May be with the provider: another attempt must be marked.
    Doubtful,
    /// The crash took the outcome, or a part of the batch that it was in.
    Any,
}

struct World {
    random: u64,
    now: Timestamp,
    config: RouterConfig,
    router: Router,
    ledger: MemoryLedger,
    durable: MemoryLedger,
    /// What the router may still dispatch.
    credit: BTreeMap<ProviderName, u32>,
    fates: BTreeMap<PartId, (ProviderName, Fate)>,
    /// Inputs without acknowledgement or reply, by token; sent again after a crash.
    waiting: BTreeMap<u64, Input>,
    to_send: Vec<Input>,
    batch: Effects,
    touched: Vec<PartId>,
    submitted: Vec<DeliveryId>,
    accepted: BTreeSet<MessageId>,
    /// Callbacks about each delivery in the order in which they were made.
    made: BTreeMap<DeliveryId, Vec<MessageId>>,
    /// Deliveries one of whose callbacks was made in a batch that a crash cut.
    cut: BTreeSet<DeliveryId>,
    next_token: u64,
    calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let policies = [
            UnknownOutcome::HoldForReceipt,
            UnknownOutcome::Resend,
            UnknownOutcome::NextRoute,
        ];
        let unknown_outcome = policies[seed as usize % 3];
        let routes = vec![Route {
            unknown_outcome,
            ..route("", &["acme", "other"])
        }];
        let config = RouterConfig {
            routes,
            unknown_after_restart: policies[seed as usize / 3 % 3],
            attempts_max: 6,
            ..config()
        };
        Self {
            random: seed,
            now: START,
            router: Router::new(config.clone(), seed),
            config,
            ledger: MemoryLedger::new(),
            durable: MemoryLedger::new(),
            credit: BTreeMap::new(),
            fates: BTreeMap::new(),
            waiting: BTreeMap::new(),
            to_send: Vec::new(),
            batch: Effects::default(),
            touched: Vec::new(),
            submitted: Vec::new(),
            accepted: BTreeSet::new(),
            made: BTreeMap::new(),
            cut: BTreeSet::new(),
            next_token: 0,
            calm: false,
        }
    }

    fn run(mut self) {
        let mut source = Bench::new();
        for _ in 0..STEPS {
            self.step(&mut source);
        }
        self.calm = true;
        for _ in 0..CALM_HOURS {
            self.now = self.now.plus_ms(HOUR);
            for _ in 0..3 {
                self.step(&mut source);
            }
        }
        assert!(
            self.waiting.is_empty(),
            "never acknowledged: {:?}",
            self.waiting
        );
        for (id, state) in self.ledger.deliveries() {
            assert_eq!(state.phase, Phase::Done, "{id:?} {state:?}");
            assert_ne!(state.state, State::Accepted, "{id:?} {state:?}");
        }
        for id in self.submitted {
            assert!(
                self.ledger.delivery(id).unwrap().is_some(),
                "{id:?} is lost"
            );
            assert!(
                self.accepted.contains(&id.message),
                "{id:?} was never answered"
            );
        }
        assert_eq!(self.ledger.parked_receipts().count(), 0);
    }

    /// A number below `limit`.
    fn draw(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize % limit
    }

    /// One batch: some inputs, then the records become durable and the actions are performed, or
    /// the process dies before.
    fn step(&mut self, source: &mut Bench) {
        self.now = self.now.plus_ms(self.draw(3_000) as u64);
        source.now = self.now;
        for _ in 0..=self.draw(6) {
            self.something_happens(source);
        }
        for input in std::mem::take(&mut self.to_send) {
            self.handle(input);
        }
        if self.calm || self.router.work_left() {
            self.handle(Input::Tick);
        }
        if !self.calm && self.draw(40) == 0 {
            self.crash();
        } else {
            self.commit();
        }
    }

    fn something_happens(&mut self, source: &mut Bench) {
        let provider = ProviderName::from(["acme", "other", "webhook"][self.draw(3)]);
        match self.draw(10) {
            0 | 1 if self.submitted.len() < MESSAGES => self.submit(source),
            2 | 3 => self.grant(provider, 4),
            4 if !self.calm && self.draw(4) == 0 => {
                self.credit.remove(&provider);
                self.handle(Input::Down { provider });
            }
            5 if !self.calm && self.draw(8) == 0 && !self.submitted.is_empty() => {
                let chosen = self.draw(self.submitted.len());
                let message = self.submitted[chosen].message;
                self.handle(Input::Cancel {
                    token: Token(0),
                    message,
                    account: "shop".into(),
                });
            }
            6 => self.handle(Input::Tick),
            _ => self.report(),
        }
        if self.calm {
            for name in ["acme", "other", "webhook"] {
                self.grant(name.into(), 4);
            }
            while self.fates.values().any(|(_, fate)| *fate == Fate::InFlight) {
                self.report();
            }
        }
    }

    fn submit(&mut self, source: &mut Bench) {
        let states = [
            State::Sent,
            State::Delivered,
            State::Failed,
            State::Unknown,
            State::Expired,
        ];
        let mut message = source.watched(&states);
        message.idempotency_key = message.id.to_string();
        message.expires_at = self.now.plus_ms([60 * SECOND, 48 * HOUR][self.draw(2)]);
        if self.draw(5) == 0 {
            message.callback_states = StateSet::NONE;
        }
        if self.draw(4) == 0 {
            message.to.push("sms:+33".into());
        }
        for recipient in 0..message.to.len() as u16 {
            self.submitted.push(DeliveryId {
                message: message.id,
                recipient,
            });
        }
        self.expect(|token| Input::Submit {
            token,
            messages: vec![message],
        });
    }

    fn grant(&mut self, provider: ProviderName, credit: u32) {
        *self.credit.entry(provider.clone()).or_default() += credit;
        self.handle(Input::Credit { provider, credit });
    }

    /// Sends an input that will be acknowledged or answered.
    fn expect(&mut self, input: impl FnOnce(Token) -> Input) {
        self.next_token += 1;
        let token = Token(self.next_token);
        let input = input(token);
        self.waiting.insert(token.0, input.clone());
        self.to_send.push(input);
    }

    /// One part gets its outcome, and perhaps its receipt before or after it.
    fn report(&mut self) {
        let reported: Vec<PartId> = self
            .fates
            .iter()
            .filter(|(_, (_, fate))| *fate == Fate::InFlight)
            .map(|(part, _)| *part)
            .collect();
        if reported.is_empty() {
            return;
        }
        let part = reported[self.draw(reported.len())];
        let provider = self.fates[&part].0.clone();
        let webhook = provider == ProviderName::webhook();
        let remote_id: RemoteId = format!("{:?}", (part, self.next_token)).into();
        let luck = if self.calm { 0 } else { self.draw(20) };
        let (outcome, fate) = match luck {
            0..=9 if webhook => (Outcome::Delivered, Fate::Taken),
            0..=9 => {
                let remote_id = Some(remote_id.clone());
                (
                    Outcome::Accepted {
                        remote_id,
                        receipt_expected: true,
                    },
                    Fate::Taken,
                )
            }
            10 | 11 => (retry(), Fate::Free),
            12 | 13 => (throttled(), Fate::Free),
            14 | 15 => (Outcome::NotSent, Fate::Free),
            16 => (next_route(), Fate::Free),
            17 => (refused(), Fate::Taken),
            _ => (
                Outcome::Unknown {
                    error: code(0, "timer"),
                },
                Fate::Doubtful,
            ),
        };
        self.fates.insert(part, (provider.clone(), fate));
        self.touched.push(part);
        let with_receipt = fate == Fate::Taken && !webhook && luck < 10;
        let early = self.draw(4) == 0;
        let parts_total = parts_total(part.delivery, &provider);
        let outcome = Input::Outcome {
            provider: provider.clone(),
            part,
            parts_total,
            outcome,
        };
        if with_receipt && early {
            self.send_receipt(&provider, &remote_id);
            for input in std::mem::take(&mut self.to_send) {
                self.handle(input);
            }
        }
        self.handle(outcome);
        if with_receipt && !early && (self.calm || self.draw(10) > 0) {
            self.send_receipt(&provider, &remote_id);
        }
    }

    fn send_receipt(&mut self, provider: &ProviderName, remote_id: &RemoteId) {
        let states = [
            State::Sent,
            State::Failed,
            State::Expired,
            State::Delivered,
            State::Delivered,
        ];
        for _ in 0..=self.draw(2) {
            let state = states[self.draw(5)];
            let (provider, remote_ids) = (provider.clone(), vec![remote_id.clone()]);
            let error = None;
            self.expect(|token| Input::Receipt {
                provider,
                remote_ids,
                state,
                error,
                otherwise: None,
                token,
            });
        }
    }

    fn handle(&mut self, input: Input) {
        let first = self.batch.records.len();
        self.router
            .handle(self.now, input, &mut self.ledger, &mut self.batch)
            .unwrap();
        self.apply_from(first);
    }

    fn apply_from(&mut self, first: usize) {
        for record in &self.batch.records[first..] {
            if let Record::Changed {
                delivery, state, ..
            } = record
            {
                let former = self.ledger.delivery(*delivery).unwrap().unwrap().state;
                let done = former.phase == Phase::Done;
                assert!(
                    !done || state.phase == Phase::Done,
                    "{former:?} came back: {state:?}"
                );
            }
            if let Record::Accepted { message, .. } = record
                && let Content::Event(event) = &message.content
            {
                let about = DeliveryId {
                    message: event.message,
                    recipient: event.recipient,
                };
                self.made.entry(about).or_default().push(message.id);
            }
            self.ledger.apply(record.clone()).unwrap();
        }
    }

    fn commit(&mut self) {
        self.touched.clear();
        let batch = std::mem::take(&mut self.batch);
        batch
            .records
            .into_iter()
            .for_each(|record| self.durable.apply(record).unwrap());
        for action in batch.actions {
            match action {
                Action::Reply { token, .. } => {
                    let Some(Input::Submit { messages, .. }) = self.waiting.remove(&token.0) else {
                        continue;
                    };
                    self.accepted
                        .extend(messages.iter().map(|message| message.id));
                }
                Action::Acknowledge { token, .. } => drop(self.waiting.remove(&token.0)),
                Action::CancelReply { .. } => {}
                Action::Dispatch { provider, dispatch } => self.dispatched(provider, &dispatch),
            }
        }
    }

    fn dispatched(&mut self, provider: ProviderName, dispatch: &Dispatch) {
        let delivery = dispatch.delivery;
        let state = self.ledger.delivery(delivery).unwrap().unwrap().state;
        for part in 1..=parts_total(delivery, &provider) {
            let part = PartId { delivery, part };
            let former = self.fates.get(&part).map(|(_, fate)| *fate);
            if dispatch.parts_done.contains(&part.part) {
                assert_ne!(former, None, "{part:?} is said to be done");
                continue;
            }
            match former {
                None | Some(Fate::Free | Fate::Any) => {}
                Some(Fate::Doubtful) => assert!(state.duplicate_possible, "{part:?} {state:?}"),
                Some(fate @ (Fate::InFlight | Fate::Taken)) => {
                    panic!("{part:?} is sent again: {fate:?}, {state:?}")
                }
            }
            self.fates.insert(part, (provider.clone(), Fate::InFlight));
        }
        if dispatch.message.kind == Kind::Callback {
            self.check_callback_order(&dispatch.message);
        }
    }

    /// All callbacks about the delivery that were made before this one are done.
    fn check_callback_order(&mut self, callback: &Message) {
        let Content::Event(event) = &callback.content else {
            panic!("{callback:?}")
        };
        let about = DeliveryId {
            message: event.message,
            recipient: event.recipient,
        };
        if self.cut.contains(&about) {
            return;
        }
        for earlier in self.made[&about]
            .iter()
            .take_while(|id| **id != callback.id)
        {
            let id = DeliveryId {
                message: *earlier,
                recipient: 0,
            };
            let state = self.ledger.delivery(id).unwrap().unwrap().state;
            assert_eq!(
                state.phase,
                Phase::Done,
                "{:?} overtook {id:?}",
                callback.id
            );
        }
    }

    /// The process dies before the actions; the disk keeps a beginning of the batch.
    fn crash(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let kept = self.draw(batch.records.len() + 1);
        batch.records[..kept]
            .iter()
            .for_each(|record| self.durable.apply(record.clone()).unwrap());
        for record in &batch.records {
            let Record::Accepted { message, .. } = record else {
                continue;
            };
            let Content::Event(event) = &message.content else {
                continue;
            };
            self.cut.insert(DeliveryId {
                message: event.message,
                recipient: event.recipient,
            });
        }
        for part in self.touched.drain(..) {
            self.fates.get_mut(&part).unwrap().1 = Fate::Any;
        }
        for (_, fate) in self.fates.values_mut() {
            if *fate == Fate::InFlight {
                *fate = Fate::Doubtful;
            }
        }
        self.credit.clear();
        self.ledger = self.durable.clone();
        self.router = Router::new(self.config.clone(), self.random);
        self.to_send = self.waiting.values().cloned().collect();
        loop {
            let first = self.batch.records.len();
            let more = self
                .router
                .recover(self.now, &mut self.ledger, &mut self.batch)
                .unwrap();
            self.apply_from(first);
            if !more {
                break;
            }
        }
        self.commit();
    }
}

/// The channels cut one message of three into two parts, whoever carries it.
fn parts_total(delivery: DeliveryId, provider: &ProviderName) -> u8 {
    let long = (delivery.message.0 >> 64).is_multiple_of(3) && *provider != ProviderName::webhook();
    1 + u8::from(long)
}
