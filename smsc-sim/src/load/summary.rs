//! All that a load prints at its end: the outcome of each run, what it had to keep to, and where it
//! was measured.

use std::fmt;

use serde_json::{Value, json};

use super::environment::Environment;
use super::error::LoadError;
use super::report::Report;
use super::threshold::Threshold;

/// That no message was accepted, in words.
const NOTHING: &str = "nothing was accepted";

/// The outcome of one run, or of a sweep over windows.
#[derive(Clone, Debug)]
pub struct Summary {
    reports: Vec<Report>,
    sweep: bool,
    environment: Environment,
    thresholds: Vec<Threshold>,
}

impl Summary {
    /// Of one run.
    #[must_use]
    pub fn of_run(report: Report, thresholds: Vec<Threshold>, environment: Environment) -> Self {
        Self::new(vec![report], false, thresholds, environment)
    }

    /// Of a sweep.
    #[must_use]
    pub fn of_sweep(
        reports: Vec<Report>,
        thresholds: Vec<Threshold>,
        environment: Environment,
    ) -> Self {
        Self::new(reports, true, thresholds, environment)
    }

    fn new(
        reports: Vec<Report>,
        sweep: bool,
        thresholds: Vec<Threshold>,
        environment: Environment,
    ) -> Self {
        Self {
            thresholds,
            reports,
            sweep,
            environment,
        }
    }

    /// What the runs that break a threshold measured; `None` when none does.
    fn broken(&self, threshold: &Threshold) -> Option<String> {
        let broken = self.reports.iter();
        let broken = broken.filter(|report| threshold.is_broken_by(report));
        let measured = broken.map(|report| {
            let measured = threshold.measured(report);
            match self.sweep {
                true => format!("{measured} with window {}", report.settings.window_size),
                false => measured,
            }
        });
        let measured: Vec<String> = measured.collect();
        (!measured.is_empty()).then(|| measured.join(", "))
    }

    /// Whether there is a reason for exit code 3.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.failures().is_empty()
    }

    /// Why runs could not begin or ended early.
    pub fn errors(&self) -> impl Iterator<Item = &LoadError> {
        self.reports.iter().filter_map(Report::error)
    }

    /// Whether somebody ended it before its time.
    fn is_interrupted(&self) -> bool {
        self.errors()
            .any(|error| matches!(error, LoadError::Interrupted))
    }

    /// All reasons for exit code 3.
    fn failures(&self) -> Vec<String> {
        let errors = self.errors().map(ToString::to_string);
        let broken = self.thresholds.iter().filter_map(|threshold| {
            let measured = self.broken(threshold)?;
            Some(format!("threshold {threshold} exceeded: {measured}"))
        });
        let nothing = self.nothing_was_accepted().then(|| NOTHING.to_owned());
        errors.chain(broken).chain(nothing).collect()
    }

    fn nothing_was_accepted(&self) -> bool {
        self.reports.iter().any(|report| report.accepted() == 0)
    }

    /// The outcome of each run.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// As JSON: the fields of the run, or `sweep` with those of each.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = match self.reports.as_slice() {
            [report] if !self.sweep => report.to_json(),
            reports => {
                json!({"sweep": reports.iter().map(Report::to_json).collect::<Vec<_>>()})
            }
        };
        let threshold = |threshold: &Threshold| {
            let measured = self.reports.iter().map(|report| threshold.measured(report));
            json!({
                "fail_if": threshold.to_string(),
                "failed": self.broken(threshold).is_some(),
                "measured": measured.collect::<Vec<_>>(),
            })
        };
        value["thresholds"] = self.thresholds.iter().map(threshold).collect();
        value["nothing_accepted"] = self.nothing_was_accepted().into();
        value["interrupted"] = self.is_interrupted().into();
        value["failed"] = self.has_failed().into();
        value["failed_because"] = self.failures().into();
        value["environment"] = self.environment.to_json();
        value
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sweep {
            let receipts = self.reports.iter().any(|report| report.settings.receipts);
            writeln!(f, "{}", Report::sweep_head(receipts))?;
        }
        for report in &self.reports {
            if self.sweep {
                writeln!(f, "{}", report.sweep_line())?;
            } else {
                writeln!(f, "{report}")?;
            }
        }
        for threshold in &self.thresholds {
            match self.broken(threshold) {
                Some(measured) => {
                    writeln!(f, "threshold {threshold}: exceeded ({measured}): FAILED")?;
                }
                None => writeln!(f, "threshold {threshold}: not exceeded")?,
            }
        }
        if self.nothing_was_accepted() {
            writeln!(f, "{NOTHING}: FAILED")?;
        }
        for error in self.errors() {
            writeln!(f, "{error}: FAILED")?;
        }
        write!(f, "{}", self.environment)
    }
}
