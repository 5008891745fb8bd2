//! What comes from time and from the transport, and how a session ends. SMPP v3.4 §7.2.

use std::time::Instant;

use bytes::BytesMut;
use signalbox_codec::{CommandId, CommandStatus, Header, Pdu, encode_pdu};

use crate::event::{CloseReason, RequestFailure};
use crate::session::{Notice, Pending, Session, is_of_session};
use crate::state::State;

impl Session {
    /// Does what is due at `now`. To be called at [`Session::poll_timeout`] or later, after the
    /// input that has arrived was handled: an answer that waits in the socket is in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while !self.is_closed()
            && self
                .pending
                .oldest()
                .is_some_and(|oldest| oldest.deadline <= now)
        {
            if let Some((number, pending)) = self.pending.pop_oldest() {
                self.on_expired(number, &pending);
            }
        }
        if self.bind_deadline().is_some_and(|deadline| deadline <= now) {
            self.finish(CloseReason::BindTimedOut);
        }
        if self.inactive_at().is_some_and(|deadline| deadline <= now) {
            self.start_unbind(now, CloseReason::Inactive);
        }
        if self.enquire_link_at().is_some_and(|at| at <= now) {
            self.enquire_link(now);
        }
    }

    /// When [`Session::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        let response = self.pending.oldest().map(|oldest| oldest.deadline);
        [
            response,
            self.bind_deadline(),
            self.inactive_at(),
            self.enquire_link_at(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// How many of the octets that [`Session::poll_transmit`] gave out are not written yet; 0
    /// unless told. A request among them has certainly not reached the peer. A session that closes
    /// while there are some wants these octets dropped, and gives out no more.
    #[inline]
    pub fn handle_unwritten(&mut self, octets: usize) {
        self.unwritten_octets = octets as u64;
    }

    /// The connection ended or broke.
    pub fn handle_transport_closed(&mut self, _now: Instant) {
        self.finish(CloseReason::Transport);
    }

    /// The peer kept the driver waiting too long: for the rest of a PDU, or to take our octets.
    /// The number of a half PDU is answered with generic_nack, ESME_RINVCMDLEN.
    pub fn handle_stalled(&mut self, _now: Instant, half_pdu: &[u8]) {
        if self.is_closed() {
            return;
        }
        self.finish(CloseReason::PeerStalled);
        if let Some(header) = Header::decode(half_pdu)
            && self.unwritten_octets == 0
        {
            let number = header.sequence_number;
            self.answer(&Pdu::GenericNack, CommandStatus::ESME_RINVCMDLEN, number);
        }
    }

    pub(crate) fn start_unbind(&mut self, now: Instant, reason: CloseReason) {
        match self.state {
            State::Bound(_) => {
                self.state = State::Unbinding;
                self.unbind_reason = reason;
                self.send_request(now, 0, &Pdu::Unbind);
            }
            State::Open | State::Binding => self.finish(CloseReason::LocalClose),
            State::Unbinding | State::Closed => {}
        }
    }

    /// The end. Every pending request fails; responses that were made still go out, unless octets
    /// before them are stuck.
    pub(crate) fn finish(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.state = State::Closed;
        self.close_reason = Some(reason);
        self.close_when_taken = None;
        self.late.clear();
        self.fail_pending_beyond(self.taken_octets - self.unwritten_octets);
        let (in_flight, notices) = (&mut self.in_flight, &mut self.notices);
        self.pending.drain_if(
            |_| true,
            |number, pending| {
                if !is_of_session(pending.command_id) {
                    *in_flight -= 1;
                    let failure = RequestFailure::SessionClosed;
                    notices.push_back(Notice::Failed(number, pending.token, failure));
                }
            },
        );
        debug_assert_eq!(self.in_flight, 0, "the window counts what is pending");
        self.notices.push_back(Notice::Closed(reason));
        if self.unwritten_octets > 0 {
            self.transmit.clear();
        } else {
            keep_responses(&mut self.transmit);
        }
    }

    /// Takes back the requests that poll_transmit has not given out: they have failed as not sent.
    pub(crate) fn drop_untaken_requests(&mut self) {
        self.fail_pending_beyond(self.taken_octets);
        keep_responses(&mut self.transmit);
    }

    pub(crate) fn answer(&mut self, pdu: &Pdu<'_>, command_status: CommandStatus, number: u32) {
        encode_pdu(pdu, command_status, number, &mut self.transmit);
    }

    /// Requests whose last octet is not among the first `written_octets` were not sent.
    fn fail_pending_beyond(&mut self, written_octets: u64) {
        let (in_flight, notices) = (&mut self.in_flight, &mut self.notices);
        self.pending.drain_if(
            |pending| pending.end_octets > written_octets,
            |number, pending| {
                if !is_of_session(pending.command_id) {
                    *in_flight -= 1;
                    let failure = RequestFailure::NotSent;
                    notices.push_back(Notice::Failed(number, pending.token, failure));
                }
            },
        );
    }

    fn on_expired(&mut self, number: u32, pending: &Pending) {
        match pending.command_id {
            CommandId::ENQUIRE_LINK if self.awaited_enquire_link == Some(number) => {
                self.finish(CloseReason::PeerSilent);
            }
            CommandId::ENQUIRE_LINK => {}
            CommandId::UNBIND => self.finish(self.unbind_reason),
            command_id if is_of_session(command_id) => self.finish(CloseReason::BindTimedOut),
            _ => {
                self.in_flight -= 1;
                self.late.insert(number, pending.command_id, pending.token);
                let failure = RequestFailure::TimedOut;
                self.notices
                    .push_back(Notice::Failed(number, pending.token, failure));
            }
        }
    }

    fn bind_deadline(&self) -> Option<Instant> {
        matches!(self.state, State::Open | State::Binding)
            .then(|| self.started + self.config.session_init_timer)
    }

    fn inactive_at(&self) -> Option<Instant> {
        (matches!(self.state, State::Bound(_)) && !self.config.inactivity_timer.is_zero())
            .then(|| self.last_message + self.config.inactivity_timer)
    }

    fn enquire_link_at(&self) -> Option<Instant> {
        (matches!(self.state, State::Bound(_))
            && !self.config.enquire_link_timer.is_zero()
            && self.awaited_enquire_link.is_none())
        .then(|| self.last_octets + self.config.enquire_link_timer)
    }
}

/// Leaves only the responses among whole PDUs. Octets that are no PDU (see
/// [`Session::send_raw`]) end the search and go.
fn keep_responses(transmit: &mut BytesMut) {
    let mut kept = BytesMut::new();
    let mut rest: &[u8] = transmit;
    while let Some(header) = Header::decode(rest) {
        let Some(pdu) = rest.get(..header.command_length as usize) else {
            break;
        };
        if pdu.is_empty() {
            break;
        }
        if header.command_id.is_response() {
            kept.extend_from_slice(pdu);
        }
        rest = &rest[pdu.len()..];
    }
    *transmit = kept;
}
