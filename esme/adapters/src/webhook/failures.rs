//! What operators are told of callbacks that fail: the metric counts every outcome, the log has a
//! line per server when callbacks to it begin to fail and, while that goes on, now and then.

use std::time::Duration;

use metrics::{Counter, counter};
use signalbox_router::Outcome;
use tokio::time::Instant;

/// A server has no more lines in the log than one in this time.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// `signalbox_callbacks_total{outcome}`. Clones count together.
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
                server, failed, retried, code = error.value, reason = %error.name,
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
    use super::*;

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
