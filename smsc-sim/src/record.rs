//! The last messages that came in, as octets: a ring of batches, bounded in messages and octets.
//! What overflows is the oldest batch.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use signalbox_codec::{CommandStatus, Header, Pdu, encode_pdu, next_frame};

use crate::ids::{IdStyle, MessageId};

/// Octets of PDUs that the ring keeps at most, whatever the number of messages.
const RECORD_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Octets that a batch's buffer grows by.
const BATCH_OCTETS: usize = 64 * 1024;

/// What is known of a message beside its PDU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// When it came, ms since 1970.
    pub(crate) received_unix_ms: u64,
    /// Its id, written in this style.
    pub(crate) id: (MessageId, IdStyle),
    /// The result in its response.
    pub(crate) command_status: CommandStatus,
    /// Where its PDU ends within the batch.
    end: usize,
}

/// The messages of one turn of one session.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The session.
    pub(crate) session: u64,
    /// Who is bound there.
    pub(crate) system_id: Arc<str>,
    octets: Bytes,
    entries: Vec<Entry>,
}

impl Batch {
    /// Its messages with their PDUs, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Entry, Bytes)> {
        self.entries.iter().enumerate().map(|(at, entry)| {
            let start = at
                .checked_sub(1)
                .map_or(0, |before| self.entries[before].end);
            (entry, self.octets.slice(start..entry.end))
        })
    }
}

/// Collects a batch.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    octets: BytesMut,
    entries: Vec<Entry>,
}

impl Recorder {
    /// Adds a message.
    pub(crate) fn push(
        &mut self,
        header: Header,
        pdu: &Pdu<'_>,
        received_unix_ms: u64,
        id: (MessageId, IdStyle),
        command_status: CommandStatus,
    ) {
        if self.octets.capacity() == self.octets.len() {
            self.octets.reserve(BATCH_OCTETS);
        }
        encode_pdu(
            pdu,
            header.command_status,
            header.sequence_number,
            &mut self.octets,
        );
        self.entries.push(Entry {
            received_unix_ms,
            id,
            command_status,
            end: self.octets.len(),
        });
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
    /// Messages since the last [`Ring::clear`], those that are no longer kept included.
    total: u64,
}

impl Ring {
    /// Keeps the last `messages_max` messages.
    pub(crate) const fn new(messages_max: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            messages: 0,
            octets: 0,
            messages_max,
            octets_max: RECORD_OCTETS_MAX,
            total: 0,
        }
    }

    /// Appends a batch.
    pub(crate) fn push(&mut self, batch: Batch) {
        self.total += batch.entries.len() as u64;
        self.messages += batch.entries.len();
        self.octets += batch.octets.len();
        self.batches.push_back(Arc::new(batch));
        while let Some(oldest) = self.batches.front() {
            let (messages, octets) = (oldest.entries.len(), oldest.octets.len());
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

    /// Messages at the start of the first batch that are beyond `messages_max`.
    pub(crate) const fn surplus(&self) -> usize {
        self.messages.saturating_sub(self.messages_max)
    }

    /// Messages since the start or the last [`Ring::clear`].
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// Forgets all messages.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            octets_max: self.octets_max,
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
    use signalbox_codec::{CommandId, Tlvs};

    use super::*;

    fn batch(counters: std::ops::Range<u64>, text: &[u8]) -> Batch {
        let mut recorder = Recorder::default();
        for counter in counters {
            let pdu = Pdu::SubmitSm(Sm {
                short_message: ShortMessage::new(text).unwrap(),
                tlvs: Tlvs::EMPTY,
                ..Sm::default()
            });
            let header = Header {
                command_length: 0,
                command_id: CommandId::SUBMIT_SM,
                command_status: CommandStatus::ESME_ROK,
                sequence_number: u32::try_from(counter).unwrap(),
            };
            let id = (MessageId::new(1, 1, counter), IdStyle::Hex);
            recorder.push(header, &pdu, counter, id, CommandStatus::ESME_ROK);
        }
        recorder.take(1, &Arc::from("esme")).expect("not empty")
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
        assert_eq!(ring.total(), 105);
        ring.clear();
        assert_eq!((ring.total(), sequence_numbers(&ring)), (0, vec![]));
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
