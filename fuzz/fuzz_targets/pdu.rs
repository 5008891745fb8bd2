//! Decoding any octets as a PDU.

#![no_main]

use signalbox_fuzz::checks::pdu::check_pdu;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_pdu(octets));
