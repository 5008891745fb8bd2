//! The closed loop against simulated providers.

use std::collections::{BTreeMap, VecDeque};

use super::super::*;
use super::part as part_id;

/// Parts on the wire.
const WINDOW: usize = 100;

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

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
enum Demand {
    /// There is always something to send.
    Endless,
    /// So many parts per second.
    PerSecond(u64),
}

/// Who sends what to which provider, and how fast it answers.
#[derive(Clone, Copy, Debug)]
struct Setting {
    limit: f64,
    pace: Option<f64>,
    enforcement: Enforcement,
    rtt_ms: u64,
    demand: Demand,
    /// Parts to recipients that are always throttled: so many in second 5, all at once...
    full_at_once: u64,
    /// ... and one in each such time.
    full_each_ms: Option<u64>,
}

impl Setting {
    fn endless(limit: f64, pace: Option<f64>, enforcement: Enforcement, rtt_ms: u64) -> Self {
        Self {
            limit,
            pace,
            enforcement,
            rtt_ms,
            demand: Demand::Endless,
            full_at_once: 0,
            full_each_ms: None,
        }
    }
}

/// A part, and whether its recipient is always throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    number: u64,
    full: bool,
}

/// The queue of the router: by the time when a part is due, which is later for those that are
/// throttled again and again.
#[derive(Default)]
struct Queue {
    parts: BTreeMap<(u64, Part), ()>,
    throttled: BTreeMap<u64, u32>,
    next: u64,
}

impl Queue {
    fn add(&mut self, ms: u64, full: bool) {
        let number = self.next;
        self.next += 1;
        self.parts.insert((ms, Part { number, full }), ());
    }

    fn throttled(&mut self, ms: u64, due_ms: u64, part: Part) {
        let count = self.throttled.entry(part.number).or_default();
        *count += 1;
        let due_ms = match count.checked_sub(2) {
            None => due_ms,
            Some(doubled) => ms + (1_000 << doubled.min(6)).min(60_000),
        };
        self.parts.insert((due_ms, part), ());
    }

    fn is_due(&self, ms: u64) -> bool {
        let first = self.parts.first_key_value();
        first.is_some_and(|((due_ms, _), ())| *due_ms <= ms)
    }

    fn take(&mut self) -> (u64, Part) {
        self.parts.pop_first().expect("one is due").0
    }
}

/// What became of it.
#[derive(Debug, Default)]
struct Results {
    /// Taken parts by second.
    accepted: Vec<u32>,
    /// Throttled answers after second 10.
    throttled: u32,
    /// Parts left in the queue whose recipients are not full.
    left: usize,
}

impl Results {
    fn accepted_from_10(&self) -> f64 {
        f64::from(self.accepted[10..].iter().sum::<u32>())
    }

    fn goodput(&self, limit: f64) -> f64 {
        self.accepted_from_10() / (50.0 * limit)
    }

    fn throttled_share(&self) -> f64 {
        let throttled = f64::from(self.throttled);
        throttled / (self.accepted_from_10() + throttled)
    }
}

/// A minute of a sender with a window of 100.
fn run(setting: Setting) -> Results {
    let Setting {
        limit,
        enforcement,
        rtt_ms,
        ..
    } = setting;
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let config = PaceConfig {
        segments_per_second: setting.pace,
        ..PaceConfig::default()
    };
    let mut pace = Pace::new(config, start);
    let mut provider = Provider {
        limit,
        enforcement,
        tokens: limit,
        at: 0.0,
    };
    let mut queue = Queue::default();
    let mut in_flight: VecDeque<(u64, u64, bool, (u64, Part))> = VecDeque::new();
    let mut results = Results {
        accepted: vec![0; 60],
        ..Results::default()
    };
    for ms in 0..60_000u64 {
        while let Some((answer_ms, sent_ms, takes, (due_ms, part))) = in_flight.front().copied()
            && answer_ms <= ms
        {
            in_flight.pop_front();
            if takes {
                pace.on_not_throttled(part_id(part.number));
                pace.on_accepted(at(ms), 1, Duration::from_millis(rtt_ms));
                results.accepted[ms as usize / 1_000] += 1;
            } else {
                pace.on_throttled(at(ms), at(sent_ms), part_id(part.number));
                queue.throttled(ms, due_ms, part);
                results.throttled += u32::from(ms >= 10_000);
            }
        }
        offer(&setting, ms, &mut queue);
        while in_flight.len() < WINDOW && queue.is_due(ms) && pace.take(at(ms), 1) == 1 {
            let queued = queue.take();
            let takes = !queued.1.full && provider.takes((ms + rtt_ms / 2) as f64 / 1_000.0);
            in_flight.push_back((ms + rtt_ms, ms, takes, queued));
        }
    }
    results.left = queue.parts.keys().filter(|(_, part)| !part.full).count();
    results
}

fn offer(setting: &Setting, ms: u64, queue: &mut Queue) {
    match setting.demand {
        Demand::Endless => {
            while queue.parts.len() < WINDOW {
                queue.add(ms, false);
            }
        }
        Demand::PerSecond(parts) => {
            for _ in ms * parts / 1_000..(ms + 1) * parts / 1_000 {
                queue.add(ms, false);
            }
        }
    }
    if ms == 5_000 {
        (0..setting.full_at_once).for_each(|_| queue.add(ms, true));
    }
    if setting
        .full_each_ms
        .is_some_and(|each| ms.is_multiple_of(each))
    {
        queue.add(ms, true);
    }
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
                    let results = run(Setting::endless(limit, pace, enforcement, rtt_ms));
                    let (goodput, throttled) = (results.goodput(limit), results.throttled_share());
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

#[test]
fn finds_a_limit_below_what_is_guessed() {
    let mut failures = Vec::new();
    for limit in [1.0, 2.0, 3.0, 4.0, 5.0, 8.0] {
        for pace in [None, Some(10.0), Some(limit * 2.0), Some(limit * 1.2)] {
            for rtt_ms in [2, 40] {
                let bucket = Enforcement::Bucket(1.0);
                let results = run(Setting::endless(limit, pace, bucket, rtt_ms));
                let (goodput, throttled) = (results.goodput(limit), results.throttled_share());
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

/// Their answers tell nothing of what the provider allows the others.
#[test]
fn recipients_that_are_always_throttled_stop_nobody_else() {
    let mut failures = Vec::new();
    for (parts, full_at_once, full_each_ms) in [
        (5, 1, None),
        (5, 20, None),
        (5, 0, Some(3_000)),
        (30, 20, None),
        (30, 100, None),
        (30, 0, Some(1_000)),
        (30, 20, Some(2_500)),
        (300, 20, None),
        (300, 100, None),
        (300, 0, Some(1_000)),
        (300, 20, Some(2_500)),
    ] {
        for pace in [None, Some(1_000.0)] {
            for rtt_ms in [2, 40] {
                let setting = Setting {
                    demand: Demand::PerSecond(parts),
                    full_at_once,
                    full_each_ms,
                    ..Setting::endless(1e9, pace, Enforcement::Bucket(1.0), rtt_ms)
                };
                let results = run(setting);
                let stopped = results.accepted.iter().filter(|taken| **taken == 0).count();
                if results.left > 2 * parts as usize || stopped > 20 {
                    failures.push(format!("{setting:?}: {results:?}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// And the provider's own limit is kept beside them.
#[test]
fn finds_a_limit_beside_recipients_that_are_always_throttled() {
    for limit in [20.0, 100.0, 1_000.0] {
        for rtt_ms in [2, 40] {
            let setting = Setting {
                full_at_once: 20,
                full_each_ms: Some(3_000),
                ..Setting::endless(limit, None, Enforcement::Bucket(1.0), rtt_ms)
            };
            let results = run(setting);
            // The 20 at second 5 cost some time.
            let accepted = f64::from(results.accepted[35..].iter().sum::<u32>());
            let goodput = accepted / (25.0 * limit);
            assert!(goodput > 0.85, "{setting:?}: {goodput:.3}, {results:?}");
            let throttled = results.throttled;
            assert!(throttled < 500, "{setting:?}: {throttled}");
        }
    }
}
