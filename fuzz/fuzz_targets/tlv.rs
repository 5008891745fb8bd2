//! Walking any octets as optional parameters.

#![no_main]

use signalbox_fuzz::checks::pdu::check_tlv;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_tlv(octets));
