//! What lives beside a link's session: translates between the session's events and the link's, and
//! gathers those of one turn into one batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use signalbox_codec::pdu::MessageIdResp;
use signalbox_codec::{COctetStr, CommandId, Encode, Header, Pdu, Tag, encode_pdu};
use signalbox_session::driver::Owner;
use signalbox_session::{Event, PduProblem, RequestFailure, SendError, Session, State, Token};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::event::{Failure, LinkEvent, LinkEvents, UNASKED_EVENTS_MAX};
use crate::link::{Control, Submit};
use crate::message_id::MessageId;

/// Octets that the copies of the SMSC's requests are cut from at a time.
const ARENA_OCTETS: usize = 32 * 1024;

pub(crate) struct LinkOwner {
    pub(crate) link: u32,
    pub(crate) generation: u64,
    events: mpsc::UnboundedSender<LinkEvents>,
    batch: Vec<LinkEvent>,
    batch_len_last: usize,
    arena: BytesMut,
    window: u32,
    drain_timer: Duration,
    /// Set once the link is told to end: when unbind goes out at the latest.
    drain_until: Option<Instant>,
    unbind_sent: bool,
    bad_pdus: Option<(u32, Header, PduProblem)>,
    /// Room for events that no window bounds.
    unasked: Arc<Semaphore>,
    /// The part of it that the batch takes.
    taken: Option<OwnedSemaphorePermit>,
    /// The link was told to end.
    pub(crate) stopped: bool,
    pub(crate) bound_at: Option<Instant>,
}

impl LinkOwner {
    pub(crate) fn new(
        link: u32,
        generation: u64,
        window: u32,
        drain_timer: Duration,
        events: mpsc::UnboundedSender<LinkEvents>,
    ) -> Self {
        Self {
            link,
            generation,
            events,
            batch: Vec::new(),
            batch_len_last: 0,
            arena: BytesMut::new(),
            window,
            drain_timer,
            drain_until: None,
            unbind_sent: false,
            bad_pdus: None,
            unasked: Arc::new(Semaphore::new(UNASKED_EVENTS_MAX)),
            taken: None,
            stopped: false,
            bound_at: None,
        }
    }

    fn on_bound(&mut self, now: Instant, session: &Session, system_id: COctetStr<'_>) {
        self.bound_at = Some(now);
        self.batch.push(LinkEvent::Bound {
            window: self.window,
            system_id: system_id.to_latin1(),
            sc_interface_version: session.peer_interface_version(),
        });
    }

    #[inline]
    fn on_response(&mut self, token: Token, header: Header, pdu: &Pdu<'_>) {
        let (message_id, congestion_state, body) = match pdu {
            Pdu::SubmitSmResp(resp) | Pdu::DataSmResp(resp) => {
                let congestion_state = resp.tlvs.get(Tag::CONGESTION_STATE);
                let message_id = resp.message_id.filter(|id| !id.is_empty());
                (
                    message_id.map(|id| MessageId::new(id.as_octets())),
                    congestion_state.and_then(|tlv| tlv.as_u8()),
                    if resp.tlvs.is_empty() {
                        Bytes::new()
                    } else {
                        self.copy_body(pdu)
                    },
                )
            }
            Pdu::GenericNack => (None, None, Bytes::new()),
            _ => (None, None, self.copy_body(pdu)),
        };
        self.batch.push(LinkEvent::Response {
            token,
            command_id: header.command_id,
            command_status: header.command_status,
            message_id,
            congestion_state,
            body,
        });
    }

    fn on_late_response(&mut self, token: Token, header: Header, pdu: &Pdu<'_>) {
        let message_id = match pdu {
            Pdu::SubmitSmResp(resp) | Pdu::DataSmResp(resp) => resp.message_id,
            _ => None,
        };
        let message_id = message_id.filter(|id| !id.is_empty());
        self.batch.push(LinkEvent::LateResponse {
            token,
            command_id: header.command_id,
            command_status: header.command_status,
            message_id: message_id.map(|id| MessageId::new(id.as_octets())),
        });
    }

    fn on_peer_request(&mut self, header: Header, pdu: &Pdu<'_>) {
        if header.command_id == CommandId::ALERT_NOTIFICATION && !self.take_room() {
            return self.on_bad_pdu(header, PduProblem::InboundWindowFull);
        }
        self.reserve(header.command_length as usize);
        encode_pdu(
            pdu,
            header.command_status,
            header.sequence_number,
            &mut self.arena,
        );
        let octets = self.arena.split().freeze();
        self.batch.push(LinkEvent::Request { header, octets });
    }

    fn on_bad_pdu(&mut self, header: Header, problem: PduProblem) {
        let count = self.bad_pdus.map_or(0, |(count, ..)| count);
        self.bad_pdus = Some((count.saturating_add(1), header, problem));
    }

    /// Takes room for one more event that the SMSC can cause at will; false when the receiver is
    /// that far behind.
    fn take_room(&mut self) -> bool {
        let Ok(permit) = Arc::clone(&self.unasked).try_acquire_owned() else {
            return false;
        };
        match &mut self.taken {
            Some(taken) => taken.merge(permit),
            None => self.taken = Some(permit),
        }
        true
    }

    fn copy_body(&mut self, pdu: &Pdu<'_>) -> Bytes {
        self.reserve(pdu.body_octets());
        pdu.encode_body(&mut self.arena);
        self.arena.split().freeze()
    }

    fn reserve(&mut self, octets: usize) {
        if self.arena.capacity() < octets {
            self.arena.reserve(octets.max(ARENA_OCTETS));
        }
    }

    /// Unbinds once nothing is pending, or its time is over.
    fn continue_draining(&mut self, now: Instant, session: &mut Session) {
        if let Some(until) = self.drain_until
            && !self.unbind_sent
            && (now >= until || session.in_flight() == 0)
        {
            self.unbind_sent = true;
            session.unbind(now);
        }
    }

    /// Sends the batch. The receiver may be gone: then nobody wants to know.
    fn flush(&mut self) {
        // Without room the count goes on.
        if self.bad_pdus.is_some()
            && self.take_room()
            && let Some((count, header, problem)) = self.bad_pdus.take()
        {
            self.batch.push(LinkEvent::BadPdus {
                count,
                header,
                problem,
            });
        }
        if self.batch.is_empty() {
            return;
        }
        self.batch_len_last = self.batch.len();
        let events = std::mem::replace(&mut self.batch, Vec::with_capacity(self.batch_len_last));
        let batch = LinkEvents {
            link: self.link,
            generation: self.generation,
            events,
            _room: self.taken.take(),
        };
        if self.events.send(batch).is_err() {
            self.stopped = true;
        }
    }
}

impl Owner for LinkOwner {
    type Request = Submit;
    type Control = Control;

    #[inline]
    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        match event {
            Event::Response { token, header, pdu } => self.on_response(token, header, &pdu),
            Event::LateResponse { token, header, pdu } => {
                self.on_late_response(token, header, &pdu);
            }
            Event::Request { header, pdu, .. } => self.on_peer_request(header, &pdu),
            Event::RequestFailed { token, failure, .. } => {
                let failure = match failure {
                    RequestFailure::NotSent => Failure::NotSent,
                    RequestFailure::TimedOut => Failure::TimedOut,
                    RequestFailure::SessionClosed => Failure::SessionClosed,
                };
                self.batch.push(LinkEvent::Failed { token, failure });
            }
            Event::Bound { bind_resp } => {
                self.on_bound(now, session, bind_resp.system_id.unwrap_or_default());
            }
            Event::BadPdu { header, problem } => self.on_bad_pdu(header, problem),
            // The supervisor tells of the end, with the reason that `drive` returns.
            Event::BindRefused { .. } | Event::Unbinding | Event::Closed { .. } => {}
            // Only an SMSC is asked to bind.
            Event::BindRequested { .. } => {}
        }
    }

    #[inline]
    fn on_request(&mut self, now: Instant, session: &mut Session, request: Submit) {
        let token = request.token;
        let failure = match session.request(now, token, &request.outgoing) {
            Ok(_) => return,
            Err(SendError::NotBound) if matches!(session.state(), State::Bound(_)) => {
                Failure::NotAllowed
            }
            Err(_) => Failure::NotSent,
        };
        self.batch.push(LinkEvent::Failed { token, failure });
    }

    fn on_control(&mut self, now: Instant, session: &mut Session, control: Control) {
        match control {
            Control::Respond {
                generation,
                sequence_number,
                command_status,
            } => {
                if generation != self.generation {
                    return;
                }
                let resp = MessageIdResp {
                    message_id: Some(COctetStr::EMPTY),
                    ..MessageIdResp::default()
                };
                // The session knows which of the two was asked; an answer too many is refused.
                let deliver = Pdu::DeliverSmResp(resp);
                if session
                    .respond(now, sequence_number, command_status, &deliver)
                    .is_err()
                {
                    let data = Pdu::DataSmResp(resp);
                    if let Err(error) = session.respond(now, sequence_number, command_status, &data)
                    {
                        tracing::debug!(link = self.link, sequence_number, %error, "response not sent");
                    }
                }
            }
            Control::Unbind => {
                self.stopped = true;
                self.drain_until.get_or_insert(now + self.drain_timer);
                self.continue_draining(now, session);
            }
            Control::Disconnect => {
                self.stopped = true;
                session.close(now);
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.drain_until.filter(|_| !self.unbind_sent)
    }

    fn on_timeout(&mut self, now: Instant, session: &mut Session) {
        self.continue_draining(now, session);
    }

    fn ready_for_requests(&self, session: &Session) -> bool {
        session.window_free() > 0 && self.drain_until.is_none()
    }

    fn after_batch(&mut self, now: Instant, session: &mut Session) {
        self.continue_draining(now, session);
        self.flush();
    }
}
