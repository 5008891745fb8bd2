//! enquire_link, inactivity and peers that do not answer.

use std::time::Duration;

use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::{BindType, CloseReason, RequestFailure};

use crate::common::{Pair, Seen, raw};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn silence_is_asked_about_and_an_answer_is_life() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.latency = Duration::from_millis(50);
    for _ in 0..20 {
        pair.advance(31 * SECOND);
        assert_eq!(pair.esme.take_seen(), []);
        assert_eq!(pair.smsc.take_seen(), []);
    }
    assert!(!pair.esme.session.is_closed() && !pair.smsc.session.is_closed());
}

#[test]
fn any_octet_is_life() {
    let mut pair = Pair::bound(BindType::Transceiver);
    let mut now = pair.now;
    // Every 40 s one octet of a PDU that never ends: each enquire_link is outlived.
    for octet in [0, 0, 0, 30, 0, 0, 0, 5] {
        now += 30 * SECOND;
        pair.esme.timeout(now);
        assert_eq!(pair.esme.written()[0].command_id, CommandId::ENQUIRE_LINK);
        now += 10 * SECOND;
        pair.esme.feed(now, &[octet]);
    }
    assert!(!pair.esme.session.is_closed());
}

#[test]
fn a_dead_peer_is_found_after_the_two_timers() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.submit(1);
    pair.esme.written();
    let start = pair.now;
    pair.esme.timeout(start + 30 * SECOND);
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Failed(1, RequestFailure::TimedOut)]
    );
    pair.submit(2);
    pair.esme.written();
    pair.esme.timeout(start + 60 * SECOND);
    assert_eq!(
        pair.esme.take_seen(),
        [
            Seen::Failed(2, RequestFailure::SessionClosed),
            Seen::Closed(CloseReason::PeerSilent)
        ]
    );
    assert_eq!(pair.esme.session.poll_timeout(), None);
}

#[test]
fn traffic_puts_enquire_link_off() {
    let mut pair = Pair::bound(BindType::Transceiver);
    for token in 0..10 {
        pair.advance(20 * SECOND);
        let number = pair.submit(token);
        pair.run();
        pair.answer(number);
        pair.run();
    }
    // Only the 31st second of silence asks.
    pair.esme.timeout(pair.now + 29 * SECOND);
    assert!(pair.esme.written().is_empty());
    pair.esme.timeout(pair.now + 30 * SECOND);
    assert_eq!(pair.esme.written().len(), 1);
}

#[test]
fn a_flood_of_enquire_link_is_answered_and_counts_for_nothing() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.inactivity_timer = 60 * SECOND;
        config.inbound_window_size = 1;
    });
    for number in 0..10_000 {
        let enquire_link = raw(
            CommandId::ENQUIRE_LINK,
            CommandStatus::ESME_ROK,
            number,
            &[],
        );
        pair.smsc.feed(
            pair.now + Duration::from_millis(number.into()),
            &enquire_link,
        );
    }
    assert_eq!(pair.smsc.written().len(), 10_000);
    assert_eq!(pair.smsc.take_seen(), []);
    pair.smsc.timeout(pair.now + 60 * SECOND);
    assert_eq!(pair.smsc.written()[0].command_id, CommandId::UNBIND);
}

#[test]
fn a_session_without_messages_is_unbound() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.inactivity_timer = 60 * SECOND;
        config.enquire_link_timer = 10 * SECOND;
    });
    pair.advance(59 * SECOND);
    assert!(!pair.esme.session.is_closed());
    pair.advance(SECOND);
    let seen = [pair.esme.take_seen(), pair.smsc.take_seen()].concat();
    assert!(
        seen.contains(&Seen::Closed(CloseReason::Inactive)),
        "{seen:?}"
    );
    assert!(pair.esme.session.is_closed() && pair.smsc.session.is_closed());
}

#[test]
fn a_message_puts_inactivity_off() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.inactivity_timer = 60 * SECOND;
    });
    pair.advance(50 * SECOND);
    let number = pair.submit(1);
    pair.run();
    pair.answer(number);
    pair.advance(50 * SECOND);
    assert!(!pair.esme.session.is_closed() && !pair.smsc.session.is_closed());
}

#[test]
fn an_unbind_that_nobody_answers_ends_with_the_response_timer() {
    let mut pair = Pair::bound(BindType::Transceiver);
    pair.esme.session.unbind(pair.now);
    pair.esme.written();
    pair.esme.timeout(pair.now + 29 * SECOND);
    assert_eq!(pair.esme.take_seen(), []);
    pair.esme.timeout(pair.now + 30 * SECOND);
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Closed(CloseReason::LocalUnbind)]
    );
}

#[test]
fn zero_means_never() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.enquire_link_timer = Duration::ZERO;
    });
    assert_eq!(pair.esme.session.poll_timeout(), None);
    pair.advance(24 * 3600 * SECOND);
    assert!(!pair.esme.session.is_closed());
}

#[test]
fn a_peer_that_plays_dead_answers_nothing() {
    let mut pair = Pair::bound_with(BindType::Transceiver, |config| {
        config.automatic_answers = false;
    });
    pair.esme.session.enquire_link(pair.now);
    pair.esme.session.unbind(pair.now);
    pair.run();
    let seen = pair.smsc.take_seen();
    let [
        Seen::Request(CommandId::ENQUIRE_LINK, _),
        Seen::Request(CommandId::UNBIND, unbind),
    ] = seen[..]
    else {
        panic!("{seen:?}")
    };
    // It may change its mind.
    let resp = signalbox_codec::Pdu::UnbindResp;
    pair.smsc
        .session
        .respond(pair.now, unbind, CommandStatus::ESME_ROK, &resp)
        .expect("asked");
    pair.run();
    assert_eq!(
        pair.smsc.take_seen(),
        [Seen::Closed(CloseReason::PeerUnbind)]
    );
    assert_eq!(
        pair.esme.take_seen(),
        [Seen::Closed(CloseReason::LocalUnbind)]
    );
}
