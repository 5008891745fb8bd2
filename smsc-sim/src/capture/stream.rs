//! TCP segments back to the PDUs that were in them: puts them in order, drops what came twice, and
//! finds the next PDU after a gap. Pure.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, CommandId, HEADER_OCTETS, next_frame};

use super::segment::Segment;

/// Directions of connections that are followed at most; segments of others are passed over.
const DIRECTIONS_MAX: usize = 65_536;
/// Octets of a direction that wait for those before them at most; then those are taken for lost.
const AHEAD_OCTETS_MAX: usize = 1024 * 1024;

/// Something found in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole PDU.
    Pdu(&'a [u8]),
    /// Octets that cannot be cut into PDUs; the next segment that starts with one goes on.
    NotSmpp(&'a [u8]),
    /// So many octets are missing.
    Lost(u64),
}

/// All directions of all connections.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    directions: HashMap<(SocketAddr, SocketAddr), Direction>,
    /// Segments that came again.
    pub(crate) repeated: u64,
    /// Segments that came too early.
    pub(crate) early: u64,
}

#[derive(Debug, Default)]
struct Direction {
    /// Number of the octet that is next; `None` before the first segment.
    next: Option<u32>,
    /// Octets in order that are no whole PDU yet.
    buffer: Vec<u8>,
    /// Whether the buffer starts with a PDU.
    in_step: bool,
    /// Whether it ever did: other protocols are passed over.
    is_smpp: bool,
    /// Octets by how far they are ahead of `base`.
    ahead: BTreeMap<u64, Vec<u8>>,
    ahead_octets: usize,
    /// Octets so far, to give those that wait a place that does not wrap.
    base: u64,
}

impl Streams {
    /// Takes a segment and shows what it completes.
    pub(crate) fn push(&mut self, segment: &Segment<'_>, mut found: impl FnMut(Found<'_>)) {
        let key = (segment.from, segment.to);
        if !self.directions.contains_key(&key) && self.directions.len() >= DIRECTIONS_MAX {
            return;
        }
        let direction = self.directions.entry(key).or_default();
        if segment.syn {
            *direction = Direction {
                next: Some(segment.sequence.wrapping_add(1)),
                ..Direction::default()
            };
        }
        if segment.payload.is_empty() {
            return;
        }
        let next = *direction.next.get_or_insert(segment.sequence);
        // Numbers wrap: the half circle before `next` is old, the other is ahead.
        let distance = segment.sequence.wrapping_sub(next).cast_signed();
        if distance > 0 {
            self.early += 1;
            direction.put_ahead(u64::from(distance.unsigned_abs()), segment.payload);
            if direction.ahead_octets > AHEAD_OCTETS_MAX {
                direction.skip_gap(&mut found);
            }
        } else {
            let old = distance.unsigned_abs() as usize;
            if old > 0 {
                self.repeated += 1;
            }
            let Some(fresh) = segment.payload.get(old..).filter(|fresh| !fresh.is_empty()) else {
                return;
            };
            direction.append(fresh, &mut found);
        }
        direction.take_ahead(&mut found);
    }

    /// The file is over: what is still ahead is behind a gap.
    pub(crate) fn end(&mut self, mut found: impl FnMut((SocketAddr, SocketAddr), Found<'_>)) {
        for (key, direction) in &mut self.directions {
            while !direction.ahead.is_empty() {
                direction.skip_gap(&mut |what| found(*key, what));
                direction.take_ahead(&mut |what| found(*key, what));
            }
        }
    }
}

impl Direction {
    /// Octets that are next.
    fn append(&mut self, octets: &[u8], found: &mut impl FnMut(Found<'_>)) {
        self.base += octets.len() as u64;
        self.next = self.next.map(|next| next.wrapping_add(octets.len() as u32));
        self.buffer.extend_from_slice(octets);
        if !self.in_step {
            match looks_like_a_pdu(&self.buffer) {
                None => return,
                Some(false) => return self.buffer.clear(),
                Some(true) => (self.in_step, self.is_smpp) = (true, true),
            }
        }
        let mut start = 0;
        loop {
            let rest = &self.buffer[start..];
            match next_frame(rest, COMMAND_LENGTH_MAX_BOUND) {
                Ok(Some(frame)) => {
                    let length = frame.header.command_length as usize;
                    found(Found::Pdu(&rest[..length]));
                    start += length;
                }
                Ok(None) => break,
                Err(_) => {
                    found(Found::NotSmpp(rest));
                    start = self.buffer.len();
                    self.in_step = false;
                    break;
                }
            }
        }
        self.buffer.drain(..start);
    }

    fn put_ahead(&mut self, distance: u64, octets: &[u8]) {
        let waiting = self.ahead.entry(self.base + distance).or_default();
        if octets.len() > waiting.len() {
            self.ahead_octets += octets.len() - waiting.len();
            *waiting = octets.to_vec();
        }
    }

    /// Appends what is no longer ahead.
    fn take_ahead(&mut self, found: &mut impl FnMut(Found<'_>)) {
        while let Some(entry) = self.ahead.first_entry()
            && *entry.key() <= self.base
        {
            let (at, octets) = entry.remove_entry();
            self.ahead_octets -= octets.len();
            let old = (self.base - at) as usize;
            if let Some(fresh) = octets.get(old..).filter(|fresh| !fresh.is_empty()) {
                self.append(fresh, found);
            }
        }
    }

    /// Gives up what is missing before the first octets that wait.
    fn skip_gap(&mut self, found: &mut impl FnMut(Found<'_>)) {
        let Some((at, _)) = self.ahead.first_key_value() else {
            return;
        };
        let lost = at - self.base;
        if self.is_smpp {
            found(Found::Lost(lost));
        }
        self.base += lost;
        self.next = self.next.map(|next| next.wrapping_add(lost as u32));
        self.buffer.clear();
        self.in_step = false;
    }
}

/// Whether octets start with the length and the id of a known command; `None` when there are too
/// few to say.
fn looks_like_a_pdu(octets: &[u8]) -> Option<bool> {
    let command_length = u32::from_be_bytes(*octets.first_chunk()?);
    if !(HEADER_OCTETS as u32..=COMMAND_LENGTH_MAX_BOUND).contains(&command_length) {
        return Some(false);
    }
    let command_id = CommandId(u32::from_be_bytes(*octets[4..].first_chunk()?));
    Some(command_id.name().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// enquire_link with this sequence_number.
    fn enquire_link(number: u8) -> [u8; 16] {
        [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, number]
    }

    /// Numbers of the PDUs found, octets lost as minus, what is no SMPP as 999.
    fn run(segments: &[(u32, &[u8])]) -> (Vec<i64>, Streams) {
        let mut streams = Streams::default();
        let mut seen = Vec::new();
        let mut note = |found: Found<'_>| {
            seen.push(match found {
                Found::Pdu(pdu) => i64::from(pdu[15]),
                Found::NotSmpp(_) => 999,
                Found::Lost(octets) => -(octets as i64),
            });
        };
        for (sequence, payload) in segments {
            let segment = Segment {
                from: SocketAddr::from(([1, 1, 1, 1], 1)),
                to: SocketAddr::from(([2, 2, 2, 2], 2)),
                sequence: *sequence,
                syn: false,
                fin: false,
                rst: false,
                payload,
            };
            streams.push(&segment, &mut note);
        }
        streams.end(|_, found| note(found));
        (seen, streams)
    }

    #[test]
    fn segments_in_any_order_and_twice_are_the_same_pdus() {
        let octets: Vec<u8> = (1..=4).flat_map(enquire_link).collect();
        let first = u32::MAX - 20;
        let at = |start: usize, end: usize| (first.wrapping_add(start as u32), &octets[start..end]);
        let table: [&[(u32, &[u8])]; 5] = [
            &[at(0, 64)],
            &[at(0, 10), at(10, 50), at(50, 64)],
            &[at(0, 16), at(40, 64), at(16, 30), at(30, 40)],
            &[at(0, 20), at(0, 20), at(10, 40), at(20, 64)],
            &[at(0, 1), at(30, 64), at(20, 40), at(1, 25)],
        ];
        for segments in table {
            assert_eq!(run(segments).0, [1, 2, 3, 4], "{segments:?}");
        }
        let (_, streams) = run(table[3]);
        assert_eq!((streams.repeated, streams.early), (3, 0));
    }

    #[test]
    fn after_a_gap_the_next_segment_that_starts_with_a_pdu_goes_on() {
        let octets: Vec<u8> = (1..=4).flat_map(enquire_link).collect();
        let segments: [(u32, &[u8]); 3] = [
            (0, &octets[..20]),
            (40, &octets[40..48]),
            (48, &octets[48..]),
        ];
        assert_eq!(run(&segments).0, [1, -20, 4]);
    }

    #[test]
    fn other_protocols_are_passed_over_and_impossible_lengths_are_told() {
        assert!(run(&[(0, b"GET / HTTP/1.1\r\n\r\n")]).0.is_empty());
        let mut octets = enquire_link(1).to_vec();
        octets.extend_from_slice(&[0, 0, 0, 3, 9, 9]);
        let next = enquire_link(2);
        assert_eq!(run(&[(0, &octets), (22, &next)]).0, [1, 999, 2]);
    }

    #[test]
    fn what_waits_for_a_gap_is_bounded() {
        let chunk = vec![0; 64 * 1024];
        let mut segments: Vec<(u32, &[u8])> = vec![(0, b"x")];
        segments.extend((0..40_u32).map(|at| (100 + at * 64 * 1024, &chunk[..])));
        let (_, streams) = run(&segments[..]);
        for direction in streams.directions.values() {
            assert!(direction.ahead_octets <= AHEAD_OCTETS_MAX);
        }
    }
}
