//! The state of a delivery: all that must be known to go on with it after a restart. It is written
//! whole with every change, so the last copy is enough and no chain of changes is replayed.
//!
//! ```text
//!            +--------- retry, next route ---------+
//!            v                                     |
//! submit -> accepted --dispatch--> (in flight) --outcome--> sent --receipt--> delivered
//!            |                          |                    |                failed
//!            +-> expired, cancelled     +-> unknown ---------+--- receipt -->  expired
//!            +-> rejected (no route)    +-> failed           +-- no receipt -> unknown
//! ```

use std::sync::Arc;

use crate::ids::{MessageId, ProviderName, RemoteId, Timestamp};
use crate::message::Priority;

/// What a user sees of a delivery (and of a part).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// On the disk, waiting or on its way to the provider.
    #[default]
    Accepted,
    /// The provider has taken it (all parts).
    Sent,
    /// The recipient has it. Final.
    Delivered,
    /// It cannot be delivered. Final.
    Failed,
    /// Its time ran out. Final.
    Expired,
    /// Refused by Signalbox itself: no route. Final.
    Rejected,
    /// It was written to the provider and nothing is known since.
    Unknown,
    /// Taken back by the caller. Final.
    Cancelled,
}

impl State {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Sent,
        Self::Delivered,
        Self::Failed,
        Self::Expired,
        Self::Rejected,
        Self::Unknown,
        Self::Cancelled,
    ];

    /// The word that users see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// An error of a channel, in its own terms. One pointer, shared by all who tell of it: most
/// deliveries have none, and their states are moved often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode(Arc<(u32, Box<str>)>);

impl ErrorCode {
    /// An error of this number and name.
    #[must_use]
    pub fn new(value: u32, name: impl Into<Box<str>>) -> Self {
        Self(Arc::new((value, name.into())))
    }

    /// The number, such as a command_status or an HTTP status.
    #[must_use]
    pub fn value(&self) -> u32 {
        self.0.0
    }

    /// Its name or a short reason, such as `ESME_RINVDSTADR`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.1
    }
}

/// One part of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartState {
    /// `Accepted` (not yet taken by the provider), `Sent`, `Unknown` or a final state.
    pub state: State,
    /// The provider's id of the part, as it came in the response.
    pub remote_id: Option<RemoteId>,
    /// Code of its failure.
    pub error: Option<ErrorCode>,
}

/// Where a delivery stands right now, in terms of what happens next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Waits in the queue of its provider until `DeliveryState::due_at`.
    #[default]
    Queued,
    /// Handed to the channel; an outcome will come.
    Dispatched,
    /// Taken by the provider or of unknown outcome; a receipt may come until
    /// `DeliveryState::deadline_at`.
    AwaitingReceipt,
    /// Waits for its predecessor (callbacks of one message go out in order).
    Blocked,
    /// Waits to be fetched by an application (inbound without a callback).
    Parked,
    /// Final.
    Done,
}

/// Everything that is known of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryState {
    /// What users see.
    pub state: State,
    /// What happens next.
    pub phase: Phase,
    /// The provider that has it, or will have it.
    pub provider: Option<ProviderName>,
    /// Position in the list of the route's providers, from 0.
    pub route_position: u8,
    /// Order in the queue: priority first, then `due_at`, then `order`.
    pub priority: Priority,
    /// When the next attempt may start.
    pub due_at: Timestamp,
    /// Order of acceptance; a throttled message keeps it and so returns to the front.
    pub order: u64,
    /// When something must be decided even if nothing happens: expiry while queued, end of the
    /// wait for a receipt. 0: never.
    pub deadline_at: Timestamp,
    /// Attempts that ended in an outcome, at the present provider.
    pub attempts: u16,
    /// Part states; empty until the channel has said how many there are.
    pub parts: Vec<PartState>,
    /// The reason of the last failure.
    pub error: Option<ErrorCode>,
    /// A copy may have been sent twice because an outcome was unknown.
    pub duplicate_possible: bool,
    /// The last callback made about this delivery (the next one waits for it).
    pub last_callback: Option<MessageId>,
    /// The callback that waits for this one. Rare, so boxed: a state is moved often.
    pub successor: Option<Box<MessageId>>,
}
