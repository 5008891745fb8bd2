//! Parts whose response timer is over, so that a late response still finds its part. Pure.

use std::collections::{BTreeMap, VecDeque};

use signalbox_router::PartId;

/// Late parts of a provider that are remembered; beyond, the oldest is forgotten, and its response
/// says nothing.
pub(super) const LATE_PARTS_MAX: usize = 65_536;

/// What a late response is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LatePart {
    pub(super) part: PartId,
    pub(super) parts_total: u8,
    pub(super) receipt_wanted: bool,
}

/// Late parts by the token of their request.
#[derive(Debug, Default)]
pub(super) struct LateParts {
    by_token: BTreeMap<u64, LatePart>,
    /// The tokens of `by_token`, oldest first.
    order: VecDeque<u64>,
}

impl LateParts {
    /// Adds a part; a token is not used for two.
    pub(super) fn insert(&mut self, token: u64, part: LatePart) {
        if self.order.len() >= LATE_PARTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_token.remove(&oldest);
        }
        self.by_token.insert(token, part);
        self.order.push_back(token);
    }

    /// Removes the part of that token.
    pub(super) fn take(&mut self, token: u64) -> Option<LatePart> {
        let part = self.by_token.remove(&token)?;
        // Late responses come mostly in order: near the front.
        if let Some(index) = self.order.iter().position(|held| *held == token) {
            self.order.remove(index);
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use signalbox_router::{DeliveryId, MessageId};

    use super::*;

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let late_part = |number: u64| LatePart {
            part: PartId {
                delivery: DeliveryId {
                    message: MessageId(u128::from(number)),
                    recipient: 0,
                },
                part: 1,
            },
            parts_total: 1,
            receipt_wanted: true,
        };
        let mut late = LateParts::default();
        let token_max = LATE_PARTS_MAX as u64 + 2;
        for token in 1..=token_max {
            late.insert(token, late_part(token));
        }
        assert_eq!(late.order.len(), LATE_PARTS_MAX);
        for (token, held) in [(2, false), (3, true), (token_max, true)] {
            assert_eq!(late.take(token), held.then(|| late_part(token)), "{token}");
            assert_eq!(late.take(token), None, "once");
        }
        assert_eq!(late.order.len(), late.by_token.len());
    }
}
