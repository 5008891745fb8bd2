//! The bodies of the fuzz targets: those that the codec's sweeps call on stable.

#[path = "../../codec/tests/pdu_support/checks.rs"]
pub mod checks;
