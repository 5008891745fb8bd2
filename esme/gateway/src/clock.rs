//! Wall-clock time that never goes back: read once at the start, then advanced by the monotonic
//! clock, so that a jump of the system's clock neither expires nor resends messages.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use signalbox_router::Timestamp;

/// Source of `now` for the engine and the API.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_at: Timestamp,
}

impl Clock {
    /// Reads the system's clock. A clock before 1970 counts as 1970.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let started_at = Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX));
        Self {
            started: Instant::now(),
            started_at,
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_millis();
        self.started_at
            .plus_ms(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}
