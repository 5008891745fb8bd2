//! The last octets of all sessions: a ring bounded in octets. What overflows is the oldest. Pure.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

/// What a record takes beside its octets, about.
const RECORD_OCTETS: usize = 128;

/// A connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The session.
    pub(crate) session: u64,
    /// The SMSC's end.
    pub(crate) ours: SocketAddr,
    /// The other end.
    pub(crate) theirs: SocketAddr,
    /// Whether the SMSC connected, for outbind.
    pub(crate) we_connected: bool,
}

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The SMSC.
    Ours,
    /// The other end.
    Theirs,
}

/// Something that happened on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The connection.
    pub(crate) flow: Arc<Flow>,
    /// When, us since 1970.
    pub(crate) at_unix_us: u64,
    /// Octets that the sender had sent before, its end counted as one.
    pub(crate) sent_before: u64,
    /// Octets that the sender had received by then, the other's end counted as one.
    pub(crate) received_before: u64,
    /// Who.
    pub(crate) sender: Sender,
    /// What.
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The connection was made.
    Opened,
    /// The sender sent octets.
    Octets(Bytes),
    /// The sender will send no more.
    Ended,
    /// The sender broke the connection.
    Reset,
}

impl Record {
    fn octets(&self) -> usize {
        match &self.what {
            What::Octets(octets) => RECORD_OCTETS + octets.len(),
            What::Opened | What::Ended | What::Reset => RECORD_OCTETS,
        }
    }
}

/// The last records.
#[derive(Debug)]
pub(crate) struct Ring {
    records: VecDeque<Record>,
    octets: usize,
    octets_max: usize,
    /// Records that are no longer kept.
    overwritten: u64,
}

impl Ring {
    /// Keeps records up to `octets_max`; 0 keeps none.
    pub(crate) const fn new(octets_max: usize) -> Self {
        Self {
            records: VecDeque::new(),
            octets: 0,
            octets_max,
            overwritten: 0,
        }
    }

    /// Appends a record.
    pub(crate) fn push(&mut self, record: Record) {
        self.octets += record.octets();
        self.records.push_back(record);
        while self.octets > self.octets_max
            && let Some(oldest) = self.records.pop_front()
        {
            self.octets -= oldest.octets();
            self.overwritten += 1;
        }
    }

    /// The records kept, oldest first, of one session or of all.
    pub(crate) fn records(&self, session: Option<u64>) -> Vec<Record> {
        let wanted = |record: &&Record| session.is_none_or(|id| record.flow.session == id);
        self.records.iter().filter(wanted).cloned().collect()
    }

    /// Records that are no longer kept.
    pub(crate) const fn overwritten(&self) -> u64 {
        self.overwritten
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Octets that the ESME of this session sent.
    pub(crate) fn record(session: u64, sent_before: u64, octets: &[u8]) -> Record {
        Record {
            flow: Arc::new(Flow {
                session,
                ours: SocketAddr::from(([127, 0, 0, 1], 2775)),
                theirs: SocketAddr::from(([127, 0, 0, 1], 40_000)),
                we_connected: false,
            }),
            at_unix_us: 1_700_000_000_123_456,
            sent_before,
            received_before: 0,
            sender: Sender::Theirs,
            what: What::Octets(Bytes::copy_from_slice(octets)),
        }
    }

    #[test]
    fn the_oldest_go_and_are_counted() {
        let mut ring = Ring::new(1_000);
        for sent_before in 0..20 {
            ring.push(record(sent_before % 2, sent_before, &[7; 72]));
        }
        let kept: Vec<u64> = ring.records(None).iter().map(|r| r.sent_before).collect();
        assert_eq!(kept, [15, 16, 17, 18, 19]);
        assert_eq!((ring.overwritten(), ring.octets), (15, 1_000));
        let of_one: Vec<u64> = ring
            .records(Some(1))
            .iter()
            .map(|r| r.sent_before)
            .collect();
        assert_eq!(of_one, [15, 17, 19]);
        ring.push(record(1, 20, &[7; 5_000]));
        assert!(ring.records(None).is_empty(), "larger than the whole ring");
    }
}
