//! Messages that come in, one recipient each: decided about, recorded, answered. SMPP v3.4 §4.4,
//! §4.7.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalbox_codec::{CommandStatus, Header, Pdu};
use signalbox_session::Session;

use super::responses::{Body, REORDER_WAIT, Response};
use super::{Connection, DELIVERIES_MAX, Later};
use crate::behaviour::Submission;
use crate::clock::SmscTime;
use crate::decision::{Decision, PlannedReceipt};
use crate::delivery::{About, Delivery, Original, Receipt};
use crate::fault;
use crate::ids::{IdStyle, MessageId};
use crate::lifetime::Lifetime;
use crate::random::{self, Draws};
use crate::record::Entry;
use crate::scenario::Subject;

/// A request that is being dealt with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) now: Instant,
    /// On the clock of the SMSC.
    pub(super) at: SmscTime,
    pub(super) header: Header,
    /// All of it as it came, the header included.
    pub(super) octets: &'a [u8],
}

impl Connection {
    #[inline]
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        session: &mut Session,
        (header, octets): (Header, &[u8]),
        pdu: &Pdu<'_>,
    ) {
        let arrival = Arrival {
            now,
            at: self.at(now),
            header,
            octets,
        };
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
        if std::mem::take(&mut self.faults_changed) {
            self.tame(session);
        }
        if self.faults.unbinds_after(self.counter) {
            session.unbind(now);
        }
    }

    #[inline]
    fn on_submission(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        pdu: &Pdu<'_>,
        original: &Original<'_>,
    ) {
        let lifetime = Lifetime::of(pdu, arrival.at);
        let decision = self.decide(arrival, original, lifetime);
        if original.replaces && decision.command_status.is_ok() {
            self.supersede(arrival.at, original);
        }
        self.take_submission(session, arrival, original, decision);
    }

    /// Carries out what was decided about a message.
    #[inline]
    pub(super) fn take_submission(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        original: &Original<'_>,
        decision: Decision,
    ) {
        let id = self.next_id();
        let status = decision.command_status;
        let mut entry = Entry::new(arrival.at, id, status, decision.outcome);
        let is_reordered = fault::is_reorder(decision.fault) && ends_after_response(&decision);
        if is_reordered {
            entry.ends_at = entry.ends_at + REORDER_WAIT;
        }
        self.keep(arrival.octets, entry);
        self.count(decision.accepts());
        let response = Response {
            sequence_number: arrival.header.sequence_number,
            command_id: arrival.header.command_id.response(),
            command_status: status,
            body: Body::Id(id.0.text(id.1)),
            fault: decision.fault,
            followers: Vec::new(),
            message: is_reordered.then_some(id),
        };
        if !decision.is_followed() {
            return self.respond_after(session, arrival, decision.respond_after, response);
        }
        let about = About {
            id,
            plan: 0,
            to_many: false,
        };
        let (early, _) = split_early(&decision.receipts);
        self.plan_receipts(session, arrival, about, original, early);
        let followers = followers(arrival, about, original, &decision);
        self.respond_then(
            session,
            arrival,
            decision.respond_after,
            response,
            followers,
        );
    }

    /// Responds when it is time, and lets the others follow.
    pub(super) fn respond_then(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        after: Option<Duration>,
        mut response: Response,
        followers: impl Iterator<Item = Delivery>,
    ) {
        if fault::is_reorder(response.fault) && after.is_some() {
            response.followers.extend(followers);
            self.respond_after(session, arrival, after, response);
            return;
        }
        self.respond_after(session, arrival, after, response);
        for delivery in followers {
            self.deliver_when_due(arrival.now, session, delivery);
        }
    }

    /// Decides about a message. One whose receipt or answer finds no place is refused.
    #[inline]
    pub(super) fn decide(
        &mut self,
        arrival: &Arrival<'_>,
        original: &Original<'_>,
        lifetime: Result<Lifetime, CommandStatus>,
    ) -> Decision {
        if self.behaviour.0 != self.shared.behaviour_version() {
            self.behaviour = self.shared.behaviour();
        }
        let behaviour = &*self.behaviour.1;
        let lifetime = match lifetime {
            Ok(lifetime) => lifetime,
            Err(status) => return behaviour.answer(status),
        };
        let submission = Submission {
            destination: original.destination.2.as_octets(),
            registered_delivery: original.registered_delivery,
            throttled: behaviour
                .rate_limit
                .is_some_and(|per_second| !self.rate.take(arrival.at, per_second)),
        };
        // Most messages concern no rule and no fault: they cost no count of references.
        let decision = if self.script.is_plain() || submission.throttled {
            behaviour.decide(&submission)
        } else {
            self.decide_by_script(arrival, &submission, original)
        };
        if decision.is_followed() && self.held() >= DELIVERIES_MAX {
            return self.behaviour.1.answer(CommandStatus::ESME_RMSGQFUL);
        }
        lifetime.applied_to(decision, original.registered_delivery)
    }

    /// Decides with the rules of the scenario and the active faults.
    fn decide_by_script(
        &mut self,
        arrival: &Arrival<'_>,
        submission: &Submission<'_>,
        original: &Original<'_>,
    ) -> Decision {
        self.decided += 1;
        let key = random::number(self.shared.settings.seed, self.ordinal(), self.decided);
        let mut draws = Draws::new(key);
        let (script, behaviour) = (Arc::clone(&self.script), Arc::clone(&self.behaviour.1));
        let system_id = self.system_id().cloned();
        let subject = Subject::new(
            system_id.as_deref().unwrap_or_default(),
            (original.source.2.as_octets(), submission.destination),
            (original.esm_class, original.data_coding),
            arrival.header.sequence_number,
            (original.user_data, original.tlvs),
        );
        let scenario = &script.scenario;
        let rule = scenario.first_candidate(&subject).and_then(|first| {
            let mut progress = self.shared.progress();
            let of_bind = &mut self.rule_counts;
            scenario.choose(first, &subject, &mut progress, of_bind, &mut draws)
        });
        let mut decision = match rule {
            None => behaviour.decide(submission),
            Some(rule) => {
                let registered_delivery = submission.registered_delivery;
                let plain = behaviour.decide_plainly(registered_delivery);
                rule.apply(plain, registered_delivery, &mut draws)
            }
        };
        let fault = rule.and_then(|rule| rule.fault.as_ref());
        self.faults_changed |=
            self.faults
                .strike(&script.faults, fault, arrival.at, &mut decision, &mut draws);
        decision
    }

    pub(super) const fn count(&mut self, accepted: bool) {
        if accepted {
            self.tally.messages_accepted += 1;
        } else {
            self.tally.messages_refused += 1;
        }
    }

    /// Keeps a message for those who ask.
    #[inline]
    pub(super) fn keep(&mut self, octets: &[u8], entry: Entry) {
        if self.shared.settings.record_messages_max > 0 {
            self.recorder.push(octets, entry);
        }
    }

    /// Responds when it is time; `None`: never.
    #[inline]
    pub(super) fn respond_after(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        after: Option<Duration>,
        response: Response,
    ) {
        match after {
            None => drop(session.abandon(response.sequence_number)),
            Some(Duration::ZERO) => self.respond(arrival.now, session, response),
            Some(after) => {
                self.followers_held += response.followers.len();
                self.later
                    .push(arrival.at + after, Later::Respond(response));
            }
        }
    }

    /// Answers with any response, after the latency that holds for all.
    pub(super) fn answer(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        command_status: CommandStatus,
        pdu: &Pdu<'_>,
    ) {
        let after = Some(self.behaviour.1.latency);
        let response = Response::of(arrival.header, command_status, pdu);
        self.respond_after(session, arrival, after, response);
    }

    pub(super) fn plan_receipts(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        about: About,
        original: &Original<'_>,
        receipts: &[PlannedReceipt],
    ) {
        for receipt in receipts {
            let delivery = receipt_delivery(arrival, about, original, receipt);
            self.deliver_when_due(arrival.now, session, delivery);
        }
    }

    #[inline]
    pub(super) fn next_id(&mut self) -> (MessageId, IdStyle) {
        self.counter += 1;
        let seed = self.shared.settings.seed;
        let id = MessageId::new(seed, self.ordinal(), self.counter);
        (id, self.behaviour.1.id_style)
    }
}

/// Whether the end of a message waits for its response: not if a receipt tells it before.
pub(super) fn ends_after_response(decision: &Decision) -> bool {
    let (early, _) = split_early(&decision.receipts);
    decision.respond_after.is_some() && early.iter().all(|receipt| receipt.intermediate)
}

/// Receipts that precede the response, and the others. Those that do come first.
pub(super) fn split_early(receipts: &[PlannedReceipt]) -> (&[PlannedReceipt], &[PlannedReceipt]) {
    receipts.split_at(receipts.partition_point(|receipt| receipt.before_response))
}

/// The receipts that do not precede the response, and the messages from a phone.
pub(super) fn followers<'a>(
    arrival: &'a Arrival<'_>,
    about: About,
    original: &'a Original<'_>,
    decision: &'a Decision,
) -> impl Iterator<Item = Delivery> + 'a {
    let (_, late) = split_early(&decision.receipts);
    let receipts = late.iter();
    let receipts = receipts.map(move |receipt| receipt_delivery(arrival, about, original, receipt));
    let from_phone = decision.mo.iter().flat_map(move |planned| {
        let bodies = planned.mo.bodies(original).into_iter();
        bodies.map(move |body| Delivery {
            due: arrival.at + planned.after,
            body,
            about: None,
            state: None,
            answer: None,
        })
    });
    receipts.chain(from_phone)
}

fn receipt_delivery(
    arrival: &Arrival<'_>,
    about: About,
    original: &Original<'_>,
    receipt: &PlannedReceipt,
) -> Delivery {
    let (id, style) = about.id;
    let due = arrival.at + receipt.after;
    let body = Receipt {
        original: *original,
        id: id.receipt_text(style, receipt.id_form),
        state: receipt.state,
        error_code: receipt.error_code,
        intermediate: receipt.intermediate,
        form: receipt.form,
        submitted_unix_ms: arrival.at.unix_ms(),
        done_unix_ms: due.unix_ms(),
    };
    Delivery {
        due,
        body: body.body(),
        about: Some(about),
        state: Some(receipt.state),
        answer: None,
    }
}

/// Answers a request that is not simulated.
fn refuse_command(now: Instant, session: &mut Session, header: Header) {
    let status = CommandStatus::ESME_RINVCMDID;
    let sent = session.respond(now, header.sequence_number, status, &Pdu::GenericNack);
    debug_assert!(sent.is_ok(), "the request was reported just before");
}
