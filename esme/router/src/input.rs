//! What the core is told: one [`Input`] at a time, each from exactly one source.

use std::sync::Arc;

use crate::ids::{DeliveryId, MessageId, PartId, ProviderName, RemoteId, Timestamp};
use crate::message::{Content, Message};
use crate::state::{ErrorCode, State};

/// Names whoever waits for a reply or an acknowledgement. Chosen by the sender of the input and
/// handed back in the action; the core never looks inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// An application wants messages sent. Answered by one [`crate::Action::Reply`] with a result
    /// per message, in order. Ids, times and limits are already set and checked by the border.
    Submit {
        /// Who waits.
        token: Token,
        /// The messages.
        messages: Vec<Message>,
    },
    /// An application takes a message back. Answered by [`crate::Action::CancelReply`].
    Cancel {
        /// Who waits.
        token: Token,
        /// The message.
        message: MessageId,
        /// The caller's account; another account's message is "not found".
        account: Arc<str>,
    },
    /// A provider can take `credit` more deliveries. Outcomes return no credit by themselves.
    Credit {
        /// The provider.
        provider: ProviderName,
        /// How many more.
        credit: u32,
    },
    /// A provider lost its link: unused credit is void. Outcomes of what was in flight follow.
    Down {
        /// The provider.
        provider: ProviderName,
    },
    /// How one part of a dispatched delivery ended.
    Outcome {
        /// The provider.
        provider: ProviderName,
        /// The part.
        part: PartId,
        /// How many parts the delivery has (1 to 255).
        parts_total: u8,
        /// How it ended.
        outcome: Outcome,
    },
    /// A delivery receipt arrived. Acknowledged once it is on the disk.
    Receipt {
        /// The provider. Remote ids are scoped by it, never by a bind.
        provider: ProviderName,
        /// Candidate forms of the id, best first (as is, case-folded, hex, decimal …), each in the
        /// canonical form in which the adapter also reports ids in [`Outcome::Accepted`].
        remote_ids: Vec<RemoteId>,
        /// State in the receipt: `Sent` stands for a state that is not final (ENROUTE, ACCEPTD).
        state: State,
        /// Code in the receipt.
        error: Option<ErrorCode>,
        /// What it is when none of the ids is ours: a message from a phone whose text only looks
        /// like a receipt. `None` for what the provider marked as a receipt.
        otherwise: Option<Box<Message>>,
        /// Who waits for the acknowledgement.
        token: Token,
    },
    /// A message came in from outside. Acknowledged once it is on the disk.
    Inbound {
        /// The message, of kind `Inbound`; `to` is our address, `callback_url` may be empty.
        message: Box<Message>,
        /// Who waits for the acknowledgement.
        token: Token,
    },
    /// Time passed: deadlines and due retries are looked at.
    Tick,
}

/// How an attempt to hand over a part ended. Each channel has one table from its native statuses
/// to these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it and gave it this id (canonical form); a receipt will tell the rest if
    /// `receipt_expected`. Without an expected receipt `Sent` is the last state.
    Accepted {
        /// Id, if the provider gives any.
        remote_id: Option<RemoteId>,
        /// Whether a receipt was asked for.
        receipt_expected: bool,
    },
    /// The recipient has it (channels that know at once, such as a webhook answered with 2xx).
    Delivered,
    /// Not taken; try again after the retry schedule (or `after_ms`, if the provider said so).
    RetryAfter {
        /// Why.
        error: ErrorCode,
        /// The provider's own wish.
        after_ms: Option<u64>,
    },
    /// Not taken because of the rate: goes back to the front of its queue and does not count as an
    /// attempt. The channel itself slows down and grants credit again when it is ready.
    Throttled {
        /// Why.
        error: ErrorCode,
    },
    /// Not written at all (the link went first): back to the front of the queue, not an attempt.
    NotSent,
    /// This provider will not take it, another may: the next provider of the route is tried.
    NextRoute {
        /// Why.
        error: ErrorCode,
    },
    /// Nobody will take it.
    Rejected {
        /// Why.
        error: ErrorCode,
    },
    /// Written and never answered.
    Unknown {
        /// Why: response timer, link lost.
        error: ErrorCode,
    },
}

/// A receipt whose remote id was not known when it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedReceipt {
    /// The provider.
    pub provider: ProviderName,
    /// Candidate forms of the id, best first.
    pub remote_ids: Vec<RemoteId>,
    /// State in the receipt.
    pub state: State,
    /// Code in the receipt.
    pub error: Option<ErrorCode>,
    /// When it arrived.
    pub at: Timestamp,
    /// Until when a match is awaited; then it is an orphan.
    pub deadline_at: Timestamp,
}

/// What a channel is asked to hand over. Parts that the provider already took are not sent again.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The message.
    pub message: Arc<Message>,
    /// Numbers of the parts already taken by this provider, in order.
    pub parts_done: Vec<u8>,
    /// Attempt number, from 1.
    pub attempt: u16,
}

impl Dispatch {
    /// The recipient's address.
    #[must_use]
    pub fn to(&self) -> &str {
        self.message
            .to
            .get(usize::from(self.delivery.recipient))
            .map_or("", String::as_str)
    }

    /// The text, or an empty one for content that is not text.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.message.content {
            Content::Text(text) => text,
            Content::Binary(_) | Content::Event(_) => "",
        }
    }
}
