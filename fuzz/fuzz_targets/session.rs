//! Any operations of a session's owner and any octets of its peer.

#![no_main]

use signalbox_fuzz::operations::check_session;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| check_session(octets));
