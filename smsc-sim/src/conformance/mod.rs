//! Conformance: what a client does that SMPP v3.4 does not allow. It hears the octets of both
//! directions and judges by itself; the session, which tolerates much, is not asked.

mod check;
mod checker;
mod ear;
mod exercise;
mod fields;
mod report;
#[cfg(test)]
mod tests;

pub(crate) use self::ear::Ear;
pub(crate) use self::report::{Departure, Report};
