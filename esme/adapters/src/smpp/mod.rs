//! The SMPP channel: one provider, its binds, its pace.
//!
//! | you look for | it is in |
//! |---|---|
//! | starting a provider | [`SmppChannel::spawn`] |
//! | its settings | [`SmppProviderConfig`] |
//! | what a message becomes on the wire | [`encode`], [`options`] |
//! | what an answer means | [`outcome`], [`profile`] |
//! | what a deliver_sm is | [`inbound`] |
//! | how fast, which bind, how much credit | [`pace`], `repeats`, `flow` |

mod address;
mod answer;
mod channel;
mod config;
pub mod encode;
mod flow;
pub mod inbound;
mod late;
pub mod options;
pub mod outcome;
pub mod pace;
pub mod profile;
pub mod reference;
mod repeats;
mod slot;
mod status;
#[cfg(test)]
mod testing;

pub use channel::SmppChannel;
pub use config::{
    BINDS_MAX, BindConfig, InboundConfig, MessageMode, Numbering, ReceiptId, SmppProviderConfig,
    SubmitConfig,
};
pub use pace::PaceConfig;
pub use profile::{Action, Profile};
pub use status::{BindStatus, Counters, Limiter, ProviderStatus};
