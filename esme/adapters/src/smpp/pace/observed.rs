//! What the pace sees of a provider: how much it took lately, and how fast it answers.

use std::time::{Duration, Instant};

/// Response times beyond this multiple of the usual one hold the rate.
const SLOW_RESPONSE: f64 = 4.0;
/// Response times below this never count as slow: they say more about this machine.
const SLOW_RESPONSE_MIN: f64 = 0.02;

/// Segments taken within the last second, in slots of 100 ms: ten whole ones and the present one.
#[derive(Debug)]
pub(super) struct Meter {
    slots: [u32; Self::SLOTS],
    slot: usize,
    slot_ends: Instant,
}

impl Meter {
    const SLOTS: usize = 11;
    const SLOT: Duration = Duration::from_millis(100);

    pub(super) fn new(now: Instant) -> Self {
        Self {
            slots: [0; Self::SLOTS],
            slot: 0,
            slot_ends: now + Self::SLOT,
        }
    }

    pub(super) fn add(&mut self, now: Instant, segments: u32) {
        self.advance(now);
        self.slots[self.slot] = self.slots[self.slot].saturating_add(segments);
    }

    pub(super) fn per_second(&mut self, now: Instant) -> f64 {
        self.advance(now);
        let all: f64 = self.slots.iter().map(|count| f64::from(*count)).sum();
        let present = f64::from(self.slots[self.slot]);
        let oldest = f64::from(self.slots[(self.slot + 1) % Self::SLOTS]);
        (all - present).max(all - oldest)
    }

    fn advance(&mut self, now: Instant) {
        for _ in 0..Self::SLOTS {
            if now < self.slot_ends {
                return;
            }
            self.slot = (self.slot + 1) % Self::SLOTS;
            self.slots[self.slot] = 0;
            self.slot_ends += Self::SLOT;
        }
        self.slot_ends = self.slot_ends.max(now);
    }
}

/// Tells a slow response from the usual ones.
#[derive(Debug, Default)]
pub(super) struct ResponseTime {
    /// Seconds, slowly following; 0 until the first sample.
    usual: f64,
}

impl ResponseTime {
    pub(super) fn is_slow(&mut self, sample: Duration) -> bool {
        let sample = sample.as_secs_f64();
        if self.usual == 0.0 {
            self.usual = sample;
        }
        let slow = sample > SLOW_RESPONSE_MIN && sample > self.usual * SLOW_RESPONSE;
        self.usual += (sample - self.usual) * if slow { 0.001 } else { 0.05 };
        slow
    }
}
