//! When to try again: a pause that grows, with jitter, so that many binds do not come back in
//! lockstep. Pure: its randomness is a seed.

use std::time::Duration;

use signalbox_codec::CommandStatus;
use signalbox_session::CloseReason;

/// A bind that stood so long has proved itself: the pause starts again from the first.
const PROVEN_AFTER: Duration = Duration::from_secs(60);

/// Largest part of a pause that is added or taken away, in percent.
const JITTER_PERCENT: u64 = 20;

/// The pauses of one link.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    enquire_link_timer: Duration,
    attempts: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(
        first: Duration,
        max: Duration,
        enquire_link_timer: Duration,
        seed: u64,
    ) -> Self {
        Self {
            first,
            max,
            enquire_link_timer,
            attempts: 0,
            random: seed,
        }
    }

    /// The pause after an attempt that ended for `reason` (`None`: no session came to be) after
    /// having been bound for `bound_for`.
    pub(crate) fn next_delay(
        &mut self,
        reason: Option<CloseReason>,
        bound_for: Duration,
    ) -> Duration {
        if bound_for >= PROVEN_AFTER {
            self.attempts = 0;
        }
        let grown = self
            .first
            .saturating_mul(1 << self.attempts.min(20))
            .min(self.max);
        self.attempts = self.attempts.saturating_add(1);
        let delay = match reason {
            // Nobody but a person can mend these; asking often gets an account locked.
            Some(CloseReason::BindRefused(
                CommandStatus::ESME_RINVPASWD | CommandStatus::ESME_RINVSYSID,
            )) => self.max,
            // The old session may linger at the SMSC until its enquire_link fails.
            Some(CloseReason::BindRefused(CommandStatus::ESME_RALYBND)) => {
                self.enquire_link_timer.max(grown)
            }
            _ => grown,
        };
        self.jittered(delay)
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        let percent = 100 - JITTER_PERCENT + self.next_random() % (2 * JITTER_PERCENT + 1);
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX / 200);
        Duration::from_millis(delay_ms.saturating_mul(percent) / 100)
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn backoff(seed: u64) -> Backoff {
        Backoff::new(
            Duration::from_secs(1),
            MINUTE,
            Duration::from_secs(30),
            seed,
        )
    }

    fn assert_about(delay: Duration, seconds: u64) {
        let range = Duration::from_millis(seconds * 800)..=Duration::from_millis(seconds * 1200);
        assert!(range.contains(&delay), "{delay:?} is not about {seconds} s");
    }

    #[test]
    fn the_pause_doubles_to_its_maximum_and_starts_again_after_a_proven_bind() {
        for seed in 0..200 {
            let mut backoff = backoff(seed);
            for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
                assert_about(backoff.next_delay(None, Duration::ZERO), seconds);
            }
            let short = MINUTE - Duration::from_millis(1);
            assert_about(backoff.next_delay(Some(CloseReason::Transport), short), 60);
            assert_about(backoff.next_delay(Some(CloseReason::Transport), MINUTE), 1);
        }
    }

    #[test]
    fn what_a_refused_bind_means_for_the_pause() {
        let cases = [
            (CommandStatus::ESME_RINVPASWD, 60),
            (CommandStatus::ESME_RINVSYSID, 60),
            (CommandStatus::ESME_RALYBND, 30),
            (CommandStatus::ESME_RBINDFAIL, 1),
            (CommandStatus::ESME_RSYSERR, 1),
        ];
        for (status, seconds) in cases {
            let reason = Some(CloseReason::BindRefused(status));
            assert_about(backoff(1).next_delay(reason, Duration::ZERO), seconds);
        }
    }

    #[test]
    fn ten_binds_do_not_come_back_in_lockstep() {
        let mut delays: Vec<_> = (0..10)
            .map(|seed| {
                let mut backoff = backoff(seed);
                for _ in 0..6 {
                    backoff.next_delay(None, Duration::ZERO);
                }
                backoff.next_delay(None, Duration::ZERO)
            })
            .collect();
        delays.sort();
        delays.dedup();
        assert!(delays.len() >= 7, "{delays:?}");
    }
}
