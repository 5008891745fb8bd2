//! Codings of text, packing, national tables, and plans of segments.

#![no_main]

use signalbox_fuzz::checks::text::check_text;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_text(octets));
