//! What rusmpp accepts, our codec accepts with equal fields.

#![no_main]

use signalbox_fuzz::checks::differential::check_differential;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_differential(octets));
