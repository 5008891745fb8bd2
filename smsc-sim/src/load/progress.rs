//! What is said each second while a load runs.

use std::fmt;
use std::time::Duration;

use signalbox_codec::CommandStatus;

use super::report::Shown;
use super::results::Results;

/// The last second of a load.
#[derive(Clone, Debug)]
pub struct Progress {
    elapsed: Duration,
    warm: bool,
    sent: u64,
    answered: u64,
    in_flight: u64,
    p50: Option<Duration>,
    p99: Option<Duration>,
    max: Option<Duration>,
    receipts: u64,
    /// Messages by the status that refused them, the most frequent one.
    refused: Option<(CommandStatus, u64)>,
    unanswered: u64,
}

impl Progress {
    pub(crate) fn new(elapsed: Duration, warm: bool, in_flight: u64, second: &Results) -> Self {
        let refused = second
            .statuses
            .iter()
            .map(|(status, count)| (CommandStatus(*status), *count))
            .filter(|(status, _)| !status.is_ok());
        Self {
            elapsed,
            warm,
            sent: second.sent,
            answered: second.answered(),
            in_flight,
            p50: second.latency.quantile(0.5),
            p99: second.latency.quantile(0.99),
            max: second.latency.quantile(1.0),
            receipts: second.receipts,
            refused: refused.max_by_key(|(_, count)| *count),
            unanswered: second.unanswered,
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>4.0} s  sent {}/s  answered {}/s  in flight {}  p50 {}  p99 {}  max {}",
            self.elapsed.as_secs_f64(),
            self.sent,
            self.answered,
            self.in_flight,
            Shown(self.p50),
            Shown(self.p99),
            Shown(self.max),
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
        Ok(())
    }
}
