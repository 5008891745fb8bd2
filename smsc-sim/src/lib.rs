//! An SMSC to test against: it takes messages, answers them, sends receipts and mobile-originated
//! messages, and misbehaves when asked to.
//!
//! ```no_run
//! # use std::time::Duration;
//! # async fn example() -> Result<(), smsc_sim::StartError> {
//! let smsc = smsc_sim::Smsc::builder().seed(7).system("SIM").start().await?;
//! println!("bind to {}", smsc.addr());
//! let code = smsc_sim::Match::to("+49171").text_contains("code");
//! let messages = smsc.verify(code).within(Duration::from_secs(5)).exactly(1).await;
//! # drop(messages);
//! smsc.clock().set_mode(smsc_sim::ClockMode::Virtual).await;
//! let receipts = smsc.clock().advance(Duration::from_secs(48 * 3_600)).await;
//! # drop(receipts);
//! smsc.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! | you look for | it is in |
//! |---|---|
//! | starting, asking, stopping | [`Smsc`], [`Settings`] |
//! | what is done with a message, magic destinations | `behaviour.rs`, `decision.rs` |
//! | rules for messages, profiles | [`Rule`], [`Scenario`], `scenario/` |
//! | what goes wrong on purpose | `fault/` |
//! | what clients do that they must not | `conformance/` |
//! | carrying that out | `connection/` |
//! | which bind gets what | `registry.rs` |
//! | the messages kept | `record.rs`, [`Message`] |
//! | its time | `clock.rs`, [`ClockControl`] |
//! | what happened | `events.rs` |
//! | the control API | `api/` |
//! | the load generator | [`load`] |
//! | captures for Wireshark, and what others captured | [`capture`] |

#![forbid(unsafe_code)]

mod agenda;
mod api;
mod behaviour;
mod builder;
pub mod capture;
mod clock;
mod clock_control;
mod conformance;
mod connection;
mod control;
mod decision;
mod delivery;
mod duration;
mod events;
mod fault;
mod filter;
mod ids;
mod input;
mod inspection;
mod lifetime;
pub mod load;
mod message;
mod page;
mod pattern;
mod random;
mod rate;
mod record;
mod registry;
mod samples;
mod scenario;
mod script;
mod server;
mod settings;
mod shared;
mod smsc;
mod smscs;
mod socket;
mod tls;
mod tlv;
mod verify;
mod wait;
mod words;

pub use behaviour::Behaviour;
pub use builder::{Builder, StartError};
pub use clock::{ClockError, ClockMode};
pub use clock_control::ClockControl;
pub use delivery::{DeliveryError, DeliveryResult, Mo};
pub use duration::parse_duration;
pub use filter::{Difference, Match};
pub use ids::IdStyle;
pub use input::{InputError, InputErrors};
pub use message::{Message, Recipient};
pub use registry::{Disconnect, Fired, FiredKind, SessionInfo};
pub use scenario::{Rule, RuleReceipt, Scenario};
pub use settings::Settings;
pub use signalbox_codec::CommandStatus;
pub use signalbox_codec::receipt::ReceiptState;
pub use smsc::Smsc;
pub use tls::{CertificateFlaw, TlsSettings};
pub use verify::{Miss, VerifyError};
pub use wait::Verify;
