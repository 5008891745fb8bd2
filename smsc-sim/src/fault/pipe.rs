//! The octets of one direction of a connection while faults of the stream are active: what comes in
//! is held, cut, gathered or lost, and comes out when it is due. Pure: time comes in.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::StreamFault;
use crate::random::Draws;

/// Octets that are held at most; then the other side has to wait.
const HELD_OCTETS_MAX: usize = 256 * 1024;
/// What a bandwidth lets through comes in pieces of this much time.
const BANDWIDTH_STEP: Duration = Duration::from_millis(50);

/// How a connection is ended by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Closed.
    Fin,
    /// Reset.
    Rst,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Pipe {
    rules: Rules,
    pieces: VecDeque<Piece>,
    held: usize,
    /// Octets that came in since the faults were set.
    taken: u64,
    last_due: Instant,
    end: Option<(Instant, End)>,
    draws: Draws,
}

#[derive(Debug)]
struct Piece {
    due: Instant,
    octets: Bytes,
}

/// The faults by what they do; of two of a kind the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rules {
    latency: Option<(Duration, Duration)>,
    octets_per_second: Option<u32>,
    /// How large pieces are, and the pause between two.
    slice: Option<(RangeInclusive<usize>, Duration)>,
    limit: Option<(u64, End)>,
    merge: Option<Duration>,
    /// Nothing comes through.
    black_hole: bool,
    stop_reading: bool,
}

impl Pipe {
    /// A direction without faults.
    pub(crate) fn new(now: Instant, draws: Draws) -> Self {
        Self {
            rules: Rules::default(),
            pieces: VecDeque::new(),
            held: 0,
            taken: 0,
            last_due: now,
            end: None,
            draws,
        }
    }

    /// From now on these faults are active. What is held stays as it is.
    pub(crate) fn set(&mut self, now: Instant, faults: &[StreamFault]) {
        let mut rules = Rules::default();
        self.end = None;
        self.taken = 0;
        self.last_due = self.last_due.max(now);
        for fault in faults {
            match *fault {
                StreamFault::Latency { latency, jitter } => {
                    rules.latency = Some((latency, jitter));
                }
                StreamFault::Bandwidth { octets_per_second } => {
                    rules.octets_per_second = Some(octets_per_second);
                }
                StreamFault::Slicer {
                    octets,
                    size_variation,
                    delay,
                } => {
                    let most = octets.saturating_add(size_variation);
                    let least = octets.saturating_sub(size_variation).max(1);
                    rules.slice = Some((least..=most, delay));
                }
                StreamFault::LimitData { octets, reset } => {
                    let end = if reset { End::Rst } else { End::Fin };
                    rules.limit = Some((octets, end));
                }
                StreamFault::Merge { delay } => rules.merge = Some(delay),
                StreamFault::StopReading => rules.stop_reading = true,
                StreamFault::Timeout { timeout } => {
                    rules.black_hole = true;
                    self.end_at(timeout.map(|timeout| (now + timeout, End::Fin)));
                }
                StreamFault::ResetPeer { timeout } => {
                    self.end_at(Some((now + timeout, End::Rst)));
                }
                StreamFault::SlowClose { .. } => {}
            }
        }
        self.rules = rules;
    }

    /// Whether octets may go past it: no fault is active and nothing is held.
    pub(crate) fn is_idle(&self) -> bool {
        self.pieces.is_empty() && self.end.is_none() && self.rules == Rules::default()
    }

    /// Octets that may be pushed.
    pub(crate) const fn room(&self) -> usize {
        HELD_OCTETS_MAX.saturating_sub(self.held)
    }

    /// Whether nothing is to be read from the other side.
    pub(crate) const fn stops_reading(&self) -> bool {
        self.rules.stop_reading
    }

    /// Takes octets.
    pub(crate) fn push(&mut self, now: Instant, octets: &[u8]) {
        if self.rules.black_hole {
            return;
        }
        let before = self.taken;
        self.taken += octets.len() as u64;
        let octets = match self.rules.limit {
            Some((limit, end)) if self.taken >= limit => {
                let rest = usize::try_from(limit.saturating_sub(before)).unwrap_or(usize::MAX);
                self.hold(now, &octets[..rest.min(octets.len())]);
                self.end_at(Some((self.last_due.max(now), end)));
                return;
            }
            _ => octets,
        };
        self.hold(now, octets);
    }

    /// What is due: one piece, or all pieces together where they are merged.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Bytes> {
        let first = self.pieces.pop_front_if(|piece| piece.due <= now)?;
        self.held -= first.octets.len();
        if self.rules.merge.is_none() {
            return Some(first.octets);
        }
        let mut merged = BytesMut::from(first.octets);
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.due <= now) {
            self.held -= piece.octets.len();
            merged.extend_from_slice(&piece.octets);
        }
        Some(merged.freeze())
    }

    /// When [`Pipe::pop`] has something.
    pub(crate) fn piece_due(&self) -> Option<Instant> {
        self.pieces.front().map(|piece| piece.due)
    }

    /// When [`Pipe::ended`] has something.
    pub(crate) fn end_due(&self) -> Option<Instant> {
        self.end.map(|(at, _)| at)
    }

    /// When either has something.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.piece_due().into_iter().chain(self.end_due()).min()
    }

    /// How the connection is to end, once what was to come through before it did.
    pub(crate) fn ended(&self, now: Instant) -> Option<End> {
        let (_, end) = self.end.filter(|(at, _)| *at <= now)?;
        let waits = self.pieces.front().is_some_and(|piece| piece.due <= now);
        (!waits).then_some(end)
    }

    fn end_at(&mut self, end: Option<(Instant, End)>) {
        self.end = self.end.into_iter().chain(end).min_by_key(|(at, _)| *at);
    }

    /// Cuts octets into pieces and gives each its time.
    fn hold(&mut self, now: Instant, octets: &[u8]) {
        let pause = self
            .rules
            .slice
            .as_ref()
            .map_or(Duration::ZERO, |(_, pause)| *pause);
        let mut due = self.start(now);
        let mut rest = octets;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.piece_octets().min(rest.len()));
            if rest.len() < octets.len() {
                due += pause;
            }
            if let Some(per_second) = self.rules.octets_per_second {
                let seconds = piece.len() as f64 / f64::from(per_second);
                due = due.max(self.last_due) + Duration::from_secs_f64(seconds);
            }
            due = due.max(self.last_due);
            self.last_due = due;
            self.held += piece.len();
            self.pieces.push_back(Piece {
                due,
                octets: Bytes::copy_from_slice(piece),
            });
            rest = after;
        }
    }

    /// How large the next piece is at most; never 0.
    fn piece_octets(&mut self) -> usize {
        let slice = match &self.rules.slice {
            None => usize::MAX,
            Some((sizes, _)) if sizes.start() == sizes.end() => *sizes.end(),
            Some((sizes, _)) => {
                let several = sizes.end() - sizes.start() + 1;
                sizes.start() + (self.draws.unit() * several as f64) as usize
            }
        };
        let step = self.rules.octets_per_second.map(|per_second| {
            let octets = f64::from(per_second) * BANDWIDTH_STEP.as_secs_f64();
            (octets as usize).max(1)
        });
        slice.min(step.unwrap_or(usize::MAX)).max(1)
    }

    /// When the first of the octets that came at `now` is due.
    fn start(&mut self, now: Instant) -> Instant {
        let gathered = self.rules.merge.map(|delay| match self.pieces.back() {
            Some(last) if last.due > now => last.due,
            _ => now + delay,
        });
        let start = gathered.unwrap_or(now);
        let Some((latency, jitter)) = self.rules.latency else {
            return start;
        };
        let varied = latency.as_secs_f64() + jitter.as_secs_f64() * (2.0 * self.draws.unit() - 1.0);
        start + Duration::from_secs_f64(varied.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Pushes texts at their times and tells what comes out when, in ms.
    fn run(faults: &[StreamFault], pushed: &[(u64, &str)]) -> Vec<(u64, String)> {
        let start = Instant::now();
        let mut pipe = Pipe::new(start, Draws::new(1));
        pipe.set(start, faults);
        let mut pushed = pushed.iter().peekable();
        let mut out = Vec::new();
        for at in 0..10_000 {
            let now = start + ms(at);
            while let Some((_, text)) = pushed.next_if(|(when, _)| *when == at) {
                pipe.push(now, text.as_bytes());
            }
            while let Some(octets) = pipe.pop(now) {
                out.push((at, String::from_utf8(octets.to_vec()).unwrap()));
            }
            if let Some(end) = pipe.ended(now) {
                out.push((at, format!("{end:?}")));
                break;
            }
        }
        out
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let slicer = StreamFault::Slicer {
            octets: 2,
            size_variation: 0,
            delay: ms(10),
        };
        let latency = StreamFault::Latency {
            latency: ms(50),
            jitter: Duration::ZERO,
        };
        let limit = |reset| StreamFault::LimitData { octets: 4, reset };
        type Case<'a> = (
            &'a [StreamFault],
            &'a [(u64, &'a str)],
            &'a [(u64, &'a str)],
        );
        let table: &[Case<'_>] = &[
            (&[], &[(0, "abc"), (5, "d")], &[(0, "abc"), (5, "d")]),
            (
                std::slice::from_ref(&latency),
                &[(0, "abc"), (5, "d")],
                &[(50, "abc"), (55, "d")],
            ),
            (
                std::slice::from_ref(&slicer),
                &[(0, "abcde")],
                &[(0, "ab"), (10, "cd"), (20, "e")],
            ),
            (
                &[latency.clone(), slicer.clone()],
                &[(0, "abc")],
                &[(50, "ab"), (60, "c")],
            ),
            (
                &[StreamFault::Merge { delay: ms(100) }],
                &[(0, "a"), (40, "b"), (100, "c")],
                &[(100, "ab"), (200, "c")],
            ),
            (
                &[limit(false)],
                &[(0, "abc"), (5, "def")],
                &[(0, "abc"), (5, "d"), (5, "Fin")],
            ),
            (&[limit(true)], &[(0, "abcdef")], &[(0, "abcd"), (0, "Rst")]),
            (
                &[StreamFault::Timeout { timeout: None }],
                &[(0, "abc")],
                &[],
            ),
            (
                &[StreamFault::Timeout {
                    timeout: Some(ms(30)),
                }],
                &[(0, "abc")],
                &[(30, "Fin")],
            ),
            (
                &[StreamFault::ResetPeer { timeout: ms(7) }],
                &[(0, "a")],
                &[(0, "a"), (7, "Rst")],
            ),
            (
                &[StreamFault::Bandwidth {
                    octets_per_second: 40,
                }],
                &[(0, "abcd")],
                &[(50, "ab"), (100, "cd")],
            ),
        ];
        for (faults, pushed, expected) in table {
            let expected: Vec<_> = expected
                .iter()
                .map(|(at, s)| (*at, s.to_string()))
                .collect();
            assert_eq!(run(faults, pushed), expected, "{faults:?}");
        }
    }

    #[test]
    fn pieces_vary_in_size_around_their_average() {
        let slicer = [StreamFault::Slicer {
            octets: 4,
            size_variation: 2,
            delay: ms(1),
        }];
        let text = "x".repeat(400);
        let out = run(&slicer, &[(0, &text)]);
        let sizes: Vec<usize> = out.iter().map(|(_, piece)| piece.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 400);
        for size in 2..=6 {
            assert!(sizes.contains(&size), "{size}: {sizes:?}");
        }
        let (_, all_but_last) = sizes.split_last().unwrap();
        assert!(
            all_but_last.iter().all(|size| (2..=6).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn jitter_varies_and_keeps_the_order() {
        let jitter = [StreamFault::Latency {
            latency: ms(50),
            jitter: ms(50),
        }];
        let pushed: Vec<(u64, &str)> = (0..100).map(|at| (at * 20, "x")).collect();
        let out = run(&jitter, &pushed);
        assert_eq!(out.len(), 100);
        let delays: Vec<u64> = out.iter().zip(&pushed).map(|(o, p)| o.0 - p.0).collect();
        assert!(
            delays.iter().any(|d| *d < 30) && delays.iter().any(|d| *d > 70),
            "{delays:?}"
        );
    }

    #[test]
    fn what_is_held_is_bounded_and_outlives_the_fault() {
        let start = Instant::now();
        let mut pipe = Pipe::new(start, Draws::new(1));
        pipe.set(
            start,
            &[StreamFault::Latency {
                latency: ms(50),
                jitter: ms(0),
            }],
        );
        pipe.push(start, &vec![0; HELD_OCTETS_MAX]);
        assert_eq!(pipe.room(), 0);
        pipe.set(start, &[]);
        assert!(!pipe.is_idle());
        pipe.push(start, b"later");
        assert_eq!(pipe.pop(start + ms(49)), None);
        assert_eq!(pipe.pop(start + ms(50)).unwrap().len(), HELD_OCTETS_MAX);
        assert_eq!(pipe.pop(start + ms(50)).unwrap(), "later");
        assert!(pipe.is_idle());
    }
}
