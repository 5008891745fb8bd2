//! Channels: each turns dispatches into the protocol of its peers and what comes back into
//! outcomes, receipts and inbound messages. Adapters never know each other, nor the store.
//!
//! An adapter has the files `mod`, `config`, `encode`, `outcome`, `inbound` and `channel`; only
//! `channel` does I/O. It owns no queue: it grants credit, gets at most as many dispatches, and
//! reports exactly one outcome for each part.

#![forbid(unsafe_code)]

mod channel;
#[cfg(feature = "smpp")]
mod random;
#[cfg(feature = "smpp")]
pub mod smpp;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use channel::{ChannelHandle, INBOX_BATCHES_MAX, Inbox, ToChannel};
