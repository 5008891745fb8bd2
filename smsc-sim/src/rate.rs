//! Counts requests against a rate. A bucket of tokens, one second's worth deep; time comes in.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::SmscTime;

/// The tokens of one bind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time that is already paid for; at most one second of it is saved up.
    paid_until: SmscTime,
}

impl Rate {
    /// Full.
    pub(crate) fn new(now: SmscTime) -> Self {
        Self {
            paid_until: now.before(Duration::from_secs(1)),
        }
    }

    /// Takes a token; false when there is none and the request is one too many.
    pub(crate) fn take(&mut self, now: SmscTime, per_second: NonZeroU32) -> bool {
        let cost = Duration::from_secs(1) / per_second.get();
        let oldest = now.before(Duration::from_secs(1));
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
        let mut rate = Rate::new(start);
        let mut accepted = 0;
        for millisecond in 0..2_000 {
            let now = start + Duration::from_millis(millisecond);
            accepted += (0..5).filter(|_| rate.take(now, per_second)).count();
        }
        assert!((298..=300).contains(&accepted), "{accepted}");
    }
}
