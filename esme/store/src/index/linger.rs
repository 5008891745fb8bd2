//! Messages that are done, kept for a while so that a second receipt finds them. Nearly none is
//! asked for again, so they are kept as octets, and forgotten a generation at a time.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use signalbox_router::{MessageId, PartId, ProviderName, Timestamp};

use crate::index::entry::{get_entry, put_entry};
use crate::index::hot::{HotMessage, parts_with_remote_id};
use crate::wire::Malformed;

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
    /// Where in `octets` the entry of a message begins.
    messages: HashMap<MessageId, u32, RandomState>,
    /// By hash of provider and remote id: only the state tells whether it is right.
    remote_ids: HashMap<u64, PartId, RandomState>,
    octets: Vec<u8>,
    /// So many of them are in the runs.
    written_octets: usize,
    /// When the first message came.
    begun_at: Timestamp,
}

impl Generation {
    fn message(&self, at: usize) -> Result<HotMessage, Malformed> {
        let entry = get_entry(&self.octets[at..])?;
        Ok(HotMessage::looked_up(entry, at < self.written_octets))
    }

    fn clear(&mut self) {
        self.messages.clear();
        self.remote_ids.clear();
        self.octets.clear();
        self.written_octets = 0;
    }
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
        let full = self.young.messages.len() >= self.entries_max / 2
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
        put_entry(
            &mut young.octets,
            message.location,
            &message.states,
            message.changed_at,
        );
        young.messages.insert(id, at);
        for (part, provider, remote_id) in parts_with_remote_id(id, &message.states) {
            let hash = self.hasher.hash_one((provider.as_str(), remote_id));
            young.remote_ids.insert(hash, part);
        }
    }

    /// Gives a message back, if it is still kept: what is worked with is not done, perhaps.
    pub(crate) fn take(&mut self, id: MessageId) -> Result<Option<HotMessage>, Malformed> {
        for generation in [&mut self.young, &mut self.old] {
            if let Some(at) = generation.messages.remove(&id) {
                return generation.message(at as usize).map(Some);
            }
        }
        Ok(None)
    }

    /// Those that no run has.
    pub(crate) fn unwritten(&self) -> Result<Vec<(MessageId, HotMessage)>, Malformed> {
        let mut messages = Vec::new();
        for generation in [&self.young, &self.old] {
            for (id, at) in &generation.messages {
                let at = *at as usize;
                if at >= generation.written_octets {
                    messages.push((*id, generation.message(at)?));
                }
            }
        }
        Ok(messages)
    }

    /// Whether there are such.
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

    /// The part that may have this remote id: only the state tells.
    pub(crate) fn by_remote_id(&self, provider: &ProviderName, remote_id: &str) -> Option<PartId> {
        if self.young.remote_ids.is_empty() && self.old.remote_ids.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one((provider.as_str(), remote_id));
        let known = self.young.remote_ids.get(&hash);
        known.or_else(|| self.old.remote_ids.get(&hash)).copied()
    }
}

#[cfg(test)]
mod tests;
