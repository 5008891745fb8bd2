//! What came of the messages: counted by the binds, gathered here. The lock is held for a batch's
//! worth of nanoseconds.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use signalbox_codec::CommandStatus;
use tokio::sync::Notify;

/// Longest time that a histogram tells from others, in us: ten minutes.
const TIME_US_MAX: u64 = 600_000_000;
/// Decimal digits that a histogram keeps of a time.
const TIME_DIGITS: u8 = 3;
/// Messages whose receipts are waited for at the same time; those of more count as missing, and as
/// unexpected if they come.
const RECEIPTS_WAITING_MAX: usize = 1_000_000;

/// Times in us, from 1 us to 10 minutes, three digits each.
#[derive(Clone, Debug)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// Adds a time; one beyond ten minutes counts as ten minutes.
    pub(crate) fn record(&mut self, time: Duration) {
        self.record_often(time, 1);
    }

    /// Adds a time that was measured so often.
    fn record_often(&mut self, time: Duration, count: u64) {
        let us = u64::try_from(time.as_micros()).unwrap_or(TIME_US_MAX);
        self.0.saturating_record_n(us.clamp(1, TIME_US_MAX), count);
    }

    /// The time that this share of the samples (0 to 1) does not exceed; `None` without samples.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_quantile(share)))
    }

    /// The histogram itself, in us.
    pub(crate) const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    fn add(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("both were made with the same bounds");
    }
}

impl Default for Times {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, TIME_US_MAX, TIME_DIGITS);
        Self(histogram.expect("the bounds are in order and the digits at most 5"))
    }
}

/// What a message was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// The command_status of its response.
    Smpp(CommandStatus),
    /// The status of its HTTP response, or of its own line in it.
    Http(u16),
}

impl Status {
    /// Whether the message was accepted.
    pub(crate) const fn is_ok(self) -> bool {
        match self {
            Self::Smpp(status) => status.is_ok(),
            Self::Http(status) => status / 100 == 2,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smpp(status) => status.fmt(f),
            Self::Http(status) => write!(f, "HTTP {status}"),
        }
    }
}

/// What came of the messages in some time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    /// submit_sm sent.
    pub(crate) sent: u64,
    /// Messages by what they were answered with.
    pub(crate) statuses: BTreeMap<Status, u64>,
    /// Messages without a response.
    pub(crate) unanswered: u64,
    /// Receipts for messages that waited for one.
    pub(crate) receipts: u64,
    /// Receipts that nobody waited for: of an earlier run, doubled, or with another address.
    pub(crate) receipts_unexpected: u64,
    /// From the scheduled time to the response.
    pub(crate) latency: Times,
    /// From the request to the response.
    pub(crate) service: Times,
    /// How late the generator itself was, while the window had room.
    pub(crate) lag: Times,
    /// From the scheduled time to the receipt.
    pub(crate) receipt: Times,
    /// When the last response came.
    pub(crate) last_response: Option<Instant>,
}

impl Results {
    /// Adds a later time.
    pub(crate) fn add(&mut self, later: &Self) {
        self.sent += later.sent;
        for (status, count) in &later.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.unanswered += later.unanswered;
        self.receipts += later.receipts;
        self.receipts_unexpected += later.receipts_unexpected;
        self.latency.add(&later.latency);
        self.service.add(&later.service);
        self.lag.add(&later.lag);
        self.receipt.add(&later.receipt);
        self.last_response = self.last_response.max(later.last_response);
    }

    /// Messages with a response, whichever.
    pub(crate) fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }
}

/// What one bind saw in one turn.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    warm_up: Seen,
    measured: Seen,
    /// Messages sent that want a receipt, by their recipients; so are the next two.
    pub(crate) asked: Vec<(u64, Asked)>,
    /// Messages whose receipt will not come.
    pub(crate) withdrawn: Vec<u64>,
    /// Messages whose receipt came, as far as it names one.
    pub(crate) receipts: Vec<Option<u64>>,
}

/// What became of messages of the warm-up, or of the others.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What messages were answered with. Those of one turn mostly share their times, so equal
    /// ones that follow each other are counted.
    answered: Vec<(Answered, u64)>,
    /// How late messages were sent, counted likewise.
    lags: Vec<(Duration, u64)>,
    /// Messages without a response.
    pub(crate) unanswered: u64,
}

/// A message that wants a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) scheduled: Instant,
    /// Whether it was due after the warm-up.
    pub(crate) measured: bool,
}

/// A message and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: Status,
    pub(crate) latency: Duration,
    pub(crate) service: Duration,
}

impl Batch {
    /// Where a message is counted. It belongs to the time that it was due in, whenever its response
    /// comes, so that what is offered, sent and answered adds up.
    pub(crate) const fn seen(&mut self, measured: bool) -> &mut Seen {
        match measured {
            true => &mut self.measured,
            false => &mut self.warm_up,
        }
    }

    fn is_empty(&self) -> bool {
        self.warm_up.is_empty() && self.measured.is_empty() && self.receipts.is_empty()
    }
}

impl Seen {
    /// A message was sent that much too late.
    #[inline]
    pub(crate) fn sent(&mut self, lag: Duration) {
        count(&mut self.lags, lag);
    }

    /// A message was answered.
    #[inline]
    pub(crate) fn answered(&mut self, answered: Answered) {
        count(&mut self.answered, answered);
    }

    const fn is_empty(&self) -> bool {
        self.answered.is_empty() && self.lags.is_empty() && self.unanswered == 0
    }

    /// Moves all of it to the results.
    fn add_to(&mut self, now: Instant, results: &mut Results) {
        for (lag, count) in self.lags.drain(..) {
            results.sent += count;
            results.lag.record_often(lag, count);
        }
        if !self.answered.is_empty() {
            results.last_response = Some(now);
        }
        for (answered, count) in self.answered.drain(..) {
            *results.statuses.entry(answered.status).or_default() += count;
            results.latency.record_often(answered.latency, count);
            results.service.record_often(answered.service, count);
        }
        results.unanswered += std::mem::take(&mut self.unanswered);
    }
}

/// Counts a value, with the one before it if they are equal.
#[inline]
fn count<T: PartialEq>(counted: &mut Vec<(T, u64)>, value: T) {
    match counted.last_mut() {
        Some((last, count)) if *last == value => *count += 1,
        _ => counted.push((value, 1)),
    }
}

/// What all binds saw since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    state: Mutex<State>,
    nothing_waits: Notify,
}

#[derive(Debug, Default)]
struct State {
    warm_up: Results,
    measured: Results,
    /// The warm-up is over.
    warm: bool,
    /// The messages that wait for their receipts.
    waiting: HashMap<u64, Asked, BuildHasherDefault<NumberHasher>>,
    /// Messages that count, beyond [`RECEIPTS_WAITING_MAX`].
    not_followed: u64,
}

/// Spreads the numbers of recipients. They are our own, so that nobody can choose them to collide;
/// the standard hasher was a fifth of what a receipt cost.
#[derive(Debug, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(self.0 ^ u64::from(*octet));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio.
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl State {
    fn results(&mut self, measured: bool) -> &mut Results {
        match measured {
            true => &mut self.measured,
            false => &mut self.warm_up,
        }
    }
}

impl Gathered {
    /// Adds what a bind saw up to `now`, and empties it.
    pub(crate) fn add(&self, now: Instant, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        let state = &mut *self.state();
        batch.warm_up.add_to(now, &mut state.warm_up);
        batch.measured.add_to(now, &mut state.measured);
        let some_waited = !state.waiting.is_empty();
        let room = RECEIPTS_WAITING_MAX.saturating_sub(state.waiting.len());
        let followed = batch.asked.len().min(room);
        state.waiting.extend(batch.asked.drain(..followed));
        let not_followed = batch.asked.drain(..).filter(|(_, asked)| asked.measured);
        state.not_followed += not_followed.count() as u64;
        for number in batch.withdrawn.drain(..) {
            state.waiting.remove(&number);
        }
        for number in batch.receipts.drain(..) {
            match number.and_then(|number| state.waiting.remove(&number)) {
                Some(asked) => {
                    let results = state.results(asked.measured);
                    results.receipts += 1;
                    results.receipt.record(now - asked.scheduled);
                }
                None => state.results(state.warm).receipts_unexpected += 1,
            }
        }
        if some_waited && state.waiting.is_empty() {
            self.nothing_waits.notify_waiters();
        }
    }

    /// Receipts that nobody waits for count from here on.
    pub(crate) fn end_warm_up(&self) {
        self.state().warm = true;
    }

    /// What came of the messages of the warm-up since it was last taken.
    pub(crate) fn take_warm_up(&self) -> Results {
        std::mem::take(&mut self.state().warm_up)
    }

    /// What came of the other messages since it was last taken.
    pub(crate) fn take_measured(&self) -> Results {
        std::mem::take(&mut self.state().measured)
    }

    /// Messages that count and wait for their receipts.
    pub(crate) fn receipts_missing(&self) -> u64 {
        let state = self.state();
        let measured = state.waiting.values().filter(|asked| asked.measured);
        measured.count() as u64 + state.not_followed
    }

    /// Messages that wait for their receipts, those of the warm-up too.
    pub(crate) fn receipts_waiting(&self) -> u64 {
        self.state().waiting.len() as u64
    }

    /// Waits until no message waits for its receipt.
    pub(crate) async fn all_receipts(&self) {
        loop {
            let notified = self.nothing_waits.notified();
            tokio::pin!(notified);
            // From here on a batch is not missed.
            notified.as_mut().enable();
            if self.state().waiting.is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// Counters and histograms stay sound whatever statement a panic interrupts.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_timed_from_the_schedule_and_strangers_are_counted_apart() {
        let gathered = Gathered::default();
        gathered.end_warm_up();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let asked = |measured| Asked {
            scheduled: start,
            measured,
        };
        let mut batch = Batch {
            asked: vec![(1, asked(true)), (2, asked(true)), (3, asked(true))],
            ..Batch::default()
        };
        batch.asked.extend([(4, asked(false)), (5, asked(false))]);
        batch.seen(true).lags = vec![(Duration::ZERO, 3)];
        batch.seen(false).lags = vec![(Duration::ZERO, 2)];
        gathered.add(after(1), &mut batch);
        batch.withdrawn.push(3);
        batch.receipts = vec![Some(1), Some(1), None, Some(9), Some(4)];
        gathered.add(after(20), &mut batch);
        let results = gathered.take_measured();
        assert_eq!((results.sent, results.receipts), (3, 1));
        let missing = gathered.receipts_missing();
        assert_eq!((results.receipts_unexpected, missing), (3, 1));
        let receipt = results.receipt.quantile(1.0).unwrap();
        assert_eq!(receipt.as_millis(), 20);
        let again = gathered.take_measured();
        assert_eq!(again.receipt.quantile(0.5), None, "taken once");
        let warm_up = gathered.take_warm_up();
        assert_eq!((warm_up.sent, warm_up.receipts), (2, 1));
    }

    #[test]
    fn times_keep_three_digits_and_end_at_ten_minutes() {
        for (us, kept) in [(0, 1), (50_332, 50_332), (700_000_000, TIME_US_MAX)] {
            let mut times = Times::default();
            times.record(Duration::from_micros(us));
            let seen = times.quantile(0.5).unwrap().as_micros() as f64;
            assert!((seen / kept as f64 - 1.0).abs() < 0.001, "{us} {seen}");
        }
    }
}
