//! The router core: what happens to a message, decided without clock, disk or network.
//!
//! Read `Router::handle` first. An [`Input`] comes in with `now`; [`Effects`] come out: records,
//! which the owner stores first, and actions, which it performs afterwards. What the core must
//! remember between inputs it asks of a [`Ledger`]; its own memory is only the routing table, the
//! credit of each provider and a seed.

#![forbid(unsafe_code)]

mod effects;
mod ids;
mod input;
mod ledger;
mod memory;
mod message;
mod state;

pub use effects::{Action, CancelResult, Effects, Event, Record, SubmitResult};
pub use ids::{DeliveryId, MessageId, PartId, ProviderName, Timestamp};
pub use input::{Dispatch, Input, Outcome, ParkedReceipt, Token};
pub use ledger::{Delivery, Ledger, LedgerError};
pub use memory::{LINGER_MAX, MemoryLedger};
pub use message::{CallbackEvent, Content, Kind, Message, Priority, RECIPIENTS_MAX, StateSet};
pub use state::{DeliveryState, ErrorCode, PartState, Phase, State};
