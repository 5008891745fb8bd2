//! What a session has to do later, in the order of its time. Pure: it holds, it does not wait.
//!
//! Most of it comes in the order in which it is due, because most of it waits for the same time:
//! that is a queue, and costs nothing to keep in order. Only the rest is in a heap.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use crate::clock::SmscTime;

/// Items by their time; those of the same time in the order in which they came.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    /// In the order of their times.
    queue: VecDeque<Item<T>>,
    /// What was due before the last of the queue when it came.
    heap: BinaryHeap<Reverse<Item<T>>>,
    next_order: u64,
}

#[derive(Debug)]
struct Item<T> {
    due: SmscTime,
    order: u64,
    what: T,
}

impl<T> Agenda<T> {
    /// Nothing to do.
    pub(crate) const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            heap: BinaryHeap::new(),
            next_order: 0,
        }
    }

    /// Adds something to do.
    pub(crate) fn push(&mut self, due: SmscTime, what: T) {
        let order = self.next_order;
        self.next_order += 1;
        let item = Item { due, order, what };
        match self.queue.back() {
            Some(last) if due < last.due => self.heap.push(Reverse(item)),
            _ => self.queue.push_back(item),
        }
    }

    /// When the next is due.
    pub(crate) fn next_due(&self) -> Option<SmscTime> {
        let queued = self.queue.front().map(|item| item.due);
        let heaped = self.heap.peek().map(|Reverse(item)| item.due);
        queued.into_iter().chain(heaped).min()
    }

    /// The next with its time, if it is due.
    pub(crate) fn pop_due(&mut self, now: SmscTime) -> Option<(SmscTime, T)> {
        if self.next_due()? > now {
            return None;
        }
        let heaped_first = match (self.queue.front(), self.heap.peek()) {
            (Some(queued), Some(Reverse(heaped))) => heaped < queued,
            (queued, _) => queued.is_none(),
        };
        let item = match heaped_first {
            true => self.heap.pop().map(|Reverse(item)| item),
            false => self.queue.pop_front(),
        };
        item.map(|item| (item.due, item.what))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.heap.len()
    }

    /// All of them, in no order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let heaped = self.heap.drain().map(|Reverse(item)| item);
        self.queue.drain(..).chain(heaped).map(|item| item.what)
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Item<T> {}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn items_come_in_the_order_of_their_time_and_then_of_their_coming() {
        let start = SmscTime::from_unix_ms(0);
        let at = |ms| start + Duration::from_millis(ms);
        let mut agenda = Agenda::new();
        for (ms, what) in [(5, 'd'), (1, 'a'), (5, 'e'), (2, 'b'), (2, 'c')] {
            agenda.push(at(ms), what);
        }
        assert_eq!(agenda.pop_due(start), None);
        let until = |agenda: &mut Agenda<char>, ms| {
            let due = std::iter::from_fn(|| agenda.pop_due(at(ms)));
            due.map(|(_, what)| what).collect::<String>()
        };
        assert_eq!(until(&mut agenda, 4), "abc");
        assert_eq!((agenda.len(), agenda.next_due()), (2, Some(at(5))));
        agenda.push(at(5), 'f');
        agenda.push(at(4), 'x');
        assert_eq!(until(&mut agenda, 5), "xdef");
    }
}
