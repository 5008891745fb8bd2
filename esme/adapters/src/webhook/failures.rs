//! What operators are told of callbacks that fail: the metric counts every outcome, the log has a
//! line per server when callbacks to it begin to fail and, while that goes on, now and then.

use std::time::Duration;

use metrics::{Counter, counter};
use signalbox_router::Outcome;
use tokio::time::Instant;

/// A server has no more lines in the log than one in this time.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// `signalbox_callbacks_total{outcome}`.
pub(super) struct OutcomeCounters {
    delivered: Counter,
    retried: Counter,
    rejected: Counter,
    not_sent: Counter,
}

impl OutcomeCounters {
    pub(super) fn new() -> Self {
        let of = |outcome| counter!("signalbox_callbacks_total", "outcome" => outcome);
        Self {
            delivered: of("delivered"),
            retried: of("retried"),
            rejected: of("rejected"),
            not_sent: of("not_sent"),
        }
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered => self.delivered.increment(1),
            Outcome::Rejected { .. } => self.rejected.increment(1),
            Outcome::NotSent => self.not_sent.increment(1),
            _ => self.retried.increment(1),
        }
    }
}

/// Failures of one server that the log has not told.
#[derive(Debug, Default)]
pub(super) struct Failures {
    untold: u64,
    told_at: Option<Instant>,
}

impl Failures {
    /// Takes the outcome of a callback that was tried, and tells of failures when it is time to.
    pub(super) fn take(&mut self, now: Instant, server: &str, outcome: &Outcome) {
        let (Outcome::RetryAfter { error, .. } | Outcome::Rejected { error }) = outcome else {
            return;
        };
        if let Some(failed) = self.count(now) {
            let retried = matches!(outcome, Outcome::RetryAfter { .. });
            tracing::warn!(
                server, failed, retried, code = error.value(), reason = %error.name(),
                "callbacks fail"
            );
        }
    }

    /// Counts a failure; how many a line is to tell, if there is to be one.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self
            .told_at
            .is_some_and(|told_at| now < told_at + LINE_EVERY)
        {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use signalbox_router::ErrorCode;

    use super::*;

    /// Counters by the value of their first label.
    #[derive(Default)]
    struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Recorder for Counters {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert_eq!(key.name(), "signalbox_callbacks_total");
            let outcome = key.labels().next().unwrap().value().to_owned();
            let count = Arc::<AtomicU64>::default();
            self.0.lock().unwrap().insert(outcome, Arc::clone(&count));
            Counter::from_arc(count)
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn every_outcome_has_its_counter() {
        let recorder = Counters::default();
        let counters = metrics::with_local_recorder(&recorder, OutcomeCounters::new);
        let error = || ErrorCode::new(503, "no");
        let retried = || Outcome::RetryAfter {
            error: error(),
            after_ms: None,
        };
        let rejected = Outcome::Rejected { error: error() };
        for outcome in [
            Outcome::Delivered,
            retried(),
            retried(),
            rejected,
            Outcome::NotSent,
        ] {
            counters.count(&outcome);
        }
        let counts = recorder.0.lock().unwrap();
        let counts = counts.iter().map(|(outcome, count)| {
            let count = count.load(Ordering::Relaxed);
            format!("{outcome} {count}")
        });
        let expected = ["delivered 1", "not_sent 1", "rejected 1", "retried 2"];
        assert_eq!(counts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_first_failure_is_told_at_once_and_the_next_together() {
        let start = Instant::now();
        let mut failures = Failures::default();
        let rows = [
            (0, Some(1)),
            (1, None),
            (9, None),
            (10, Some(3)),
            (12, None),
            (90, Some(2)),
        ];
        for (seconds, told) in rows {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(failures.count(now), told, "after {seconds} s");
        }
    }
}
