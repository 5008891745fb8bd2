//! Deliveries that a provider throttles again and again. A provider that is at its limit throttles
//! whatever comes, and order is kept; one that throttles a certain recipient, as some do while its
//! queue is full, must not keep all others waiting.

use std::collections::BTreeMap;

use crate::ids::DeliveryId;

/// So many throttled answers to each part, in a row, leave a delivery its place in the queue.
const IN_PLACE: u32 = 1;

/// The first wait behind others; each further one is twice as long.
const DELAY_FIRST_MS: u64 = 1_000;

/// The longest wait.
const DELAY_MAX_MS: u64 = 60_000;

/// Most deliveries that are counted; with one more all counts begin anew.
const COUNTED_MAX: usize = 10_000;

/// Throttled answers by delivery. They are not kept over a restart.
#[derive(Debug, Default)]
pub(crate) struct Throttled {
    counts: BTreeMap<DeliveryId, u32>,
}

impl Throttled {
    /// Counts a throttled answer: how long the delivery lets others go first, 0: not at all.
    pub(crate) fn delay_ms(&mut self, delivery: DeliveryId, parts_total: u8) -> u64 {
        if self.counts.len() >= COUNTED_MAX && !self.counts.contains_key(&delivery) {
            self.counts.clear();
        }
        let count = self.counts.entry(delivery).or_default();
        *count = count.saturating_add(1);
        let rounds = (*count - 1) / u32::from(parts_total.max(1));
        match rounds.checked_sub(IN_PLACE) {
            None => 0,
            Some(doubled) => (DELAY_FIRST_MS << doubled.min(16)).min(DELAY_MAX_MS),
        }
    }

    /// The provider answered otherwise.
    pub(crate) fn forget(&mut self, delivery: DeliveryId) {
        if !self.counts.is_empty() {
            self.counts.remove(&delivery);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;

    fn delivery(number: u128) -> DeliveryId {
        DeliveryId {
            message: MessageId(number),
            recipient: 0,
        }
    }

    #[test]
    fn waits_grow_from_the_second_answer_in_a_row_on() {
        let mut throttled = Throttled::default();
        let delays: Vec<u64> = (0..10)
            .map(|_| throttled.delay_ms(delivery(1), 1))
            .collect();
        let seconds = [0, 1, 2, 4, 8, 16, 32, 60, 60, 60];
        assert_eq!(delays, seconds.map(|seconds| seconds * 1_000));
        throttled.forget(delivery(1));
        assert_eq!(throttled.delay_ms(delivery(1), 1), 0);
        for answer in 1..=5 {
            let delay_ms = throttled.delay_ms(delivery(2), 4);
            assert_eq!(delay_ms > 0, answer == 5, "each of four parts has one");
        }
    }

    #[test]
    fn counts_are_bounded() {
        let mut throttled = Throttled::default();
        for number in 0..3 * COUNTED_MAX as u128 {
            throttled.delay_ms(delivery(number), 1);
            assert!(throttled.counts.len() <= COUNTED_MAX);
        }
    }
}
