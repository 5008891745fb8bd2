//! The one helper of the router's tests: a router over a ledger in memory, a virtual clock, a seed,
//! and a channel that does what the test says.
#![allow(dead_code)] // Each test file is a program of its own and uses a part of this.
#![allow(clippy::unwrap_used, unreachable_pub)] // Test code, shared as a module.

use std::sync::Arc;

use signalbox_router::{
    Action, CallbackEvent, CancelResult, Content, DeliveryId, DeliveryState, Dispatch, Effects,
    ErrorCode, Event, Input, Kind, Ledger, MemoryLedger, Message, MessageId, Outcome, PartId,
    Priority, ProviderName, Record, RemoteId, Route, Router, RouterConfig, State, StateSet,
    SubmitResult, Timestamp, Token, UnknownOutcome,
};

/// Where the clock of every test starts.
pub const START: Timestamp = Timestamp(1_800_000_000_000);
pub const SECOND: u64 = 1_000;
pub const HOUR: u64 = 3_600 * SECOND;
/// Validity of messages made by [`Bench::message`].
pub const VALIDITY_MS: u64 = 48 * HOUR;
/// More follow-up ticks than this mean that the router spins.
const TICKS_MAX: usize = 100;

pub struct Bench {
    pub router: Router,
    pub ledger: MemoryLedger,
    pub now: Timestamp,
    pub seed: u64,
    pub config: RouterConfig,
    /// Dispatches that the test has not looked at.
    pub sent: Vec<(ProviderName, Dispatch)>,
    pub replies: Vec<Vec<SubmitResult>>,
    pub cancels: Vec<CancelResult>,
    pub acknowledged: Vec<Token>,
    /// Records of the last input and of the ticks that followed it.
    pub records: Vec<Record>,
    made: u64,
}

impl Bench {
    /// `sms:` goes to `acme`, then `other`; everything else has no route.
    pub fn new() -> Self {
        Self::with(RouterConfig {
            routes: vec![route("", &["acme", "other"])],
            ..config()
        })
    }

    pub fn with(config: RouterConfig) -> Self {
        Self {
            router: Router::new(config.clone(), 1),
            ledger: MemoryLedger::new(),
            now: START,
            seed: 1,
            config,
            sent: Vec::new(),
            replies: Vec::new(),
            cancels: Vec::new(),
            acknowledged: Vec::new(),
            records: Vec::new(),
            made: 0,
        }
    }

    /// With this policy for outcomes that are unknown.
    pub fn with_unknown(unknown_outcome: UnknownOutcome) -> Self {
        let route = Route {
            unknown_outcome,
            ..route("", &["acme", "other"])
        };
        Self::with(RouterConfig {
            routes: vec![route],
            ..config()
        })
    }

    /// A message to one number; the test changes what it wants.
    pub fn message(&mut self) -> Message {
        self.made += 1;
        Message {
            id: MessageId::new(self.now, u128::from(self.made) << 12),
            kind: Kind::Outgoing,
            account: Arc::from("shop"),
            from: "100".into(),
            to: vec![format!("sms:+49{}", self.made)],
            subject: String::new(),
            content: Content::Text("hello".into()),
            priority: Priority::Normal,
            accepted_at: self.now,
            not_before: Timestamp(0),
            expires_at: self.now.plus_ms(VALIDITY_MS),
            idempotency_key: String::new(),
            request_hash: self.made,
            callback_url: "".into(),
            callback_states: StateSet::NONE,
            parent: None,
            provider: None,
            metadata: vec![("order".into(), "7".into())],
            options: Vec::new(),
        }
    }

    /// A message that wants a callback for each of `states`.
    pub fn watched(&mut self, states: &[State]) -> Message {
        let set = states
            .iter()
            .fold(StateSet::NONE, |set, state| set.with(*state));
        Message {
            callback_url: "https://app.example/cb".into(),
            callback_states: set,
            ..self.message()
        }
    }

    pub fn input(&mut self, input: Input) {
        self.records.clear();
        self.one(input);
        let mut ticks = 0;
        while self.router.work_left() {
            self.one(Input::Tick);
            ticks += 1;
            assert!(ticks < TICKS_MAX, "the router spins");
        }
    }

    fn one(&mut self, input: Input) {
        let mut effects = Effects::default();
        self.router
            .handle(self.now, input, &mut self.ledger, &mut effects)
            .unwrap();
        self.perform(effects);
    }

    fn perform(&mut self, effects: Effects) {
        for record in effects.records {
            self.ledger.apply(record.clone()).unwrap();
            self.records.push(record);
        }
        for action in effects.actions {
            match action {
                Action::Reply { results, .. } => self.replies.push(results),
                Action::CancelReply { result, .. } => self.cancels.push(result),
                Action::Dispatch { provider, dispatch } => self.sent.push((provider, dispatch)),
                Action::Acknowledge { token, .. } => self.acknowledged.push(token),
            }
        }
    }

    /// Forgets everything but the ledger and starts again, a second later.
    pub fn restart(&mut self) {
        self.now = self.now.plus_ms(SECOND);
        self.seed += 1;
        self.router = Router::new(self.config.clone(), self.seed);
        self.sent.clear();
        loop {
            let mut effects = Effects::default();
            let more = self
                .router
                .recover(self.now, &mut self.ledger, &mut effects)
                .unwrap();
            self.perform(effects);
            if !more {
                break;
            }
        }
    }

    pub fn wait(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.input(Input::Tick);
    }

    pub fn submit(&mut self, messages: Vec<Message>) -> Vec<SubmitResult> {
        self.input(Input::Submit {
            token: Token(0),
            messages,
        });
        self.replies.pop().unwrap()
    }

    /// Submits one message; answers with its first delivery.
    pub fn accept(&mut self, message: Message) -> DeliveryId {
        let id = DeliveryId {
            message: message.id,
            recipient: 0,
        };
        let results = self.submit(vec![message]);
        assert!(
            matches!(results[..], [SubmitResult::Accepted { .. }]),
            "{results:?}"
        );
        id
    }

    /// Submits a message to a provider with one credit, so that it leaves at once.
    pub fn send(&mut self, message: Message) -> DeliveryId {
        self.credit("acme", 1);
        let id = self.accept(message);
        assert_eq!(self.sent.pop().unwrap().1.delivery, id);
        id
    }

    pub fn credit(&mut self, provider: &str, credit: u32) {
        self.input(Input::Credit {
            provider: provider.into(),
            credit,
        });
    }

    pub fn outcome(&mut self, provider: &str, delivery: DeliveryId, outcome: Outcome) {
        self.part_outcome(provider, delivery, 1, 1, outcome);
    }

    pub fn part_outcome(
        &mut self,
        provider: &str,
        delivery: DeliveryId,
        part: u8,
        parts_total: u8,
        outcome: Outcome,
    ) {
        let part = PartId { delivery, part };
        self.input(Input::Outcome {
            provider: provider.into(),
            part,
            parts_total,
            outcome,
        });
    }

    /// Answers the dispatches of the webhook channel with 2xx; gives what they said.
    pub fn take_callbacks(&mut self) -> Vec<CallbackEvent> {
        let mut told = Vec::new();
        loop {
            let webhook = |sent: &(ProviderName, Dispatch)| sent.0 == ProviderName::webhook();
            let Some(at) = self.sent.iter().position(webhook) else {
                return told;
            };
            let (_, dispatch) = self.sent.remove(at);
            told.push(event(&dispatch));
            self.outcome(ProviderName::WEBHOOK, dispatch.delivery, Outcome::Delivered);
            self.credit(ProviderName::WEBHOOK, 1);
        }
    }

    pub fn receipt(&mut self, provider: &str, ids: &[&str], state: State) {
        let error = (state == State::Failed).then(|| code(7, "absent"));
        self.input(Input::Receipt {
            provider: provider.into(),
            remote_ids: ids.iter().map(|id| RemoteId::from(*id)).collect(),
            state,
            error,
            otherwise: None,
            token: Token(9),
        });
        assert_eq!(self.acknowledged.pop(), Some(Token(9)));
    }

    /// A text that only looks like a receipt.
    pub fn perhaps_receipt(&mut self, provider: &str, id: &str, message: Message) {
        self.input(Input::Receipt {
            provider: provider.into(),
            remote_ids: vec![id.into()],
            state: State::Delivered,
            error: None,
            otherwise: Some(Box::new(message)),
            token: Token(9),
        });
        assert_eq!(self.acknowledged.pop(), Some(Token(9)));
    }

    pub fn state(&mut self, id: DeliveryId) -> DeliveryState {
        self.ledger.delivery(id).unwrap().unwrap().state
    }

    pub fn events(&self, id: DeliveryId) -> Vec<Event> {
        let of = |record: &Record| match record {
            Record::Changed {
                delivery, event, ..
            } if *delivery == id => Some(event.clone()),
            _ => None,
        };
        self.records.iter().filter_map(of).collect()
    }

    /// Texts of what was dispatched: first recipients, in order.
    pub fn take_sent(&mut self) -> Vec<DeliveryId> {
        self.sent
            .drain(..)
            .map(|(_, dispatch)| dispatch.delivery)
            .collect()
    }
}

/// Short schedule without surprises: a second, then a minute.
pub fn config() -> RouterConfig {
    RouterConfig {
        retry_delays_ms: vec![SECOND, 60 * SECOND],
        ..RouterConfig::default()
    }
}

pub fn route(prefix: &str, providers: &[&str]) -> Route {
    Route {
        name: format!("to {prefix}"),
        scheme: "sms".into(),
        prefix: prefix.into(),
        providers: providers
            .iter()
            .map(|name| ProviderName::from(*name))
            .collect(),
        unknown_outcome: UnknownOutcome::default(),
    }
}

pub fn code(value: u32, name: &str) -> ErrorCode {
    ErrorCode::new(value, name)
}

pub fn taken(remote_id: &str) -> Outcome {
    Outcome::Accepted {
        remote_id: Some(remote_id.into()),
        receipt_expected: true,
    }
}

pub fn retry() -> Outcome {
    Outcome::RetryAfter {
        error: code(8, "ESME_RSYSERR"),
        after_ms: None,
    }
}

pub fn throttled() -> Outcome {
    Outcome::Throttled {
        error: code(0x58, "ESME_RTHROTTLED"),
    }
}

pub fn refused() -> Outcome {
    Outcome::Rejected {
        error: code(11, "ESME_RINVDSTADR"),
    }
}

pub fn next_route() -> Outcome {
    Outcome::NextRoute {
        error: code(0x0A, "ESME_RINVSRCADR"),
    }
}

pub fn unknown() -> Outcome {
    Outcome::Unknown {
        error: code(0, "response timer"),
    }
}

pub fn event(dispatch: &Dispatch) -> CallbackEvent {
    match &dispatch.message.content {
        Content::Event(event) => (**event).clone(),
        other => panic!("not a callback: {other:?}"),
    }
}
