//! A disk in memory that fails calls and loses power: what was not synced is dropped, kept, or
//! torn at the sectors' borders, in any order.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use signalbox_store::{Disk, DiskFile};

use super::Random;

/// What a failed call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An I/O error; a failed sync leaves the unsynced octets lost for good.
    Io,
    /// No space; a write may have been done in part.
    Full,
    /// A signal came: to be repeated.
    Interrupted,
    /// A write that takes one octet only.
    Short,
}

#[derive(Clone, Default)]
struct Content {
    octets: Vec<u8>,
    /// As of the last sync.
    durable: Vec<u8>,
    /// Space is taken up to here, if it is behind the end.
    reserved: usize,
    /// What the system was told to forget, in order.
    uncached: Vec<Range<u64>>,
}

#[derive(Default)]
struct State {
    /// Names as programs see them, and as they are on the platter.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    contents: Vec<Content>,
    calls: u64,
    fail_at: Option<(u64, Fault)>,
    fail_always: Option<Fault>,
    free: u64,
    /// Octets that all files may take together.
    space: Option<usize>,
    /// Syncs say yes and do nothing.
    lying: bool,
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            free: u64::MAX,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock held")
    }

    /// Calls so far that can fail.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The call of that number fails, once.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.state().fail_at = Some((call, fault));
    }

    /// Every writing call fails until told otherwise.
    pub fn fail_always(&self, fault: Option<Fault>) {
        self.state().fail_always = fault;
    }

    /// From here on nothing is synced, whatever the calls say: the instant before the power goes.
    pub fn lie(&self) {
        self.state().lying = true;
    }

    /// What the system was told to forget of each file, with the file's length.
    pub fn uncached(&self) -> Vec<(Vec<Range<u64>>, u64)> {
        let state = self.state();
        let files = state.names.values().map(|file| &state.contents[*file]);
        files
            .map(|content| (content.uncached.clone(), content.octets.len() as u64))
            .collect()
    }

    /// Octets that all files take, with what was taken ahead.
    pub fn used(&self) -> usize {
        self.state().used()
    }

    /// All files together may take so many octets and no more.
    pub fn set_space(&self, octets: Option<usize>) {
        self.state().space = octets;
    }

    pub fn set_free(&self, free: u64) {
        self.state().free = free;
    }

    /// Power goes and comes back: a disk with what survived. Of the unsynced octets of a file,
    /// each sector survives by chance; names survive if their directory was synced, or by chance.
    pub fn power_cut(&self, random: &mut Random, sector: usize) -> Self {
        let state = self.state();
        let mut contents = Vec::new();
        for content in &state.contents {
            contents.push(torn(content, random, sector));
        }
        let names = match random.below(2) {
            0 => state.durable_names.clone(),
            _ => state.names.clone(),
        };
        let names_after = names.clone();
        Self(Arc::new(Mutex::new(State {
            names,
            durable_names: names_after,
            contents,
            free: u64::MAX,
            ..State::default()
        })))
    }
}

fn torn(content: &Content, random: &mut Random, sector: usize) -> Content {
    let mut octets = content.durable.clone();
    if random.below(2) == 0 {
        octets.truncate(content.octets.len());
    }
    let keep = random.below(3);
    if keep > 0 {
        // 1: some sectors; 2: all of them.
        let end = match random.below(2) {
            0 => content.octets.len(),
            _ => {
                let unsynced = content.octets.len().saturating_sub(octets.len()) as u64;
                octets.len() + random.below(unsynced + 1) as usize
            }
        };
        octets.resize(
            end.max(octets.len())
                .min(content.octets.len().max(octets.len())),
            0,
        );
        for start in (0..octets.len()).step_by(sector) {
            let stop = (start + sector).min(octets.len()).min(content.octets.len());
            if start < stop && (keep == 2 || random.below(2) == 0) {
                octets[start..stop].copy_from_slice(&content.octets[start..stop]);
            }
        }
    }
    Content {
        durable: octets.clone(),
        octets,
        ..Content::default()
    }
}

impl Content {
    fn taken(&self) -> usize {
        self.octets.len().max(self.reserved)
    }
}

impl State {
    fn used(&self) -> usize {
        let files = self.names.values();
        files.map(|file| self.contents[*file].taken()).sum()
    }

    /// How long a file can become; `None`: as long as it likes.
    fn room(&self, content: usize) -> Option<usize> {
        let free = self.space?.saturating_sub(self.used());
        Some(self.contents[content].taken() + free)
    }

    /// Counts a call; tells how it fails, if it does.
    fn call(&mut self) -> Result<(), Fault> {
        let call = self.calls;
        self.calls += 1;
        if let Some(fault) = self.fail_always {
            return Err(fault);
        }
        match self.fail_at {
            Some((at, fault)) if at == call => Err(fault),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Full => io::ErrorKind::StorageFull.into(),
            Self::Interrupted => io::ErrorKind::Interrupted.into(),
            Self::Io | Self::Short => io::Error::from_raw_os_error(5),
        }
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state
            .names
            .keys()
            .filter(|name| name.parent() == Some(path));
        let name = |name: &PathBuf| name.file_name()?.to_str().map(str::to_owned);
        Ok(inside.filter_map(name).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.call().map_err(Fault::error)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(path.to_owned(), content);
        Ok(Arc::new(FaultyFile {
            disk: self.clone(),
            content,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let content = self.state().find(path)?;
        Ok(Arc::new(FaultyFile {
            disk: self.clone(),
            content,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call().map_err(Fault::error)?;
        let content = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(path)?;
        state.call().map_err(Fault::error)?;
        state.names.remove(path);
        Ok(())
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call().map_err(Fault::error)?;
        if !state.lying {
            state.durable_names = state.names.clone();
        }
        Ok(())
    }

    fn free_octets(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.state().free)
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    content: usize,
}

impl DiskFile for FaultyFile {
    fn octets(&self) -> io::Result<u64> {
        Ok(self.disk.state().contents[self.content].octets.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let octets = &state.contents[self.content].octets;
        let from = octets.len().min(position as usize);
        let count = buffer.len().min(octets.len() - from);
        buffer[..count].copy_from_slice(&octets[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, octets: &[u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let fault = state.call().err();
        let count = match fault {
            None => octets.len(),
            Some(Fault::Full | Fault::Io) => octets.len() / 2,
            Some(Fault::Short) => 1.min(octets.len()),
            Some(Fault::Interrupted) => 0,
        };
        let position = position as usize;
        let room = state.room(self.content).unwrap_or(usize::MAX);
        let fitting = count.min(room.saturating_sub(position));
        if fitting == 0 && count > 0 {
            return Err(Fault::Full.error());
        }
        let count = fitting;
        let content = &mut state.contents[self.content].octets;
        if content.len() < position + count {
            content.resize(position + count, 0);
        }
        content[position..position + count].copy_from_slice(&octets[..count]);
        match fault {
            None | Some(Fault::Short) => Ok(count),
            Some(fault) => Err(fault.error()),
        }
    }

    fn set_octets(&self, octets: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call().map_err(Fault::error)?;
        let content = &mut state.contents[self.content];
        content.octets.resize(octets as usize, 0);
        content.reserved = 0;
        Ok(())
    }

    fn reserve(&self, octets: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call().map_err(Fault::error)?;
        let room = state.room(self.content).unwrap_or(usize::MAX);
        let content = &mut state.contents[self.content];
        // Where there is not enough, what there is was taken all the same.
        content.reserved = content.taken().max(room.min(octets as usize));
        match octets as usize <= room {
            true => Ok(()),
            false => Err(Fault::Full.error()),
        }
    }

    fn uncache(&self, octets: Range<u64>) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call().map_err(Fault::error)?;
        let content = &mut state.contents[self.content];
        assert!(octets.end <= content.durable.len().next_multiple_of(1 << 20) as u64);
        content.uncached.push(octets);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.call();
        if state.lying {
            return fault.map_err(Fault::error);
        }
        let content = &mut state.contents[self.content];
        match fault {
            Ok(()) => content.durable = content.octets.clone(),
            // The pages are marked clean though they never reached the disk.
            Err(_) => content.octets = content.durable.clone(),
        }
        fault.map_err(Fault::error)
    }
}
