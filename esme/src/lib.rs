//! SMPP client: connect, TLS, bind, supervise. Knows nothing of messages, routes or receipts.
//!
//! | you look for | it is in |
//! |---|---|
//! | a supervised bind | [`Link`] |
//! | what it tells | [`LinkEvents`], [`LinkEvent`] |
//! | its settings | [`ClientConfig`], [`TlsConfig`] |
//! | when it comes back | `backoff.rs` |

#![forbid(unsafe_code)]

mod backoff;
mod config;
mod connect;
mod event;
mod link;
mod message_id;
mod owner;
mod secret;
mod supervisor;
mod tls;

pub use config::{ClientConfig, ConfigError};
pub use connect::ConnectError;
pub use event::{DownReason, Failure, LinkEvent, LinkEvents};
pub use link::{Link, Outgoing, SubmitError};
pub use message_id::MessageId;
pub use secret::Secret;
pub use signalbox_session::{BindType, Token};
pub use tls::{TlsConfig, TlsError, TlsMode, TlsVersion};
