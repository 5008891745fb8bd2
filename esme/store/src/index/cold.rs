//! The runs together: looked up from the newest to the oldest; queues and deadlines are consumed
//! from their heads.

use std::cell::RefCell;
use std::sync::Arc;

use signalbox_router::Timestamp;

use crate::error::StoreError;
use crate::index::cursor::Cursor;
use crate::index::keys::{OrderKey, TABLE_MESSAGES};
use crate::index::manifest::{Floors, RunState};
use crate::index::run::Run;

/// Fewest runs of like size that are merged.
const MERGE_RUNS_MIN: usize = 4;

/// A run counts as of like size as the newer ones together if it is at most so many times larger.
const MERGE_RATIO: u64 = 2;

/// Most entries of one queue and run that are looked at and found stale in one question; the next
/// question goes on behind them.
const STALE_MAX: usize = 50_000;

/// The runs, oldest first.
#[derive(Default)]
pub(crate) struct Cold {
    pub(crate) runs: Vec<ColdRun>,
}

pub(crate) struct ColdRun {
    pub(crate) run: Arc<Run>,
    heads: Vec<Head>,
    /// The block of the last message that was looked for, with its number: a backlog is looked up
    /// in nearly the order of its ids, also in the runs that do not have it.
    last_block: RefCell<Option<(usize, Vec<u8>)>>,
}

/// The unconsumed rest of one queue in one run.
struct Head {
    prefix: Vec<u8>,
    /// Not opened before the first question: then the key to begin with.
    cursor: Option<Cursor>,
    floor: Vec<u8>,
    done: bool,
}

impl ColdRun {
    pub(crate) fn new(run: Arc<Run>, floors: Option<&[(Vec<u8>, Vec<u8>)]>) -> Self {
        let head = |prefix: &Vec<u8>| {
            let floor = match floors {
                // In a manifest a queue that is not mentioned is consumed.
                Some(floors) => floors.iter().find(|(of, _)| of == prefix)?.1.clone(),
                None => prefix.clone(),
            };
            Some(Head {
                prefix: prefix.clone(),
                cursor: None,
                floor,
                done: false,
            })
        };
        let heads = run.prefixes.iter().filter_map(head).collect();
        Self {
            run,
            heads,
            last_block: RefCell::default(),
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(number) = self.run.block_with(key) else {
            return Ok(None);
        };
        if key.first() != Some(&TABLE_MESSAGES) {
            return self.run.find(&self.run.read_block(number)?, key);
        }
        let mut last = self.last_block.borrow_mut();
        let block = match last.take() {
            Some((known, block)) if known == number => block,
            _ => self.run.read_block(number)?,
        };
        let (_, block) = last.insert((number, block));
        self.run.find(block, key)
    }

    /// For the manifest.
    pub(crate) fn state(&self) -> RunState {
        RunState {
            id: self.run.id,
            floors: self.floors(),
        }
    }

    /// Prefix and first key of what is not consumed.
    pub(crate) fn floors(&self) -> Floors {
        let open = self.heads.iter().filter(|head| !head.done);
        open.map(|head| (head.prefix.clone(), head.floor.clone()))
            .collect()
    }

    /// Floors for a merge: consumed queues have one that no key reaches.
    pub(crate) fn merge_floors(&self) -> Floors {
        let floor = |prefix: &Vec<u8>| {
            let open = self
                .heads
                .iter()
                .find(|head| head.prefix == *prefix && !head.done);
            let floor = open.map_or_else(
                || [prefix.as_slice(), &[u8::MAX; 64]].concat(),
                |head| head.floor.clone(),
            );
            (prefix.clone(), floor)
        };
        self.run.prefixes.iter().map(floor).collect()
    }
}

impl Cold {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        for cold in self.runs.iter().rev() {
            if let Some(value) = cold.get(key)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Whether any run has something left of the queue.
    pub(crate) fn has(&self, prefix: &[u8]) -> bool {
        let mut heads = self.runs.iter().flat_map(|cold| &cold.heads);
        heads.any(|head| !head.done && head.prefix == prefix)
    }

    /// Adds up to `max` entries at or before `now` that `valid` confirms, per run. Entries at the
    /// head that it does not confirm are consumed.
    pub(crate) fn due(
        &mut self,
        prefix: &[u8],
        now: Timestamp,
        max: usize,
        out: &mut Vec<OrderKey>,
        valid: &mut dyn FnMut(&Self, OrderKey) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        for run in 0..self.runs.len() {
            let heads = &self.runs[run].heads;
            let Some(at) = heads
                .iter()
                .position(|head| head.prefix == prefix && !head.done)
            else {
                continue;
            };
            let mut cursor = self.head_cursor(run, at)?;
            let mut found = 0;
            let mut stale = 0;
            while found < max && stale < STALE_MAX {
                let key = cursor.key().and_then(|key| key.strip_prefix(prefix));
                let Some(key) = key.and_then(OrderKey::get) else {
                    if found == 0 {
                        self.runs[run].heads[at].done = true;
                    }
                    break;
                };
                if key.at > now {
                    break;
                }
                if valid(self, key)? {
                    out.push(key);
                    found += 1;
                    cursor.advance()?;
                    continue;
                }
                stale += 1;
                cursor.advance()?;
                if found == 0 {
                    self.set_head(run, at, &cursor);
                }
            }
        }
        Ok(())
    }

    /// How many of the newest runs should be merged.
    pub(crate) fn merge_count(&self) -> Option<usize> {
        let mut newer = 0;
        let mut count = 0;
        for cold in self.runs.iter().rev() {
            if count > 0 && cold.run.octets > newer * MERGE_RATIO {
                break;
            }
            newer += cold.run.octets;
            count += 1;
        }
        (count >= MERGE_RUNS_MIN).then_some(count)
    }

    fn head_cursor(&mut self, run: usize, at: usize) -> Result<Cursor, StoreError> {
        let cold = &mut self.runs[run];
        let head = &mut cold.heads[at];
        if let Some(cursor) = &head.cursor {
            return Ok(cursor.clone());
        }
        let cursor = Cursor::seek(&cold.run, &head.floor)?;
        head.cursor = Some(cursor.clone());
        Ok(cursor)
    }

    fn set_head(&mut self, run: usize, at: usize, cursor: &Cursor) {
        let head = &mut self.runs[run].heads[at];
        if let Some(key) = cursor.key() {
            head.floor.clear();
            head.floor.extend_from_slice(key);
        }
        head.cursor = Some(cursor.clone());
    }
}
