//! Which response ends which request: order, repeats, wrong types, late ones, the window, the wrap
//! of sequence numbers.

use std::time::Duration;

use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::{BindType, PduProblem, RequestFailure, SendError};

use crate::common::{Pair, Seen, deliver_sm, raw, submit_sm, submit_sm_resp};

const RESP: CommandId = CommandId::SUBMIT_SM_RESP;
const ROK: CommandStatus = CommandStatus::ESME_ROK;

fn unexpected(command_id: CommandId) -> Seen {
    Seen::Bad(command_id, PduProblem::UnexpectedResponse)
}

/// The numbers that the SMSC was asked with.
fn asked(pair: &mut Pair) -> Vec<u32> {
    pair.run();
    let seen = pair.smsc.take_seen();
    seen.into_iter()
        .map(|seen| match seen {
            Seen::Request(_, number) => number,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_window_of_a_thousand_answered_backwards() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| config.window_size = 1_000);
    for token in 0..1_000 {
        pair.submit(token);
    }
    assert_eq!(pair.esme.session.window_free(), 0);
    let full = pair.esme.session.request(pair.now, 0, &submit_sm(b""));
    assert_eq!(full, Err(SendError::WindowFull));
    for number in asked(&mut pair).into_iter().rev() {
        pair.answer(number);
    }
    pair.run();
    let expected: Vec<_> = (0..1_000)
        .rev()
        .map(|token| Seen::Response(token, RESP, ROK))
        .collect();
    assert_eq!(pair.esme.take_seen(), expected);
    assert_eq!(pair.esme.session.window_free(), 1_000);
}

#[test]
fn a_response_ends_its_request_once() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    let response = raw(RESP, ROK, number, b"id\0");
    for _ in 0..100 {
        pair.esme.feed(pair.now, &response);
    }
    let seen = pair.esme.take_seen();
    assert_eq!(seen[0], Seen::Response(1, RESP, ROK));
    assert_eq!(seen[1..], vec![unexpected(RESP); 99]);
    assert!(
        pair.esme.written().is_empty(),
        "responses are never answered"
    );
}

#[test]
fn a_response_of_another_type_or_number_ends_nothing() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    for (command_id, other) in [
        (CommandId::DELIVER_SM_RESP, number),
        (CommandId::DATA_SM_RESP, number),
        (CommandId::ENQUIRE_LINK_RESP, number),
        (CommandId::UNBIND_RESP, number),
        (RESP, number + 1),
        (RESP, number - 1),
        (RESP, 0),
        (RESP, 0x7FFF_FFFF),
        (RESP, u32::MAX),
        (CommandId::GENERIC_NACK, 0),
        (CommandId(0x8000_0999), number),
    ] {
        pair.esme.feed(pair.now, &raw(command_id, ROK, other, &[]));
        assert_eq!(pair.esme.take_seen(), [unexpected(command_id)]);
    }
    assert_eq!(pair.esme.session.in_flight(), 1);
}

#[test]
fn every_status_comes_as_it_is() {
    let statuses = [
        0,
        1,
        0x58,
        0xC5,
        0xFD,
        0x100,
        0x3FF,
        0x400,
        0x450,
        0x4FF,
        u32::MAX,
    ];
    let mut pair = Pair::bound(BindType::Transceiver);
    for status in statuses.map(CommandStatus) {
        for body in [&b""[..], b"\0", b"id\0"] {
            let number = pair.submit(7);
            pair.run();
            pair.esme.feed(pair.now, &raw(RESP, status, number, body));
            assert_eq!(pair.esme.take_seen(), [Seen::Response(7, RESP, status)]);
        }
    }
}

#[test]
fn generic_nack_with_its_number_ends_a_request() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.submit(2);
    pair.run();
    let status = CommandStatus::ESME_RINVCMDID;
    let nack = raw(CommandId::GENERIC_NACK, status, number, &[]);
    pair.esme.feed(pair.now, &nack);
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Response(1, CommandId::GENERIC_NACK, status)]
    );
    assert_eq!(pair.esme.session.in_flight(), 1);
}

/// `message_id without NUL`: a response that cannot be read still is the response.
#[test]
fn a_response_that_cannot_be_read_ends_its_request() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    pair.esme.feed(pair.now, &raw(RESP, ROK, number, &[0xE1]));
    assert_eq!(pair.esme.take_seen(), [Seen::Response(1, RESP, ROK)]);
}

#[test]
fn a_late_response_is_told_once_and_ends_nothing() {
    for late_by in [30, 60, 300, 40 * 60] {
        let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
            config.enquire_link_timer = Duration::ZERO;
        });
        let number = pair.submit(1);
        pair.advance(Duration::from_secs(late_by));
        assert_eq!(
            pair.esme.take_seen(),
            [Seen::Failed(1, RequestFailure::TimedOut)]
        );
        assert_eq!(pair.esme.session.window_free(), 100);
        pair.submit(2);
        pair.answer(number);
        pair.run();
        assert_eq!(pair.esme.take_seen(), [Seen::Late(1, RESP, ROK)]);
        assert_eq!(pair.esme.session.in_flight(), 1);
        pair.esme.feed(pair.now, &raw(RESP, ROK, number, b"id\0"));
        assert_eq!(pair.esme.take_seen(), [unexpected(RESP)]);
    }
}

/// A session with a request that has timed out, and the number of that request.
fn timed_out() -> (Pair, u32) {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    pair.advance(Duration::from_secs(30));
    let failed = [Seen::Failed(1, RequestFailure::TimedOut)];
    assert_eq!(pair.esme.take_seen(), failed);
    (pair, number)
}

#[test]
fn only_a_response_that_fits_is_a_late_one() {
    let status = CommandStatus::ESME_RSYSERR;
    let late = |command_id| Seen::Late(1, command_id, status);
    let rows = [
        (RESP, late(RESP)),
        (CommandId::GENERIC_NACK, late(CommandId::GENERIC_NACK)),
        (CommandId::DATA_SM_RESP, unexpected(CommandId::DATA_SM_RESP)),
    ];
    for (command_id, expected) in rows {
        let (mut pair, number) = timed_out();
        let other = raw(command_id, status, number + 1, &[]);
        pair.esme.feed(pair.now, &other);
        assert_eq!(pair.esme.take_seen(), [unexpected(command_id)]);
        let response = raw(command_id, status, number, &[]);
        pair.esme.feed(pair.now, &response);
        assert_eq!(pair.esme.take_seen(), [expected]);
    }
}

#[test]
fn the_number_of_a_late_request_is_not_used_again() {
    let (mut pair, number) = timed_out();
    pair.esme.session.set_next_sequence_number(number);
    assert_eq!(pair.submit(2), number + 1);
    pair.esme.feed(pair.now, &raw(RESP, ROK, number, b"id\0"));
    assert_eq!(pair.esme.take_seen(), [Seen::Late(1, RESP, ROK)]);
    pair.esme.session.set_next_sequence_number(number);
    assert_eq!(pair.submit(3), number);
}

#[test]
fn requests_expire_each_at_its_time_and_in_order() {
    let mut pair = Pair::bound(BindType::Transceiver);
    for token in 0..3 {
        pair.submit(token);
        pair.advance(Duration::from_secs(1));
    }
    pair.advance(Duration::from_millis(26_999));
    assert!(pair.esme.take_seen().is_empty());
    pair.advance(Duration::from_millis(1));
    for token in 0..3 {
        assert_eq!(
            pair.esme.take_seen(),
            [Seen::Failed(token, RequestFailure::TimedOut)]
        );
        pair.advance(Duration::from_secs(1));
    }
}

#[test]
fn both_sides_use_the_same_numbers_without_harm() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.smsc.session.set_next_sequence_number(2);
    let number = pair.submit(1);
    let same = pair.smsc.session.request(pair.now, 2, &deliver_sm(b""));
    assert_eq!(same, Ok(number));
    pair.run();
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Request(CommandId::DELIVER_SM, number)]
    );
    pair.answer(number);
    pair.run();
    assert_eq!(pair.esme.take_seen(), [Seen::Response(1, RESP, ROK)]);
    assert_eq!(pair.smsc.session.in_flight(), 1);
}

#[test]
fn numbers_wrap_with_requests_pending_across() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.esme.session.set_next_sequence_number(0x7FFF_FFFE);
    let numbers: Vec<_> = (0..4).map(|token| pair.submit(token)).collect();
    assert_eq!(numbers, [0x7FFF_FFFE, 0x7FFF_FFFF, 1, 2]);
    assert_eq!(asked(&mut pair), numbers);
    for number in numbers.into_iter().rev() {
        pair.answer(number);
    }
    pair.run();
    let expected: Vec<_> = (0..4)
        .rev()
        .map(|token| Seen::Response(token, RESP, ROK))
        .collect();
    assert_eq!(pair.esme.take_seen(), expected);
}

#[test]
fn a_number_that_waits_is_not_used_again() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.esme.session.set_next_sequence_number(5);
    assert_eq!(pair.submit(1), 5);
    pair.esme.session.set_next_sequence_number(0x7FFF_FFFF);
    assert_eq!(pair.submit(2), 0x7FFF_FFFF);
    pair.esme.session.set_next_sequence_number(4);
    assert_eq!((pair.submit(3), pair.submit(4)), (4, 6));
}

#[test]
fn the_peers_numbers_are_echoed_whatever_they_are() {
    let numbers = [0, 0, 7, 3, 0x7FFF_FFFF, 0x8000_0000, u32::MAX, 7];
    let mut pair = Pair::bound(BindType::Transceiver);
    for number in numbers {
        let request = raw(CommandId::DATA_SM, ROK, number, &[0; 10]);
        pair.smsc.feed(pair.now, &request);
        assert_eq!(
            pair.smsc.take_seen(),
            [Seen::Request(CommandId::DATA_SM, number)]
        );
    }
    let resp = raw_pdu(CommandId::DATA_SM_RESP);
    for number in numbers.into_iter().rev() {
        let answered = pair.smsc.session.respond(pair.now, number, ROK, &resp);
        assert_eq!(answered, Ok(()));
        assert_eq!(pair.smsc.written()[0].sequence_number, number);
    }
    let again = pair.smsc.session.respond(pair.now, 7, ROK, &resp);
    assert_eq!(again, Err(SendError::NoSuchRequest));
}

#[test]
fn an_answer_must_be_of_the_kind_that_was_asked_for() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    let wrong = pair
        .smsc
        .session
        .respond(pair.now, number, ROK, &raw_pdu(CommandId::DATA_SM_RESP));
    assert_eq!(wrong, Err(SendError::NoSuchRequest));
    let nack = pair
        .smsc
        .session
        .respond(pair.now, number, ROK, &raw_pdu(CommandId::GENERIC_NACK));
    assert_eq!(nack, Ok(()));
    let twice = pair
        .smsc
        .session
        .respond(pair.now, number, ROK, &submit_sm_resp());
    assert_eq!(twice, Err(SendError::NoSuchRequest));
}

#[test]
fn the_peers_window_is_held_and_one_more_is_throttled() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.inbound_window_size = 2;
    });
    for token in 0..3 {
        pair.submit(token);
    }
    pair.run();
    assert_eq!(pair.smsc.session.unanswered(), 2);
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Response(2, RESP, CommandStatus::ESME_RTHROTTLED)]
    );
    for token in 0..3 {
        pair.smsc
            .session
            .request(pair.now, token, &deliver_sm(b""))
            .expect("bound");
    }
    pair.run();
    assert_eq!(
        pair.smsc.take_seen().last(),
        Some(&Seen::Response(
            2,
            CommandId::DELIVER_SM_RESP,
            CommandStatus::ESME_RMSGQFUL
        ))
    );
}

fn raw_pdu(command_id: CommandId) -> signalbox_codec::Pdu<'static> {
    signalbox_codec::Pdu::Raw {
        command_id,
        body: &[],
    }
}
