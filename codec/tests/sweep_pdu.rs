//! Damages every vector in every small way: no panic, no allocation, no octet from beyond the PDU,
//! and what was decoded stays the same when it is encoded and decoded again.
//!
//! The exhaustive runs take a stride in debug builds; a release build takes every step.

#![allow(clippy::unwrap_used)] // Test code.

mod checks;
mod pdu_support;

use std::sync::OnceLock;

use checks::pdu::{check_frame, check_pdu, check_roundtrip, check_tlv, encode};
use pdu_support::{Random, Vector, vectors};
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, Frame, Pdu, Quirks, inspect, next_frame};

/// How many steps of a sweep are left out in a debug build.
const STRIDE: usize = if cfg!(debug_assertions) { 13 } else { 1 };

fn all() -> &'static [Vector] {
    static ALL: OnceLock<Vec<Vector>> = OnceLock::new();
    ALL.get_or_init(vectors)
}

/// Everything that holds for any octets, but what needs rusmpp: that is slow.
fn check(octets: &[u8]) {
    check_frame(octets);
    check_pdu(octets);
    check_roundtrip(octets);
}

/// Sets command_length to what is there.
fn reframe(octets: &mut [u8]) {
    if let Ok(length) = u32::try_from(octets.len())
        && octets.len() >= 4
    {
        octets[..4].copy_from_slice(&length.to_be_bytes());
    }
}

#[test]
fn every_truncation() {
    for vector in all() {
        for length in 0..vector.octets.len() {
            // As it stands it is incomplete; with the length put right it is a shorter PDU.
            let mut octets = vector.octets[..length].to_vec();
            check(&octets);
            if length % STRIDE == 0 {
                reframe(&mut octets);
                check(&octets);
            }
        }
    }
}

#[test]
fn every_bit_flipped() {
    for (index, vector) in all().iter().enumerate() {
        let mut octets = vector.octets.clone();
        for bit in (index % STRIDE..octets.len() * 8).step_by(STRIDE) {
            octets[bit / 8] ^= 1 << (bit % 8);
            check(&octets);
            octets[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_octet_inserted_or_removed() {
    for (index, vector) in all().iter().enumerate() {
        for at in (16 + index % STRIDE..vector.octets.len()).step_by(STRIDE) {
            for octet in [0x00, 0x01, 0x41, 0xFF] {
                let mut octets = vector.octets.clone();
                octets.insert(at, octet);
                reframe(&mut octets);
                check(&octets);
            }
            let mut octets = vector.octets.clone();
            octets.remove(at);
            reframe(&mut octets);
            check(&octets);
        }
    }
}

#[test]
fn random_bodies_behind_every_command_id() {
    let mut random = Random(0x5EED_0001);
    let ids: Vec<[u8; 4]> = all()
        .iter()
        .filter_map(|vector| vector.octets.get(4..8)?.try_into().ok())
        .collect();
    for _ in 0..if cfg!(debug_assertions) {
        20_000
    } else {
        500_000
    } {
        let mut octets = vec![0; 16];
        octets[4..8].copy_from_slice(&ids[random.below(ids.len())]);
        octets[15] = 1;
        for _ in 0..random.below(90) {
            // Many NULs, so that some bodies get far.
            let octet = random.next().to_be_bytes()[0];
            octets.push(if octet < 0x90 { 0 } else { octet });
        }
        reframe(&mut octets);
        check(&octets);
    }
}

#[test]
fn random_optional_parameters() {
    let mut random = Random(0x5EED_0005);
    for _ in 0..if cfg!(debug_assertions) {
        20_000
    } else {
        500_000
    } {
        let mut octets = Vec::new();
        for _ in 0..random.below(6) {
            let [tag, high, length, value, ..] = random.next().to_be_bytes();
            octets.extend([high % 7, tag, 0, length % 9]);
            octets.extend(std::iter::repeat_n(value, usize::from(length % 9)));
        }
        octets.truncate(octets.len() - random.below(3).min(octets.len()));
        check_tlv(&octets);
    }
}

#[test]
fn a_stream_gives_the_same_frames_wherever_it_is_split() {
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    for vector in all() {
        if let Some(octets) = vector.pdu_octets() {
            expected.push(octets);
            stream.extend_from_slice(octets);
        }
    }
    // Every split point of the first PDUs, then pieces of random sizes through all of them.
    let some: Vec<u8> = expected[..12].concat();
    for split in 0..some.len() {
        let mut kept = some[..split].to_vec();
        let mut frames = take_frames(&mut kept);
        kept.extend_from_slice(&some[split..]);
        frames.extend(take_frames(&mut kept));
        assert_eq!(frames, expected[..12], "split at {split}");
        assert!(kept.is_empty());
    }
    let mut random = Random(0x5EED_0002);
    let mut kept = Vec::new();
    let mut frames = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let end = stream.len().min(at + 1 + random.below(400));
        kept.extend_from_slice(&stream[at..end]);
        frames.extend(take_frames(&mut kept));
        at = end;
    }
    assert_eq!(frames, expected);
}

fn take_frames(octets: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(frame) = next_frame(&octets[at..], COMMAND_LENGTH_MAX_BOUND).expect("framed") {
        let length = frame.header.command_length as usize;
        frames.push(octets[at..at + length].to_vec());
        at += length;
    }
    octets.drain(..at);
    frames
}

#[test]
fn a_wrong_length_inside_a_pdu_never_reaches_the_next_one() {
    const SECRET: &[u8] = b"next subscriber's text";
    for vector in all() {
        let Some(octets) = vector.pdu_octets() else {
            continue;
        };
        let mut random = Random(0x5EED_0003);
        for _ in 0..20 {
            let mut stream = octets.to_vec();
            if stream.len() > 16 {
                let at = 16 + random.below(stream.len() - 16);
                stream[at] = 0xFF;
            }
            stream.extend_from_slice(SECRET);
            let frame = next_frame(&stream, COMMAND_LENGTH_MAX_BOUND)
                .unwrap()
                .unwrap();
            if let Ok(pdu) = Pdu::decode(&frame) {
                let shown = encode(&frame, &pdu);
                assert!(shown.len() <= octets.len() + 1, "{}", vector.id);
                let leaks = shown.windows(SECRET.len()).any(|octets| octets == SECRET);
                assert!(!leaks, "{}", vector.id);
            }
        }
    }
}

#[test]
fn decoding_allocates_nothing() {
    for vector in all() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let counted = allocation_counter::measure(|| {
            std::hint::black_box(decode_both(&frame));
        });
        assert_eq!(counted.count_total, 0, "{}", vector.id);
    }
}

fn decode_both(frame: &Frame<'_>) -> bool {
    let mut items = 0;
    let lenient = Pdu::decode_with(frame, Quirks::LENIENT);
    let strict = Pdu::decode_with(frame, Quirks::STRICT);
    if let Ok(decoded) = lenient {
        inspect(frame, &decoded.pdu, |_| items += 1);
    }
    lenient.is_ok() && strict.is_ok() && items > 0
}
