//! What is known of one server: its workers, what waits for them, how well it does. Pure.

use std::collections::{HashMap, VecDeque};

use signalbox_router::{DeliveryId, Outcome};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::channel::WAITING_UNSEEN_MAX;
use super::failures::Failures;
use super::target::Origin;
use super::worker::{Batch, Job};

/// Callbacks that a worker is handed at once.
pub(super) const JOBS_MAX: usize = 32;
/// Answers on connections that were kept, before requests are pipelined for the first time.
const PIPELINED_AFTER: u64 = 64;
/// How many times more answers it takes each time that pipelined requests got no answer.
const PIPELINED_LATER: u64 = 16;

/// Connections that were closed one after another until requests are not pipelined any more: a
/// server may close each after many requests, and all of them at about the same time.
const CLOSED_MAX: u32 = 64;

/// Connections to one server, and what waits for them.
pub(super) struct Pool {
    pub(super) origin: Origin,
    pub(super) waiting: VecDeque<Job>,
    pub(super) workers: HashMap<u64, mpsc::Sender<Batch>>,
    pub(super) idle: Vec<u64>,
    /// It answers, and quickly.
    pub(super) well: bool,
    /// When a worker reported last, or when more than [`WAITING_UNSEEN_MAX`] began to wait.
    pub(super) seen_at: Instant,
    /// It has answered since it failed last.
    answers: bool,
    /// Answers since it last closed a connection.
    kept_answers: u64,
    /// Connections that it has closed since it last kept one.
    closed: u32,
    pipelined_after: u64,
    /// The host, for the log.
    server: String,
    failures: Failures,
}

impl Pool {
    pub(super) fn new(origin: Origin, now: Instant) -> Self {
        Self {
            server: format!("{}:{}", origin.host, origin.port),
            origin,
            waiting: VecDeque::new(),
            workers: HashMap::new(),
            idle: Vec::new(),
            well: true,
            seen_at: now,
            answers: false,
            kept_answers: 0,
            closed: 0,
            pipelined_after: PIPELINED_AFTER,
            failures: Failures::default(),
        }
    }

    /// Whether more waits than a server may hold that gives no sign.
    pub(super) fn is_overfull(&self) -> bool {
        self.well && self.waiting.len() > WAITING_UNSEEN_MAX
    }

    /// How many callbacks an idle worker gets: one as long as nobody knows whether the server
    /// answers, so that a server that does not answer holds no more than its connections.
    pub(super) fn share(&self) -> usize {
        match self.answers {
            true => (self.waiting.len() / self.workers.len().max(1)).clamp(1, JOBS_MAX),
            false => 1,
        }
    }

    /// Whether a worker may send several requests with one write.
    pub(super) const fn is_pipelined(&self) -> bool {
        self.well && self.kept_answers >= self.pipelined_after
    }

    /// Takes what a worker reports of callbacks that it tried.
    pub(super) fn take_outcomes(
        &mut self,
        now: Instant,
        outcomes: &[(DeliveryId, Outcome)],
        pipelining_failed: bool,
    ) {
        self.seen_at = now;
        self.answers |= !outcomes.is_empty();
        self.kept_answers = self.kept_answers.saturating_add(outcomes.len() as u64);
        for (_, outcome) in outcomes {
            self.failures.take(now, &self.server, outcome);
        }
        if pipelining_failed {
            self.kept_answers = 0;
            self.pipelined_after = self.pipelined_after.saturating_mul(PIPELINED_LATER);
        }
    }

    /// Notes whether a connection can be used again.
    pub(super) const fn set_kept(&mut self, kept: bool) {
        self.closed = match kept {
            true => 0,
            false => self.closed.saturating_add(1),
        };
        if self.closed > CLOSED_MAX || !kept && !self.is_pipelined() {
            self.kept_answers = 0;
        }
    }

    /// The server does not answer.
    pub(super) const fn fail(&mut self) {
        self.well = false;
        self.answers = false;
        self.kept_answers = 0;
    }
}
