//! The loop: gather a batch, decide, commit, perform.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use signalbox_adapters::{ChannelHandle, ToChannel};
use signalbox_router::{CancelResult, Dispatch, Effects, Input, ProviderName, Router, Token};
use signalbox_store::{Condition, Position, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::handle::{Command, EngineHandle, Refusal, Shared, Submitted};
use super::incoming::Incoming;
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
    pub(super) outbound: Vec<(ProviderName, Outbound)>,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    pub(super) incoming: Incoming,
    /// Records of the batch.
    pub(super) records: usize,
    /// Octets of the batch, roughly.
    pub(super) batch_octets: usize,
    /// The last commit failed; the store keeps the batch. Until one succeeds nothing is taken from
    /// the channels, which holds them back, and nothing is accepted.
    pub(super) failing: bool,
    /// What was under way at the last end is not decided yet, as the disk takes nothing.
    pub(super) recovering: bool,
    /// New messages are refused because little space is free.
    pub(super) is_disk_low: bool,
    /// An input was carried out in part. Only a start from the disk puts that right.
    pub(super) broken: bool,
    next_token: u64,
    ticks: u64,
    drain_timeout: Duration,
}

/// Callers whose answer depends on the next commit.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) submits: HashMap<Token, WaitingSubmit>,
    pub(super) cancels: HashMap<Token, oneshot::Sender<Result<CancelResult, Refusal>>>,
}

/// A submit with its room in the inbox, which is free again once the answer is given.
pub(super) struct WaitingSubmit {
    pub(super) reply: oneshot::Sender<Result<Submitted, Refusal>>,
    pub(super) _room: OwnedSemaphorePermit,
}

/// How the engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to.
    Stopped,
    /// It could not go on; the log says why. The next start goes on from the disk.
    Broken,
}

/// What one commit lets go to one channel.
#[derive(Default)]
pub(super) struct Outbound {
    pub(super) dispatches: Vec<Dispatch>,
    pub(super) acknowledged: Vec<Token>,
}

impl Engine {
    /// Starts the engine's thread. The receiver tells when and how it ended.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn spawn(
        parts: EngineParts,
        config: &EngineConfig,
    ) -> std::io::Result<(EngineHandle, oneshot::Receiver<Ending>)> {
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
            inbox_messages_max: config.inbox_messages_max,
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
            outbound: Vec::new(),
            clock: parts.clock,
            shared,
            incoming: Incoming::default(),
            records: 0,
            batch_octets: 0,
            failing: false,
            recovering: false,
            is_disk_low: false,
            broken: false,
            next_token: 0,
            ticks: 0,
            drain_timeout: config.drain_timeout,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (ended, ending) = oneshot::channel();
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                let how = runtime.block_on(engine.run(commands_in, parts.inbox));
                // Whoever started the engine may have gone.
                let _ = ended.send(how);
            })?;
        Ok((handle, ending))
    }

    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut inbox: mpsc::Receiver<Vec<Input>>,
    ) -> Ending {
        self.recover();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stop_at: Option<Instant> = None;
        while !self.broken {
            let open = !self.failing;
            let work_left = open && self.router.work_left();
            let mut stop = false;
            tokio::select! {
                Some(inputs) = inbox.recv(), if open => self.handle_all(inputs),
                Some(command) = commands.recv() => stop = self.handle_command(command),
                _ = ticks.tick() => self.tick(),
                () = std::future::ready(()), if work_left => self.handle(Input::Tick),
            }
            stop |= self.gather(&mut commands, &mut inbox);
            self.commit();
            if self.recovering && !self.failing {
                self.recover();
            }
            if stop && stop_at.is_none() {
                stop_at = Some(Instant::now() + self.drain_timeout);
                self.drain_channels();
            }
            let late = stop_at.is_some_and(|at| Instant::now() >= at);
            if late || (inbox.is_closed() && inbox.is_empty()) {
                break;
            }
        }
        self.finish()
    }

    /// Takes what else is there, up to a batch. Returns whether a command was to stop.
    fn gather(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        inbox: &mut mpsc::Receiver<Vec<Input>>,
    ) -> bool {
        let mut stop = false;
        let mut count = 1;
        let mut idle = false;
        while !idle && count < BATCH_INPUTS_MAX && !self.failing && !self.broken {
            idle = true;
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
        }
        stop
    }

    fn handle_all(&mut self, inputs: Vec<Input>) {
        for input in inputs {
            self.handle(input);
        }
    }

    /// Time passed: for the router, and for the store's own housekeeping.
    fn tick(&mut self) {
        if !self.failing {
            self.handle(Input::Tick);
        }
        self.ticks += 1;
        if !self.ticks.is_multiple_of(HOUSEKEEPING_TICKS) {
            return;
        }
        if matches!(self.store.condition(), Condition::ReadOnly { .. }) {
            // It complained when it began to fail, and will tell when it succeeds.
            let _ = self.store.retry_probe();
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

    /// Returns whether the command was to stop.
    fn handle_command(&mut self, command: Command) -> bool {
        let token = Token(self.next_token);
        self.next_token += 1;
        match command {
            Command::Submit {
                messages,
                reply,
                room,
            } => match self.refusal() {
                Some(refusal) => answer(reply, Err(refusal)),
                None => {
                    let waiting = WaitingSubmit { reply, _room: room };
                    self.waiting.submits.insert(token, waiting);
                    self.handle(Input::Submit { token, messages });
                }
            },
            Command::Cancel {
                message,
                account,
                reply,
            } => {
                if self.failing || self.broken {
                    answer(reply, Err(Refusal::StoreFailed("it is read-only".into())));
                } else {
                    self.waiting.cancels.insert(token, reply);
                    self.handle(Input::Cancel {
                        token,
                        message,
                        account,
                    });
                }
            }
            Command::Stop => return true,
        }
        false
    }

    /// Why new messages are not taken, if they are not.
    fn refusal(&self) -> Option<Refusal> {
        if self.broken || self.shared.stopping.load(Ordering::Acquire) {
            return Some(Refusal::Stopping);
        }
        match self.store.condition() {
            Condition::Ready if self.failing => {
                Some(Refusal::StoreFailed("the last write failed".into()))
            }
            Condition::Ready => None,
            Condition::DiskFull => Some(Refusal::DiskFull),
            Condition::ReadOnly { reason } => Some(Refusal::StoreFailed(reason.clone())),
        }
    }

    /// Nothing more is dispatched; what is under way may end.
    fn drain_channels(&mut self) {
        tracing::info!("stopping: intake is closed, channels finish what is under way");
        let providers: Vec<ProviderName> = self.channels.keys().cloned().collect();
        if !self.failing {
            for provider in providers {
                self.handle(Input::Down { provider });
            }
            self.commit();
        }
        for channel in self.channels.values() {
            // A channel that has ended has nothing left to drain.
            let _ = channel.send(ToChannel::Drain);
        }
    }

    fn finish(&mut self) -> Ending {
        self.commit();
        self.refuse_batch(&Refusal::Stopping);
        if self.broken {
            return Ending::Broken;
        }
        if let Err(error) = self.store.checkpoint() {
            tracing::warn!(%error, "no checkpoint was written; the next start reads the journal");
        }
        if self.failing {
            tracing::error!("stopped, and the last batch is not on the disk");
            return Ending::Broken;
        }
        tracing::info!("stopped: everything accepted is on the disk");
        Ending::Stopped
    }
}

/// Answers a caller; one that has gone away needs no answer.
pub(super) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}
