//! Counts requests against a rate. A bucket of tokens; time comes in.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::SmscTime;

/// The tokens of one bind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time that is already paid for; at most what a burst costs is saved up.
    paid_until: SmscTime,
}

impl Rate {
    /// Full, whatever it holds.
    pub(crate) const fn full() -> Self {
        Self {
            paid_until: SmscTime::from_unix_ms(0),
        }
    }

    /// Takes a token of a bucket that holds one second's worth; false when there is none and the
    /// request is one too many.
    pub(crate) fn take(&mut self, now: SmscTime, per_second: NonZeroU32) -> bool {
        self.take_of(now, per_second.get(), per_second.get())
    }

    /// Takes a token of a bucket that holds `burst`. Zero counts as one.
    pub(crate) fn take_of(&mut self, now: SmscTime, per_second: u32, burst: u32) -> bool {
        let cost = Duration::from_secs(1) / per_second.max(1);
        let oldest = now.before(cost.saturating_mul(burst.max(1)));
        let paid_until = self.paid_until.max(oldest) + cost;
        if paid_until > now {
            return false;
        }
        self.paid_until = paid_until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_second_of_requests_passes_at_once_and_then_the_rate() {
        let start = SmscTime::from_unix_ms(1_000_000);
        let per_second = NonZeroU32::new(100).unwrap();
        let mut rate = Rate::full();
        let mut accepted = 0;
        for millisecond in 0..2_000 {
            let now = start + Duration::from_millis(millisecond);
            accepted += (0..5).filter(|_| rate.take(now, per_second)).count();
        }
        assert!((298..=300).contains(&accepted), "{accepted}");
    }
}
