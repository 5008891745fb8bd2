//! What the core wants done: records, which are written first, and actions, which are performed
//! only when the records are on the disk.

use std::sync::Arc;

use crate::ids::{DeliveryId, MessageId, PartId, ProviderName, RemoteId, Timestamp};
use crate::input::{Dispatch, ParkedReceipt, Token};
use crate::message::Message;
use crate::state::{DeliveryState, ErrorCode, State};

/// Output of one or more inputs. Reused by the owner: drained, never reallocated.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be stored, in this order.
    pub records: Vec<Record>,
    /// To be done afterwards, in this order.
    pub actions: Vec<Action>,
}

/// One durable fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A message was accepted, with the first state of each of its deliveries.
    Accepted {
        /// The message.
        message: Arc<Message>,
        /// One state per recipient.
        states: Vec<DeliveryState>,
    },
    /// Something happened to a delivery. The state replaces the former one.
    Changed {
        /// The delivery.
        delivery: DeliveryId,
        /// When.
        at: Timestamp,
        /// What, for the timeline.
        event: Event,
        /// State from here on.
        state: DeliveryState,
    },
    /// A receipt waits for its message.
    Parked(ParkedReceipt),
    /// A parked receipt found its message, or its time is over.
    Unparked {
        /// The provider.
        provider: ProviderName,
        /// First candidate id of the parked receipt.
        remote_id: RemoteId,
        /// The part that it belongs to; `None`: an orphan.
        matched: Option<PartId>,
        /// When.
        at: Timestamp,
    },
}

/// What happened to a delivery; an entry of its timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Handed to the channel; written before the wire.
    Dispatched,
    /// The provider took a part.
    PartSent {
        /// The part.
        part: u8,
        /// Of how many.
        parts_total: u8,
        /// The provider's id.
        remote_id: Option<RemoteId>,
    },
    /// An attempt failed and another will follow at `retry_at`.
    RetryScheduled {
        /// Why.
        error: ErrorCode,
        /// When.
        retry_at: Timestamp,
    },
    /// The provider asked to slow down.
    Throttled {
        /// Its words.
        error: ErrorCode,
    },
    /// Not written; back in the queue.
    NotSent,
    /// Goes to another provider.
    Rerouted {
        /// Why.
        error: ErrorCode,
        /// Where to.
        provider: ProviderName,
    },
    /// Written and never answered.
    OutcomeUnknown {
        /// Why.
        error: ErrorCode,
    },
    /// A receipt for a part.
    Receipt {
        /// The part.
        part: u8,
        /// Its state.
        state: State,
        /// Code in the receipt.
        error: Option<ErrorCode>,
    },
    /// The delivery reached a state for another reason than a receipt: failed, expired, cancelled,
    /// unknown for good, delivered at once, fetched.
    Ended {
        /// Why, if something went wrong.
        error: Option<ErrorCode>,
    },
    /// The predecessor is done; the callback may go.
    Unblocked,
    /// A callback's delivery got one that waits for it. A callback about a delivery needs no event:
    /// the state names it.
    CallbackMade {
        /// Its id.
        callback: MessageId,
    },
}

/// What became of one message of a `Submit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitResult {
    /// Accepted: on the disk when the reply is seen.
    Accepted {
        /// Id.
        message: MessageId,
        /// State per recipient.
        states: Vec<State>,
    },
    /// The same request came before; this is the message that it made.
    Repeated {
        /// Id of the first.
        message: MessageId,
    },
    /// The key was used before, with another request.
    KeyConflict {
        /// Id of the first.
        message: MessageId,
    },
    /// No route leads to a recipient.
    NoRoute {
        /// The recipient's address.
        to: String,
    },
}

/// What became of a `Cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelResult {
    /// All deliveries that had not left are cancelled: how many, and how many had left already.
    Cancelled {
        /// Taken back.
        cancelled: u16,
        /// Too late for these.
        left: u16,
    },
    /// Every delivery had left or ended.
    TooLate,
    /// No such message (or of another account, or long done).
    NotFound,
}

/// Something to do once the records are on the disk.
#[derive(Clone, Debug)]
pub enum Action {
    /// Answer a `Submit`.
    Reply {
        /// Who waits.
        token: Token,
        /// One result per message, in order.
        results: Vec<SubmitResult>,
    },
    /// Answer a `Cancel`.
    CancelReply {
        /// Who waits.
        token: Token,
        /// The result.
        result: CancelResult,
    },
    /// Hand a delivery to its provider's channel.
    Dispatch {
        /// The provider.
        provider: ProviderName,
        /// What to send.
        dispatch: Dispatch,
    },
    /// Acknowledge a receipt or an inbound message: it is stored.
    Acknowledge {
        /// Provider that it came from.
        provider: ProviderName,
        /// Who waits.
        token: Token,
    },
}
