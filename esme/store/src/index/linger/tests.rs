//! How much is kept, for how long, and what checkpoints still have to write.

use signalbox_router::{DeliveryState, PartState, Phase, State};

use super::*;

fn done(number: u64, at: u64) -> HotMessage {
    let state = DeliveryState {
        state: State::Delivered,
        phase: Phase::Done,
        provider: Some("acme".into()),
        parts: vec![PartState {
            state: State::Delivered,
            remote_id: Some(number.to_string().into()),
            error: None,
        }],
        ..DeliveryState::default()
    };
    let entry = MessageEntry {
        location: Location::default(),
        states: vec![state],
        changed_at: Timestamp(at),
    };
    HotMessage::looked_up(entry, false)
}

fn keep(lingering: &mut Lingering, number: u64, at: u64) {
    lingering.keep(MessageId(u128::from(number)), &done(number, at));
}

/// Those of the numbers below `end` that are kept; by message and by remote id it is the same.
fn kept(lingering: &mut Lingering, end: u64) -> Vec<u64> {
    let provider = ProviderName::from("acme");
    let found = |number: &u64| {
        let id = MessageId(u128::from(*number));
        let by_id = lingering.get(id).expect("good octets").is_some();
        let part = lingering.by_remote_id(&provider, &number.to_string());
        let message = part.expect("good octets").map(|part| part.delivery.message);
        assert_eq!(message, by_id.then_some(id));
        by_id
    };
    (1..end).filter(found).collect()
}

#[test]
fn between_half_and_all_are_kept() {
    let mut lingering = Lingering::new(10, 1_000);
    for number in 1..=25 {
        keep(&mut lingering, number, number);
        let kept = kept(&mut lingering, 30);
        assert!(kept.len() <= 10, "{kept:?}");
        assert!(kept.len() as u64 >= number.min(5), "{kept:?}");
        assert_eq!(kept.last(), Some(&number));
    }
}

#[test]
fn they_are_kept_between_half_of_the_time_and_the_whole() {
    let mut lingering = Lingering::new(10, 1_000);
    for (number, at, oldest) in [(1, 600, 1), (2, 1_099, 1), (3, 1_100, 1), (4, 1_600, 3)] {
        keep(&mut lingering, number, at);
        assert_eq!(kept(&mut lingering, 9).first(), Some(&oldest), "at {at}");
    }
    keep(&mut lingering, 5, 9_000);
    assert_eq!(kept(&mut lingering, 9), [5], "all others are too old");
    // One that was done long ago makes the others no older.
    keep(&mut lingering, 6, 7_000);
    keep(&mut lingering, 7, 9_001);
    assert_eq!(kept(&mut lingering, 9), [5, 6, 7]);
    let mut none = Lingering::new(0, 1_000);
    keep(&mut none, 1, 600);
    assert!(kept(&mut none, 9).is_empty());
}

#[test]
fn what_is_taken_is_as_it_was_and_gone() {
    let mut lingering = Lingering::new(10, 1_000);
    keep(&mut lingering, 1, 700);
    keep(&mut lingering, 2, 701);
    lingering.written();
    keep(&mut lingering, 3, 702);
    for (number, in_runs) in [(1_u64, true), (3, false)] {
        let id = MessageId(u128::from(number));
        let taken = lingering.take(id).expect("good octets").expect("kept");
        let expected = done(number, 699 + number);
        assert_eq!(taken.states, expected.states);
        assert_eq!(taken.changed_at, expected.changed_at);
        assert_eq!((taken.in_runs, taken.dirty), (in_runs, !in_runs));
        assert!(lingering.take(id).expect("good octets").is_none());
        assert!(!kept(&mut lingering, 9).contains(&number));
    }
}

#[test]
fn a_checkpoint_writes_each_once() {
    let mut lingering = Lingering::new(4, 1_000);
    let unwritten = |lingering: &mut Lingering| {
        let messages = lingering.unwritten().expect("good octets");
        assert_eq!(lingering.has_unwritten(), !messages.is_empty());
        let mut ids: Vec<u128> = messages.iter().map(|(id, _)| id.0).collect();
        ids.sort_unstable();
        ids
    };
    keep(&mut lingering, 1, 600);
    assert_eq!(unwritten(&mut lingering), [1]);
    lingering.written();
    assert!(unwritten(&mut lingering).is_empty());
    keep(&mut lingering, 2, 600);
    keep(&mut lingering, 3, 600);
    assert_eq!(unwritten(&mut lingering), [2, 3], "one of each generation");
}

#[test]
fn many_recipients_close_a_generation_by_its_octets() {
    let mut lingering = Lingering::new(10_000, 1_000);
    let mut message = done(1, 600);
    message.states = vec![message.states[0].clone(); 10_000];
    for number in 1..=100 {
        lingering.keep(MessageId(number), &message);
        let octets = lingering.young.octets.len() + lingering.old.octets.len();
        assert!(octets < 2 * (4 << 20), "{octets}");
    }
    assert!(lingering.old.count < 50);
}
