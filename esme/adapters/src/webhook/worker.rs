//! A worker: a task that owns one connection to one server and sends what it is handed.
//!
//! A server that has kept its connections for a while gets several requests with one write
//! (pipelining, RFC 9112 §9.3.2): they can be repeated, because `webhook-id` tells them apart.
//! What such a server leaves without an answer, or behind its last one on a connection, is sent
//! again, one by one.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use signalbox_router::{DeliveryId, Dispatch, Outcome};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::config::WebhookConfig;
use super::connection::{Connection, ConnectionError};
use super::outcome::{of_status, refused, unreachable};
use super::request::RequestWriter;
use super::target::{Origin, Target};

/// How long a worker without work lives.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Outcomes are reported at the latest after this time, even when there is more to send.
const REPORT_EVERY: Duration = Duration::from_millis(5);
/// Octets of requests after which no other goes with the same write: what the buffers of two
/// sockets take when the server reads nothing while it answers.
const PIPELINE_OCTETS: usize = 32 * 1024;

/// What all workers share.
pub(super) struct Shared {
    pub(super) config: WebhookConfig,
    pub(super) tls: TlsConnector,
}

/// One callback to be sent.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) dispatch: Dispatch,
    pub(super) target: Arc<Target>,
}

/// What a worker is handed at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) jobs: Vec<Job>,
    /// Several requests may be on their way at a time.
    pub(super) pipelined: bool,
}

/// What a worker reports.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) pool: usize,
    pub(super) worker: u64,
    pub(super) outcomes: Vec<(DeliveryId, Outcome)>,
    /// Time that these took, one after the other.
    pub(super) took: Duration,
    /// The server left pipelined requests without an answer.
    pub(super) pipelining_failed: bool,
    pub(super) progress: Progress,
}

/// How a worker stands.
#[derive(Debug)]
pub(super) enum Progress {
    /// It has more to send; `well` as below, as far as it has come.
    Busy { well: bool },
    /// It has sent all; `well` when the server answered, and quickly; `kept` when its connection
    /// can be used again.
    Idle { well: bool, kept: bool },
    /// The server does not answer; these were not tried. It can be given others.
    Failed { untried: Vec<Job> },
    /// It had nothing to do for long and has ended.
    Ended,
}

pub(super) struct Worker {
    pub(super) reporter: Reporter,
    pub(super) origin: Origin,
    pub(super) shared: Arc<Shared>,
    pub(super) batches: mpsc::Receiver<Batch>,
    pub(super) connection: Option<Connection>,
    pub(super) writer: RequestWriter,
}

/// Tells the channel how a worker gets on.
pub(super) struct Reporter {
    pub(super) pool: usize,
    pub(super) worker: u64,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

/// An answer that takes longer marks the server as slow.
const WELL_WITHIN: Duration = Duration::from_secs(1);

/// A batch being served.
struct Serving {
    /// Those that were not reported.
    outcomes: Vec<(DeliveryId, Outcome)>,
    reported_at: Instant,
    /// Callbacks that have an outcome.
    done: usize,
    well: bool,
    pipelining_failed: bool,
}

impl Worker {
    /// Serves until nothing comes for [`IDLE_TIME`] or the channel is gone.
    pub(super) async fn run(mut self) {
        loop {
            let next = match &mut self.connection {
                Some(connection) => tokio::select! {
                    next = timeout(IDLE_TIME, self.batches.recv()) => next,
                    () = connection.closed() => {
                        self.connection = None;
                        continue;
                    }
                },
                None => timeout(IDLE_TIME, self.batches.recv()).await,
            };
            match next {
                Ok(Some(batch)) => self.serve(batch).await,
                Ok(None) => return,
                Err(_) => break,
            }
        }
        // A batch that crossed this decision is taken first; then the queue is closed for good.
        self.batches.close();
        while let Some(batch) = self.batches.recv().await {
            self.serve(batch).await;
        }
        self.reporter.report(Serving::new(0), Progress::Ended);
    }

    async fn serve(&mut self, batch: Batch) {
        let Batch {
            mut jobs,
            mut pipelined,
        } = batch;
        let mut serving = Serving::new(jobs.len());
        while serving.done < jobs.len() {
            self.reporter.report_if_due(&mut serving);
            let was_open = self.connection.is_some();
            let before = serving.done;
            let sent = self.write_requests(&jobs[before..], pipelined);
            let result = self
                .exchange(&jobs[before..before + sent], &mut serving)
                .await;
            let answered = serving.done - before;
            // An answer that was the last: what stood behind it was in vain.
            pipelined &= answered == sent;
            let Err(error) = result else {
                continue;
            };
            let hung_up = matches!(error, ConnectionError::Unreachable(_));
            // A server may close a kept connection while requests are on their way.
            if answered > 0 || (hung_up && (was_open || sent > 1)) {
                serving.pipelining_failed |= sent > 1;
                continue;
            }
            let (outcome, reached) = match error {
                ConnectionError::Denied(reason) => (refused(reason), true),
                ConnectionError::Unreachable(reason) => (unreachable(&reason), false),
                ConnectionError::TimedOut => (unreachable("no answer in time"), false),
            };
            serving.take(&jobs[serving.done], outcome);
            if !reached {
                let untried = jobs.split_off(serving.done);
                return self.reporter.report(serving, Progress::Failed { untried });
            }
        }
        let (well, kept) = (serving.well, self.connection.is_some());
        self.reporter.report(serving, Progress::Idle { well, kept });
    }

    /// Writes the requests of the first jobs; of how many.
    fn write_requests(&mut self, jobs: &[Job], pipelined: bool) -> usize {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let timestamp = since_epoch.as_secs().to_string();
        self.writer.clear();
        let jobs_max = if pipelined { jobs.len() } else { 1 };
        let mut count = 0;
        for job in &jobs[..jobs_max] {
            let message = &job.dispatch.message;
            let signer = self.shared.config.signers.get(&*message.account);
            self.writer.put(message, &job.target, signer, &timestamp);
            count += 1;
            if self.writer.requests.len() >= PIPELINE_OCTETS {
                break;
            }
        }
        count
    }

    /// Sends what was written for these jobs, and notes their outcomes in order as long as there
    /// are answers.
    async fn exchange(
        &mut self,
        jobs: &[Job],
        serving: &mut Serving,
    ) -> Result<(), ConnectionError> {
        let mut since = Instant::now();
        let Shared { config, tls } = &*self.shared;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.origin, config, tls).await?,
        };
        let mut open_jobs = jobs.iter();
        let reporter = &self.reporter;
        let requests = &self.writer.requests;
        let exchanged = connection.exchange(requests, jobs.len(), config.timeout, |answer| {
            let job = open_jobs.next().expect("no more answers than jobs");
            let outcome = of_status(answer.status, answer.retry_after.as_deref());
            serving.take(job, outcome);
            let now = Instant::now();
            serving.well &= now - since < WELL_WITHIN;
            since = now;
            if open_jobs.len() > 0 {
                reporter.report_if_due(serving);
            }
        });
        exchanged.await?;
        self.connection = connection.is_open().then_some(connection);
        Ok(())
    }
}

impl Reporter {
    /// Reports what has an outcome while the batch goes on.
    fn report_if_due(&self, serving: &mut Serving) {
        if serving.outcomes.is_empty() || serving.reported_at.elapsed() < REPORT_EVERY {
            return;
        }
        let (well, done) = (serving.well, serving.done);
        let rest = Serving {
            well,
            done,
            ..Serving::new(serving.outcomes.len())
        };
        self.report(std::mem::replace(serving, rest), Progress::Busy { well });
    }

    /// The channel may be gone; then nobody waits for the outcomes.
    fn report(&self, serving: Serving, progress: Progress) {
        drop(self.reports.send(Report {
            pool: self.pool,
            worker: self.worker,
            outcomes: serving.outcomes,
            took: serving.reported_at.elapsed(),
            pipelining_failed: serving.pipelining_failed,
            progress,
        }));
    }
}

impl Serving {
    fn new(jobs: usize) -> Self {
        Self {
            outcomes: Vec::with_capacity(jobs),
            reported_at: Instant::now(),
            done: 0,
            well: true,
            pipelining_failed: false,
        }
    }

    fn take(&mut self, job: &Job, outcome: Outcome) {
        self.outcomes.push((job.dispatch.delivery, outcome));
        self.done += 1;
    }
}
