//! What is decoded is encoded back to the same octets.

#![no_main]

use signalbox_fuzz::checks::pdu::check_roundtrip;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_roundtrip(octets));
