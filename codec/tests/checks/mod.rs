//! What holds for any octets, one file per theme. Each check panics when it does not hold; the
//! fuzz targets are one call into a check, and `fuzz_targets.rs` runs all of them on stable.

#![allow(dead_code, missing_docs, unreachable_pub)] // Test code; each binary uses its part.

pub mod differential;
pub mod input;
pub mod pdu;
pub mod receipt;
pub mod seeds;
pub mod text;
pub mod time;
pub mod udh;

/// A check by the name of its fuzz target.
pub type Target = (&'static str, fn(&[u8]));

/// The checks of this crate. The target `session` is the session crate's.
pub const TARGETS: [Target; 9] = [
    ("frame", pdu::check_frame),
    ("pdu", pdu::check_pdu),
    ("tlv", pdu::check_tlv),
    ("roundtrip", pdu::check_roundtrip),
    ("differential", differential::check_differential),
    ("text", text::check_text),
    ("udh", udh::check_udh),
    ("receipt", receipt::check_receipt),
    ("time", time::check_time),
];
