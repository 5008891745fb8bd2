//! Walks the entries of a run in order.

use std::ops::Range;
use std::sync::Arc;

use crate::error::StoreError;
use crate::index::run::{Run, get_entry};
use crate::wire::Reader;

/// A place in a run: on an entry, or at the end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cursor {
    run: Arc<Run>,
    next_block: usize,
    block: Arc<Entries>,
    at: usize,
}

#[derive(Default)]
struct Entries {
    octets: Vec<u8>,
    ranges: Vec<(Range<u32>, Range<u32>)>,
}

impl Cursor {
    /// On the first entry whose key is at least `key`.
    pub(crate) fn seek(run: &Arc<Run>, key: &[u8]) -> Result<Self, StoreError> {
        let next_block = run.block_of(key);
        let mut cursor = Self {
            run: Arc::clone(run),
            next_block,
            block: Arc::default(),
            at: 0,
        };
        cursor.read_block()?;
        while cursor.key().is_some_and(|found| found < key) {
            cursor.advance()?;
        }
        Ok(cursor)
    }

    /// Key of the entry, `None` at the end.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        let (key, _) = self.block.ranges.get(self.at)?;
        self.block.octets.get(key.start as usize..key.end as usize)
    }

    /// Value of the entry; empty at the end.
    pub(crate) fn value(&self) -> &[u8] {
        self.block.ranges.get(self.at).map_or(&[], |(_, value)| {
            &self.block.octets[value.start as usize..value.end as usize]
        })
    }

    pub(crate) fn advance(&mut self) -> Result<(), StoreError> {
        self.at += 1;
        if self.at >= self.block.ranges.len() {
            self.read_block()?;
        }
        Ok(())
    }

    fn read_block(&mut self) -> Result<(), StoreError> {
        self.at = 0;
        if self.next_block >= self.run.block_count() {
            self.block = Arc::default();
            return Ok(());
        }
        let octets = self.run.read_block(self.next_block)?;
        self.next_block += 1;
        let mut ranges = Vec::with_capacity(octets.len() / 64);
        let start = octets.as_ptr() as usize;
        let range_of = |slice: &[u8]| {
            let from = (slice.as_ptr() as usize - start) as u32;
            from..from + slice.len() as u32
        };
        let mut reader = Reader::new(&octets);
        while !reader.is_empty() {
            let (key, value) = get_entry(&mut reader)
                .map_err(|malformed| StoreError::malformed(&self.run.path, malformed))?;
            ranges.push((range_of(key), range_of(value)));
        }
        self.block = Arc::new(Entries { octets, ranges });
        Ok(())
    }
}
