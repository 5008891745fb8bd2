//! The token bucket by a table, the closed loop by single answers.

use signalbox_router::{DeliveryId, MessageId};

use super::*;

mod simulated;

fn paced(segments_per_second: f64, burst: u32, now: Instant) -> Pace {
    let config = PaceConfig {
        segments_per_second: Some(segments_per_second),
        burst: Some(burst),
        ..PaceConfig::default()
    };
    Pace::new(config, now)
}

fn part(message: u64) -> PartId {
    let delivery = DeliveryId {
        message: MessageId(u128::from(message)),
        recipient: 0,
    };
    PartId { delivery, part: 1 }
}

#[test]
fn a_burst_then_the_pace() {
    let start = Instant::now();
    let mut pace = paced(100.0, 5, start);
    assert_eq!(pace.take(start, 50), 5);
    assert_eq!(pace.take(start, 50), 0);
    assert_eq!(pace.next_at(start), Some(start + Duration::from_millis(10)));
    let mut taken = 0;
    for ms in 1..=1_000 {
        taken += pace.take(start + Duration::from_millis(ms), 50);
    }
    assert!((99..=100).contains(&taken), "{taken} in a second");
}

#[test]
fn nothing_limits_without_a_pace() {
    let start = Instant::now();
    let mut pace = Pace::new(PaceConfig::default(), start);
    assert_eq!(pace.take(start, 1_000_000), 1_000_000);
    assert_eq!(pace.next_at(start), None);
}

#[test]
fn a_throttled_answer_halves_once_per_response_time_and_pauses() {
    let start = Instant::now();
    let mut pace = paced(1_000.0, 10, start);
    let at = |ms| start + Duration::from_millis(ms);
    for ms in 0..1_000 {
        pace.take(at(ms), 1);
        pace.on_accepted(at(ms), 1, Duration::from_millis(1));
    }
    assert!(pace.on_throttled(at(1_000), at(999), part(0)));
    let reduced = pace.rate();
    assert!((400.0..=500.0).contains(&reduced), "{reduced}");
    assert!(
        !pace.on_throttled(at(1_001), at(999), part(0)),
        "sent before the reduction"
    );
    assert_eq!(pace.rate(), reduced);
    assert!(pace.is_paused(at(1_049)));
    assert_eq!(pace.take(at(1_049), 10), 0);
    assert!(!pace.is_paused(at(1_050)));
}

#[test]
fn pauses_grow_up_to_throttle_delay_and_start_again_after_peace() {
    let doubled = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600];
    for (throttle_delay_ms, rounds) in [(300, 5), (30_000, 12)] {
        let throttle_delay = Duration::from_millis(throttle_delay_ms);
        let start = Instant::now();
        let config = PaceConfig {
            throttle_delay,
            ..PaceConfig::default()
        };
        let mut pace = Pace::new(config, start);
        let mut now = start;
        for message in 0..rounds {
            now += Duration::from_millis(1);
            assert!(pace.on_throttled(now, now, part(message)));
            let until = pace.next_at(now).unwrap();
            let expected = doubled.get(message as usize).copied();
            let expected = expected.unwrap_or(u64::MAX).min(throttle_delay_ms);
            assert_eq!(until - now, Duration::from_millis(expected), "{message}");
            now = until;
        }
        now += Duration::from_secs(3);
        pace.on_throttled(now, now, part(rounds));
        assert_eq!(pace.next_at(now), Some(now + PAUSE_FIRST));
    }
}

#[test]
fn after_a_long_pause_several_are_tried_within_the_configured_burst_and_not_later() {
    for (pace, burst, tried) in [
        (None, None, 32),
        (Some(1_000.0), None, 32),
        (Some(1.0), Some(3), 3),
    ] {
        let mut now = Instant::now();
        let config = PaceConfig {
            segments_per_second: pace,
            burst,
            ..PaceConfig::default()
        };
        let mut pace = Pace::new(config, now);
        for message in 0..7 {
            now += Duration::from_millis(1);
            assert!(pace.on_throttled(now, now, part(message)));
            now = pace.next_at(now).unwrap();
        }
        assert_eq!(pace.allowance(now, Duration::ZERO), tried);
        assert_eq!(pace.take(now, 2), 2, "{config:?}", config = pace.config);
        let answered_at = now + Duration::from_millis(1);
        pace.on_accepted(answered_at, 1, Duration::from_micros(500));
        assert_eq!(
            pace.allowance(answered_at, Duration::ZERO),
            1,
            "one is always"
        );
    }
}

#[test]
fn congestion_and_slow_responses_hold_the_rate() {
    for congested in [true, false] {
        let start = Instant::now();
        let mut pace = paced(1_000.0, 10, start);
        for _ in 0..100 {
            pace.on_accepted(start, 1, Duration::from_millis(10));
        }
        pace.on_throttled(start, start, part(0));
        let held_at = start + PAUSE_FIRST;
        if congested {
            pace.on_congestion(held_at, 79);
            pace.on_congestion(held_at, 80);
        } else {
            pace.on_accepted(held_at, 1, Duration::from_millis(100));
        }
        let rate = pace.rate();
        pace.take(held_at + Duration::from_millis(900), 1);
        assert_eq!(pace.rate(), rate, "congested: {congested}");
        pace.take(held_at + Duration::from_millis(1_100), 1);
        assert!(pace.rate() > rate, "congested: {congested}");
    }
}

#[test]
fn parked_by_the_profile() {
    let start = Instant::now();
    let mut pace = paced(10.0, 1, start);
    pace.park(start, Duration::from_secs(60));
    assert_eq!(pace.take(start + Duration::from_secs(59), 1), 0);
    assert_eq!(pace.take(start + Duration::from_millis(60_100), 1), 1);
}

/// `throttled` answers, each `gap` after the one before, with `taken` segments between two.
#[derive(Clone, Copy, Debug)]
struct LightTraffic {
    throttled: u32,
    taken: u32,
    gap: Duration,
}

/// Seconds after the last throttled answer until 20 segments have gone.
fn seconds_to_twenty(traffic: LightTraffic, pace: Option<f64>) -> f64 {
    let start = Instant::now();
    let config = PaceConfig {
        segments_per_second: pace,
        ..PaceConfig::default()
    };
    let mut pace = Pace::new(config, start);
    let response_time = Duration::from_millis(2);
    let mut now = start;
    for message in 0..traffic.throttled {
        for _ in 0..traffic.taken {
            now += traffic.gap / (traffic.taken + 1);
            pace.take(now, 1);
            pace.on_accepted(now + response_time, 1, response_time);
        }
        now += traffic.gap / (traffic.taken + 1);
        pace.take(now, 1);
        assert!(pace.on_throttled(now + response_time, now, part(message.into())));
    }
    let last = now;
    let mut taken = 0;
    while taken < 20 {
        now += Duration::from_millis(1);
        taken += pace.take(now, 20 - taken);
    }
    (now - last).as_secs_f64()
}

#[test]
fn throttled_answers_that_tell_no_limit_do_not_stop_all_other_messages() {
    for (throttled, seconds_max) in [(1, 1.5), (2, 2.0), (3, 2.5), (20, 3.0)] {
        for (taken, gap_ms) in [
            (0, 2_500),
            (1, 5_000),
            (2, 10_000),
            (5, 10_000),
            (1, 60_000),
            (5, 60_000),
        ] {
            for pace in [None, Some(1_000.0), Some(20.0)] {
                let traffic = LightTraffic {
                    throttled,
                    taken,
                    gap: Duration::from_millis(gap_ms),
                };
                let seconds = seconds_to_twenty(traffic, pace);
                assert!(
                    seconds <= seconds_max,
                    "{traffic:?}, pace {pace:?}: {seconds} s"
                );
            }
        }
    }
}

#[test]
fn a_guessed_rate_does_not_grow_in_silence() {
    let start = Instant::now();
    let mut pace = Pace::new(PaceConfig::default(), start);
    pace.on_throttled(start, start, part(0));
    for s in 1..=600 {
        pace.take(start + Duration::from_secs(s), 0);
    }
    assert!((9.0..=15.0).contains(&pace.rate()), "{}", pace.rate());
}
