//! What is said each second while a load runs.

use std::fmt;
use std::time::Duration;

use super::hlog;
use super::report::Shown;
use super::results::{Results, Status, Times};
use crate::words::counted;

/// The last second of a load.
#[derive(Clone, Debug)]
pub struct Progress {
    began: Duration,
    elapsed: Duration,
    warm: bool,
    sent: u64,
    answered: u64,
    in_flight: u64,
    latency: Times,
    receipts: u64,
    /// Messages by the status that refused them, the most frequent one.
    refused: Option<(Status, u64)>,
    unanswered: u64,
    waits: Option<Waits>,
    /// Of a sweep.
    window_size: Option<u32>,
}

/// What is waited for when all is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waits {
    /// So many responses, so long for each at most.
    Responses(u64, Duration),
    /// So many receipts, so long for all of them at most.
    Receipts(u64, Duration),
}

impl Progress {
    /// Both times count from the start of the load.
    pub(crate) fn new(
        began: Duration,
        elapsed: Duration,
        warm: bool,
        in_flight: u64,
        second: Results,
    ) -> Self {
        let refused = second
            .statuses
            .iter()
            .map(|(status, count)| (*status, *count))
            .filter(|(status, _)| !status.is_ok());
        Self {
            began,
            elapsed,
            warm,
            sent: second.sent,
            answered: second.answered(),
            in_flight,
            receipts: second.receipts,
            refused: refused.max_by_key(|(_, count)| *count),
            unanswered: second.unanswered,
            latency: second.latency,
            waits: None,
            window_size: None,
        }
    }

    /// The same, when all is sent.
    pub(crate) fn waiting_for(self, waits: Waits) -> Self {
        Self {
            waits: Some(waits),
            ..self
        }
    }

    /// The same, in a sweep.
    pub(crate) fn of_window(&self, window_size: u32) -> Self {
        Self {
            window_size: Some(window_size),
            ..self.clone()
        }
    }

    /// Its line in HdrHistogram's interval log; `None` during the warm-up, which is not measured.
    #[must_use]
    pub fn interval_log_line(&self) -> Option<String> {
        let length = self.elapsed.saturating_sub(self.began);
        self.warm
            .then(|| hlog::line(self.began, length, &self.latency))
    }

    /// From the start of the load to the end of this second.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(window_size) = self.window_size {
            write!(f, "window {window_size}  ")?;
        }
        write!(
            f,
            "{:>4.0} s  sent {}/s  answered {}/s  in flight {}  p50 {}  p99 {}  max {}",
            self.elapsed.as_secs_f64(),
            self.sent,
            self.answered,
            self.in_flight,
            Shown(self.latency.quantile(0.5)),
            Shown(self.latency.quantile(0.99)),
            Shown(self.latency.quantile(1.0)),
        )?;
        if self.receipts > 0 {
            write!(f, "  receipts {}/s", self.receipts)?;
        }
        if let Some((status, count)) = self.refused {
            write!(f, "  {status} {count}/s")?;
        }
        if self.unanswered > 0 {
            write!(f, "  unanswered {}/s", self.unanswered)?;
        }
        if !self.warm {
            write!(f, "  (warming up)")?;
        }
        if let Some(waits) = self.waits {
            write!(f, "  ({waits})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Responses(count, timer) => {
                let responses = counted(*count, "response");
                write!(f, "waiting for {responses}, {timer:?} each at most")
            }
            Self::Receipts(count, time) => {
                let receipts = counted(*count, "receipt");
                write!(f, "waiting for {receipts}, {time:?} at most")
            }
        }
    }
}
