//! Two sessions, a wire with latency between them and a clock that the test moves.

// Each test binary uses its own part of the rig.
#![allow(dead_code, unreachable_pub)]
#![expect(
    clippy::disallowed_methods,
    reason = "a clock that is moved by hand starts somewhere"
)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use signalbox_codec::pdu::{Bind, BindResp, MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Header, Pdu};
use signalbox_session::{
    BindType, CloseReason, Event, PduProblem, RequestFailure, Role, Session, SessionConfig, Token,
};

/// What a session told, in a form that outlives its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    BindRequested(u32, BindType),
    Bound,
    BindRefused(CommandStatus),
    Request(CommandId, u32),
    Response(Token, CommandId, CommandStatus),
    Failed(Token, RequestFailure),
    Late(Token, CommandId, CommandStatus),
    Bad(CommandId, PduProblem),
    Unbinding,
    Closed(CloseReason),
}

impl Seen {
    pub fn of(event: &Event<'_>) -> Self {
        match event {
            Event::BindRequested {
                sequence_number,
                bind_type,
                ..
            } => Self::BindRequested(*sequence_number, *bind_type),
            Event::Bound { .. } => Self::Bound,
            Event::BindRefused { command_status } => Self::BindRefused(*command_status),
            Event::Request { header, .. } => {
                Self::Request(header.command_id, header.sequence_number)
            }
            Event::Response { token, header, .. } => {
                Self::Response(*token, header.command_id, header.command_status)
            }
            Event::RequestFailed { token, failure, .. } => Self::Failed(*token, *failure),
            Event::LateResponse { token, header, .. } => {
                Self::Late(*token, header.command_id, header.command_status)
            }
            Event::BadPdu { header, problem } => Self::Bad(header.command_id, *problem),
            Event::Unbinding => Self::Unbinding,
            Event::Closed { reason } => Self::Closed(*reason),
        }
    }
}

/// One end of the wire: a session, the octets under way to it, and what it told.
pub struct End {
    pub session: Session,
    pub seen: Vec<Seen>,
    input: BytesMut,
    arriving: VecDeque<(Instant, BytesMut)>,
}

impl End {
    pub fn new(now: Instant, config: SessionConfig) -> Self {
        Self {
            session: Session::new(now, config),
            seen: Vec::new(),
            input: BytesMut::new(),
            arriving: VecDeque::new(),
        }
    }

    /// Octets from a scripted peer.
    pub fn feed(&mut self, now: Instant, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        loop {
            let step = self.session.handle_input(now, &self.input);
            let consumed = step.consumed;
            if let Some(event) = step.event {
                self.seen.push(Seen::of(&event));
            }
            if consumed == 0 {
                break;
            }
            drop(self.input.split_to(consumed));
        }
        self.drain();
    }

    pub fn timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.seen.push(Seen::of(&event));
        }
    }

    /// What the session told since the last call.
    pub fn take_seen(&mut self) -> Vec<Seen> {
        self.drain();
        std::mem::take(&mut self.seen)
    }

    /// The headers of what it wants to write.
    pub fn written(&mut self) -> Vec<Header> {
        let octets = self.written_octets();
        self.drain();
        headers(&octets)
    }

    pub fn written_octets(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        self.session.poll_transmit(&mut out);
        out
    }
}

/// An ESME and an SMSC.
pub struct Pair {
    pub now: Instant,
    pub latency: Duration,
    pub esme: End,
    pub smsc: End,
}

impl Pair {
    pub fn new(esme: SessionConfig, smsc: SessionConfig) -> Self {
        let now = Instant::now();
        Self {
            now,
            latency: Duration::ZERO,
            esme: End::new(now, esme),
            smsc: End::new(now, smsc),
        }
    }

    /// A pair that is bound, with nothing left to tell.
    pub fn bound(bind_type: BindType) -> Self {
        Self::bound_with(bind_type, |_| ())
    }

    pub fn bound_with(bind_type: BindType, change: impl Fn(&mut SessionConfig)) -> Self {
        let config = |role| {
            let mut config = SessionConfig::new(role);
            change(&mut config);
            config
        };
        let mut pair = Self::new(config(Role::Esme), config(Role::Smsc));
        pair.esme
            .session
            .bind(pair.now, bind_type, &Bind::default())
            .expect("fresh");
        pair.run();
        let seen = pair.smsc.take_seen();
        let [Seen::BindRequested(number, _)] = seen[..] else {
            panic!("{seen:?}")
        };
        let resp = BindResp {
            system_id: Some(COctetStr::EMPTY),
            ..BindResp::default()
        };
        pair.smsc
            .session
            .respond_bind(pair.now, number, CommandStatus::ESME_ROK, &resp)
            .expect("asked");
        pair.run();
        assert_eq!(pair.esme.take_seen(), [Seen::Bound]);
        pair
    }

    /// Lets everything arrive that is under way now.
    pub fn run(&mut self) {
        loop {
            let moved = transfer(self.now, self.latency, &mut self.esme, &mut self.smsc)
                | transfer(self.now, self.latency, &mut self.smsc, &mut self.esme);
            if !moved {
                return;
            }
        }
    }

    /// Moves the clock to each deadline and arrival in turn until `by` is over.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            self.run();
            let next = [&self.esme, &self.smsc]
                .into_iter()
                .flat_map(|side| {
                    let arrival = side.arriving.front().map(|(at, _)| *at);
                    [side.session.poll_timeout(), arrival]
                })
                .flatten()
                .min();
            match next {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            self.run();
            self.esme.timeout(self.now);
            self.smsc.timeout(self.now);
        }
        self.now = end;
        self.run();
    }

    pub fn submit(&mut self, token: Token) -> u32 {
        self.esme
            .session
            .request(self.now, token, &submit_sm(b"text"))
            .expect("the window is open")
    }

    pub fn answer(&mut self, sequence_number: u32) {
        self.smsc
            .session
            .respond(
                self.now,
                sequence_number,
                CommandStatus::ESME_ROK,
                &submit_sm_resp(),
            )
            .expect("asked");
    }
}

/// Moves what is written by one side to the other.
fn transfer(now: Instant, latency: Duration, from: &mut End, to: &mut End) -> bool {
    let mut octets = BytesMut::new();
    let mut moved = from.session.poll_transmit(&mut octets);
    from.drain();
    if moved {
        to.arriving.push_back((now + latency, octets));
    }
    while to.arriving.front().is_some_and(|(at, _)| *at <= now) {
        if let Some((_, octets)) = to.arriving.pop_front() {
            to.feed(now, &octets);
            moved = true;
        }
    }
    moved
}

pub fn submit_sm(text: &[u8]) -> Pdu<'_> {
    Pdu::SubmitSm(Sm {
        destination_addr: COctetStr::new(b"447700900000").expect("no NUL"),
        short_message: ShortMessage::new(text).expect("short"),
        ..Sm::default()
    })
}

pub fn deliver_sm(text: &[u8]) -> Pdu<'_> {
    match submit_sm(text) {
        Pdu::SubmitSm(sm) => Pdu::DeliverSm(sm),
        other => other,
    }
}

pub fn submit_sm_resp() -> Pdu<'static> {
    Pdu::SubmitSmResp(MessageIdResp {
        message_id: COctetStr::new(b"id-1"),
        ..MessageIdResp::default()
    })
}

/// A PDU with an empty body, or any body.
pub fn raw(command_id: CommandId, status: CommandStatus, number: u32, body: &[u8]) -> Vec<u8> {
    let header = Header {
        command_length: 16 + body.len() as u32,
        command_id,
        command_status: status,
        sequence_number: number,
    };
    let mut octets = header.to_octets().to_vec();
    octets.extend_from_slice(body);
    octets
}

pub fn headers(mut octets: &[u8]) -> Vec<Header> {
    let mut headers = Vec::new();
    while let Some(header) = Header::decode(octets) {
        headers.push(header);
        octets = &octets[header.command_length as usize..];
    }
    assert!(octets.is_empty(), "whole PDUs");
    headers
}
