//! The SMPP channel: one provider, its binds, its pace.

mod address;
pub mod config;
pub mod encode;
pub mod inbound;
pub mod options;
pub mod outcome;
pub mod pace;
pub mod profile;
pub mod reference;
#[cfg(test)]
mod testing;
