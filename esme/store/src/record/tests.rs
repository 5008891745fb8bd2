//! Every record comes back as it was written, and nothing else is taken for one.

use signalbox_router::{
    CallbackEvent, Content, DeliveryState, ErrorCode, Event, Kind as MessageKind, MessageId,
    PartState, Phase, Priority, State, StateSet,
};

use super::*;

fn error() -> ErrorCode {
    ErrorCode::new(0x58, "ESME_RTHROTTLED")
}

fn full_state() -> DeliveryState {
    DeliveryState {
        state: State::Failed,
        phase: Phase::Done,
        provider: Some("acme".into()),
        route_position: 1,
        priority: Priority::Highest,
        due_at: Timestamp(1_700_000_000_000),
        order: u64::MAX,
        deadline_at: Timestamp(9),
        attempts: u16::MAX,
        parts: vec![
            PartState {
                state: State::Sent,
                remote_id: Some("a1".into()),
                error: None,
            },
            PartState {
                state: State::Failed,
                remote_id: None,
                error: Some(error()),
            },
        ],
        error: Some(error()),
        duplicate_possible: true,
        last_callback: Some(MessageId(7)),
        successor: Some(Box::new(MessageId(u128::MAX))),
    }
}

fn message(content: Content) -> Message {
    Message {
        id: MessageId(0x0123_4567_89AB_CDEF),
        kind: MessageKind::Callback,
        account: "shop".into(),
        from: "ACME".into(),
        to: vec!["sms:+491700000001".into(), "sms:+491700000002".into()],
        subject: "subject".into(),
        content,
        priority: Priority::Low,
        accepted_at: Timestamp(1),
        not_before: Timestamp(2),
        expires_at: Timestamp(3),
        idempotency_key: "key".into(),
        request_hash: u64::MAX,
        callback_url: "https://example.org/".into(),
        callback_states: StateSet::NONE.with(State::Cancelled),
        parent: Some(MessageId(5)),
        provider: Some("acme".into()),
        metadata: vec![("a".into(), "b".into())],
        options: vec![("sms.data_coding".into(), "8".into())],
    }
}

fn callback_event() -> CallbackEvent {
    CallbackEvent {
        state: State::Delivered,
        message: MessageId(5),
        recipient: 999,
        to: "sms:1".into(),
        from: "2".into(),
        at: Timestamp(4),
        provider: Some("acme".into()),
        remote_ids: vec!["x".into()],
        error: Some("late".into()),
        duplicate_possible: true,
        metadata: vec![("c".into(), "d".into())],
    }
}

/// One record of each kind and variant.
fn samples() -> Vec<Record> {
    let mut records = vec![
        Record::Parked(ParkedReceipt {
            provider: "acme".into(),
            remote_ids: vec!["1F".into(), "31".into()],
            state: State::Delivered,
            error: Some(error()),
            at: Timestamp(1),
            deadline_at: Timestamp(2),
        }),
        Record::Unparked {
            provider: "acme".into(),
            remote_id: "1F".into(),
            matched: None,
            at: Timestamp(3),
        },
        Record::Unparked {
            provider: "acme".into(),
            remote_id: "1F".into(),
            matched: Some(PartId {
                delivery: DeliveryId {
                    message: MessageId(9),
                    recipient: 300,
                },
                part: 255,
            }),
            at: Timestamp(3),
        },
    ];
    for content in [
        Content::Text("grüße €".into()),
        Content::Binary(vec![0, 255, 7]),
        Content::Event(Box::new(callback_event())),
    ] {
        records.push(Record::Accepted {
            message: Arc::new(message(content)),
            states: vec![full_state(), DeliveryState::default()],
        });
    }
    for event in [
        Event::Dispatched,
        Event::PartSent {
            part: 1,
            parts_total: 2,
            remote_id: Some("a1".into()),
        },
        Event::PartSent {
            part: 1,
            parts_total: 2,
            remote_id: None,
        },
        Event::RetryScheduled {
            error: error(),
            retry_at: Timestamp(77),
        },
        Event::Throttled { error: error() },
        Event::NotSent,
        Event::Rerouted {
            error: error(),
            provider: "other".into(),
        },
        Event::OutcomeUnknown { error: error() },
        Event::Receipt {
            part: 2,
            state: State::Failed,
            error: Some(error()),
        },
        Event::Receipt {
            part: 2,
            state: State::Delivered,
            error: None,
        },
        Event::Ended { error: None },
        Event::Ended {
            error: Some(error()),
        },
        Event::Unblocked,
        Event::CallbackMade {
            callback: MessageId(8),
        },
    ] {
        records.push(Record::Changed {
            delivery: DeliveryId {
                message: MessageId(9),
                recipient: 1,
            },
            at: Timestamp(10),
            event,
            state: full_state(),
        });
    }
    records
}

#[test]
fn every_record_survives_and_every_cut_is_refused() {
    for record in samples() {
        let mut octets = Vec::new();
        put_record(&mut octets, &record);
        let kind = kind_of(&record);
        assert_eq!(get_record(kind, &octets).as_ref(), Ok(&record));
        for cut in 0..octets.len() {
            assert!(
                get_record(kind, &octets[..cut]).is_err(),
                "{record:?} cut at {cut}"
            );
        }
        octets.push(0);
        assert!(
            get_record(kind, &octets).is_err(),
            "{record:?} with an octet more"
        );
    }
}

#[test]
fn a_skimmed_record_has_the_fields_of_the_whole() {
    for record in samples() {
        let mut octets = Vec::new();
        put_record(&mut octets, &record);
        match &record {
            Record::Accepted { message, .. } => {
                let head = AcceptedHead::get(&octets).expect("a head");
                assert_eq!((head.id, head.kind), (message.id, message.kind));
                assert_eq!(
                    (head.account, head.from),
                    (&*message.account, &*message.from)
                );
                let to: Result<Vec<_>, _> = head.to().collect();
                assert_eq!(to.expect("addresses"), message.to);
                match &message.content {
                    Content::Event(event) => {
                        let about = DeliveryId {
                            message: event.message,
                            recipient: event.recipient,
                        };
                        assert_eq!(head.about(), Ok(Some(about)));
                    }
                    _ => assert_eq!(head.parent(), Ok(message.parent)),
                }
            }
            Record::Changed {
                delivery,
                at,
                event,
                state,
            } => {
                let expected = ChangedHead {
                    delivery: *delivery,
                    at: *at,
                    sent: !matches!(
                        event,
                        Event::Receipt { .. } | Event::Ended { .. } | Event::CallbackMade { .. }
                    ),
                    phase: state.phase,
                };
                assert_eq!(ChangedHead::get(&octets), Ok(expected), "{event:?}");
            }
            Record::Parked(_) | Record::Unparked { .. } => {}
        }
    }
}

#[test]
fn every_phase_keeps_its_number() {
    for phase in [
        Phase::Queued,
        Phase::Dispatched,
        Phase::AwaitingReceipt,
        Phase::Blocked,
        Phase::Parked,
        Phase::Done,
    ] {
        let mut octets = Vec::new();
        put_state(
            &mut octets,
            &DeliveryState {
                phase,
                ..DeliveryState::default()
            },
        );
        assert_eq!(
            get_state(&mut Reader::new(&octets)).map(|state| state.phase),
            Ok(phase)
        );
    }
}

#[test]
fn any_octet_changed_never_panics() {
    for record in samples() {
        let mut octets = Vec::new();
        put_record(&mut octets, &record);
        for at in 0..octets.len() {
            for bit in 0..8 {
                octets[at] ^= 1 << bit;
                let _ = get_record(kind_of(&record), &octets);
                octets[at] ^= 1 << bit;
            }
        }
    }
}
