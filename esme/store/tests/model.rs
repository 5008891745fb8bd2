//! The store against the model of the router crate: random work, with the store opened anew at
//! random points and an index so small that most of it is on the disk.

mod common;

use std::sync::Arc;

use common::faulty::FaultyDisk;
use common::{Random, START, message};
use signalbox_router::{
    DeliveryId, DeliveryState, Event, Ledger, MemoryLedger, MessageId, ParkedReceipt, PartState,
    Phase, Priority, ProviderName, Record, State, Timestamp,
};
use signalbox_store::{Store, StoreConfig};

const PROVIDERS: [&str; 3] = ["acme", "beta", "webhook"];

const PHASES: [Phase; 6] = [
    Phase::Queued,
    Phase::Dispatched,
    Phase::AwaitingReceipt,
    Phase::Blocked,
    Phase::Parked,
    Phase::Done,
];

const PRIORITIES: [Priority; 3] = [Priority::Lowest, Priority::Normal, Priority::Highest];

struct Pair {
    random: Random,
    config: StoreConfig,
    /// Never fails here, and needs no real sync.
    disk: FaultyDisk,
    store: Option<Store>,
    model: MemoryLedger,
    deliveries: Vec<DeliveryId>,
    remote_ids: u64,
    receipts: u64,
    now: Timestamp,
}

impl Pair {
    fn new(seed: u64, path: &std::path::Path) -> Self {
        let config = StoreConfig {
            hot_entries_max: 16,
            segment_octets: 16 << 10,
            checkpoint_octets: 8 << 10,
            body_cache_octets: 4 << 10,
            ..common::config(path)
        };
        let disk = FaultyDisk::new();
        let (store, _) = Store::open_on(config.clone(), Arc::new(disk.clone())).expect("a store");
        Self {
            random: Random(seed),
            config,
            disk,
            store: Some(store),
            model: MemoryLedger::new(),
            deliveries: Vec::new(),
            remote_ids: 0,
            receipts: 0,
            now: START,
        }
    }

    fn store(&mut self) -> &mut Store {
        self.store
            .as_mut()
            .expect("open but for a moment in reopen()")
    }

    fn apply(&mut self, record: Record) {
        self.model
            .apply(record.clone())
            .expect("the model takes it");
        self.store().apply(record).expect("the store takes it");
    }

    fn provider(&mut self) -> ProviderName {
        PROVIDERS[self.random.below(3) as usize].into()
    }

    fn state(&mut self) -> DeliveryState {
        let phase = PHASES[self.random.below(6) as usize];
        let mut parts = Vec::new();
        for _ in 0..self.random.below(3) {
            self.remote_ids += 1;
            let known = self.random.below(4) > 0;
            let remote_id = known.then(|| common::remote_id(self.remote_ids));
            parts.push(PartState {
                state: State::Sent,
                remote_id,
                error: None,
            });
        }
        DeliveryState {
            phase,
            state: State::Sent,
            provider: Some(self.provider()),
            priority: PRIORITIES[self.random.below(3) as usize],
            due_at: Timestamp(self.now.0 + self.random.below(2_000)),
            order: self.random.below(1_000),
            deadline_at: Timestamp(match self.random.below(3) {
                0 => 0,
                _ => self.now.0 + self.random.below(3_000),
            }),
            parts,
            ..DeliveryState::default()
        }
    }

    fn accept(&mut self) {
        let mut message = message(self.deliveries.len() as u64);
        message.accepted_at = self.now;
        let recipients = 1 + self.random.below(3) as u16;
        message.to = (0..recipients).map(|to| format!("sms:{to}")).collect();
        if self.random.below(2) == 0 {
            message.idempotency_key = format!("key {}", self.random.below(500));
        }
        let states: Vec<_> = (0..recipients).map(|_| self.state()).collect();
        for recipient in 0..recipients {
            self.deliveries.push(DeliveryId {
                message: message.id,
                recipient,
            });
        }
        self.apply(Record::Accepted {
            message: Arc::new(message),
            states,
        });
    }

    fn change(&mut self) {
        let Some(delivery) = self.any_delivery() else {
            return;
        };
        let former = self
            .model
            .delivery(delivery)
            .expect("an answer")
            .expect("known")
            .state;
        let mut state = self.state();
        match self.random.below(4) {
            // Back to the very same place in the queue, or only a note.
            0 => {
                state = DeliveryState {
                    phase: Phase::Queued,
                    ..former
                }
            }
            1 => {
                state = DeliveryState {
                    attempts: former.attempts + 1,
                    ..former
                }
            }
            2 => state.parts = former.parts,
            _ => {}
        }
        let event = Event::NotSent;
        self.apply(Record::Changed {
            delivery,
            at: self.now,
            event,
            state,
        });
    }

    fn park(&mut self) {
        self.receipts += 1;
        let number = self.receipts;
        let provider = self.provider();
        let deadline_at = Timestamp(self.now.0 + self.random.below(2_000));
        self.apply(Record::Parked(ParkedReceipt {
            provider,
            // Receipts share forms, even one's first with another's second.
            remote_ids: vec![
                format!("P{number}").into(),
                format!("P{}", number / 2).into(),
                format!("P{}", number / 3).into(),
            ],
            state: State::Delivered,
            error: None,
            at: self.now,
            deadline_at,
        }));
    }

    fn unpark(&mut self) {
        let some = self.random.below(self.receipts + 1);
        let receipts: Vec<_> = self.model.parked_receipts().cloned().collect();
        let Some(receipt) = receipts.get(some as usize % receipts.len().max(1)) else {
            return;
        };
        self.apply(Record::Unparked {
            provider: receipt.provider.clone(),
            remote_id: receipt.remote_ids[0].clone(),
            matched: None,
            at: self.now,
        });
    }

    fn any_delivery(&mut self) -> Option<DeliveryId> {
        let count = self.deliveries.len() as u64;
        (count > 0).then(|| self.deliveries[self.random.below(count) as usize])
    }

    fn reopen(&mut self) {
        self.store().commit().expect("committed");
        if self.random.below(2) == 0 {
            self.store().checkpoint().expect("a checkpoint");
        }
        self.store = None;
        let (store, report) =
            Store::open_on(self.config.clone(), Arc::new(self.disk.clone())).expect("opened again");
        assert_eq!((report.damages_total, report.rebuilt), (0, None));
        self.store = Some(store);
        let expected = self.model.dispatched(usize::MAX).expect("an answer");
        assert_eq!(
            self.store().dispatched(usize::MAX).expect("an answer"),
            expected
        );
    }

    /// One question of each kind to both.
    fn compare(&mut self) {
        let provider = self.provider();
        let (now, max) = (self.now, 1 + self.random.below(40) as usize);
        let remote_id = common::remote_id(self.random.below(self.remote_ids + 1));
        let key = format!("key {}", self.random.below(500));
        let parked = format!("P{}", self.random.below(self.receipts + 1));
        let delivery = self.any_delivery();
        let Self { store, model, .. } = self;
        let store = store.as_mut().expect("open");
        macro_rules! same {
            ($method:ident $arguments:tt) => {
                assert_eq!(
                    store.$method $arguments.expect("the store answers"),
                    model.$method $arguments.expect("the model answers"),
                    stringify!($method)
                )
            };
        }
        if let Some(delivery) = delivery {
            same!(delivery(delivery));
            same!(message(delivery.message));
        }
        same!(message(MessageId(7)));
        same!(by_remote_id(&provider, &remote_id));
        same!(by_idempotency_key("shop", &key));
        // The model forgets a shared form with the latest receipt that has it; the store does not.
        let expected = model.parked(&provider, &parked).expect("the model answers");
        let found = store.parked(&provider, &parked).expect("the store answers");
        assert!(
            expected.is_none() || found == expected,
            "{found:?}, not {expected:?}"
        );
        same!(claim(&provider, now, max));
        same!(has_queued(&provider, now));
        same!(overdue(now, max));
        let sorted = |mut receipts: Vec<ParkedReceipt>| {
            receipts.sort_by(|one, two| one.remote_ids.cmp(&two.remote_ids));
            receipts
        };
        assert_eq!(
            sorted(store.overdue_parked(now, usize::MAX).expect("an answer")),
            sorted(model.overdue_parked(now, usize::MAX).expect("an answer")),
        );
    }

    fn step(&mut self) {
        self.now = self.now.plus_ms(self.random.below(20));
        match self.random.below(100) {
            0..25 => self.accept(),
            25..65 => self.change(),
            65..70 => self.park(),
            70..74 => self.unpark(),
            74..84 => drop(self.store().commit().expect("committed")),
            84 => self.reopen(),
            85 => self.store().finish_merges().expect("merged"),
            _ => self.compare(),
        }
    }
}

#[test]
fn the_store_answers_as_the_model() {
    let seeds = if cfg!(debug_assertions) {
        0..12
    } else {
        0..300
    };
    for seed in seeds {
        let dir = tempfile::tempdir().expect("a folder");
        let mut pair = Pair::new(seed, dir.path());
        println!("seed {seed}");
        for _ in 0..1_500 {
            pair.step();
        }
        pair.reopen();
        let mut phases = [0; 6];
        for (_, state) in pair.model.deliveries() {
            phases[state.phase as usize] += 1;
        }
        let status = pair.store().status();
        assert_eq!(status.queued, phases[0] + phases[3], "seed {seed}");
        assert_eq!(status.dispatched, phases[1], "seed {seed}");
        assert_eq!(status.awaiting_receipt, phases[2], "seed {seed}");
        assert!(
            status.index_runs > 0,
            "seed {seed}: the index stayed in memory"
        );
    }
}
