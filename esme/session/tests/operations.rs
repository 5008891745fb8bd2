//! Runs the check of the fuzz target `session` on stable: over random operations, and over every
//! input that once failed.

#[path = "operations/mod.rs"]
mod operations;

use operations::check_session;

/// Lives of random operations.
const LIVES: u64 = if cfg!(debug_assertions) {
    3_000
} else {
    100_000
};

#[test]
fn random_operations_break_no_promise() {
    for life in 1..=LIVES {
        let mut state = life.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let octets: Vec<u8> = (0..20 + life % 400)
            .map(|_| {
                // xorshift64
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_be_bytes()[0]
            })
            .collect();
        check_session(&octets);
    }
}

#[test]
fn inputs_that_failed_once_pass() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/crashes/session");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return; // Nothing has failed yet.
    };
    for entry in entries {
        let path = entry.expect("a file").path();
        check_session(&std::fs::read(&path).expect("a crash"));
    }
}
