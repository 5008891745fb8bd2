//! Deliveries with several parts: each has its own outcome and its own receipt.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use bench::{Bench, SECOND, code, next_route, refused, retry, taken, throttled, unknown};
use signalbox_router::{DeliveryId, Event, Outcome, Phase, State, UnknownOutcome};

/// A delivery in flight whose channel speaks of three parts.
fn three_parts(bench: &mut Bench) -> DeliveryId {
    let message = bench.watched(&[State::Sent, State::Failed, State::Delivered]);
    bench.send(message)
}

fn report(bench: &mut Bench, id: DeliveryId, outcomes: [Outcome; 3]) {
    for (part, outcome) in (1..).zip(outcomes) {
        bench.part_outcome("acme", id, part, 3, outcome);
    }
}

fn part_states(bench: &mut Bench, id: DeliveryId) -> Vec<State> {
    bench
        .state(id)
        .parts
        .iter()
        .map(|part| part.state)
        .collect()
}

#[test]
fn it_is_sent_when_all_parts_are_and_delivered_when_all_parts_are() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    bench.part_outcome("acme", id, 2, 3, taken("b"));
    bench.part_outcome("acme", id, 1, 3, taken("a"));
    assert_eq!(bench.state(id).phase, Phase::Dispatched);
    bench.part_outcome("acme", id, 3, 3, taken("c"));
    assert_eq!(bench.state(id).state, State::Sent);
    bench.receipt("acme", &["c"], State::Delivered);
    bench.receipt("acme", &["a"], State::Delivered);
    assert_eq!(bench.state(id).state, State::Sent);
    bench.receipt("acme", &["b"], State::Delivered);
    let state = bench.state(id);
    assert_eq!((state.state, state.phase), (State::Delivered, Phase::Done));
}

#[test]
fn a_receipt_between_the_responses_is_kept() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    bench.part_outcome("acme", id, 1, 3, taken("a"));
    bench.receipt("acme", &["a"], State::Delivered);
    assert_eq!(bench.state(id).phase, Phase::Dispatched);
    bench.part_outcome("acme", id, 2, 3, taken("b"));
    bench.part_outcome("acme", id, 3, 3, taken("c"));
    assert_eq!(
        part_states(&mut bench, id),
        [State::Delivered, State::Sent, State::Sent]
    );
    assert_eq!(bench.state(id).state, State::Sent);
}

#[test]
fn multipart_part_throttled() {
    for (outcome, wait_ms, attempt) in [
        (throttled(), 0, 1),
        (Outcome::NotSent, 0, 1),
        (retry(), 2 * SECOND, 2),
    ] {
        let mut bench = Bench::new();
        let id = three_parts(&mut bench);
        report(&mut bench, id, [taken("a"), outcome, taken("c")]);
        assert_eq!(bench.state(id).state, State::Accepted);
        bench.credit("acme", 1);
        bench.wait(wait_ms);
        let (provider, dispatch) = bench.sent.pop().unwrap();
        assert_eq!(provider.as_str(), "acme");
        assert_eq!(
            (&dispatch.parts_done[..], dispatch.attempt),
            (&[1, 3][..], attempt)
        );
        bench.part_outcome("acme", id, 2, 3, taken("b"));
        assert_eq!(bench.state(id).state, State::Sent);
    }
}

#[test]
fn several_temporary_failures_are_one_attempt() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    report(&mut bench, id, [retry(), taken("b"), retry()]);
    assert_eq!(bench.state(id).attempts, 1);
    bench.credit("acme", 1);
    bench.wait(2 * SECOND);
    assert_eq!(bench.sent.pop().unwrap().1.parts_done, [2]);
}

#[test]
fn the_delivery_waits_for_all_parts_before_it_is_queued_again() {
    let mut bench = Bench::new();
    bench.credit("acme", 9);
    let id = three_parts(&mut bench);
    bench.part_outcome("acme", id, 1, 3, throttled());
    bench.part_outcome("acme", id, 2, 3, next_route());
    assert_eq!(bench.state(id).phase, Phase::Dispatched);
    assert!(bench.sent.is_empty());
    bench.part_outcome("acme", id, 3, 3, throttled());
    let state = bench.state(id);
    assert_eq!(state.provider.unwrap().as_str(), "other");
    assert!(
        state.parts.is_empty(),
        "nothing was taken, all parts go to the next provider"
    );
}

#[test]
fn a_permanent_failure_ends_it_and_the_other_parts_are_noted() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    bench.part_outcome("acme", id, 1, 3, taken("a"));
    bench.part_outcome("acme", id, 2, 3, refused());
    let state = bench.state(id);
    assert_eq!((state.state, state.phase), (State::Failed, Phase::Done));
    assert_eq!(state.error, Some(code(11, "ESME_RINVDSTADR")));
    bench.part_outcome("acme", id, 3, 3, taken("c"));
    bench.receipt("acme", &["c"], State::Delivered);
    let state = bench.state(id);
    assert_eq!((state.state, state.phase), (State::Failed, Phase::Done));
    assert_eq!(
        part_states(&mut bench, id),
        [State::Sent, State::Failed, State::Delivered]
    );
}

#[test]
fn no_other_provider_gets_the_rest_of_a_message() {
    for outcomes in [
        [taken("a"), next_route(), taken("c")],
        [next_route(), taken("b"), taken("c")],
    ] {
        let mut bench = Bench::new();
        let id = three_parts(&mut bench);
        report(&mut bench, id, outcomes);
        let state = bench.state(id);
        assert_eq!((state.state, state.phase), (State::Failed, Phase::Done));
        assert_eq!(state.error, Some(code(0x0A, "ESME_RINVSRCADR")));
        assert!(state.parts.iter().all(|part| part.state != State::Rejected));
    }
}

#[test]
fn a_refusal_beside_a_taken_part_is_no_change_of_provider() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    bench.part_outcome("acme", id, 1, 3, taken("a"));
    bench.part_outcome("acme", id, 2, 3, next_route());
    let events = bench.events(id);
    assert!(matches!(events[..], [Event::Ended { .. }]), "{events:?}");
}

#[test]
fn parts_of_unknown_outcome_follow_the_policy() {
    let rows = [
        (UnknownOutcome::HoldForReceipt, State::Unknown, false),
        (UnknownOutcome::NextRoute, State::Unknown, false),
        (UnknownOutcome::Resend, State::Accepted, true),
    ];
    for (policy, state, again) in rows {
        let mut bench = Bench::with_unknown(policy);
        let id = three_parts(&mut bench);
        report(&mut bench, id, [taken("a"), unknown(), taken("c")]);
        let found = bench.state(id);
        assert_eq!(
            (found.state, found.duplicate_possible),
            (state, again),
            "{policy:?}"
        );
        bench.credit("acme", 1);
        bench.wait(2 * SECOND);
        let sent: Vec<_> = bench
            .sent
            .iter()
            .map(|(_, dispatch)| dispatch.parts_done.clone())
            .collect();
        assert_eq!(
            sent,
            if again { vec![vec![1, 3]] } else { vec![] },
            "{policy:?}"
        );
    }
}

#[test]
fn a_part_held_as_unknown_is_not_resent_with_another() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    report(&mut bench, id, [unknown(), throttled(), taken("c")]);
    bench.credit("acme", 1);
    assert_eq!(bench.sent.pop().unwrap().1.parts_done, [1, 3]);
    bench.part_outcome("acme", id, 2, 3, taken("b"));
    assert_eq!(bench.state(id).state, State::Unknown);
    bench.part_outcome("acme", id, 1, 3, taken("a"));
    assert_eq!(bench.state(id).state, State::Sent);
}

#[test]
fn a_failed_receipt_stops_the_parts_that_wait() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    report(&mut bench, id, [taken("a"), throttled(), taken("c")]);
    bench.receipt("acme", &["a"], State::Failed);
    assert_eq!(bench.state(id).state, State::Failed);
    bench.credit("acme", 1);
    assert!(bench.sent.is_empty());
}

#[test]
fn the_number_of_parts_may_change_while_none_is_taken() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    bench.part_outcome("acme", id, 1, 1, Outcome::NotSent);
    bench.credit("acme", 1);
    report(&mut bench, id, [throttled(), throttled(), throttled()]);
    bench.credit("acme", 1);
    bench.part_outcome("acme", id, 1, 2, taken("a"));
    bench.part_outcome("acme", id, 2, 2, taken("b"));
    let state = bench.state(id);
    assert_eq!((state.state, state.parts.len()), (State::Sent, 2));
}

#[test]
fn the_most_parts_there_can_be() {
    let mut bench = Bench::new();
    let id = three_parts(&mut bench);
    for part in 1..=u8::MAX {
        bench.part_outcome("acme", id, part, u8::MAX, taken(&format!("id{part}")));
    }
    assert_eq!(bench.state(id).state, State::Sent);
    bench.receipt("acme", &["id255"], State::Failed);
    assert_eq!(bench.state(id).parts[254].state, State::Failed);
}
