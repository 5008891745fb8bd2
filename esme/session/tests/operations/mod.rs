//! One session, any operations of its owner and any octets of its peer: whatever happens, every
//! accepted request ends exactly once, bounds hold, and nothing follows the end.

#![allow(dead_code, missing_docs, unreachable_pub)] // Test code.
#![expect(
    clippy::disallowed_methods,
    reason = "a clock that is moved by hand starts somewhere"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use signalbox_codec::pdu::{Bind, BindResp, MessageIdResp, Sm};
use signalbox_codec::{CommandId, CommandStatus, Header, Pdu};
use signalbox_session::{
    BindType, Event, RequestFailure, Role, SendError, Session, SessionConfig, State,
};

#[path = "../../../../codec/tests/checks/input.rs"]
mod input;

use input::Input;

const WINDOW_SIZE: u32 = 4;
const INBOUND_WINDOW_SIZE: u32 = 3;

/// What has to be remembered beside the session to judge it.
struct Life {
    session: Session,
    now: Instant,
    next_token: u64,
    /// Accepted requests that have not ended.
    open: BTreeSet<u64>,
    /// Requests that have timed out and may have a late response.
    timed_out: BTreeSet<u64>,
    /// The peer's requests that were handed on.
    asked: Vec<(u32, CommandId)>,
    /// The peer's octets that are not a whole PDU.
    input: Vec<u8>,
    /// Whether octets were sent that need be no PDUs.
    is_raw: bool,
    is_over: bool,
}

/// Carries out the operations that the octets say.
pub fn check_session(octets: &[u8]) {
    let mut input = Input::new(octets);
    let mut config = SessionConfig::new(input.pick(&[Role::Esme, Role::Smsc]));
    config.window_size = WINDOW_SIZE;
    config.inbound_window_size = INBOUND_WINDOW_SIZE;
    config.automatic_answers = !input.flag();
    config.inactivity_timer = Duration::from_secs(u64::from(input.octet()));
    let now = Instant::now();
    let mut life = Life {
        session: Session::new(now, config),
        now,
        next_token: 1,
        open: BTreeSet::new(),
        timed_out: BTreeSet::new(),
        asked: Vec::new(),
        input: Vec::new(),
        is_raw: false,
        is_over: false,
    };
    if input.flag() {
        life.session.set_next_sequence_number(0x7FFF_FFFD);
    }
    if input.flag() {
        life.bind();
    }
    while !input.is_empty() {
        life.operate(&mut input);
        life.settle();
    }
    life.session.handle_transport_closed(life.now);
    life.settle();
    assert!(life.is_over && life.open.is_empty(), "{:?}", life.open);
}

impl Life {
    /// The usual beginning, so that most lives get beyond it.
    fn bind(&mut self) {
        let bind_type = BindType::Transceiver;
        if self.session.role() == Role::Esme {
            let asked = self.session.bind(self.now, bind_type, &Bind::default());
            let number = asked.expect("the session is fresh");
            self.feed(&pdu(CommandId::BIND_TRANSCEIVER_RESP, number, b"\0"));
        } else {
            self.feed(&pdu(
                CommandId::BIND_TRANSCEIVER,
                1,
                &[0, 0, 0, 0x34, 0, 0, 0],
            ));
            let ok = CommandStatus::ESME_ROK;
            let resp = BindResp::default();
            let answered = self.session.respond_bind(self.now, 1, ok, &resp);
            answered.expect("the peer has asked");
        }
        assert_eq!(self.session.state(), State::Bound(bind_type));
    }

    fn operate(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        match input.octet() % 20 {
            0..=2 => self.request(input),
            3..=4 => self.respond(input),
            5..=7 => self.feed_response(input),
            8..=9 => self.feed_request(input),
            10 => {
                let octets = input.below(40);
                self.feed(input.octets(octets));
            }
            11..=12 => self.advance(Duration::from_millis(u64::from(input.octet()) * 20)),
            13 => self.advance_to_timeout(),
            14..=15 => self.take_octets(input),
            16 => self.session.enquire_link(now),
            17 => self.operate_bind(input),
            18 => match input.below(16) {
                0 => self.session.unbind(now),
                1 => self.session.close(now),
                2 => self.session.handle_transport_closed(now),
                3 => self.session.handle_stalled(now, input.octets(16)),
                4 => {
                    self.is_raw = true;
                    self.session.send_raw(input.octets(20));
                }
                _ => {}
            },
            _ => {
                if let Some((number, _)) = self.pick_asked(input) {
                    assert!(self.session.abandon(number) || self.session.is_closed());
                }
            }
        }
    }

    fn request(&mut self, input: &mut Input<'_>) {
        let pdu = match input.below(4) {
            0 | 1 => Pdu::SubmitSm(Sm::default()),
            2 => Pdu::DeliverSm(Sm::default()),
            _ => Pdu::Unbind,
        };
        let token = self.next_token;
        match self.session.request(self.now, token, &pdu) {
            Ok(_) => {
                self.next_token += 1;
                self.open.insert(token);
            }
            Err(SendError::WindowFull) => assert_eq!(self.session.window_free(), 0),
            Err(error) => assert_eq!(error, SendError::NotBound),
        }
    }

    /// One of the peer's requests, which leaves the list. A number that a peer uses twice does not
    /// tell them apart, neither to generic_nack nor to abandon: such requests stay.
    fn pick_asked(&mut self, input: &mut Input<'_>) -> Option<(u32, CommandId)> {
        if self.asked.is_empty() {
            return None;
        }
        let index = input.below(self.asked.len());
        let number = self.asked[index].0;
        let same = self.asked.iter().filter(|(other, _)| *other == number);
        (same.count() == 1).then(|| self.asked.swap_remove(index))
    }

    fn respond(&mut self, input: &mut Input<'_>) {
        let Some((number, command_id)) = self.pick_asked(input) else {
            return;
        };
        let pdu = match command_id {
            CommandId::SUBMIT_SM => Pdu::SubmitSmResp(MessageIdResp::default()),
            CommandId::DELIVER_SM => Pdu::DeliverSmResp(MessageIdResp::default()),
            CommandId::ENQUIRE_LINK => Pdu::EnquireLinkResp,
            CommandId::UNBIND => Pdu::UnbindResp,
            _ => Pdu::GenericNack,
        };
        let status = CommandStatus(input.octet().into());
        let answered = self.session.respond(self.now, number, status, &pdu);
        assert!(
            answered.is_ok() || self.session.is_closed(),
            "{answered:?}: {number} {command_id}"
        );
    }

    /// A response with a number that may well be under way, of a kind that may well fit.
    fn feed_response(&mut self, input: &mut Input<'_>) {
        let number = match input.octet() {
            0xF0.. => 0x7FFF_FFF8 + u32::from(input.octet() % 8),
            number => u32::from(number % 64),
        };
        let (command_id, body): (_, &[u8]) = match input.below(8) {
            0..=3 => (CommandId::SUBMIT_SM_RESP, b"id\0"),
            4 => (CommandId::DELIVER_SM_RESP, b"\0"),
            5 => (CommandId::ENQUIRE_LINK_RESP, b""),
            6 => (CommandId::GENERIC_NACK, b""),
            _ => (CommandId::UNBIND_RESP, b""),
        };
        self.feed(&pdu(command_id, number, body));
    }

    fn feed_request(&mut self, input: &mut Input<'_>) {
        let (command_id, octets) = match input.below(12) {
            0..=3 => (CommandId::DELIVER_SM, 17),
            4..=7 => (CommandId::SUBMIT_SM, 17),
            8 => (CommandId::ENQUIRE_LINK, 0),
            9 => (CommandId::ALERT_NOTIFICATION, 6),
            10 => (CommandId::UNBIND, 0),
            _ => (CommandId(u32::from(input.octet())), 7),
        };
        self.feed(&pdu(command_id, input.octet().into(), &[0; 17][..octets]));
    }

    fn feed(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        loop {
            let was_closed = self.session.is_closed();
            let step = self.session.handle_input(self.now, &self.input);
            let consumed = step.consumed;
            assert!(consumed <= self.input.len());
            assert!(!was_closed || (consumed == 0 && step.event.is_none()));
            match step.event {
                Some(Event::Response { token, .. }) => {
                    assert!(self.open.remove(&token), "{token} ended twice");
                }
                Some(Event::LateResponse { token, .. }) => {
                    assert!(self.timed_out.remove(&token), "{token} was not late");
                }
                // Nobody answers these.
                Some(Event::Request {
                    pdu: Pdu::AlertNotification(_) | Pdu::Outbind(_),
                    ..
                }) => {}
                Some(Event::Request { header, octets, .. }) => {
                    assert_eq!(octets, &self.input[..consumed], "the PDU as it came");
                    self.asked.push((header.sequence_number, header.command_id));
                }
                Some(Event::RequestFailed { .. } | Event::Closed { .. }) => {
                    panic!("these come from poll_event");
                }
                _ => {}
            }
            self.input.drain(..consumed);
            if consumed == 0 {
                return;
            }
        }
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        self.session.handle_timeout(self.now);
        let next = self.session.poll_timeout();
        assert!(
            next.is_none_or(|at| at > self.now),
            "it would be called forever"
        );
    }

    fn advance_to_timeout(&mut self) {
        if let Some(at) = self.session.poll_timeout() {
            self.advance(at.saturating_duration_since(self.now));
        }
    }

    fn take_octets(&mut self, input: &mut Input<'_>) {
        let mut out = BytesMut::new();
        assert_eq!(self.session.poll_transmit(&mut out), !out.is_empty());
        if !self.is_raw {
            let mut rest = &out[..];
            while let Some(header) = Header::decode(rest) {
                rest = &rest[header.command_length as usize..];
            }
            assert!(rest.is_empty(), "whole PDUs");
        }
        let unwritten = if input.flag() { out.len() / 2 } else { 0 };
        self.session.handle_unwritten(unwritten);
    }

    fn operate_bind(&mut self, input: &mut Input<'_>) {
        let bind_type = input.pick(&[
            BindType::Transmitter,
            BindType::Receiver,
            BindType::Transceiver,
        ]);
        let status = CommandStatus(u32::from(input.octet() & 1));
        let (now, session) = (self.now, &mut self.session);
        // Refused unless it is time for it.
        let _ = session.bind(now, bind_type, &Bind::default());
        let _ = session.respond_bind(now, 1, status, &BindResp::default());
        let alert = Pdu::AlertNotification(Default::default());
        let _ = session.notify(now, &alert);
    }

    /// Takes the events and compares the session with what is remembered.
    fn settle(&mut self) {
        while let Some(event) = self.session.poll_event() {
            assert!(!self.is_over, "{event:?} follows the end");
            match event {
                Event::RequestFailed { token, failure, .. } => {
                    assert!(self.open.remove(&token), "{token} ended twice");
                    if failure == RequestFailure::TimedOut {
                        self.timed_out.insert(token);
                    }
                }
                Event::Closed { reason } => {
                    self.is_over = true;
                    assert_eq!(self.session.close_reason(), Some(reason));
                }
                other => panic!("{other:?} comes from handle_input"),
            }
        }
        let session = &self.session;
        assert_eq!(session.is_closed(), self.is_over);
        assert_eq!(session.in_flight() as usize, self.open.len());
        assert!(session.in_flight() <= WINDOW_SIZE);
        assert!(session.unanswered() <= INBOUND_WINDOW_SIZE as usize);
        assert!(!self.is_over || session.poll_timeout().is_none());
    }
}

/// A PDU as octets.
fn pdu(command_id: CommandId, sequence_number: u32, body: &[u8]) -> Vec<u8> {
    let header = Header {
        command_length: 16 + body.len() as u32,
        command_id,
        command_status: CommandStatus::ESME_ROK,
        sequence_number,
    };
    [&header.to_octets(), body].concat()
}
