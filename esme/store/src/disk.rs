//! The file system as the store sees it: a dozen calls behind a trait, because there are two
//! implementations: [`RealDisk`], and the one of the tests that fails calls and loses power.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags};

/// What the store asks of a file system.
pub trait Disk: Send + Sync {
    /// Creates a directory and its parents; fine if it exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Names of the files in a directory, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Creates a file that must not exist, for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that must exist, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, replacing the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names created, renamed or removed in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Octets that may still be written to the file system of `path`.
    fn free_octets(&self, path: &Path) -> io::Result<u64>;
}

/// What the store asks of an open file.
pub trait DiskFile: Send + Sync {
    /// Length in octets.
    fn octets(&self) -> io::Result<u64>;
    /// Reads at a position; may read less, 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes at a position; may write less.
    fn write_at(&self, octets: &[u8], position: u64) -> io::Result<usize>;
    /// Cuts or extends the file.
    fn set_octets(&self, octets: u64) -> io::Result<()>;
    /// Takes space for the file up to `octets` before it is written, in one piece if it can be had;
    /// its length stays. Only an economy: writing takes what is missing.
    fn reserve(&self, octets: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
    /// Lets go of the memory that holds a part of the file which is durable. Only an economy.
    fn uncache(&self, octets: Range<u64>) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(
            OpenOptions::new().read(true).write(true).open(path)?,
        )))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn free_octets(&self, path: &Path) -> io::Result<u64> {
        let space = rustix::fs::statvfs(path)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn octets(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buffer, position)
    }

    fn write_at(&self, octets: &[u8], position: u64) -> io::Result<usize> {
        self.0.write_at(octets, position)
    }

    fn set_octets(&self, octets: u64) -> io::Result<()> {
        self.0.set_len(octets)
    }

    fn reserve(&self, octets: u64) -> io::Result<()> {
        let length_stays = FallocateFlags::KEEP_SIZE;
        Ok(rustix::fs::fallocate(&self.0, length_stays, 0, octets)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn uncache(&self, octets: Range<u64>) -> io::Result<()> {
        let length = NonZeroU64::new(octets.end.saturating_sub(octets.start));
        if length.is_some() {
            rustix::fs::fadvise(&self.0, octets.start, length, Advice::DontNeed)?;
        }
        Ok(())
    }
}

/// Writes all of `octets`; a short write goes on, an interrupted one is repeated.
pub(crate) fn write_all(
    file: &dyn DiskFile,
    mut octets: &[u8],
    mut position: u64,
) -> io::Result<()> {
    while !octets.is_empty() {
        match file.write_at(octets, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                octets = &octets[written..];
                position += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; how many octets were read.
pub(crate) fn read_full(
    file: &dyn DiskFile,
    buffer: &mut [u8],
    position: u64,
) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], position + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads a whole file.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let mut octets = vec![0; usize::try_from(file.octets()?).unwrap_or(usize::MAX)];
    let read = read_full(&*file, &mut octets, 0)?;
    octets.truncate(read);
    Ok(octets)
}

/// Removes a file; fine if there is none.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error says that the disk (or the user's share of it) is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
