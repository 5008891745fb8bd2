//! A message as it was accepted: it never changes afterwards. What happens to it is in
//! [`crate::state`].

use std::sync::Arc;

use crate::ids::{MessageId, Timestamp};
use crate::state::State;

/// Most recipients of one message. A request with more is refused at the border.
pub const RECIPIENTS_MAX: usize = 1_000;

/// What a message is to the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// From an application, to be sent.
    Outgoing,
    /// From outside (a phone), to be handed to an application.
    Inbound,
    /// An event about another message, to be handed to an application.
    Callback,
}

/// Priority, lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// After everything else.
    Lowest,
    /// After normal messages.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before normal messages.
    High,
    /// Before everything else.
    Highest,
}

/// What the message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text; the channel chooses the coding.
    Text(String),
    /// Octets as they are.
    Binary(Vec<u8>),
    /// An event for an application (kind [`Kind::Callback`]).
    Event(Box<CallbackEvent>),
}

/// What a callback tells: one change of state of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackEvent {
    /// The delivery's new state; names the event: `message.delivered` and so on.
    pub state: State,
    /// The message that the event is about.
    pub message: MessageId,
    /// Position of the recipient.
    pub recipient: u16,
    /// Recipient's address.
    pub to: String,
    /// Sender of the message.
    pub from: String,
    /// When the change happened.
    pub at: Timestamp,
    /// Provider that carried it, if any did.
    pub provider: Option<String>,
    /// The provider's ids of the parts, in order.
    pub remote_ids: Vec<String>,
    /// What went wrong, for a failure.
    pub error: Option<String>,
    /// True when a copy may have been sent twice because an outcome was unknown.
    pub duplicate_possible: bool,
    /// The message's metadata, handed back.
    pub metadata: Vec<(String, String)>,
}

/// An accepted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Id.
    pub id: MessageId,
    /// What it is.
    pub kind: Kind,
    /// Account that it belongs to.
    pub account: Arc<str>,
    /// Sender's address, without a scheme (`100`, `ACME`, `+4917…`).
    pub from: String,
    /// Recipients, 1 to [`RECIPIENTS_MAX`]: addresses with scheme (`sms:+491…`, `https://…`).
    pub to: Vec<String>,
    /// Subject; empty when there is none.
    pub subject: String,
    /// What it carries.
    pub content: Content,
    /// Priority.
    pub priority: Priority,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Not sent before this time; 0: at once.
    pub not_before: Timestamp,
    /// Not sent after this time. Always set.
    pub expires_at: Timestamp,
    /// The caller's idempotency key; empty when there is none.
    pub idempotency_key: String,
    /// Hash of the request, to tell a repeated request from a different one with the same key.
    pub request_hash: u64,
    /// Where events about this message go; empty: nowhere. Most often the account's, so shared.
    pub callback_url: Arc<str>,
    /// Which states make a callback: see [`StateSet`].
    pub callback_states: StateSet,
    /// The message that this one is about (callbacks).
    pub parent: Option<MessageId>,
    /// Provider that an inbound message came from.
    pub provider: Option<Arc<str>>,
    /// Handed back in callbacks and status.
    pub metadata: Vec<(String, String)>,
    /// Wishes that only the channel understands, such as (`sms.data_coding`, `8`).
    pub options: Vec<(String, String)>,
}

impl Message {
    /// Value of a channel option.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A set of states, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSet(pub u16);

impl StateSet {
    /// No state.
    pub const NONE: Self = Self(0);

    /// The set with `state` added.
    #[must_use]
    pub const fn with(self, state: State) -> Self {
        Self(self.0 | 1 << state as u16)
    }

    /// Whether `state` is in the set.
    #[must_use]
    pub const fn contains(self, state: State) -> bool {
        self.0 & (1 << state as u16) != 0
    }
}
