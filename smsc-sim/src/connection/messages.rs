//! Messages that come in: decided about, recorded, answered.

use std::time::Instant;

use signalbox_codec::pdu::MessageIdResp;
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Header, Pdu};
use signalbox_session::Session;

use super::{Connection, DELIVERIES_MAX, Later};
use crate::behaviour::{Decision, Fault, Submission};
use crate::clock::SmscTime;
use crate::delivery::{Delivery, Original, Receipt};
use crate::faults;
use crate::ids::{IdText, MessageId};
use crate::registry::Disconnect;

/// The response to a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Response {
    sequence_number: u32,
    command_id: CommandId,
    command_status: CommandStatus,
    id: IdText,
}

/// A message that is being dealt with.
struct Arrival<'a> {
    now: Instant,
    /// On the clock of the SMSC.
    at: SmscTime,
    header: Header,
    original: Original<'a>,
    id: MessageId,
}

impl Connection {
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        session: &mut Session,
        header: Header,
        pdu: &Pdu<'_>,
    ) {
        let Some(original) = Original::of(pdu) else {
            return refuse_command(now, session, header);
        };
        let at = self.clock.at(now);
        let decision = self.decide(at, &original);
        let arrival = Arrival {
            now,
            at,
            header,
            original,
            id: self.next_id(),
        };
        if self.shared.settings.record_messages_max > 0 {
            self.recorder.push(
                header,
                pdu,
                arrival.at.unix_ms(),
                (arrival.id, self.behaviour.1.id_style),
                decision.command_status,
            );
        }
        match decision.command_status {
            CommandStatus::ESME_ROK if decision.respond_after.is_some() => {
                self.tally.messages_accepted += 1;
            }
            _ => self.tally.messages_refused += 1,
        }
        self.carry_out(session, &arrival, &decision);
    }

    fn decide(&mut self, at: SmscTime, original: &Original<'_>) -> Decision {
        if self.behaviour.0 != self.shared.behaviour_version() {
            self.behaviour = self.shared.behaviour();
        }
        let behaviour = &self.behaviour.1;
        let decision = behaviour.decide(&Submission {
            destination: original.destination.2.as_octets(),
            registered_delivery: original.registered_delivery,
            throttled: behaviour
                .rate_limit
                .is_some_and(|per_second| !self.rate.take(at, per_second)),
        });
        if decision.receipts[0].is_some() && self.held() >= DELIVERIES_MAX {
            return Decision {
                command_status: CommandStatus::ESME_RMSGQFUL,
                receipts: [None; 2],
                ..decision
            };
        }
        decision
    }

    fn carry_out(&mut self, session: &mut Session, arrival: &Arrival<'_>, decision: &Decision) {
        let now = arrival.now;
        let sequence_number = arrival.header.sequence_number;
        if decision.fault == Some(Fault::Garbage) {
            let seed = self.shared.settings.seed;
            session.send_raw(&faults::garbage(seed, self.ordinal(), self.counter));
        }
        match decision.respond_after {
            None => {
                session.abandon(sequence_number);
            }
            Some(after) => {
                let response = Response {
                    sequence_number,
                    command_id: arrival.header.command_id,
                    command_status: decision.command_status,
                    id: arrival.id.text(self.behaviour.1.id_style),
                };
                if after.is_zero() {
                    respond(now, session, &response);
                } else {
                    self.later
                        .push(arrival.at + after, Later::Respond(response));
                }
            }
        }
        for receipt in decision.receipts.into_iter().flatten() {
            let due = arrival.at + receipt.after;
            let receipt = Receipt {
                original: arrival.original,
                id: arrival
                    .id
                    .receipt_text(self.behaviour.1.id_style, receipt.id_form),
                state: receipt.state,
                error_code: receipt.error_code,
                intermediate: receipt.intermediate,
                submitted_unix_ms: arrival.at.unix_ms(),
                done_unix_ms: due.unix_ms(),
            };
            let delivery = Delivery {
                due,
                body: receipt.body(),
                answer: None,
            };
            self.deliver_when_due(now, session, delivery);
        }
        match decision.fault {
            Some(Fault::Reset) => self.disconnect(now, session, Disconnect::Rst),
            Some(Fault::DisconnectBefore) => self.disconnect(now, session, Disconnect::Fin),
            // Responses that were made go out before the end.
            Some(Fault::DisconnectAfter) => self.disconnect(now, session, Disconnect::Fin),
            Some(Fault::Garbage) | None => {}
        }
    }

    fn next_id(&mut self) -> MessageId {
        self.counter += 1;
        MessageId::new(self.shared.settings.seed, self.ordinal(), self.counter)
    }
}

/// Sends the response to a message. A session that is over takes none: then there is nobody left
/// to be told.
pub(super) fn respond(now: Instant, session: &mut Session, response: &Response) {
    let id = response
        .command_status
        .is_ok()
        .then(|| COctetStr::new(response.id.as_octets()).expect("ids have no NUL"));
    let resp = MessageIdResp {
        message_id: id,
        ..MessageIdResp::default()
    };
    let pdu = match response.command_id {
        CommandId::DATA_SM => Pdu::DataSmResp(resp),
        _ => Pdu::SubmitSmResp(resp),
    };
    let sent = session.respond(now, response.sequence_number, response.command_status, &pdu);
    if let Err(error) = sent {
        tracing::debug!(%error, "a response came too late for its session");
    }
}

/// Answers a request that is not simulated.
fn refuse_command(now: Instant, session: &mut Session, header: Header) {
    let status = CommandStatus::ESME_RINVCMDID;
    let sent = session.respond(now, header.sequence_number, status, &Pdu::GenericNack);
    debug_assert!(sent.is_ok(), "the request was reported just before");
}
