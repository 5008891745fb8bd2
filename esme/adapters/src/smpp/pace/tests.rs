//! The token bucket by a table, the closed loop against simulated providers.

use std::collections::VecDeque;

use super::*;

fn paced(segments_per_second: f64, burst: u32, now: Instant) -> Pace {
    let config = PaceConfig {
        segments_per_second: Some(segments_per_second),
        burst: Some(burst),
        ..PaceConfig::default()
    };
    Pace::new(config, now)
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
    assert!(pace.on_throttled(at(1_000), at(999)));
    let reduced = pace.rate();
    assert!((400.0..=500.0).contains(&reduced), "{reduced}");
    assert!(
        !pace.on_throttled(at(1_001), at(999)),
        "sent before the reduction"
    );
    assert_eq!(pace.rate(), reduced);
    assert!(pace.is_paused(at(1_049)));
    assert_eq!(pace.take(at(1_049), 10), 0);
    assert!(!pace.is_paused(at(1_050)));
}

#[test]
fn pauses_grow_up_to_throttle_delay_and_start_again_after_peace() {
    let start = Instant::now();
    let config = PaceConfig {
        throttle_delay: Duration::from_millis(300),
        ..PaceConfig::default()
    };
    let mut pace = Pace::new(config, start);
    let mut now = start;
    let mut pauses = Vec::new();
    for _ in 0..5 {
        now += Duration::from_millis(1);
        assert!(pace.on_throttled(now, now));
        let until = pace.next_at(now).unwrap();
        pauses.push((until - now).as_millis());
        now = until;
    }
    assert_eq!(pauses, [50, 100, 200, 300, 300]);
    now += Duration::from_secs(3);
    pace.on_throttled(now, now);
    assert_eq!(pace.next_at(now), Some(now + PAUSE_FIRST));
}

#[test]
fn congestion_and_slow_responses_hold_the_rate() {
    for congested in [true, false] {
        let start = Instant::now();
        let mut pace = paced(1_000.0, 10, start);
        for _ in 0..100 {
            pace.on_accepted(start, 1, Duration::from_millis(10));
        }
        pace.on_throttled(start, start);
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

/// How a provider enforces its limit.
#[derive(Clone, Copy, Debug)]
enum Enforcement {
    /// A counter that starts again each second.
    FixedSecond,
    /// A token bucket that holds this many seconds of the limit.
    Bucket(f64),
}

struct Provider {
    limit: f64,
    enforcement: Enforcement,
    tokens: f64,
    at: f64,
}

impl Provider {
    fn takes(&mut self, at: f64) -> bool {
        match self.enforcement {
            Enforcement::FixedSecond if at.floor() > self.at.floor() => {
                self.tokens = self.limit;
            }
            Enforcement::FixedSecond => {}
            Enforcement::Bucket(seconds) => {
                let refill = (at - self.at) * self.limit;
                self.tokens = (self.tokens + refill).min((self.limit * seconds).max(1.0));
            }
        }
        self.at = at;
        let takes = self.tokens >= 1.0;
        if takes {
            self.tokens -= 1.0;
        }
        takes
    }
}

/// Goodput as a share of the limit and throttled answers as a share of all, from second 10 to
/// second 60, of a sender that always has something to send.
fn run(limit: f64, pace: Option<f64>, enforcement: Enforcement, rtt_ms: u64) -> (f64, f64) {
    const WINDOW: usize = 100;
    let start = Instant::now();
    let config = PaceConfig {
        segments_per_second: pace,
        ..PaceConfig::default()
    };
    let mut pace = Pace::new(config, start);
    let mut provider = Provider {
        limit,
        enforcement,
        tokens: limit,
        at: 0.0,
    };
    let mut in_flight: VecDeque<(u64, u64, bool)> = VecDeque::new();
    let (mut accepted, mut throttled) = (0u32, 0u32);
    for ms in 0..60_000u64 {
        let now = start + Duration::from_millis(ms);
        while let Some((due_ms, sent_ms, takes)) = in_flight.front().copied()
            && due_ms <= ms
        {
            in_flight.pop_front();
            if takes {
                pace.on_accepted(now, 1, Duration::from_millis(rtt_ms));
            } else {
                pace.on_throttled(now, start + Duration::from_millis(sent_ms));
            }
            if ms >= 10_000 {
                accepted += u32::from(takes);
                throttled += u32::from(!takes);
            }
        }
        let room = (WINDOW - in_flight.len()) as u32;
        for _ in 0..pace.take(now, room) {
            let takes = provider.takes((ms + rtt_ms / 2) as f64 / 1_000.0);
            in_flight.push_back((ms + rtt_ms, ms, takes));
        }
    }
    let goodput = f64::from(accepted) / (50.0 * limit);
    (
        goodput,
        f64::from(throttled) / f64::from(accepted + throttled),
    )
}

#[test]
fn finds_an_unknown_limit() {
    let enforcements = [
        Enforcement::FixedSecond,
        Enforcement::Bucket(0.1),
        Enforcement::Bucket(1.0),
    ];
    let mut failures = Vec::new();
    for enforcement in enforcements {
        for limit in [100.0, 500.0, 1_700.0] {
            for pace in [None, Some(limit * 10.0), Some(limit * 1.2)] {
                for rtt_ms in [2, 40] {
                    let (goodput, throttled) = run(limit, pace, enforcement, rtt_ms);
                    if goodput < 0.97 || throttled > 0.01 {
                        failures.push(format!(
                            "{enforcement:?}, limit {limit}, pace {pace:?}, rtt {rtt_ms} ms: \
                             goodput {goodput:.3}, throttled {throttled:.4}"
                        ));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
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
    for _ in 0..traffic.throttled {
        for _ in 0..traffic.taken {
            now += traffic.gap / (traffic.taken + 1);
            pace.take(now, 1);
            pace.on_accepted(now + response_time, 1, response_time);
        }
        now += traffic.gap / (traffic.taken + 1);
        pace.take(now, 1);
        assert!(pace.on_throttled(now + response_time, now));
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
    pace.on_throttled(start, start);
    for s in 1..=600 {
        pace.take(start + Duration::from_secs(s), 0);
    }
    assert!((9.0..=15.0).contains(&pace.rate()), "{}", pace.rate());
}

#[test]
fn finds_a_limit_below_what_is_guessed() {
    let mut failures = Vec::new();
    for limit in [1.0, 2.0, 3.0, 4.0, 5.0, 8.0] {
        for pace in [None, Some(10.0), Some(limit * 2.0), Some(limit * 1.2)] {
            for rtt_ms in [2, 40] {
                let (goodput, throttled) = run(limit, pace, Enforcement::Bucket(1.0), rtt_ms);
                if goodput < 0.75 || throttled > 0.2 {
                    failures.push(format!(
                        "limit {limit}, pace {pace:?}, rtt {rtt_ms} ms: goodput {goodput:.3}, \
                         throttled {throttled:.4}"
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
