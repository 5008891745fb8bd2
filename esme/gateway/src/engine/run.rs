//! The loop: gather a batch, decide, commit, perform.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use signalbox_adapters::{ChannelHandle, ToChannel};
use signalbox_router::{
    CancelResult, Dispatch, Effects, Input, Ledger as _, LedgerError, ProviderName, Router, Token,
};
use signalbox_store::{Condition, Position, Store};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::handle::{Command, EngineHandle, Refusal, Shared, Submitted};
use crate::clock::Clock;

/// Inputs decided before a commit. More wait for the next batch; a larger batch would only add
/// latency, since the cost of an fsync is already spread thin.
const BATCH_INPUTS_MAX: usize = 4_096;

/// Commands that may wait. Submits are bounded by [`EngineConfig::inbox_messages_max`] before.
const COMMANDS_MAX: usize = 4_096;

/// How often deadlines and due retries are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Ticks between two looks at the store's own work.
const HOUSEKEEPING_TICKS: u64 = 10;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Messages that may be between the API and the disk. More are refused with 503. Default
    /// 50,000.
    pub inbox_messages_max: usize,
    /// How long channels may take to finish when Signalbox stops. Default 30 s.
    pub drain_timeout: Duration,
}

/// What an engine is made of.
pub struct EngineParts {
    /// The decisions.
    pub router: Router,
    /// The memory.
    pub store: Store,
    /// The ways out, by provider.
    pub channels: Vec<ChannelHandle>,
    /// What comes back.
    pub inbox: mpsc::Receiver<Vec<Input>>,
    /// The time.
    pub clock: Clock,
}

/// Router, store and everything that waits for them.
pub struct Engine {
    pub(super) router: Router,
    pub(super) store: Store,
    pub(super) channels: HashMap<ProviderName, ChannelHandle>,
    pub(super) effects: Effects,
    pub(super) waiting: Waiting,
    pub(super) outbound: HashMap<ProviderName, Outbound>,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    applied: usize,
    next_token: u64,
    ticks: u64,
    /// The last commit failed, and was complained about.
    failing: bool,
    drain_timeout: Duration,
}

/// Callers whose answer depends on the next commit.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) submits: HashMap<Token, oneshot::Sender<Result<Submitted, Refusal>>>,
    pub(super) cancels: HashMap<Token, oneshot::Sender<Result<CancelResult, Refusal>>>,
}

/// What one commit lets go to one channel.
#[derive(Default)]
pub(super) struct Outbound {
    pub(super) dispatches: Vec<Dispatch>,
    pub(super) acknowledged: Vec<Token>,
}

impl Engine {
    /// Starts the engine's thread.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn spawn(
        parts: EngineParts,
        config: &EngineConfig,
    ) -> std::io::Result<(EngineHandle, std::thread::JoinHandle<()>)> {
        let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
        let shared = Arc::new(Shared {
            committed: AtomicU64::new(parts.store.position().0),
            history: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            store_ready: AtomicBool::new(true),
        });
        let handle = EngineHandle {
            commands,
            room: Arc::new(Semaphore::new(config.inbox_messages_max)),
            shared: Arc::clone(&shared),
        };
        let channels = parts
            .channels
            .into_iter()
            .map(|handle| (handle.provider.clone(), handle))
            .collect();
        let engine = Self {
            router: parts.router,
            store: parts.store,
            channels,
            effects: Effects::default(),
            waiting: Waiting::default(),
            outbound: HashMap::new(),
            clock: parts.clock,
            shared,
            applied: 0,
            next_token: 0,
            ticks: 0,
            failing: false,
            drain_timeout: config.drain_timeout,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || runtime.block_on(engine.run(commands_in, parts.inbox)))?;
        Ok((handle, thread))
    }

    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut inbox: mpsc::Receiver<Vec<Input>>,
    ) {
        self.recover();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stop_at: Option<Instant> = None;
        loop {
            let mut stop = false;
            tokio::select! {
                Some(inputs) = inbox.recv() => self.handle_all(inputs),
                Some(command) = commands.recv() => stop = self.handle_command(command),
                _ = ticks.tick() => self.tick(),
            }
            if self.router.work_left() {
                self.handle(Input::Tick);
            }
            let mut count = 1;
            while count < BATCH_INPUTS_MAX {
                let mut idle = true;
                if let Ok(inputs) = inbox.try_recv() {
                    count += inputs.len();
                    self.handle_all(inputs);
                    idle = false;
                }
                if let Ok(command) = commands.try_recv() {
                    count += 1;
                    stop |= self.handle_command(command);
                    idle = false;
                }
                if idle {
                    break;
                }
            }
            self.commit();
            if stop && stop_at.is_none() {
                stop_at = Some(Instant::now() + self.drain_timeout);
                self.drain_channels();
            }
            if stop_at.is_some_and(|at| Instant::now() >= at)
                || (inbox.is_closed() && inbox.is_empty())
            {
                break;
            }
        }
        self.finish();
    }

    /// What was under way when the process last ended is decided before anything else.
    fn recover(&mut self) {
        loop {
            let now = self.clock.now();
            let more = self.router.recover(now, &mut self.store, &mut self.effects);
            let more = self.settle(more);
            self.commit();
            if !more.unwrap_or(false) {
                return;
            }
        }
    }

    fn handle_all(&mut self, inputs: Vec<Input>) {
        for input in inputs {
            self.handle(input);
        }
    }

    /// Time passed: for the router, and for the store's own housekeeping.
    fn tick(&mut self) {
        let read_only = matches!(self.store.condition(), Condition::ReadOnly { .. });
        if !read_only {
            self.handle(Input::Tick);
        }
        self.ticks += 1;
        if !self.ticks.is_multiple_of(HOUSEKEEPING_TICKS) {
            return;
        }
        if read_only && let Err(error) = self.store.retry_probe() {
            tracing::error!(%error, "the store still cannot be written");
        }
        let history = Position(self.shared.history.load(Ordering::Acquire));
        if let Err(error) = self.store.retire(self.clock.now(), history) {
            tracing::warn!(%error, "an old segment of the journal could not be removed");
        }
        self.show_status();
    }

    fn show_status(&self) {
        let status = self.store.status();
        for (phase, count) in [
            ("queued", status.queued),
            ("dispatched", status.dispatched),
            ("awaiting_receipt", status.awaiting_receipt),
            ("parked", status.parked_messages),
        ] {
            metrics::gauge!("signalbox_deliveries", "phase" => phase).set(count as f64);
        }
        metrics::gauge!("signalbox_parked_receipts").set(status.parked_receipts as f64);
        metrics::gauge!("signalbox_store_bytes").set(status.journal_octets as f64);
        metrics::gauge!("signalbox_store_failures").set(status.failures as f64);
    }

    pub(super) fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        let result = self
            .router
            .handle(now, input, &mut self.store, &mut self.effects);
        self.settle(result);
    }

    /// Gives the new records to the store, so that the next input sees them.
    fn settle<T>(&mut self, result: Result<T, LedgerError>) -> Option<T> {
        let applied = self.effects.records[self.applied..]
            .iter()
            .try_for_each(|record| self.store.apply(record));
        self.applied = self.effects.records.len();
        match (result, applied) {
            (Ok(value), Ok(())) => Some(value),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "an input was not carried out");
                metrics::counter!("signalbox_engine_errors_total").increment(1);
                None
            }
        }
    }

    /// Returns whether the command was to stop.
    fn handle_command(&mut self, command: Command) -> bool {
        let token = Token(self.next_token);
        self.next_token += 1;
        match command {
            Command::Submit {
                messages,
                reply,
                _room,
            } => match self.refusal() {
                Some(refusal) => answer(reply, Err(refusal)),
                None => {
                    self.waiting.submits.insert(token, reply);
                    self.handle(Input::Submit { token, messages });
                }
            },
            Command::Cancel {
                message,
                account,
                reply,
            } => {
                self.waiting.cancels.insert(token, reply);
                self.handle(Input::Cancel {
                    token,
                    message,
                    account,
                });
            }
            Command::Stop => return true,
        }
        false
    }

    /// Why new messages are not taken, if they are not.
    fn refusal(&self) -> Option<Refusal> {
        if self.shared.stopping.load(Ordering::Acquire) {
            return Some(Refusal::Stopping);
        }
        match self.store.condition() {
            Condition::Ready => None,
            Condition::DiskFull => Some(Refusal::DiskFull),
            Condition::ReadOnly { reason } => Some(Refusal::StoreFailed(reason.clone())),
        }
    }

    /// Nothing more is dispatched; what is under way may end.
    fn drain_channels(&mut self) {
        tracing::info!("stopping: intake is closed, channels finish what is under way");
        let providers: Vec<ProviderName> = self.channels.keys().cloned().collect();
        for provider in providers {
            self.handle(Input::Down { provider });
        }
        self.commit();
        for channel in self.channels.values() {
            // A channel that has ended has nothing left to drain.
            let _ = channel.send(ToChannel::Drain);
        }
    }

    fn commit(&mut self) {
        let started = Instant::now();
        let records = self.effects.records.len();
        let result = self.store.commit();
        self.effects.records.clear();
        self.applied = 0;
        self.shared.store_ready.store(
            matches!(self.store.condition(), Condition::Ready),
            Ordering::Release,
        );
        match result {
            Ok(position) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the store can be written again");
                }
                self.shared.committed.store(position.0, Ordering::Release);
                if records > 0 {
                    metrics::histogram!("signalbox_store_commit_seconds")
                        .record(started.elapsed().as_secs_f64());
                    metrics::counter!("signalbox_store_records_total").increment(records as u64);
                }
                self.perform();
            }
            Err(error) => {
                // The store keeps the records and tries again with the next commit, so dispatches
                // and acknowledgements stay until one succeeds. They are bounded by the credit of
                // the channels. Callers are not kept waiting: they are told that it failed.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the batch is not on the disk");
                }
                self.refuse_batch(&Refusal::StoreFailed(error.to_string()));
            }
        }
    }

    fn finish(&mut self) {
        self.commit();
        self.refuse_batch(&Refusal::Stopping);
        if let Err(error) = self.store.checkpoint() {
            tracing::warn!(%error, "no checkpoint was written; the next start reads the journal");
        }
        tracing::info!("stopped: everything accepted is on the disk");
    }
}

/// Answers a caller; one that has gone away needs no answer.
pub(super) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}
