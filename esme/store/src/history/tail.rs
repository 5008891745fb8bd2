//! Reads the journal behind the store, by its files.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::HistoryError;
use crate::disk::RealDisk;
use crate::error::StoreError;
use crate::frame::{Found, Kind, Location, Scan};
use crate::segment::{self, HEADERS_OCTETS, Segment};

/// What is done with a record (never a batch); breaking ends the reading behind it.
type Take<'a> = &'a mut dyn FnMut(Kind, &[u8], Location) -> Result<ControlFlow<()>, HistoryError>;

/// A place in the journal.
pub(super) struct Tail {
    dir: PathBuf,
    /// Of the store.
    salt: u64,
    pub(super) position: u64,
    /// Read last: not looked for again as long as it goes on.
    segment: Option<Segment>,
}

impl Tail {
    pub(super) const fn new(dir: PathBuf, salt: u64, position: u64) -> Self {
        Self {
            dir,
            salt,
            position,
            segment: None,
        }
    }

    /// Hands records up to `committed` to `take`, until it breaks. Segments that are gone and
    /// records that are damaged are passed over.
    pub(super) fn read(&mut self, committed: u64, take: Take<'_>) -> Result<(), HistoryError> {
        let firsts = segment::list(&RealDisk, &self.dir)?;
        for (at, first) in firsts.iter().copied().enumerate() {
            let next = firsts.get(at + 1).copied().unwrap_or(u64::MAX);
            if next <= self.position || first >= committed {
                continue;
            }
            let Some(mut segment) = self.segment(first)? else {
                continue;
            };
            segment.end = segment.end.min(next).min(committed);
            self.position = self.position.max(first);
            if self.read_segment(&segment, take)?.is_break() {
                return Ok(());
            }
            self.position = self.position.max(segment.end);
        }
        Ok(())
    }

    fn segment(&mut self, first: u64) -> Result<Option<Segment>, HistoryError> {
        if self
            .segment
            .as_ref()
            .is_none_or(|known| known.first != first)
        {
            self.segment = Segment::open(&RealDisk, &self.dir, first, Some(self.salt))?;
        }
        let Some(mut segment) = self.segment.clone() else {
            return Ok(None);
        };
        let octets = segment.file.octets();
        let octets = octets.map_err(StoreError::io("cannot read", &segment.path))?;
        segment.end = first + octets.saturating_sub(HEADERS_OCTETS);
        Ok(Some(segment))
    }

    fn read_segment(
        &mut self,
        segment: &Segment,
        take: Take<'_>,
    ) -> Result<ControlFlow<()>, HistoryError> {
        let origin = (segment.first, HEADERS_OCTETS);
        let range = self.position..segment.end;
        let mut scan = Scan::new(&*segment.file, segment.salt, origin, range);
        while let Some(found) = scan
            .next()
            .map_err(StoreError::io("cannot read", &segment.path))?
        {
            match found {
                Found::Frame {
                    kind: Kind::Batch,
                    location,
                } => self.position = location.end(),
                Found::Frame { kind, location } => {
                    // What was not taken is handed over again.
                    let flow = take(kind, scan.payload(), location)?;
                    self.position = location.end();
                    if flow.is_break() {
                        return Ok(flow);
                    }
                }
                Found::Damaged { to, .. } => self.position = to,
                Found::Unknown {
                    position,
                    version,
                    kind,
                } => {
                    return Err(HistoryError::new(format!(
                        "the record at position {position} of version {version} and kind \
                             {kind} is not known"
                    )));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use signalbox_router::{Ledger as _, ProviderName, Record, Timestamp};

    use super::*;
    use crate::{Store, StoreConfig};

    #[test]
    fn a_record_that_was_not_taken_is_handed_over_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = StoreConfig {
            reserve_octets: 0,
            ..StoreConfig::new(dir.path())
        };
        let (mut store, _) = Store::open(config).expect("a store");
        for at in 1..=3 {
            let record = Record::Unparked {
                provider: ProviderName::from("acme"),
                remote_id: "7".into(),
                matched: None,
                at: Timestamp(at),
            };
            store.apply(record).expect("applied");
        }
        let committed = store.commit().expect("committed").0;
        let mut tail = Tail::new(dir.path().to_owned(), store.watch().salt, 0);
        let mut taken = Vec::new();
        let mut failing = true;
        for is_whole in [false, true] {
            let result = tail.read(committed, &mut |_, _, location| {
                if taken.len() == 1 && std::mem::take(&mut failing) {
                    let reason = "the database is busy".to_owned();
                    return Err(HistoryError::new(reason));
                }
                taken.push(location.position);
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!(result.is_ok(), is_whole);
        }
        taken.dedup();
        assert_eq!(taken.len(), 3, "each once: {taken:?}");
        assert_eq!(tail.position, committed);
    }
}
