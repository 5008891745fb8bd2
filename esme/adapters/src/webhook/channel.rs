//! The task of the webhook channel: takes callbacks, shares them out among workers, one pool of
//! connections per server, and reports their outcomes.
//!
//! A server that is slow or does not answer gets no more than its connections can carry; what
//! would wait for it goes back to the router's schedule at once, so that it stalls nobody else. A
//! server that has been quick may have more waiting, until it leaves that without a sign for
//! [`SIGN_WITHIN`].

use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt as _};
use signalbox_router::{DeliveryId, Dispatch, ErrorCode, Input, Outcome, PartId, ProviderName};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::config::{WebhookConfig, WebhookConfigError};
use super::connection::tls_connector;
use super::failures::{Failures, OutcomeCounters};
use super::outcome::refused;
use super::pool::Pool;
use super::request::RequestWriter;
use super::target::{Origin, Target, url};
use super::worker::{Batch, Job, Progress, Report, Reporter, Shared, Worker};
use crate::channel::{ChannelHandle, Inbox, ToChannel};

/// Callbacks that may be with this channel at a time.
const CREDIT: u32 = 4_096;
/// Callbacks that may wait for one server without a sign of it, an eighth of all.
pub(super) const WAITING_UNSEEN_MAX: usize = CREDIT as usize / 8;
/// Time in which a server with more than [`WAITING_UNSEEN_MAX`] waiting callbacks must finish one.
const SIGN_WITHIN: Duration = Duration::from_millis(250);
/// URLs whose parts are remembered.
const TARGETS_MAX: usize = 4_096;
/// Servers with connections or waiting callbacks at a time; callbacks to more are retried later.
const POOLS_MAX: usize = 1_024;
/// Connections that a server gets before callbacks have to wait for more.
const CONNECTIONS_EAGER: usize = 8;
/// Callbacks per connection that wait before another connection is opened, to a server whose
/// connections carry no more at once.
const WAITING_PER_CONNECTION: usize = 4;
/// Messages of each source that are taken in one turn.
const TURN_MESSAGES_MAX: usize = 64;

/// The webhook channel, started.
#[derive(Debug)]
pub struct WebhookChannel {
    /// The engine's end.
    pub handle: ChannelHandle,
    /// Ends after [`ToChannel::Drain`], or when the handle is gone, once all that was under way
    /// has its outcome.
    pub task: JoinHandle<()>,
}

impl WebhookChannel {
    /// Starts the channel.
    ///
    /// # Errors
    /// The authorities for `https` cannot be read.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(config: WebhookConfig, inbox: Inbox) -> Result<Self, WebhookConfigError> {
        let tls = tls_connector(config.ca.as_deref())?;
        let (handle, commands) = ChannelHandle::new(ProviderName::webhook());
        let (reports_sender, reports) = mpsc::unbounded_channel();
        let task = Task {
            provider: ProviderName::webhook(),
            shared: Arc::new(Shared { config, tls }),
            targets: HashMap::new(),
            pools: Vec::new(),
            pool_of: HashMap::new(),
            worker_numbers: 0,
            commands,
            reports,
            reports_sender,
            inbox,
            inputs: Vec::new(),
            counters: OutcomeCounters::new(),
            failures: Failures::default(),
            granted: 0,
            under_way: 0,
            draining: false,
        };
        Ok(Self {
            handle,
            task: tokio::spawn(task.run()),
        })
    }
}

struct Task {
    provider: ProviderName,
    shared: Arc<Shared>,
    targets: HashMap<String, Arc<Target>>,
    pools: Vec<Pool>,
    pool_of: HashMap<Origin, usize>,
    worker_numbers: u64,
    commands: mpsc::UnboundedReceiver<ToChannel>,
    /// One report per batch of a worker, so never more than callbacks under way.
    reports: mpsc::UnboundedReceiver<Report>,
    reports_sender: mpsc::UnboundedSender<Report>,
    inbox: Inbox,
    inputs: Vec<Input>,
    counters: OutcomeCounters,
    /// Of callbacks that have no server.
    failures: Failures,
    granted: u32,
    under_way: u32,
    draining: bool,
}

impl Task {
    async fn run(mut self) {
        loop {
            self.grant();
            if !self.inputs.is_empty() {
                let capacity = self.inputs.len();
                let batch = std::mem::replace(&mut self.inputs, Vec::with_capacity(capacity));
                if self.inbox.send(batch).await.is_err() {
                    return;
                }
            }
            if self.draining && self.under_way == 0 {
                return;
            }
            let unseen_at = self.unseen_at();
            tokio::select! {
                report = self.reports.recv() => {
                    self.take_report(report.expect("this task holds a sender"));
                }
                command = self.commands.recv(), if !self.draining => match command {
                    Some(command) => self.take_command(command),
                    None => self.drain(),
                },
                () = wait_until(unseen_at) => {}
            }
            self.take_more();
            // Once for all that a turn brought, so that a worker gets a batch and not its first.
            for index in 0..self.pools.len() {
                self.hand_out(index);
            }
            self.check_unseen();
        }
    }

    fn take_more(&mut self) {
        for _ in 0..TURN_MESSAGES_MAX {
            match self.reports.try_recv() {
                Ok(report) => self.take_report(report),
                Err(_) => break,
            }
        }
        for _ in 0..TURN_MESSAGES_MAX {
            match self.commands.try_recv() {
                Ok(command) => self.take_command(command),
                Err(_) => break,
            }
        }
    }

    fn take_command(&mut self, command: ToChannel) {
        match command {
            ToChannel::Dispatch(dispatches) => {
                for dispatch in dispatches {
                    self.granted = self.granted.saturating_sub(1);
                    self.under_way += 1;
                    self.start(dispatch);
                }
            }
            // Nothing comes in through this channel.
            ToChannel::Acknowledge(_) => {}
            ToChannel::Drain => self.drain(),
        }
    }

    /// What waits goes back, what is on the wire is waited for.
    fn drain(&mut self) {
        self.draining = true;
        self.inputs.push(Input::Down {
            provider: self.provider.clone(),
        });
        for pool in 0..self.pools.len() {
            for job in std::mem::take(&mut self.pools[pool].waiting) {
                self.finish(job.dispatch.delivery, Outcome::NotSent);
            }
        }
    }

    fn start(&mut self, dispatch: Dispatch) {
        let delivery = dispatch.delivery;
        if self.draining {
            return self.finish(delivery, Outcome::NotSent);
        }
        let target = match self.target(url(&dispatch)) {
            Ok(target) => target,
            Err(reason) => {
                let outcome = refused(reason);
                self.failures.take(Instant::now(), "", &outcome);
                return self.finish(delivery, outcome);
            }
        };
        let Some(index) = self.pool(&target.origin) else {
            return self.finish(delivery, busy("callbacks to too many servers at a time"));
        };
        let connections_max = self.shared.config.connections_max;
        let pool = &mut self.pools[index];
        let all_busy = pool.idle.is_empty() && pool.workers.len() >= connections_max;
        if !pool.well && (all_busy || pool.waiting.len() >= connections_max) {
            return self.finish(delivery, busy(SLOW));
        }
        if pool.waiting.len() == WAITING_UNSEEN_MAX {
            pool.seen_at = Instant::now();
        }
        pool.waiting.push_back(Job { dispatch, target });
    }

    /// When the first server is to be called slow because it gave no sign.
    fn unseen_at(&self) -> Option<Instant> {
        let overfull = self.pools.iter().filter(|pool| pool.is_overfull());
        overfull.map(|pool| pool.seen_at + SIGN_WITHIN).min()
    }

    /// Takes back what waits for servers that gave no sign.
    fn check_unseen(&mut self) {
        let now = Instant::now();
        for index in 0..self.pools.len() {
            let pool = &self.pools[index];
            if pool.is_overfull() && pool.seen_at + SIGN_WITHIN <= now {
                self.set_well(index, false);
            }
        }
    }

    /// Notes how a server does; of what waits for a slow one only a little stays.
    fn set_well(&mut self, index: usize, well: bool) {
        let pool = &mut self.pools[index];
        pool.well = well;
        let waiting_max = self.shared.config.connections_max;
        if well || pool.waiting.len() <= waiting_max {
            return;
        }
        for job in pool.waiting.split_off(waiting_max) {
            self.finish(job.dispatch.delivery, busy(SLOW));
        }
    }

    fn target(&mut self, url: &str) -> Result<Arc<Target>, &'static str> {
        if let Some(target) = self.targets.get(url) {
            return Ok(Arc::clone(target));
        }
        let target = Arc::new(Target::parse(url)?);
        if self.targets.len() >= TARGETS_MAX {
            self.targets.clear();
        }
        self.targets.insert(url.to_owned(), Arc::clone(&target));
        Ok(target)
    }

    fn pool(&mut self, origin: &Origin) -> Option<usize> {
        if let Some(index) = self.pool_of.get(origin) {
            return Some(*index);
        }
        let fresh = Pool::new(origin.clone(), Instant::now());
        let unused = |pool: &Pool| pool.workers.is_empty() && pool.waiting.is_empty();
        let index = if self.pools.len() < POOLS_MAX {
            self.pools.push(fresh);
            self.pools.len() - 1
        } else {
            let index = self.pools.iter().position(unused)?;
            let former = std::mem::replace(&mut self.pools[index], fresh);
            self.pool_of.remove(&former.origin);
            index
        };
        self.pool_of.insert(origin.clone(), index);
        Some(index)
    }

    /// Gives waiting callbacks to idle workers, and opens a connection where that is worth it.
    fn hand_out(&mut self, index: usize) {
        let connections_max = self.shared.config.connections_max;
        loop {
            let pool = &mut self.pools[index];
            if pool.waiting.is_empty() {
                return;
            }
            let Some(number) = pool.idle.pop() else {
                let connections = pool.workers.len();
                let carried = pool.carried().max(WAITING_PER_CONNECTION);
                let worth_it =
                    connections < CONNECTIONS_EAGER || pool.waiting.len() >= connections * carried;
                if connections >= connections_max || !worth_it {
                    return;
                }
                self.open(index);
                continue;
            };
            let Some(worker) = pool.workers.get(&number) else {
                continue;
            };
            let share = pool.share();
            let batch = Batch {
                jobs: pool.waiting.drain(..share).collect(),
                pipelined: pool.is_pipelined(),
            };
            // An idle worker has room for one batch; one that has just ended gives it back.
            if let Err(error) = worker.try_send(batch) {
                pool.workers.remove(&number);
                for job in error.into_inner().jobs.into_iter().rev() {
                    pool.waiting.push_front(job);
                }
            }
        }
    }

    fn open(&mut self, index: usize) {
        self.worker_numbers += 1;
        let number = self.worker_numbers;
        let (sender, batches) = mpsc::channel(1);
        let pool = &mut self.pools[index];
        pool.workers.insert(number, sender);
        pool.idle.push(number);
        let reporter = Reporter {
            pool: index,
            worker: number,
            reports: self.reports_sender.clone(),
        };
        let worker = Worker {
            reporter,
            origin: pool.origin.clone(),
            shared: Arc::clone(&self.shared),
            batches,
            connection: None,
            writer: RequestWriter::default(),
        };
        tokio::spawn(worker.run());
    }

    fn take_report(&mut self, report: Report) {
        let Report {
            pool: index,
            worker,
            outcomes,
            took,
            pipelining_failed,
            progress,
        } = report;
        let now = Instant::now();
        self.pools[index].take_outcomes(now, &outcomes, took, pipelining_failed);
        for (delivery, outcome) in outcomes {
            self.finish(delivery, outcome);
        }
        let pool = &mut self.pools[index];
        match progress {
            Progress::Busy { well } => self.set_well(index, well),
            Progress::Idle { well, kept } => {
                pool.idle.push(worker);
                pool.set_kept(kept);
                self.set_well(index, well);
            }
            Progress::Failed { untried } => {
                pool.fail();
                pool.idle.push(worker);
                let waiting = std::mem::take(&mut pool.waiting);
                for job in untried.into_iter().chain(waiting) {
                    self.finish(
                        job.dispatch.delivery,
                        busy("the application does not answer"),
                    );
                }
            }
            Progress::Ended => {
                pool.workers.remove(&worker);
                pool.idle.retain(|idle| *idle != worker);
            }
        }
    }

    fn finish(&mut self, delivery: DeliveryId, outcome: Outcome) {
        self.under_way -= 1;
        self.counters.count(&outcome);
        self.inputs.push(Input::Outcome {
            provider: self.provider.clone(),
            part: PartId { delivery, part: 1 },
            parts_total: 1,
            outcome,
        });
    }

    fn grant(&mut self) {
        let credit = CREDIT.saturating_sub(self.granted + self.under_way);
        if credit > 0 && !self.draining {
            self.granted += credit;
            self.inputs.push(Input::Credit {
                provider: self.provider.clone(),
                credit,
            });
        }
    }
}

/// Why a callback was not tried.
const SLOW: &str = "the application is slow or does not answer";

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Not tried; the schedule of the router decides when it is.
fn busy(reason: &str) -> Outcome {
    let error = ErrorCode::new(0, reason);
    Outcome::RetryAfter {
        error,
        after_ms: None,
    }
}

#[cfg(test)]
mod tests;
