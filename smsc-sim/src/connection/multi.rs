//! Messages to many: submit_multi, where each recipient is decided about by itself, and
//! broadcast_sm. SMPP v3.4 §4.5, SMPP v5.0 §4.4.

use std::sync::Arc;
use std::time::Duration;

use signalbox_codec::pdu::{
    BroadcastSm, DestAddress, SubmitMulti, SubmitMultiResp, UnsuccessSme, UnsuccessSmeBuf,
};
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::{COctetStr, CommandStatus, Pdu, Tag};
use signalbox_session::Session;

use super::Connection;
use super::messages::{Arrival, ends_after_response, followers, split_early};
use super::responses::{REORDER_WAIT, Response};
use crate::clock::SmscTime;
use crate::decision::{Decision, Outcome};
use crate::delivery::{About, Original, address};
use crate::fault::{self, ResponseFault};
use crate::lifetime::Lifetime;
use crate::record::{Addressee, Entry};
use crate::scenario::Scenario;

/// What a broadcast must have. SMPP v5.0 §4.4.1.1.
const BROADCAST_TAGS: [Tag; 4] = [
    Tag::BROADCAST_AREA_IDENTIFIER,
    Tag::BROADCAST_CONTENT_TYPE,
    Tag::BROADCAST_REP_NUM,
    Tag::BROADCAST_FREQUENCY_INTERVAL,
];

/// What became of a submit_multi.
struct Split<'a> {
    accepted: Vec<(Original<'a>, Decision)>,
    refused: Vec<UnsuccessSme<'a>>,
    /// When to respond: after the slowest recipient; `None`: never.
    respond_after: Option<Duration>,
    fault: Option<ResponseFault>,
}

impl Split<'_> {
    /// Lets the message end later for all that it was accepted for.
    fn end_later(&mut self, by: Duration) {
        for (_, decision) in &mut self.accepted {
            decision.outcome.after += by;
        }
    }

    /// What is kept of the recipients, those that were accepted first.
    fn addressees(&self, at: SmscTime) -> Vec<Addressee> {
        let accepted = self.accepted.iter().map(|(original, decision)| {
            let (ton, npi, address) = original.destination;
            Addressee {
                address: (ton, npi, address.as_octets().into()),
                command_status: decision.command_status,
                ends_as: decision.outcome.state,
                ends_at: at + decision.outcome.after,
            }
        });
        let refused = self.refused.iter().map(|refused| Addressee {
            address: (
                refused.dest_addr_ton,
                refused.dest_addr_npi,
                refused.destination_addr.as_octets().into(),
            ),
            command_status: refused.error_status_code,
            ends_as: ReceiptState::Rejected,
            ends_at: at,
        });
        accepted.chain(refused).collect()
    }
}

impl Connection {
    pub(super) fn on_submit_multi(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        pdu: &Pdu<'_>,
        multi: &SubmitMulti<'_>,
    ) {
        let script = Arc::clone(&self.script);
        let mut split = self.decide_each(arrival, pdu, multi, &script.scenario);
        let id = self.next_id();
        let none = CommandStatus::ESME_RINVNUMDESTS;
        let first_refusal = split.refused.first().map_or(none, |r| r.error_status_code);
        let status = match split.accepted.is_empty() {
            true => first_refusal,
            false => CommandStatus::ESME_ROK,
        };
        let mut decisions = split.accepted.iter().map(|(_, decision)| decision);
        let is_reordered = fault::is_reorder(split.fault) && decisions.all(ends_after_response);
        if is_reordered {
            split.end_later(REORDER_WAIT);
        }
        let outcome = whole_outcome(split.accepted.iter().map(|(_, decision)| decision.outcome));
        let entry = Entry::new(arrival.at, id, status, outcome);
        self.keep(arrival.octets, entry);
        if self.shared.settings.record_messages_max > 0 {
            self.recorder.push_addressees(split.addressees(arrival.at));
        }
        self.count(status.is_ok() && split.respond_after.is_some());
        let text = id.0.text(id.1);
        let mut unsuccess_smes = UnsuccessSmeBuf::new();
        for refused in &split.refused {
            // no_unsuccess counts to 255; lists may have more members that are refused.
            if !unsuccess_smes.push(*refused) {
                break;
            }
        }
        let resp = status.is_ok().then(|| SubmitMultiResp {
            message_id: COctetStr::new(text.as_octets()).expect("ids have no NUL"),
            unsuccess_smes: unsuccess_smes.as_unsuccess_smes(),
            ..SubmitMultiResp::default()
        });
        let about = About {
            id,
            plan: 0,
            to_many: true,
        };
        for (original, decision) in &split.accepted {
            let (early, _) = split_early(&decision.receipts);
            self.plan_receipts(session, arrival, about, original, early);
        }
        let response = Response {
            fault: split.fault,
            message: is_reordered.then_some(id),
            ..Response::of(arrival.header, status, &Pdu::SubmitMultiResp(resp))
        };
        let accepted = split.accepted.iter();
        let followers =
            accepted.flat_map(|(original, decision)| followers(arrival, about, original, decision));
        self.respond_then(session, arrival, split.respond_after, response, followers);
    }

    fn decide_each<'a>(
        &mut self,
        arrival: &Arrival<'_>,
        pdu: &Pdu<'a>,
        multi: &SubmitMulti<'a>,
        scenario: &'a Scenario,
    ) -> Split<'a> {
        let lifetime = Lifetime::of(pdu, arrival.at);
        let mut split = Split {
            accepted: Vec::new(),
            refused: Vec::new(),
            respond_after: Some(self.behaviour.1.latency),
            fault: None,
        };
        let held_before = self.followers_held;
        for recipient in recipients(multi, scenario) {
            let destination = match recipient {
                Recipient::Sme(destination) => destination,
                Recipient::UnknownList(dl_name) => {
                    split.refused.push(UnsuccessSme {
                        dest_addr_ton: 0,
                        dest_addr_npi: 0,
                        destination_addr: dl_name,
                        error_status_code: CommandStatus::ESME_RINVDLNAME,
                    });
                    continue;
                }
            };
            let original = Original::of_multi(multi, destination);
            let decision = self.decide(arrival, &original, lifetime);
            let longest = |after: Duration| decision.respond_after.map(|other| other.max(after));
            split.respond_after = split.respond_after.and_then(longest);
            split.fault = split.fault.or(decision.fault);
            if decision.command_status.is_ok() {
                // The next recipient finds less room.
                self.followers_held += decision.receipts.len() + usize::from(decision.mo.is_some());
                split.accepted.push((original, decision));
            } else {
                split.refused.push(UnsuccessSme {
                    dest_addr_ton: destination.0,
                    dest_addr_npi: destination.1,
                    destination_addr: destination.2,
                    error_status_code: decision.command_status,
                });
            }
        }
        self.followers_held = held_before;
        // The one response waits for the slowest recipient, and what counts from it waits too.
        for (_, decision) in &mut split.accepted {
            if let (Some(whole), Some(own)) = (split.respond_after, decision.respond_after) {
                decision.respond_later(whole.saturating_sub(own));
            }
        }
        split
    }

    pub(super) fn on_broadcast(
        &mut self,
        session: &mut Session,
        arrival: &Arrival<'_>,
        pdu: &Pdu<'_>,
        broadcast: &BroadcastSm<'_>,
    ) {
        let missing = BROADCAST_TAGS
            .into_iter()
            .any(|tag| broadcast.tlvs.get(tag).is_none());
        let lifetime = match missing {
            true => Err(CommandStatus::ESME_RMISSINGOPTPARAM),
            false => Lifetime::of(pdu, arrival.at),
        };
        let original = Original::of_broadcast(broadcast);
        let decision = self.decide(arrival, &original, lifetime);
        self.take_submission(session, arrival, &original, decision);
    }
}

/// Whom a submit_multi names.
pub(super) enum Recipient<'a> {
    /// An address, or a member of a list: type of number, numbering plan, digits.
    Sme((u8, u8, COctetStr<'a>)),
    /// A list that nobody keeps.
    UnknownList(COctetStr<'a>),
}

/// All recipients, with the members of lists in the place of these.
pub(super) fn recipients<'a>(
    multi: &SubmitMulti<'a>,
    scenario: &'a Scenario,
) -> Vec<Recipient<'a>> {
    let mut recipients = Vec::new();
    for named in multi.dest_addresses.iter() {
        match named {
            DestAddress::Sme {
                dest_addr_ton,
                dest_addr_npi,
                destination_addr,
            } => {
                let address = (dest_addr_ton, dest_addr_npi, destination_addr);
                recipients.push(Recipient::Sme(address));
            }
            DestAddress::DistributionList { dl_name } => match scenario.list(dl_name.as_octets()) {
                None => recipients.push(Recipient::UnknownList(dl_name)),
                Some(members) => recipients.extend(
                    members
                        .iter()
                        .filter_map(|member| address(member).map(Recipient::Sme)),
                ),
            },
        }
    }
    recipients
}

/// The message as a whole is delivered when all recipients have it; a failure counts for all.
fn whole_outcome(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let nobody = Outcome {
        state: ReceiptState::Rejected,
        error_code: 0,
        after: Duration::ZERO,
    };
    outcomes
        .reduce(|whole, other| {
            let failed = whole.state != ReceiptState::Delivered;
            let (state, error_code) = match failed {
                true => (whole.state, whole.error_code),
                false => (other.state, other.error_code),
            };
            Outcome {
                state,
                error_code,
                after: whole.after.max(other.after),
            }
        })
        .unwrap_or(nobody)
}
