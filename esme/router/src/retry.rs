//! When the next attempt of a delivery may start.

use crate::random::Random;

/// Longest wait that a provider can wish for; more is cut to this.
const WISH_MAX_MS: u64 = 24 * 60 * 60 * 1_000;

/// Wait of an empty schedule.
const FALLBACK_MS: u64 = 1_000;

/// Milliseconds until the attempt after `attempts` failed ones (1 or more), spread by ±20 % so that
/// messages that failed together do not come back together. A provider's own wish is taken as it
/// is, from 1 ms to a day.
pub(crate) fn retry_delay_ms(
    schedule: &[u64],
    attempts: u16,
    wish_ms: Option<u64>,
    random: &mut Random,
) -> u64 {
    if let Some(wish_ms) = wish_ms {
        return wish_ms.clamp(1, WISH_MAX_MS);
    }
    let step = usize::from(attempts.saturating_sub(1));
    let delay_ms = *schedule
        .get(step)
        .or_else(|| schedule.last())
        .unwrap_or(&FALLBACK_MS);
    let spread_ms = delay_ms / 5;
    let jitter_ms = random.next_u64() % (2 * spread_ms + 1);
    (delay_ms - spread_ms + jitter_ms).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_follow_the_schedule_within_a_fifth_and_the_last_one_repeats() {
        let schedule = [1_000, 5_000, 30_000];
        let mut random = Random::new(7);
        for (attempts, middle) in [
            (1, 1_000),
            (2, 5_000),
            (3, 30_000),
            (4, 30_000),
            (900, 30_000),
        ] {
            let drawn: Vec<u64> = (0..200)
                .map(|_| retry_delay_ms(&schedule, attempts, None, &mut random))
                .collect();
            let (low, high) = (middle * 4 / 5, middle * 6 / 5);
            assert!(
                drawn.iter().all(|delay| (low..=high).contains(delay)),
                "{drawn:?}"
            );
            assert!(drawn.iter().any(|delay| *delay < middle - middle / 10));
            assert!(drawn.iter().any(|delay| *delay > middle + middle / 10));
        }
    }

    #[test]
    fn a_wish_is_taken_within_a_day_and_no_delay_is_zero() {
        let mut random = Random::new(7);
        for (wish, delay) in [(250, 250), (0, 1), (u64::MAX, WISH_MAX_MS)] {
            assert_eq!(retry_delay_ms(&[1_000], 1, Some(wish), &mut random), delay);
        }
        assert_eq!(retry_delay_ms(&[0], 1, None, &mut random), 1);
        assert!((800..=1_200).contains(&retry_delay_ms(&[], 1, None, &mut random)));
    }
}
