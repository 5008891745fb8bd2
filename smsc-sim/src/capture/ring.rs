//! The last octets of all sessions: a ring bounded in octets. What overflows is the oldest. Pure.
//!
//! A read or write of a socket is one copy into memory that is used again and again; packets and
//! PDUs are made of it when somebody asks.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a record counts for beside its octets: twice its size, because a queue that grows doubles.
const RECORD_OCTETS: usize = 128;
/// Records that have room in a ring at least: the octets of larger ones become several.
const RECORDS_MIN: usize = 4;

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

/// Something that happened on a connection. Its octets are kept apart from it.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The connection was made.
    Opened,
    /// The sender sent so many octets.
    Octets(usize),
    /// The sender will send no more.
    Ended,
    /// The sender broke the connection.
    Reset,
}

impl Record {
    /// Octets that belong to it.
    pub(crate) const fn octets(&self) -> usize {
        match self.what {
            What::Octets(octets) => octets,
            What::Opened | What::Ended | What::Reset => 0,
        }
    }
}

/// The last records.
#[derive(Debug)]
pub(crate) struct Ring {
    records: VecDeque<Record>,
    /// Those of all records, one after the other.
    octets: VecDeque<u8>,
    octets_max: usize,
    /// Records that are no longer kept.
    overwritten: u64,
}

/// What a ring held at one moment.
#[derive(Debug, Default)]
pub(crate) struct Held {
    records: Vec<Record>,
    octets: Vec<u8>,
    /// Records of all sessions that are no longer kept.
    pub(crate) overwritten: u64,
}

impl Ring {
    /// Keeps records up to `octets_max`; 0 keeps none.
    pub(crate) const fn new(octets_max: usize) -> Self {
        Self {
            records: VecDeque::new(),
            octets: VecDeque::new(),
            octets_max,
            overwritten: 0,
        }
    }

    /// Appends a record with its octets.
    pub(crate) fn push(&mut self, record: Record, octets: &[u8]) {
        debug_assert_eq!(record.octets(), octets.len());
        let piece_max = (self.octets_max / RECORDS_MIN).saturating_sub(RECORD_OCTETS);
        if octets.len() <= piece_max || piece_max == 0 {
            return self.push_piece(record, octets);
        }
        let mut sent_before = record.sent_before;
        for piece in octets.chunks(piece_max) {
            let record = Record {
                sent_before,
                what: What::Octets(piece.len()),
                ..record.clone()
            };
            self.push_piece(record, piece);
            sent_before += piece.len() as u64;
        }
    }

    fn push_piece(&mut self, record: Record, octets: &[u8]) {
        let wanted = RECORD_OCTETS + octets.len();
        self.forget_down_to(self.octets_max.saturating_sub(wanted));
        if wanted > self.octets_max {
            self.overwritten += 1;
            return;
        }
        self.make_room(octets.len());
        self.octets.extend(octets);
        self.records.push_back(record);
    }

    /// Keeps so many octets from now on, and gives back the memory beyond.
    pub(crate) fn limit(&mut self, octets_max: usize) {
        self.octets_max = octets_max;
        self.forget_down_to(octets_max);
        self.octets.shrink_to(octets_max);
        self.records.shrink_to(octets_max / RECORD_OCTETS);
    }

    /// The records kept, oldest first, of one session or of all.
    pub(crate) fn held(&self, session: Option<u64>) -> Held {
        let mut held = Held {
            overwritten: self.overwritten,
            ..Held::default()
        };
        let mut start = 0;
        for record in &self.records {
            let end = start + record.octets();
            if session.is_none_or(|id| record.flow.session == id) {
                held.records.push(record.clone());
                let (front, back) = self.octets.as_slices();
                let split = front.len();
                held.octets
                    .extend_from_slice(&front[start.min(split)..end.min(split)]);
                held.octets
                    .extend_from_slice(&back[start.max(split) - split..end.max(split) - split]);
            }
            start = end;
        }
        held
    }

    /// Whether there is anything of that session.
    pub(crate) fn knows(&self, session: u64) -> bool {
        let mut newest_first = self.records.iter().rev();
        newest_first.any(|record| record.flow.session == session)
    }

    fn kept(&self) -> usize {
        self.octets.len() + RECORD_OCTETS * self.records.len()
    }

    /// Drops the oldest records until the others count for `octets` at most.
    fn forget_down_to(&mut self, octets: usize) {
        let mut gone = 0;
        while self.kept() - gone > octets
            && let Some(oldest) = self.records.pop_front()
        {
            gone += oldest.octets();
            self.overwritten += 1;
        }
        self.octets.drain(..gone);
    }

    /// Lets the memory grow by doubling, and never beyond what the ring may keep.
    fn make_room(&mut self, octets: usize) {
        let (wanted, capacity) = (self.octets.len() + octets, self.octets.capacity());
        if wanted > capacity {
            let doubled = (2 * capacity).clamp(wanted, self.octets_max);
            self.octets.reserve_exact(doubled - self.octets.len());
        }
    }
}

impl Held {
    /// Its records with their octets, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Record, &[u8])> {
        let mut rest = &self.octets[..];
        self.records.iter().map(move |record| {
            let octets;
            (octets, rest) = rest.split_at(record.octets());
            (record, octets)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// So many octets that the ESME of this session sent.
    pub(crate) fn record(session: u64, sent_before: u64, octets: usize) -> Record {
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
            what: What::Octets(octets),
        }
    }

    fn push(ring: &mut Ring, number: u64, octets: &[u8]) {
        ring.push(record(number % 2, number, octets.len()), octets);
    }

    /// Numbers of the records that are kept.
    fn kept(ring: &Ring, session: Option<u64>) -> Vec<u64> {
        let held = ring.held(session);
        held.iter().map(|(record, _)| record.sent_before).collect()
    }

    #[test]
    fn the_oldest_go_and_are_counted() {
        let mut ring = Ring::new(1_000);
        for number in 0..20 {
            push(&mut ring, number, &[7; 72]);
        }
        assert_eq!(kept(&ring, None), [15, 16, 17, 18, 19]);
        assert_eq!((ring.overwritten, ring.kept()), (15, 1_000));
        assert_eq!(kept(&ring, Some(1)), [15, 17, 19]);
        assert!(ring.knows(1) && !ring.knows(2));
    }

    #[test]
    fn of_a_record_larger_than_the_ring_the_end_is_kept() {
        let mut ring = Ring::new(1_000);
        push(&mut ring, 0, &[7; 5_000]);
        let held = ring.held(None);
        let ends = held.iter().map(|(record, octets)| {
            let end = record.sent_before + octets.len() as u64;
            (record.sent_before, end)
        });
        let ends: Vec<_> = ends.collect();
        assert_eq!(ends.last(), Some(&(4_880, 5_000)));
        assert!(ends.windows(2).all(|two| two[0].1 == two[1].0), "{ends:?}");
        assert_eq!((ends.len(), ring.overwritten), (4, 37));
    }

    #[test]
    fn octets_come_out_as_they_went_in_wherever_the_ring_turns() {
        let mut ring = Ring::new(3_000);
        for number in 0..500_u64 {
            let octets = vec![number as u8; (number * 37 % 200) as usize];
            push(&mut ring, number, &octets);
            assert!(ring.octets.capacity() <= 3_000);
            for session in [None, Some(0), Some(1)] {
                for (record, octets) in ring.held(session).iter() {
                    let number = record.sent_before;
                    assert_eq!(octets.len() as u64, number * 37 % 200);
                    assert!(octets.iter().all(|octet| *octet == number as u8));
                }
            }
        }
        assert_eq!(kept(&ring, None).last(), Some(&499));
    }

    #[test]
    fn a_lower_limit_holds_at_once_and_gives_memory_back() {
        let mut ring = Ring::new(100_000);
        for number in 0..200 {
            push(&mut ring, number, &[7; 372]);
        }
        ring.limit(1_000);
        assert_eq!(kept(&ring, None), [198, 199]);
        assert!(ring.octets.capacity() <= 1_000);
        ring.limit(0);
        push(&mut ring, 200, &[]);
        assert_eq!((ring.kept(), ring.octets.capacity()), (0, 0));
    }
}
