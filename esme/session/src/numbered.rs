//! Requests that wait for their responses, found by sequence_number in constant time.
//!
//! Numbers follow each other, so a ring indexed by `number - first` holds them; answered ones leave
//! a hole that goes when it reaches the front. What does not fit that picture (one request that is
//! never answered while thousands after it are, numbers that jump, the step from 0x7FFFFFFF to 1)
//! is moved to a short list of stragglers, which is searched one by one.
//!
//! ```text
//! stragglers  [ 17 ]        ring  first = 4,201:  [ 4201 | hole | 4203 | 4204 ]
//!               oldest                              oldest of the ring   newest
//! ```

use std::collections::VecDeque;

/// Largest hole that is made for numbers that were left out; some peers count by twos.
const GAP_MAX: u32 = 16;

/// Values by number, in the order in which they were inserted.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    first: u32,
    ring: VecDeque<Option<T>>,
    /// At most as many as there are values: the owner limits these.
    stragglers: VecDeque<(u32, T)>,
    /// Slots of the ring, holes included, at most.
    slots_max: usize,
    len: usize,
}

impl<T> Numbered<T> {
    /// For about `values_max` values. Memory is taken as it is needed, at most for four slots per
    /// value.
    pub(crate) fn new(values_max: u32) -> Self {
        Self {
            first: 0,
            ring: VecDeque::new(),
            stragglers: VecDeque::new(),
            slots_max: (values_max as usize).saturating_mul(4).max(64),
            len: 0,
        }
    }

    /// How many values there are.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Appends a value. The same number may be there twice: peers do so.
    #[inline]
    pub(crate) fn insert(&mut self, number: u32, value: T) {
        self.len += 1;
        if self.ring.is_empty() {
            self.first = number;
        } else {
            let next = self.first.wrapping_add(self.ring.len() as u32);
            if number != next || self.ring.len() >= self.slots_max {
                self.make_room(number, number.wrapping_sub(next));
            }
        }
        self.ring.push_back(Some(value));
    }

    /// Removes the value of that number if `wanted` agrees.
    #[inline]
    pub(crate) fn take_if(&mut self, number: u32, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let index = number.wrapping_sub(self.first) as usize;
        if let Some(slot) = self.ring.get_mut(index)
            && slot.as_ref().is_some_and(&wanted)
        {
            let value = slot.take();
            self.len -= 1;
            if index == 0 {
                self.drop_holes();
            }
            return value;
        }
        if self.stragglers.is_empty() {
            return None;
        }
        let index = self
            .stragglers
            .iter()
            .position(|(straggler, value)| *straggler == number && wanted(value))?;
        self.len -= 1;
        self.stragglers.remove(index).map(|(_, value)| value)
    }

    /// The oldest value.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<&T> {
        match self.stragglers.front() {
            Some((_, value)) => Some(value),
            None => self.ring.front()?.as_ref(),
        }
    }

    /// Removes the oldest value.
    pub(crate) fn pop_oldest(&mut self) -> Option<(u32, T)> {
        let oldest = match self.stragglers.pop_front() {
            Some(straggler) => straggler,
            None => (self.first, self.ring.front_mut()?.take()?),
        };
        self.len -= 1;
        self.drop_holes();
        Some(oldest)
    }

    /// Whether a straggler holds that number. The ring is no reason to ask: it holds the numbers
    /// just before the next one.
    #[inline]
    pub(crate) fn is_straggler(&self, number: u32) -> bool {
        !self.stragglers.is_empty() && self.stragglers.iter().any(|(held, _)| *held == number)
    }

    /// Removes, oldest first, every value that `wanted` picks.
    pub(crate) fn drain_if(
        &mut self,
        wanted: impl Fn(&T) -> bool,
        mut removed: impl FnMut(u32, T),
    ) {
        let mut kept = VecDeque::new();
        while let Some((number, value)) = self.stragglers.pop_front() {
            if wanted(&value) {
                removed(number, value);
                self.len -= 1;
            } else {
                kept.push_back((number, value));
            }
        }
        self.stragglers = kept;
        let mut number = self.first;
        for slot in &mut self.ring {
            if slot.as_ref().is_some_and(&wanted)
                && let Some(value) = slot.take()
            {
                removed(number, value);
                self.len -= 1;
            }
            number = number.wrapping_add(1);
        }
        self.drop_holes();
    }

    /// Makes `number` the next one of the ring.
    #[cold]
    fn make_room(&mut self, number: u32, gap: u32) {
        if gap <= GAP_MAX {
            for _ in 0..gap {
                self.ring.push_back(None);
            }
            // The oldest goes to the stragglers, and with it the holes behind it.
            while self.ring.len() >= self.slots_max {
                self.move_oldest();
            }
        } else {
            while !self.ring.is_empty() {
                self.move_oldest();
            }
        }
        if self.ring.is_empty() {
            self.first = number;
        }
    }

    fn move_oldest(&mut self) {
        if let Some(Some(value)) = self.ring.pop_front() {
            self.stragglers.push_back((self.first, value));
        }
        self.first = self.first.wrapping_add(1);
        self.drop_holes();
    }

    #[inline]
    fn drop_holes(&mut self) {
        while let Some(None) = self.ring.front() {
            self.ring.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(table: &mut Numbered<u32>) -> Vec<u32> {
        std::iter::from_fn(|| table.pop_oldest())
            .map(|(number, value)| {
                assert_eq!(number, value);
                number
            })
            .collect()
    }

    #[test]
    fn values_are_found_by_number_and_leave_in_order() {
        for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3], [2, 3, 1]] {
            let mut table = Numbered::new(8);
            for number in 1..=5 {
                table.insert(number, number);
            }
            for number in order {
                assert_eq!(table.take_if(number, |_| true), Some(number));
                assert_eq!(table.take_if(number, |_| true), None, "only once");
            }
            assert_eq!(table.len(), 2);
            assert_eq!(numbers(&mut table), [4, 5]);
        }
    }

    #[test]
    fn a_value_nobody_answers_does_not_hold_the_ring() {
        let mut table = Numbered::new(4);
        table.insert(1, 1);
        for number in 2..100_000 {
            table.insert(number, number);
            assert_eq!(table.take_if(number, |_| true), Some(number));
            assert!(table.ring.len() <= 64 && table.stragglers.len() <= 1);
        }
        assert!(table.is_straggler(1));
        assert_eq!(table.oldest(), Some(&1));
        assert_eq!(table.take_if(1, |_| true), Some(1));
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn jumps_gaps_repeats_and_the_end_of_the_range_are_kept_apart() {
        let orders: &[&[u32]] = &[
            &[0x7FFF_FFFE, 0x7FFF_FFFF, 1, 2],
            &[u32::MAX - 1, u32::MAX, 0, 1],
            &[1, 3, 5, 7, 20, 21],
            &[9, 8, 7, 6],
            &[5, 5, 5],
            &[1, 1_000_000, 2, 1_000_001],
        ];
        for order in orders {
            let mut table = Numbered::new(8);
            for number in *order {
                table.insert(*number, *number);
            }
            for number in order.iter().rev() {
                assert_eq!(table.take_if(*number, |_| true), Some(*number), "{order:?}");
            }
            assert_eq!(table.len(), 0);
        }
    }

    #[test]
    fn drain_if_takes_what_is_picked_and_keeps_the_rest() {
        let mut table = Numbered::new(8);
        for number in [1, 2, 3, 500, 501, 502] {
            table.insert(number, number);
        }
        let mut removed = Vec::new();
        table.drain_if(|value| value % 2 == 0, |number, _| removed.push(number));
        assert_eq!(removed, [2, 500, 502]);
        assert_eq!(numbers(&mut table), [1, 3, 501]);
    }
}
