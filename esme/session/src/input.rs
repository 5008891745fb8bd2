//! What comes from the peer: one PDU at a time, judged by the table, answered where the session
//! answers, handed to the owner where it does not. SMPP v3.4 §2.3, §2.8, §3.2, §4.3.

use std::time::Instant;

use signalbox_codec::pdu::BindResp;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_UNBOUND, CommandId, CommandStatus, DecodeError, Frame, FrameError,
    HEADER_OCTETS, Header, Pdu, Tag, next_frame,
};

use crate::config::Role;
use crate::event::{CloseReason, Event, PduProblem};
use crate::legality::{Verdict, bind_type_of, judge};
use crate::session::Session;
use crate::state::State;

/// What one call of [`Session::handle_input`] did.
#[derive(Debug)]
pub struct Step<'b> {
    /// Octets of the input that are done with; 0 when more are needed for the next PDU.
    pub consumed: usize,
    /// What they mean to the owner; a PDU may mean nothing to it.
    pub event: Option<Event<'b>>,
}

impl Session {
    /// Takes octets that the peer sent: at most one PDU. Call again with the rest until `consumed`
    /// is 0; what is left then is the start of a PDU, to be offered again with more behind it.
    #[inline]
    pub fn handle_input<'b>(&mut self, now: Instant, input: &'b [u8]) -> Step<'b> {
        let nothing = Step {
            consumed: 0,
            event: None,
        };
        if input.is_empty() || self.is_closed() {
            return nothing;
        }
        self.last_octets = now;
        self.awaited_enquire_link = None;
        let command_length_max = match self.state {
            State::Open | State::Binding => COMMAND_LENGTH_MAX_UNBOUND,
            _ => self.config.command_length_max,
        };
        match next_frame(input, command_length_max) {
            Ok(Some(frame)) => {
                let consumed = HEADER_OCTETS + frame.body.len();
                let event = if frame.header.command_id.is_response() {
                    self.on_response(now, &frame)
                } else {
                    self.on_request(now, &frame, &input[..consumed])
                };
                Step { consumed, event }
            }
            Ok(None) => nothing,
            Err(error) => {
                self.on_frame_error(error);
                Step {
                    consumed: input.len(),
                    event: None,
                }
            }
        }
    }

    /// The stream cannot be cut into PDUs any more. SMPP v3.4 §4.3: generic_nack, then the end.
    #[cold]
    fn on_frame_error(&mut self, error: FrameError) {
        self.finish(CloseReason::PeerFrame(error));
        if let Some(number) = error.sequence_number
            && self.unwritten_octets == 0
        {
            self.answer(&Pdu::GenericNack, CommandStatus::ESME_RINVCMDLEN, number);
        }
    }

    #[inline]
    fn on_response<'b>(&mut self, now: Instant, frame: &Frame<'b>) -> Option<Event<'b>> {
        let header = frame.header;
        let pending = self.pending.take_if(header.sequence_number, |pending| {
            pending.command_id.response() == header.command_id
                || header.command_id == CommandId::GENERIC_NACK
        });
        let Some(pending) = pending else {
            return Some(self.on_late_response(now, frame));
        };
        match pending.command_id {
            CommandId::ENQUIRE_LINK => None,
            CommandId::UNBIND => {
                self.finish(self.unbind_reason);
                None
            }
            command_id if self.is_bind(command_id) => self.on_bind_answer(now, frame),
            _ => {
                self.in_flight -= 1;
                self.last_message = now;
                Some(Event::Response {
                    token: pending.token,
                    header,
                    pdu: response_of(frame),
                })
            }
        }
    }

    /// A response that no request waits for: late, or not expected at all.
    #[cold]
    fn on_late_response<'b>(&mut self, now: Instant, frame: &Frame<'b>) -> Event<'b> {
        let header = frame.header;
        match self.late.take(header.sequence_number, header.command_id) {
            Some(token) => {
                self.last_message = now;
                Event::LateResponse {
                    token,
                    header,
                    pdu: response_of(frame),
                }
            }
            None => bad_pdu(header, PduProblem::UnexpectedResponse),
        }
    }

    fn on_bind_answer<'b>(&mut self, now: Instant, frame: &Frame<'b>) -> Option<Event<'b>> {
        let command_status = frame.header.command_status;
        let nacked = frame.header.command_id == CommandId::GENERIC_NACK;
        if nacked || !command_status.is_ok() {
            self.finish(CloseReason::BindRefused(command_status));
            return Some(Event::BindRefused { command_status });
        }
        // A peer that says yes in a form that cannot be read still says yes.
        let bind_resp = match Pdu::decode(frame) {
            Ok(
                Pdu::BindTransmitterResp(resp)
                | Pdu::BindReceiverResp(resp)
                | Pdu::BindTransceiverResp(resp),
            ) => resp,
            _ => BindResp::default(),
        };
        let version = bind_resp.tlvs.get(Tag::SC_INTERFACE_VERSION);
        self.peer_interface_version = version.and_then(|tlv| tlv.as_u8());
        self.state = State::Bound(self.bind_type);
        self.last_message = now;
        Some(Event::Bound { bind_resp })
    }

    #[inline]
    fn on_request<'b>(
        &mut self,
        now: Instant,
        frame: &Frame<'b>,
        octets: &'b [u8],
    ) -> Option<Event<'b>> {
        let header = frame.header;
        let peer = match self.config.role {
            Role::Esme => Role::Smsc,
            Role::Smsc => Role::Esme,
        };
        let has_response = match judge(peer, self.state, self.bind_type, header.command_id) {
            // Until it is closed, a session whose peer has unbound takes no requests.
            Verdict::Legal { has_response } if self.close_when_taken.is_none() => has_response,
            Verdict::Legal { has_response } | Verdict::Illegal { has_response } => {
                return Some(self.refuse_illegal(&header, has_response));
            }
            Verdict::Unknown => {
                let number = header.sequence_number;
                self.answer(&Pdu::GenericNack, CommandStatus::ESME_RINVCMDID, number);
                return Some(bad_pdu(header, PduProblem::UnknownCommand));
            }
        };
        let is_bind = bind_type_of(header.command_id).is_some();
        match header.command_id {
            CommandId::ENQUIRE_LINK if self.config.automatic_answers => {
                self.respond_empty(&header, CommandStatus::ESME_ROK);
                return None;
            }
            CommandId::UNBIND if self.config.automatic_answers => {
                return self.on_unbind(&header);
            }
            _ => {}
        }
        let pdu = match Pdu::decode(frame) {
            Ok(pdu) => pdu,
            Err(error) => return Some(self.refuse_undecodable(&header, error, has_response)),
        };
        if is_bind {
            return self.on_bind(&header, pdu);
        }
        if has_response {
            if self.unanswered.len() >= self.config.inbound_window_size as usize {
                return Some(self.refuse_overflow(&header));
            }
            self.unanswered
                .insert(header.sequence_number, header.command_id);
        }
        if header.command_id != CommandId::ENQUIRE_LINK {
            self.last_message = now;
        }
        Some(Event::Request {
            header,
            pdu,
            octets,
        })
    }

    fn on_bind<'b>(&mut self, header: &Header, pdu: Pdu<'b>) -> Option<Event<'b>> {
        let bind_type = bind_type_of(header.command_id)?;
        let (Pdu::BindTransmitter(bind) | Pdu::BindReceiver(bind) | Pdu::BindTransceiver(bind)) =
            pdu
        else {
            return None;
        };
        self.state = State::Binding;
        self.bind_type = bind_type;
        self.bind_number = header.sequence_number;
        self.peer_interface_version = Some(bind.interface_version);
        Some(Event::BindRequested {
            sequence_number: header.sequence_number,
            bind_type,
            bind,
        })
    }

    fn on_unbind<'b>(&mut self, header: &Header) -> Option<Event<'b>> {
        if self.state == State::Unbinding {
            // Both sides asked at the same time; our own unbind is still to be answered.
            self.respond_empty(header, CommandStatus::ESME_ROK);
            return None;
        }
        self.state = State::Unbinding;
        self.drop_untaken_requests();
        self.respond_empty(header, CommandStatus::ESME_ROK);
        self.close_when_taken = Some(CloseReason::PeerUnbind);
        Some(Event::Unbinding)
    }

    #[cold]
    fn refuse_illegal<'b>(&mut self, header: &Header, has_response: bool) -> Event<'b> {
        let already_bound = self.config.role == Role::Smsc
            && self.state != State::Open
            && bind_type_of(header.command_id).is_some();
        if has_response {
            let command_status = if already_bound {
                CommandStatus::ESME_RALYBND
            } else {
                CommandStatus::ESME_RINVBNDSTS
            };
            self.respond_empty(header, command_status);
        }
        bad_pdu(*header, PduProblem::IllegalState)
    }

    #[cold]
    fn refuse_undecodable<'b>(
        &mut self,
        header: &Header,
        error: DecodeError,
        has_response: bool,
    ) -> Event<'b> {
        if has_response {
            self.respond_empty(header, error.command_status());
        }
        bad_pdu(*header, PduProblem::Decode(error))
    }

    #[cold]
    fn refuse_overflow<'b>(&mut self, header: &Header) -> Event<'b> {
        let command_status = if header.command_id == CommandId::SUBMIT_SM {
            CommandStatus::ESME_RTHROTTLED
        } else {
            CommandStatus::ESME_RMSGQFUL
        };
        self.respond_empty(header, command_status);
        bad_pdu(*header, PduProblem::InboundWindowFull)
    }

    /// The response of a request, without a body.
    fn respond_empty(&mut self, header: &Header, command_status: CommandStatus) {
        let pdu = Pdu::Raw {
            command_id: header.command_id.response(),
            body: &[],
        };
        self.answer(&pdu, command_status, header.sequence_number);
    }
}

/// The request has its answer even if the answer's fields cannot be read.
#[inline]
fn response_of<'b>(frame: &Frame<'b>) -> Pdu<'b> {
    Pdu::decode(frame).unwrap_or(Pdu::Raw {
        command_id: frame.header.command_id,
        body: frame.body,
    })
}

fn bad_pdu<'b>(header: Header, problem: PduProblem) -> Event<'b> {
    Event::BadPdu { header, problem }
}
