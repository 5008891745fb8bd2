//! The webhook channel: events and messages from phones go to applications as signed POST requests
//! with a JSON body, by the Standard Webhooks specification 1.0.
//!
//! | you look for | it is in |
//! |---|---|
//! | starting it | [`WebhookChannel::spawn`] |
//! | its settings | [`WebhookConfig`] |
//! | what an application gets | [`encode`] |
//! | what its answer means | [`outcome`] |
//! | which addresses are allowed | `target.rs` |
//!
//! Nothing comes in through this channel, so it has no file `inbound`.

mod channel;
mod config;
mod connection;
pub mod encode;
mod failures;
pub mod outcome;
mod pool;
mod request;
mod response;
mod target;
#[cfg(test)]
mod testing;
mod worker;

pub use channel::WebhookChannel;
pub use config::{WebhookConfig, WebhookConfigError};
pub use encode::{Signer, signature};
