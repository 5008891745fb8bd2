//! Segment files of the journal: their names and headers.
//!
//! ```text
//! journal-<first position, 16 hexadecimal digits>.log
//! | header | header again | frames …
//! header: magic 8 | version 4 | salt 8 | first position 8 | created at 8 | crc32c 4
//! ```
//! The header stands twice so that a damaged octet in it costs nothing; a segment that has lost
//! both is read, but not written to any more. A segment ends where the
//! next begins: octets beyond belong to a batch whose fsync failed and that was written again.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signalbox_router::Timestamp;

use crate::disk::{Disk, DiskFile, read_full, write_all};
use crate::error::StoreError;

/// Octets of both headers.
pub(crate) const HEADERS_OCTETS: u64 = 2 * HEADER_OCTETS as u64;

const HEADER_OCTETS: usize = 40;
const MAGIC: &[u8; 8] = b"SBXJRNL\n";
const VERSION: u32 = 2;

/// An open segment.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) path: PathBuf,
    /// Position of its first frame.
    pub(crate) first: u64,
    /// Position after its last frame.
    pub(crate) end: u64,
    pub(crate) salt: u64,
    /// 0 where no header tells.
    pub(crate) created_at: Timestamp,
    /// Of the two.
    pub(crate) headers_damaged: usize,
    /// Space may be taken up to this length of the file, also by the process before; 0: nowhere.
    reserved: u64,
}

/// Space is taken ahead in pieces of so many octets: the file system has less to do for each batch.
pub(crate) const RESERVE_OCTETS: u64 = 4 << 20;

/// Pages are forgotten whole and in groups that the file system may keep as one.
const UNCACHE_OCTETS: u64 = 64 << 10;

impl Segment {
    /// Where a position stands in the file.
    pub(crate) const fn offset(&self, position: u64) -> u64 {
        position - self.first + HEADERS_OCTETS
    }

    /// Creates an empty segment, durable with its name.
    pub(crate) fn create(
        disk: &dyn Disk,
        dir: &Path,
        first: u64,
        salt: u64,
        created_at: Timestamp,
    ) -> Result<Self, StoreError> {
        remove(disk, dir, first)?;
        let path = dir.join(name_of(first));
        let io = |doing| StoreError::io(doing, &path);
        let file = disk.create(&path).map_err(io("cannot create"))?;
        let mut header = Vec::with_capacity(HEADER_OCTETS * 2);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&salt.to_le_bytes());
        header.extend_from_slice(&first.to_le_bytes());
        header.extend_from_slice(&created_at.0.to_le_bytes());
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        header.extend_from_within(..);
        write_all(&*file, &header, 0).map_err(io("cannot write"))?;
        file.sync().map_err(io("cannot sync"))?;
        disk.sync_dir(dir)
            .map_err(io("cannot sync the directory of"))?;
        Ok(Self {
            file,
            path,
            first,
            end: first,
            salt,
            created_at,
            headers_damaged: 0,
            reserved: 0,
        })
    }

    /// Opens a segment. `None`: its creation was never finished, so nothing is in it. Where both
    /// headers are damaged, its name and the store's salt are enough, if it is known.
    pub(crate) fn open(
        disk: &dyn Disk,
        dir: &Path,
        first: u64,
        salt: Option<u64>,
    ) -> Result<Option<Self>, StoreError> {
        let path = dir.join(name_of(first));
        let file = disk
            .open(&path)
            .map_err(StoreError::io("cannot open", &path))?;
        let octets = file
            .octets()
            .map_err(StoreError::io("cannot read", &path))?;
        let mut headers = [0; HEADER_OCTETS * 2];
        let read =
            read_full(&*file, &mut headers, 0).map_err(StoreError::io("cannot read", &path))?;
        if octets < HEADERS_OCTETS {
            return Ok(None);
        }
        let (one, two) = headers.split_at(HEADER_OCTETS);
        let copies = [parse_header(&path, one)?, parse_header(&path, two)?];
        let headers_damaged = copies.iter().filter(|copy| copy.is_none()).count();
        let known = copies.into_iter().flatten().next();
        if known.is_none() && (octets == HEADERS_OCTETS || read < headers.len()) {
            return Ok(None);
        }
        let known = known.or_else(|| salt.map(|salt| (salt, Timestamp(0))));
        let Some((salt, created_at)) = known else {
            return Err(StoreError::malformed(
                &path,
                "both headers of the segment are damaged",
            ));
        };
        let end = first + octets.saturating_sub(HEADERS_OCTETS);
        Ok(Some(Self {
            file,
            path,
            first,
            end,
            salt,
            created_at,
            headers_damaged,
            reserved: octets,
        }))
    }

    /// Writes octets behind the last frame. They count once they are synced and `end` says so.
    /// `ahead`: space may be taken for those to come.
    pub(crate) fn write(&mut self, octets: &[u8], ahead: bool) -> io::Result<()> {
        let offset = self.offset(self.end);
        let end = offset + octets.len() as u64;
        if ahead && end > self.reserved {
            self.reserved = end + RESERVE_OCTETS;
            // Where there is no such call, or not so much space, the write tells what matters; a
            // part of the space may have been taken.
            if self.file.reserve(self.reserved).is_err() {
                let _ = self.file.set_octets(offset);
            }
        }
        // A write that fails may have taken some, too.
        self.reserved = self.reserved.max(end);
        write_all(&*self.file, octets, offset)
    }

    /// Lets the system forget what stands between two positions. Only an economy, as is what it
    /// keeps although it was told.
    pub(crate) fn uncache(&self, positions: Range<u64>) {
        let from = self.offset(positions.start.max(self.first));
        let from = from - from % UNCACHE_OCTETS;
        let to = self.offset(positions.end.min(self.end));
        let to = match positions.end < self.end {
            true => to - to % UNCACHE_OCTETS,
            false => to.next_multiple_of(UNCACHE_OCTETS),
        };
        let _ = self.file.uncache(from..to);
    }

    /// Gives back the space behind the last frame, if any was taken. Only an economy: readers stop
    /// at `end` whatever the file has, so a failure changes nothing.
    pub(crate) fn trim(&mut self) {
        if self.reserved > 0 && self.file.set_octets(self.offset(self.end)).is_ok() {
            self.reserved = 0;
        }
    }
}

/// Removes a segment that holds nothing.
pub(crate) fn remove(disk: &dyn Disk, dir: &Path, first: u64) -> Result<(), StoreError> {
    let path = dir.join(name_of(first));
    crate::disk::remove_if_there(disk, &path).map_err(StoreError::io("cannot remove", &path))
}

/// First positions of the segments of a directory, in order.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, StoreError> {
    let names = disk.list(dir).map_err(StoreError::io("cannot list", dir))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

fn name_of(first: u64) -> String {
    format!("journal-{first:016x}.log")
}

fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("journal-")?.strip_suffix(".log")?;
    match digits.len() {
        16 => u64::from_str_radix(digits, 16).ok(),
        _ => None,
    }
}

fn parse_header(path: &Path, header: &[u8]) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let number = |at: usize| {
        u64::from_le_bytes(
            header[at..at + 8]
                .try_into()
                .expect("eight octets of a header"),
        )
    };
    let crc = u32::from_le_bytes(header[36..].try_into().expect("four octets of a header"));
    if header[..8] != *MAGIC || crc != crc32c::crc32c(&header[..36]) {
        return Ok(None);
    }
    let version = u32::from_le_bytes(header[8..12].try_into().expect("four octets of a header"));
    if version != VERSION {
        let found = format!("journal version {version}");
        return Err(StoreError::UnknownVersion {
            path: path.to_owned(),
            offset: 8,
            found,
        });
    }
    Ok(Some((number(12), Timestamp(number(28)))))
}
