//! SMPP times and spans.

#![no_main]

use signalbox_fuzz::checks::time::check_time;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_time(octets));
