//! What is known of one server: its workers, what waits for them, how well it does. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use signalbox_router::{DeliveryId, Outcome};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::channel::WAITING_UNSEEN_MAX;
use super::failures::Failures;
use super::target::Origin;
use super::worker::{Batch, Job};

/// Callbacks that a worker is handed at once.
pub(super) const JOBS_MAX: usize = 32;
/// What a worker is handed takes no longer than this where others could carry it too. A server that
/// answers quickly gets few large writes by that: with one write for each callback, system calls
/// and wake-ups were 15 % of what a message costs the gateway, and as much for the server.
const BATCH_TIME: Duration = Duration::from_millis(5);
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
    /// Time from one answer to the next on a connection, smoothed; zero until the first.
    answer_time: Duration,
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
            answer_time: Duration::ZERO,
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
        if !self.answers {
            return 1;
        }
        let even = self.waiting.len() / self.workers.len().max(1);
        even.clamp(self.carried(), JOBS_MAX).min(self.waiting.len())
    }

    /// How many callbacks one connection carries within [`BATCH_TIME`], at most [`JOBS_MAX`].
    pub(super) fn carried(&self) -> usize {
        if !self.is_pipelined() {
            return 1;
        }
        let carried = BATCH_TIME.as_nanos() / self.answer_time.as_nanos().max(1);
        carried.clamp(1, JOBS_MAX as u128) as usize
    }

    /// Whether a worker may send several requests with one write.
    pub(super) const fn is_pipelined(&self) -> bool {
        self.well && self.kept_answers >= self.pipelined_after
    }

    /// Takes what a worker reports of callbacks that it tried, and how long they took together.
    pub(super) fn take_outcomes(
        &mut self,
        now: Instant,
        outcomes: &[(DeliveryId, Outcome)],
        took: Duration,
        pipelining_failed: bool,
    ) {
        self.seen_at = now;
        if !outcomes.is_empty() {
            let answer_time = took / outcomes.len() as u32;
            self.answer_time = match self.answer_time {
                Duration::ZERO => answer_time,
                former => (former * 7 + answer_time) / 8,
            };
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use signalbox_router::MessageId;

    use super::*;
    use crate::webhook::target::Target;
    use crate::webhook::testing::callback;

    /// A pool with so many waiting callbacks and connections, whose server answers one every
    /// `answer_time` and keeps its connections.
    fn pool(waiting: usize, connections: u64, answer_time: Duration) -> Pool {
        let now = Instant::now();
        let target = Arc::new(Target::parse("http://a.example/").unwrap());
        let mut pool = Pool::new(target.origin.clone(), now);
        let delivery = DeliveryId {
            message: MessageId(1),
            recipient: 0,
        };
        let outcomes = vec![(delivery, Outcome::Delivered); PIPELINED_AFTER as usize];
        pool.take_outcomes(now, &outcomes, answer_time * PIPELINED_AFTER as u32, false);
        for number in 0..connections {
            pool.workers.insert(number, mpsc::channel(1).0);
        }
        let job = |_| Job {
            dispatch: signalbox_router::Dispatch {
                delivery,
                message: Arc::new(callback("http://a.example/", signalbox_router::State::Sent)),
                parts_done: Vec::new(),
                attempt: 1,
            },
            target: Arc::clone(&target),
        };
        pool.waiting = (0..waiting).map(job).collect();
        pool
    }

    #[test]
    fn a_quick_server_gets_large_batches_and_a_slow_one_an_even_share() {
        let (quick, slow) = (Duration::from_micros(50), Duration::from_millis(20));
        for (waiting, connections, answer_time, share) in [
            (200, 8, quick, JOBS_MAX),
            (20, 8, quick, 20),
            (20, 8, Duration::from_millis(1), 5),
            (20, 8, slow, 2),
            (20, 64, slow, 1),
            (200, 8, slow, 25),
            (2_000, 8, slow, JOBS_MAX),
        ] {
            let pool = pool(waiting, connections, answer_time);
            let row = format!("{waiting} waiting, {connections} connections, {answer_time:?}");
            assert_eq!(pool.share(), share, "{row}");
        }
    }

    #[test]
    fn a_server_that_has_failed_gets_one_at_a_time() {
        let mut pool = pool(200, 8, Duration::from_micros(50));
        pool.fail();
        assert_eq!(pool.share(), 1);
        assert_eq!(pool.carried(), 1, "nor is anything pipelined");
    }
}
