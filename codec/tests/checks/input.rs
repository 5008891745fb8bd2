//! Turns the octets of a fuzzer into the choices of a structured check.

/// Octets to choose by. When they end, every choice is the first one.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number from 0 to `limit - 1`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.octet()) % limit
    }

    pub fn flag(&mut self) -> bool {
        self.octet() & 1 == 1
    }

    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.octet()))
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// As many octets, or those that are left.
    pub fn octets(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
