//! The Signalbox gateway as a library: the daemon, the demo, the tools and the tests start it
//! from here.

#![forbid(unsafe_code)]

pub mod config;
pub mod tools;
