//! Messages that come in, one recipient each: decided about, recorded, answered. SMPP v3.4 §4.4,
//! §4.7.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use signalbox_codec::pdu::MessageIdResp;
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Encode, Header, Pdu};
use signalbox_session::Session;

use super::{Connection, DELIVERIES_MAX, Later};
use crate::behaviour::{Decision, Fault, PlannedReceipt, Submission};
use crate::clock::SmscTime;
use crate::delivery::{About, Delivery, EncodedBody, Original, Receipt};
use crate::faults;
use crate::ids::{IdStyle, IdText, MessageId};
use crate::lifetime::Lifetime;
use crate::record::Entry;
use crate::registry::Disconnect;

/// The response to a message of one recipient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Response {
    sequence_number: u32,
    command_id: CommandId,
    command_status: CommandStatus,
    id: IdText,
}

/// A response of another form.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    sequence_number: u32,
    command_id: CommandId,
    command_status: CommandStatus,
    body: Bytes,
}

/// A request that is being dealt with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) now: Instant,
    /// On the clock of the SMSC.
    pub(super) at: SmscTime,
    pub(super) header: Header,
}

impl Connection {
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        session: &mut Session,
        header: Header,
        pdu: &Pdu<'_>,
    ) {
        let at = self.clock.at(now);
        let arrival = Arrival { now, at, header };
        match pdu {
            Pdu::SubmitMulti(multi) => self.on_submit_multi(session, &arrival, pdu, multi),
            Pdu::BroadcastSm(broadcast) => self.on_broadcast(session, &arrival, pdu, broadcast),
            Pdu::QuerySm(query) => self.on_query(session, &arrival, query),
            Pdu::CancelSm(cancel) => self.on_cancel(session, &arrival, cancel),
            Pdu::ReplaceSm(replace) => self.on_replace(session, &arrival, replace),
            Pdu::QueryBroadcastSm(query) => self.on_query_broadcast(session, &arrival, query),
            Pdu::CancelBroadcastSm(cancel) => self.on_cancel_broadcast(session, &arrival, cancel),
            _ => match Original::of(pdu) {
                Some(original) => self.on_submission(session, &arrival, pdu, &original),
                None => refuse_command(now, session, header),
            },
        }
    }

    fn on_submission(
        &mut self,
        session: &mut Session,
        arrival: &Arrival,
        pdu: &Pdu<'_>,
        original: &Original<'_>,
    ) {
        let lifetime = Lifetime::of(pdu, arrival.at);
        let decision = self.decide(arrival.at, original, lifetime);
        if original.replaces && decision.command_status.is_ok() {
            self.supersede(arrival.at, original);
        }
        self.take_submission(session, arrival, pdu, original, &decision);
    }

    /// Carries out what was decided about a message.
    pub(super) fn take_submission(
        &mut self,
        session: &mut Session,
        arrival: &Arrival,
        pdu: &Pdu<'_>,
        original: &Original<'_>,
        decision: &Decision,
    ) {
        let id = self.next_id();
        let status = decision.command_status;
        let entry = Entry::new(arrival.at, id, status, decision.outcome);
        self.keep(arrival.header, pdu, entry);
        match status {
            CommandStatus::ESME_ROK if decision.respond_after.is_some() => {
                self.tally.messages_accepted += 1;
            }
            _ => self.tally.messages_refused += 1,
        }
        if decision.fault == Some(Fault::Garbage) {
            self.send_garbage(session);
        }
        self.respond_as_decided(session, arrival, id, decision);
        let about = About { id, plan: 0 };
        let receipts = decision.receipts.into_iter().flatten();
        self.plan_receipts(session, arrival, about, original, receipts);
        self.disconnect_as_decided(arrival.now, session, decision.fault);
    }

    /// Decides about a message. One whose receipt finds no place is refused.
    pub(super) fn decide(
        &mut self,
        at: SmscTime,
        original: &Original<'_>,
        lifetime: Result<Lifetime, CommandStatus>,
    ) -> Decision {
        if self.behaviour.0 != self.shared.behaviour_version() {
            self.behaviour = self.shared.behaviour();
        }
        let behaviour = &self.behaviour.1;
        let lifetime = match lifetime {
            Ok(lifetime) => lifetime,
            Err(status) => return behaviour.answer(status),
        };
        let decision = behaviour.decide(&Submission {
            destination: original.destination.2.as_octets(),
            registered_delivery: original.registered_delivery,
            throttled: behaviour
                .rate_limit
                .is_some_and(|per_second| !self.rate.take(at, per_second)),
        });
        if decision.receipts[0].is_some() && self.held() >= DELIVERIES_MAX {
            return behaviour.answer(CommandStatus::ESME_RMSGQFUL);
        }
        lifetime.applied_to(decision, original.registered_delivery)
    }

    /// Keeps a message for those who ask.
    pub(super) fn keep(&mut self, header: Header, pdu: &Pdu<'_>, entry: Entry) {
        if self.shared.settings.record_messages_max > 0 {
            self.recorder.push(header, pdu, entry);
        }
    }

    pub(super) fn send_garbage(&self, session: &mut Session) {
        let seed = self.shared.settings.seed;
        session.send_raw(&faults::garbage(seed, self.ordinal(), self.counter));
    }

    fn respond_as_decided(
        &mut self,
        session: &mut Session,
        arrival: &Arrival,
        id: (MessageId, IdStyle),
        decision: &Decision,
    ) {
        let response = Response {
            sequence_number: arrival.header.sequence_number,
            command_id: arrival.header.command_id,
            command_status: decision.command_status,
            id: id.0.text(id.1),
        };
        match decision.respond_after {
            None => drop(session.abandon(response.sequence_number)),
            Some(Duration::ZERO) => respond(arrival.now, session, &response),
            Some(after) => self
                .later
                .push(arrival.at + after, Later::Respond(response)),
        }
    }

    /// Answers with any response, after the latency that holds for all.
    pub(super) fn answer(
        &mut self,
        session: &mut Session,
        arrival: &Arrival,
        command_status: CommandStatus,
        pdu: &Pdu<'_>,
    ) {
        let after = self.behaviour.1.latency;
        self.answer_after(session, arrival, after, command_status, pdu);
    }

    pub(super) fn answer_after(
        &mut self,
        session: &mut Session,
        arrival: &Arrival,
        after: Duration,
        command_status: CommandStatus,
        pdu: &Pdu<'_>,
    ) {
        let mut body = BytesMut::new();
        pdu.encode_body(&mut body);
        let answer = Answer {
            sequence_number: arrival.header.sequence_number,
            command_id: pdu.command_id(),
            command_status,
            body: body.freeze(),
        };
        if after.is_zero() {
            give(arrival.now, session, &answer);
        } else {
            self.later.push(arrival.at + after, Later::Answer(answer));
        }
    }

    pub(super) fn plan_receipts(
        &mut self,
        session: &mut Session,
        arrival: &Arrival,
        about: About,
        original: &Original<'_>,
        receipts: impl Iterator<Item = PlannedReceipt>,
    ) {
        let (id, style) = about.id;
        for receipt in receipts {
            let due = arrival.at + receipt.after;
            let body = Receipt {
                original: *original,
                id: id.receipt_text(style, receipt.id_form),
                state: receipt.state,
                error_code: receipt.error_code,
                intermediate: receipt.intermediate,
                submitted_unix_ms: arrival.at.unix_ms(),
                done_unix_ms: due.unix_ms(),
            };
            let delivery = Delivery {
                due,
                body: body.body(),
                about: Some(about),
                answer: None,
            };
            self.deliver_when_due(arrival.now, session, delivery);
        }
    }

    pub(super) fn disconnect_as_decided(
        &mut self,
        now: Instant,
        session: &mut Session,
        fault: Option<Fault>,
    ) {
        match fault {
            Some(Fault::Reset) => self.disconnect(now, session, Disconnect::Rst),
            // Responses that were made go out before the end.
            Some(Fault::DisconnectBefore | Fault::DisconnectAfter) => {
                self.disconnect(now, session, Disconnect::Fin);
            }
            Some(Fault::Garbage) | None => {}
        }
    }

    pub(super) fn next_id(&mut self) -> (MessageId, IdStyle) {
        self.counter += 1;
        let seed = self.shared.settings.seed;
        let id = MessageId::new(seed, self.ordinal(), self.counter);
        (id, self.behaviour.1.id_style)
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
        CommandId::BROADCAST_SM => Pdu::BroadcastSmResp(resp),
        _ => Pdu::SubmitSmResp(resp),
    };
    let sent = session.respond(now, response.sequence_number, response.command_status, &pdu);
    if let Err(error) = sent {
        tracing::debug!(%error, "a response came too late for its session");
    }
}

/// Sends a response of another form.
pub(super) fn give(now: Instant, session: &mut Session, answer: &Answer) {
    let body = EncodedBody {
        command_id: answer.command_id,
        body: &answer.body,
    };
    let sent = session.respond(now, answer.sequence_number, answer.command_status, &body);
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
