//! When each message of an open loop is due: at a constant rate, after a linear ramp. Pure.

use std::time::Duration;

/// A rate of messages, reached in a linear ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    rate_per_s: f64,
    ramp_s: f64,
}

impl Schedule {
    /// Messages per second of all binds, from 1 on, and how long it takes to get there from none.
    #[must_use]
    pub fn new(rate_per_s: u32, ramp: Duration) -> Self {
        Self {
            rate_per_s: f64::from(rate_per_s.max(1)),
            ramp_s: ramp.as_secs_f64(),
        }
    }

    /// The rate after the ramp.
    #[must_use]
    pub const fn rate_per_s(&self) -> f64 {
        self.rate_per_s
    }

    /// How long it takes to get to that rate.
    pub(crate) fn ramp(&self) -> Duration {
        Duration::from_secs_f64(self.ramp_s)
    }

    /// When message `number`, counted from 0, is due after the start.
    #[must_use]
    pub(crate) fn due(&self, number: u64) -> Duration {
        let number = number as f64;
        let seconds = if number < self.in_ramp() {
            (2.0 * number * self.ramp_s / self.rate_per_s).sqrt()
        } else {
            self.ramp_s + (number - self.in_ramp()) / self.rate_per_s
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How many messages are due before `time`.
    #[must_use]
    pub(crate) fn due_before(&self, time: Duration) -> u64 {
        let seconds = time.as_secs_f64();
        let messages = if seconds < self.ramp_s {
            self.rate_per_s * seconds * seconds / (2.0 * self.ramp_s)
        } else {
            self.in_ramp() + self.rate_per_s * (seconds - self.ramp_s)
        };
        // The times are whole nanoseconds, so that the estimate may be off by one at a border.
        let mut before = messages.ceil() as u64;
        while before > 0 && self.due(before - 1) >= time {
            before -= 1;
        }
        while self.due(before) < time {
            before += 1;
        }
        before
    }

    /// Messages of the ramp.
    fn in_ramp(&self) -> f64 {
        self.rate_per_s * self.ramp_s / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_their_rate_and_more_and_more_often_in_the_ramp() {
        let steady = Schedule::new(100, Duration::ZERO);
        let ramp = Schedule::new(100, Duration::from_secs(4));
        let table = [
            (steady, 0, 0),
            (steady, 1, 10),
            (steady, 250, 2_500),
            (ramp, 0, 0),
            // Half the time is a quarter of the ramp's 200 messages.
            (ramp, 50, 2_000),
            (ramp, 200, 4_000),
            (ramp, 300, 5_000),
        ];
        for (schedule, number, ms) in table {
            let due = schedule.due(number);
            assert_eq!(due.as_millis(), ms, "{schedule:?} {number}");
            let before = schedule.due_before(due + Duration::from_nanos(100));
            assert_eq!(before, number + 1, "{schedule:?} {number}");
        }
        assert_eq!(steady.due_before(Duration::ZERO), 0);
    }

    #[test]
    fn how_many_are_due_before_a_time_is_exact_at_the_time_of_each_message() {
        for ramp_s in [0, 3] {
            for rate_per_s in [1, 3, 7, 1_000, 3_333] {
                let schedule = Schedule::new(rate_per_s, Duration::from_secs(ramp_s));
                for number in 0..20_000 {
                    let before = schedule.due_before(schedule.due(number));
                    assert_eq!(before, number, "{schedule:?}");
                }
            }
        }
    }
}
