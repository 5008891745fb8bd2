//! Which messages are meant: the filter of searches and of `verify`. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;
use signalbox_codec::receipt::ReceiptState;

use crate::message::{Message, Recipient};
use crate::pattern::Pattern;
use crate::tlv::{TLVS_MAX, TlvPattern};

/// What a message must be like; what is not said may be anything. `to`, `from`, `system_id` and
/// `text` are patterns as in rules: `*` is any text, `?` any character, `/…/` a regular expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// A recipient; a leading `+` does not count.
    pub to: Option<String>,
    /// The sender; a leading `+` does not count.
    pub from: Option<String>,
    /// Who is bound where it came.
    pub system_id: Option<String>,
    /// A pattern over the whole text.
    pub text: Option<String>,
    /// A part of the text, taken literally.
    pub text_contains: Option<String>,
    /// data_coding.
    pub data_coding: Option<u8>,
    /// Optional parameters by the name or number of their tag, 16 at most. A value is a whole
    /// number, a pattern of a text, octets such as `"0x00ff"`, or whether there is one at all.
    pub tlvs: BTreeMap<String, Json>,
    /// The state that it is in; of a submit_multi with `to`: the state of such a recipient.
    pub state: Option<ReceiptState>,
    /// It came then or later, ms since 1970.
    pub since_unix_ms: Option<u64>,
}

/// How a message differs from what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of [`Match`]; `tlvs.` and the tag for an optional parameter.
    pub field: String,
    /// What was wanted.
    pub wanted: String,
    /// What was found.
    pub found: String,
}

/// A [`Match`] whose patterns were read.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    wanted: Match,
    to: Option<Pattern>,
    from: Option<Pattern>,
    system_id: Option<Pattern>,
    text: Option<Pattern>,
    tlvs: Vec<TlvPattern>,
}

/// A pattern of a [`Match`] that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPattern {
    /// The field of [`Match`]; `tlvs.` and the tag for an optional parameter.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

impl Match {
    /// Any message.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Messages to this recipient.
    #[must_use]
    pub fn to(to: &str) -> Self {
        Self {
            to: Some(to.to_owned()),
            ..Self::default()
        }
    }

    /// And from this sender.
    #[must_use]
    pub fn from(mut self, from: &str) -> Self {
        self.from = Some(from.to_owned());
        self
    }

    /// And with a text of this pattern.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// And with this in its text.
    #[must_use]
    pub fn text_contains(mut self, part: &str) -> Self {
        self.text_contains = Some(part.to_owned());
        self
    }

    /// And with this data_coding.
    #[must_use]
    pub const fn data_coding(mut self, data_coding: u8) -> Self {
        self.data_coding = Some(data_coding);
        self
    }

    /// And with this optional parameter: [`Match::tlvs`] says what tag and value may be.
    #[must_use]
    pub fn tlv(mut self, tag: &str, value: impl Into<Json>) -> Self {
        self.tlvs.insert(tag.to_owned(), value.into());
        self
    }

    /// And in this state.
    #[must_use]
    pub const fn state(mut self, state: ReceiptState) -> Self {
        self.state = Some(state);
        self
    }

    /// Reads its patterns.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn read(self) -> Result<Filter, BadPattern> {
        let read = |field, text: &Option<String>, read: fn(&str) -> Result<Pattern, String>| {
            let pattern = text.as_deref().map(read).transpose();
            pattern.map_err(|problem| BadPattern::new(field, format!("is no pattern: {problem}")))
        };
        if self.tlvs.len() > TLVS_MAX {
            return Err(BadPattern::new("tlvs", format!("more than {TLVS_MAX}")));
        }
        let tlvs = self.tlvs.iter().map(|(tag, value)| {
            let read = TlvPattern::read(tag, value);
            read.map_err(|problem| BadPattern::new(&format!("tlvs.{tag}"), problem))
        });
        Ok(Filter {
            to: read("to", &self.to, address)?,
            from: read("from", &self.from, address)?,
            system_id: read("system_id", &self.system_id, Pattern::new)?,
            text: read("text", &self.text, Pattern::new)?,
            tlvs: tlvs.collect::<Result<_, _>>()?,
            wanted: self,
        })
    }
}

impl BadPattern {
    fn new(field: &str, problem: String) -> Self {
        Self {
            field: field.to_owned(),
            problem,
        }
    }
}

impl Filter {
    /// What was wanted.
    pub(crate) const fn wanted(&self) -> &Match {
        &self.wanted
    }

    /// And with these optional parameters, by their tags: values of a query.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn and_tlvs_of_query(
        mut self,
        tlvs: Vec<(String, String)>,
    ) -> Result<Self, BadPattern> {
        if self.tlvs.len() + tlvs.len() > TLVS_MAX {
            return Err(BadPattern::new("tlvs", format!("more than {TLVS_MAX}")));
        }
        for (tag, value) in tlvs {
            let read = TlvPattern::read_of_query(&tag, &value);
            let field = format!("tlvs.{tag}");
            self.tlvs
                .push(read.map_err(|problem| BadPattern::new(&field, problem))?);
            self.wanted.tlvs.insert(tag, value.into());
        }
        Ok(self)
    }

    /// Whether it is such a message.
    pub(crate) fn matches(&self, message: &Message) -> bool {
        self.differences(message).is_empty()
    }

    /// The recipients of a submit_multi that `to` means.
    fn recipients_meant<'m>(&self, message: &'m Message) -> Vec<&'m Recipient> {
        let Some(pattern) = &self.to else {
            return Vec::new();
        };
        let recipients = message.recipients.iter();
        let is_meant = |r: &&Recipient| pattern.matches_address(r.to.as_bytes());
        recipients.filter(is_meant).collect()
    }

    /// In what the message differs; empty when it is such a message.
    pub(crate) fn differences(&self, message: &Message) -> Vec<Difference> {
        let wanted = &self.wanted;
        let mut differences = Differences::default();
        if let (Some(to), Some(pattern)) = (&wanted.to, &self.to) {
            let mut addresses = message.addresses();
            let found = addresses.any(|other| pattern.matches_address(other.as_bytes()));
            let shown = || message.addresses().collect::<Vec<_>>().join(",");
            differences.add(found, "to", to, shown);
        }
        if let (Some(from), Some(pattern)) = (&wanted.from, &self.from) {
            let found = pattern.matches_address(message.from.as_bytes());
            differences.add(found, "from", from, || message.from.clone());
        }
        if let (Some(system_id), Some(pattern)) = (&wanted.system_id, &self.system_id) {
            let found = pattern.matches(&message.system_id);
            differences.add(found, "system_id", system_id, || message.system_id.clone());
        }
        self.add_differences_of_text(message, &mut differences);
        if let Some(data_coding) = wanted.data_coding {
            let found = message.data_coding == data_coding;
            let shown = || message.data_coding.to_string();
            differences.add(found, "data_coding", &data_coding.to_string(), shown);
        }
        if !self.tlvs.is_empty() {
            message.with_tlvs(|tlvs| {
                for wanted in &self.tlvs {
                    let (field, written) = (wanted.to_string(), wanted.written());
                    let shown = || wanted.found(tlvs);
                    differences.add(wanted.matches(tlvs), &field, written, shown);
                }
            });
        }
        if let Some(state) = wanted.state {
            let seen = match self.recipients_meant(message) {
                recipients if recipients.is_empty() => vec![message.state],
                recipients => recipients.iter().map(|recipient| recipient.state).collect(),
            };
            let shown = || seen[0].map_or("refused", ReceiptState::stat).to_owned();
            let found = seen.contains(&Some(state));
            differences.add(found, "state", state.stat(), shown);
        }
        if let Some(since) = wanted.since_unix_ms {
            let shown = || message.received_unix_ms.to_string();
            let found = message.received_unix_ms >= since;
            differences.add(found, "since", &since.to_string(), shown);
        }
        differences.0
    }

    fn add_differences_of_text(&self, message: &Message, differences: &mut Differences) {
        let Match {
            text: wanted,
            text_contains: part,
            ..
        } = &self.wanted;
        if wanted.is_none() && part.is_none() {
            return;
        }
        let text = message.text();
        let shown = || text.clone().unwrap_or_else(|| "(no text)".to_owned());
        if let (Some(wanted), Some(pattern)) = (wanted, &self.text) {
            let found = text.as_ref().is_some_and(|text| pattern.matches(text));
            differences.add(found, "text", wanted, shown);
        }
        if let Some(part) = part {
            let found = text.as_ref().is_some_and(|text| text.contains(part));
            differences.add(found, "text~", part, shown);
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since_unix_ms.map(|since| since.to_string());
        let data_coding = self.data_coding.map(|coding| coding.to_string());
        let parts = [
            ("to", self.to.as_deref()),
            ("from", self.from.as_deref()),
            ("system_id", self.system_id.as_deref()),
            ("text", self.text.as_deref()),
            ("text~", self.text_contains.as_deref()),
            ("data_coding", data_coding.as_deref()),
            ("state", self.state.map(ReceiptState::stat)),
            ("since", since.as_deref()),
        ];
        let mut separator = "";
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{name} {value:?}")?;
                separator = ", ";
            }
        }
        for (tag, value) in &self.tlvs {
            write!(f, "{separator}tlvs.{tag} {value}")?;
            separator = ", ";
        }
        match separator {
            "" => f.write_str("anything"),
            _ => Ok(()),
        }
    }
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, matches: bool, field: &str, wanted: &str, found: impl FnOnce() -> String) {
        if !matches {
            self.0.push(Difference {
                field: field.to_owned(),
                wanted: wanted.to_owned(),
                found: found(),
            });
        }
    }
}

/// The type of number is a field of its own, so `+` may be there or not. In a query an unescaped
/// `+` is a space.
fn address(wanted: &str) -> Result<Pattern, String> {
    Pattern::of_address(wanted.trim_start_matches(' '))
}
