//! A run: an immutable file of sorted entries, in blocks that are looked up by position. In memory
//! are only the fences: the first key of each block.
//!
//! ```text
//! | block … | fences | footer |
//! block:  entries: key length, key, value length, value
//! fences: oldest live position, entry count, ordered prefixes, last key; per block: length,
//!         crc32c, first key
//! footer: fences offset 8 | fences length 8 | crc32c of the fences 4 | version 4 | magic 8
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, read_full, write_all};
use crate::error::StoreError;
use crate::index::entry::get_head;
use crate::index::keys::{TABLE_MESSAGES, ordered_prefix};
use crate::wire::{Malformed, Reader, put_octets, put_u64};

/// A block is closed when it has this many octets.
const BLOCK_OCTETS: usize = 8 << 10;

/// Octets collected before a write.
const WRITE_OCTETS: usize = 1 << 20;

const FOOTER_OCTETS: usize = 32;
const MAGIC: &[u8; 8] = b"SBXRUN\n\0";
const VERSION: u32 = 2;

/// An open run.
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) path: PathBuf,
    pub(crate) octets: u64,
    /// No entry that is not done has its message before this position of the journal.
    pub(crate) oldest_live: u64,
    /// Prefixes of the queues (and of the deadlines) that have entries here.
    pub(crate) prefixes: Vec<Vec<u8>>,
    file: Arc<dyn DiskFile>,
    last_key: Vec<u8>,
    blocks: Vec<Block>,
    /// First keys of all blocks, one after the other.
    fences: Vec<u8>,
}

struct Block {
    offset: u64,
    octets: u32,
    crc: u32,
    /// End of its first key in `fences`.
    fence_end: u32,
}

/// Name of a run's file.
pub(crate) fn name_of(id: u64) -> String {
    format!("index-{id:016x}.run")
}

impl Run {
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, id: u64) -> Result<Self, StoreError> {
        let path = dir.join(name_of(id));
        let file = disk
            .open(&path)
            .map_err(StoreError::io("cannot open", &path))?;
        let octets = file
            .octets()
            .map_err(StoreError::io("cannot read", &path))?;
        let footer = octets
            .checked_sub(FOOTER_OCTETS as u64)
            .ok_or_else(|| StoreError::malformed(&path, "too short for a footer"))?;
        let footer = read_exact(&*file, &path, footer, FOOTER_OCTETS)?;
        let number = |at: usize| {
            u64::from_le_bytes(
                footer[at..at + 8]
                    .try_into()
                    .expect("eight octets of a footer"),
            )
        };
        if footer[24..] != *MAGIC {
            return Err(StoreError::malformed(&path, "no footer of an index file"));
        }
        let crc_and_version = number(16);
        let version = (crc_and_version >> 32) as u32;
        if version != VERSION {
            let found = format!("index version {version}");
            return Err(StoreError::UnknownVersion {
                path,
                offset: octets - 12,
                found,
            });
        }
        let length = usize::try_from(number(8)).unwrap_or(usize::MAX);
        if number(0)
            .checked_add(number(8))
            .is_none_or(|end| end > octets)
        {
            return Err(StoreError::malformed(
                &path,
                "the fences are outside of the file",
            ));
        }
        let fences = read_exact(&*file, &path, number(0), length)?;
        if crc32c::crc32c(&fences) != crc_and_version as u32 {
            return Err(StoreError::malformed(&path, "the fences are damaged"));
        }
        let mut run = Self {
            id,
            octets,
            oldest_live: 0,
            prefixes: Vec::new(),
            file,
            last_key: Vec::new(),
            blocks: Vec::new(),
            fences: Vec::new(),
            path,
        };
        run.read_fences(&fences)
            .map_err(|malformed| StoreError::malformed(&run.path, malformed))?;
        Ok(run)
    }

    fn read_fences(&mut self, octets: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(octets);
        self.oldest_live = reader.u64("oldest_live")?;
        let prefixes = reader.count("prefixes")?;
        for _ in 0..prefixes {
            self.prefixes.push(reader.octets("prefix")?.to_vec());
        }
        self.last_key = reader.octets("last_key")?.to_vec();
        let count = reader.count("blocks")?;
        self.blocks.reserve_exact(count);
        self.fences.reserve(octets.len());
        let mut offset = 0;
        for _ in 0..count {
            let octets = reader.u32("block.octets")?;
            let crc = reader.u32("block.crc")?;
            self.fences.extend_from_slice(reader.octets("block.fence")?);
            let fence_end = self.fences.len() as u32;
            self.blocks.push(Block {
                offset,
                octets,
                crc,
                fence_end,
            });
            offset += u64::from(octets);
        }
        self.fences.shrink_to_fit();
        Ok(())
    }

    pub(crate) const fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Octets of memory that the fences take.
    pub(crate) const fn fence_octets(&self) -> usize {
        self.fences.len() + self.blocks.len() * size_of::<Block>()
    }

    /// The only block that may contain `key` as its first entry at or after it.
    pub(crate) fn block_of(&self, key: &[u8]) -> usize {
        let mut low = 0;
        let mut high = self.blocks.len();
        while low < high {
            let middle = low.midpoint(high);
            if self.fence(middle) <= key {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low.saturating_sub(1)
    }

    fn fence(&self, block: usize) -> &[u8] {
        let start = block
            .checked_sub(1)
            .map_or(0, |former| self.blocks[former].fence_end);
        &self.fences[start as usize..self.blocks[block].fence_end as usize]
    }

    /// The octets of a block, checked.
    pub(crate) fn read_block(&self, block: usize) -> Result<Vec<u8>, StoreError> {
        let Block {
            offset,
            octets,
            crc,
            ..
        } = self.blocks[block];
        let octets = read_exact(&*self.file, &self.path, offset, octets as usize)?;
        if crc32c::crc32c(&octets) != crc {
            let reason = format!("the block at octet {offset} is damaged");
            return Err(StoreError::malformed(&self.path, reason));
        }
        Ok(octets)
    }

    /// The only block that may contain `key`, if there is one.
    pub(crate) fn block_with(&self, key: &[u8]) -> Option<usize> {
        let outside =
            self.blocks.is_empty() || key < self.fence(0) || key > self.last_key.as_slice();
        (!outside).then(|| self.block_of(key))
    }

    /// The value of a key in one of the blocks.
    pub(crate) fn find(&self, block: &[u8], key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut reader = Reader::new(block);
        while !reader.is_empty() {
            let (found, value) =
                get_entry(&mut reader).map_err(|m| StoreError::malformed(&self.path, m))?;
            if found == key {
                return Ok(Some(value.to_vec()));
            }
            if found > key {
                break;
            }
        }
        Ok(None)
    }
}

/// The next key and value of a block.
pub(crate) fn get_entry<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    Ok((reader.octets("key")?, reader.octets("value")?))
}

/// Writes a run, entry by entry in the order of the keys.
pub(crate) struct RunWriter<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    id: u64,
    temporary: PathBuf,
    file: Arc<dyn DiskFile>,
    written: u64,
    buffer: Vec<u8>,
    block: Vec<u8>,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
    fences: Vec<u8>,
    blocks: u64,
    oldest_live: u64,
    prefixes: Vec<Vec<u8>>,
}

impl<'a> RunWriter<'a> {
    pub(crate) fn create(disk: &'a dyn Disk, dir: &'a Path, id: u64) -> Result<Self, StoreError> {
        let temporary = dir.join(format!("{}.tmp", name_of(id)));
        let io = |doing| StoreError::io(doing, &temporary);
        crate::disk::remove_if_there(disk, &temporary).map_err(io("cannot remove"))?;
        let file = disk.create(&temporary).map_err(io("cannot create"))?;
        Ok(Self {
            disk,
            dir,
            id,
            temporary,
            file,
            written: 0,
            buffer: Vec::with_capacity(WRITE_OCTETS + BLOCK_OCTETS),
            block: Vec::with_capacity(BLOCK_OCTETS * 2),
            first_key: Vec::new(),
            last_key: Vec::new(),
            fences: Vec::new(),
            blocks: 0,
            oldest_live: u64::MAX,
            prefixes: Vec::new(),
        })
    }

    /// Adds an entry whose key is greater than all before.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        debug_assert!(self.last_key.as_slice() < key, "entries come in order");
        if self.block.is_empty() {
            self.first_key.clear();
            self.first_key.extend_from_slice(key);
        }
        put_octets(&mut self.block, key);
        put_octets(&mut self.block, value);
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        if let Some(prefix) = ordered_prefix(key)
            && self.prefixes.last().is_none_or(|last| last != prefix)
        {
            self.prefixes.push(prefix.to_vec());
        }
        if key.first() == Some(&TABLE_MESSAGES) {
            let head = get_head(&mut Reader::new(value))
                .map_err(|malformed| StoreError::malformed(&self.temporary, malformed))?;
            if head.live > 0 {
                self.oldest_live = self.oldest_live.min(head.location.position);
            }
        }
        if self.block.len() >= BLOCK_OCTETS {
            self.close_block()?;
        }
        Ok(())
    }

    /// Makes the run durable under its name and opens it.
    pub(crate) fn finish(mut self) -> Result<Run, StoreError> {
        self.close_block()?;
        let mut fences = Vec::with_capacity(self.fences.len() + 256);
        put_u64(&mut fences, self.oldest_live);
        put_u64(&mut fences, self.prefixes.len() as u64);
        for prefix in &self.prefixes {
            put_octets(&mut fences, prefix);
        }
        put_octets(&mut fences, &self.last_key);
        put_u64(&mut fences, self.blocks);
        fences.extend_from_slice(&self.fences);
        let offset = self.written + self.buffer.len() as u64;
        self.buffer.extend_from_slice(&fences);
        self.buffer.extend_from_slice(&offset.to_le_bytes());
        self.buffer
            .extend_from_slice(&(fences.len() as u64).to_le_bytes());
        self.buffer
            .extend_from_slice(&crc32c::crc32c(&fences).to_le_bytes());
        self.buffer.extend_from_slice(&VERSION.to_le_bytes());
        self.buffer.extend_from_slice(MAGIC);
        self.flush()?;
        let path = self.dir.join(name_of(self.id));
        self.file
            .sync()
            .map_err(StoreError::io("cannot sync", &self.temporary))?;
        self.disk
            .rename(&self.temporary, &path)
            .map_err(StoreError::io("cannot rename", &self.temporary))?;
        self.disk
            .sync_dir(self.dir)
            .map_err(StoreError::io("cannot sync the directory", self.dir))?;
        Run::open(self.disk, self.dir, self.id)
    }

    fn close_block(&mut self) -> Result<(), StoreError> {
        if self.block.is_empty() {
            return Ok(());
        }
        put_u64(&mut self.fences, self.block.len() as u64);
        put_u64(&mut self.fences, u64::from(crc32c::crc32c(&self.block)));
        put_octets(&mut self.fences, &self.first_key);
        self.blocks += 1;
        self.buffer.append(&mut self.block);
        if self.buffer.len() >= WRITE_OCTETS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        write_all(&*self.file, &self.buffer, self.written)
            .map_err(StoreError::io("cannot write", &self.temporary))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn read_exact(
    file: &dyn DiskFile,
    path: &Path,
    offset: u64,
    octets: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut buffer = vec![0; octets];
    let read = read_full(file, &mut buffer, offset).map_err(StoreError::io("cannot read", path))?;
    if read < octets {
        return Err(StoreError::malformed(
            path,
            format_args!("ends before octet {offset}"),
        ));
    }
    Ok(buffer)
}
