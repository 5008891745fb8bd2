//! What a load run must keep to: `p99>50ms` fails it. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::report::{Report, Shown};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    /// A quantile of the latency.
    Latency(f64),
    /// A quantile of the time to the receipt.
    Receipt(f64),
    /// Share of messages that were refused, not answered or not sent, in percent.
    Errors,
    /// Messages answered per second.
    Rate,
    /// Messages whose receipt did not come.
    ReceiptsMissing,
    /// Their share of those that a receipt was waited for, in percent.
    ReceiptsMissingPercent,
}

const METRICS: [(&str, Metric); 13] = [
    ("p50", Metric::Latency(0.5)),
    ("p90", Metric::Latency(0.9)),
    ("p99", Metric::Latency(0.99)),
    ("p999", Metric::Latency(0.999)),
    ("max", Metric::Latency(1.0)),
    ("receipt_p50", Metric::Receipt(0.5)),
    ("receipt_p90", Metric::Receipt(0.9)),
    ("receipt_p99", Metric::Receipt(0.99)),
    ("receipt_p999", Metric::Receipt(0.999)),
    ("receipt_max", Metric::Receipt(1.0)),
    ("errors", Metric::Errors),
    ("rate", Metric::Rate),
    ("receipts_missing", Metric::ReceiptsMissing),
];

/// A condition under which a run has failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    above: bool,
    /// Times in seconds, shares in percent, else as it is.
    limit: f64,
}

/// What is wrong with the text of a threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdError {
    problem: &'static str,
}

impl Threshold {
    /// Whether the run has failed. A time that was never measured fails, and so do receipts that
    /// were not asked for.
    #[must_use]
    pub fn is_broken_by(&self, report: &Report) -> bool {
        self.value(report).is_none_or(|value| {
            if self.above {
                value > self.limit
            } else {
                value < self.limit
            }
        })
    }

    /// What was measured, with its unit.
    #[must_use]
    pub fn measured(&self, report: &Report) -> String {
        let Some(value) = self.value(report) else {
            return match self.metric {
                Metric::Latency(_) => "nothing was answered",
                _ if !report.settings.receipts => "without --receipts",
                _ => "no receipt came",
            }
            .to_owned();
        };
        match self.metric {
            Metric::Latency(_) | Metric::Receipt(_) => {
                Shown(Some(Duration::from_secs_f64(value))).to_string()
            }
            Metric::Errors | Metric::ReceiptsMissingPercent => format!("{value:.2} %"),
            Metric::Rate => format!("{value:.1}/s"),
            Metric::ReceiptsMissing => value.to_string(),
        }
    }

    /// As the limit is given; `None`: it was never measured, or not asked for.
    fn value(&self, report: &Report) -> Option<f64> {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let asked = report.settings.receipts;
        match self.metric {
            Metric::Latency(share) => seconds(report.results.latency.quantile(share)),
            Metric::Receipt(share) => seconds(report.results.receipt.quantile(share)),
            Metric::Errors => Some(report.errors_percent()),
            Metric::Rate => Some(report.messages_per_second()),
            Metric::ReceiptsMissing => asked.then_some(report.receipts_missing as f64),
            Metric::ReceiptsMissingPercent => asked.then(|| report.receipts_missing_percent()),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
        write!(
            f,
            "{}; wanted: METRIC>VALUE or METRIC<VALUE with one of {}, such as p99>50ms, \
             errors>0.1%, rate<950/s, receipts_missing>0 or receipts_missing>0.1%",
            self.problem,
            names.join(", ")
        )
    }
}

impl std::error::Error for ThresholdError {}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let wrong = |problem| ThresholdError { problem };
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| wrong("there is no > and no <"))?;
        let (name, limit) = (text[..at].trim(), text[at + 1..].trim());
        let (_, metric) = METRICS
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| wrong("the metric is unknown"))?;
        let metric = match metric {
            Metric::ReceiptsMissing if limit.ends_with('%') => Metric::ReceiptsMissingPercent,
            metric => metric,
        };
        let units: &[(&str, f64)] = match metric {
            Metric::Latency(_) | Metric::Receipt(_) => &[("us", 1e-6), ("ms", 1e-3), ("s", 1.0)],
            Metric::Errors | Metric::ReceiptsMissingPercent => &[("%", 1.0)],
            Metric::ReceiptsMissing => &[("", 1.0)],
            Metric::Rate => &[("/s", 1.0)],
        };
        let limit = units.iter().find_map(|(unit, factor)| {
            let number: f64 = limit.strip_suffix(unit)?.trim().parse().ok()?;
            (number >= 0.0 && number.is_finite()).then_some(number * factor)
        });
        Ok(Self {
            text: text.to_owned(),
            metric,
            above: text[at..].starts_with('>'),
            limit: limit.ok_or_else(|| wrong("the value is no number with its unit"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_and_what_breaks_them() {
        let report = Report::sample(&[10, 20, 30, 40], 1);
        let table = [
            ("p50>21ms", false),
            ("p50 > 19ms", true),
            ("max>0.05s", false),
            ("p99<100ms", true),
            ("errors>19%", true),
            ("errors>20%", false),
            ("rate<4/s", false),
            ("rate<4.1/s", true),
            // There was no receipt to be timed, and none was asked for.
            ("receipt_p99>10s", true),
            ("receipts_missing>9", true),
            ("receipts_missing>99%", true),
        ];
        for (text, broken) in table {
            let threshold: Threshold = text.parse().unwrap();
            assert_eq!(threshold.is_broken_by(&report), broken, "{text}");
        }
    }

    #[test]
    fn what_was_measured_has_its_unit() {
        let mut report = Report::sample(&[10, 20, 30, 40], 1);
        for (text, measured) in [
            ("p50>21ms", "20.02 ms"),
            ("errors>19%", "20.00 %"),
            ("receipt_p99>10s", "without --receipts"),
            ("receipts_missing>9", "without --receipts"),
        ] {
            let threshold: Threshold = text.parse().unwrap();
            assert_eq!(threshold.measured(&report), measured, "{text}");
        }
        report.settings.receipts = true;
        (report.results.receipts, report.receipts_missing) = (3, 1);
        for (text, measured) in [
            ("receipt_p99>10s", "no receipt came"),
            ("receipts_missing>9", "1"),
            ("receipts_missing>9%", "25.00 %"),
        ] {
            let threshold: Threshold = text.parse().unwrap();
            assert_eq!(threshold.measured(&report), measured, "{text}");
        }
    }

    #[test]
    fn lost_receipts_break_thresholds_of_their_own() {
        let mut report = Report::sample(&[10; 50], 0);
        report.settings.receipts = true;
        for (came, missing, text, broken) in [
            (50, 0, "receipts_missing>0", false),
            (50, 0, "receipts_missing>0%", false),
            (22, 28, "receipts_missing>0", true),
            (22, 28, "receipts_missing > 28", false),
            (22, 28, "receipts_missing>55.9%", true),
            (22, 28, "receipts_missing>56%", false),
            (0, 0, "receipts_missing>0%", false),
        ] {
            (report.results.receipts, report.receipts_missing) = (came, missing);
            let threshold: Threshold = text.parse().unwrap();
            assert_eq!(threshold.is_broken_by(&report), broken, "{text} of {came}");
        }
    }

    #[test]
    fn what_is_no_threshold_says_why() {
        let table = [
            ("p99", "there is no > and no <"),
            ("p98>1ms", "the metric is unknown"),
            ("p99>50", "the value is no number with its unit"),
            ("errors>1ms", "the value is no number with its unit"),
            (
                "receipts_missing>1/s",
                "the value is no number with its unit",
            ),
            ("rate<-1/s", "the value is no number with its unit"),
        ];
        for (text, problem) in table {
            let error = text.parse::<Threshold>().unwrap_err();
            assert_eq!(error.problem, problem, "{text}");
        }
    }
}
