//! The last messages that came in, as octets: a ring of batches, bounded in messages and octets.
//! What overflows is the oldest batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::{CommandStatus, Header, Pdu, next_frame};

use crate::clock::SmscTime;
use crate::decision::Outcome;
use crate::ids::{IdStyle, MessageId};

/// Octets of PDUs that the ring keeps at most, whatever the number of messages.
pub(crate) const RECORD_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Octets that a batch's buffer grows by.
const BATCH_OCTETS: usize = 64 * 1024;

/// What is known of a message beside its PDU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// When it came.
    pub(crate) received: SmscTime,
    /// Its id, written in this style.
    pub(crate) id: (MessageId, IdStyle),
    /// The result in its response.
    pub(crate) command_status: CommandStatus,
    /// Its last state, with the network's reason.
    pub(crate) ends_as: (ReceiptState, u16),
    /// When it comes into that state.
    pub(crate) ends_at: SmscTime,
    /// How often it was cancelled or replaced: deliveries that were planned before do not count.
    pub(crate) plan: u8,
    /// Where its PDU ends within the batch.
    end: u32,
}

impl Entry {
    /// A message that was answered with that status and has that outcome.
    #[inline]
    pub(crate) fn new(
        received: SmscTime,
        id: (MessageId, IdStyle),
        command_status: CommandStatus,
        outcome: Outcome,
    ) -> Self {
        Self {
            received,
            id,
            command_status,
            ends_as: (outcome.state, outcome.error_code),
            ends_at: received + outcome.after,
            plan: 0,
            end: 0,
        }
    }

    /// Its state at that time; `None` when it was not accepted.
    pub(crate) fn state(&self, at: SmscTime) -> Option<ReceiptState> {
        self.command_status.is_ok().then_some(if at < self.ends_at {
            ReceiptState::Enroute
        } else {
            self.ends_as.0
        })
    }

    /// Whether it was accepted and has not ended yet.
    pub(crate) fn is_pending(&self, at: SmscTime) -> bool {
        self.command_status.is_ok() && at < self.ends_at
    }

    /// Ends it otherwise than was planned.
    pub(crate) fn plan_anew(&mut self, state: (ReceiptState, u16), ends_at: SmscTime) {
        self.ends_as = state;
        self.ends_at = ends_at;
        self.plan = self.plan.wrapping_add(1);
    }
}

/// What became of one recipient of a submit_multi.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    /// Type of number, numbering plan, digits; of a list that nobody keeps, its name.
    pub(crate) address: (u8, u8, Box<[u8]>),
    /// ESME_ROK, or why it is among the unsuccessful ones.
    pub(crate) command_status: CommandStatus,
    /// Its last state.
    pub(crate) ends_as: ReceiptState,
    /// When it comes into that state.
    pub(crate) ends_at: SmscTime,
}

impl Addressee {
    /// Its state at that time; `None` when it was not accepted.
    pub(crate) fn state(&self, at: SmscTime) -> Option<ReceiptState> {
        self.command_status.is_ok().then_some(if at < self.ends_at {
            ReceiptState::Enroute
        } else {
            self.ends_as
        })
    }

    /// Octets that it takes here.
    const fn octets_kept(&self) -> usize {
        size_of::<Self>() + self.address.2.len()
    }
}

/// The messages of one turn of one session, in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The session.
    pub(crate) session: u64,
    /// Who is bound there.
    pub(crate) system_id: Arc<str>,
    octets: Bytes,
    entries: Vec<Entry>,
    /// PDUs that replaced those in `octets`, with the places of their entries.
    replaced: Vec<(usize, Bytes)>,
    /// The recipients of each submit_multi, with the place of its entry.
    addressees: Vec<(usize, Vec<Addressee>)>,
}

impl Batch {
    /// Its messages with their PDUs, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Entry, Bytes)> {
        let entries = self.entries.iter().enumerate();
        entries.map(|(at, entry)| (entry, self.pdu(at)))
    }

    fn pdu(&self, at: usize) -> Bytes {
        let mut replaced = self.replaced.iter();
        if let Some((_, pdu)) = replaced.find(|(place, _)| *place == at) {
            return pdu.clone();
        }
        let before = at.checked_sub(1);
        let start = before.map_or(0, |before| self.entries[before].end);
        self.octets
            .slice(start as usize..self.entries[at].end as usize)
    }

    /// How many messages it has.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is known of one of them.
    pub(crate) fn entry(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// The same with its PDU.
    pub(crate) fn get(&self, at: usize) -> Option<(&Entry, Bytes)> {
        Some((self.entry(at)?, self.pdu(at)))
    }

    /// The recipients of that submit_multi; none for any other message.
    pub(crate) fn addressees(&self, id: (MessageId, IdStyle)) -> &[Addressee] {
        if self.addressees.is_empty() {
            return &[];
        }
        let place = self.find(id);
        let mut kept = self.addressees.iter();
        let found = kept.find(|(at, _)| Some(*at) == place);
        found.map_or(&[], |(_, addressees)| addressees)
    }

    fn find(&self, id: (MessageId, IdStyle)) -> Option<usize> {
        let at = self.entries.binary_search_by_key(&id.0, |entry| entry.id.0);
        at.ok().filter(|at| self.entries[*at].id == id)
    }

    /// Octets of its PDUs.
    pub(crate) fn octets_kept(&self) -> usize {
        let replaced: usize = self.replaced.iter().map(|(_, pdu)| pdu.len()).sum();
        let addressees = self
            .addressees
            .iter()
            .flat_map(|(_, addressees)| addressees);
        let addressees: usize = addressees.map(Addressee::octets_kept).sum();
        self.octets.len() + replaced + addressees
    }
}

/// Collects a batch.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    octets: BytesMut,
    entries: Vec<Entry>,
    addressees: Vec<(usize, Vec<Addressee>)>,
}

impl Recorder {
    /// Adds a message with its PDU as it came.
    #[inline]
    pub(crate) fn push(&mut self, pdu: &[u8], entry: Entry) {
        if self.octets.capacity() - self.octets.len() < pdu.len() {
            self.octets.reserve(pdu.len().max(BATCH_OCTETS));
        }
        self.octets.extend_from_slice(pdu);
        let end = u32::try_from(self.octets.len()).expect("a turn reads far less than 4 GiB");
        self.entries.push(Entry { end, ..entry });
    }

    /// Adds the recipients of the message that was added last.
    pub(crate) fn push_addressees(&mut self, addressees: Vec<Addressee>) {
        if let Some(place) = self.entries.len().checked_sub(1) {
            self.addressees.push((place, addressees));
        }
    }

    /// The messages collected so far; `None` when there are none.
    pub(crate) fn take(&mut self, session: u64, system_id: &Arc<str>) -> Option<Batch> {
        if self.entries.is_empty() {
            return None;
        }
        let entries = Vec::with_capacity(self.entries.len());
        Some(Batch {
            session,
            system_id: Arc::clone(system_id),
            octets: self.octets.split().freeze(),
            entries: std::mem::replace(&mut self.entries, entries),
            replaced: Vec::new(),
            addressees: std::mem::take(&mut self.addressees),
        })
    }
}

/// The last messages of all sessions.
#[derive(Debug)]
pub(crate) struct Ring {
    batches: VecDeque<Arc<Batch>>,
    messages: usize,
    octets: usize,
    messages_max: usize,
    octets_max: usize,
    place: Place,
}

/// How far the messages have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// How often all were forgotten.
    pub(crate) clears: u64,
    /// How often one of them was changed.
    pub(crate) changes: u64,
    /// Messages since the last [`Ring::clear`], those that are no longer kept included.
    pub(crate) total: u64,
}

impl Ring {
    /// Keeps the last `messages_max` messages.
    pub(crate) fn new(messages_max: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            messages: 0,
            octets: 0,
            messages_max,
            octets_max: RECORD_OCTETS_MAX,
            place: Place::default(),
        }
    }

    /// Appends a batch.
    pub(crate) fn push(&mut self, batch: Arc<Batch>) {
        self.place.total += batch.entries.len() as u64;
        self.messages += batch.entries.len();
        self.octets += batch.octets_kept();
        self.batches.push_back(batch);
        while let Some(oldest) = self.batches.front() {
            let (messages, octets) = (oldest.entries.len(), oldest.octets_kept());
            if self.messages - messages < self.messages_max && self.octets <= self.octets_max {
                break;
            }
            self.messages -= messages;
            self.octets -= octets;
            self.batches.pop_front();
        }
    }

    /// The batches kept, oldest first. The first one may hold a few messages more than
    /// `messages_max` allows: see [`Ring::surplus`].
    pub(crate) fn batches(&self) -> Vec<Arc<Batch>> {
        self.batches.iter().cloned().collect()
    }

    /// The message of that id, with its batch.
    pub(crate) fn find(&self, id: (MessageId, IdStyle)) -> Option<(&Batch, Entry, Bytes)> {
        let mut newest_first = self.batches.iter().rev();
        newest_first.find_map(|batch| {
            let at = batch.find(id)?;
            Some((&**batch, batch.entries[at], batch.pdu(at)))
        })
    }

    /// Changes the message of that id, if it is kept; `pdu` takes the place of its PDU.
    pub(crate) fn change(
        &mut self,
        id: (MessageId, IdStyle),
        change: impl FnOnce(&mut Entry),
        pdu: Option<Bytes>,
    ) {
        let mut newest_first = self.batches.iter_mut().rev();
        let found = newest_first.find_map(|batch| batch.find(id).map(|at| (batch, at)));
        let Some((batch, at)) = found else {
            return;
        };
        self.place.changes += 1;
        let batch = Arc::make_mut(batch);
        let entry = &mut batch.entries[at];
        change(entry);
        let mut kept = batch.addressees.iter_mut();
        if let Some((_, addressees)) = kept.find(|(place, _)| *place == at) {
            for addressee in addressees.iter_mut().filter(|a| a.ends_at > entry.ends_at) {
                (addressee.ends_as, addressee.ends_at) = (entry.ends_as.0, entry.ends_at);
            }
        }
        if let Some(pdu) = pdu {
            self.octets += pdu.len();
            let mut replaced = batch.replaced.iter_mut();
            match replaced.find(|(place, _)| *place == at) {
                Some((_, older)) => self.octets -= std::mem::replace(older, pdu).len(),
                None => batch.replaced.push((at, pdu)),
            }
        }
    }

    /// Lets a message end earlier or later whose response has waited for another time than was
    /// expected. One that was cancelled or replaced has another end, which stays.
    pub(crate) fn move_end(
        &mut self,
        id: (MessageId, IdStyle),
        (expected, waited): (Duration, Duration),
    ) {
        let mut newest_first = self.batches.iter_mut().rev();
        let found = newest_first.find_map(|batch| batch.find(id).map(|at| (batch, at)));
        let Some((batch, at)) = found.filter(|(batch, at)| batch.entries[*at].plan == 0) else {
            return;
        };
        let batch = Arc::make_mut(batch);
        let moved = |ends_at: SmscTime| ends_at.before(expected) + waited;
        let entry = &mut batch.entries[at];
        entry.ends_at = moved(entry.ends_at);
        let mut kept = batch.addressees.iter_mut();
        if let Some((_, addressees)) = kept.find(|(place, _)| *place == at) {
            for addressee in addressees.iter_mut().filter(|a| a.command_status.is_ok()) {
                addressee.ends_at = moved(addressee.ends_at);
            }
        }
    }

    /// The accepted messages that have not ended at that time, newest first.
    pub(crate) fn pending(&self, at: SmscTime) -> impl Iterator<Item = (&Batch, &Entry, Bytes)> {
        let newest_first = self.batches.iter().rev();
        newest_first.flat_map(move |batch| {
            let entries = batch.entries.iter().enumerate().rev();
            let pending = entries.filter(move |(_, entry)| entry.is_pending(at));
            pending.map(move |(place, entry)| (&**batch, entry, batch.pdu(place)))
        })
    }

    /// Messages at the start of the first batch that are beyond `messages_max`.
    pub(crate) const fn surplus(&self) -> usize {
        self.messages.saturating_sub(self.messages_max)
    }

    /// How far the messages have come.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Forgets all messages.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            octets_max: self.octets_max,
            place: Place {
                clears: self.place.clears + 1,
                total: 0,
                ..self.place
            },
            ..Self::new(self.messages_max)
        };
    }
}

/// The PDU of a recorded message, decoded.
pub(crate) fn decode(octets: &[u8]) -> Option<(Header, Pdu<'_>)> {
    let frame = next_frame(octets, u32::MAX).ok()??;
    Some((frame.header, Pdu::decode(&frame).ok()?))
}

#[cfg(test)]
mod tests {
    use signalbox_codec::pdu::{ShortMessage, Sm};
    use signalbox_codec::{Tlvs, encode_pdu};

    use super::*;

    fn batch(counters: std::ops::Range<u64>, text: &[u8]) -> Arc<Batch> {
        let mut recorder = Recorder::default();
        for counter in counters {
            let pdu = Pdu::SubmitSm(Sm {
                short_message: ShortMessage::new(text).unwrap(),
                tlvs: Tlvs::EMPTY,
                ..Sm::default()
            });
            let outcome = Outcome {
                state: ReceiptState::Delivered,
                error_code: 0,
                after: Duration::from_secs(1),
            };
            let received = SmscTime::from_unix_ms(counter);
            let entry = Entry::new(received, id(counter), CommandStatus::ESME_ROK, outcome);
            let mut octets = BytesMut::new();
            let number = u32::try_from(counter).unwrap();
            encode_pdu(&pdu, CommandStatus::ESME_ROK, number, &mut octets);
            recorder.push(&octets, entry);
        }
        let batch = recorder.take(1, &Arc::from("esme"));
        Arc::new(batch.expect("not empty"))
    }

    fn id(counter: u64) -> (MessageId, IdStyle) {
        (MessageId::new(1, 1, counter), IdStyle::Hex)
    }

    fn sequence_numbers(ring: &Ring) -> Vec<u32> {
        let batches = ring.batches();
        let pdus = batches.iter().flat_map(|batch| batch.iter());
        pdus.skip(ring.surplus())
            .map(|(_, octets)| decode(&octets).unwrap().0.sequence_number)
            .collect()
    }

    #[test]
    fn the_last_messages_are_kept_and_all_are_counted() {
        let mut ring = Ring::new(10);
        for start in (0..100).step_by(7) {
            ring.push(batch(start..start + 7, b"hello"));
            let newest = u32::try_from(start).unwrap() + 7;
            let expected: Vec<u32> = (newest.saturating_sub(10)..newest).collect();
            assert_eq!(sequence_numbers(&ring), expected);
            assert!(ring.messages < 10 + 7, "{}", ring.messages);
        }
        assert_eq!(ring.place().total, 105);
        ring.clear();
        assert_eq!((ring.place().total, sequence_numbers(&ring)), (0, vec![]));
    }

    #[test]
    fn messages_are_found_changed_and_listed_while_they_are_pending() {
        let mut ring = Ring::new(10);
        ring.push(batch(0..3, b"first"));
        ring.push(batch(3..6, b"second"));
        assert!(ring.find(id(6)).is_none());
        let deleted_at = SmscTime::from_unix_ms(100);
        let deleted = |entry: &mut Entry| entry.plan_anew((ReceiptState::Deleted, 0), deleted_at);
        let replacement = Bytes::from_static(b"instead");
        ring.change(id(4), deleted, Some(replacement.clone()));
        let (_, entry, pdu) = ring.find(id(4)).expect("it is kept");
        assert_eq!((entry.plan, pdu), (1, replacement));
        assert_eq!(entry.state(deleted_at), Some(ReceiptState::Deleted));
        let pending = |unix_ms| {
            let pending = ring.pending(SmscTime::from_unix_ms(unix_ms));
            let ids: Vec<_> = pending.map(|(_, entry, _)| entry.id).collect();
            ids
        };
        assert_eq!(pending(99), [5, 4, 3, 2, 1, 0].map(id));
        assert_eq!(pending(1_001), [5, 3, 2].map(id));
        assert_eq!(pending(1_005), []);
    }

    #[test]
    fn large_messages_push_old_ones_out_earlier() {
        let mut ring = Ring::new(1_000);
        ring.octets_max = 2_000;
        for start in 0..100 {
            ring.push(batch(start..start + 1, &[7; 200]));
            assert!(ring.octets <= 2_000, "{}", ring.octets);
        }
        assert_eq!(sequence_numbers(&ring).last(), Some(&99));
        assert!(ring.messages < 10, "{}", ring.messages);
    }
}
