//! A rule of a scenario: which messages it is for, and what happens to them.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::{COctetStr, CommandStatus};

use super::delay::Delay;
use crate::decision::{Decision, Outcome, PlannedMo, PlannedReceipt, wants_receipt};
use crate::delivery::{Mo, Original, ReceiptForm};
use crate::fault::Fault;
use crate::ids::IdForm;
use crate::pattern::Pattern;
use crate::random::Draws;
use crate::tlv::TlvPattern;

/// Type of number of an international address. SMPP v3.4 §5.2.5.
const TON_INTERNATIONAL: u8 = 1;

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its name, unique in its scenario.
    pub(crate) id: String,
    /// Written `enabled`; a rule that is not applies to nothing and keeps its place and its counts.
    pub(crate) is_enabled: bool,
    pub(crate) matching: Match,
    /// How often it applies; `None`: always.
    pub(crate) times: Option<u64>,
    /// What `nth`, `every` and `times` count.
    pub(crate) scope: Scope,
    pub(crate) state: Option<StateRule>,
    /// Result in the response; `None`: as without the rule.
    pub(crate) status: Option<CommandStatus>,
    /// Delay of the response; `None`: as without the rule.
    pub(crate) delay: Option<Delay>,
    /// Receipts; `None`: as without the rule.
    pub(crate) receipts: Option<Vec<ReceiptRule>>,
    pub(crate) fault: Option<Fault>,
    pub(crate) mo: Option<MoRule>,
    /// The rule as it was written.
    pub(crate) written: Json,
}

/// Which messages a rule is for: those for which all that is there holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Match {
    pub(crate) system_id: Option<Pattern>,
    /// Written `from` or `source`.
    pub(crate) source: Option<Pattern>,
    /// Written `to` or `destination`.
    pub(crate) destination: Option<Pattern>,
    /// Over the decoded text; what is no text never matches.
    pub(crate) text: Option<Pattern>,
    pub(crate) data_coding: Option<u8>,
    /// Each of them; none: whatever there is.
    pub(crate) tlvs: Vec<TlvPattern>,
    /// Whether the sequence_number is even; `None`: either.
    pub(crate) sequence_number_is_even: Option<bool>,
    /// Only the nth of those for which the rest holds, from 1.
    pub(crate) nth: Option<u64>,
    /// Each nth of them.
    pub(crate) every: Option<u64>,
    /// This share of them, at random.
    pub(crate) chance: Option<f64>,
}

/// Whose messages are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of all binds.
    #[default]
    Smsc,
    /// Those of each bind: what one sees does not depend on the others.
    Bind,
}

/// A step of a state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateRule {
    /// The machine.
    pub(crate) machine: String,
    /// The state that it must be in.
    pub(crate) required: Option<String>,
    /// The state that it goes to.
    pub(crate) new: Option<String>,
}

/// A receipt to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptRule {
    pub(crate) state: ReceiptState,
    pub(crate) error_code: u16,
    /// From the response on, or from the arrival if it is before the response.
    pub(crate) after: Delay,
    pub(crate) before_response: bool,
    /// Even if registered_delivery does not ask for it.
    pub(crate) unasked: bool,
    pub(crate) intermediate: bool,
    pub(crate) id_form: IdForm,
    pub(crate) form: ReceiptForm,
}

/// A message from a phone that answers.
#[derive(Clone, Debug)]
pub(crate) struct MoRule {
    /// `None`: the destination of the message.
    pub(crate) from: Option<String>,
    /// `None`: the source of the message.
    pub(crate) to: Option<String>,
    pub(crate) content: MoContent,
    /// From the response on.
    pub(crate) after: Delay,
}

/// What it says.
#[derive(Clone, Debug)]
pub(crate) enum MoContent {
    /// A text, in the coding that fits.
    Text(String),
    /// Octets of this data_coding.
    Octets { data_coding: u8, octets: Vec<u8> },
}

impl Rule {
    /// Whether its id was written; else it is a number.
    pub(super) fn is_named(&self) -> bool {
        self.written["id"] == self.id.as_str()
    }

    /// The rule as it was written, with its id, and whether it is enabled if it is not.
    pub(crate) fn to_json(&self) -> Json {
        let mut json = self.written.clone();
        json["id"] = Json::from(self.id.as_str());
        if let Some(keys) = json.as_object_mut() {
            keys.remove("enabled");
        }
        if !self.is_enabled {
            json["enabled"] = Json::from(false);
        }
        json
    }

    /// What happens to a message, given what would happen without the rule.
    pub(crate) fn apply(
        &self,
        default: Decision,
        registered_delivery: u8,
        draws: &mut Draws,
    ) -> Decision {
        let mut decision = default;
        if let Some(delay) = self.delay {
            let before = decision.respond_after.unwrap_or_default();
            let after = delay.draw(draws);
            decision.respond_after = Some(after);
            let shift = |time: &mut Duration| *time = (*time + after).saturating_sub(before);
            shift(&mut decision.outcome.after);
            for receipt in &mut decision.receipts {
                shift(&mut receipt.after);
            }
        }
        match self.status {
            Some(status) if !status.is_ok() => decision.refuse(status),
            Some(status) => decision.command_status = status,
            None => {}
        }
        if let Some(receipts) = &self.receipts {
            decision.silent = receipts.is_empty();
            decision.receipts.clear();
            for receipt in receipts {
                receipt.plan(&mut decision, registered_delivery, draws);
            }
            // In one order with those that wait for the response.
            decision
                .receipts
                .sort_by_key(|receipt| !receipt.before_response);
        }
        if let Some(mo) = &self.mo {
            let after = decision.respond_after.unwrap_or_default() + mo.after.draw(draws);
            decision.mo = Some(Box::new(PlannedMo {
                mo: mo.clone(),
                after,
            }));
        }
        decision
    }
}

impl ReceiptRule {
    fn plan(&self, decision: &mut Decision, registered_delivery: u8, draws: &mut Draws) {
        let drawn = self.after.draw(draws);
        let respond_after = decision.respond_after.unwrap_or_default();
        let after = if self.before_response {
            // The response waits for it.
            decision.respond_after = decision.respond_after.map(|time| time.max(drawn));
            drawn
        } else {
            respond_after + drawn
        };
        if !self.intermediate {
            decision.outcome = Outcome {
                state: self.state,
                error_code: self.error_code,
                after,
            };
        }
        if !self.unasked && !wants_receipt(registered_delivery, self.state) {
            return;
        }
        decision.receipts.push(PlannedReceipt {
            state: self.state,
            error_code: self.error_code,
            after,
            before_response: self.before_response,
            id_form: self.id_form,
            intermediate: self.intermediate,
            form: self.form,
        });
    }
}

impl MoRule {
    /// The bodies of its deliver_sm, one per segment.
    pub(crate) fn bodies(&self, original: &Original<'_>) -> Vec<Bytes> {
        let from = self
            .from
            .clone()
            .unwrap_or_else(|| phone(original.destination));
        let to = self.to.clone().unwrap_or_else(|| phone(original.source));
        let messages = match &self.content {
            MoContent::Text(text) => Mo::text(&from, &to, text).unwrap_or_default(),
            MoContent::Octets {
                data_coding,
                octets,
            } => vec![Mo {
                from,
                to,
                data_coding: *data_coding,
                esm_class: 0,
                content: octets.clone(),
                system_id: None,
            }],
        };
        messages.iter().filter_map(|mo| mo.body().ok()).collect()
    }
}

/// An address as a text that reads back as the same address.
fn phone((ton, _, address): (u8, u8, COctetStr<'_>)) -> String {
    let plus = if ton == TON_INTERNATIONAL { "+" } else { "" };
    format!("{plus}{}", address.to_latin1())
}
