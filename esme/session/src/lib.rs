//! An SMPP session for both roles, without clock, socket or randomness. SMPP v3.4 §2, §7.
//!
//! | you look for | it is in |
//! |---|---|
//! | states, commands, outputs | [`Session`] |
//! | what the owner is told | [`Event`] |
//! | timers, windows | [`SessionConfig`] |
//! | which PDU is legal where | `legality.rs` |
//! | a connection's task on tokio | `driver` (feature `tokio`) |

#![forbid(unsafe_code)]

mod config;
#[cfg(feature = "tokio")]
pub mod driver;
mod event;
mod input;
mod late;
mod legality;
mod lifecycle;
mod numbered;
mod session;
mod state;

pub use config::{BindType, Role, SessionConfig};
pub use event::{CloseReason, Event, PduProblem, RequestFailure, SendError, Token};
pub use input::Step;
pub use session::Session;
pub use state::State;
