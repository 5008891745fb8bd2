//! Which messages are meant: the filter of searches and of `verify`. Pure.

use std::fmt;

use signalbox_codec::receipt::ReceiptState;

use crate::message::Message;

/// What a message must be like; what is not said may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// A recipient; a leading `+` does not count.
    pub to: Option<String>,
    /// The sender; a leading `+` does not count.
    pub from: Option<String>,
    /// Who is bound where it came.
    pub system_id: Option<String>,
    /// The whole text.
    pub text: Option<String>,
    /// A part of the text.
    pub text_contains: Option<String>,
    /// The state that it is in.
    pub state: Option<ReceiptState>,
    /// It came then or later, ms since 1970.
    pub since_unix_ms: Option<u64>,
}

/// How a message differs from what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of [`Match`].
    pub field: &'static str,
    /// What was wanted.
    pub wanted: String,
    /// What was found.
    pub found: String,
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

    /// And with this whole text.
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

    /// And in this state.
    #[must_use]
    pub const fn state(mut self, state: ReceiptState) -> Self {
        self.state = Some(state);
        self
    }

    /// Whether it is such a message.
    #[must_use]
    pub fn matches(&self, message: &Message) -> bool {
        self.differences(message).is_empty()
    }

    /// In what the message differs; empty when it is such a message.
    #[must_use]
    pub fn differences(&self, message: &Message) -> Vec<Difference> {
        let mut differences = Differences::default();
        if let Some(to) = &self.to {
            let found = message.to.split(',').any(|other| same_address(to, other));
            differences.add(found, "to", to, || message.to.clone());
        }
        if let Some(from) = &self.from {
            let found = same_address(from, &message.from);
            differences.add(found, "from", from, || message.from.clone());
        }
        if let Some(system_id) = &self.system_id {
            let found = *system_id == message.system_id;
            differences.add(found, "system_id", system_id, || message.system_id.clone());
        }
        if self.text.is_some() || self.text_contains.is_some() {
            let text = message.text();
            let shown = || text.clone().unwrap_or_else(|| "(no text)".to_owned());
            if let Some(wanted) = &self.text {
                let found = text.as_ref() == Some(wanted);
                differences.add(found, "text", wanted, shown);
            }
            if let Some(wanted) = &self.text_contains {
                let found = text.as_ref().is_some_and(|text| text.contains(wanted));
                differences.add(found, "text~", wanted, shown);
            }
        }
        if let Some(state) = self.state {
            let shown = || message.state_name().unwrap_or("refused").to_owned();
            let found = message.state == Some(state);
            differences.add(found, "state", state.stat(), shown);
        }
        if let Some(since) = self.since_unix_ms {
            let shown = || message.received_unix_ms.to_string();
            let found = message.received_unix_ms >= since;
            differences.add(found, "since", &since.to_string(), shown);
        }
        differences.0
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since_unix_ms.map(|since| since.to_string());
        let parts = [
            ("to", self.to.as_deref()),
            ("from", self.from.as_deref()),
            ("system_id", self.system_id.as_deref()),
            ("text", self.text.as_deref()),
            ("text~", self.text_contains.as_deref()),
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
        match separator {
            "" => f.write_str("anything"),
            _ => Ok(()),
        }
    }
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(
        &mut self,
        matches: bool,
        field: &'static str,
        wanted: &str,
        found: impl FnOnce() -> String,
    ) {
        if !matches {
            self.0.push(Difference {
                field,
                wanted: wanted.to_owned(),
                found: found(),
            });
        }
    }
}

/// The type of number is a field of its own, so `+` may be there or not. In a query an unescaped
/// `+` is a space.
fn same_address(wanted: &str, found: &str) -> bool {
    let digits = |address: &str| address.trim_start_matches(['+', ' ']).to_owned();
    digits(wanted) == digits(found)
}
