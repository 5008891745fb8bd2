//! Joins the parts of concatenated messages that come in, in any order. Pure: the caller passes the
//! time and drains the events.
//!
//! Bounds: messages in all and of one sender, octets in all, age. What exceeds them gives up the
//! oldest unfinished message, whose parts come back in an event, so that nothing is lost unseen.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::udh::{Concatenation, ReferenceWidth};

/// Octets counted for each part besides its own: what the maps take for it, roughly.
const PART_OVERHEAD_OCTETS: usize = 64;

/// Bounds of a [`Reassembly`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblyLimits {
    /// Unfinished messages in all. Default 10,000.
    pub messages_max: usize,
    /// Unfinished messages of one sender. Default 100.
    pub messages_per_sender_max: usize,
    /// Octets of all unfinished messages, 64 per part for its keeping included. Default 16 MiB.
    pub octets_max: usize,
    /// Age, from the first part on, at which a message is given up, in milliseconds. Default one
    /// day.
    pub age_max_ms: u64,
}

impl Default for ReassemblyLimits {
    fn default() -> Self {
        Self {
            messages_max: 10_000,
            messages_per_sender_max: 100,
            octets_max: 16 << 20,
            age_max_ms: 24 * 60 * 60 * 1000,
        }
    }
}

/// Who sent a message: a source address, within the caller's own scope (a provider).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sender {
    /// Number of the provider or link, so that two of them never mix.
    pub scope: u64,
    /// Source address, with its type of number where the caller tells them apart.
    pub source: Vec<u8>,
}

/// What the parts of one message have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey {
    /// Who sent it.
    pub sender: Sender,
    /// Destination address.
    pub destination: Vec<u8>,
    /// Reference number.
    pub reference: u16,
    /// How the reference was written: equal numbers of different widths are different messages.
    pub width: ReferenceWidth,
    /// Number of parts: a part that names another total belongs to another message.
    pub total: u8,
}

/// A part that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The caller's own mark (of a stored record), given back with the part.
    pub mark: u64,
    /// Body without header.
    pub body: Vec<u8>,
}

/// Parts of one message by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// What they have in common.
    pub key: MessageKey,
    /// The parts that are there, in order of their numbers.
    pub parts: Vec<(u8, Part)>,
}

impl Parts {
    /// All bodies one after the other. UCS-2 that was cut inside of a surrogate pair is whole again
    /// only then.
    pub fn body(&self) -> Vec<u8> {
        self.parts
            .iter()
            .flat_map(|(_, part)| part.body.iter().copied())
            .collect()
    }
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// Kept; others are missing.
    Waiting,
    /// It was the last one missing; the message is no longer held.
    Complete(Parts),
    /// The same part with the same body is there already; dropped.
    Duplicate,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Why.
    pub reason: GivenUpReason,
    /// What of it had come.
    pub parts: Parts,
}

/// Why a message was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUpReason {
    /// It got older than [`ReassemblyLimits::age_max_ms`].
    Expired,
    /// It was the oldest when one of the other limits was reached.
    Evicted,
    /// A part came whose number was there with another body: the sender has used the reference
    /// anew.
    Replaced,
}

/// Unfinished messages.
#[derive(Debug)]
pub struct Reassembly {
    limits: ReassemblyLimits,
    messages: HashMap<MessageKey, Unfinished>,
    /// Keys in order of arrival, which is the order of age.
    by_age: BTreeMap<u64, MessageKey>,
    by_sender: HashMap<Sender, BTreeSet<u64>>,
    next_arrival: u64,
    octets: usize,
    /// Bounded by the messages held and, after that, by what the caller drains.
    given_up: VecDeque<GivenUp>,
}

#[derive(Debug)]
struct Unfinished {
    arrival: u64,
    expires_at_ms: u64,
    octets: usize,
    parts: BTreeMap<u8, Part>,
}

impl Reassembly {
    /// Holds nothing yet.
    pub fn new(limits: ReassemblyLimits) -> Self {
        Self {
            limits,
            messages: HashMap::new(),
            by_age: BTreeMap::new(),
            by_sender: HashMap::new(),
            next_arrival: 0,
            octets: 0,
            given_up: VecDeque::new(),
        }
    }

    /// Takes a part. `now_ms` may be any clock that does not run back. Messages that had to be
    /// given up for it are to be fetched with [`Self::poll_given_up`].
    pub fn insert(
        &mut self,
        now_ms: u64,
        sender: Sender,
        destination: Vec<u8>,
        concatenation: Concatenation,
        part: Part,
    ) -> Inserted {
        self.expire(now_ms);
        let Concatenation {
            reference,
            width,
            total,
            number,
        } = concatenation;
        let key = MessageKey {
            sender,
            destination,
            reference,
            width,
            total,
        };
        let known = self
            .messages
            .get(&key)
            .and_then(|message| message.parts.get(&number));
        match known {
            Some(known) if known.body == part.body => return Inserted::Duplicate,
            Some(_) => self.give_up(&key, GivenUpReason::Replaced),
            None => {}
        }
        self.open(now_ms, &key);
        let octets = part.body.len() + PART_OVERHEAD_OCTETS;
        let message = self.messages.get_mut(&key).expect("opened above");
        message.parts.insert(number, part);
        message.octets += octets;
        self.octets += octets;
        if message.parts.len() == usize::from(total) {
            return Inserted::Complete(self.take(key).expect("found above"));
        }
        while self.octets > self.limits.octets_max && self.evict_oldest() {}
        Inserted::Waiting
    }

    /// Gives up what is too old at `now_ms`.
    pub fn expire(&mut self, now_ms: u64) {
        while let Some(key) = self.by_age.values().next() {
            let message = self
                .messages
                .get(key)
                .expect("both maps hold the same messages");
            if message.expires_at_ms > now_ms {
                return;
            }
            let key = key.clone();
            self.give_up(&key, GivenUpReason::Expired);
        }
    }

    /// When [`Self::expire`] has something to do next.
    pub fn poll_timeout_ms(&self) -> Option<u64> {
        let key = self.by_age.values().next()?;
        self.messages.get(key).map(|message| message.expires_at_ms)
    }

    /// The next message that was given up, the first one first.
    pub fn poll_given_up(&mut self) -> Option<GivenUp> {
        self.given_up.pop_front()
    }

    /// Unfinished messages.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Octets counted for them.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Makes room for a message that is not there yet, and enters it.
    fn open(&mut self, now_ms: u64, key: &MessageKey) {
        if self.messages.contains_key(key) {
            return;
        }
        let of_sender = self.by_sender.get(&key.sender);
        if let Some(arrivals) = of_sender
            && arrivals.len() >= self.limits.messages_per_sender_max.max(1)
            && let Some(oldest) = arrivals
                .first()
                .and_then(|arrival| self.by_age.get(arrival))
        {
            let oldest = oldest.clone();
            self.give_up(&oldest, GivenUpReason::Evicted);
        }
        while self.messages.len() >= self.limits.messages_max.max(1) && self.evict_oldest() {}
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.by_age.insert(arrival, key.clone());
        self.by_sender
            .entry(key.sender.clone())
            .or_default()
            .insert(arrival);
        let expires_at_ms = now_ms.saturating_add(self.limits.age_max_ms);
        let message = Unfinished {
            arrival,
            expires_at_ms,
            octets: 0,
            parts: BTreeMap::new(),
        };
        self.messages.insert(key.clone(), message);
    }

    fn evict_oldest(&mut self) -> bool {
        let Some(key) = self.by_age.values().next().cloned() else {
            return false;
        };
        self.give_up(&key, GivenUpReason::Evicted);
        true
    }

    fn give_up(&mut self, key: &MessageKey, reason: GivenUpReason) {
        if let Some(parts) = self.take(key.clone()) {
            self.given_up.push_back(GivenUp { reason, parts });
        }
    }

    fn take(&mut self, key: MessageKey) -> Option<Parts> {
        let message = self.messages.remove(&key)?;
        self.octets -= message.octets;
        self.by_age.remove(&message.arrival);
        if let Some(arrivals) = self.by_sender.get_mut(&key.sender) {
            arrivals.remove(&message.arrival);
            if arrivals.is_empty() {
                self.by_sender.remove(&key.sender);
            }
        }
        Some(Parts {
            key,
            parts: message.parts.into_iter().collect(),
        })
    }
}
