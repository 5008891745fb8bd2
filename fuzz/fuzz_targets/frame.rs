//! Cutting any octets into frames.

#![no_main]

use signalbox_fuzz::checks::pdu::check_frame;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_frame(octets));
