//! What a load run says: for people and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use signalbox_codec::CommandStatus;

use super::generator::Results;

/// The outcome of a load run.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) results: Results,
    /// CPU time of the generator.
    pub(crate) own_cpu: Duration,
    /// CPU time of the server, if its process was named.
    pub(crate) server_cpu: Option<Duration>,
    /// From the first connection to the end of the last.
    pub(crate) elapsed: Duration,
}

impl Report {
    /// Messages with a response, whichever.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.results.statuses.values().sum()
    }

    /// Messages answered with ESME_ROK.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let accepted = self.results.statuses.get(&CommandStatus::ESME_ROK.0);
        accepted.copied().unwrap_or(0)
    }

    /// Receipts that came.
    #[must_use]
    pub const fn receipts(&self) -> u64 {
        self.results.receipts
    }

    /// Messages per second, from the bind to the last response.
    #[must_use]
    pub fn messages_per_second(&self) -> f64 {
        let seconds = self.results.sending.as_secs_f64();
        if seconds > 0.0 {
            self.answered() as f64 / seconds
        } else {
            0.0
        }
    }

    /// The report as JSON; units stand at the end of the names.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let latency = &self.results.latency;
        let refused: serde_json::Map<String, Value> = self
            .refused()
            .map(|(status, count)| (status.to_string(), count.into()))
            .collect();
        json!({
            "messages": self.answered(),
            "messages_per_s": self.messages_per_second().round(),
            "accepted": self.accepted(),
            "refused": refused,
            "unanswered": self.results.unanswered,
            "receipts": self.results.receipts,
            "latency_p50_us": micros(latency.quantile(0.5)),
            "latency_p99_us": micros(latency.quantile(0.99)),
            "latency_max_us": micros(latency.quantile(1.0)),
            "elapsed_s": self.elapsed.as_secs_f64(),
            "own_cpu_us_per_message": self.per_message(self.own_cpu),
            "server_cpu_us_per_message": self.server_cpu.map(|cpu| self.per_message(cpu)),
        })
    }

    fn refused(&self) -> impl Iterator<Item = (CommandStatus, u64)> {
        let statuses = self.results.statuses.iter();
        statuses
            .map(|(status, count)| (CommandStatus(*status), *count))
            .filter(|(status, _)| !status.is_ok())
    }

    fn per_message(&self, cpu: Duration) -> f64 {
        micros(cpu) / (self.answered().max(1) as f64)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latency = &self.results.latency;
        writeln!(
            f,
            "{} messages answered, {:.0} per second (closed loop)",
            self.answered(),
            self.messages_per_second()
        )?;
        for (status, count) in self.refused() {
            writeln!(f, "  {count} refused with {status}")?;
        }
        writeln!(
            f,
            "{} unanswered, {} receipts",
            self.results.unanswered, self.results.receipts
        )?;
        writeln!(
            f,
            "response latency: p50 {:.0} us, p99 {:.0} us, max {:.0} us",
            micros(latency.quantile(0.5)),
            micros(latency.quantile(0.99)),
            micros(latency.quantile(1.0))
        )?;
        let own = self.per_message(self.own_cpu);
        write!(f, "CPU per message: generator {own:.2} us")?;
        match self.server_cpu {
            Some(cpu) => write!(f, ", server {:.2} us", self.per_message(cpu)),
            None => Ok(()),
        }
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
