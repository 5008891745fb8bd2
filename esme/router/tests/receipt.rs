//! Receipts: before the response, twice, in any order, under other forms of the id, never.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use bench::{Bench, HOUR, SECOND, code, taken};
use signalbox_router::{
    Effects, Event, Input, LINGER_MAX, Ledger, OVERDUE_PARKED_MAX, Outcome, PartId, Phase, Record,
    State, Token,
};

#[test]
fn receipt_before_response() {
    let mut bench = Bench::new();
    let message = bench.watched(&[State::Sent, State::Delivered]);
    let id = bench.send(message);
    bench.credit("webhook", 1);
    bench.receipt("acme", &["7B", "123"], State::Delivered);
    assert!(matches!(bench.records[..], [Record::Parked(_)]));
    bench.outcome("acme", id, taken("123"));
    assert_eq!(bench.state(id).state, State::Delivered);
    assert_eq!(bench.ledger.parked_receipts().count(), 0);
    let part = PartId {
        delivery: id,
        part: 1,
    };
    let matched = bench.records.iter().find_map(|record| match record {
        Record::Unparked {
            remote_id, matched, ..
        } => Some((&**remote_id, *matched)),
        _ => None,
    });
    assert_eq!(matched, Some(("7B", Some(part))));
    let told: Vec<State> = bench
        .take_callbacks()
        .iter()
        .map(|event| event.state)
        .collect();
    assert_eq!(told, [State::Sent, State::Delivered]);
}

#[test]
fn each_state_of_a_receipt() {
    let rows = [
        (State::Delivered, State::Delivered, Phase::Done),
        (State::Failed, State::Failed, Phase::Done),
        (State::Rejected, State::Failed, Phase::Done),
        (State::Expired, State::Expired, Phase::Done),
        (State::Cancelled, State::Cancelled, Phase::Done),
        (State::Sent, State::Sent, Phase::AwaitingReceipt),
        (State::Accepted, State::Sent, Phase::AwaitingReceipt),
        (State::Unknown, State::Sent, Phase::AwaitingReceipt),
    ];
    for (reported, state, phase) in rows {
        let mut bench = Bench::new();
        let message = bench.message();
        let id = bench.send(message);
        bench.outcome("acme", id, taken("1"));
        bench.receipt("acme", &["1"], reported);
        let found = bench.state(id);
        assert_eq!((found.state, found.phase), (state, phase), "{reported:?}");
        let error = (reported == State::Failed).then(|| code(7, "absent"));
        assert_eq!(found.error, error, "{reported:?}");
        assert_eq!(
            bench.events(id),
            [Event::Receipt {
                part: 1,
                state: reported,
                error
            }]
        );
    }
}

#[test]
fn receipt_twice() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    bench.receipt("acme", &["1"], State::Delivered);
    bench.receipt("acme", &["1"], State::Delivered);
    assert!(bench.records.is_empty());
}

#[test]
fn the_later_final_state_wins_and_is_told() {
    let mut bench = Bench::new();
    bench.credit("webhook", 1);
    let message = bench.watched(&[State::Delivered, State::Failed]);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let order = [
        State::Delivered,
        State::Sent,
        State::Failed,
        State::Delivered,
    ];
    for reported in order {
        bench.receipt("acme", &["1"], reported);
    }
    let told: Vec<_> = bench
        .take_callbacks()
        .into_iter()
        .map(|event| (event.state, event.error))
        .collect();
    let failed = (State::Failed, Some("absent".to_owned()));
    assert_eq!(
        told,
        [(State::Delivered, None), failed, (State::Delivered, None)]
    );
}

#[test]
fn ids_belong_to_a_provider_and_the_first_form_that_fits_is_taken() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let message = bench.message();
            bench.send(message)
        })
        .collect();
    bench.outcome("acme", ids[0], taken("10"));
    bench.outcome("acme", ids[1], taken("16"));
    bench.receipt("other", &["10"], State::Delivered);
    assert_eq!(bench.state(ids[0]).state, State::Sent);
    bench.receipt("acme", &["a", "10", "16"], State::Delivered);
    assert_eq!(bench.state(ids[0]).state, State::Delivered);
    assert_eq!(bench.state(ids[1]).state, State::Sent);
}

#[test]
fn an_unknown_receipt_is_parked_once_and_then_an_orphan() {
    let mut bench = Bench::new();
    bench.receipt("acme", &["1", "01"], State::Sent);
    bench.receipt("acme", &["1", "01"], State::Sent);
    assert!(bench.records.is_empty(), "it was there");
    bench.receipt("acme", &["1", "01"], State::Delivered);
    bench.receipt("acme", &["1", "01"], State::Sent);
    assert!(bench.records.is_empty(), "a final state is not forgotten");
    let parked: Vec<State> = bench
        .ledger
        .parked_receipts()
        .map(|receipt| receipt.state)
        .collect();
    assert_eq!(parked, [State::Delivered]);
    bench.wait(72 * HOUR - 1);
    assert!(bench.records.is_empty());
    bench.wait(1);
    assert!(matches!(
        bench.records[..],
        [Record::Unparked { matched: None, .. }]
    ));
    assert_eq!(bench.ledger.parked_receipts().count(), 0);
}

#[test]
fn parked_receipts_that_share_a_form_of_their_ids_are_two() {
    let mut bench = Bench::new();
    bench.receipt("acme", &["a", "10"], State::Delivered);
    bench.receipt("acme", &["10", "16"], State::Delivered);
    assert_eq!(bench.ledger.parked_receipts().count(), 2);
}

#[test]
fn a_receipt_without_an_id_is_only_acknowledged() {
    let mut bench = Bench::new();
    bench.receipt("acme", &[], State::Delivered);
    assert!(bench.records.is_empty());
}

#[test]
fn a_tick_gives_up_no_more_parked_receipts_than_its_limit() {
    let mut bench = Bench::new();
    for id in 0..=OVERDUE_PARKED_MAX {
        bench.receipt("acme", &[&id.to_string()], State::Delivered);
    }
    bench.now = bench.now.plus_ms(72 * HOUR);
    let mut effects = Effects::default();
    bench
        .router
        .handle(bench.now, Input::Tick, &mut bench.ledger, &mut effects)
        .unwrap();
    assert_eq!(effects.records.len(), OVERDUE_PARKED_MAX);
    bench.input(Input::Tick);
    assert_eq!(bench.ledger.parked_receipts().count(), 0);
}

#[test]
fn a_parked_receipt_whose_part_became_known_is_applied_in_the_end() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.receipt("acme", &["1"], State::Delivered);
    // A crash kept the record of the response and lost the ones behind it.
    let mut effects = Effects::default();
    let part = PartId {
        delivery: id,
        part: 1,
    };
    let input = Input::Outcome {
        provider: "acme".into(),
        part,
        parts_total: 1,
        outcome: taken("1"),
    };
    bench
        .router
        .handle(bench.now, input, &mut bench.ledger, &mut effects)
        .unwrap();
    bench.ledger.apply(effects.records[0].clone()).unwrap();
    assert_eq!(bench.state(id).state, State::Sent);
    bench.wait(72 * HOUR);
    assert_eq!(bench.state(id).state, State::Delivered);
}

#[test]
fn a_receipt_that_never_comes_leaves_the_last_word() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    bench.wait(72 * HOUR);
    let state = bench.state(id);
    assert_eq!((state.state, state.phase), (State::Sent, Phase::Done));
    assert_eq!(bench.events(id), [Event::Ended { error: None }]);
    bench.receipt("acme", &["1"], State::Delivered);
    assert_eq!(
        bench.state(id).state,
        State::Delivered,
        "better late than never"
    );
}

#[test]
fn throttled_and_then_taken_has_its_receipt() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, bench::throttled());
    bench.credit("acme", 1);
    bench.outcome("acme", id, taken("1"));
    bench.receipt("acme", &["1"], State::Delivered);
    assert_eq!(bench.state(id).state, State::Delivered);
}

#[test]
fn inbound_messages_are_passed_on_or_kept() {
    let mut bench = Bench::new();
    bench.credit("webhook", 1);
    for (callback_url, phase) in [("https://app", Phase::Dispatched), ("", Phase::Parked)] {
        let mut message = bench.message();
        message.kind = signalbox_router::Kind::Inbound;
        message.callback_url = callback_url.into();
        message.callback_states = message.callback_states.with(State::Delivered);
        message.provider = Some("acme".into());
        let id = signalbox_router::DeliveryId {
            message: message.id,
            recipient: 0,
        };
        bench.input(Input::Inbound {
            message: Box::new(message),
            token: Token(3),
        });
        assert_eq!(bench.acknowledged.pop(), Some(Token(3)));
        assert_eq!(bench.state(id).phase, phase);
    }
    let (provider, dispatch) = bench.sent.pop().unwrap();
    assert_eq!(provider.as_str(), "webhook");
    bench.outcome("webhook", dispatch.delivery, Outcome::Delivered);
    assert_eq!(
        bench.records.len(),
        1,
        "no callback about an inbound message"
    );
    bench.wait(48 * HOUR);
    assert!(
        bench
            .ledger
            .deliveries()
            .all(|(_, state)| state.phase == Phase::Done)
    );
}

#[test]
fn a_receipt_for_a_delivery_long_done_is_parked() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    bench.receipt("acme", &["1"], State::Delivered);
    for _ in 0..LINGER_MAX {
        let message = bench.message();
        let id = bench.send(message);
        bench.outcome("acme", id, bench::refused());
    }
    assert!(bench.ledger.delivery(id).unwrap().is_none());
    bench.receipt("acme", &["1"], State::Delivered);
    assert!(matches!(bench.records[..], [Record::Parked(_)]));
    bench.wait(SECOND);
}

/// A phone may send a text that looks like a receipt; the text belongs to the application unless
/// its id is one that the provider gave us.
#[test]
fn what_only_looks_like_a_receipt_is_a_message_unless_the_id_is_ours() {
    let mut bench = Bench::new();
    let ours = bench.message();
    let ours = bench.send(ours);
    bench.outcome("acme", ours, taken("77"));
    let mut forged = bench.message();
    forged.kind = signalbox_router::Kind::Inbound;
    let id = signalbox_router::DeliveryId {
        message: forged.id,
        recipient: 0,
    };
    bench.perhaps_receipt("acme", "78", forged);
    assert_eq!(bench.state(id).phase, Phase::Parked);
    assert_eq!(bench.state(ours).state, State::Sent);

    let other = bench.message();
    bench.perhaps_receipt("acme", "77", other);
    assert_eq!(bench.state(ours).state, State::Delivered);
}
