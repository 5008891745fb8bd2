//! What the sessions of an SMSC share. Each part has a lock of its own that is held for a batch's
//! worth of nanoseconds and never across an await.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::behaviour::Behaviour;
use crate::capture::Capture;
use crate::clock::{Clock, SmscTime};
use crate::conformance::Report;
use crate::delivery::About;
use crate::events::{Events, What};
use crate::record::{Batch, Ring};
use crate::registry::{Control, Registry};
use crate::samples::{Count, Samples};
use crate::scenario::Progress;
use crate::script::{Script, View};
use crate::settings::Settings;

/// Shared by all sessions of an SMSC.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
    /// What went over the wire.
    pub(crate) capture: Arc<Capture>,
    /// Told after each event.
    pub(crate) news: Notify,
    /// What clients do that they must not; `None`: nobody wants to know.
    pub(crate) conformance: Option<Arc<Report>>,
    clock: Mutex<Clock>,
    behaviour: Mutex<Arc<Behaviour>>,
    behaviour_version: AtomicU64,
    /// Whether any message was cancelled or replaced.
    plans_changed: AtomicBool,
    script: Mutex<Script>,
    progress: Mutex<Progress>,
    ring: Mutex<Ring>,
    events: Mutex<Events>,
    registry: Mutex<Registry>,
    samples: Mutex<Samples>,
}

impl Shared {
    /// State of an SMSC that starts with that clock.
    pub(crate) fn new(settings: Settings, clock: Clock, capture: Capture) -> Self {
        Self {
            conformance: settings.conformance.then(Arc::default),
            clock: Mutex::new(clock),
            counters: Counters::default(),
            capture: Arc::new(capture),
            news: Notify::new(),
            behaviour: Mutex::new(Arc::new(settings.behaviour.clone())),
            behaviour_version: AtomicU64::new(0),
            plans_changed: AtomicBool::new(false),
            script: Mutex::new(Script::new(settings.scenario.clone())),
            progress: Mutex::default(),
            ring: Mutex::new(Ring::new(settings.record_messages_max)),
            events: Mutex::default(),
            registry: Mutex::default(),
            samples: Mutex::default(),
            settings,
        }
    }

    /// The clock.
    pub(crate) fn clock(&self) -> MutexGuard<'_, Clock> {
        lock(&self.clock)
    }

    /// What the clock shows.
    pub(crate) fn time(&self) -> SmscTime {
        self.clock().at(Instant::now())
    }

    /// How messages are treated, with the number of that version.
    pub(crate) fn behaviour(&self) -> (u64, Arc<Behaviour>) {
        let behaviour = lock(&self.behaviour);
        let version = self.behaviour_version.load(Ordering::Acquire);
        (version, Arc::clone(&behaviour))
    }

    /// The number of the version that holds: cheap to compare with one's own.
    pub(crate) fn behaviour_version(&self) -> u64 {
        self.behaviour_version.load(Ordering::Acquire)
    }

    /// Changes how messages are treated.
    pub(crate) fn change_behaviour(&self, change: impl FnOnce(&mut Behaviour)) -> Arc<Behaviour> {
        let mut behaviour = lock(&self.behaviour);
        change(Arc::make_mut(&mut behaviour));
        self.behaviour_version.fetch_add(1, Ordering::Release);
        Arc::clone(&behaviour)
    }

    /// The scenario and the active faults.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }

    /// Changes the scenario or the active faults, and tells all sessions.
    pub(crate) fn change_script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        let mut script = self.script();
        let result = change(&mut script);
        // Under the lock: two changes reach the sessions in their order.
        self.tell_script(&script.view());
        result
    }

    /// How far the rules have come.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    fn tell_script(&self, view: &Arc<View>) {
        let control = Control::Script(Arc::clone(view));
        self.registry().tell_all(&control);
    }

    /// Keeps the messages of a batch.
    pub(crate) fn record(&self, at: SmscTime, batch: Batch) {
        let batch = Arc::new(batch);
        self.ring().push(Arc::clone(&batch));
        self.tell(at, Some(batch.session), What::Messages(batch));
    }

    /// Lets those who follow know what happened.
    pub(crate) fn tell(&self, at: SmscTime, session: Option<u64>, what: What) {
        self.events().push(at, session, what);
        self.news.notify_waiters();
    }

    /// What happened.
    pub(crate) fn events(&self) -> MutexGuard<'_, Events> {
        lock(&self.events)
    }

    /// Says that a message was cancelled or replaced.
    pub(crate) fn plans_changed(&self) {
        self.plans_changed.store(true, Ordering::Release);
    }

    /// Whether what was planned for a message still holds.
    pub(crate) fn holds(&self, about: &About) -> bool {
        if !self.plans_changed.load(Ordering::Acquire) {
            return true;
        }
        let ring = self.ring();
        ring.find(about.id)
            .is_none_or(|(_, entry, _)| entry.plan == about.plan)
    }

    /// The messages kept.
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        lock(&self.ring)
    }

    /// What was counted in the last minutes.
    pub(crate) fn samples(&self) -> MutexGuard<'_, Samples> {
        lock(&self.samples)
    }

    /// The sessions.
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }
}

/// No invariant spans two statements under these locks, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counters {
    /// What a sample is taken of.
    pub(crate) fn total(&self) -> Count {
        let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Count {
            messages: total(&self.messages_accepted),
            refused: total(&self.messages_refused),
            deliveries: total(&self.deliveries_sent),
        }
    }
}

/// Declares [`Counters`] and the plain numbers that a session adds up for them.
macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident, $metric:literal;)*) => {
        /// What happened since the start.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $($(#[doc = $doc])* pub(crate) $name: AtomicU64,)* }

        /// What happened in one turn of a session.
        #[derive(Debug, Default)]
        pub(crate) struct Tally { $($(#[doc = $doc])* pub(crate) $name: u64,)* }

        impl Counters {
            /// Adds what a session counted, and sets that to zero.
            pub(crate) fn add(&self, tally: &mut Tally) {
                $(if tally.$name != 0 {
                    self.$name.fetch_add(std::mem::take(&mut tally.$name), Ordering::Relaxed);
                })*
            }

            /// Name, meaning and value of each.
            pub(crate) fn metrics(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$(($metric, concat!($($doc),*), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections, "smscsim_connections_total";
    /// Connections refused because there were too many.
    connections_refused, "smscsim_connections_refused_total";
    /// Binds accepted.
    binds, "smscsim_binds_total";
    /// Binds refused.
    binds_refused, "smscsim_binds_refused_total";
    /// Messages answered with ESME_ROK.
    messages_accepted, "smscsim_messages_accepted_total";
    /// Messages answered with another status, or not at all.
    messages_refused, "smscsim_messages_refused_total";
    /// PDUs that were not legal or not readable.
    bad_pdus, "smscsim_bad_pdus_total";
    /// Receipts and mobile-originated messages sent.
    deliveries_sent, "smscsim_deliveries_sent_total";
    /// Those answered with ESME_ROK.
    deliveries_acknowledged, "smscsim_deliveries_acknowledged_total";
    /// Those answered with another status or not at all.
    deliveries_failed, "smscsim_deliveries_failed_total";
}
