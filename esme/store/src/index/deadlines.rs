//! Deadlines of the deliveries in memory: cheap to set and to take back, as nearly all of them are
//! taken back long before their time.

use std::collections::{BTreeMap, BTreeSet};

use signalbox_router::{DeliveryId, Timestamp};

use crate::index::keys::OrderKey;

/// Deadlines that far apart are kept in order; those of one such span in no order until it begins.
const SPAN_MS: u64 = 60_000;

/// Fewest deadlines of a span that must have been taken back before it is tidied.
const TAKEN_BACK_MIN: usize = 4_096;

/// Each delivery has one deadline at most. Which one, only its state tells: of those far away the
/// ones that were taken back stay a while.
#[derive(Default)]
pub(crate) struct Deadlines {
    /// Those of the spans that have begun.
    near: BTreeSet<OrderKey>,
    /// Number of the first span that has not begun.
    next_span: u64,
    /// Those of later spans.
    far: BTreeMap<u64, Span>,
}

#[derive(Default)]
struct Span {
    set: Vec<(Timestamp, DeliveryId)>,
    /// About so many of them do not count any more.
    taken_back: usize,
}

impl Deadlines {
    /// Sets the deadline of a delivery that has none; 0: it gets none.
    pub(crate) fn add(&mut self, at: Timestamp, delivery: DeliveryId) {
        if at == Timestamp(0) {
            return;
        }
        let span = at.0 / SPAN_MS;
        if span < self.next_span {
            self.near.insert(OrderKey::deadline_at(at, delivery));
        } else {
            self.far.entry(span).or_default().set.push((at, delivery));
        }
    }

    /// Takes a deadline back; 0, or one that is not here: nothing is done. True: it is time to
    /// [tidy](Self::tidy).
    pub(crate) fn remove(&mut self, at: Timestamp, delivery: DeliveryId) -> bool {
        let span = at.0 / SPAN_MS;
        if span < self.next_span {
            self.near.remove(&OrderKey::deadline_at(at, delivery));
        } else if let Some(span) = self.far.get_mut(&span) {
            span.taken_back += 1;
            return span.taken_back >= TAKEN_BACK_MIN.max(span.set.len() / 2);
        }
        false
    }

    /// Forgets those of the span of `at` that do not count (`valid`), which are about half: at most
    /// twice as many are looked at as were taken back.
    pub(crate) fn tidy(&mut self, at: Timestamp, valid: impl Fn(Timestamp, DeliveryId) -> bool) {
        let number = at.0 / SPAN_MS;
        if let Some(span) = self.far.get_mut(&number) {
            span.taken_back = 0;
            span.set.retain(|(at, delivery)| valid(*at, *delivery));
            if span.set.is_empty() {
                self.far.remove(&number);
            }
        }
    }

    /// The first `max` that are over.
    pub(crate) fn due(
        &mut self,
        now: Timestamp,
        max: usize,
        valid: impl Fn(Timestamp, DeliveryId) -> bool,
    ) -> Vec<OrderKey> {
        let next_span = now.0 / SPAN_MS + 1;
        if next_span > self.next_span {
            self.next_span = next_span;
            let later = self.far.split_off(&next_span);
            let begun = std::mem::replace(&mut self.far, later);
            let begun = begun.into_values().flat_map(|span| span.set);
            let begun = begun.filter(|(at, delivery)| valid(*at, *delivery));
            self.near
                .extend(begun.map(|(at, delivery)| OrderKey::deadline_at(at, delivery)));
        }
        let due = self.near.range(..OrderKey::after(now));
        due.take(max).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use signalbox_router::MessageId;

    use super::*;

    /// Against a plain sorted set, over spans that have begun and that have not.
    #[test]
    fn it_answers_as_a_sorted_set_does() {
        let mut deadlines = Deadlines::default();
        let mut model = BTreeSet::new();
        let mut now = 1_000_000;
        let mut random = 7_u64;
        for step in 0..60_000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let delivery = DeliveryId {
                message: MessageId(u128::from(step)),
                recipient: 0,
            };
            let at = Timestamp(now + (random >> 33) % (5 * SPAN_MS));
            deadlines.add(at, delivery);
            model.insert(OrderKey::deadline_at(at, delivery));
            if !random.is_multiple_of(8) {
                let given_up = model.pop_last().expect("one was added");
                if deadlines.remove(given_up.at, given_up.delivery) {
                    let valid = |at, id| model.contains(&OrderKey::deadline_at(at, id));
                    deadlines.tidy(given_up.at, valid);
                }
            }
            now += random % 97;
            let due: Vec<OrderKey> = model
                .range(..OrderKey::after(Timestamp(now)))
                .take(3)
                .copied()
                .collect();
            let valid = |at, id| model.contains(&OrderKey::deadline_at(at, id));
            assert_eq!(deadlines.due(Timestamp(now), 3, valid), due, "step {step}");
            for key in due {
                model.remove(&key);
                deadlines.remove(key.at, key.delivery);
            }
        }
        assert!(!model.is_empty());
    }

    #[test]
    fn what_was_taken_back_is_forgotten() {
        let mut deadlines = Deadlines::default();
        let delivery = |number: u64| DeliveryId {
            message: MessageId(u128::from(number)),
            recipient: 0,
        };
        let at = Timestamp(9 * SPAN_MS);
        let valid = |_, id: DeliveryId| id.message.0.is_multiple_of(100);
        for number in 0..100_000 {
            deadlines.add(at, delivery(number));
            if !number.is_multiple_of(100) && deadlines.remove(at, delivery(number)) {
                deadlines.tidy(at, valid);
            }
            let set = deadlines.far.values().map(|span| span.set.len());
            assert!(set.sum::<usize>() <= 4 * TAKEN_BACK_MIN);
        }
        assert_eq!(deadlines.due(at, 2_000, valid).len(), 1_000);
    }

    #[test]
    fn none_is_no_deadline() {
        let mut deadlines = Deadlines::default();
        let delivery = DeliveryId {
            message: MessageId(1),
            recipient: 0,
        };
        deadlines.add(Timestamp(0), delivery);
        deadlines.remove(Timestamp(0), delivery);
        let due = deadlines.due(Timestamp(u64::MAX / 2), 9, |_, _| true);
        assert!(due.is_empty());
    }
}
