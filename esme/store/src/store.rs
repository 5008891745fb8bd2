//! The store as its owner sees it: open, commit, look after itself.

use std::collections::hash_map::RandomState;
use std::fs::{File, TryLockError};
use std::hash::BuildHasher;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use signalbox_router::{Phase, Timestamp};

use crate::config::StoreConfig;
use crate::disk::{Disk, RealDisk};
use crate::error::StoreError;
use crate::frame::Kind;
use crate::index::{Index, Manifest};
use crate::journal::{Condition, Journal};
use crate::record::get_record;
use crate::recovery::OpenReport;

/// A place in the journal: everything before it is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

/// Tells readers behind the store how far the journal is on the disk.
#[derive(Clone, Debug)]
pub struct Watch {
    committed: Arc<AtomicU64>,
    /// Of the store, for a segment whose headers are lost.
    pub(crate) salt: u64,
}

impl Watch {
    /// Everything before it is on the disk.
    #[must_use]
    pub fn committed(&self) -> Position {
        Position(self.committed.load(Ordering::Acquire))
    }
}

/// Figures of a store, for metrics. Counters count since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Octets of the journal on the disk.
    pub journal_octets: u64,
    /// Octets of the index on the disk.
    pub index_octets: u64,
    /// Index files.
    pub index_runs: usize,
    /// Octets of memory that find entries in them.
    pub fence_octets: usize,
    /// Messages and idempotency keys in memory.
    pub hot_entries: usize,
    /// Deliveries in queues (or blocked behind another).
    pub queued: u64,
    /// Deliveries handed to a channel.
    pub dispatched: u64,
    /// Deliveries that wait for a receipt.
    pub awaiting_receipt: u64,
    /// Inbound messages that wait to be fetched.
    pub parked_messages: u64,
    /// Receipts that wait for their message.
    pub parked_receipts: usize,
    /// Records committed.
    pub records: u64,
    /// Batches committed.
    pub commits: u64,
    /// Octets of journal written.
    pub written_octets: u64,
    /// Time spent in fsync, µs.
    pub sync_us_total: u64,
    /// Longest fsync, µs.
    pub sync_us_max: u64,
    /// Writes and fsyncs that failed.
    pub failures: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Longest checkpoint, µs.
    pub checkpoint_us_max: u64,
    /// Checkpoints and merges that failed; they are tried again.
    pub checkpoint_failures: u64,
    /// Merges of index files.
    pub merges: u64,
    /// Messages given up because their record is damaged.
    pub messages_lost: u64,
}

/// The durable store of one gateway. See the crate's documentation for the protocol.
pub struct Store {
    pub(crate) journal: Journal,
    pub(crate) index: Index,
    retention_ms: u64,
    /// A damaged index file was found: nothing is written until the next opening.
    distrusted: bool,
    /// Keeps others out as long as it is open.
    _lock: File,
}

impl Store {
    /// Opens the store, or creates it. Errors: another process has it; a file is of a version that
    /// is not known; the disk refuses.
    pub fn open(config: StoreConfig) -> Result<(Self, OpenReport), StoreError> {
        Self::open_on(config, Arc::new(RealDisk))
    }

    /// [`Store::open`] on another disk; the lock is always taken on the real one.
    pub fn open_on(
        config: StoreConfig,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, OpenReport), StoreError> {
        let io = |doing| StoreError::io(doing, &config.path);
        disk.create_dir(&config.path).map_err(io("cannot create"))?;
        let lock = lock(&config.path)?;
        let mut report = OpenReport::default();
        let (manifest, index) = open_index(&config, &disk, &mut report)?;
        let mut journal = Journal::open(Arc::clone(&disk), &config, &manifest, &mut report)?;
        journal.check_space(0);
        let retention_ms = config.retention_ms;
        let mut store = Self {
            journal,
            index,
            retention_ms,
            distrusted: false,
            _lock: lock,
        };
        store.replay(&config.path, manifest.position, &mut report)?;
        Ok((store, report))
    }

    /// Makes everything that was applied durable: one write, one fsync. When it fails, nothing that
    /// follows from the batch may be done; the batch is kept, [`Store::condition`] tells why, and
    /// calling again ([`Store::retry_probe`] when read-only) tries again.
    pub fn commit(&mut self) -> Result<Position, StoreError> {
        let position = self.journal.commit(self.index.clock())?;
        self.look_after(position);
        Ok(Position(position))
    }

    /// Leaves the read-only condition if the disk takes a fresh segment. A damaged index is not
    /// put right by that: only opening the store again is.
    pub fn retry_probe(&mut self) -> Result<Position, StoreError> {
        self.trusted()?;
        self.journal.probe(self.index.clock()).map(Position)
    }

    /// Writes what changed into the index, so that the next opening has nothing to replay. Done
    /// by itself as often as needed; call it before a planned stop.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        let position = self.commit()?;
        self.index.checkpoint(position.0, self.journal.salt())
    }

    /// Brings the merging of index files to its end, for tests and for a stop without haste.
    pub fn finish_merges(&mut self) -> Result<(), StoreError> {
        self.index.maintain(self.journal.salt(), true)
    }

    /// Whether work is taken.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.journal.condition().clone()
    }

    /// Everything before it is on the disk.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.journal.committed())
    }

    /// For readers behind the store.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            committed: self.journal.watch(),
            salt: self.journal.salt(),
        }
    }

    /// Removes the oldest segment if it is older than the retention, the history has passed it
    /// and no message in it is unfinished. One per call; whether one was removed.
    pub fn retire(&mut self, now: Timestamp, history: Position) -> Result<bool, StoreError> {
        self.journal.set_read_behind(history.0);
        let needed = self
            .index
            .needed_from(self.journal.committed())?
            .min(history.0);
        let created_before = Timestamp(now.0.saturating_sub(self.retention_ms));
        self.journal.retire(needed, created_before)
    }

    /// Figures for metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let phases = self.index.phases();
        let phase = |phase: Phase| phases[phase as usize];
        let counters = self.journal.counters;
        Status {
            journal_octets: self.journal.octets(),
            index_octets: self.index.run_octets(),
            index_runs: self.index.run_count(),
            fence_octets: self.index.fence_octets(),
            hot_entries: self.index.hot_len(),
            queued: phase(Phase::Queued) + phase(Phase::Blocked),
            dispatched: phase(Phase::Dispatched),
            awaiting_receipt: phase(Phase::AwaitingReceipt),
            parked_messages: phase(Phase::Parked),
            parked_receipts: self.index.parked().len(),
            records: counters.records,
            commits: counters.commits,
            written_octets: counters.octets,
            sync_us_total: counters.sync_us_total,
            sync_us_max: counters.sync_us_max,
            failures: counters.failures,
            checkpoints: self.index.checkpoints,
            checkpoint_us_max: self.index.checkpoint_us_max,
            checkpoint_failures: self.index.checkpoint_failures,
            merges: self.index.merges,
            messages_lost: self.index.messages_lost,
        }
    }

    /// Checkpoints and merges when they are due. A failure costs nothing that is not in the
    /// journal: it is counted, and tried again with the next batch.
    fn look_after(&mut self, position: u64) {
        self.journal.uncache();
        let salt = self.journal.salt();
        let mut result = Ok(());
        if self.index.checkpoint_due(position) {
            result = self.index.checkpoint(position, salt);
        }
        let result = result.and_then(|()| self.index.maintain(salt, false));
        if let Err(error) = result {
            self.index.checkpoint_failures += 1;
            self.distrust_index(&error);
        }
    }

    /// An index file that is damaged can answer wrongly, so nothing more is decided from it: the
    /// next opening makes the index again from the journal.
    pub(crate) fn distrust_index(&mut self, error: &StoreError) {
        if !matches!(error, StoreError::Malformed { .. }) {
            return;
        }
        let mut reason = format!("{error}; a restart makes the index again from the journal");
        if let Err(error) = self.index.forget() {
            reason = format!("{reason}, once the manifest is removed by hand ({error})");
        }
        self.journal.set_read_only(reason);
        self.distrusted = true;
    }

    /// The reason why nothing is written any more, once the index is not trusted.
    fn trusted(&self) -> Result<(), StoreError> {
        match self.condition() {
            Condition::ReadOnly { reason } if self.distrusted => {
                Err(StoreError::ReadOnly { reason })
            }
            _ => Ok(()),
        }
    }

    fn replay(
        &mut self,
        path: &Path,
        from: u64,
        report: &mut OpenReport,
    ) -> Result<(), StoreError> {
        let Self { journal, index, .. } = self;
        let salt = journal.salt();
        let mut changes_without_message = 0;
        journal.replay(from, report, &mut |kind, location, payload| {
            if kind == Kind::Batch {
                // Between two batches, and only then, memory is bounded here as in operation.
                if index.checkpoint_due(location.position) {
                    index.checkpoint(location.position, salt)?;
                    index.maintain(salt, false)?;
                }
                return Ok(());
            }
            let mut record = get_record(kind, payload).map_err(|malformed| {
                let place =
                    format_args!("the record at position {}: {malformed}", location.position);
                StoreError::malformed(path, place)
            })?;
            changes_without_message += u64::from(!index.apply(&mut record, location)?);
            Ok(())
        })?;
        report.changes_without_message = changes_without_message;
        index.replayed();
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.index.stop();
        self.journal.trim_last();
    }
}

fn open_index(
    config: &StoreConfig,
    disk: &Arc<dyn Disk>,
    report: &mut OpenReport,
) -> Result<(Manifest, Index), StoreError> {
    let reason = match Manifest::read(&**disk, &config.path)? {
        Ok(manifest) => match Index::open(config.clone(), Arc::clone(disk), &manifest) {
            Ok(index) => return Ok((manifest, index)),
            Err(error @ StoreError::UnknownVersion { .. }) => return Err(error),
            Err(error) => error.to_string(),
        },
        Err(reason) => reason,
    };
    let mut manifest = Manifest::default();
    if crate::segment::list(&**disk, &config.path)?.is_empty() {
        // A new store: from here on a missing manifest is a loss.
        manifest.salt = RandomState::new().hash_one(std::process::id()) | 1;
        manifest.write(&**disk, &config.path)?;
    } else {
        report.rebuilt = Some(reason);
    }
    let index = Index::open(config.clone(), Arc::clone(disk), &manifest)?;
    Ok((manifest, index))
}

/// Takes the lock, and leaves this process's id in it for whoever is refused.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let io = |doing| StoreError::io(doing, &path);
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io("cannot open"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)
                .map_err(io("cannot read"))?;
            let holder = holder.trim().to_owned();
            return Err(StoreError::Locked {
                path: dir.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(error)) => return Err(io("cannot lock")(error)),
    }
    file.set_len(0).map_err(io("cannot write"))?;
    writeln!(file, "{}", std::process::id()).map_err(io("cannot write"))?;
    Ok(file)
}
