//! How many messages an account may hand in: a token bucket that holds one second's worth.

use std::sync::Mutex;

use signalbox_router::Timestamp;

/// Tokens of an account.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    pub(super) fn new(per_second: f64) -> Self {
        let state = State {
            tokens: burst(per_second),
            at: Timestamp(0),
        };
        Self {
            per_second,
            state: Mutex::new(state),
        }
    }

    /// Takes a token for each of `count` messages; false, and none taken, when there are too few.
    pub(super) fn take(&self, now: Timestamp, count: usize) -> bool {
        // A panic while the lock is held is impossible: only numbers are changed.
        let mut state = self.state.lock().expect("the lock is never poisoned");
        let elapsed_s = now.since_ms(state.at) as f64 / 1_000.0;
        state.tokens = (state.tokens + elapsed_s * self.per_second).min(burst(self.per_second));
        state.at = now;
        // A request larger than the burst is let in when the bucket is full, and paid off later.
        let needed = (count as f64).min(burst(self.per_second));
        if state.tokens < needed {
            return false;
        }
        state.tokens -= count as f64;
        true
    }
}

/// One second's worth, at least one message.
fn burst(per_second: f64) -> f64 {
    per_second.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_time() {
        let bucket = Bucket::new(10.0);
        let taken = (0..10_000)
            .filter(|ms| bucket.take(Timestamp(1 + ms), 1))
            .count();
        assert!(
            (105..=110).contains(&taken),
            "{taken} in ten seconds of 10/s with a burst of 10"
        );
    }

    #[test]
    fn a_request_over_the_burst_is_paid_off_later() {
        let bucket = Bucket::new(10.0);
        assert!(bucket.take(Timestamp(1), 50));
        assert!(
            !bucket.take(Timestamp(4_000), 1),
            "40 are owed, 40 came back"
        );
        assert!(bucket.take(Timestamp(4_200), 1));
    }

    #[test]
    fn less_than_one_per_second_is_a_rate_too() {
        let bucket = Bucket::new(0.5);
        assert!(bucket.take(Timestamp(1), 1));
        assert!(!bucket.take(Timestamp(1_001), 1));
        assert!(bucket.take(Timestamp(2_001), 1));
    }
}
