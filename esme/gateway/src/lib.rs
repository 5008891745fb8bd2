//! The Signalbox gateway as a library: the daemon, the demo, the tools and the tests start it
//! from here.

#![forbid(unsafe_code)]

pub mod api;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod engine;
mod output;
pub mod providers;
pub mod signals;
pub mod telemetry;
pub mod tools;
