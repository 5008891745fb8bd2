//! What happened in each of the last seconds, so that a page shows what was before it was opened.
//! Pure: time and totals come in.

use std::collections::VecDeque;

/// Seconds that are kept; the oldest go.
const SECONDS_MAX: usize = 120;

/// Messages and deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Messages answered with ESME_ROK.
    pub(crate) messages: u64,
    /// Messages answered with another status, or not at all.
    pub(crate) refused: u64,
    /// Receipts and messages from phones that were sent.
    pub(crate) deliveries: u64,
}

/// What happened in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Its end, in seconds since 1970.
    pub(crate) unix_s: u64,
    pub(crate) count: Count,
}

/// The last seconds.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// The total of the last sample; nothing before the first, which is taken at the start.
    total: Count,
    rates: VecDeque<Rate>,
}

impl Samples {
    /// Adds the totals at a time.
    pub(crate) fn push(&mut self, unix_s: u64, total: Count) {
        let before = std::mem::replace(&mut self.total, total);
        if self.rates.len() >= SECONDS_MAX {
            self.rates.pop_front();
        }
        let count = Count {
            messages: total.messages.saturating_sub(before.messages),
            refused: total.refused.saturating_sub(before.refused),
            deliveries: total.deliveries.saturating_sub(before.deliveries),
        };
        self.rates.push_back(Rate { unix_s, count });
    }

    /// All that are kept, the newest last.
    pub(crate) fn rates(&self) -> Vec<Rate> {
        self.rates.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_was_added_and_the_oldest_go() {
        let mut samples = Samples::default();
        let total = |messages| Count {
            messages,
            refused: 1,
            deliveries: messages / 2,
        };
        samples.push(100, total(10));
        samples.push(101, total(14));
        let count = Count {
            messages: 4,
            refused: 0,
            deliveries: 2,
        };
        assert_eq!(samples.rates()[1], Rate { unix_s: 101, count });
        assert_eq!(samples.rates()[0].count, total(10));
        for second in 0..2 * SECONDS_MAX as u64 {
            samples.push(102 + second, total(14));
        }
        let rates = samples.rates();
        assert_eq!(rates.len(), SECONDS_MAX);
        assert_eq!(rates.last().unwrap().unix_s, 101 + 2 * SECONDS_MAX as u64);
    }
}
