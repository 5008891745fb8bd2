//! Rules written in Rust, step by step. What they mean and what is allowed is read as from a file,
//! so a rule has the same errors however it was written.

use std::time::Duration;

use serde_json::{Value as Json, json};
use signalbox_codec::CommandStatus;
use signalbox_codec::receipt::ReceiptState;

/// A rule of a scenario. The first that is for a message decides about it; what a rule leaves out
/// is as without it.
///
/// ```
/// use std::time::Duration;
/// use smsc_sim::{CommandStatus, Match, ReceiptState, Rule, RuleReceipt, Smsc};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), smsc_sim::StartError> {
/// let smsc = Smsc::in_memory()
///     .rule(Rule::to("+4912*").respond(CommandStatus::ESME_RTHROTTLED).times(2))
///     .rule(
///         Rule::to("+49170*")
///             .text("/(?i)stop/")
///             .delay(Duration::from_millis(50))
///             .receipt(RuleReceipt::new(ReceiptState::Enroute).before_response())
///             .receipt(RuleReceipt::new(ReceiptState::Undeliverable).error_code(27))
///             .answer("You are off the list"),
///     )
///     .rule(Rule::any().chance(0.01).fault("drop_response", serde_json::json!({})))
///     .start()
///     .await?;
/// # smsc.verify(Match::any()).within(Duration::ZERO).exactly(0).await.expect("nothing came");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until an SMSC has it"]
pub struct Rule(Json);

/// A receipt that a [`Rule`] sends.
#[derive(Clone, Debug)]
#[must_use = "a receipt is sent by the rule that has it"]
pub struct RuleReceipt(Json);

impl Rule {
    /// For all messages.
    pub fn any() -> Self {
        Self(json!({}))
    }

    /// For messages to this address: `*` is any text and `?` any character, or a regular expression
    /// between slashes. A `+` in front does not count.
    pub fn to(pattern: &str) -> Self {
        Self::any().matching("to", pattern)
    }

    /// And from this address, as in [`Rule::to`].
    pub fn from(self, pattern: &str) -> Self {
        self.matching("from", pattern)
    }

    /// And of this system_id: a pattern.
    pub fn system_id(self, pattern: &str) -> Self {
        self.matching("system_id", pattern)
    }

    /// And with this decoded text: a pattern.
    pub fn text(self, pattern: &str) -> Self {
        self.matching("text", pattern)
    }

    /// And with this data_coding.
    pub fn data_coding(self, data_coding: u8) -> Self {
        self.matching("data_coding", data_coding)
    }

    /// And with this optional parameter, by the name or number of its tag. Its value is a whole
    /// number, a pattern of a text, octets such as `"0x00ff"`, or whether there is one at all.
    pub fn tlv(mut self, tag: &str, value: impl Into<Json>) -> Self {
        self.0["match"]["tlvs"][tag] = value.into();
        self
    }

    /// Only the nth of those that match all else, from 1.
    pub fn nth(self, nth: u64) -> Self {
        self.matching("nth", nth)
    }

    /// Each nth of them.
    pub fn every(self, nth: u64) -> Self {
        self.matching("every", nth)
    }

    /// This share of them at random, from 0 to 1.
    pub fn chance(self, share: f64) -> Self {
        self.matching("chance", share)
    }

    /// Its name, unique in its scenario; else it gets a number.
    pub fn id(self, id: &str) -> Self {
        self.with("id", id)
    }

    /// Applies so often and no more.
    pub fn times(self, times: u64) -> Self {
        self.with("times", times)
    }

    /// `nth`, `every` and `times` count the messages of each bind by itself.
    pub fn per_bind(self) -> Self {
        self.with("per", "bind")
    }

    /// Only while this state machine is in that state; all begin as `started`.
    pub fn required_state(self, machine: &str, state: &str) -> Self {
        self.with("state", machine).with("required_state", state)
    }

    /// Moves this state machine to that state.
    pub fn new_state(self, machine: &str, state: &str) -> Self {
        self.with("state", machine).with("new_state", state)
    }

    /// The command_status of the response.
    pub fn respond(mut self, status: CommandStatus) -> Self {
        self.0["respond"]["status"] = match status.name() {
            Some(name) => name.into(),
            None => format!("{:#x}", status.0).into(),
        };
        self
    }

    /// How late the response is.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.0["respond"]["delay"] = written(delay);
        self
    }

    /// One more receipt, in place of the one that there would be without the rule.
    pub fn receipt(mut self, receipt: RuleReceipt) -> Self {
        match &mut self.0["receipts"] {
            Json::Array(receipts) => receipts.push(receipt.0),
            none => *none = json!([receipt.0]),
        }
        self
    }

    /// No receipt, whatever registered_delivery asks for.
    pub fn no_receipts(self) -> Self {
        self.with("receipts", json!([]))
    }

    /// What goes wrong: a type of fault and its attributes, as in a file.
    pub fn fault(self, kind: &str, attributes: Json) -> Self {
        self.with("fault", json!({"type": kind, "attributes": attributes}))
    }

    /// A text from the phone that the message went to.
    pub fn answer(self, text: &str) -> Self {
        self.with("mo", json!({"text": text}))
    }

    /// The rule as it stands in a file.
    #[must_use]
    pub fn into_json(self) -> Json {
        self.0
    }

    fn matching(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.0["match"][key] = value.into();
        self
    }

    fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.0[key] = value.into();
        self
    }
}

impl RuleReceipt {
    /// Says that the message is in this state, as soon as the response is sent.
    pub fn new(state: ReceiptState) -> Self {
        Self(json!({"state": state.stat()}))
    }

    /// So long after the response, or after the message came if it is sent before the response.
    pub fn after(self, time: Duration) -> Self {
        self.with("after", written(time))
    }

    /// Before the response, which waits for it.
    pub fn before_response(self) -> Self {
        self.with("before_response", true)
    }

    /// `err`, from 0 to 999.
    pub fn error_code(self, error_code: u16) -> Self {
        self.with("err", error_code)
    }

    /// How it writes the message id: same, decimal, hex, upper_hex, padded_hex, unknown.
    pub fn id_format(self, name: &str) -> Self {
        self.with("id_format", name)
    }

    /// How it writes its text: standard, seconds, century, short, lower_case, none.
    pub fn text_format(self, name: &str) -> Self {
        self.with("text_format", name)
    }

    /// Without receipted_message_id and message_state.
    pub fn without_tlvs(self) -> Self {
        self.with("tlv", false)
    }

    /// Even if registered_delivery does not ask for it.
    pub fn unasked(self) -> Self {
        self.with("unasked", true)
    }

    /// As an intermediate notification.
    pub fn intermediate(self) -> Self {
        self.with("intermediate", true)
    }

    fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.0[key] = value.into();
        self
    }
}

/// A time as a file has it; what is below a millisecond is none.
fn written(time: Duration) -> Json {
    format!("{}ms", time.as_millis()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn every_step_is_one_that_a_file_could_take() {
        let receipt = RuleReceipt::new(ReceiptState::Delivered)
            .after(Duration::from_secs(1))
            .before_response()
            .error_code(7)
            .id_format("decimal")
            .text_format("short")
            .without_tlvs()
            .unasked()
            .intermediate();
        let rule = Rule::to("+49*")
            .from("100")
            .system_id("e*")
            .text("hi")
            .data_coding(8)
            .tlv("source_port", 80)
            .every(2)
            .chance(0.5)
            .id("all")
            .times(3)
            .per_bind()
            .required_state("m", "started")
            .new_state("m", "next")
            .respond(CommandStatus(0x455))
            .delay(Duration::from_secs(2))
            .receipt(receipt.clone())
            .receipt(receipt)
            .fault("bad_sequence", json!({"add": 3}))
            .answer("thanks");
        let scenario = Scenario::of_rules([rule, Rule::any().nth(1).no_receipts()]).unwrap();
        let seen = scenario.to_json();
        assert_eq!(seen["rules"][0]["respond"]["status"], "0x455");
        assert_eq!(seen["rules"][0]["receipts"][1]["after"], "1000ms");
        assert_eq!(seen["rules"][1]["receipts"], json!([]));
    }

    #[test]
    fn what_a_file_could_not_have_is_refused_in_the_same_words() {
        let errors = Scenario::of_rules([Rule::to("/[/").times(0)]).unwrap_err();
        let text = errors.to_string();
        for key in [
            "rules[0].match.to: \"/[/\": ",
            "rules[0].times: 0: wanted: ",
        ] {
            assert!(text.contains(key), "{key} is not in {text}");
        }
    }
}
