//! The journal: takes records into a batch, writes the batch with one write and one fsync, and
//! reads single records again. Positions count octets over all segments and never change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use signalbox_router::Timestamp;

use crate::disk::{Disk, is_full, read_full};
use crate::error::StoreError;
use crate::frame::{Kind, Location, Parsed, get_frame, put_frame};
use crate::index::Manifest;
use crate::recovery::{self, BATCH_OCTETS, OpenReport, Take};
use crate::segment::{self, RESERVE_OCTETS, Segment};

/// Most octets of one batch: reached only when the disk does not take batches any more.
pub(crate) const BATCH_OCTETS_MAX: usize = 64 << 20;

/// Free space is looked at once per so many octets written.
const SPACE_CHECK_OCTETS: u64 = 1 << 20;

/// What is behind is forgotten in pieces of so many octets, so that none takes long.
const UNCACHE_STEP_OCTETS: u64 = 1 << 20;
const UNCACHE_STEP_OCTETS_MAX: u64 = 16 << 20;

/// Whether the store takes work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Yes.
    Ready,
    /// No new work, but changes of what was accepted are taken: free space is below the reserve.
    DiskFull,
    /// Nothing at all, for this reason.
    ReadOnly {
        /// What failed.
        reason: String,
    },
}

/// What the journal has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JournalCounters {
    pub(crate) records: u64,
    pub(crate) commits: u64,
    pub(crate) octets: u64,
    pub(crate) sync_us_total: u64,
    pub(crate) sync_us_max: u64,
    pub(crate) failures: u64,
}

pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_octets: u64,
    reserve_octets: u64,
    page_cache_octets: u64,
    salt: u64,
    segments: BTreeMap<u64, Segment>,
    /// The last segment is not to be written to any more.
    fresh: bool,
    batch: Vec<u8>,
    batch_records: u32,
    committed: Arc<AtomicU64>,
    condition: Condition,
    unchecked_octets: u64,
    /// There is more free space than is kept in reserve.
    has_space_ahead: bool,
    /// Of what was written since the opening, the system was told to forget all before this.
    cached_from: u64,
    /// Whoever reads behind has read all before this.
    read_behind: u64,
    pub(crate) counters: JournalCounters,
}

impl Journal {
    /// Opens the segments of a directory and cuts an unfinished batch. Up to the manifest's
    /// position batches are known to be finished; a journal without segments begins there.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        config: &crate::StoreConfig,
        manifest: &Manifest,
        report: &mut OpenReport,
    ) -> Result<Self, StoreError> {
        let start = manifest.position;
        let known_salt = (manifest.salt != 0).then_some(manifest.salt);
        let mut segments = open_segments(&*disk, &config.path, known_salt, report)?;
        let salt = segments
            .values()
            .next_back()
            .map_or(manifest.salt, |segment| segment.salt);
        let mut committed = start;
        if let Some(last) = segments.values_mut().next_back() {
            let end = recovery::finished_end(last, start)?;
            if end < last.end {
                report.torn_octets = last.end - end;
                let io = |doing| StoreError::io(doing, &last.path);
                last.file
                    .set_octets(last.offset(end))
                    .map_err(io("cannot cut"))?;
                last.file.sync().map_err(io("cannot sync"))?;
                last.end = end;
            }
            committed = last.end;
        }
        // A checkpoint never runs ahead of the journal unless segments were taken away.
        if committed < start {
            report.damage(committed, start - committed);
            committed = start;
        }
        let fresh = segments
            .values()
            .next_back()
            .is_none_or(|last| last.end != committed || last.headers_damaged == 2);
        Ok(Self {
            disk,
            dir: config.path.clone(),
            segment_octets: config.segment_octets.max(4_096),
            reserve_octets: config.reserve_octets,
            page_cache_octets: config.page_cache_octets,
            salt,
            segments,
            fresh,
            batch: Vec::new(),
            batch_records: 0,
            committed: Arc::new(AtomicU64::new(committed)),
            condition: Condition::Ready,
            unchecked_octets: SPACE_CHECK_OCTETS,
            has_space_ahead: false,
            cached_from: committed,
            read_behind: u64::MAX,
            counters: JournalCounters::default(),
        })
    }

    /// Hands every record from `from` on to `take`.
    pub(crate) fn replay(
        &self,
        from: u64,
        report: &mut OpenReport,
        take: Take<'_>,
    ) -> Result<(), StoreError> {
        for segment in self.segments.values().filter(|segment| segment.end > from) {
            recovery::replay(segment, from, report, take)?;
        }
        Ok(())
    }

    /// Position after the last batch that is on the disk; shared with whoever reads behind.
    pub(crate) fn watch(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.committed)
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    pub(crate) const fn condition(&self) -> &Condition {
        &self.condition
    }

    pub(crate) fn set_read_only(&mut self, reason: String) {
        self.condition = Condition::ReadOnly { reason };
    }

    /// Position of the first record that is still there.
    pub(crate) fn first(&self) -> u64 {
        self.segments
            .keys()
            .next()
            .copied()
            .unwrap_or_else(|| self.committed())
    }

    pub(crate) const fn salt(&self) -> u64 {
        self.salt
    }

    pub(crate) fn octets(&self) -> u64 {
        self.committed() - self.first()
    }

    /// Adds a record to the batch.
    pub(crate) fn append(
        &mut self,
        kind: Kind,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Location, StoreError> {
        if let Condition::ReadOnly { reason } = &self.condition {
            return Err(StoreError::ReadOnly {
                reason: reason.clone(),
            });
        }
        if self.batch.len() > BATCH_OCTETS_MAX {
            return Err(StoreError::DiskFull {
                path: self.dir.clone(),
            });
        }
        if self.batch.is_empty() {
            // Filled in when the batch is complete.
            self.batch.resize(BATCH_OCTETS as usize, 0);
        }
        let position = self.committed() + self.batch.len() as u64;
        let location =
            put_frame(&mut self.batch, self.salt, position, kind, fill).map_err(|octets| {
                StoreError::malformed(&self.dir, format_args!("a record of {octets} octets"))
            })?;
        self.batch_records += 1;
        Ok(location)
    }

    /// Writes the batch and waits until it is on the disk. When that fails, the batch is written
    /// once more to a fresh segment (never synced again in the old one, whose pages may be gone);
    /// when that fails too, it is kept, and the condition tells why.
    pub(crate) fn commit(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        if let Condition::ReadOnly { reason } = &self.condition {
            return Err(StoreError::ReadOnly {
                reason: reason.clone(),
            });
        }
        self.commit_or_probe(now)
    }

    /// Tries to leave the read-only condition by writing to a fresh segment.
    pub(crate) fn probe(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        self.fresh |= self.condition != Condition::Ready;
        self.commit_or_probe(now)
    }

    fn commit_or_probe(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        if self.batch_records == 0 && !matches!(self.condition, Condition::ReadOnly { .. }) {
            if self.condition == Condition::DiskFull {
                self.check_space(0);
            }
            return Ok(self.committed());
        }
        self.seal_batch();
        if let Err(first) = self.write_batch(now) {
            self.counters.failures += 1;
            self.fresh = true;
            self.trim_last();
            if let Err(error) = self.write_batch(now) {
                self.trim_last();
                return Err(self.refuse(&first, error));
            }
        }
        let octets = self.batch.len() as u64;
        self.counters.commits += 1;
        self.counters.records += u64::from(self.batch_records);
        self.counters.octets += octets;
        self.batch.clear();
        self.batch_records = 0;
        self.check_space(octets);
        Ok(self.committed())
    }

    /// A record by its location, from the batch or from the disk.
    pub(crate) fn read(&self, location: Location) -> Result<Vec<u8>, StoreError> {
        let committed = self.committed();
        let octets = location.octets as usize;
        if location.position >= committed {
            let at = (location.position - committed) as usize;
            let frame = self.batch.get(at..at + octets).unwrap_or_default();
            return self.payload(frame, location, &self.dir);
        }
        let Some((_, segment)) = self.segments.range(..=location.position).next_back() else {
            return Err(StoreError::malformed(
                &self.dir,
                format_args!("the segment of position {} is gone", location.position),
            ));
        };
        let mut frame = vec![0; octets];
        read_full(
            &*segment.file,
            &mut frame,
            segment.offset(location.position),
        )
        .map_err(StoreError::io("cannot read", &segment.path))?;
        self.payload(&frame, location, &segment.path)
    }

    /// Removes the oldest segment if it ends at or before `needed_from` and is older than
    /// `created_before`. Whether one was removed.
    pub(crate) fn retire(
        &mut self,
        needed_from: u64,
        created_before: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(segment) = self.segments.values().next() else {
            return Ok(false);
        };
        let is_last = self.segments.len() == 1;
        // What no header tells is not earlier than what the next header tells.
        let mut told = self.segments.values().filter(|one| one.headers_damaged < 2);
        let created_at = told.next().map(|one| one.created_at);
        let is_old = created_at.is_some_and(|at| at < created_before);
        if is_last || segment.end > needed_from || !is_old {
            return Ok(false);
        }
        self.disk
            .remove(&segment.path)
            .map_err(StoreError::io("cannot remove", &segment.path))?;
        let first = segment.first;
        self.segments.remove(&first);
        Ok(true)
    }

    fn payload(
        &self,
        frame: &[u8],
        location: Location,
        path: &std::path::Path,
    ) -> Result<Vec<u8>, StoreError> {
        match get_frame(frame, self.salt, location.position) {
            Parsed::Frame { payload, .. } => Ok(payload.to_vec()),
            _ => Err(StoreError::malformed(
                path,
                format_args!("the record at position {} is damaged", location.position),
            )),
        }
    }

    /// Writes the batch frame into the place that was left for it.
    fn seal_batch(&mut self) {
        if self.batch.is_empty() {
            self.batch.resize(BATCH_OCTETS as usize, 0);
        }
        let octets = self.batch.len() as u32;
        let records = self.batch_records;
        let mut frame = Vec::with_capacity(BATCH_OCTETS as usize);
        put_frame(
            &mut frame,
            self.salt,
            self.committed(),
            Kind::Batch,
            |out| {
                out.extend_from_slice(&records.to_le_bytes());
                out.extend_from_slice(&octets.to_le_bytes());
            },
        )
        .expect("a batch frame is shorter than the longest frame");
        self.batch[..frame.len()].copy_from_slice(&frame);
    }

    fn write_batch(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let committed = self.committed();
        let full = |last: &Segment| last.end - last.first >= self.segment_octets;
        if self.fresh || self.segments.values().next_back().is_none_or(full) {
            self.trim_last();
            // A fresh segment replaces one that has no finished batch.
            self.segments.remove(&committed);
            let segment = Segment::create(&*self.disk, &self.dir, committed, self.salt, now)?;
            self.segments.insert(committed, segment);
            self.fresh = false;
        }
        let segment = self
            .segments
            .values_mut()
            .next_back()
            .expect("a segment was made above");
        let ahead = self.has_space_ahead;
        let written = segment.write(&self.batch, ahead);
        let io = |doing| StoreError::io(doing, &segment.path);
        written.map_err(io("cannot write"))?;
        let started = Instant::now();
        segment.file.sync().map_err(io("cannot sync"))?;
        let sync_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.sync_us_total += sync_us;
        self.counters.sync_us_max = self.counters.sync_us_max.max(sync_us);
        segment.end = committed + self.batch.len() as u64;
        self.committed.store(segment.end, Ordering::Release);
        Ok(())
    }

    /// Gives back what the last segment does not need, such as a batch that was not finished.
    pub(crate) fn trim_last(&mut self) {
        if let Some(mut last) = self.segments.last_entry() {
            last.get_mut().trim();
        }
    }

    /// Whoever reads behind has read all before this position.
    pub(crate) fn set_read_behind(&mut self, position: u64) {
        self.read_behind = position;
    }

    /// Lets the system forget what is far behind and was read: a system that gives all its memory
    /// to it has to find new memory for each batch, on a virtual machine from the host, at many
    /// times the cost of the write.
    pub(crate) fn uncache(&mut self) {
        let until = self.committed().saturating_sub(self.page_cache_octets);
        let until = until.min(self.read_behind);
        let until = until.min(self.cached_from + UNCACHE_STEP_OCTETS_MAX);
        if until < self.cached_from + UNCACHE_STEP_OCTETS {
            return;
        }
        let behind = self.segments.range(..until).rev();
        for (_, segment) in behind.take_while(|(_, segment)| segment.end > self.cached_from) {
            segment.uncache(self.cached_from..until);
        }
        self.cached_from = until;
    }

    fn refuse(&mut self, first: &StoreError, error: StoreError) -> StoreError {
        self.fresh = true;
        if matches!(&error, StoreError::Io { source, .. } if is_full(source)) {
            self.condition = Condition::DiskFull;
            return StoreError::DiskFull {
                path: self.dir.clone(),
            };
        }
        let reason = format!("{first}; then, in a fresh segment: {error}");
        self.condition = Condition::ReadOnly {
            reason: reason.clone(),
        };
        StoreError::ReadOnly { reason }
    }

    pub(crate) fn check_space(&mut self, written: u64) {
        self.unchecked_octets += written;
        if self.condition == Condition::Ready && self.unchecked_octets < SPACE_CHECK_OCTETS {
            return;
        }
        self.unchecked_octets = 0;
        // Unknown free space is no reason to refuse work: a failed write will tell.
        let free = self.disk.free_octets(&self.dir).unwrap_or(u64::MAX);
        self.has_space_ahead = free >= self.reserve_octets.saturating_add(RESERVE_OCTETS);
        self.condition = if free < self.reserve_octets {
            Condition::DiskFull
        } else {
            Condition::Ready
        };
    }
}

fn open_segments(
    disk: &dyn Disk,
    dir: &std::path::Path,
    mut salt: Option<u64>,
    report: &mut OpenReport,
) -> Result<BTreeMap<u64, Segment>, StoreError> {
    let firsts = segment::list(disk, dir)?;
    // Without a manifest any segment knows the salt of them all.
    for first in &firsts {
        if salt.is_none()
            && let Ok(Some(segment)) = Segment::open(disk, dir, *first, None)
        {
            salt = Some(segment.salt);
        }
    }
    let mut segments: BTreeMap<u64, Segment> = BTreeMap::new();
    for first in firsts {
        let Some(segment) = Segment::open(disk, dir, first, salt)? else {
            // Its creation was never finished, so it holds nothing. It must not stay: what is
            // written next goes to the segment before, and would seem to end where this begins.
            segment::remove(disk, dir, first)?;
            continue;
        };
        if segment.headers_damaged > 0 {
            report.damage(first, 0);
        }
        if let Some(mut former) = segments.last_entry() {
            let former = former.get_mut();
            if former.end < first {
                report.damage(former.end, first - former.end);
            }
            former.end = former.end.min(first);
        }
        segments.insert(first, segment);
    }
    Ok(segments)
}
