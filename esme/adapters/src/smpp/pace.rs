//! How fast segments go to one provider: a token bucket, and a closed loop that finds the
//! provider's own limit when it is lower or unknown. Pure: `now` is an argument.
//!
//! ```text
//!                 throttled: learn the limit, rate x 0.5, pause (doubling up to throttle_delay)
//!              +------------------------------------------------------------------+
//!              v                                                                  |
//!  recover (to 99 % of the learnt limit) -> hold (4 s, if the limit is sure) -> probe
//!                                                (0.2 % per second, doubling each half second)
//! ```
//!
//! The limit is learnt from what the provider took between two throttled answers: at both its
//! allowance was used up, so that is what it allows, however it counts. Where it was sent little,
//! the answer tells no limit, it may mean one recipient only. The limit is a guess then: the rate
//! doubles again and again, while all it allows is sent, until a throttled answer tells more.
//!
//! Some providers throttle a recipient (its queue is full) and not the sender. Then the same part
//! is throttled again while others are taken, and such answers must not slow the others down:
//!
//! | throttled answer to a part | effect |
//! |---|---|
//! | first in a row | all of the above |
//! | again, nothing taken since the reduction | a pause, up to 100 ms; the rate stays |
//! | third or later, others taken since its last one | none |
//!
//! When a reduction came from one part alone, which was throttled again after the pause, and the
//! next part is taken, the former limit holds again; where there was none, the limit is a guess.
//! After longer pauses more parts are tried at once, so that many full recipients in a row do not
//! cost a pause each.

mod observed;

use std::f64::consts::LN_2;
use std::time::{Duration, Instant};

use signalbox_router::PartId;

use super::repeats::{Meaning, Repeats};
use observed::{Meter, ResponseTime};

/// First pause after an answer that asked to slow down.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// A throttled answer this long after the last one starts again with [`PAUSE_FIRST`].
const PAUSE_FORGOTTEN: Duration = Duration::from_secs(2);
/// Time from a standing start to the learnt limit.
const RECOVERY: Duration = Duration::from_millis(250);
/// How long the rate stays just below a sure limit before it probes for more.
const HOLD: Duration = Duration::from_secs(4);
/// Longest pause after a part that was throttled again before anything was taken.
const PAUSE_AGAIN_MAX: Duration = Duration::from_millis(100);
/// After a pause of this length several parts are tried at once.
const PAUSE_LONG: Duration = Duration::from_secs(1);
/// Parts per second of a long pause that may go at once after it.
const TRIED_PER_SECOND: f64 = 10.0;
/// Share of the learnt limit at which the rate is held.
const HOLD_SHARE: f64 = 0.99;
/// Growth per second at the start of a probe, as a share of the rate.
const PROBE_SHARE: f64 = 0.002;
/// Growth per second that a probe ends up with, as a share of the rate.
const PROBE_SHARE_MAX: f64 = 0.3;
/// A probe's growth doubles in this many seconds.
const PROBE_DOUBLING: f64 = 0.5;
/// Shortest time between two throttled answers that tells the limit.
const LEARN_TIME_MIN: Duration = Duration::from_secs(1);
/// A limit is sure when the rate was within this share of the former estimate.
const SURE_SHARE: f64 = 1.1;
/// What a provider is guessed to allow, in segments per second, when its first throttled answer
/// comes and tells no limit. No answer is without meaning after a second that took this many.
const LIMIT_GUESSED: f64 = 10.0;
/// A throttled answer tells no limit when less than this share of what the rate allowed was taken.
const TELLING_SHARE: f64 = 0.5;
/// Above a guessed limit the rate doubles in this many seconds, while all it allows is sent.
const GUESS_DOUBLING: f64 = 0.5;
/// `congestion_state` (SMPP v5.0 §4.8.4.18) from which the rate is held.
const CONGESTION_HOLD: u8 = 80;
/// How long one observation holds the rate.
const HELD_FOR: Duration = Duration::from_secs(1);
/// Slowest rate, in segments per second: the loop never stops for good.
const RATE_MIN: f64 = 0.2;

/// Settings of a provider's pace.
#[derive(Clone, Debug, PartialEq)]
pub struct PaceConfig {
    /// Segments per second, above 0; `None`: as fast as the provider takes them. Default `None`.
    pub segments_per_second: Option<f64>,
    /// Segments that may go at once after an idle time, at least 1; `None`: what the pace allows
    /// in 50 ms. Default `None`.
    pub burst: Option<u32>,
    /// Longest pause of the closed loop. Default 30 s.
    pub throttle_delay: Duration,
}

impl Default for PaceConfig {
    fn default() -> Self {
        Self {
            segments_per_second: None,
            burst: None,
            throttle_delay: Duration::from_secs(30),
        }
    }
}

/// The pace of one provider. It survives reconnects: the limit is the provider's, not the link's.
#[derive(Debug)]
pub struct Pace {
    config: PaceConfig,
    /// Segments per second; infinite while nothing limits it.
    rate: f64,
    tokens: f64,
    refilled_at: Instant,
    learnt: Option<Learnt>,
    pause: Duration,
    paused_until: Option<Instant>,
    /// Segments that may go after the pause whatever the rate is.
    tried: u32,
    reduced_at: Option<Instant>,
    /// From a reduction until the first part that left after it is taken.
    reduction: Option<Reduction>,
    repeats: Repeats,
    held_until: Option<Instant>,
    meter: Meter,
    response_time: ResponseTime,
}

/// What the provider took per second when it last asked to slow down.
#[derive(Clone, Copy, Debug)]
struct Learnt {
    limit: f64,
    at: Instant,
    /// The estimate was confirmed by slow growth.
    sure: bool,
    /// Too little was sent to tell the limit.
    guessed: bool,
    /// Segments taken since then.
    taken: u64,
    /// Segments that the rate allowed since then and that were not to be sent.
    spare: f64,
}

/// What a throttled answer changed, until the provider takes something again.
#[derive(Clone, Copy, Debug)]
struct Reduction {
    learnt_before: Option<Learnt>,
    /// Different parts that were throttled.
    parts: u32,
    /// One of them was throttled again after a pause.
    again: bool,
}

impl Pace {
    /// Starts at the full pace.
    #[must_use]
    pub fn new(config: PaceConfig, now: Instant) -> Self {
        let mut pace = Self {
            rate: config
                .segments_per_second
                .unwrap_or(f64::INFINITY)
                .max(RATE_MIN),
            config,
            tokens: 0.0,
            refilled_at: now,
            learnt: None,
            pause: Duration::ZERO,
            paused_until: None,
            tried: 0,
            reduced_at: None,
            reduction: None,
            repeats: Repeats::default(),
            held_until: None,
            meter: Meter::new(now),
            response_time: ResponseTime::default(),
        };
        pace.tokens = pace.burst();
        pace
    }

    /// Takes up to `wanted` tokens and says how many it got.
    pub fn take(&mut self, now: Instant, wanted: u32) -> u32 {
        if self.is_paused(now) {
            return 0;
        }
        if self.rate.is_infinite() {
            return wanted;
        }
        self.refill(now);
        let tried = self.tried.min(wanted);
        self.tried -= tried;
        let taken = self.tokens.floor().clamp(0.0, f64::from(wanted - tried));
        self.tokens -= taken;
        tried + taken as u32
    }

    /// Gives back tokens that were taken and not used.
    pub fn give_back(&mut self, unused: u32) {
        self.tokens += f64::from(unused);
    }

    /// When a token will be there; `None` when there is one.
    #[must_use]
    pub fn next_at(&mut self, now: Instant) -> Option<Instant> {
        if self.is_paused(now) {
            return self.paused_until;
        }
        if self.rate.is_infinite() {
            return None;
        }
        self.refill(now);
        let missing = 1.0 - self.tokens - f64::from(self.tried);
        (missing > 0.0).then(|| now + Duration::from_secs_f64(missing / self.rate))
    }

    /// Whether nothing may be sent because the provider asked to slow down.
    #[must_use]
    pub fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Segments that the pace allows within `time`, at least 1; 0 while paused.
    #[must_use]
    pub fn allowance(&self, now: Instant, time: Duration) -> u32 {
        if self.is_paused(now) {
            return 0;
        }
        let allowed = self.rate * time.as_secs_f64() + f64::from(self.tried);
        allowed.clamp(1.0, f64::from(u32::MAX)) as u32
    }

    /// Segments per second, infinite when nothing limits them.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the provider's own limit is what holds the rate down.
    #[must_use]
    pub const fn is_throttled(&self) -> bool {
        self.learnt.is_some()
    }

    /// The provider took `segments`; the response time is that of one of them.
    pub fn on_accepted(&mut self, now: Instant, segments: u32, response_time: Duration) {
        self.meter.add(now, segments);
        self.repeats.taken(segments);
        if let Some(learnt) = &mut self.learnt {
            learnt.taken += u64::from(segments);
        }
        if self.response_time.is_slow(response_time) {
            self.hold(now);
        }
        let sent_at = now - response_time;
        if self.reduced_at.is_some_and(|at| sent_at > at)
            && let Some(reduction) = self.reduction.take()
        {
            self.tried = 0;
            if reduction.parts == 1 && reduction.again {
                self.undo(reduction);
            }
        }
    }

    fn undo(&mut self, reduction: Reduction) {
        let Some(learnt) = &mut self.learnt else {
            return;
        };
        match reduction.learnt_before {
            Some(before) if !before.guessed => {
                let limit = before.limit.max(learnt.limit);
                let taken = before.taken + learnt.taken;
                *learnt = Learnt {
                    limit,
                    taken,
                    ..before
                };
            }
            // A few parts may have met a low limit as well: it is found from the guess.
            _ => learnt.guessed = true,
        }
        self.pause = Duration::ZERO;
    }

    /// A response carried `congestion_state`.
    pub fn on_congestion(&mut self, now: Instant, congestion_state: u8) {
        if congestion_state >= CONGESTION_HOLD {
            self.hold(now);
        }
    }

    /// The provider answered to a part, and did not ask to slow down.
    pub fn on_not_throttled(&mut self, part: PartId) {
        self.repeats.forget(part);
    }

    /// The provider asked to slow down, in the answer to a part sent at `sent_at`. Answers to
    /// parts that left before the last reduction say nothing new and change nothing. Returns
    /// whether a pause began.
    pub fn on_throttled(&mut self, now: Instant, sent_at: Instant, part: PartId) -> bool {
        let meaning = self.repeats.throttled(part);
        if self.reduced_at.is_some_and(|at| sent_at <= at) {
            if let Some(reduction) = &mut self.reduction {
                // Another part's answer: each is under way once.
                reduction.parts += u32::from(meaning != Meaning::RecipientFull);
            }
            return false;
        }
        if meaning == Meaning::RecipientFull {
            return false;
        }
        self.refill(now);
        // While nothing is taken, only time in which something could be sent is peace.
        let pause = self.reduction.map_or(Duration::ZERO, |_| self.pause);
        let fresh = self
            .reduced_at
            .is_none_or(|at| now > at + pause + PAUSE_FORGOTTEN);
        let longer = if fresh { PAUSE_FIRST } else { self.pause * 2 };
        match &mut self.reduction {
            Some(reduction) if meaning == Meaning::Again => {
                reduction.again = true;
                self.pause = longer.min(PAUSE_AGAIN_MAX).max(self.pause);
            }
            open => {
                let reduction = open.get_or_insert(Reduction {
                    learnt_before: self.learnt,
                    parts: 0,
                    again: false,
                });
                reduction.parts += 1;
                let learnt = self.learn(now);
                self.rate = (learnt.limit.min(self.rate) * 0.5).max(RATE_MIN);
                self.learnt = Some(learnt);
                self.pause = longer;
            }
        }
        self.pause = self.pause.min(self.config.throttle_delay);
        self.tokens = 0.0;
        self.tried = match self.pause >= PAUSE_LONG {
            true => (self.pause.as_secs_f64() * TRIED_PER_SECOND).min(self.burst_max()) as u32,
            false => 0,
        };
        self.reduced_at = Some(now);
        self.pause_until(now + self.pause);
        true
    }

    /// Sends nothing for `time`, because the provider's profile says so.
    pub fn park(&mut self, now: Instant, time: Duration) {
        self.pause_until(now + time);
    }

    fn learn(&mut self, now: Instant) -> Learnt {
        let last_second = self.meter.per_second(now).min(self.rate);
        let measured = |limit: f64, sure| Learnt {
            limit: limit.max(RATE_MIN),
            at: now,
            sure,
            guessed: false,
            taken: 0,
            spare: 0.0,
        };
        let guessed = |limit| Learnt {
            guessed: true,
            ..measured(limit, false)
        };
        let few = last_second < LIMIT_GUESSED;
        let Some(former) = self.learnt else {
            return match few && last_second < self.rate * TELLING_SHARE {
                true => guessed(LIMIT_GUESSED.min(self.rate)),
                false => measured(last_second, false),
            };
        };
        let time = now.saturating_duration_since(former.at);
        if time < LEARN_TIME_MIN {
            return Learnt {
                sure: false,
                ..former
            };
        }
        let taken = former.taken as f64;
        if former.taken == 0 || few && taken < (taken + former.spare) * TELLING_SHARE {
            let reached = match former.guessed {
                true => former.limit.max(self.rate),
                false => former.limit,
            };
            return guessed((reached * 0.5).max(last_second));
        }
        let between = taken / time.as_secs_f64();
        let sure = !former.guessed && self.rate <= former.limit * SURE_SHARE;
        measured(between.max(last_second), sure)
    }

    fn pause_until(&mut self, until: Instant) {
        self.paused_until = Some(self.paused_until.map_or(until, |former| former.max(until)));
        self.tokens = self.tokens.min(0.0);
        self.refilled_at = self.refilled_at.max(until);
    }

    fn hold(&mut self, now: Instant) {
        self.held_until = Some(now + HELD_FOR);
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now
            .saturating_duration_since(self.refilled_at)
            .as_secs_f64();
        if elapsed <= 0.0 {
            return;
        }
        self.refilled_at = now;
        if self.held_until.is_none_or(|until| now >= until) {
            self.grow(now, elapsed);
        }
        if self.rate.is_finite() {
            let (tokens, burst) = (self.tokens + self.rate * elapsed, self.burst());
            self.tokens = tokens.min(burst);
            if let Some(learnt) = &mut self.learnt {
                learnt.spare += tokens - self.tokens;
            }
        }
    }

    fn grow(&mut self, now: Instant, elapsed: f64) {
        let ceiling = self.config.segments_per_second.unwrap_or(f64::INFINITY);
        if let Some(learnt) = self.learnt {
            let held = learnt.limit * HOLD_SHARE;
            let hold = if learnt.sure { HOLD } else { Duration::ZERO };
            let probing = now
                .saturating_duration_since(learnt.at + hold)
                .as_secs_f64();
            if self.rate < held {
                self.rate = (self.rate + held * elapsed / RECOVERY.as_secs_f64()).min(held);
            } else if learnt.guessed {
                // Doubling adds this much per segment sent: a full bucket ends it.
                let missing = (self.burst() - self.tokens).max(0.0);
                let bucket_full = self.rate + missing * LN_2 / GUESS_DOUBLING;
                self.rate = (self.rate * (elapsed / GUESS_DOUBLING).exp2()).min(bucket_full);
            } else if probing > 0.0 {
                let share = PROBE_SHARE * (probing / PROBE_DOUBLING).exp2();
                self.rate += self.rate * share.min(PROBE_SHARE_MAX) * elapsed;
            }
            // A guess may be the ceiling itself: forgotten at once, nothing would be learnt.
            let calm = now.saturating_duration_since(learnt.at) > PAUSE_FORGOTTEN;
            if self.rate >= ceiling && (calm || !learnt.guessed) {
                self.learnt = None;
            }
        }
        self.rate = self.rate.min(ceiling);
    }

    fn burst(&self) -> f64 {
        self.burst_at(self.rate)
    }

    /// What may go at once at the configured pace.
    fn burst_max(&self) -> f64 {
        self.burst_at(self.config.segments_per_second.unwrap_or(f64::INFINITY))
    }

    fn burst_at(&self, rate: f64) -> f64 {
        match self.config.burst {
            Some(burst) => f64::from(burst.max(1)),
            None => (rate * 0.05).max(1.0).min(f64::from(u32::MAX)),
        }
    }
}

#[cfg(test)]
mod tests;
