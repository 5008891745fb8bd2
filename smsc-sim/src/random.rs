//! Random numbers without state: each is a function of (seed, bind, counter), so what one bind sees
//! depends neither on time nor on what the other binds do.

/// The number that belongs to message `counter` of bind `bind_ordinal`. SplitMix64 over the three.
#[must_use]
pub(crate) const fn number(seed: u64, bind_ordinal: u64, counter: u64) -> u64 {
    mix(mix(mix(seed) ^ bind_ordinal) ^ counter)
}

/// One round of SplitMix64.
#[must_use]
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The inverse of [`mix`].
#[must_use]
pub(crate) const fn unmix(value: u64) -> u64 {
    let mut z = value ^ (value >> 31) ^ (value >> 62);
    // The inverses of the factors modulo 2^64.
    z = z.wrapping_mul(0x3196_42B2_D24D_8EC3);
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(0x96DE_1B17_3F11_9089);
    z = z ^ (z >> 30) ^ (z >> 60);
    z.wrapping_sub(0x9E37_79B9_7F4A_7C15)
}

/// A row of numbers that belong to one key: as many as one decision needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    key: u64,
}

impl Draws {
    /// The row of a key.
    pub(crate) const fn new(key: u64) -> Self {
        Self { key }
    }

    /// The next number.
    pub(crate) const fn number(&mut self) -> u64 {
        self.key = mix(self.key);
        self.key
    }

    /// The next number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits are what an f64 holds.
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number of the standard normal distribution (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// True in this share of all cases.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        share >= 1.0 || self.unit() < share
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn mixing_can_be_undone() {
        for value in (0..64).map(|bit| 1 << bit).chain([0, 7, u64::MAX]) {
            assert_eq!(unmix(mix(value)), value);
        }
    }

    #[test]
    fn numbers_repeat_for_the_same_key_and_differ_for_all_others() {
        let mut seen = HashSet::new();
        for seed in 0..4 {
            for bind_ordinal in 0..16 {
                for counter in 0..64 {
                    let value = number(seed, bind_ordinal, counter);
                    assert_eq!(value, number(seed, bind_ordinal, counter));
                    assert!(seen.insert(value), "{seed} {bind_ordinal} {counter}");
                }
            }
        }
    }
}
