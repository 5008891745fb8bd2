//! The session: its state, the commands of its owner and its outputs. What comes from the peer is
//! in `input.rs`, what comes from time and how a session ends in `lifecycle.rs`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{
    CommandId, CommandStatus, Encode, Pdu, SEQUENCE_NUMBER_MAX, Tlvs, encode_pdu,
};

use crate::config::{BindType, Role, SessionConfig};
use crate::event::{CloseReason, Event, RequestFailure, SendError, Token};
use crate::late::LateRequests;
use crate::legality::{Verdict, bind_command, judge};
use crate::numbered::Numbered;
use crate::state::State;

/// interface_version from which optional parameters exist. SMPP v3.4 §5.2.4.
const INTERFACE_VERSION_TLVS: u8 = 0x34;

/// One SMPP session, of either role, without clock and without socket.
///
/// ```text
///            bind / its request           bind_resp 0
///   Open ───────────────────────► Binding ───────────► Bound ──────────────┐
///    │                               │                   │ unbind (either  │
///    │ session_init_timer,           │ refused,          │ side), inactivity
///    │ close, transport closed       │ timer             ▼                 │ bad length, peer
///    │                               │               Unbinding             │ silent, close,
///    │                               │                   │ unbind_resp,    │ transport closed
///    ▼                               ▼                   ▼ timer           ▼
///    └───────────────────────────► Closed ◄────────────────────────────────┘
/// ```
///
/// Four kinds of method: getters, `handle_*` (from transport and time), commands of the owner, and
/// `poll_*` (outputs, to be drained after each call of another kind). Every request that was
/// accepted ends in exactly one [`Event::Response`] or [`Event::RequestFailed`]; one that has timed
/// out may have an [`Event::LateResponse`] after that.
///
/// Memory: at most four slots per request of `window_size` and of `inbound_window_size`, 16,384
/// requests that may have a late response, and what was put on the wire and not taken by
/// [`Session::poll_transmit`].
#[derive(Debug)]
pub struct Session {
    pub(crate) config: SessionConfig,
    pub(crate) state: State,
    /// Counts while the state is bound or unbinding.
    pub(crate) bind_type: BindType,
    /// Our requests that wait for their responses; enquire_link, unbind and bind too.
    pub(crate) pending: Numbered<Pending>,
    /// Those of them that are the owner's: they fill the window.
    pub(crate) in_flight: u32,
    /// The owner's requests that have timed out.
    pub(crate) late: LateRequests,
    next_sequence_number: u32,
    /// The peer's requests that wait for our responses.
    pub(crate) unanswered: Numbered<CommandId>,
    /// The number of a bind that waits for [`Session::respond_bind`].
    pub(crate) bind_number: u32,
    pub(crate) peer_interface_version: Option<u8>,
    /// Whole PDUs that nobody has taken.
    pub(crate) transmit: BytesMut,
    /// Octets that poll_transmit has given out, ever.
    pub(crate) taken_octets: u64,
    /// Those of them that are known not to be written.
    pub(crate) unwritten_octets: u64,
    pub(crate) notices: VecDeque<Notice>,
    /// Set while unbinding by us: what closes the session in the end.
    pub(crate) unbind_reason: CloseReason,
    /// The session closes with this once `transmit` is taken.
    pub(crate) close_when_taken: Option<CloseReason>,
    pub(crate) close_reason: Option<CloseReason>,
    pub(crate) started: Instant,
    pub(crate) last_octets: Instant,
    pub(crate) last_message: Instant,
    /// The enquire_link that must see life of the peer before its time is over.
    pub(crate) awaited_enquire_link: Option<u32>,
}

/// One of our requests on its way. All have the same time, so they expire in their order.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) token: Token,
    /// Octets given out once this request is out: tells whether it was written.
    pub(crate) end_octets: u64,
    pub(crate) deadline: Instant,
    pub(crate) command_id: CommandId,
}

/// What [`Session::poll_event`] has to tell.
#[derive(Debug)]
pub(crate) enum Notice {
    Failed(u32, Token, RequestFailure),
    Closed(CloseReason),
}

impl Session {
    /// A session over a connection that stands at `now`.
    #[must_use]
    pub fn new(now: Instant, config: SessionConfig) -> Self {
        Self {
            state: State::Open,
            bind_type: BindType::Transceiver,
            pending: Numbered::new(config.window_size),
            in_flight: 0,
            late: LateRequests::default(),
            next_sequence_number: 1,
            unanswered: Numbered::new(config.inbound_window_size),
            bind_number: 0,
            peer_interface_version: None,
            transmit: BytesMut::new(),
            taken_octets: 0,
            unwritten_octets: 0,
            notices: VecDeque::new(),
            unbind_reason: CloseReason::LocalUnbind,
            close_when_taken: None,
            close_reason: None,
            started: now,
            last_octets: now,
            last_message: now,
            awaited_enquire_link: None,
            config,
        }
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.config.role
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Why it is over.
    #[must_use]
    pub const fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason
    }

    /// Requests that may be made at once; 0 unless bound.
    #[must_use]
    #[inline]
    pub const fn window_free(&self) -> u32 {
        match self.state {
            State::Bound(_) => self.config.window_size.saturating_sub(self.in_flight),
            _ => 0,
        }
    }

    /// Our requests that wait for responses, without enquire_link and the like.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests of the peer that wait for [`Session::respond`].
    #[must_use]
    pub const fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// What the peer said of its version: interface_version of a bind, sc_interface_version of a
    /// bind_resp. `None` when it said nothing.
    #[must_use]
    pub const fn peer_interface_version(&self) -> Option<u8> {
        self.peer_interface_version
    }

    /// ESME: asks to be bound. [`Event::Bound`] or [`Event::BindRefused`] follows.
    ///
    /// # Errors
    /// [`SendError::NotBound`] for the SMSC, and for a session that is not fresh.
    pub fn bind(
        &mut self,
        now: Instant,
        bind_type: BindType,
        bind: &Bind<'_>,
    ) -> Result<u32, SendError> {
        if self.config.role != Role::Esme || self.state != State::Open {
            return Err(SendError::NotBound);
        }
        self.state = State::Binding;
        self.bind_type = bind_type;
        let pdu = match bind_type {
            BindType::Transmitter => Pdu::BindTransmitter(*bind),
            BindType::Receiver => Pdu::BindReceiver(*bind),
            BindType::Transceiver => Pdu::BindTransceiver(*bind),
        };
        Ok(self.send_request(now, 0, &pdu))
    }

    /// SMSC: answers [`Event::BindRequested`]. With another status than ESME_ROK the session
    /// closes once the answer is taken. Optional parameters are left out for a peer older than
    /// SMPP v3.4.
    ///
    /// # Errors
    /// [`SendError::NoSuchRequest`] when no bind with this number waits.
    pub fn respond_bind(
        &mut self,
        now: Instant,
        sequence_number: u32,
        command_status: CommandStatus,
        resp: &BindResp<'_>,
    ) -> Result<(), SendError> {
        if self.config.role != Role::Smsc
            || self.state != State::Binding
            || self.close_when_taken.is_some()
            || self.bind_number != sequence_number
        {
            return Err(SendError::NoSuchRequest);
        }
        let mut resp = *resp;
        if self.peer_interface_version < Some(INTERFACE_VERSION_TLVS) {
            resp.tlvs = Tlvs::EMPTY;
        }
        let pdu = match self.bind_type {
            BindType::Transmitter => Pdu::BindTransmitterResp(resp),
            BindType::Receiver => Pdu::BindReceiverResp(resp),
            BindType::Transceiver => Pdu::BindTransceiverResp(resp),
        };
        encode_pdu(&pdu, command_status, sequence_number, &mut self.transmit);
        if command_status.is_ok() {
            self.state = State::Bound(self.bind_type);
            self.last_message = now;
        } else {
            self.close_when_taken = Some(CloseReason::BindRefused(command_status));
        }
        Ok(())
    }

    /// Sends a request; its response or failure comes with `token`.
    ///
    /// # Errors
    /// [`SendError::WindowFull`], or [`SendError::NotBound`] when this PDU is not legal here; bind,
    /// unbind, enquire_link and PDUs without a response have methods of their own.
    #[inline]
    pub fn request(
        &mut self,
        now: Instant,
        token: Token,
        pdu: &impl Encode,
    ) -> Result<u32, SendError> {
        let State::Bound(bind_type) = self.state else {
            return Err(SendError::NotBound);
        };
        let command_id = pdu.command_id();
        let verdict = judge(self.config.role, self.state, bind_type, command_id);
        if verdict != (Verdict::Legal { has_response: true }) || is_of_session(command_id) {
            return Err(SendError::NotBound);
        }
        if self.in_flight >= self.config.window_size {
            return Err(SendError::WindowFull);
        }
        self.in_flight += 1;
        self.last_message = now;
        Ok(self.send_request(now, token, pdu))
    }

    /// Sends a PDU that has no response: alert_notification when bound, outbind before.
    ///
    /// # Errors
    /// [`SendError::NotBound`] when it is not legal here, or has a response.
    pub fn notify(&mut self, now: Instant, pdu: &impl Encode) -> Result<u32, SendError> {
        let command_id = pdu.command_id();
        match judge(self.config.role, self.state, self.bind_type, command_id) {
            Verdict::Legal {
                has_response: false,
            } if self.state != State::Unbinding => {
                self.last_message = now;
                let number = self.take_number();
                encode_pdu(pdu, CommandStatus::ESME_ROK, number, &mut self.transmit);
                Ok(number)
            }
            _ => Err(SendError::NotBound),
        }
    }

    /// Sends an enquire_link ahead of its time; nothing when closed. One that is not answered
    /// closes the session.
    pub fn enquire_link(&mut self, now: Instant) {
        if !self.is_closed() {
            let number = self.send_request(now, 0, &Pdu::EnquireLink);
            self.awaited_enquire_link = Some(number);
        }
    }

    /// Answers [`Event::Request`], in any order. `pdu` is the response of that request, or
    /// `Pdu::GenericNack`.
    ///
    /// # Errors
    /// [`SendError::NoSuchRequest`] when no such request waits, [`SendError::NotBound`] when
    /// closed.
    #[inline]
    pub fn respond(
        &mut self,
        now: Instant,
        sequence_number: u32,
        command_status: CommandStatus,
        pdu: &impl Encode,
    ) -> Result<(), SendError> {
        if self.is_closed() {
            return Err(SendError::NotBound);
        }
        let response = pdu.command_id();
        let request = self.unanswered.take_if(sequence_number, |command_id| {
            command_id.response() == response || response == CommandId::GENERIC_NACK
        });
        let Some(request) = request else {
            return Err(SendError::NoSuchRequest);
        };
        encode_pdu(pdu, command_status, sequence_number, &mut self.transmit);
        match request {
            CommandId::ENQUIRE_LINK => {}
            CommandId::UNBIND if response == CommandId::UNBIND_RESP => {
                self.close_when_taken = Some(CloseReason::PeerUnbind);
            }
            _ => self.last_message = now,
        }
        Ok(())
    }

    /// Forgets a request of the peer without an answer. For a simulator that plays a bad one.
    /// Returns whether it was there.
    pub fn abandon(&mut self, sequence_number: u32) -> bool {
        self.unanswered.take_if(sequence_number, |_| true).is_some()
    }

    /// Whether enquire_link and unbind of the peer are answered here from now on, in the place of
    /// [`SessionConfig::automatic_answers`]. For a simulator whose peers change their manners.
    pub const fn set_automatic_answers(&mut self, automatic: bool) {
        self.config.automatic_answers = automatic;
    }

    /// The time after which a silent peer is asked from now on, in the place of
    /// [`SessionConfig::enquire_link_timer`]; zero: never. For a simulator that plays deaf.
    pub const fn set_enquire_link_timer(&mut self, timer: Duration) {
        self.config.enquire_link_timer = timer;
    }

    /// Puts octets on the wire as they are, legal or not. For a simulator that plays a bad peer:
    /// nothing here knows what they mean.
    pub fn send_raw(&mut self, octets: &[u8]) {
        if !self.is_closed() {
            self.transmit.extend_from_slice(octets);
        }
    }

    /// Ends the session in order: no more requests; the unbind goes out, and the session closes
    /// when it is answered or `response_timer` is over. Pending requests may finish until then. An
    /// unbound session closes at once.
    pub fn unbind(&mut self, now: Instant) {
        self.start_unbind(now, CloseReason::LocalUnbind);
    }

    /// Ends the session without unbind. Responses that were made still go out.
    pub fn close(&mut self, _now: Instant) {
        self.finish(CloseReason::LocalClose);
    }

    /// Ends the session with octets as they are, legal or not, behind the responses that were made.
    /// For a simulator that plays a peer that dies in the middle of a PDU.
    pub fn close_with_raw(&mut self, now: Instant, octets: &[u8]) {
        if !self.is_closed() {
            self.close(now);
            self.transmit.extend_from_slice(octets);
        }
    }

    /// Moves what is to be written to the end of `out`: whole PDUs, as many as there are. False
    /// when there was nothing. Octets are taken for written, unless
    /// [`Session::handle_unwritten`] says otherwise.
    #[inline]
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        let octets = self.transmit.len();
        if octets > 0 {
            self.taken_octets += octets as u64;
            if out.is_empty() {
                std::mem::swap(out, &mut self.transmit);
            } else {
                out.extend_from_slice(&self.transmit);
            }
            self.transmit.clear();
        }
        if let Some(reason) = self.close_when_taken.take() {
            // What was given out is going to be written.
            self.unwritten_octets = 0;
            self.finish(reason);
        }
        octets > 0
    }

    /// What happened without input: failed requests, the end.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        Some(match self.notices.pop_front()? {
            Notice::Failed(sequence_number, token, failure) => Event::RequestFailed {
                token,
                sequence_number,
                failure,
            },
            Notice::Closed(reason) => Event::Closed { reason },
        })
    }

    /// Sends one of our requests, inside or outside of the window.
    #[inline]
    pub(crate) fn send_request(&mut self, now: Instant, token: Token, pdu: &impl Encode) -> u32 {
        let number = self.take_number();
        encode_pdu(pdu, CommandStatus::ESME_ROK, number, &mut self.transmit);
        let pending = Pending {
            token,
            end_octets: self.taken_octets + self.transmit.len() as u64,
            deadline: now + self.config.response_timer,
            command_id: pdu.command_id(),
        };
        self.pending.insert(number, pending);
        number
    }

    /// The next number: 1 to 0x7FFFFFFF and again, without those whose response may still come.
    #[inline]
    fn take_number(&mut self) -> u32 {
        loop {
            let number = self.next_sequence_number;
            self.next_sequence_number = if number >= SEQUENCE_NUMBER_MAX {
                1
            } else {
                number + 1
            };
            if !self.pending.is_straggler(number) && !self.late.contains(number) {
                return number;
            }
        }
    }

    /// For tests of the wrap: the next request gets this number.
    #[doc(hidden)]
    pub fn set_next_sequence_number(&mut self, number: u32) {
        self.next_sequence_number = number.clamp(1, SEQUENCE_NUMBER_MAX);
    }

    /// Whether this is the response of the bind that was asked for.
    pub(crate) fn is_bind(&self, command_id: CommandId) -> bool {
        command_id == bind_command(self.bind_type)
    }
}

/// Requests that the session makes and answers by itself.
#[inline]
pub(crate) const fn is_of_session(command_id: CommandId) -> bool {
    matches!(
        command_id,
        CommandId::ENQUIRE_LINK
            | CommandId::UNBIND
            | CommandId::BIND_RECEIVER
            | CommandId::BIND_TRANSMITTER
            | CommandId::BIND_TRANSCEIVER
    )
}
