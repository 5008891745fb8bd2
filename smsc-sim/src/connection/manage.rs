//! What an ESME asks about messages that it has sent, and what it changes of them: answered from
//! the messages kept. SMPP v3.4 §4.8 (query), §4.9 (cancel), §4.10 (replace), SMPP v5.0 §4.6
//! (broadcasts).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use signalbox_codec::pdu::{
    CancelBroadcastSm, CancelSm, MessageIdResp, QueryBroadcastSm, QuerySm, QuerySmResp, ReplaceSm,
    ShortMessage, Sm,
};
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::time::{AbsoluteTime, SmppTime};
use signalbox_codec::{COctetStr, CommandStatus, Header, Pdu, Tag, TlvBuf, Tlvs, encode_pdu};
use signalbox_session::Session;

use super::Connection;
use super::messages::Arrival;
use super::multi::{Recipient, recipients};
use crate::behaviour::Submission;
use crate::clock::SmscTime;
use crate::decision::{PlannedReceipt, wants_receipt};
use crate::delivery::{About, Original, ReceiptForm};
use crate::events::What;
use crate::ids::{IdForm, IdStyle, MessageId};
use crate::lifetime::Lifetime;
use crate::record::{self, Entry, Ring};
use crate::scenario::Scenario;

/// broadcast_area_success of an area that everybody was reached in, in percent. SMPP v5.0
/// §4.8.4.2.
const AREA_SUCCESS_ALL: u8 = 100;
/// broadcast_area_success that is not known.
const AREA_SUCCESS_UNKNOWN: u8 = 255;

/// A message that was found.
type Found = (Entry, Bytes);

impl Connection {
    pub(super) fn on_query(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        query: &QuerySm<'_>,
    ) {
        let found = self.find(arrival.at, query.message_id, |original| {
            original.source.2 == query.source_addr
        });
        let Some((entry, _)) = found.filter(|(_, pdu)| !is_broadcast(pdu)) else {
            let (status, nothing) = (CommandStatus::ESME_RQUERYFAIL, Pdu::QuerySmResp(None));
            return self.answer(session, arrival, status, &nothing);
        };
        let ended = !entry.is_pending(arrival.at);
        let final_date = if ended {
            time_octets(entry.ends_at)
        } else {
            None
        };
        let final_date = final_date.as_ref().map_or(&[][..], |octets| octets);
        let state = entry.state(arrival.at).unwrap_or(ReceiptState::Unknown);
        let error_code = if ended { entry.ends_as.1 } else { 0 };
        let resp = QuerySmResp {
            message_id: query.message_id,
            final_date: COctetStr::new(final_date).expect("times have no NUL"),
            message_state: state.message_state(),
            error_code: u8::try_from(error_code).unwrap_or(u8::MAX),
            ..QuerySmResp::default()
        };
        let pdu = Pdu::QuerySmResp(Some(resp));
        self.answer(session, arrival, CommandStatus::ESME_ROK, &pdu);
    }

    pub(super) fn on_cancel(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        cancel: &CancelSm<'_>,
    ) {
        let (source, destination) = (cancel.source_addr, cancel.destination_addr);
        let cancelled = if cancel.message_id.is_empty() {
            self.find_pending(arrival.at, usize::MAX, |original| {
                original.source.2 == source
                    && original.destination.2 == destination
                    && original.service_type == cancel.service_type
            })
        } else {
            let found = self.find(arrival.at, cancel.message_id, |original| {
                original.source.2 == source
                    && (destination.is_empty() || original.destination.2 == destination)
            });
            found.into_iter().collect()
        };
        let cancelled = cancelled
            .into_iter()
            .filter(|(entry, pdu)| entry.is_pending(arrival.at) && !is_broadcast(pdu));
        let resp = Pdu::CancelSmResp(Tlvs::EMPTY);
        let status = CommandStatus::ESME_RCANCELFAIL;
        self.cancel_all(session, arrival, cancelled.collect(), status, &resp);
    }

    pub(super) fn on_cancel_broadcast(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        cancel: &CancelBroadcastSm<'_>,
    ) {
        let cancelled = if cancel.message_id.is_empty() {
            self.find_pending(arrival.at, usize::MAX, |original| {
                original.source.2 == cancel.source_addr
                    && original.service_type == cancel.service_type
            })
        } else {
            let found = self.find(arrival.at, cancel.message_id, |original| {
                original.source.2 == cancel.source_addr
            });
            found.into_iter().collect()
        };
        let cancelled = cancelled
            .into_iter()
            .filter(|(entry, pdu)| entry.is_pending(arrival.at) && is_broadcast(pdu));
        let resp = Pdu::CancelBroadcastSmResp(Tlvs::EMPTY);
        let status = CommandStatus::ESME_RBCASTCANCELFAIL;
        self.cancel_all(session, arrival, cancelled.collect(), status, &resp);
    }

    /// Ends messages as DELETED, with a receipt for those that want one of a failure; without any
    /// message the answer is `refusal`.
    fn cancel_all(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        cancelled: Vec<Found>,
        refusal: CommandStatus,
        resp: &Pdu<'_>,
    ) {
        let status = match cancelled.is_empty() {
            true => refusal,
            false => CommandStatus::ESME_ROK,
        };
        self.answer(session, arrival, status, resp);
        for (entry, pdu) in cancelled {
            self.delete(arrival.at, entry.id);
            let Some((_, decoded)) = record::decode(&pdu) else {
                continue;
            };
            let about = About {
                id: entry.id,
                plan: entry.plan.wrapping_add(1),
                to_many: matches!(decoded, Pdu::SubmitMulti(_)),
            };
            let script = Arc::clone(&self.script);
            for original in originals(&decoded, &script.scenario) {
                if !wants_receipt(original.registered_delivery, ReceiptState::Deleted)
                    || self.is_refused_by_number(&original)
                {
                    continue;
                }
                let receipt = PlannedReceipt {
                    state: ReceiptState::Deleted,
                    error_code: 0,
                    after: self.behaviour.1.latency,
                    before_response: false,
                    id_form: IdForm::Same,
                    intermediate: false,
                    form: ReceiptForm::default(),
                };
                self.plan_receipts(session, arrival, about, &original, &[receipt]);
            }
        }
    }

    /// Whether the number itself ordered a refusal: such a recipient of a submit_multi has no
    /// message that could be cancelled.
    fn is_refused_by_number(&self, original: &Original<'_>) -> bool {
        let submission = Submission {
            destination: original.destination.2.as_octets(),
            registered_delivery: original.registered_delivery,
            throttled: false,
        };
        let decision = self.behaviour.1.decide(&submission);
        !decision.command_status.is_ok()
    }

    /// Deletes the pending message between the same addresses and of the same service, which this
    /// one takes the place of. SMPP v3.4 §5.2.18.
    pub(super) fn supersede(&mut self, at: SmscTime, newer: &Original<'_>) {
        let found = self.find_pending(at, 1, |older| {
            older.source == newer.source
                && older.destination == newer.destination
                && older.service_type == newer.service_type
        });
        for (entry, _) in found {
            self.delete(at, entry.id);
        }
    }

    pub(super) fn on_replace(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        replace: &ReplaceSm<'_>,
    ) {
        let found = self.find(arrival.at, replace.message_id, |original| {
            original.source.2 == replace.source_addr
        });
        let found = found.filter(|(entry, _)| entry.is_pending(arrival.at));
        let replaced = found.and_then(|(entry, pdu)| Some((entry, replaced(&pdu, replace)?)));
        let resp = Pdu::ReplaceSmResp(Tlvs::EMPTY);
        let Some((entry, pdu)) = replaced else {
            return self.answer(session, arrival, CommandStatus::ESME_RREPLACEFAIL, &resp);
        };
        let (_, decoded) = record::decode(&pdu).expect("it was encoded just before");
        let original = Original::of(&decoded).expect("it is a submit_sm");
        let lifetime = Lifetime::of(&decoded, arrival.at);
        if let Err(status) = lifetime {
            return self.answer(session, arrival, status, &resp);
        }
        let decision = self.decide(arrival, &original, lifetime);
        let status = decision.command_status;
        if !status.is_ok() {
            return self.answer(session, arrival, status, &resp);
        }
        let ends_as = (decision.outcome.state, decision.outcome.error_code);
        let ends_at = arrival.at + decision.outcome.after;
        let plan_anew = |entry: &mut Entry| entry.plan_anew(ends_as, ends_at);
        self.shared.plans_changed();
        let kept = Some(pdu.clone());
        self.shared.ring().change(entry.id, plan_anew, kept);
        self.tell_change(arrival.at, entry.id, ReceiptState::Enroute);
        self.answer(session, arrival, CommandStatus::ESME_ROK, &resp);
        let about = About {
            id: entry.id,
            plan: entry.plan.wrapping_add(1),
            to_many: false,
        };
        self.plan_receipts(session, arrival, about, &original, &decision.receipts);
    }

    pub(super) fn on_query_broadcast(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        query: &QueryBroadcastSm<'_>,
    ) {
        let found = self.find(arrival.at, query.message_id, |original| {
            original.source.2 == query.source_addr
        });
        let Some((entry, pdu)) = found.filter(|(_, pdu)| is_broadcast(pdu)) else {
            let nothing = Pdu::QueryBroadcastSmResp(MessageIdResp::default());
            let status = CommandStatus::ESME_RBCASTQUERYFAIL;
            return self.answer(session, arrival, status, &nothing);
        };
        let state = entry.state(arrival.at).unwrap_or(ReceiptState::Unknown);
        let success = match state {
            ReceiptState::Delivered => AREA_SUCCESS_ALL,
            _ => AREA_SUCCESS_UNKNOWN,
        };
        let mut tlvs = TlvBuf::new();
        tlvs.push_u8(Tag::MESSAGE_STATE, state.message_state());
        if let Some((_, Pdu::BroadcastSm(broadcast))) = record::decode(&pdu) {
            let areas = broadcast.tlvs.iter();
            for area in areas.filter(|tlv| tlv.tag == Tag::BROADCAST_AREA_IDENTIFIER) {
                tlvs.push(area.tag, area.value)
                    .expect("it came in an optional parameter");
                tlvs.push_u8(Tag::BROADCAST_AREA_SUCCESS, success);
            }
        }
        let resp = Pdu::QueryBroadcastSmResp(MessageIdResp {
            message_id: Some(query.message_id),
            tlvs: tlvs.as_tlvs(),
        });
        self.answer(session, arrival, CommandStatus::ESME_ROK, &resp);
    }

    /// The accepted message of that id and of this system_id, if it is the right one.
    fn find(
        &mut self,
        at: SmscTime,
        id: COctetStr<'_>,
        is_right: impl Fn(&Original<'_>) -> bool,
    ) -> Option<Found> {
        self.record_batch(at);
        let ring = self.shared.ring();
        let mut candidates = MessageId::candidates(id.as_octets());
        let (batch, entry, pdu) = candidates.find_map(|id| ring.find(id))?;
        let ours = self.system_id() == Some(&batch.system_id) && entry.command_status.is_ok();
        let scenario = &self.script.scenario;
        (ours && matches(&pdu, scenario, is_right)).then_some((entry, pdu))
    }

    /// The newest pending messages of this system_id that are wanted.
    fn find_pending(
        &mut self,
        at: SmscTime,
        limit: usize,
        is_wanted: impl Fn(&Original<'_>) -> bool,
    ) -> Vec<Found> {
        self.record_batch(at);
        let ring: &Ring = &self.shared.ring();
        let ours = ring
            .pending(at)
            .filter(|(batch, _, _)| self.system_id() == Some(&batch.system_id));
        let scenario = &self.script.scenario;
        ours.filter(|(_, _, pdu)| matches(pdu, scenario, &is_wanted))
            .take(limit)
            .map(|(_, entry, pdu)| (*entry, pdu))
            .collect()
    }

    fn delete(&self, at: SmscTime, id: (MessageId, IdStyle)) {
        self.shared.plans_changed();
        let deleted = |entry: &mut Entry| entry.plan_anew((ReceiptState::Deleted, 0), at);
        self.shared.ring().change(id, deleted, None);
        self.tell_change(at, id, ReceiptState::Deleted);
    }

    fn tell_change(&self, at: SmscTime, id: (MessageId, IdStyle), state: ReceiptState) {
        let what = What::MessageChanged { id, state };
        self.shared.tell(at, Some(self.id), what);
    }
}

/// Whether it is right for any recipient.
fn matches(pdu: &[u8], scenario: &Scenario, is_right: impl Fn(&Original<'_>) -> bool) -> bool {
    record::decode(pdu).is_some_and(|(_, pdu)| originals(&pdu, scenario).iter().any(is_right))
}

/// The message as far as each of its recipients is concerned.
fn originals<'a>(pdu: &Pdu<'a>, scenario: &'a Scenario) -> Vec<Original<'a>> {
    let Pdu::SubmitMulti(multi) = pdu else {
        return Original::of(pdu).into_iter().collect();
    };
    let of_recipient = |recipient| match recipient {
        Recipient::Sme(destination) => Some(Original::of_multi(multi, destination)),
        Recipient::UnknownList(_) => None,
    };
    let recipients = recipients(multi, scenario).into_iter();
    recipients.filter_map(of_recipient).collect()
}

fn is_broadcast(pdu: &[u8]) -> bool {
    matches!(record::decode(pdu), Some((_, Pdu::BroadcastSm(_))))
}

/// A submit_sm with what replace_sm changes of it; `None` for any other PDU.
fn replaced(pdu: &[u8], replace: &ReplaceSm<'_>) -> Option<Bytes> {
    let (header, Pdu::SubmitSm(sm)) = record::decode(pdu)? else {
        return None;
    };
    let mut tlvs = TlvBuf::new();
    let payload = replace.tlvs.get(Tag::MESSAGE_PAYLOAD);
    let kept = sm.tlvs.iter().filter(|tlv| tlv.tag != Tag::MESSAGE_PAYLOAD);
    for tlv in kept.chain(payload) {
        tlvs.push(tlv.tag, tlv.value)
            .expect("it came in an optional parameter");
    }
    let sm = Sm {
        schedule_delivery_time: changed(replace.schedule_delivery_time, sm.schedule_delivery_time),
        validity_period: changed(replace.validity_period, sm.validity_period),
        registered_delivery: replace.registered_delivery,
        sm_default_msg_id: replace.sm_default_msg_id,
        short_message: match payload {
            Some(_) => ShortMessage::EMPTY,
            None => replace.short_message,
        },
        tlvs: tlvs.as_tlvs(),
        ..sm
    };
    let Header {
        command_status,
        sequence_number,
        ..
    } = header;
    let mut out = BytesMut::new();
    encode_pdu(
        &Pdu::SubmitSm(sm),
        command_status,
        sequence_number,
        &mut out,
    );
    Some(out.freeze())
}

fn changed<'a>(new: COctetStr<'a>, old: COctetStr<'a>) -> COctetStr<'a> {
    if new.is_empty() { old } else { new }
}

/// The 16 octets of a time in UTC; `None` outside of the years that have a form.
fn time_octets(time: SmscTime) -> Option<[u8; 16]> {
    let unix_ms = i64::try_from(time.unix_ms()).ok()?;
    let time = AbsoluteTime::from_unix_ms(unix_ms, 0)?;
    Some(SmppTime::Absolute(time).octets())
}
