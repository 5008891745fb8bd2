//! Reassembly under a clock of numbers: orders, duplicates, reused references, and every bound.

use signalbox_codec::reassembly::{
    GivenUpReason, Inserted, Part, Reassembly, ReassemblyLimits, Sender,
};
use signalbox_codec::segment::{LongMessage, SegmentOptions};
use signalbox_codec::text::{Encoding, PlanOptions, charset, plan};
use signalbox_codec::udh::{Concatenation, ReferenceWidth, Udh};

const HOUR_MS: u64 = 3_600_000;

fn place(reference: u16, total: u8, number: u8) -> Concatenation {
    Concatenation::new(reference, ReferenceWidth::Bits8, total, number).expect("valid")
}

fn insert(
    reassembly: &mut Reassembly,
    now_ms: u64,
    source: &str,
    place: Concatenation,
    body: &str,
) -> Inserted {
    let sender = Sender {
        scope: 1,
        source: source.into(),
    };
    let part = Part {
        mark: u64::from(place.number),
        body: body.into(),
    };
    reassembly.insert(now_ms, sender, b"100".to_vec(), place, part)
}

/// Why messages were given up, with the bodies of their parts.
fn given_up(reassembly: &mut Reassembly) -> Vec<(GivenUpReason, String)> {
    let mut all = Vec::new();
    while let Some(one) = reassembly.poll_given_up() {
        all.push((
            one.reason,
            String::from_utf8(one.parts.body()).expect("UTF-8"),
        ));
    }
    all
}

fn permutations(items: &[u8]) -> Vec<Vec<u8>> {
    if items.len() < 2 {
        return vec![items.to_vec()];
    }
    let with_first = |at: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        permutations(&rest)
            .into_iter()
            .map(move |tail| [&[first], tail.as_slice()].concat())
    };
    (0..items.len()).flat_map(with_first).collect()
}

#[test]
fn five_parts_join_in_all_orders() {
    let orders = permutations(&[1, 2, 3, 4, 5]);
    assert_eq!(orders.len(), 120);
    let mut reassembly = Reassembly::new(ReassemblyLimits::default());
    for order in orders {
        for (index, &number) in order.iter().enumerate() {
            let body = number.to_string();
            match insert(&mut reassembly, 0, "491", place(7, 5, number), &body) {
                Inserted::Waiting => assert!(index < 4),
                Inserted::Complete(parts) => {
                    assert_eq!((index, parts.body()), (4, b"12345".to_vec()));
                    assert!(
                        parts
                            .parts
                            .iter()
                            .all(|(number, part)| part.mark == (*number).into())
                    );
                }
                Inserted::Duplicate => panic!("{order:?}"),
            }
        }
        assert_eq!((reassembly.messages(), reassembly.octets()), (0, 0));
    }
    assert_eq!(given_up(&mut reassembly), []);
}

#[test]
fn duplicates_are_dropped_and_reused_references_start_anew() {
    let mut reassembly = Reassembly::new(ReassemblyLimits::default());
    assert_eq!(
        insert(&mut reassembly, 0, "491", place(7, 2, 1), "a"),
        Inserted::Waiting
    );
    assert_eq!(
        insert(&mut reassembly, 0, "491", place(7, 2, 1), "a"),
        Inserted::Duplicate
    );
    assert_eq!(
        insert(&mut reassembly, 0, "491", place(7, 2, 1), "b"),
        Inserted::Waiting
    );
    assert_eq!(
        given_up(&mut reassembly),
        [(GivenUpReason::Replaced, "a".to_owned())]
    );
    let Inserted::Complete(parts) = insert(&mut reassembly, 0, "491", place(7, 2, 2), "c") else {
        panic!("two of two");
    };
    assert_eq!(parts.body(), b"bc");
}

#[test]
fn what_differs_in_the_key_never_mixes() {
    let mut reassembly = Reassembly::new(ReassemblyLimits::default());
    let wide = Concatenation {
        width: ReferenceWidth::Bits16,
        ..place(7, 2, 2)
    };
    let sar = Concatenation {
        width: ReferenceWidth::Sar,
        ..place(7, 2, 2)
    };
    insert(&mut reassembly, 0, "491", place(7, 2, 1), "a");
    for (source, place) in [
        ("492", place(7, 2, 2)),
        ("491", place(8, 2, 2)),
        ("491", place(7, 3, 2)),
        ("491", wide),
        ("491", sar),
    ] {
        assert_eq!(
            insert(&mut reassembly, 0, source, place, "x"),
            Inserted::Waiting
        );
    }
    assert_eq!(reassembly.messages(), 6);
}

#[test]
fn a_single_part_is_complete_at_once() {
    let mut reassembly = Reassembly::new(ReassemblyLimits::default());
    let inserted = insert(&mut reassembly, 0, "491", place(7, 1, 1), "a");
    assert!(matches!(inserted, Inserted::Complete(_)));
}

#[test]
fn age_is_counted_from_the_first_part() {
    let limits = ReassemblyLimits {
        age_max_ms: HOUR_MS,
        ..ReassemblyLimits::default()
    };
    let mut reassembly = Reassembly::new(limits);
    assert_eq!(reassembly.poll_timeout_ms(), None);
    insert(&mut reassembly, 10, "491", place(7, 3, 1), "a");
    insert(&mut reassembly, HOUR_MS, "491", place(7, 3, 2), "b");
    assert_eq!(reassembly.poll_timeout_ms(), Some(10 + HOUR_MS));
    reassembly.expire(9 + HOUR_MS);
    assert_eq!(reassembly.messages(), 1);
    let late = insert(&mut reassembly, 10 + HOUR_MS, "491", place(7, 3, 3), "c");
    assert_eq!(late, Inserted::Waiting);
    assert_eq!(
        given_up(&mut reassembly),
        [(GivenUpReason::Expired, "ab".to_owned())]
    );
}

#[test]
fn the_oldest_gives_way_at_every_bound() {
    let default = ReassemblyLimits::default();
    for (limits, source_of, kept) in [
        (
            ReassemblyLimits {
                messages_max: 3,
                ..default
            },
            (|n: u16| n.to_string()) as fn(u16) -> String,
            3,
        ),
        (
            ReassemblyLimits {
                messages_per_sender_max: 2,
                ..default
            },
            |_| "491".to_owned(),
            2,
        ),
        (
            ReassemblyLimits {
                octets_max: 4 * 65,
                ..default
            },
            |n| n.to_string(),
            4,
        ),
        (
            ReassemblyLimits {
                messages_max: 0,
                messages_per_sender_max: 0,
                ..default
            },
            |_| "491".to_owned(),
            1,
        ),
    ] {
        let mut reassembly = Reassembly::new(limits);
        for reference in 0..10 {
            let body = reference.to_string();
            insert(
                &mut reassembly,
                0,
                &source_of(reference),
                place(reference, 2, 1),
                &body,
            );
            assert!(reassembly.octets() <= limits.octets_max);
        }
        assert_eq!(reassembly.messages(), kept);
        let expected = (0..10 - kept).map(|one| (GivenUpReason::Evicted, one.to_string()));
        assert_eq!(given_up(&mut reassembly), expected.collect::<Vec<_>>());
    }
}

#[test]
fn one_sender_cannot_evict_another() {
    let limits = ReassemblyLimits {
        messages_per_sender_max: 5,
        ..ReassemblyLimits::default()
    };
    let mut reassembly = Reassembly::new(limits);
    insert(&mut reassembly, 0, "492", place(1, 2, 1), "kept");
    for reference in 0..200 {
        insert(&mut reassembly, 0, "491", place(reference, 255, 1), "x");
    }
    assert_eq!(reassembly.messages(), 6);
    let inserted = insert(&mut reassembly, 0, "492", place(1, 2, 2), "!");
    assert!(matches!(inserted, Inserted::Complete(_)));
}

#[test]
fn a_part_beyond_all_octets_is_given_up_itself() {
    let limits = ReassemblyLimits {
        octets_max: 100,
        ..ReassemblyLimits::default()
    };
    let mut reassembly = Reassembly::new(limits);
    insert(&mut reassembly, 0, "491", place(1, 2, 1), &"x".repeat(200));
    assert_eq!((reassembly.messages(), reassembly.octets()), (0, 0));
    assert_eq!(given_up(&mut reassembly).len(), 1);
}

#[test]
fn segments_of_every_form_join_to_their_text() {
    let texts = [
        "plain text [with] € ".repeat(40),
        "ещё один 😀 текст ".repeat(30),
    ];
    for text in &texts {
        for long_message in [LongMessage::Udh8, LongMessage::Udh16, LongMessage::Sar] {
            let segment = SegmentOptions {
                long_message,
                reference: 300,
                ..Default::default()
            };
            let plan = plan(
                text,
                &PlanOptions {
                    segment,
                    ..Default::default()
                },
            )
            .expect("fits");
            let mut reassembly = Reassembly::new(ReassemblyLimits::default());
            let mut joined = None;
            let segments: Vec<_> = plan.segments.iter().collect();
            for segment in segments.iter().rev() {
                let of_udh = Udh::split(segment.user_data)
                    .ok()
                    .and_then(|one| one.0.concatenation());
                let concatenation = segment.sar.or(of_udh).expect("a part of several");
                let sender = Sender {
                    scope: 0,
                    source: b"491".to_vec(),
                };
                let part = Part {
                    mark: 0,
                    body: segment.body().to_vec(),
                };
                let inserted = reassembly.insert(0, sender, Vec::new(), concatenation, part);
                if let Inserted::Complete(parts) = inserted {
                    joined = Some(charset::decode(&parts.body(), plan.encoding));
                }
            }
            assert_eq!(joined, Some(Ok(text.clone())), "{long_message:?}");
            assert_eq!(
                Encoding::of_data_coding(plan.data_coding, Encoding::Gsm7),
                plan.encoding
            );
        }
    }
}
