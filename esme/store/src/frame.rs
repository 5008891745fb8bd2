//! Frames of the journal, and the search for them in a segment that may be damaged.
//!
//! ```text
//! 0        4        8         9      10
//! | crc32c | length | version | kind | payload (length octets) |
//! ```
//! The checksum covers all behind it and starts from the frame's position and the store's salt:
//! octets that a sender put into a message can never pass for a frame.

use std::io;
use std::ops::Range;

use crate::disk::{DiskFile, read_full};

/// Octets of a frame before its payload.
pub(crate) const FRAME_OCTETS: usize = 10;

/// Where the length stands in a frame.
const LENGTH: Range<usize> = 4..8;

/// Longest payload: a message of 1 MiB with 1,000 recipients and their states fits many times.
pub(crate) const PAYLOAD_OCTETS_MAX: usize = 16 << 20;

/// Octets read at once while scanning.
const CHUNK_OCTETS: usize = 1 << 20;

const VERSION: u8 = 2;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Start of a batch: how many records and octets were written together.
    Batch = 1,
    Accepted = 2,
    Changed = 3,
    Parked = 4,
    Unparked = 5,
}

impl Kind {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Batch),
            2 => Some(Self::Accepted),
            3 => Some(Self::Changed),
            4 => Some(Self::Parked),
            5 => Some(Self::Unparked),
            _ => None,
        }
    }
}

/// Where a frame stands in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location {
    /// Octets of journal before it, over all segments.
    pub(crate) position: u64,
    /// Octets of the whole frame.
    pub(crate) octets: u32,
}

impl Location {
    pub(crate) const fn end(self) -> u64 {
        self.position + self.octets as u64
    }
}

/// Appends a frame whose payload `fill` writes. `Err` with the octets when the payload is too long;
/// `out` is then as before.
pub(crate) fn put_frame(
    out: &mut Vec<u8>,
    salt: u64,
    position: u64,
    kind: Kind,
    fill: impl FnOnce(&mut Vec<u8>),
) -> Result<Location, usize> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_OCTETS]);
    fill(out);
    let payload = out.len() - start - FRAME_OCTETS;
    if payload > PAYLOAD_OCTETS_MAX {
        out.truncate(start);
        return Err(payload);
    }
    let frame = &mut out[start..];
    frame[LENGTH].copy_from_slice(&(payload as u32).to_le_bytes());
    frame[8] = VERSION;
    frame[9] = kind as u8;
    let crc = checksum(frame, salt, position);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    Ok(Location {
        position,
        octets: (FRAME_OCTETS + payload) as u32,
    })
}

/// The frame at the start of `octets`: its kind and payload, if it is whole and right.
pub(crate) fn get_frame(octets: &[u8], salt: u64, position: u64) -> Parsed<'_> {
    let Some((header, rest)) = octets.split_at_checked(FRAME_OCTETS) else {
        return Parsed::Damaged;
    };
    let length = length_of(header);
    if length > PAYLOAD_OCTETS_MAX || length > rest.len() {
        return Parsed::Damaged;
    }
    let crc = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if crc != checksum(&octets[..FRAME_OCTETS + length], salt, position) {
        return Parsed::Damaged;
    }
    match Kind::from_number(header[9]) {
        Some(kind) if header[8] == VERSION => Parsed::Frame {
            kind,
            payload: &rest[..length],
        },
        _ => Parsed::Unknown {
            version: header[8],
            kind: header[9],
        },
    }
}

fn checksum(frame: &[u8], salt: u64, position: u64) -> u32 {
    let seed = (salt ^ position).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    crc32c::crc32c_append((seed >> 32) as u32, &frame[LENGTH.start..])
}

fn length_of(header: &[u8]) -> usize {
    let length = header[LENGTH].try_into().expect("four octets");
    u32::from_le_bytes(length) as usize
}

/// What stands at a position.
pub(crate) enum Parsed<'a> {
    Frame {
        kind: Kind,
        payload: &'a [u8],
    },
    /// A right checksum around a version or kind that is not ours.
    Unknown {
        version: u8,
        kind: u8,
    },
    /// Cut, or the checksum is wrong.
    Damaged,
}

/// One step of a scan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame; its payload is [`Scan::payload`].
    Frame { kind: Kind, location: Location },
    /// Nothing readable from the first to the second position.
    Damaged { from: u64, to: u64 },
    /// A frame of a newer program.
    Unknown {
        position: u64,
        version: u8,
        kind: u8,
    },
}

/// Walks the frames of a segment between two positions.
pub(crate) struct Scan<'a> {
    file: &'a dyn DiskFile,
    salt: u64,
    /// Offset in the file = position - `base`.
    base: u64,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
    payload: Range<usize>,
}

impl<'a> Scan<'a> {
    /// `header_octets` is where in the file the position `first` stands.
    pub(crate) fn new(
        file: &'a dyn DiskFile,
        salt: u64,
        (first, header_octets): (u64, u64),
        positions: Range<u64>,
    ) -> Self {
        Self {
            file,
            salt,
            base: first.wrapping_sub(header_octets),
            position: positions.start,
            end: positions.end,
            buffer: Vec::new(),
            buffer_at: positions.start,
            payload: 0..0,
        }
    }

    /// Payload of the frame found last.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.buffer[self.payload.clone()]
    }

    /// The next thing, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        if self.position >= self.end {
            return Ok(None);
        }
        self.fill(FRAME_OCTETS)?;
        let at = self.offset(self.position);
        if let Some(header) = self.buffer.get(at..at + FRAME_OCTETS) {
            let length = length_of(header);
            if length <= PAYLOAD_OCTETS_MAX {
                self.fill(FRAME_OCTETS + length)?;
            }
        }
        match self.frame_at(self.position) {
            Some(found) => {
                if let Found::Frame { location, .. } = &found {
                    self.position = location.end();
                }
                Ok(Some(found))
            }
            None => self.skip_damage().map(Some),
        }
    }

    fn skip_damage(&mut self) -> io::Result<Found> {
        let from = self.position;
        let rest = usize::try_from(self.end - from).unwrap_or(usize::MAX);
        self.fill(rest)?;
        let mut to = from + 1;
        while to < self.end && !matches!(self.frame_at(to), Some(Found::Frame { .. })) {
            to += 1;
        }
        self.position = to;
        Ok(Found::Damaged { from, to })
    }

    fn frame_at(&mut self, position: u64) -> Option<Found> {
        let at = self.offset(position);
        let octets = self.buffer.get(at..)?;
        match get_frame(octets, self.salt, position) {
            Parsed::Frame { kind, payload } => {
                let octets = FRAME_OCTETS + payload.len();
                self.payload = at + FRAME_OCTETS..at + octets;
                Some(Found::Frame {
                    kind,
                    location: Location {
                        position,
                        octets: octets as u32,
                    },
                })
            }
            Parsed::Unknown { version, kind } => Some(Found::Unknown {
                position,
                version,
                kind,
            }),
            Parsed::Damaged => None,
        }
    }

    fn offset(&self, position: u64) -> usize {
        (position - self.buffer_at) as usize
    }

    /// Makes `octets` from the position on available, or all up to the end.
    fn fill(&mut self, octets: usize) -> io::Result<()> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = octets.min(left);
        let have = self.buffer.len() - self.offset(self.position).min(self.buffer.len());
        if have >= wanted {
            return Ok(());
        }
        let consumed = self.offset(self.position).min(self.buffer.len());
        self.buffer.drain(..consumed);
        self.buffer_at = self.position;
        let kept = self.buffer.len();
        self.buffer.resize(wanted.max(CHUNK_OCTETS.min(left)), 0);
        let offset = self.position.wrapping_sub(self.base) + kept as u64;
        let read = read_full(self.file, &mut self.buffer[kept..], offset)?;
        self.buffer.truncate(kept + read);
        Ok(())
    }
}
