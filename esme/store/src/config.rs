//! Settings of the store. The documentation of a field is its manual.

use std::path::PathBuf;

/// Settings of [`crate::Store`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Directory of the store; created when missing. One process at a time.
    pub path: PathBuf,
    /// A journal segment is closed when it has this many octets. Default 64 MiB, at least 4 KiB.
    pub segment_octets: u64,
    /// Below this much free space the condition is `DiskFull`: new work is refused, so that
    /// changes of what was accepted still fit. Default 64 MiB; 0: only a failed write counts.
    pub reserve_octets: u64,
    /// A checkpoint is written when the journal has grown by this many octets since the last one;
    /// it bounds what is read again when the store is opened. Default 64 MiB.
    pub checkpoint_octets: u64,
    /// Most entries (messages and idempotency keys) held in memory, at about 500 octets each: at
    /// this number a checkpoint is written and all but what is in flight is forgotten and looked
    /// up in the index files from then on. Default 200,000, at least 16.
    pub hot_entries_max: usize,
    /// Octets of message bodies kept in memory; others are read from the journal again. Bodies of
    /// what waits for a receipt go first; what is queued then keeps its own, and newer messages go
    /// without; what is in flight is kept beyond it. Default 128 MiB.
    pub body_cache_octets: usize,
    /// So much of the journal written last stays in the system's memory, for such bodies and for
    /// the next opening after a crash; of the rest it is told to forget what the history has read.
    /// Default 256 MiB.
    pub page_cache_octets: u64,
    /// How many messages that are done are kept in memory, at about 150 octets each, so that a
    /// second receipt is recognised: between half of these and all. Default 10,000.
    pub linger_entries_max: usize,
    /// How long, at most, a message that is done is kept so, in memory and in the index files: in
    /// memory between half of it and the whole. Default one hour.
    pub linger_ms: u64,
    /// How long an idempotency key is remembered. Default 24 h.
    pub idempotency_ms: u64,
    /// Most parked receipts: beyond it the oldest count as overdue. Default 100,000.
    pub parked_max: usize,
    /// Segments younger than this are kept even when nothing needs them. Default 7 days.
    pub retention_ms: u64,
}

impl StoreConfig {
    /// The defaults, for a directory.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        const MIB: u64 = 1 << 20;
        const HOUR_MS: u64 = 3_600_000;
        Self {
            path: path.into(),
            segment_octets: 64 * MIB,
            reserve_octets: 64 * MIB,
            checkpoint_octets: 64 * MIB,
            hot_entries_max: 200_000,
            body_cache_octets: 128 << 20,
            page_cache_octets: 256 * MIB,
            linger_entries_max: 10_000,
            linger_ms: HOUR_MS,
            idempotency_ms: 24 * HOUR_MS,
            parked_max: 100_000,
            retention_ms: 7 * 24 * HOUR_MS,
        }
    }
}
