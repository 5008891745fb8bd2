//! What a journal looks like after a crash: which end of the last batch was never finished, and
//! which frames in the middle are damaged.

use std::fmt;

use crate::error::StoreError;
use crate::frame::{FRAME_OCTETS, Found, Kind, Location, Scan};
use crate::segment::{HEADERS_OCTETS, Segment};

/// Octets of a batch frame: its payload is two numbers of four octets.
pub(crate) const BATCH_OCTETS: u64 = FRAME_OCTETS as u64 + 8;

/// Most damages listed one by one in a report; all are counted.
const DAMAGES_LISTED_MAX: usize = 1_000;

/// What is done with a frame and its payload.
pub(crate) type Take<'a> = &'a mut dyn FnMut(Kind, Location, &[u8]) -> Result<(), StoreError>;

/// What opening a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records read from the journal (those after the last checkpoint).
    pub records: u64,
    /// Octets of an unfinished batch cut off the end. It was never answered for.
    pub torn_octets: u64,
    /// Damaged places, at most the first 1,000.
    pub damages: Vec<Damage>,
    /// How many damaged places there are in all.
    pub damages_total: u64,
    /// Changes of deliveries whose acceptance is lost.
    pub changes_without_message: u64,
    /// The index was missing or damaged, for this reason, and was made again from the journal.
    pub rebuilt: Option<String>,
}

impl OpenReport {
    pub(crate) fn damage(&mut self, position: u64, octets: u64) {
        self.damages_total += 1;
        if self.damages.len() < DAMAGES_LISTED_MAX {
            self.damages.push(Damage { position, octets });
        }
    }
}

/// A place of the journal that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub position: u64,
    /// How much.
    pub octets: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets at position {}", self.octets, self.position)
    }
}

/// Reads the frames of a segment from `from` on; they go to `take`, damage to the report.
pub(crate) fn replay(
    segment: &Segment,
    from: u64,
    report: &mut OpenReport,
    take: Take<'_>,
) -> Result<(), StoreError> {
    let mut scan = scan(segment, from.max(segment.first));
    while let Some(found) = scan
        .next()
        .map_err(StoreError::io("cannot read", &segment.path))?
    {
        match found {
            Found::Frame { kind, location } => {
                report.records += u64::from(kind != Kind::Batch);
                take(kind, location, scan.payload())?;
            }
            Found::Damaged { from, to } => report.damage(from, to - from),
            Found::Unknown {
                position,
                version,
                kind,
            } => {
                return Err(StoreError::UnknownVersion {
                    path: segment.path.clone(),
                    offset: segment.offset(position),
                    found: format!("a record of version {version} and kind {kind}"),
                });
            }
        }
    }
    Ok(())
}

/// Where the finished batches of the last segment end.
///
/// A batch says at its start how many records and octets follow. One that the file is too short
/// for was torn. One of full length from which two or more frames are missing was torn as well
/// (its pages reached the disk in any order); a single missing frame is damage, and the others
/// are kept. This can only ever cut the very last batch. Headers are on the disk before the first
/// batch: where both are gone the medium has failed, no write was torn, and all is kept.
pub(crate) fn finished_end(segment: &Segment, from: u64) -> Result<u64, StoreError> {
    if segment.headers_damaged == 2 {
        return Ok(segment.end);
    }
    let start = from.max(segment.first);
    let mut batch: Option<Batch> = None;
    // Frames after the end of the last batch whose own batch frame is unreadable.
    let mut stray = Stray::default();
    let mut scan = scan(segment, start);
    while let Some(found) = scan
        .next()
        .map_err(StoreError::io("cannot read", &segment.path))?
    {
        match found {
            Found::Frame {
                kind: Kind::Batch,
                location,
            } => {
                batch = Some(Batch::parse(location, scan.payload()));
                stray = Stray::default();
            }
            Found::Frame { location, .. } => match &mut batch {
                Some(batch) if location.position < batch.end => batch.seen += 1,
                _ => stray.frames += 1,
            },
            Found::Damaged { from, to } => {
                let finished = batch.as_ref().map_or(start, |batch| batch.end);
                if to > finished {
                    stray.damages += 1;
                    stray.octets = to - from.max(finished);
                }
            }
            Found::Unknown { .. } => return Ok(segment.end),
        }
    }
    let Some(batch) = batch else {
        return Ok(stray.cut(start, segment.end));
    };
    let missing = u64::from(batch.records).saturating_sub(batch.seen);
    if batch.end > segment.end || (batch.end == segment.end && missing >= 2) {
        return Ok(batch.start);
    }
    Ok(stray.cut(batch.end, segment.end))
}

fn scan(segment: &Segment, from: u64) -> Scan<'_> {
    let origin = (segment.first, HEADERS_OCTETS);
    Scan::new(&*segment.file, segment.salt, origin, from..segment.end)
}

struct Batch {
    start: u64,
    end: u64,
    records: u32,
    seen: u64,
}

impl Batch {
    fn parse(location: Location, payload: &[u8]) -> Self {
        let number = |at: usize| {
            let octets = payload
                .get(at..at + 4)
                .and_then(|octets| octets.try_into().ok());
            octets.map_or(0, u32::from_le_bytes)
        };
        let start = location.position;
        Self {
            start,
            end: start + u64::from(number(4)),
            records: number(0),
            seen: 0,
        }
    }
}

#[derive(Default)]
struct Stray {
    frames: u64,
    damages: u64,
    octets: u64,
}

impl Stray {
    /// The end of the journal, given that a batch without a readable batch frame may stand
    /// between `finished` and `end`: kept if the batch frame is all that is missing.
    fn cut(&self, finished: u64, end: u64) -> u64 {
        let only_batch_frame = self.damages == 1 && self.octets == BATCH_OCTETS && self.frames > 0;
        if self.damages == 0 || only_batch_frame {
            end
        } else {
            finished
        }
    }
}
