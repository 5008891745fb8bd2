//! Messages that are done, kept for a while so that a second receipt finds them. Nearly none is
//! asked for again, so they are kept as octets, and forgotten a generation at a time.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use signalbox_router::{MessageId, PartId, ProviderName, Timestamp};

use crate::index::entry::{put_entry, read_entry};
use crate::index::hot::HotMessage;
use crate::index::places::parts_with_remote_id;
use crate::wire::{Malformed, Reader, put_id};

/// Octets at which a generation is closed, however few messages it has: those of a message with
/// very many recipients are many.
const GENERATION_OCTETS_MAX: usize = 8 << 20;

/// The last two generations: the one that grows, and the one before it.
#[derive(Default)]
pub(crate) struct Lingering {
    young: Generation,
    old: Generation,
    hasher: RandomState,
    entries_max: usize,
    linger_ms: u64,
}

#[derive(Default)]
struct Generation {
    /// Where in `octets` a message begins, by hash of its id and of each of its remote ids; only
    /// what stands there tells whether it is the one.
    places: HashMap<u64, u32, RandomState>,
    /// One after the other: the message's id and its entry.
    octets: Vec<u8>,
    count: usize,
    /// So many octets are of messages that the runs have.
    written_octets: usize,
    /// When the first message came.
    begun_at: Timestamp,
}

impl Lingering {
    /// Keeps between half of `entries_max` and all of them, for between half of `linger_ms` and
    /// the whole.
    pub(crate) fn new(entries_max: usize, linger_ms: u64) -> Self {
        Self {
            entries_max,
            linger_ms,
            ..Self::default()
        }
    }

    /// Keeps a message that is done.
    pub(crate) fn keep(&mut self, id: MessageId, message: &HotMessage) {
        let now = message.changed_at;
        let full = self.young.count >= self.entries_max / 2
            || self.young.octets.len() >= GENERATION_OCTETS_MAX
            || now.since_ms(self.young.begun_at) >= self.linger_ms / 2;
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
        put_id(&mut young.octets, id);
        put_entry(
            &mut young.octets,
            message.location,
            &message.states,
            message.changed_at,
        );
        young.count += 1;
        young.places.insert(self.hasher.hash_one(id), at);
        for (_, provider, remote_id) in parts_with_remote_id(id, &message.states) {
            let hash = self.hasher.hash_one((provider.as_str(), remote_id));
            young.places.insert(hash, at);
        }
    }

    /// Gives a message back, if it is still kept: what is worked with is not done, perhaps.
    pub(crate) fn take(&mut self, id: MessageId) -> Result<Option<HotMessage>, Malformed> {
        let hash = self.hasher.hash_one(id);
        for generation in [&mut self.young, &mut self.old] {
            let Some(at) = generation.places.get(&hash).copied() else {
                continue;
            };
            let (found, message) = generation.message(&mut generation.reader(at), at)?;
            if found == id {
                generation.places.remove(&hash);
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// The part that had this remote id when it was done, if it is still kept.
    pub(crate) fn by_remote_id(
        &self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<PartId>, Malformed> {
        let hash = self.hasher.hash_one((provider.as_str(), remote_id));
        for generation in [&self.young, &self.old] {
            let Some(at) = generation.places.get(&hash).copied() else {
                continue;
            };
            let (id, message) = generation.message(&mut generation.reader(at), at)?;
            let taken = generation.places.get(&self.hasher.hash_one(id)) != Some(&at);
            let mut parts = parts_with_remote_id(id, &message.states);
            let found = parts.find(|(_, of, known)| *of == provider && *known == remote_id);
            if let Some((part, ..)) = found.filter(|_| !taken) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Those that no run has.
    pub(crate) fn unwritten(&self) -> Result<Vec<(MessageId, HotMessage)>, Malformed> {
        let mut messages = Vec::new();
        for generation in [&self.young, &self.old] {
            let mut at = generation.written_octets;
            while at < generation.octets.len() {
                let mut reader = generation.reader(at as u32);
                let (id, message) = generation.message(&mut reader, at as u32)?;
                if generation.places.get(&self.hasher.hash_one(id)) == Some(&(at as u32)) {
                    messages.push((id, message));
                }
                at = generation.octets.len() - reader.left();
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
        let id = reader.id("id")?;
        let in_runs = (at as usize) < self.written_octets;
        Ok((id, HotMessage::looked_up(read_entry(reader)?, in_runs)))
    }

    fn clear(&mut self) {
        self.places.clear();
        self.octets.clear();
        self.count = 0;
        self.written_octets = 0;
    }
}

#[cfg(test)]
mod tests;
