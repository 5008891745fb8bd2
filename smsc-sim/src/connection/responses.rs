//! Responses to messages when they are due, with what goes wrong with them on purpose.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use signalbox_codec::pdu::MessageIdResp;
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Encode, Header, Pdu, encode_pdu};
use signalbox_session::Session;

use super::{Connection, Later};
use crate::clock::SmscTime;
use crate::delivery::{Delivery, EncodedBody};
use crate::fault::{self, ResponseFault};
use crate::ids::IdText;

/// How long responses are gathered that are to be sent in another order; then those that are there
/// are sent.
const REORDER_WAIT: Duration = Duration::from_millis(500);

/// A response to a request about a message.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) sequence_number: u32,
    /// Of the response.
    pub(super) command_id: CommandId,
    pub(super) command_status: CommandStatus,
    pub(super) body: Body,
    pub(super) fault: Option<ResponseFault>,
    /// What counts from it; only for one that is sent in another order, where its time is not
    /// known beforehand.
    pub(super) followers: Vec<Delivery>,
}

/// A response that is gathered to be sent in another order.
#[derive(Debug)]
pub(super) struct Gathered {
    response: Response,
    /// When it was due.
    due: SmscTime,
}

impl Gathered {
    pub(super) fn into_followers(self) -> Vec<Delivery> {
        self.response.followers
    }
}

/// What stands in it.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// The id of the message if the status is ESME_ROK, else nothing.
    Id(IdText),
    /// These octets.
    Octets(Bytes),
}

impl Response {
    /// With any body, to the request with that header.
    pub(super) fn of(header: Header, command_status: CommandStatus, pdu: &Pdu<'_>) -> Self {
        let mut body = BytesMut::new();
        pdu.encode_body(&mut body);
        Self {
            sequence_number: header.sequence_number,
            command_id: pdu.command_id(),
            command_status,
            body: Body::Octets(body.freeze()),
            fault: None,
            followers: Vec::new(),
        }
    }

    /// Whether the time of what follows it is not known before it is sent.
    pub(super) const fn is_reordered(&self) -> bool {
        matches!(self.fault, Some(ResponseFault::Reorder { .. }))
    }

    /// Sends it as it should be. A session that is over takes none: then there is nobody left to be
    /// told.
    fn send(&self, now: Instant, session: &mut Session) {
        let (number, status) = (self.sequence_number, self.command_status);
        let sent = match &self.body {
            Body::Id(id) => session.respond(now, number, status, &self.with_id(id)),
            Body::Octets(body) => session.respond(now, number, status, &self.with_body(body)),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a response came too late for its session");
        }
    }

    fn octets(&self) -> BytesMut {
        let (number, status) = (self.sequence_number, self.command_status);
        let mut octets = BytesMut::new();
        match &self.body {
            Body::Id(id) => encode_pdu(&self.with_id(id), status, number, &mut octets),
            Body::Octets(body) => encode_pdu(&self.with_body(body), status, number, &mut octets),
        }
        octets
    }

    fn with_id<'a>(&self, id: &'a IdText) -> Pdu<'a> {
        let is_ok = self.command_status.is_ok();
        let id = is_ok.then(|| COctetStr::new(id.as_octets()).expect("ids have no NUL"));
        let resp = MessageIdResp {
            message_id: id,
            ..MessageIdResp::default()
        };
        match self.command_id {
            CommandId::DATA_SM_RESP => Pdu::DataSmResp(resp),
            CommandId::BROADCAST_SM_RESP => Pdu::BroadcastSmResp(resp),
            _ => Pdu::SubmitSmResp(resp),
        }
    }

    fn with_body<'a>(&self, body: &'a Bytes) -> EncodedBody<'a> {
        EncodedBody {
            command_id: self.command_id,
            body,
        }
    }
}

impl Connection {
    /// Sends a response, or does what goes wrong with it.
    pub(super) fn respond(&mut self, now: Instant, session: &mut Session, response: Response) {
        let Some(fault) = response.fault else {
            response.send(now, session);
            return;
        };
        match fault {
            ResponseFault::DisconnectBefore(how) => {
                session.abandon(response.sequence_number);
                self.disconnect(now, session, how);
            }
            ResponseFault::DisconnectAfter(how) => {
                response.send(now, session);
                self.disconnect(now, session, how);
            }
            ResponseFault::Garbage => {
                let seed = self.shared.settings.seed;
                let number = u64::from(response.sequence_number);
                session.send_raw(&fault::garbage(seed, self.ordinal(), number));
                response.send(now, session);
            }
            ResponseFault::Duplicate { copies } => {
                response.send(now, session);
                let octets = response.octets();
                for _ in 0..copies {
                    session.send_raw(&octets);
                }
            }
            ResponseFault::Reorder { window } => self.reorder(now, session, response, window),
            ResponseFault::ResetInside => {
                self.gate.reset.store(true, Ordering::Relaxed);
                session.close_with_raw(now, &spoiled(&response, fault));
            }
            ResponseFault::BadLength { .. }
            | ResponseFault::UnknownCommand { .. }
            | ResponseFault::BadSequence { .. }
            | ResponseFault::CorruptTlv => Self::spoil(session, &response, fault),
        }
    }

    /// Sends the responses that were gathered, the last one first, and plans what follows them.
    pub(super) fn send_reordered(&mut self, now: Instant, session: &mut Session) {
        let at = self.clock.at(now);
        for gathered in std::mem::take(&mut self.reordered).into_iter().rev() {
            gathered.response.send(now, session);
            let waited = at.since(gathered.due);
            for mut delivery in gathered.into_followers() {
                delivery.due = delivery.due + waited;
                self.deliver_when_due(now, session, delivery);
            }
        }
    }

    fn reorder(&mut self, now: Instant, session: &mut Session, response: Response, window: u32) {
        let due = self.clock.at(now);
        if self.reordered.is_empty() {
            self.later.push(due + REORDER_WAIT, Later::SendReordered);
        }
        self.reordered.push(Gathered { response, due });
        if self.reordered.len() >= window as usize {
            self.send_reordered(now, session);
        }
    }

    fn spoil(session: &mut Session, response: &Response, fault: ResponseFault) {
        session.abandon(response.sequence_number);
        session.send_raw(&spoiled(response, fault));
    }
}

fn spoiled(response: &Response, fault: ResponseFault) -> BytesMut {
    let mut octets = response.octets();
    let spoiled = fault::spoil(&mut octets, fault);
    debug_assert!(spoiled, "only faults of octets come here");
    octets
}
