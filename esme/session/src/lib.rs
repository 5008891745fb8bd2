//! An SMPP session for both roles, without clock, socket or randomness. SMPP v3.4 §2, §7.

#![forbid(unsafe_code)]

mod config;
mod event;

pub use config::{BindType, Role, SessionConfig};
pub use event::{CloseReason, Event, PduProblem, RequestFailure, SendError, Token};
