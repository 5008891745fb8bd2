//! Binding: types, refusals, versions, and what is refused before and after.

use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{CommandId, CommandStatus, Header, Tag, TlvBuf};
use signalbox_session::{BindType, CloseReason, PduProblem, Role, SendError, SessionConfig, State};

use crate::common::{Pair, Seen, deliver_sm, raw, submit_sm};

const TYPES: [(BindType, CommandId); 3] = [
    (BindType::Transmitter, CommandId::BIND_TRANSMITTER),
    (BindType::Receiver, CommandId::BIND_RECEIVER),
    (BindType::Transceiver, CommandId::BIND_TRANSCEIVER),
];

fn fresh() -> Pair {
    Pair::new(
        SessionConfig::new(Role::Esme),
        SessionConfig::new(Role::Smsc),
    )
}

fn binding() -> Pair {
    let mut pair = fresh();
    pair.esme
        .session
        .bind(pair.now, BindType::Transceiver, &Bind::default())
        .expect("fresh");
    pair
}

#[test]
fn each_bind_type_carries_what_it_may() {
    for (bind_type, _) in TYPES {
        let mut pair = Pair::bound(bind_type);
        assert_eq!(pair.esme.session.state(), State::Bound(bind_type));
        assert_eq!(pair.smsc.session.state(), State::Bound(bind_type));
        let submit = pair.esme.session.request(pair.now, 1, &submit_sm(b""));
        let deliver = pair.smsc.session.request(pair.now, 2, &deliver_sm(b""));
        assert_eq!(submit.is_ok(), bind_type != BindType::Receiver);
        assert_eq!(deliver.is_ok(), bind_type != BindType::Transmitter);
        // The wrong side may not, whatever the type.
        let wrong = pair.smsc.session.request(pair.now, 3, &submit_sm(b""));
        assert_eq!(wrong, Err(SendError::NotBound));
    }
}

#[test]
fn a_refused_bind_closes_both_sides() {
    for status in [
        CommandStatus::ESME_RINVPASWD,
        CommandStatus::ESME_RINVSYSID,
        CommandStatus::ESME_RBINDFAIL,
        CommandStatus(0x450),
    ] {
        let mut pair = binding();
        pair.run();
        pair.smsc
            .session
            .respond_bind(pair.now, 1, status, &BindResp::default())
            .expect("asked");
        pair.run();
        let closed = Seen::Closed(CloseReason::BindRefused(status));
        assert_eq!(
            pair.esme.take_seen(),
            [Seen::BindRefused(status), closed.clone()]
        );
        assert_eq!(pair.smsc.take_seen()[1..], [closed]);
    }
}

#[test]
fn generic_nack_refuses_a_bind() {
    let mut pair = binding();
    pair.esme.written();
    let status = CommandStatus::ESME_RINVCMDID;
    let nack = raw(CommandId::GENERIC_NACK, status, 1, &[]);
    pair.esme.feed(pair.now, &nack);
    assert_eq!(pair.esme.take_seen()[0], Seen::BindRefused(status));
    assert!(pair.esme.session.is_closed());
}

#[test]
fn a_bind_that_nobody_answers_ends_with_session_init_timer() {
    let mut pair = binding();
    let timer = pair.esme.session.poll_timeout().expect("a deadline") - pair.now;
    assert_eq!(timer.as_secs(), 5);
    pair.esme.written();
    pair.esme.timeout(pair.now + timer);
    let closed = [Seen::Closed(CloseReason::BindTimedOut)];
    assert_eq!(pair.esme.take_seen(), closed);
    // So does a connection on which nobody binds.
    pair.smsc.timeout(pair.now + timer);
    assert_eq!(pair.smsc.take_seen(), closed);
}

#[test]
fn requests_before_a_bind_are_answered_with_the_bind_state() {
    let mut pair = fresh();
    for command_id in [
        CommandId::SUBMIT_SM,
        CommandId::DATA_SM,
        CommandId::QUERY_SM,
        CommandId::UNBIND,
    ] {
        let request = raw(command_id, CommandStatus::ESME_ROK, 9, &[]);
        pair.smsc.feed(pair.now, &request);
        assert_eq!(
            pair.smsc.take_seen(),
            [Seen::Bad(command_id, PduProblem::IllegalState)]
        );
        assert_answer(
            &pair.smsc.written(),
            command_id.response(),
            CommandStatus::ESME_RINVBNDSTS,
        );
    }
    assert_eq!(pair.smsc.session.state(), State::Open);
}

#[test]
fn a_second_bind_is_answered_with_already_bound() {
    for (_, command_id) in TYPES {
        let mut pair = Pair::bound(BindType::Transceiver);
        let request = raw(command_id, CommandStatus::ESME_ROK, 9, &[0; 7]);
        pair.smsc.feed(pair.now, &request);
        assert_answer(
            &pair.smsc.written(),
            command_id.response(),
            CommandStatus::ESME_RALYBND,
        );
        assert!(!pair.smsc.session.is_closed());
        // An ESME is not bound to at all.
        pair.esme.feed(pair.now, &request);
        assert_answer(
            &pair.esme.written(),
            command_id.response(),
            CommandStatus::ESME_RINVBNDSTS,
        );
    }
}

#[test]
fn optional_parameters_go_to_peers_that_know_them() {
    for (interface_version, expected) in [
        (0x00, false),
        (0x31, false),
        (0x33, false),
        (0x34, true),
        (0x35, true),
        (0x50, true),
        (0xFF, true),
    ] {
        let mut pair = fresh();
        let bind = Bind {
            interface_version,
            ..Bind::default()
        };
        pair.esme
            .session
            .bind(pair.now, BindType::Transceiver, &bind)
            .expect("fresh");
        pair.run();
        let mut tlvs = TlvBuf::new();
        tlvs.push_u8(Tag::SC_INTERFACE_VERSION, 0x34);
        let resp = BindResp {
            system_id: Some(signalbox_codec::COctetStr::EMPTY),
            tlvs: tlvs.as_tlvs(),
        };
        pair.smsc
            .session
            .respond_bind(pair.now, 1, CommandStatus::ESME_ROK, &resp)
            .expect("asked");
        pair.run();
        assert_eq!(
            pair.esme.session.peer_interface_version().is_some(),
            expected,
            "interface_version {interface_version:#04x}"
        );
    }
}

#[test]
fn a_fresh_session_binds_once() {
    let mut pair = binding();
    let again = pair
        .esme
        .session
        .bind(pair.now, BindType::Receiver, &Bind::default());
    assert_eq!(again, Err(SendError::NotBound));
    let smsc = pair
        .smsc
        .session
        .bind(pair.now, BindType::Receiver, &Bind::default());
    assert_eq!(smsc, Err(SendError::NotBound));
}

fn assert_answer(written: &[Header], command_id: CommandId, command_status: CommandStatus) {
    let answers: Vec<_> = written
        .iter()
        .map(|header| {
            (
                header.command_id,
                header.command_status,
                header.sequence_number,
            )
        })
        .collect();
    assert_eq!(answers, [(command_id, command_status, 9)]);
}
