//! Requests whose response_timer is over: their responses may still come, and carry message_ids
//! that nobody else tells.

use std::collections::{BTreeMap, VecDeque};

use signalbox_codec::CommandId;

use crate::event::Token;

/// Requests of a session whose late responses are recognised; beyond, the oldest is forgotten, and
/// its response is unexpected.
pub(crate) const LATE_REQUESTS_MAX: usize = 16_384;

/// The late requests of a session, until it closes.
#[derive(Debug, Default)]
pub(crate) struct LateRequests {
    by_number: BTreeMap<u32, (CommandId, Token)>,
    /// The numbers of `by_number`, oldest first.
    order: VecDeque<u32>,
}

impl LateRequests {
    /// Adds a request; its number must not be there.
    pub(crate) fn insert(&mut self, number: u32, command_id: CommandId, token: Token) {
        if self.order.len() >= LATE_REQUESTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_number.remove(&oldest);
        }
        self.by_number.insert(number, (command_id, token));
        self.order.push_back(number);
    }

    /// Removes the request that this response answers.
    #[cold]
    pub(crate) fn take(&mut self, number: u32, response: CommandId) -> Option<Token> {
        let (command_id, token) = *self.by_number.get(&number)?;
        if command_id.response() != response && response != CommandId::GENERIC_NACK {
            return None;
        }
        self.by_number.remove(&number);
        // Late responses come mostly in order: near the front.
        if let Some(index) = self.order.iter().position(|held| *held == number) {
            self.order.remove(index);
        }
        Some(token)
    }

    /// Whether a request has that number.
    #[inline]
    pub(crate) fn contains(&self, number: u32) -> bool {
        !self.by_number.is_empty() && self.by_number.contains_key(&number)
    }

    pub(crate) fn clear(&mut self) {
        self.by_number.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_at_the_limit() {
        let mut late = LateRequests::default();
        let number_max = LATE_REQUESTS_MAX as u32 + 2;
        for number in 1..=number_max {
            late.insert(number, CommandId::SUBMIT_SM, u64::from(number));
        }
        assert_eq!(late.order.len(), LATE_REQUESTS_MAX);
        assert_eq!(late.by_number.len(), LATE_REQUESTS_MAX);
        for (number, held) in [(2, false), (3, true), (number_max, true)] {
            assert_eq!(late.contains(number), held, "{number}");
            let token = held.then_some(u64::from(number));
            assert_eq!(late.take(number, CommandId::SUBMIT_SM_RESP), token);
            assert_eq!(late.take(number, CommandId::SUBMIT_SM_RESP), None, "once");
        }
        assert_eq!(late.order.len(), LATE_REQUESTS_MAX - 2);
    }
}
