//! Receipt texts, their dates and ids.

#![no_main]

use signalbox_fuzz::checks::receipt::check_receipt;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_receipt(octets));
