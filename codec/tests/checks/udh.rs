//! User data headers of any octets, and reassembly under any sequence of parts.

use std::collections::BTreeSet;

use signalbox_codec::reassembly::{Inserted, Part, Parts, Reassembly, ReassemblyLimits, Sender};
use signalbox_codec::udh::{self, Concatenation, InformationElement, ReferenceWidth, Udh};

use super::input::Input;

/// The first octet chooses between the checks of this file.
pub fn check_udh(octets: &[u8]) {
    let mut input = Input::new(octets);
    if input.flag() {
        check_reassembly(&mut input);
    } else {
        check_header(input.rest());
    }
}

/// A header that is accepted lies inside of the octets, gives valid places only, and its elements
/// written again are the same header.
fn check_header(user_data: &[u8]) {
    let Ok((udh, body)) = Udh::split(user_data) else {
        return;
    };
    assert_eq!(udh.octets() + body.len(), user_data.len());
    assert!(user_data.ends_with(body));
    let elements: Vec<InformationElement<'_>> = udh.iter().collect();
    let mut again = Vec::new();
    udh::write(&elements, &mut again).expect("it was a header");
    assert_eq!(again, user_data[..udh.octets()]);
    if let Some(place) = udh.concatenation() {
        assert!((1..=place.total).contains(&place.number));
        let mut element = Vec::new();
        place.write_element(&mut element);
        let written = InformationElement {
            id: element[0],
            data: &element[2..],
        };
        assert_eq!(Concatenation::of_element(written), Some(place));
        assert!(elements.contains(&written));
    }
    let _ = udh.ports();
    let waiting = udh.special_messages().count();
    assert!(waiting <= elements.len());
}

const LIMITS: ReassemblyLimits = ReassemblyLimits {
    messages_max: 6,
    messages_per_sender_max: 3,
    octets_max: 1500,
    age_max_ms: 1000,
};

/// Every part that goes in comes out exactly once: in a whole message, in one that was given up,
/// or as a duplicate; and the bounds hold after each step.
fn check_reassembly(input: &mut Input<'_>) {
    let mut reassembly = Reassembly::new(LIMITS);
    let mut inside = BTreeSet::new();
    let mut now_ms = 0;
    for mark in 0.. {
        if input.is_empty() {
            break;
        }
        now_ms += u64::from(input.octet() >> 4) * 40;
        let width = input.pick(&[
            ReferenceWidth::Bits8,
            ReferenceWidth::Bits16,
            ReferenceWidth::Sar,
        ]);
        let (reference, total, number) = (input.octet() % 3, input.octet() % 4, input.octet() % 4);
        let Some(place) = Concatenation::new(reference.into(), width, total, number) else {
            assert!(number == 0 || number > total);
            continue;
        };
        let sender = Sender {
            scope: 1,
            source: vec![input.octet() % 4],
        };
        let octets = input.below(64);
        let part = Part {
            mark,
            body: input.octets(octets).to_vec(),
        };
        inside.insert(mark);
        match reassembly.insert(now_ms, sender, Vec::new(), place, part) {
            Inserted::Waiting => {}
            Inserted::Duplicate => assert!(inside.remove(&mark)),
            Inserted::Complete(parts) => {
                assert_eq!(parts.parts.len(), usize::from(place.total));
                take_out(&mut inside, &parts);
            }
        }
        settle(&mut reassembly, &mut inside, now_ms);
    }
    reassembly.expire(u64::MAX);
    settle(&mut reassembly, &mut inside, u64::MAX);
    assert!(inside.is_empty(), "parts were lost: {inside:?}");
    assert_eq!((reassembly.messages(), reassembly.octets()), (0, 0));
}

fn settle(reassembly: &mut Reassembly, inside: &mut BTreeSet<u64>, now_ms: u64) {
    while let Some(given_up) = reassembly.poll_given_up() {
        take_out(inside, &given_up.parts);
    }
    assert!(reassembly.messages() <= LIMITS.messages_max);
    assert!(reassembly.octets() <= LIMITS.octets_max);
    assert!(reassembly.poll_timeout_ms().is_none_or(|at| at > now_ms));
}

fn take_out(inside: &mut BTreeSet<u64>, parts: &Parts) {
    let numbers: Vec<u8> = parts.parts.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next));
    for (_, part) in &parts.parts {
        assert!(inside.remove(&part.mark), "{} came out twice", part.mark);
    }
}
