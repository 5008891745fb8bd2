//! Which parts a provider throttles again and again, although it takes others: their recipients are
//! full, and their answers say nothing of the provider's limit. Pure.

use std::collections::BTreeMap;

use signalbox_router::PartId;

/// Most parts that are kept; with one more all begin anew.
const PARTS_MAX: usize = 10_000;

/// What a throttled answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The first in a row to this part.
    First,
    /// The part was throttled again.
    Again,
    /// The part's recipient is full: the provider takes the others.
    RecipientFull,
}

/// Throttled answers by part, while nothing else came.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    parts: BTreeMap<PartId, Former>,
    /// Parts that were taken, of all.
    taken: u64,
}

/// The last throttled answer to a part.
#[derive(Clone, Copy, Debug)]
struct Former {
    /// Throttled answers in a row.
    count: u32,
    /// Parts that had been taken then, of all.
    taken: u64,
}

impl Repeats {
    /// Counts a throttled answer and says what it means.
    pub(super) fn throttled(&mut self, part: PartId) -> Meaning {
        if self.parts.len() >= PARTS_MAX && !self.parts.contains_key(&part) {
            self.parts.clear();
        }
        let former = self.parts.get(&part).copied();
        let count = former.map_or(1, |former| former.count.saturating_add(1));
        let taken = self.taken;
        self.parts.insert(part, Former { count, taken });
        match former {
            None => Meaning::First,
            // At its second attempt, in its place, nothing else had a chance yet.
            Some(former) if former.count > 1 && taken > former.taken => Meaning::RecipientFull,
            Some(_) => Meaning::Again,
        }
    }

    /// The provider took a part.
    pub(super) fn taken(&mut self, segments: u32) {
        self.taken += u64::from(segments);
    }

    /// The provider answered otherwise.
    pub(super) fn forget(&mut self, part: PartId) {
        if !self.parts.is_empty() {
            self.parts.remove(&part);
        }
    }
}

#[cfg(test)]
mod tests {
    use signalbox_router::{DeliveryId, MessageId};

    use super::*;

    fn part(message: u128) -> PartId {
        let delivery = DeliveryId {
            message: MessageId(message),
            recipient: 0,
        };
        PartId { delivery, part: 1 }
    }

    #[test]
    fn a_recipient_is_full_when_others_are_taken_meanwhile() {
        let mut repeats = Repeats::default();
        repeats.taken(1_000);
        assert_eq!(repeats.throttled(part(0)), Meaning::First);
        repeats.taken(1_000);
        assert_eq!(repeats.throttled(part(0)), Meaning::Again, "in its place");
        assert_eq!(repeats.throttled(part(1)), Meaning::First);
        assert_eq!(
            repeats.throttled(part(0)),
            Meaning::Again,
            "nothing else was taken"
        );
        repeats.taken(1);
        assert_eq!(repeats.throttled(part(0)), Meaning::RecipientFull);
        assert_eq!(repeats.throttled(part(1)), Meaning::Again, "in its place");
        repeats.forget(part(0));
        assert_eq!(repeats.throttled(part(0)), Meaning::First);
    }

    #[test]
    fn parts_are_bounded() {
        let mut repeats = Repeats::default();
        for message in 0..2 * PARTS_MAX as u128 + 5 {
            repeats.throttled(part(message));
            assert!(repeats.parts.len() <= PARTS_MAX);
        }
    }
}
