//! What of a delivery changes is found as it is, however its life was cut into rows.

mod common;

use std::sync::Arc;

use common::{accepted, delivered, found, history, id, message, open, queued, sent};
use signalbox_router::{DeliveryId, DeliveryState, Event, Ledger, Record, State};
use signalbox_store::Filter;

#[test]
fn a_state_is_found_as_long_as_it_holds() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, _) = open(dir.path());
    let history = history(&store, dir.path(), 10_000);
    let steps: [(Record, State); 3] = [
        (accepted(1), State::Accepted),
        (sent(1), State::Sent),
        (delivered(1), State::Delivered),
    ];
    for (record, holds) in steps {
        store.apply(record).expect("applied");
        let position = store.commit().expect("committed");
        // Each search writes what was collected, so that the life is cut at every step.
        for state in State::ALL {
            let filter = Filter {
                state: Some(state),
                ..Filter::default()
            };
            let expected = if state == holds { vec![id(1)] } else { vec![] };
            assert_eq!(found(&history, position, filter), expected, "{state:?}");
        }
        let by_remote_id = Filter {
            remote_id: Some("00000001".to_owned()),
            ..Filter::default()
        };
        let known = holds != State::Accepted;
        let ids = found(&history, position, by_remote_id);
        assert_eq!(ids.len(), usize::from(known), "{holds:?}");
    }
    let view = history.message(id(1), store.position()).expect("an answer");
    let timeline = view.expect("known").timeline;
    let events: Vec<_> = timeline.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["accepted", "part_sent", "receipt"]);
}

#[test]
fn a_callback_is_told_of_once_where_the_journal_tells_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, _) = open(dir.path());
    let mut done = delivered(1);
    let Record::Changed {
        state,
        delivery,
        at,
        ..
    } = &mut done
    else {
        unreachable!("delivered() makes a change");
    };
    state.last_callback = Some(id(90));
    let made = Record::Changed {
        delivery: *delivery,
        at: *at,
        event: Event::CallbackMade { callback: id(90) },
        state: state.clone(),
    };
    for record in [accepted(1), sent(1), done, made] {
        store.apply(record).expect("applied");
    }
    let position = store.commit().expect("committed");
    let history = history(&store, dir.path(), 10_000);
    let view = history.message(id(1), position).expect("an answer");
    let timeline = view.expect("known").timeline;
    let events: Vec<_> = timeline.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(
        events,
        ["accepted", "part_sent", "receipt", "callback_made"]
    );
}

#[test]
fn recipients_of_one_message_are_found_one_by_one() {
    const RECIPIENTS: u16 = 5;
    let dir = tempfile::tempdir().expect("a folder");
    let (mut store, _) = open(dir.path());
    let mut many = message(1);
    many.to = (0..RECIPIENTS).map(|to| format!("sms:+{to}")).collect();
    let states = (0..RECIPIENTS).map(|to| DeliveryState {
        state: if to == 3 {
            State::Rejected
        } else {
            State::Accepted
        },
        ..queued(1)
    });
    let record = Record::Accepted {
        message: Arc::new(many.clone()),
        states: states.collect(),
    };
    store.apply(record).expect("applied");
    let position = store.commit().expect("committed");
    let history = history(&store, dir.path(), 10_000);
    let recipients = |filter: Filter| -> (Vec<u16>, Option<DeliveryId>) {
        let page = history.find(filter, position).expect("an answer");
        let ids = page.deliveries.iter().map(|view| view.id.recipient);
        (ids.collect(), page.next)
    };
    let all = || Filter {
        limit: 2,
        ..Filter::default()
    };
    let (first, next) = recipients(all());
    assert_eq!(first, [4, 3]);
    let (second, _) = recipients(Filter {
        cursor: next,
        ..all()
    });
    assert_eq!(second, [2, 1]);
    let to = Some("sms:+2".to_owned());
    assert_eq!(recipients(Filter { to, ..all() }), (vec![2], None));
    let state = Some(State::Rejected);
    assert_eq!(recipients(Filter { state, ..all() }), (vec![3], None));
    let view = history.message(id(1), position).expect("an answer");
    let view = view.expect("known");
    assert_eq!(view.message, many);
    assert_eq!(view.deliveries.len(), usize::from(RECIPIENTS));
    assert_eq!(view.deliveries[3].state, State::Rejected);
}
