//! The outcome of one run: for people and as JSON.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::cpu::{self, Spent};
use super::error::LoadError;
use super::hgrm;
use super::results::{Results, Status, Times};
use super::settings::{LoadSettings, Pace};
use crate::words::counted;

/// Quantiles that are shown, with their names.
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p999", 0.999),
    ("max", 1.0),
];
/// Quantiles of the times of receipts in the table of a sweep.
const RECEIPT_QUANTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];
/// Lag of the generator's own from which its figures say more about it than about the SMSC.
const LAG_P99_MAX: Duration = Duration::from_millis(1);

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) settings: LoadSettings,
    pub(crate) results: Results,
    /// Messages that were due; `None` in a closed loop.
    pub(crate) offered: Option<u64>,
    /// Messages whose receipt did not come in time.
    pub(crate) receipts_missing: u64,
    pub(crate) cpu: Spent,
    /// From the end of the warm-up to the last response.
    pub(crate) sending: Duration,
    /// From the end of the warm-up to the end.
    pub(crate) elapsed: Duration,
    pub(crate) error: Option<Arc<LoadError>>,
}

impl Report {
    /// Of a run in which nothing was sent.
    pub(crate) fn not_begun(settings: LoadSettings, error: LoadError) -> Self {
        Self {
            offered: settings.offered(Duration::ZERO),
            settings,
            results: Results::default(),
            receipts_missing: 0,
            cpu: Spent::default(),
            sending: Duration::ZERO,
            elapsed: Duration::ZERO,
            error: Some(Arc::new(error)),
        }
    }

    /// Why the run could not begin or ended early; what was measured is what came up to then.
    #[must_use]
    pub fn error(&self) -> Option<&LoadError> {
        self.error.as_deref()
    }

    /// Messages with a response, whichever.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.results.answered()
    }

    /// Messages answered with ESME_ROK, or with success by HTTP.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let accepted = self.results.statuses.iter().filter(|(s, _)| s.is_ok());
        accepted.map(|(_, count)| count).sum()
    }

    /// Receipts that came for messages of this run.
    #[must_use]
    pub const fn receipts(&self) -> u64 {
        self.results.receipts
    }

    /// Messages answered per second, from the end of the warm-up to the last response. In an open
    /// loop the shortest latency does not count: it is a delay of the SMSC and no lack of messages.
    #[must_use]
    pub fn messages_per_second(&self) -> f64 {
        let shortest = match self.settings.pace {
            Pace::Open(_) => self.latency(0.0).unwrap_or_default(),
            Pace::Closed => Duration::ZERO,
        };
        let from_first = self.sending.saturating_sub(shortest);
        let seconds = if from_first.is_zero() {
            self.sending.as_secs_f64()
        } else {
            from_first.as_secs_f64()
        };
        if seconds > 0.0 {
            self.answered() as f64 / seconds
        } else {
            0.0
        }
    }

    /// The time that this share (0 to 1) of the responses did not exceed, counted from the
    /// scheduled time; `None` without responses.
    #[must_use]
    pub fn latency(&self, share: f64) -> Option<Duration> {
        self.results.latency.quantile(share)
    }

    /// Messages that were due and found no room in the windows until the end, or that were not sent
    /// any more because it came early.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.offered.unwrap_or(0).saturating_sub(self.results.sent)
    }

    /// Whether the generator itself was late: its p99 beyond 1 ms.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        self.results
            .lag
            .quantile(0.99)
            .is_some_and(|lag| lag > LAG_P99_MAX)
    }

    /// Share of messages that were refused, not answered or not sent, in percent.
    #[must_use]
    pub fn errors_percent(&self) -> f64 {
        let errors = self.answered() - self.accepted() + self.results.unanswered + self.unsent();
        let all = self.answered() + self.results.unanswered + self.unsent();
        100.0 * errors as f64 / (all.max(1) as f64)
    }

    /// Messages whose receipt did not come in time, in percent of those that one was waited for.
    #[must_use]
    pub fn receipts_missing_percent(&self) -> f64 {
        let all = self.receipts() + self.receipts_missing;
        100.0 * self.receipts_missing as f64 / (all.max(1) as f64)
    }

    /// The distribution of the latency in HdrHistogram's text form.
    #[must_use]
    pub fn hgrm(&self) -> String {
        hgrm::write(&self.results.latency)
    }

    /// As JSON; units stand at the end of the names.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let refused: Map<String, Value> = self
            .refused()
            .map(|(status, count)| (status.to_string(), count.into()))
            .collect();
        let mut value = json!({
            "loop": self.loop_name(),
            "offered": self.offered,
            "window": self.settings.window_size,
            "binds": self.settings.binds,
            "recipients_from": self.settings.recipients_from,
            "messages": self.answered(),
            "messages_per_s": self.messages_per_second().round(),
            "accepted": self.accepted(),
            "refused": refused,
            "unanswered": self.results.unanswered,
            "unsent": self.unsent(),
            "errors_percent": self.errors_percent(),
            "receipts": self.results.receipts,
            "receipts_missing": self.receipts_missing,
            "receipts_missing_percent": self.receipts_missing_percent(),
            "receipts_unexpected": self.results.receipts_unexpected,
            "generator_saturated": self.is_saturated(),
            "elapsed_s": self.elapsed.as_secs_f64(),
            "own_cpu_us_per_message": self.cpu_per_message(Some(self.cpu.own)),
            "server_cpu_us_per_message": self.cpu_per_message(self.cpu.server),
        });
        for (metric, times) in self.times() {
            for (name, share) in QUANTILES {
                let us = times.quantile(share).map(|time| time.as_micros() as u64);
                value[format!("{metric}_{name}_us")] = us.into();
            }
        }
        value
    }

    /// One line of the table of a sweep; [`Report::sweep_head`] is its first.
    pub(crate) fn sweep_line(&self) -> String {
        let mut line = format!(
            "{:>6} {:>11.0} {:>8.2}",
            self.settings.window_size,
            self.messages_per_second(),
            self.errors_percent()
        );
        for (_, share) in QUANTILES {
            line += &format!(" {:>9}", Shown(self.latency(share)).to_string());
        }
        if self.settings.receipts {
            line += &format!(" {:>9} {:>9}", self.results.receipts, self.receipts_missing);
            for (_, share) in RECEIPT_QUANTILES {
                let time = self.results.receipt.quantile(share);
                line += &format!(" {:>11}", Shown(time).to_string());
            }
        }
        for (cpu, width) in [(Some(self.cpu.own), 10), (self.cpu.server, 11)] {
            let us = self.cpu_per_message(cpu);
            let us = us.map_or_else(|| "-".to_owned(), |us| format!("{us:.2}"));
            line += &format!(" {us:>width$}");
        }
        line
    }

    /// The head of the table of a sweep; receipts have columns where they were asked for.
    pub(crate) fn sweep_head(receipts: bool) -> String {
        let mut head = format!("{:>6} {:>11} {:>8}", "window", "answered/s", "errors %");
        for (name, _) in QUANTILES {
            head += &format!(" {name:>9}");
        }
        if receipts {
            head += &format!(" {:>9} {:>9}", "receipts", "missing");
            for (name, _) in RECEIPT_QUANTILES {
                head += &format!(" {:>11}", format!("receipt {name}"));
            }
        }
        head + " own us/msg SMSC us/msg"
    }

    const fn loop_name(&self) -> &'static str {
        match self.settings.pace {
            Pace::Open(_) => "open",
            Pace::Closed => "closed",
        }
    }

    fn times(&self) -> [(&'static str, &Times); 4] {
        let results = &self.results;
        [
            ("latency", &results.latency),
            ("service_time", &results.service),
            ("receipt", &results.receipt),
            ("lag", &results.lag),
        ]
    }

    fn refused(&self) -> impl Iterator<Item = (Status, u64)> {
        let statuses = self.results.statuses.iter();
        statuses
            .map(|(status, count)| (*status, *count))
            .filter(|(status, _)| !status.is_ok())
    }

    /// `None` when there is too little of it to be measured.
    fn cpu_per_message(&self, cpu: Option<Duration>) -> Option<f64> {
        let cpu = cpu.filter(|cpu| *cpu >= cpu::TICK)?;
        Some(cpu.as_secs_f64() * 1e6 / (self.answered().max(1) as f64))
    }

    fn write_cpu(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPU per message:")?;
        for (who, cpu) in [("generator", Some(self.cpu.own)), ("SMSC", self.cpu.server)] {
            match (cpu, self.cpu_per_message(cpu)) {
                (None, _) => {}
                (_, Some(us)) => write!(f, " {who} {us:.2} us")?,
                (_, None) => write!(f, " {who} too little to measure (10 ms is one tick)")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.messages_per_second();
        let (accepted, refused) = (self.accepted(), self.answered() - self.accepted());
        write!(
            f,
            "{} accepted, {refused} refused, {rate:.1} answered per second",
            counted(accepted, "message")
        )?;
        match self.settings.pace {
            Pace::Open(schedule) => writeln!(
                f,
                " of {} offered (open loop; latency counts from the scheduled time)",
                schedule.rate_per_s()
            )?,
            Pace::Closed => writeln!(
                f,
                " (closed loop: capacity; latencies not corrected for coordinated omission)"
            )?,
        }
        for (status, count) in self.refused() {
            writeln!(f, "  {count} refused with {status}")?;
        }
        write!(f, "{} unanswered", self.results.unanswered)?;
        if self.offered.is_some() {
            let why = match self.error {
                Some(_) => "not sent when it ended early",
                None => "not sent for lack of room in the window",
            };
            write!(f, ", {} {why}", self.unsent())?;
        }
        if self.settings.receipts {
            let (came, missing) = (self.results.receipts, self.receipts_missing);
            let unexpected = self.results.receipts_unexpected;
            write!(
                f,
                ", {}, {missing} missing, {unexpected} unexpected",
                counted(came, "receipt")
            )?;
        }
        write!(f, "\n{:<14}", "")?;
        for (name, _) in QUANTILES {
            write!(f, " {name:>9}")?;
        }
        let open = matches!(self.settings.pace, Pace::Open(_));
        for (name, times) in self.times() {
            // In a closed loop a message is due when it is sent.
            if times.quantile(1.0).is_none() || (!open && ["service_time", "lag"].contains(&name)) {
                continue;
            }
            write!(f, "\n{:<14}", name.replace('_', " "))?;
            for (_, share) in QUANTILES {
                write!(f, " {:>9}", Shown(times.quantile(share)).to_string())?;
            }
        }
        writeln!(f)?;
        self.write_cpu(f)?;
        if self.is_saturated() {
            write!(
                f,
                "\ngenerator saturated: the p99 of its own lag is beyond 1 ms, so these figures say \
                 more about it than about the SMSC"
            )?;
        }
        Ok(())
    }
}

/// A time with three or four digits and its unit; a dash when there is none.
pub(crate) struct Shown(pub(crate) Option<Duration>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.map(micros) {
            None => write!(f, "-"),
            Some(us) if us < 1e3 => write!(f, "{us:.0} us"),
            Some(us) if us < 1e5 => write!(f, "{:.2} ms", us / 1e3),
            Some(us) if us < 1e6 => write!(f, "{:.0} ms", us / 1e3),
            Some(us) => write!(f, "{:.2} s", us / 1e6),
        }
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
impl Report {
    /// A second in which messages were answered after these times and `unanswered` were not.
    pub(crate) fn sample(latencies_ms: &[u64], unanswered: u64) -> Self {
        let mut results = Results {
            sent: latencies_ms.len() as u64 + unanswered,
            unanswered,
            ..Results::default()
        };
        for ms in latencies_ms {
            results.latency.record(Duration::from_millis(*ms));
            let accepted = Status::Http(202);
            *results.statuses.entry(accepted).or_default() += 1;
        }
        Self {
            settings: LoadSettings::new("smpp://u:p@localhost".parse().expect("a target")),
            results,
            offered: None,
            receipts_missing: 0,
            cpu: Spent::default(),
            sending: Duration::from_secs(1),
            elapsed: Duration::from_secs(1),
            error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Schedule;
    use super::*;

    #[test]
    fn cpu_time_below_a_tick_is_not_shown_as_zero() {
        let report = Report::sample(&[10], 0);
        let text = report.to_string();
        assert!(text.contains("too little to measure"), "{text}");
        assert_eq!(report.to_json()["own_cpu_us_per_message"], Value::Null);
    }

    #[test]
    fn a_delay_of_the_smsc_is_no_lower_rate() {
        let mut report = Report::sample(&[500; 400], 0);
        report.sending = Duration::from_millis(2_500);
        assert_eq!(
            report.messages_per_second(),
            160.0,
            "in a closed loop it is"
        );
        report.settings.pace = Pace::Open(Schedule::new(200, Duration::ZERO));
        let rate = report.messages_per_second();
        assert!((199.0..201.0).contains(&rate), "{rate}");
    }

    #[test]
    fn the_first_line_tells_what_was_accepted_from_what_was_refused() {
        let table = [
            (&[202, 202, 404][..], "2 messages accepted, 1 refused, "),
            (&[202], "1 message accepted, 0 refused, "),
            (&[404, 404], "0 messages accepted, 2 refused, "),
        ];
        for (statuses, start) in table {
            let mut report = Report::sample(&[], 0);
            for status in statuses {
                let count = report.results.statuses.entry(Status::Http(*status));
                *count.or_default() += 1;
            }
            let text = report.to_string();
            assert!(text.starts_with(start), "{text}");
        }
    }

    #[test]
    fn a_sweep_shows_what_was_not_accepted() {
        let report = Report::sample(&[1, 1, 1], 1);
        assert!(Report::sweep_head(false).contains("errors %"));
        assert!(
            report.sweep_line().contains(" 25.00 "),
            "{}",
            report.sweep_line()
        );
    }

    #[test]
    fn a_sweep_shows_receipts_where_they_were_asked_for() {
        let mut report = Report::sample(&[1, 1, 1], 0);
        report.results.receipts = 2;
        report.receipts_missing = 1;
        report.results.receipt.record(Duration::from_millis(7));
        for (receipts, words, figures) in [
            (false, "max own us/msg", "1.00 ms - -"),
            (
                true,
                "max receipts missing receipt p50 receipt p99 own us/msg",
                "1.00 ms 2 1 7.00 ms 7.00 ms - -",
            ),
        ] {
            report.settings.receipts = receipts;
            let (head, line) = (Report::sweep_head(receipts), report.sweep_line());
            assert_eq!(head.len(), line.len(), "{head}\n{line}");
            let single_spaced = |text: String| {
                let words: Vec<&str> = text.split_whitespace().collect();
                words.join(" ")
            };
            let (head, line) = (single_spaced(head), single_spaced(line));
            assert!(head.contains(words), "{head}");
            assert!(line.ends_with(figures), "{line}");
        }
    }

    #[test]
    fn times_are_shown_in_their_unit() {
        let table = [
            (Some(7), "7 us"),
            (Some(50_332), "50.33 ms"),
            (Some(250_400), "250 ms"),
            (Some(2_500_000), "2.50 s"),
            (None, "-"),
        ];
        for (us, shown) in table {
            assert_eq!(Shown(us.map(Duration::from_micros)).to_string(), shown);
        }
    }
}
