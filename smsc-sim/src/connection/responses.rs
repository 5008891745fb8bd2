//! Responses to messages when they are due, with what goes wrong with them on purpose.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use signalbox_codec::{CommandId, CommandStatus, Encode, Header, Pdu, encode_pdu};
use signalbox_session::Session;

use super::{Connection, Later};
use crate::clock::SmscTime;
use crate::delivery::{Delivery, EncodedBody};
use crate::fault::{self, ResponseFault};
use crate::ids::{IdStyle, IdText, MessageId};

/// How long responses are gathered that are to be sent in another order; then those that are there
/// are sent.
pub(super) const REORDER_WAIT: Duration = Duration::from_millis(500);

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
    /// The message, for the same reason: it is recorded as if its response waited for
    /// [`REORDER_WAIT`].
    pub(super) message: Option<(MessageId, IdStyle)>,
}

/// A response that is gathered to be sent in another order.
#[derive(Debug)]
pub(super) struct Gathered {
    response: Response,
    /// When it was due.
    due: SmscTime,
}

impl Gathered {
    pub(super) fn into_followers(self) -> impl Iterator<Item = Delivery> {
        self.response.into_followers(REORDER_WAIT)
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
            message: None,
        }
    }

    /// What counts from it when it was sent that much later than was planned.
    pub(super) fn into_followers(self, waited: Duration) -> impl Iterator<Item = Delivery> {
        let late = move |delivery: Delivery| Delivery {
            due: delivery.due + waited,
            ..delivery
        };
        self.followers.into_iter().map(late)
    }

    /// Sends it as it should be. A session that is over takes none: then there is nobody left to be
    /// told.
    #[inline]
    fn send(&self, now: Instant, session: &mut Session) {
        let (number, status) = (self.sequence_number, self.command_status);
        let sent = session.respond(now, number, status, &self.encoded());
        if let Err(error) = sent {
            tracing::debug!(%error, "a response came too late for its session");
        }
    }

    fn octets(&self) -> BytesMut {
        let (number, status) = (self.sequence_number, self.command_status);
        let mut octets = BytesMut::new();
        encode_pdu(&self.encoded(), status, number, &mut octets);
        octets
    }

    #[inline]
    fn encoded(&self) -> EncodedBody<'_> {
        EncodedBody {
            command_id: self.command_id,
            body: match &self.body {
                Body::Id(id) if self.command_status.is_ok() => id.as_c_octets(),
                Body::Id(_) => &[],
                Body::Octets(octets) => octets,
            },
        }
    }
}

impl Connection {
    /// Sends a response, or does what goes wrong with it.
    #[inline]
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
    /// Returns how many they were.
    fn send_reordered(&mut self, now: Instant, session: &mut Session) -> usize {
        let at = self.at(now);
        // Those of this turn are among the messages kept, too.
        self.record_batch(at);
        let reordered = std::mem::take(&mut self.reordered);
        let sent = reordered.len();
        for Gathered { response, due } in reordered.into_iter().rev() {
            response.send(now, session);
            let waited = at.since(due);
            if let Some(message) = response.message {
                let mut ring = self.shared.ring();
                ring.move_end(message, (REORDER_WAIT, waited));
            }
            self.followers_held -= response.followers.len();
            for delivery in response.into_followers(waited) {
                self.deliver_when_due(now, session, delivery);
            }
        }
        sent
    }

    /// Sends what is gathered, if it has waited long enough by `due`. Returns how many they were.
    pub(super) fn fire_reordered(
        &mut self,
        now: Instant,
        session: &mut Session,
        due: SmscTime,
    ) -> usize {
        self.reorder_planned = false;
        let Some(first) = self.reordered.first() else {
            return 0;
        };
        let ends = first.due + REORDER_WAIT;
        if ends <= due {
            return self.send_reordered(now, session);
        }
        self.plan_reordered(ends);
        0
    }

    fn plan_reordered(&mut self, ends: SmscTime) {
        self.reorder_planned = true;
        self.later.push(ends, Later::SendReordered);
    }

    fn reorder(&mut self, now: Instant, session: &mut Session, response: Response, window: u32) {
        let due = self.at(now);
        if !self.reorder_planned {
            self.plan_reordered(due + REORDER_WAIT);
        }
        self.followers_held += response.followers.len();
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
