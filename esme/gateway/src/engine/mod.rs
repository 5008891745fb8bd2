//! The engine: the one owner of router and store. It takes a batch of inputs, lets the router
//! decide, makes the records durable with one fsync, and only then performs the actions.
//!
//! ```text
//! API ----commands---+                              +--replies---> API
//!                    +--> batch -> router -> store -+
//! channels --inputs--+            (decide)  (fsync) +--dispatch--> channels
//! ```
//!
//! It lives in a thread of its own, because fsync blocks. It decides nothing itself.

mod decide;
mod handle;
mod incoming;
mod perform;
mod run;

pub use handle::{EngineHandle, Refusal, Submitted};
pub use run::{Ending, Engine, EngineConfig, EngineParts};
