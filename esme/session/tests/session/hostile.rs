//! Octets that are no good PDU: lengths, unknown commands, broken bodies, other protocols.

use signalbox_codec::{CommandId, CommandStatus, Pdu};
use signalbox_session::{BindType, CloseReason, PduProblem, Role, SendError, SessionConfig};

use crate::common::{Pair, Seen, deliver_sm, raw};

const ROK: CommandStatus = CommandStatus::ESME_ROK;

fn fresh() -> Pair {
    Pair::new(
        SessionConfig::new(Role::Esme),
        SessionConfig::new(Role::Smsc),
    )
}

#[test]
fn an_impossible_length_closes_and_is_told_when_the_header_is_there() {
    let cases: &[(&str, &[u8], bool)] = &[
        ("osmo-msc", &[0, 0, 0, 2, 0], false),
        ("zero", &[0, 0, 0, 0], false),
        (
            "fifteen",
            &[0, 0, 0, 15, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1],
            true,
        ),
        ("2 GiB", &[0x7F, 0xFF, 0xFF, 0xFF], false),
        ("4 GiB", &[0xFF; 16], true),
        (
            "TLS hello",
            &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, 9, 9, 9, 9, 9],
            true,
        ),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: smsc\r\n\r\n", true),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", true),
    ];
    for (name, octets, told) in cases {
        for mut pair in [fresh(), Pair::bound(BindType::Transceiver)] {
            pair.smsc.feed(pair.now, octets);
            let seen = pair.smsc.take_seen();
            assert!(
                matches!(seen[..], [Seen::Closed(CloseReason::PeerFrame(_))]),
                "{name}: {seen:?}"
            );
            let written = pair.smsc.written();
            assert_eq!(written.len(), usize::from(*told), "{name}");
            if let Some(nack) = written.first() {
                assert_eq!(nack.command_id, CommandId::GENERIC_NACK);
                assert_eq!(nack.command_status, CommandStatus::ESME_RINVCMDLEN);
            }
        }
    }
}

#[test]
fn the_cap_is_256_octets_before_a_bind_and_the_setting_after() {
    for (length, bound, closes) in [
        (256, false, false),
        (257, false, true),
        (70_000, true, false),
        (70_001, true, true),
    ] {
        let mut pair = if bound {
            Pair::bound(BindType::Transceiver)
        } else {
            fresh()
        };
        pair.smsc.feed(pair.now, &u32::to_be_bytes(length));
        assert_eq!(pair.smsc.session.is_closed(), closes, "{length} octets");
    }
}

#[test]
fn unknown_requests_are_answered_and_unknown_responses_are_not() {
    let mut pair = Pair::bound(BindType::Transceiver);
    for id in [0x0A, 0x99, 0x0001_0200, 0x0001_02FF, 0x7FFF_FFFF] {
        pair.smsc
            .feed(pair.now, &raw(CommandId(id), ROK, 5, b"body"));
        assert_eq!(
            pair.smsc.take_seen(),
            [Seen::Bad(CommandId(id), PduProblem::UnknownCommand)]
        );
        let answer = pair.smsc.written()[0];
        assert_eq!(
            (
                answer.command_id,
                answer.command_status,
                answer.sequence_number
            ),
            (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID, 5)
        );
        let id = id | 0x8000_0000;
        pair.smsc.feed(pair.now, &raw(CommandId(id), ROK, 5, &[]));
        assert_eq!(
            pair.smsc.take_seen(),
            [Seen::Bad(CommandId(id), PduProblem::UnexpectedResponse)]
        );
        assert!(pair.smsc.written().is_empty());
    }
    assert!(!pair.smsc.session.is_closed());
}

#[test]
fn a_body_that_cannot_be_read_costs_its_pdu_only() {
    let mut pair = Pair::bound(BindType::Transceiver);
    // sm_length says 200, nothing follows.
    let mut body = [0; 17];
    body[16] = 200;
    pair.smsc
        .feed(pair.now, &raw(CommandId::SUBMIT_SM, ROK, 5, &body));
    let seen = pair.smsc.take_seen();
    assert!(
        matches!(seen[..], [Seen::Bad(_, PduProblem::Decode(_))]),
        "{seen:?}"
    );
    let answer = pair.smsc.written()[0];
    assert_eq!(answer.command_id, CommandId::SUBMIT_SM_RESP);
    assert_eq!(answer.command_status, CommandStatus::ESME_RINVMSGLEN);
    assert_eq!((answer.command_length, answer.sequence_number), (16, 5));
    assert_eq!(pair.smsc.session.unanswered(), 0);
    assert!(!pair.smsc.session.is_closed());
}

#[test]
fn alert_notification_is_taken_without_an_answer() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let alert = raw(CommandId::ALERT_NOTIFICATION, ROK, 5, &[0; 6]);
    pair.esme.feed(pair.now, &alert);
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Request(CommandId::ALERT_NOTIFICATION, 5)]
    );
    assert!(pair.esme.written().is_empty());
    assert_eq!(pair.esme.session.unanswered(), 0);
}

/// Each request, in each bound state, from each side: what the table refuses is answered with the
/// bind state, the rest reaches the owner or is answered by the session.
#[test]
fn every_request_from_every_side_is_answered_or_handed_on() {
    let ids = (0..0x114).map(CommandId).filter(|id| id.name().is_some());
    for command_id in ids {
        for bind_type in [
            BindType::Transmitter,
            BindType::Receiver,
            BindType::Transceiver,
        ] {
            let mut pair = Pair::bound(bind_type);
            let now = pair.now;
            for end in [&mut pair.esme, &mut pair.smsc] {
                let before = end.session.in_flight();
                end.feed(now, &raw(command_id, ROK, 5, &[0; 40]));
                let seen = end.take_seen();
                let written = end.written();
                let refused = seen.contains(&Seen::Bad(command_id, PduProblem::IllegalState));
                for answer in &written {
                    assert_eq!(answer.command_id, command_id.response());
                    let status = answer.command_status;
                    let of_state = status == CommandStatus::ESME_RINVBNDSTS
                        || status == CommandStatus::ESME_RALYBND;
                    assert_eq!(of_state, refused, "{command_id} {status}");
                }
                let handed_on = seen.iter().any(|seen| matches!(seen, Seen::Request(..)));
                let is_silent = matches!(
                    command_id,
                    CommandId::OUTBIND | CommandId::ALERT_NOTIFICATION
                );
                assert!(
                    is_silent || (written.len() == 1) != handed_on,
                    "{command_id}: {seen:?}"
                );
                assert_eq!(end.session.in_flight(), before);
            }
        }
    }
}

/// What a simulator needs to play a bad peer, and what needs no response.
#[test]
fn raw_octets_notifications_and_forgotten_requests() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    assert!(pair.smsc.session.abandon(number));
    assert!(!pair.smsc.session.abandon(number));
    let answer = raw(CommandId::SUBMIT_SM_RESP, ROK, number, b"\0");
    pair.smsc.session.send_raw(&answer);
    let alert = Pdu::Raw {
        command_id: CommandId::ALERT_NOTIFICATION,
        body: &[0; 6],
    };
    let number = pair.smsc.session.notify(pair.now, &alert).expect("bound");
    pair.run();
    assert_eq!(
        pair.esme.take_seen(),
        [
            Seen::Response(1, CommandId::SUBMIT_SM_RESP, ROK),
            Seen::Request(CommandId::ALERT_NOTIFICATION, number)
        ]
    );
    assert_eq!(pair.smsc.session.in_flight(), 0);
    // Neither a request with a response, nor the other side's PDUs, nor outbind once bound.
    let refused = [
        pair.smsc.session.notify(pair.now, &deliver_sm(b"")),
        pair.esme.session.notify(pair.now, &alert),
        pair.smsc.session.notify(
            pair.now,
            &Pdu::Raw {
                command_id: CommandId::OUTBIND,
                body: b"\0\0",
            },
        ),
    ];
    assert_eq!(refused, [Err(SendError::NotBound); 3]);
}
