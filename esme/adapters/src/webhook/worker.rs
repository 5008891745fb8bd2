//! A worker: a task that owns one connection to one server and sends what it is handed.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use signalbox_router::{DeliveryId, Dispatch, Outcome};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::config::WebhookConfig;
use super::connection::{Answer, Connection, ConnectionError};
use super::encode::write_body;
use super::outcome::{of_status, refused, unreachable};
use super::target::{Origin, Target};

/// How long a worker without work lives.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Outcomes are reported at the latest after this time, even when there is more to send.
const REPORT_EVERY: Duration = Duration::from_millis(5);

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static("signalbox");

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

/// What a worker reports.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) pool: usize,
    pub(super) worker: u64,
    pub(super) outcomes: Vec<(DeliveryId, Outcome)>,
    pub(super) progress: Progress,
}

/// How a worker stands.
#[derive(Debug)]
pub(super) enum Progress {
    /// It has more to send; `well` as below, as far as it has come.
    Busy { well: bool },
    /// It has sent all; `well` when the server answered, and quickly.
    Idle { well: bool },
    /// The server does not answer; these were not tried. It can be given others.
    Failed { untried: Vec<Job> },
    /// It had nothing to do for long and has ended.
    Ended,
}

pub(super) struct Worker {
    pub(super) pool: usize,
    pub(super) number: u64,
    pub(super) origin: Origin,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: mpsc::Receiver<Vec<Job>>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) connection: Option<Connection>,
    pub(super) body: Vec<u8>,
}

/// An answer that takes longer marks the server as slow.
const WELL_WITHIN: Duration = Duration::from_secs(1);

impl Worker {
    /// Serves until nothing comes for [`IDLE_TIME`] or the channel is gone.
    pub(super) async fn run(mut self) {
        loop {
            let next = match &mut self.connection {
                Some(connection) => tokio::select! {
                    next = timeout(IDLE_TIME, self.jobs.recv()) => next,
                    () = connection.closed() => {
                        self.connection = None;
                        continue;
                    }
                },
                None => timeout(IDLE_TIME, self.jobs.recv()).await,
            };
            match next {
                Ok(Some(jobs)) => self.serve(jobs).await,
                Ok(None) => return,
                Err(_) => break,
            }
        }
        // Jobs that crossed this decision are taken first; then the queue is closed for good.
        self.jobs.close();
        while let Some(jobs) = self.jobs.recv().await {
            self.serve(jobs).await;
        }
        self.report(Vec::new(), Progress::Ended);
    }

    async fn serve(&mut self, jobs: Vec<Job>) {
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut reported_at = Instant::now();
        let mut well = true;
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            let started_at = Instant::now();
            if started_at - reported_at >= REPORT_EVERY && !outcomes.is_empty() {
                self.report(std::mem::take(&mut outcomes), Progress::Busy { well });
                reported_at = started_at;
            }
            let (outcome, reached) = self.deliver(&job).await;
            outcomes.push((job.dispatch.delivery, outcome));
            if !reached {
                return self.report(
                    outcomes,
                    Progress::Failed {
                        untried: jobs.collect(),
                    },
                );
            }
            well &= started_at.elapsed() < WELL_WITHIN;
        }
        self.report(outcomes, Progress::Idle { well });
    }

    /// The channel may be gone; then nobody waits for the outcomes.
    fn report(&self, outcomes: Vec<(DeliveryId, Outcome)>, progress: Progress) {
        let (pool, worker) = (self.pool, self.number);
        drop(self.reports.send(Report {
            pool,
            worker,
            outcomes,
            progress,
        }));
    }

    /// Sends one callback; also says whether the server was reached.
    async fn deliver(&mut self, job: &Job) -> (Outcome, bool) {
        let was_open = self.connection.as_ref().is_some_and(Connection::is_open);
        let mut answer = self.try_once(job).await;
        // A server may close a kept connection while the request is on its way.
        if was_open
            && matches!(
                answer,
                Err(Failure::Connection(ConnectionError::Unreachable(_)))
            )
        {
            answer = self.try_once(job).await;
        }
        match answer {
            Ok(answer) => (
                of_status(answer.status, answer.retry_after.as_deref()),
                true,
            ),
            Err(Failure::Connection(ConnectionError::Denied(reason))) => (refused(reason), true),
            Err(Failure::Connection(ConnectionError::Unreachable(reason))) => {
                (unreachable(&reason), false)
            }
            Err(Failure::TimedOut) => (unreachable("no answer in time"), false),
        }
    }

    async fn try_once(&mut self, job: &Job) -> Result<Answer, Failure> {
        let request = self.request(job);
        let Shared { config, tls } = &*self.shared;
        let mut connection = match self.connection.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => {
                let open = Connection::open(&self.origin, config, tls);
                let opened = timeout(config.connect_timeout, open).await;
                opened
                    .map_err(|_| Failure::TimedOut)?
                    .map_err(Failure::Connection)?
            }
        };
        let answered = timeout(config.timeout, connection.exchange(request)).await;
        let answer = answered
            .map_err(|_| Failure::TimedOut)?
            .map_err(Failure::Connection)?;
        self.connection = connection.is_open().then_some(connection);
        Ok(answer)
    }

    fn request(&mut self, job: &Job) -> Request<Full<Bytes>> {
        let message = &job.dispatch.message;
        self.body.clear();
        write_body(message, &mut self.body);
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let timestamp = since_epoch.as_secs().to_string();
        let id = message.id.to_string();
        let header = |text: &str| HeaderValue::from_str(text).expect("it is printable ASCII");
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(&self.body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = job.target.path.clone();
        let headers = request.headers_mut();
        headers.reserve(8);
        headers.insert(HOST, job.target.host.clone());
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(USER_AGENT, AGENT);
        headers.insert(WEBHOOK_ID, header(&id));
        if let Some(signer) = self.shared.config.signers.get(&*message.account) {
            let signature = signer.sign(&id, &timestamp, &self.body);
            headers.insert(WEBHOOK_SIGNATURE, header(&signature));
        }
        headers.insert(WEBHOOK_TIMESTAMP, header(&timestamp));
        request
    }
}

enum Failure {
    Connection(ConnectionError),
    TimedOut,
}
