//! How sessions end, and what becomes of the requests that were under way.

use bytes::BytesMut;
use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::{BindType, CloseReason, PduProblem, RequestFailure, SendError};

use crate::common::{Pair, Seen, deliver_sm, raw, submit_sm};

const ROK: CommandStatus = CommandStatus::ESME_ROK;

fn failed(token: u64, failure: RequestFailure) -> Seen {
    Seen::Failed(token, failure)
}

#[test]
fn unbind_lets_pending_requests_finish_and_takes_no_more() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.submit(2);
    pair.run();
    pair.esme.session.unbind(pair.now);
    let more = pair.esme.session.request(pair.now, 3, &submit_sm(b""));
    assert_eq!(more, Err(SendError::NotBound));
    // The answer was under way when unbind was sent.
    let answer = raw(CommandId::SUBMIT_SM_RESP, ROK, number, b"\0");
    pair.esme.feed(pair.now, &answer);
    pair.run();
    assert_eq!(
        pair.esme.take_seen(),
        [
            Seen::Response(1, CommandId::SUBMIT_SM_RESP, ROK),
            failed(2, RequestFailure::SessionClosed),
            Seen::Closed(CloseReason::LocalUnbind),
        ]
    );
}

#[test]
fn the_peers_unbind_fails_what_it_has_and_gives_back_what_it_has_not() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.submit(1);
    pair.run();
    pair.submit(2);
    let unbind = raw(CommandId::UNBIND, ROK, 77, &[]);
    pair.esme.feed(pair.now, &unbind);
    // Nothing is taken from the peer any more.
    let deliver = raw(CommandId::DELIVER_SM, ROK, 78, &[0; 17]);
    pair.esme.feed(pair.now, &deliver);
    let written: Vec<_> = pair
        .esme
        .written()
        .iter()
        .map(|header| (header.command_id, header.command_status))
        .collect();
    assert_eq!(
        written,
        [
            (CommandId::UNBIND_RESP, ROK),
            (CommandId::DELIVER_SM_RESP, CommandStatus::ESME_RINVBNDSTS),
        ]
    );
    assert_eq!(
        pair.esme.take_seen(),
        [
            Seen::Unbinding,
            failed(2, RequestFailure::NotSent),
            Seen::Bad(CommandId::DELIVER_SM, PduProblem::IllegalState),
            failed(1, RequestFailure::SessionClosed),
            Seen::Closed(CloseReason::PeerUnbind),
        ]
    );
    assert_eq!(pair.esme.session.poll_timeout(), None);
}

#[test]
fn both_sides_unbind_at_once() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.esme.session.unbind(pair.now);
    pair.smsc.session.unbind(pair.now);
    pair.run();
    let closed = [Seen::Closed(CloseReason::LocalUnbind)];
    assert_eq!(pair.esme.take_seen(), closed);
    assert_eq!(pair.smsc.take_seen(), closed);
}

#[test]
fn unbind_with_a_thousand_under_way_ends_each_once() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| config.window_size = 1_000);
    let numbers: Vec<_> = (0..1_000).map(|token| pair.submit(token)).collect();
    pair.run();
    for number in numbers.iter().take(500) {
        pair.answer(*number);
    }
    pair.esme.session.unbind(pair.now);
    pair.run();
    let seen = pair.esme.take_seen();
    let answered = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Response(..)));
    assert_eq!(answered.count(), 500);
    assert_eq!(seen.len(), 1_001);
}

#[test]
fn a_lost_connection_tells_sent_from_not_sent() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.submit(1);
    let one = pair.esme.written_octets().len();
    // Of the two that were given out, one and an octet of the other were written.
    for (unwritten, second) in [
        (one, RequestFailure::NotSent),
        (one - 1, RequestFailure::NotSent),
        (1, RequestFailure::NotSent),
        (0, RequestFailure::SessionClosed),
    ] {
        let mut pair = Pair::bound(BindType::Transceiver);
        pair.submit(1);
        pair.submit(2);
        pair.esme.written_octets();
        pair.submit(3);
        pair.esme.session.handle_unwritten(unwritten);
        pair.esme.session.handle_transport_closed(pair.now);
        let mut seen = pair.esme.take_seen();
        seen.sort_by_key(|seen| match seen {
            Seen::Failed(token, _) => *token,
            _ => u64::MAX,
        });
        assert_eq!(
            seen,
            [
                failed(1, RequestFailure::SessionClosed),
                failed(2, second),
                failed(3, RequestFailure::NotSent),
                Seen::Closed(CloseReason::Transport),
            ]
        );
        // What failed as not sent is not sent later.
        assert!(pair.esme.written().is_empty());
    }
}

#[test]
fn close_gives_out_answers_but_no_requests() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    pair.answer(number);
    pair.smsc
        .session
        .request(pair.now, 5, &deliver_sm(b""))
        .expect("bound");
    pair.smsc.session.close(pair.now);
    let written: Vec<_> = pair.smsc.written().iter().map(|h| h.command_id).collect();
    assert_eq!(written, [CommandId::SUBMIT_SM_RESP]);
    assert_eq!(
        pair.smsc.take_seen()[1..],
        [
            failed(5, RequestFailure::NotSent),
            Seen::Closed(CloseReason::LocalClose)
        ]
    );
}

#[test]
fn raw_octets_are_the_last_behind_the_answers() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let number = pair.submit(1);
    pair.run();
    pair.answer(number);
    let session = &mut pair.smsc.session;
    session.close_with_raw(pair.now, b"half of a PDU");
    session.close_with_raw(pair.now, b"and more");
    session.send_raw(b"and more");
    let mut out = BytesMut::new();
    assert!(session.poll_transmit(&mut out));
    let length = u32::from_be_bytes(out[..4].try_into().unwrap()) as usize;
    assert_eq!(out[4..8], CommandId::SUBMIT_SM_RESP.0.to_be_bytes());
    assert_eq!(out[length..], b"half of a PDU"[..]);
    assert_eq!(session.close_reason(), Some(CloseReason::LocalClose));
}

#[test]
fn nothing_follows_the_end() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.esme.session.close(pair.now);
    pair.esme.take_seen();
    let session = &mut pair.esme.session;
    session.unbind(pair.now);
    session.close(pair.now);
    session.enquire_link(pair.now);
    session.send_raw(b"octets");
    session.handle_transport_closed(pair.now);
    session.handle_timeout(pair.now);
    let refused = session.request(pair.now, 1, &submit_sm(b""));
    assert_eq!(refused, Err(SendError::NotBound));
    let step = session.handle_input(pair.now, &[0; 16]);
    assert!(step.consumed == 0 && step.event.is_none());
    assert!(pair.esme.written().is_empty());
    assert_eq!(pair.esme.take_seen(), []);
    assert_eq!(
        pair.esme.session.close_reason(),
        Some(CloseReason::LocalClose)
    );
}

#[test]
fn an_unbound_session_has_nothing_to_unbind() {
    let mut pair = Pair::new(
        signalbox_session::SessionConfig::new(signalbox_session::Role::Esme),
        signalbox_session::SessionConfig::new(signalbox_session::Role::Smsc),
    );
    pair.esme.session.unbind(pair.now);
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Closed(CloseReason::LocalClose)]
    );
}
