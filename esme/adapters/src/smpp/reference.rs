//! Reference numbers of concatenated messages: per destination, not used again within 24 hours
//! while the counter allows.
//!
//! The number follows from the delivery's id, so a part that is retried after a restart has the
//! number of its siblings. Only when another delivery to the same destination holds that number
//! the next free one is taken; that choice is remembered here and lost by a restart.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use signalbox_router::{DeliveryId, Timestamp};

/// References remembered, all destinations together. With more, the oldest are forgotten first.
pub const REFERENCES_MAX: usize = 65_536;
/// How long a reference is not used again for the same destination.
pub const REFERENCE_LIFE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Numbers tried before the delivery's own one is used in spite of its holder: all of the 8-bit
/// ones.
const PROBES_MAX: u16 = 256;

/// References in use at one provider.
#[derive(Debug, Default)]
pub struct References {
    holders: HashMap<Key, Holder>,
    /// Oldest first. An entry whose time is not its holder's has been replaced.
    order: VecDeque<(Key, Timestamp)>,
}

type Key = (Arc<str>, u16);

#[derive(Clone, Copy, Debug)]
struct Holder {
    delivery: DeliveryId,
    at: Timestamp,
}

impl References {
    /// The number that a delivery has when nobody else holds it. `mask` is 0xFF or 0xFFFF.
    #[must_use]
    pub const fn own(delivery: DeliveryId, mask: u16) -> u16 {
        let id = delivery.message.0;
        let folded = (id as u64) ^ ((id >> 64) as u64) ^ ((delivery.recipient as u64) << 32);
        ((folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as u16) & mask
    }

    /// The number of a delivery; the same one each time it is asked within 24 hours.
    pub fn claim(
        &mut self,
        destination: &str,
        delivery: DeliveryId,
        mask: u16,
        now: Timestamp,
    ) -> u16 {
        self.forget(now);
        let own = Self::own(delivery, mask);
        let mut key: Key = (Arc::from(destination), own);
        for _ in 0..PROBES_MAX.min(mask) {
            match self.holders.get(&key) {
                Some(holder) if holder.delivery == delivery => return key.1,
                Some(_) => key.1 = key.1.wrapping_add(1) & mask,
                None => break,
            }
        }
        if self
            .holders
            .get(&key)
            .is_some_and(|holder| holder.delivery != delivery)
        {
            key.1 = own;
        }
        self.holders
            .insert(key.clone(), Holder { delivery, at: now });
        let reference = key.1;
        self.order.push_back((key, now));
        reference
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((_, at)) = self.order.front()
            && (now.since_ms(*at) >= REFERENCE_LIFE_MS || self.order.len() >= REFERENCES_MAX)
        {
            let (key, at) = self.order.pop_front().expect("there is a front");
            if self.holders.get(&key).is_some_and(|holder| holder.at == at) {
                self.holders.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use signalbox_router::MessageId;

    use super::*;

    fn delivery(number: u128) -> DeliveryId {
        DeliveryId {
            message: MessageId(number << 40),
            recipient: 0,
        }
    }

    #[test]
    fn each_of_256_deliveries_to_one_destination_has_its_own_number() {
        let mut references = References::default();
        let now = Timestamp(1);
        let claimed: Vec<u16> = (0..256)
            .map(|number| references.claim("49", delivery(number), 0xFF, now))
            .collect();
        assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 256);
        let again: Vec<u16> = (0..256)
            .map(|number| references.claim("49", delivery(number), 0xFF, now))
            .collect();
        assert_eq!(
            again, claimed,
            "a retry has the number of the first attempt"
        );
        let one_more = references.claim("49", delivery(256), 0xFF, now);
        assert_eq!(one_more, References::own(delivery(256), 0xFF));
    }

    #[test]
    fn a_number_without_a_rival_survives_a_restart() {
        let (now, id) = (Timestamp(1), delivery(77));
        let before = References::default().claim("49", id, 0xFFFF, now);
        assert_eq!(References::default().claim("49", id, 0xFFFF, now), before);
        assert_eq!(before, References::own(id, 0xFFFF));
    }

    #[test]
    fn a_number_is_free_after_a_day_and_memory_is_bounded() {
        let mut references = References::default();
        for number in 0..256 {
            references.claim("49", delivery(number), 0xFF, Timestamp(1));
        }
        let next_day = Timestamp(1 + REFERENCE_LIFE_MS);
        references.claim("49", delivery(300), 0xFF, next_day);
        assert_eq!(references.holders.len(), 1);
        for number in 0..REFERENCES_MAX as u128 + 10 {
            references.claim(&number.to_string(), delivery(number), 0xFF, next_day);
        }
        assert_eq!(references.holders.len(), REFERENCES_MAX);
        assert_eq!(references.order.len(), REFERENCES_MAX);
    }
}
