//! Callbacks: which states make one, what they tell, their order, their retries and their end.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use std::sync::Arc;

use bench::{Bench, HOUR, SECOND, event, refused, retry, taken, throttled, unknown};
use signalbox_router::{
    DeliveryId, Event, Input, Kind, Ledger, MessageId, Outcome, Phase, Record, State, Token,
    UnknownOutcome,
};

const ALL: [State; 6] = [
    State::Sent,
    State::Delivered,
    State::Failed,
    State::Expired,
    State::Unknown,
    State::Cancelled,
];

/// The callbacks that were made, oldest first.
fn callbacks(bench: &mut Bench) -> Vec<DeliveryId> {
    let ids: Vec<DeliveryId> = bench.ledger.deliveries().map(|(id, _)| *id).collect();
    let mut callbacks: Vec<(u64, DeliveryId)> = Vec::new();
    for id in ids {
        let delivery = bench.ledger.delivery(id).unwrap().unwrap();
        if delivery.message.kind == Kind::Callback {
            callbacks.push((delivery.state.order, id));
        }
    }
    callbacks.sort_unstable();
    callbacks.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn only_the_states_that_were_asked_for_are_told() {
    for asked in ALL {
        let mut bench = Bench::new();
        bench.credit("webhook", 1);
        let message = bench.watched(&[asked]);
        let id = bench.send(message);
        bench.outcome("acme", id, unknown());
        bench.outcome("acme", id, taken("1"));
        bench.receipt("acme", &["1"], State::Delivered);
        bench.receipt("acme", &["1"], State::Failed);
        let told: Vec<State> = bench
            .take_callbacks()
            .iter()
            .map(|event| event.state)
            .collect();
        let happens = !matches!(asked, State::Expired | State::Cancelled);
        assert_eq!(told, if happens { vec![asked] } else { vec![] });
    }
    let mut bench = Bench::new();
    let mut message = bench.watched(&ALL);
    message.callback_url = "".into();
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    assert!(callbacks(&mut bench).is_empty(), "nowhere to go");
}

#[test]
fn expiry_and_cancellation_are_told() {
    let mut bench = Bench::new();
    bench.credit("webhook", 1);
    let (expires, cancelled) = (bench.watched(&ALL), bench.watched(&ALL));
    bench.accept(expires);
    let id = bench.accept(cancelled).message;
    bench.input(Input::Cancel {
        token: Token(1),
        message: id,
        account: Arc::from("shop"),
    });
    bench.wait(48 * HOUR);
    let told: Vec<State> = bench
        .take_callbacks()
        .iter()
        .map(|event| event.state)
        .collect();
    assert_eq!(told, [State::Cancelled, State::Expired]);
}

#[test]
fn a_callback_tells_all_there_is_to_know() {
    let mut bench = Bench::with_unknown(UnknownOutcome::Resend);
    bench.credit("webhook", 1);
    let message = bench.watched(&[State::Failed]);
    let about = message.clone();
    let id = bench.send(message);
    bench.part_outcome("acme", id, 1, 2, taken("a"));
    bench.part_outcome("acme", id, 2, 2, unknown());
    bench.credit("acme", 1);
    bench.wait(2 * SECOND);
    bench.part_outcome("acme", id, 2, 2, taken("b"));
    bench.receipt("acme", &["a"], State::Failed);
    let dispatch = bench.sent.pop().unwrap().1;
    assert_eq!(dispatch.to(), "https://app.example/cb");
    assert_eq!(
        (dispatch.message.parent, dispatch.message.account.as_ref()),
        (Some(id.message), "shop")
    );
    assert_eq!(dispatch.message.expires_at, bench.now.plus_ms(72 * HOUR));
    let event = event(&dispatch);
    assert_eq!(
        (event.message, event.recipient, event.at),
        (id.message, 0, bench.now)
    );
    assert_eq!((event.to, event.from), (about.to[0].clone(), about.from));
    assert_eq!(event.provider.as_deref(), Some("acme"));
    assert_eq!(event.remote_ids, ["a", "b"]);
    assert_eq!(event.error.as_deref(), Some("absent"));
    assert!(event.duplicate_possible);
    assert_eq!(event.metadata, about.metadata);
}

#[test]
fn callbacks_about_a_delivery_go_one_after_the_other() {
    let mut bench = Bench::new();
    bench.credit("webhook", 9);
    let message = bench.watched(&ALL);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let [first] = callbacks(&mut bench)[..] else {
        panic!()
    };
    assert_eq!(bench.state(id).last_callback, Some(first.message));
    bench.receipt("acme", &["1"], State::Delivered);
    bench.receipt("acme", &["1"], State::Failed);
    let chain = callbacks(&mut bench);
    let phases: Vec<Phase> = chain.iter().map(|id| bench.state(*id).phase).collect();
    assert_eq!(phases, [Phase::Dispatched, Phase::Blocked, Phase::Blocked]);
    assert_eq!(bench.take_sent(), chain[..1]);
    bench.outcome("webhook", chain[0], retry());
    bench.wait(2 * SECOND);
    assert_eq!(bench.take_sent(), chain[..1], "a retry lets nothing pass");
    bench.outcome("webhook", chain[0], Outcome::Delivered);
    assert_eq!(
        bench.events(chain[1]),
        [Event::Unblocked, Event::Dispatched]
    );
    assert_eq!(bench.take_sent(), chain[1..2]);
    bench.outcome("webhook", chain[1], refused());
    assert_eq!(
        bench.take_sent(),
        chain[2..],
        "a failed one does not hold up the next"
    );
}

#[test]
fn slow_callback_does_not_stall_others() {
    let mut bench = Bench::new();
    bench.credit("webhook", 9);
    let mut message = bench.watched(&[State::Sent]);
    message.to.push("sms:+1".into());
    bench.credit("acme", 9);
    let first = bench.accept(message);
    bench.take_sent();
    for recipient in 0..2 {
        bench.outcome(
            "acme",
            DeliveryId { recipient, ..first },
            taken(&recipient.to_string()),
        );
    }
    assert_eq!(bench.sent.len(), 2, "recipients do not wait for each other");
}

#[test]
fn a_chain_ends_although_nobody_listens() {
    let mut bench = Bench::new();
    let message = bench.watched(&ALL);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    bench.wait(HOUR);
    bench.receipt("acme", &["1"], State::Delivered);
    bench.wait(71 * HOUR);
    let chain = callbacks(&mut bench);
    let states: Vec<_> = chain.iter().map(|id| bench.state(*id)).collect();
    assert_eq!(
        (states[0].state, states[1].phase),
        (State::Expired, Phase::Queued)
    );
    bench.wait(HOUR);
    assert_eq!(bench.state(chain[1]).state, State::Expired);
}

#[test]
fn webhook_attempts_end_with_the_expiry_only() {
    let mut bench = Bench::new();
    bench.config.attempts_max = 2;
    bench.router.reconfigure(bench.config.clone());
    bench.credit("webhook", u32::MAX);
    let message = bench.watched(&[State::Sent]);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let mut attempts = 0;
    for hour in 0..73 {
        for (provider, dispatch) in std::mem::take(&mut bench.sent) {
            assert!(hour < 72);
            attempts += 1;
            let outcome = if attempts % 2 == 0 {
                retry()
            } else {
                unknown()
            };
            bench.outcome(provider.as_str(), dispatch.delivery, outcome);
        }
        bench.wait(HOUR);
    }
    let [callback] = callbacks(&mut bench)[..] else {
        panic!()
    };
    assert!(attempts > 10, "{attempts}");
    let state = bench.state(callback);
    assert_eq!((state.state, state.attempts), (State::Expired, attempts));
    assert!(state.error.is_some());
}

/// Applications come back later than SMSCs do.
#[test]
fn callbacks_have_a_schedule_of_their_own() {
    let mut bench = Bench::new();
    bench.config.webhook_retry_delays_ms = vec![HOUR];
    bench.router.reconfigure(bench.config.clone());
    bench.credit("webhook", 10);
    let message = bench.watched(&[State::Sent]);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let (_, callback) = bench.sent.pop().unwrap();
    bench.outcome("webhook", callback.delivery, retry());
    let wait_ms = bench.state(callback.delivery).due_at.0 - bench.now.0;
    // The schedule's delays are spread by a fifth.
    assert!(
        (HOUR * 4 / 5..=HOUR * 6 / 5).contains(&wait_ms),
        "{wait_ms}"
    );
}

#[test]
fn the_last_callback_may_be_forgotten_by_then() {
    let mut bench = Bench::new();
    let message = bench.watched(&ALL);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let mut state = bench.state(id);
    state.last_callback = Some(MessageId(7));
    let at = bench.now;
    let event = Event::NotSent;
    let record = Record::Changed {
        delivery: id,
        at,
        event,
        state,
    };
    bench.ledger.apply(record).unwrap();
    bench.receipt("acme", &["1"], State::Delivered);
    let last = callbacks(&mut bench).pop().unwrap();
    assert_eq!(bench.state(last).phase, Phase::Queued);
}

#[test]
fn a_crash_between_the_records_of_a_callback_keeps_the_order() {
    let mut bench = Bench::new();
    let message = bench.watched(&ALL);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let before = bench.state(id);
    bench.receipt("acme", &["1"], State::Delivered);
    // The disk kept the callback and lost the change of the delivery, so the receipt comes again.
    let (at, event) = (bench.now, Event::NotSent);
    let record = Record::Changed {
        delivery: id,
        at,
        event,
        state: before,
    };
    bench.ledger.apply(record).unwrap();
    bench.receipt("acme", &["1"], State::Delivered);
    let chain = callbacks(&mut bench);
    let successors = [0, 1].map(|at| bench.state(chain[at]).successor);
    let expected = [1, 2].map(|at| Some(Box::new(chain[at].message)));
    assert_eq!(successors, expected);
}

#[test]
fn states_between_are_not_told_twice() {
    let mut bench = Bench::new();
    bench.credit("webhook", 1);
    let message = bench.watched(&ALL);
    let id = bench.send(message);
    bench.credit("webhook", 1);
    bench.outcome("acme", id, throttled());
    bench.credit("acme", 1);
    bench.outcome("acme", id, taken("1"));
    bench.receipt("acme", &["1"], State::Sent);
    bench.receipt("acme", &["1"], State::Sent);
    let told: Vec<State> = bench
        .take_callbacks()
        .iter()
        .map(|event| event.state)
        .collect();
    assert_eq!(told, [State::Sent]);
}
