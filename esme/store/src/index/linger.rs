//! Messages that are done, kept for a while so that a second receipt finds them. Nearly none is
//! asked for again, so they are kept as octets, and forgotten a generation at a time.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::RangeInclusive;

use foldhash::fast::RandomState;
use signalbox_router::{MessageId, PartId, ProviderName, Timestamp};

use crate::frame::Location;
use crate::index::entry::MessageEntry;
use crate::index::hot::HotMessage;
use crate::index::places::parts_with_remote_id;
use crate::record::{get_state, put_state};
use crate::wire::{Malformed, Reader};

/// Octets for each message, on average, at which a generation is closed, however few it has.
const MESSAGE_OCTETS: usize = 512;

/// The bounds of that limit.
const GENERATION_OCTETS: RangeInclusive<usize> = (1 << 20)..=(1 << 30);

/// The last two generations: the one that grows, and the one before it.
#[derive(Default)]
pub(crate) struct Lingering {
    young: Generation,
    old: Generation,
    hasher: RandomState,
    entries_max: usize,
    octets_max: usize,
    linger_ms: u64,
    /// Latest time seen.
    clock: Timestamp,
}

#[derive(Default)]
struct Generation {
    places: Places,
    /// One after the other: the message's id and its entry.
    octets: Vec<u8>,
    count: usize,
    /// So many octets are of messages that the runs have.
    written_octets: usize,
    /// When the first message came.
    begun_at: Timestamp,
}

/// So many places wait for a lookup at most, so that none takes long. The default setting
/// brings together 10,000 where messages have one part.
const ADDED_MAX: usize = 16_384;

/// Where in the octets a message begins, by hash of its id and of each of its remote ids; only what
/// stands there tells whether it is the one. The later of two counts.
#[derive(Default)]
struct Places {
    /// Not yet in the map: most are forgotten before anything is looked up.
    added: Vec<(u64, u32)>,
    map: HashMap<u64, u32, RandomState>,
}

impl Places {
    fn add(&mut self, hash: u64, at: u32) {
        if self.added.len() == ADDED_MAX {
            self.map();
        }
        self.added.push((hash, at));
    }

    fn map(&mut self) -> &mut HashMap<u64, u32, RandomState> {
        self.map.extend(self.added.drain(..));
        &mut self.map
    }

    fn get(&mut self, hash: u64) -> Option<u32> {
        self.map().get(&hash).copied()
    }

    fn remove(&mut self, hash: u64) {
        self.map().remove(&hash);
    }

    fn clear(&mut self) {
        self.added.clear();
        self.map.clear();
    }
}

impl Lingering {
    /// Keeps between half of `entries_max` and all of them, for between half of `linger_ms` and
    /// the whole.
    pub(crate) fn new(entries_max: usize, linger_ms: u64) -> Self {
        let octets = (entries_max / 2).saturating_mul(MESSAGE_OCTETS);
        Self {
            entries_max,
            octets_max: octets.clamp(*GENERATION_OCTETS.start(), *GENERATION_OCTETS.end()),
            linger_ms,
            ..Self::default()
        }
    }

    /// Keeps a message that is done.
    pub(crate) fn keep(&mut self, id: MessageId, message: &HotMessage) {
        self.clock = self.clock.max(message.changed_at);
        let now = self.clock;
        let age_ms = now.since_ms(self.young.begun_at);
        if age_ms >= self.linger_ms {
            self.clear();
        }
        let full = self.young.count >= self.entries_max / 2
            || self.young.octets.len() >= self.octets_max
            || age_ms >= self.linger_ms / 2;
        if full {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.young.begun_at = now;
        }
        if self.entries_max == 0 {
            return;
        }
        let young = &mut self.young;
        let at = u32::try_from(young.octets.len()).expect("a generation is closed long before");
        put_message(&mut young.octets, id, message);
        young.count += 1;
        young.places.add(self.hasher.hash_one(id), at);
        for (_, provider, remote_id) in parts_with_remote_id(id, &message.states) {
            let hash = self.hasher.hash_one((provider.as_str(), remote_id));
            young.places.add(hash, at);
        }
    }

    /// Gives a message back, if it is still kept: what is worked with is not done, perhaps.
    pub(crate) fn take(&mut self, id: MessageId) -> Result<Option<HotMessage>, Malformed> {
        let hash = self.hasher.hash_one(id);
        for generation in [&mut self.young, &mut self.old] {
            let Some(at) = generation.places.get(hash) else {
                continue;
            };
            let (found, message) = generation.message(&mut generation.reader(at), at)?;
            if found == id {
                generation.places.remove(hash);
                generation.count -= 1;
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// A copy of a message, if it is still kept.
    pub(crate) fn get(&mut self, id: MessageId) -> Result<Option<HotMessage>, Malformed> {
        let hash = self.hasher.hash_one(id);
        for generation in [&mut self.young, &mut self.old] {
            if let Some(at) = generation.places.get(hash) {
                let (found, message) = generation.message(&mut generation.reader(at), at)?;
                if found == id {
                    return Ok(Some(message));
                }
            }
        }
        Ok(None)
    }

    /// The part that had this remote id when it was done, if it is still kept.
    pub(crate) fn by_remote_id(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<PartId>, Malformed> {
        let hash = self.hasher.hash_one((provider.as_str(), remote_id));
        for generation in [&mut self.young, &mut self.old] {
            let Some(at) = generation.places.get(hash) else {
                continue;
            };
            let (id, message) = generation.message(&mut generation.reader(at), at)?;
            let taken = generation.places.get(self.hasher.hash_one(id)) != Some(at);
            let mut parts = parts_with_remote_id(id, &message.states);
            let found = parts.find(|(_, of, known)| *of == provider && *known == remote_id);
            if let Some((part, ..)) = found.filter(|_| !taken) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// Those that no run has.
    pub(crate) fn unwritten(&mut self) -> Result<Vec<(MessageId, HotMessage)>, Malformed> {
        let mut messages = Vec::new();
        for generation in [&mut self.young, &mut self.old] {
            let mut at = generation.written_octets;
            while at < generation.octets.len() {
                let mut reader = generation.reader(at as u32);
                let (id, message) = generation.message(&mut reader, at as u32)?;
                let next = generation.octets.len() - reader.left();
                if generation.places.get(self.hasher.hash_one(id)) == Some(at as u32) {
                    messages.push((id, message));
                }
                at = next;
            }
        }
        Ok(messages)
    }

    /// Whether there may be such.
    pub(crate) fn has_unwritten(&self) -> bool {
        let mut generations = [&self.young, &self.old].into_iter();
        generations.any(|generation| generation.written_octets < generation.octets.len())
    }

    /// A run has all of them.
    pub(crate) fn written(&mut self) {
        for generation in [&mut self.young, &mut self.old] {
            generation.written_octets = generation.octets.len();
        }
    }
}

impl Generation {
    fn reader(&self, at: u32) -> Reader<'_> {
        Reader::new(&self.octets[at as usize..])
    }

    /// The message at a place, and its id.
    fn message(
        &self,
        reader: &mut Reader<'_>,
        at: u32,
    ) -> Result<(MessageId, HotMessage), Malformed> {
        let in_runs = (at as usize) < self.written_octets;
        let (id, entry) = get_message(reader)?;
        Ok((id, HotMessage::looked_up(entry, in_runs)))
    }

    fn clear(&mut self) {
        self.places.clear();
        self.octets.clear();
        self.count = 0;
        self.written_octets = 0;
    }
}

/// As an entry of the index in its fields, but with numbers as they are: shorter is no gain here.
fn put_message(out: &mut Vec<u8>, id: MessageId, message: &HotMessage) {
    let mut head = [0; HEAD_OCTETS];
    head[..16].copy_from_slice(&id.0.to_le_bytes());
    head[16..24].copy_from_slice(&message.changed_at.0.to_le_bytes());
    head[24..32].copy_from_slice(&message.location.position.to_le_bytes());
    head[32..40].copy_from_slice(&u64::from(message.location.octets).to_le_bytes());
    head[40..].copy_from_slice(&(message.states.len() as u64).to_le_bytes());
    out.extend_from_slice(&head);
    for state in &message.states {
        put_state(out, state);
    }
}

/// Octets before the states.
const HEAD_OCTETS: usize = 48;

fn get_message(reader: &mut Reader<'_>) -> Result<(MessageId, MessageEntry), Malformed> {
    let id = reader.id("id")?;
    let changed_at = Timestamp(reader.fixed_u64("changed_at")?);
    let location = Location {
        position: reader.fixed_u64("position")?,
        octets: reader.fixed_u64("octets")? as u32,
    };
    let count = reader.fixed_u64("states")?;
    let states = (0..count)
        .map(|_| get_state(reader))
        .collect::<Result<_, _>>()?;
    let entry = MessageEntry {
        location,
        states,
        changed_at,
    };
    Ok((id, entry))
}

#[cfg(test)]
mod tests;
