//! The deliveries that are on their way to a provider, and the tokens that name their parts on the
//! links.

use std::ops::{Index, IndexMut};
use std::time::Instant;

use signalbox_router::DeliveryId;

/// Bits of a token that name the slot: there are no more slots than the windows of all binds hold.
const SLOT_MASK: u64 = 0xFF_FFFF;

/// A delivery that is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// How often the slot was used before, so that a token names one request only.
    pub(super) run: u32,
    pub(super) delivery: DeliveryId,
    pub(super) parts_total: u8,
    pub(super) receipt_wanted: bool,
    pub(super) bind: Option<usize>,
    /// Parts that have no outcome yet.
    pub(super) parts_open: u16,
    /// When the last part left.
    pub(super) sent_at: Instant,
}

/// Names a part of a use of the slot at `index`.
pub(super) const fn join(run: u32, index: usize, part: u8) -> u64 {
    (run as u64) << 32 | (index as u64 & SLOT_MASK) << 8 | part as u64
}

/// The index of the slot and the part that a token names.
pub(super) const fn split(token: u64) -> (usize, u8) {
    ((token >> 8 & SLOT_MASK) as usize, token as u8)
}

/// All slots; those that are free are used again.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

impl Slots {
    /// Keeps a delivery; answers with its index.
    pub(super) fn keep(&mut self, slot: Slot) -> usize {
        match self.free.pop() {
            Some(index) => {
                let run = self.slots[index].run.wrapping_add(1);
                self.slots[index] = Slot { run, ..slot };
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    /// The slot may be used again.
    pub(super) fn release(&mut self, index: usize) {
        self.free.push(index);
    }
}

impl Index<usize> for Slots {
    type Output = Slot;

    fn index(&self, index: usize) -> &Slot {
        &self.slots[index]
    }
}

impl IndexMut<usize> for Slots {
    fn index_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }
}
