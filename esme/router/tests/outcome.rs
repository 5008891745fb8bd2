//! Outcomes of deliveries with one part: the table of outcomes row by row, retries, other routes,
//! unknown outcomes, outcomes that come late or twice.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use bench::{
    Bench, HOUR, SECOND, VALIDITY_MS, code, config, next_route, refused, retry, route, taken,
    throttled, unknown,
};
use signalbox_router::{
    Event, Input, Message, Outcome, Phase, RemoteId, RouterConfig, State, Timestamp, Token,
    UnknownOutcome,
};

#[test]
fn each_outcome_leads_to_its_state() {
    use Phase::{AwaitingReceipt, Done, Queued};
    use State::{Accepted, Delivered, Failed, Sent, Unknown};
    let rows = [
        (taken("1"), Sent, AwaitingReceipt, 0, "acme"),
        (taken_without_receipt(), Sent, Done, 0, "acme"),
        (Outcome::Delivered, Delivered, Done, 0, "acme"),
        (retry(), Accepted, Queued, 1, "acme"),
        (throttled(), Accepted, Queued, 0, "acme"),
        (Outcome::NotSent, Accepted, Queued, 0, "acme"),
        (next_route(), Accepted, Queued, 0, "other"),
        (refused(), Failed, Done, 0, "acme"),
        (unknown(), Unknown, AwaitingReceipt, 0, "acme"),
    ];
    for (outcome, state, phase, attempts, provider) in rows {
        let row = format!("{outcome:?}");
        let mut bench = Bench::new();
        let message = bench.message();
        let (expires_at, id) = (message.expires_at, bench.send(message));
        bench.outcome("acme", id, outcome);
        let found = bench.state(id);
        assert_eq!((found.state, found.phase), (state, phase), "{row}");
        assert_eq!(found.attempts, attempts, "{row}");
        assert_eq!(found.provider.unwrap().as_str(), provider, "{row}");
        let deadline_at = match phase {
            Queued => expires_at,
            AwaitingReceipt => bench.now.plus_ms(72 * HOUR),
            _ => Timestamp(0),
        };
        assert_eq!(found.deadline_at, deadline_at, "{row}");
        assert!(!found.duplicate_possible, "{row}");
        assert_eq!(bench.records.len(), 1, "{row}: one outcome is one record");
    }
}

#[test]
fn each_outcome_is_told_in_the_timeline() {
    let remote_id = RemoteId::from("1");
    let rows = [
        (
            taken("1"),
            Event::PartSent {
                part: 1,
                parts_total: 1,
                remote_id: Some(remote_id),
            },
        ),
        (Outcome::Delivered, Event::Ended { error: None }),
        (
            throttled(),
            Event::Throttled {
                error: code(0x58, "ESME_RTHROTTLED"),
            },
        ),
        (Outcome::NotSent, Event::NotSent),
        (
            next_route(),
            Event::Rerouted {
                error: code(0x0A, "ESME_RINVSRCADR"),
                provider: "other".into(),
            },
        ),
        (
            refused(),
            Event::Ended {
                error: Some(code(11, "ESME_RINVDSTADR")),
            },
        ),
        (
            unknown(),
            Event::OutcomeUnknown {
                error: code(0, "response timer"),
            },
        ),
    ];
    for (outcome, event) in rows {
        let mut bench = Bench::new();
        let message = bench.message();
        let id = bench.send(message);
        bench.outcome("acme", id, outcome);
        assert_eq!(bench.events(id), [event]);
    }
}

#[test]
fn retries_follow_the_schedule_until_they_are_used_up() {
    let mut bench = Bench::with(RouterConfig {
        routes: vec![route("", &["acme"])],
        attempts_max: 4,
        ..config()
    });
    bench.credit("acme", 100);
    let message = bench.message();
    let id = bench.accept(message);
    for (attempt, delay_ms) in [(1, SECOND), (2, 60 * SECOND), (3, 60 * SECOND)] {
        assert_eq!(bench.sent.pop().unwrap().1.attempt, attempt);
        bench.outcome("acme", id, retry());
        let state = bench.state(id);
        let waited_ms = state.due_at.since_ms(bench.now);
        assert!(
            (delay_ms * 4 / 5..=delay_ms * 6 / 5).contains(&waited_ms),
            "{waited_ms}"
        );
        let error = code(8, "ESME_RSYSERR");
        assert_eq!(
            bench.events(id),
            [Event::RetryScheduled {
                error,
                retry_at: state.due_at
            }]
        );
        bench.wait(waited_ms - 1);
        assert!(bench.sent.is_empty());
        bench.wait(1);
    }
    assert_eq!(bench.sent.pop().unwrap().1.attempt, 4);
    bench.outcome("acme", id, retry());
    let state = bench.state(id);
    assert_eq!(
        (state.state, state.error),
        (State::Failed, Some(code(8, "ESME_RSYSERR")))
    );
}

#[test]
fn a_provider_can_wish_for_its_own_delay() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    let error = code(503, "busy");
    bench.outcome(
        "acme",
        id,
        Outcome::RetryAfter {
            error,
            after_ms: Some(7 * SECOND),
        },
    );
    assert_eq!(bench.state(id).due_at, bench.now.plus_ms(7 * SECOND));
}

#[test]
fn a_retry_behind_the_expiry_expires() {
    let mut bench = Bench::new();
    let message = Message {
        expires_at: bench.now.plus_ms(500),
        ..bench.message()
    };
    let id = bench.send(message);
    bench.outcome("acme", id, retry());
    bench.wait(500);
    assert_eq!(bench.state(id).state, State::Expired);
    assert_eq!(
        bench.events(id),
        [Event::Ended {
            error: Some(code(8, "ESME_RSYSERR"))
        }]
    );
}

#[test]
fn throttled_in_order() {
    let mut bench = Bench::new();
    bench.credit("acme", 2);
    let ids: Vec<_> = (0..4)
        .map(|_| {
            let message = bench.message();
            bench.now = bench.now.plus_ms(1);
            bench.accept(message)
        })
        .collect();
    assert_eq!(bench.take_sent(), ids[..2]);
    bench.outcome("acme", ids[1], throttled());
    bench.outcome("acme", ids[0], Outcome::NotSent);
    let message = bench.message();
    let last = bench.accept(message);
    bench.credit("acme", 9);
    assert_eq!(bench.take_sent(), [ids[0], ids[1], ids[2], ids[3], last]);
    assert!(ids.iter().all(|id| bench.state(*id).attempts == 0));
}

#[test]
fn credit_that_is_left_takes_what_came_back() {
    let mut bench = Bench::new();
    bench.credit("acme", 2);
    let message = bench.message();
    let id = bench.accept(message);
    bench.take_sent();
    bench.outcome("acme", id, Outcome::NotSent);
    assert_eq!(bench.take_sent(), [id]);
}

#[test]
fn next_route_goes_through_the_providers_once() {
    let mut bench = Bench::new();
    bench.credit("other", 1);
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, retry());
    bench.credit("acme", 1);
    bench.wait(2 * SECOND);
    bench.sent.clear();
    bench.outcome("acme", id, next_route());
    let (provider, dispatch) = bench.sent.pop().unwrap();
    assert_eq!((provider.as_str(), dispatch.attempt), ("other", 1));
    bench.outcome("acme", id, refused());
    assert_eq!(
        bench.state(id).phase,
        Phase::Dispatched,
        "the first provider is not asked"
    );
    bench.outcome("other", id, next_route());
    let state = bench.state(id);
    assert_eq!(
        (state.state, state.error),
        (State::Failed, Some(code(0x0A, "ESME_RINVSRCADR")))
    );
    assert_eq!(state.parts[0].state, State::Failed);
}

#[test]
fn timeout_is_not_resend() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, unknown());
    bench.credit("acme", 9);
    bench.credit("other", 9);
    bench.wait(VALIDITY_MS);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.state(id).state, State::Unknown);
    bench.wait(24 * HOUR);
    let state = bench.state(id);
    assert_eq!((state.state, state.phase), (State::Unknown, Phase::Done));
    assert!(!state.duplicate_possible);
}

#[test]
fn unknown_goes_by_the_policy_of_the_route() {
    let rows = [
        (
            UnknownOutcome::HoldForReceipt,
            State::Unknown,
            "acme",
            false,
        ),
        (UnknownOutcome::Resend, State::Accepted, "acme", true),
        (UnknownOutcome::NextRoute, State::Accepted, "other", true),
    ];
    for (policy, state, provider, duplicate_possible) in rows {
        let mut bench = Bench::with_unknown(policy);
        let message = bench.message();
        let id = bench.send(message);
        bench.outcome("acme", id, unknown());
        let found = bench.state(id);
        assert_eq!(
            (found.state, found.duplicate_possible),
            (state, duplicate_possible)
        );
        assert_eq!(found.provider.unwrap().as_str(), provider);
    }
}

#[test]
fn unknown_is_held_when_there_is_no_other_way() {
    for policy in [UnknownOutcome::Resend, UnknownOutcome::NextRoute] {
        let mut route = route("", &["acme"]);
        route.unknown_outcome = policy;
        let config = RouterConfig {
            routes: vec![route],
            attempts_max: 1,
            ..config()
        };
        let mut bench = Bench::with(config);
        let message = bench.message();
        let id = bench.send(message);
        bench.outcome("acme", id, unknown());
        let state = bench.state(id);
        assert_eq!(
            (state.state, state.duplicate_possible),
            (State::Unknown, false),
            "{policy:?}"
        );
    }
}

#[test]
fn a_late_response_ends_the_doubt() {
    let rows = [
        (taken("1"), State::Sent, Phase::AwaitingReceipt),
        (refused(), State::Failed, Phase::Done),
        (throttled(), State::Accepted, Phase::Queued),
    ];
    for (outcome, state, phase) in rows {
        let mut bench = Bench::new();
        let message = bench.message();
        let id = bench.send(message);
        bench.outcome("acme", id, unknown());
        bench.outcome("acme", id, outcome);
        let found = bench.state(id);
        assert_eq!((found.state, found.phase), (state, phase));
    }
}

#[test]
fn a_late_response_saves_the_second_copy() {
    let mut bench = Bench::with_unknown(UnknownOutcome::Resend);
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, unknown());
    bench.outcome("acme", id, taken("1"));
    bench.credit("acme", 1);
    bench.wait(60 * SECOND);
    assert!(bench.sent.is_empty());
    bench.receipt("acme", &["1"], State::Delivered);
    assert_eq!(bench.state(id).state, State::Delivered);
}

#[test]
fn a_late_response_after_the_end_brings_the_receipt_home() {
    let mut bench = Bench::with_unknown(UnknownOutcome::Resend);
    let message = Message {
        expires_at: bench.now.plus_ms(SECOND),
        ..bench.message()
    };
    let id = bench.send(message);
    bench.outcome("acme", id, unknown());
    bench.wait(SECOND);
    assert_eq!(bench.state(id).state, State::Expired);
    bench.outcome("acme", id, taken("1"));
    assert_eq!(bench.state(id).state, State::Expired);
    bench.receipt("acme", &["1"], State::Delivered);
    assert_eq!(bench.state(id).state, State::Delivered);
}

#[test]
fn outcomes_that_nobody_waits_for_leave_no_trace() {
    let prepared = [taken("1"), refused(), Outcome::Delivered];
    let late = [
        taken("2"),
        retry(),
        throttled(),
        Outcome::NotSent,
        next_route(),
        refused(),
    ];
    for first in &prepared {
        for second in late.iter().chain([&unknown()]) {
            let mut bench = Bench::new();
            let message = bench.message();
            let id = bench.send(message);
            bench.outcome("acme", id, first.clone());
            bench.outcome("acme", id, second.clone());
            assert!(bench.records.is_empty(), "{first:?}, then {second:?}");
        }
    }
    let mut bench = Bench::new();
    let message = bench.message();
    let mut id = bench.send(message);
    for (part, parts_total) in [(0, 1), (2, 1), (1, 0)] {
        bench.part_outcome("acme", id, part, parts_total, refused());
        assert!(bench.records.is_empty(), "part {part} of {parts_total}");
    }
    id.recipient = 7;
    bench.outcome("acme", id, taken("1"));
    assert!(bench.records.is_empty());
}

fn taken_without_receipt() -> Outcome {
    Outcome::Accepted {
        remote_id: None,
        receipt_expected: false,
    }
}

/// An SMSC whose queue for one recipient is full says ESME_RMSGQFUL to each try.
#[test]
fn one_that_is_always_throttled_lets_others_go_first_and_can_be_cancelled() {
    let mut bench = Bench::new();
    let message = bench.message();
    let stuck = bench.accept(message);
    let message = bench.message();
    let other = bench.accept(message);
    for _ in 0..2 {
        bench.credit("acme", 1);
        assert_eq!(bench.take_sent(), [stuck], "it keeps its place at first");
        bench.outcome("acme", stuck, throttled());
    }
    bench.credit("acme", 1);
    assert_eq!(bench.take_sent(), [other]);
    bench.outcome("acme", other, taken("1"));
    bench.credit("acme", 1);
    assert!(bench.take_sent().is_empty());
    bench.wait(1_000);
    assert_eq!(bench.take_sent(), [stuck], "it waited for its second");
    bench.outcome("acme", stuck, throttled());
    bench.input(Input::Cancel {
        token: Token(9),
        message: stuck.message,
        account: "shop".into(),
    });
    assert_eq!(bench.state(stuck).state, State::Cancelled);
}
