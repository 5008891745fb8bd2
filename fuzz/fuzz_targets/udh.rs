//! User data headers of any octets, and any sequence of parts through reassembly.

#![no_main]

use signalbox_fuzz::checks::udh::check_udh;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_udh(octets));
