//! After a restart: what was dispatched and has no outcome; and ledgers that fail.
#![allow(clippy::unwrap_used)] // Test code.

mod bench;

use bench::{Bench, HOUR, code, taken, throttled};
use signalbox_router::{
    Effects, Event, Input, Message, Outcome, Phase, RECOVER_MAX, State, Token, UnknownOutcome,
};

#[test]
fn what_was_in_flight_goes_by_the_policy() {
    use UnknownOutcome::{HoldForReceipt, NextRoute, Resend};
    let rows = [
        (Resend, State::Accepted, Phase::Queued, "acme", true),
        (NextRoute, State::Accepted, Phase::Queued, "other", true),
        (
            HoldForReceipt,
            State::Unknown,
            Phase::AwaitingReceipt,
            "acme",
            false,
        ),
    ];
    for (policy, state, phase, provider, duplicate_possible) in rows {
        let mut bench = Bench::new();
        bench.config.unknown_after_restart = policy;
        let message = bench.message();
        let id = bench.send(message);
        bench.restart();
        let found = bench.state(id);
        assert_eq!((found.state, found.phase), (state, phase), "{policy:?}");
        assert_eq!(found.provider.unwrap().as_str(), provider, "{policy:?}");
        assert_eq!(found.duplicate_possible, duplicate_possible, "{policy:?}");
        assert_eq!(found.error, Some(code(0, "restart")), "{policy:?}");
        bench.credit(provider, 1);
        assert_eq!(
            bench.sent.len(),
            usize::from(duplicate_possible),
            "{policy:?}"
        );
    }
}

#[test]
fn what_was_not_in_flight_is_as_it_was() {
    let mut bench = Bench::new();
    let [queued, throttled_one, sent, failed] = [0, 1, 2, 3].map(|_| {
        let message = bench.message();
        bench.now = bench.now.plus_ms(1);
        bench.accept(message)
    });
    bench.credit("acme", 4);
    bench.outcome("acme", queued, Outcome::NotSent);
    bench.outcome("acme", throttled_one, throttled());
    bench.outcome("acme", sent, taken("1"));
    bench.outcome("acme", failed, bench::refused());
    let before = [queued, throttled_one, sent, failed].map(|id| bench.state(id));
    bench.restart();
    assert_eq!(
        [queued, throttled_one, sent, failed].map(|id| bench.state(id)),
        before
    );
    bench.credit("acme", 9);
    assert_eq!(bench.take_sent(), [queued, throttled_one]);
    bench.receipt("acme", &["1"], State::Delivered);
    assert_eq!(bench.state(sent).state, State::Delivered);
}

#[test]
fn a_part_that_was_reported_is_not_sent_again() {
    let mut bench = Bench::new();
    let message = bench.message();
    let id = bench.send(message);
    bench.part_outcome("acme", id, 1, 3, taken("a"));
    bench.part_outcome("acme", id, 3, 3, throttled());
    bench.restart();
    bench.credit("acme", 1);
    let dispatch = bench.sent.pop().unwrap().1;
    assert_eq!((dispatch.parts_done, dispatch.attempt), (vec![1], 1));
    bench.part_outcome("acme", id, 2, 3, taken("b"));
    bench.part_outcome("acme", id, 3, 3, taken("c"));
    let state = bench.state(id);
    assert_eq!((state.state, state.duplicate_possible), (State::Sent, true));
}

#[test]
fn callbacks_are_sent_again_whatever_the_policy() {
    let mut bench = Bench::new();
    bench.config.unknown_after_restart = UnknownOutcome::HoldForReceipt;
    bench.credit("webhook", 1);
    let message = bench.watched(&[State::Sent]);
    let id = bench.send(message);
    bench.outcome("acme", id, taken("1"));
    let callback = bench.take_sent();
    bench.restart();
    bench.credit("webhook", 1);
    assert_eq!(bench.take_sent(), callback);
}

#[test]
fn recovery_goes_on_in_bounded_steps_and_in_the_old_order() {
    let mut bench = Bench::new();
    bench.credit("acme", u32::MAX);
    let messages: Vec<Message> = (0..=RECOVER_MAX).map(|_| bench.message()).collect();
    bench.submit(messages);
    let order = bench.take_sent();
    let mut effects = Effects::default();
    let mut router = signalbox_router::Router::new(bench.config.clone(), 2);
    assert!(
        router
            .recover(bench.now, &mut bench.ledger, &mut effects)
            .unwrap()
    );
    assert_eq!(effects.records.len(), RECOVER_MAX);
    bench.restart();
    assert!(
        bench
            .ledger
            .deliveries()
            .all(|(_, state)| state.phase == Phase::Queued)
    );
    let message = bench.message();
    let last = bench.accept(message);
    bench.credit("acme", u32::MAX);
    assert!(bench.take_sent() == [order, vec![last]].concat());
}

#[test]
fn a_message_held_after_a_restart_can_still_be_answered() {
    let mut bench = Bench::new();
    bench.config.unknown_after_restart = UnknownOutcome::HoldForReceipt;
    let message = bench.message();
    let id = bench.send(message);
    bench.restart();
    assert_eq!(bench.state(id).deadline_at, bench.now.plus_ms(72 * HOUR));
    bench.part_outcome("acme", id, 1, 2, taken("a"));
    assert_eq!(bench.state(id).state, State::Unknown);
    bench.part_outcome("acme", id, 2, 2, taken("b"));
    assert_eq!(bench.state(id).state, State::Sent);
}

#[test]
fn a_ledger_that_fails_leaves_no_effects() {
    let mut bench = Bench::new();
    let message = bench.message();
    let mut ledger = Broken;
    let mut effects = Effects::default();
    effects.records.push(signalbox_router::Record::Changed {
        delivery: signalbox_router::DeliveryId {
            message: message.id,
            recipient: 0,
        },
        at: bench.now,
        event: Event::NotSent,
        state: signalbox_router::DeliveryState::default(),
    });
    let messages = vec![
        message,
        Message {
            idempotency_key: "a".into(),
            ..bench.message()
        },
    ];
    let input = Input::Submit {
        token: Token(1),
        messages,
    };
    let error = bench
        .router
        .handle(bench.now, input, &mut ledger, &mut effects)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ledger cannot answer: the disk is gone"
    );
    assert_eq!(
        (effects.records.len(), effects.actions.len()),
        (1, 0),
        "only what was there"
    );
}

/// A ledger that answers nothing.
struct Broken;

mod broken {
    use signalbox_router::{
        Delivery, DeliveryId, Ledger, LedgerError, Message, MessageId, ParkedReceipt, PartId,
        ProviderName, Record, Timestamp,
    };
    use std::sync::Arc;

    fn gone<T>() -> Result<T, LedgerError> {
        Err(LedgerError {
            reason: "the disk is gone".into(),
        })
    }

    impl Ledger for super::Broken {
        fn delivery(&mut self, _: DeliveryId) -> Result<Option<Delivery>, LedgerError> {
            gone()
        }
        fn message(&mut self, _: MessageId) -> Result<Option<Arc<Message>>, LedgerError> {
            gone()
        }
        fn by_remote_id(
            &mut self,
            _: &ProviderName,
            _: &str,
        ) -> Result<Option<PartId>, LedgerError> {
            gone()
        }
        fn by_idempotency_key(
            &mut self,
            _: &str,
            _: &str,
        ) -> Result<Option<(MessageId, u64)>, LedgerError> {
            gone()
        }
        fn parked(
            &mut self,
            _: &ProviderName,
            _: &str,
        ) -> Result<Option<ParkedReceipt>, LedgerError> {
            gone()
        }
        fn claim(
            &mut self,
            _: &ProviderName,
            _: Timestamp,
            _: usize,
        ) -> Result<Vec<DeliveryId>, LedgerError> {
            gone()
        }
        fn has_queued(&mut self, _: &ProviderName, _: Timestamp) -> Result<bool, LedgerError> {
            gone()
        }
        fn overdue(&mut self, _: Timestamp, _: usize) -> Result<Vec<DeliveryId>, LedgerError> {
            gone()
        }
        fn overdue_parked(
            &mut self,
            _: Timestamp,
            _: usize,
        ) -> Result<Vec<ParkedReceipt>, LedgerError> {
            gone()
        }
        fn dispatched(&mut self, _: usize) -> Result<Vec<DeliveryId>, LedgerError> {
            gone()
        }
        fn apply(&mut self, _: Record) -> Result<(), LedgerError> {
            gone()
        }
    }
}
