//! What happened, in its order, for those who follow it: a ring, bounded in events. Messages and
//! deliveries of one turn of a session are one item, so that following costs the sessions little.
//! Pure state.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use signalbox_codec::CommandStatus;
use signalbox_codec::receipt::ReceiptState;
use signalbox_session::{BindType, CloseReason};

use crate::clock::{ClockMode, SmscTime};
use crate::delivery::{DeliveryResult, SentReceipt};
use crate::ids::{IdStyle, MessageId};
use crate::record::{Batch, RECORD_OCTETS_MAX};

/// Events that are kept at most; the oldest go first, and who has not read them is told how many
/// there were. Those of one turn of a session go together.
pub(crate) const EVENTS_MAX: usize = 20_000;
/// Octets of the PDUs of messages that events keep at most, and then also the oldest go: as many as
/// the messages themselves may have.
const OCTETS_MAX: usize = RECORD_OCTETS_MAX;

/// What happened at once, to one session or to none.
#[derive(Debug)]
pub(crate) struct Item {
    /// Number of its first event; events are counted from 0.
    pub(crate) first: u64,
    /// When.
    pub(crate) at: SmscTime,
    /// Where.
    pub(crate) session: Option<u64>,
    /// What.
    pub(crate) what: What,
}

/// What can happen.
#[derive(Debug)]
pub(crate) enum What {
    /// A connection.
    Connected {
        /// The other end.
        peer: SocketAddr,
    },
    /// A bind was accepted.
    Bound {
        /// Who.
        system_id: Arc<str>,
        /// How.
        bind_type: BindType,
    },
    /// A bind was refused.
    BindRefused {
        /// Who.
        system_id: Arc<str>,
        /// Why.
        command_status: CommandStatus,
    },
    /// A session ended.
    Closed {
        /// Why, and who began.
        reason: CloseReason,
    },
    /// Messages came; an event each.
    Messages(Arc<Batch>),
    /// Something became of deliveries; an event each.
    Deliveries(Vec<DeliveryEvent>),
    /// A message was cancelled or replaced.
    MessageChanged {
        /// Which.
        id: (MessageId, IdStyle),
        /// Its state since then.
        state: ReceiptState,
    },
    /// The messages were forgotten.
    MessagesCleared,
    /// The clock was set.
    ClockSet {
        /// What moves it.
        mode: ClockMode,
    },
    /// Messages are treated otherwise from here on.
    BehaviourChanged,
}

/// What became of a receipt or a mobile-originated message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryEvent {
    /// When.
    pub(crate) at: SmscTime,
    /// The message that it is about; `None`: a mobile-originated one.
    pub(crate) about: Option<(MessageId, IdStyle)>,
    /// The receipt. How one ended tells it only where several recipients are told apart.
    pub(crate) receipt: Option<SentReceipt>,
    /// `None`: it was sent; else how it ended.
    pub(crate) result: Option<DeliveryResult>,
}

impl Item {
    /// Events that it is.
    pub(crate) fn len(&self) -> usize {
        match &self.what {
            What::Messages(batch) => batch.len(),
            What::Deliveries(events) => events.len(),
            _ => 1,
        }
    }

    /// Octets of PDUs that it keeps.
    fn octets(&self) -> usize {
        match &self.what {
            What::Messages(batch) => batch.octets_kept(),
            _ => 0,
        }
    }

    /// Number of the event after its last.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.len() as u64
    }
}

/// The last events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    items: VecDeque<Arc<Item>>,
    kept: usize,
    octets: usize,
    next: u64,
}

impl Events {
    /// Adds what happened.
    pub(crate) fn push(&mut self, at: SmscTime, session: Option<u64>, what: What) {
        let item = Item {
            first: self.next,
            at,
            session,
            what,
        };
        let events = item.len();
        if events == 0 {
            return;
        }
        self.next += events as u64;
        self.kept += events;
        self.octets += item.octets();
        self.items.push_back(Arc::new(item));
        while (self.kept > EVENTS_MAX || self.octets > OCTETS_MAX)
            && self.items.len() > 1
            && let Some(oldest) = self.items.pop_front()
        {
            self.kept -= oldest.len();
            self.octets -= oldest.octets();
        }
    }

    /// Number of the next event.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// The items that hold at least `limit` events from number `cursor` on, as far as there are so
    /// many, and how many of those were forgotten before.
    pub(crate) fn after(&self, cursor: u64, limit: usize) -> (Vec<Arc<Item>>, u64) {
        let oldest = self.items.front().map_or(self.next, |item| item.first);
        let start = self.items.partition_point(|item| item.end() <= cursor);
        let last = cursor.max(oldest).saturating_add(limit as u64);
        let items = self.items.iter().skip(start);
        let items = items.take_while(|item| item.first < last);
        (items.cloned().collect(), oldest.saturating_sub(cursor))
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use signalbox_codec::pdu::Sm;
    use signalbox_codec::{Pdu, Tag, TlvBuf, encode_pdu};

    use super::*;
    use crate::behaviour::Behaviour;
    use crate::record::{Entry, Recorder};

    const AT: SmscTime = SmscTime::from_unix_ms(0);

    fn sent(count: usize) -> What {
        let event = DeliveryEvent {
            at: AT,
            about: None,
            receipt: None,
            result: None,
        };
        What::Deliveries(vec![event; count])
    }

    fn message_of(octets: usize) -> What {
        let value = vec![0; octets];
        let mut tlvs = TlvBuf::new();
        tlvs.push(Tag::MESSAGE_PAYLOAD, &value).unwrap();
        let pdu = Pdu::SubmitSm(Sm {
            tlvs: tlvs.as_tlvs(),
            ..Sm::default()
        });
        let outcome = Behaviour::default().accept().outcome;
        let id = (MessageId::new(1, 1, 1), IdStyle::Hex);
        let mut recorder = Recorder::default();
        let entry = Entry::new(AT, id, CommandStatus::ESME_ROK, outcome);
        let mut octets = BytesMut::new();
        encode_pdu(&pdu, CommandStatus::ESME_ROK, 1, &mut octets);
        recorder.push(&octets, entry);
        What::Messages(Arc::new(recorder.take(1, &Arc::from("me")).unwrap()))
    }

    fn firsts(events: &Events, cursor: u64, limit: usize) -> (Vec<u64>, u64) {
        let (items, missed) = events.after(cursor, limit);
        (items.iter().map(|item| item.first).collect(), missed)
    }

    #[test]
    fn events_are_counted_and_read_from_a_cursor_on() {
        let mut events = Events::default();
        events.push(AT, None, What::MessagesCleared);
        events.push(AT, Some(1), sent(5));
        events.push(AT, Some(1), sent(0));
        events.push(AT, None, What::BehaviourChanged);
        assert_eq!(events.next(), 7);
        assert_eq!(firsts(&events, 0, 100), (vec![0, 1, 6], 0));
        assert_eq!(firsts(&events, 3, 100), (vec![1, 6], 0));
        assert_eq!(firsts(&events, 0, 2), (vec![0, 1], 0));
        assert_eq!(firsts(&events, 7, 100), (vec![], 0));
    }

    #[test]
    fn a_slow_reader_learns_how_many_it_missed() {
        let mut events = Events::default();
        for _ in 0..EVENTS_MAX / 100 + 3 {
            events.push(AT, None, sent(100));
            assert!(events.kept <= EVENTS_MAX);
        }
        let (items, missed) = firsts(&events, 50, usize::MAX);
        assert_eq!((items[0], missed), (300, 250));
        assert_eq!(items.len(), EVENTS_MAX / 100);
    }
    #[test]
    fn large_messages_leave_before_there_are_too_many_octets() {
        let mut events = Events::default();
        let large = 60_000;
        let count = OCTETS_MAX / large;
        for _ in 0..count + 10 {
            events.push(AT, Some(1), message_of(large));
        }
        assert!(events.octets <= OCTETS_MAX, "{}", events.octets);
        let kept = events.items.len();
        assert!(kept <= count && kept > count - 10, "{kept}");
    }
}
