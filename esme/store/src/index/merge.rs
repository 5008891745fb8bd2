//! Merges runs into one, on a thread of its own: the newest entry of a key wins, and what nobody
//! can ask for any more is left out.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use signalbox_router::Timestamp;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::index::cursor::Cursor;
use crate::index::entry::{get_expiry, get_head};
use crate::index::keys::{TABLE_KEYS, TABLE_MESSAGES, TABLE_REMOTE, ordered_prefix};
use crate::index::manifest::Floors;
use crate::index::run::{Run, RunWriter};
use crate::wire::{Malformed, Reader};

/// What to merge, and what may be left out.
pub(crate) struct MergePlan {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    /// Id of the new run.
    pub(crate) id: u64,
    /// Oldest first, each with the keys from which on its queues and deadlines are not consumed.
    pub(crate) runs: Vec<(Arc<Run>, Floors)>,
    /// The oldest run is among them: nothing older can come to light again.
    pub(crate) bottom: bool,
    pub(crate) now: Timestamp,
    pub(crate) linger_ms: u64,
}

/// A merge under way.
pub(crate) struct Merge {
    /// Ids of the runs that it replaces.
    pub(crate) replaces: Vec<u64>,
    pub(crate) thread: JoinHandle<Result<Run, StoreError>>,
}

impl MergePlan {
    pub(crate) fn start(self) -> std::io::Result<Merge> {
        let replaces = self.runs.iter().map(|(run, _)| run.id).collect();
        let thread = std::thread::Builder::new()
            .name("store-merge".to_owned())
            .spawn(move || self.merge())?;
        Ok(Merge { replaces, thread })
    }

    fn merge(&self) -> Result<Run, StoreError> {
        let mut writer = RunWriter::create(&*self.disk, &self.dir, self.id)?;
        let mut cursors = Vec::with_capacity(self.runs.len());
        for (run, _) in &self.runs {
            cursors.push(Cursor::seek(run, &[])?);
        }
        loop {
            // Among equal keys the last cursor is the newest.
            let mut best: Option<usize> = None;
            for (at, cursor) in cursors.iter().enumerate() {
                if let Some(key) = cursor.key()
                    && best
                        .and_then(|best| cursors[best].key())
                        .is_none_or(|best| key <= best)
                {
                    best = Some(at);
                }
            }
            let Some(best) = best else { break };
            let key = cursors[best].key().unwrap_or_default().to_vec();
            let needed = self
                .needed(best, &key, cursors[best].value())
                .map_err(|malformed| StoreError::malformed(&self.runs[best].0.path, malformed))?;
            if needed {
                writer.add(&key, cursors[best].value())?;
            }
            for cursor in &mut cursors {
                if cursor.key() == Some(&key) {
                    cursor.advance()?;
                }
            }
        }
        writer.finish()
    }

    fn needed(&self, run: usize, key: &[u8], value: &[u8]) -> Result<bool, Malformed> {
        Ok(match key.first() {
            Some(&(TABLE_KEYS | TABLE_REMOTE)) => get_expiry(value)? >= self.now,
            Some(&TABLE_MESSAGES) if self.bottom => {
                let head = get_head(&mut Reader::new(value))?;
                head.live > 0 || head.changed_at.plus_ms(self.linger_ms) >= self.now
            }
            _ => match ordered_prefix(key) {
                Some(prefix) => {
                    let mut floors = self.runs[run].1.iter();
                    floors.all(|(of, floor)| of != prefix || key >= floor.as_slice())
                }
                None => true,
            },
        })
    }
}
