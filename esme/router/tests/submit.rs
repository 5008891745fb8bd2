//! Accepting: dedup, routes, first state, several recipients, order of dispatch, cancel, expiry.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use std::sync::Arc;

use bench::{Bench, SECOND, START, VALIDITY_MS, config, retry, route, taken};
use signalbox_router::{
    CancelResult, DISPATCH_MAX, Event, Input, Message, MessageId, OVERDUE_MAX, Phase, Priority,
    ProviderName, Record, RouterConfig, State, SubmitResult, Timestamp, Token,
};

fn keyed(bench: &mut Bench, key: &str, request_hash: u64) -> Message {
    Message {
        idempotency_key: key.into(),
        request_hash,
        ..bench.message()
    }
}

#[test]
fn a_key_is_used_once_in_one_submit_and_across_submits() {
    let mut bench = Bench::new();
    let first: Vec<Message> = [
        ("a", 1),
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("", 1),
        ("", 1),
        ("a", 1),
    ]
    .map(|(key, hash)| keyed(&mut bench, key, hash))
    .into();
    let ids: Vec<MessageId> = first.iter().map(|message| message.id).collect();
    let mut other_account = keyed(&mut bench, "a", 1);
    other_account.account = Arc::from("bank");
    let second = vec![
        keyed(&mut bench, "a", 1),
        keyed(&mut bench, "b", 9),
        other_account,
    ];
    let new = |at: usize| SubmitResult::Accepted {
        message: ids[at],
        states: vec![State::Accepted],
    };
    let repeated = |at: usize| SubmitResult::Repeated { message: ids[at] };
    let conflict = |at: usize| SubmitResult::KeyConflict { message: ids[at] };
    assert_eq!(
        bench.submit(first),
        [
            new(0),
            repeated(0),
            conflict(0),
            new(3),
            new(4),
            new(5),
            repeated(0)
        ]
    );
    assert_eq!(bench.records.len(), 4);
    let results = bench.submit(second);
    assert_eq!(results[..2], [repeated(0), conflict(3)]);
    assert!(matches!(results[2], SubmitResult::Accepted { .. }));
}

#[test]
fn a_key_of_a_message_without_route_is_free() {
    let mut bench = Bench::with(RouterConfig {
        routes: vec![route("49", &["acme"])],
        ..config()
    });
    let mut lost = keyed(&mut bench, "a", 1);
    lost.to = vec!["sms:+33".into()];
    let messages = vec![lost, keyed(&mut bench, "a", 2), keyed(&mut bench, "a", 2)];
    let id = messages[1].id;
    let results = bench.submit(messages);
    assert_eq!(
        results[0],
        SubmitResult::NoRoute {
            to: "sms:+33".into()
        }
    );
    assert!(matches!(results[1], SubmitResult::Accepted { .. }));
    assert_eq!(results[2], SubmitResult::Repeated { message: id });
}

#[test]
fn one_recipient_without_a_route_refuses_the_whole_message() {
    let mut bench = Bench::new();
    let mut message = bench.message();
    message.to = vec!["sms:+491".into(), "email:a@example".into()];
    bench.credit("acme", 5);
    let results = bench.submit(vec![message]);
    assert_eq!(
        results,
        [SubmitResult::NoRoute {
            to: "email:a@example".into()
        }]
    );
    assert!(bench.records.is_empty() && bench.sent.is_empty());
}

#[test]
fn each_recipient_is_a_delivery_on_its_own_route() {
    let routes = vec![route("", &["acme"]), route("+33", &["other"])];
    let mut bench = Bench::with(RouterConfig { routes, ..config() });
    bench.credit("acme", 5);
    bench.credit("other", 5);
    let mut message = bench.message();
    message.to = ["sms:+491", "sms:+332", "sms:+493"]
        .map(String::from)
        .into();
    bench.accept(message);
    let sent: Vec<_> = bench
        .sent
        .iter()
        .map(|(name, dispatch)| (name.as_str(), dispatch.to()))
        .collect();
    assert_eq!(
        sent,
        [
            ("acme", "sms:+491"),
            ("other", "sms:+332"),
            ("acme", "sms:+493")
        ]
    );
}

#[test]
fn a_message_that_leaves_at_once_is_one_record() {
    let mut bench = Bench::new();
    bench.credit("acme", 1);
    let message = bench.message();
    bench.accept(message);
    let [Record::Accepted { states, .. }] = &bench.records[..] else {
        panic!()
    };
    assert_eq!(
        (states[0].phase, states[0].deadline_at),
        (Phase::Dispatched, Timestamp(0))
    );
    assert_eq!(bench.sent[0].1.attempt, 1);
    let message = bench.message();
    let waiting = bench.accept(message);
    assert_eq!(
        bench.state(waiting).phase,
        Phase::Queued,
        "no credit is left"
    );
}

#[test]
fn nothing_overtakes_what_is_queued_and_priority_goes_first() {
    let mut bench = Bench::new();
    let order = [
        Priority::Normal,
        Priority::Lowest,
        Priority::Highest,
        Priority::Normal,
    ];
    let ids = order.map(|priority| {
        let message = Message {
            priority,
            ..bench.message()
        };
        bench.now = bench.now.plus_ms(1);
        bench.accept(message)
    });
    bench.credit("acme", 2);
    assert_eq!(bench.take_sent(), [ids[2], ids[0]]);
    bench.credit("acme", 5);
    assert_eq!(bench.take_sent(), [ids[3], ids[1]]);
    let message = bench.message();
    let last = bench.accept(message);
    assert_eq!(bench.take_sent(), [last], "credit that was left over");
}

#[test]
fn a_retry_that_is_due_goes_before_a_new_message() {
    let mut bench = Bench::new();
    let message = bench.message();
    let old = bench.send(message);
    bench.outcome("acme", old, retry());
    bench.credit("acme", 2);
    bench.now = bench.now.plus_ms(2 * SECOND);
    let message = bench.message();
    let new = bench.accept(message);
    assert_eq!(bench.take_sent(), [old, new]);
}

#[test]
fn the_order_of_acceptance_goes_on_after_a_restart() {
    let mut bench = Bench::new();
    let not_before = bench.now.plus_ms(10 * SECOND);
    let ids = [0, 1, 2].map(|at| {
        if at == 2 {
            bench.restart();
        }
        let message = Message {
            not_before,
            ..bench.message()
        };
        bench.accept(message)
    });
    bench.wait(10 * SECOND);
    bench.credit("acme", 2);
    assert_eq!(bench.take_sent(), ids[..2]);
}

#[test]
fn a_message_that_comes_too_late_is_accepted_and_expires() {
    let mut bench = Bench::new();
    bench.credit("acme", 1);
    let message = Message {
        expires_at: bench.now,
        ..bench.message()
    };
    let id = bench.accept(message);
    assert!(bench.sent.is_empty());
    bench.wait(0);
    assert_eq!(bench.state(id).state, State::Expired);
}

#[test]
fn not_before_waits_for_its_time() {
    let mut bench = Bench::new();
    bench.credit("acme", 1);
    let not_before = bench.now.plus_ms(10 * SECOND);
    let message = Message {
        not_before,
        ..bench.message()
    };
    let id = bench.accept(message);
    bench.wait(9_999);
    assert!(bench.sent.is_empty());
    bench.wait(1);
    assert_eq!(bench.take_sent(), [id]);
    assert_eq!(bench.events(id), [Event::Dispatched]);
}

#[test]
fn a_queued_message_expires_and_is_not_sent() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.accept(message);
    bench.wait(VALIDITY_MS - 1);
    assert_eq!(bench.state(id).state, State::Accepted);
    bench.now = bench.now.plus_ms(1);
    bench.credit("acme", 1);
    assert!(bench.sent.is_empty());
    let state = bench.state(id);
    assert_eq!((state.state, state.phase), (State::Expired, Phase::Done));
    let message = bench.message();
    bench.accept(message);
    assert_eq!(bench.take_sent().len(), 1, "the credit was not lost");
}

#[test]
fn a_tick_ends_no_more_than_its_limit_and_tells_of_the_rest() {
    let mut bench = Bench::new();
    let messages: Vec<Message> = (0..=OVERDUE_MAX).map(|_| bench.message()).collect();
    bench.submit(messages);
    bench.now = START.plus_ms(VALIDITY_MS);
    let mut effects = signalbox_router::Effects::default();
    bench
        .router
        .handle(bench.now, Input::Tick, &mut bench.ledger, &mut effects)
        .unwrap();
    assert_eq!(effects.records.len(), OVERDUE_MAX);
    assert!(bench.router.work_left());
    bench.input(Input::Tick);
    assert!(
        bench
            .ledger
            .deliveries()
            .all(|(_, state)| state.state == State::Expired)
    );
}

#[test]
fn credit_beyond_the_limit_of_a_step_is_used_by_the_next() {
    let mut bench = Bench::new();
    let messages: Vec<Message> = (0..DISPATCH_MAX + 1).map(|_| bench.message()).collect();
    bench.submit(messages);
    let mut effects = signalbox_router::Effects::default();
    let input = Input::Credit {
        provider: "acme".into(),
        credit: u32::MAX,
    };
    bench
        .router
        .handle(bench.now, input.clone(), &mut bench.ledger, &mut effects)
        .unwrap();
    assert_eq!(effects.actions.len(), DISPATCH_MAX);
    bench.input(input);
    let queued = bench
        .ledger
        .deliveries()
        .filter(|(_, state)| state.phase == Phase::Queued);
    assert_eq!(queued.count(), 0);
}

#[test]
fn credit_of_a_provider_that_went_down_is_void() {
    let mut bench = Bench::new();
    bench.credit("acme", 5);
    bench.input(Input::Down {
        provider: ProviderName::from("acme"),
    });
    let message = bench.message();
    let id = bench.accept(message);
    assert!(bench.sent.is_empty());
    bench.credit("acme", 1);
    assert_eq!(bench.take_sent(), [id]);
}

#[test]
fn cancel_takes_back_what_has_not_left() {
    let mut bench = Bench::new();
    let cancel = |bench: &mut Bench, message, account: &str| {
        let account = Arc::from(account);
        bench.input(Input::Cancel {
            token: Token(1),
            message,
            account,
        });
        bench.cancels.pop().unwrap()
    };
    bench.credit("acme", 1);
    let mut message = bench.message();
    message.to = vec!["sms:+491".into(), "sms:+492".into()];
    let id = bench.accept(message).message;
    assert_eq!(cancel(&mut bench, id, "bank"), CancelResult::NotFound);
    assert_eq!(
        cancel(&mut bench, MessageId(7), "shop"),
        CancelResult::NotFound
    );
    let both = CancelResult::Cancelled {
        cancelled: 1,
        left: 1,
    };
    assert_eq!(cancel(&mut bench, id, "shop"), both);
    assert_eq!(cancel(&mut bench, id, "shop"), CancelResult::TooLate);
    bench.credit("acme", 9);
    assert_eq!(bench.take_sent().len(), 1, "only the one that had left");
}

#[test]
fn cancel_stops_a_retry() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, retry());
    let account = Arc::from("shop");
    bench.input(Input::Cancel {
        token: Token(1),
        message: id.message,
        account,
    });
    assert_eq!(
        bench.cancels,
        [CancelResult::Cancelled {
            cancelled: 1,
            left: 0
        }]
    );
    bench.credit("acme", 1);
    bench.wait(60 * SECOND);
    assert!(bench.sent.is_empty());
}

#[test]
fn other_settings_hold_for_what_comes_next() {
    let mut bench = Bench::new();
    let message = bench.message();
    let old = bench.accept(message);
    let routes = vec![route("", &["new"])];
    bench
        .router
        .reconfigure(RouterConfig { routes, ..config() });
    bench.credit("acme", 2);
    bench.credit("new", 2);
    let message = bench.message();
    let new = bench.accept(message);
    let sent: Vec<_> = bench
        .sent
        .iter()
        .map(|(name, dispatch)| (name.as_str(), dispatch.delivery))
        .collect();
    assert_eq!(sent, [("acme", old), ("new", new)]);
    bench.outcome("acme", old, taken("1"));
    assert_eq!(bench.state(old).state, State::Sent);
}
