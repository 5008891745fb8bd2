//! The router core: what happens to a message, decided without clock, disk or network.
//!
//! Read `Router::handle` first. An [`Input`] comes in with `now`; [`Effects`] come out: records,
//! which the owner stores first, and actions, which it performs afterwards. What the core must
//! remember between inputs it asks of a [`Ledger`]; its own memory is only the routing table, the
//! credit of each provider and a seed.

#![forbid(unsafe_code)]

mod callback;
mod cancel;
mod config;
mod deadline;
mod dispatch;
mod effects;
mod ids;
mod input;
mod ledger;
mod memory;
mod message;
mod outcome;
mod random;
mod receipt;
mod recover;
mod retry;
mod route;
mod router;
mod state;
mod submit;
mod throttled;
mod time;
mod verdict;

pub use config::{ROUTE_PROVIDERS_MAX, Route, RouterConfig, UnknownOutcome};
pub use deadline::{OVERDUE_MAX, OVERDUE_PARKED_MAX};
pub use dispatch::DISPATCH_MAX;
pub use effects::{Action, CancelResult, Effects, Event, Record, SubmitResult};
pub use ids::{DeliveryId, MessageId, PartId, ProviderName, RemoteId, Timestamp};
pub use input::{Dispatch, Input, Outcome, ParkedReceipt, Token};
pub use ledger::{Delivery, Ledger, LedgerError};
pub use memory::{LINGER_MAX, MemoryLedger};
pub use message::{CallbackEvent, Content, Kind, Message, Priority, RECIPIENTS_MAX, StateSet};
pub use recover::RECOVER_MAX;
pub use router::Router;
pub use state::{DeliveryState, ErrorCode, PartState, Phase, State};
pub use time::{Rfc3339, parse_rfc3339};
