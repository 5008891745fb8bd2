//! Listens to one connection, logs each finding, and adds what was found to the report. It reads
//! the clock and decides nothing.

use std::sync::Arc;
use std::time::Instant;

use super::checker::Checker;
use super::exercise::Exercised;
use super::report::Report;
use crate::capture::Sender;

/// The listener of one connection.
#[derive(Debug)]
pub(crate) struct Ear {
    report: Arc<Report>,
    session: u64,
    checker: Checker,
    ended_by_client: bool,
    /// Kinds of departures, and how many departures there were in all.
    found: usize,
    times: u64,
    exercised: Exercised,
}

impl Ear {
    /// Starts to listen.
    pub(crate) fn new(report: &Arc<Report>, session: u64, window_size: usize) -> Self {
        Self {
            report: Arc::clone(report),
            session,
            checker: Checker::new(window_size),
            ended_by_client: false,
            found: 0,
            times: 0,
            exercised: Exercised::default(),
        }
    }

    /// Octets went over the wire; none of theirs are their end.
    pub(crate) fn heard(&mut self, sender: Sender, octets: &[u8]) {
        if octets.is_empty() {
            self.ended_by_client |= sender == Sender::Theirs;
        } else {
            self.checker.heard(Instant::now(), sender, octets);
            self.tell();
        }
    }

    fn tell(&mut self) {
        for finding in self.checker.take_findings() {
            self.found += 1;
            tracing::warn!(
                session = self.session,
                system_id = self.checker.system_id(),
                check = finding.kind.name(),
                section = finding.kind.section(),
                detail = finding.detail,
                "not as SMPP v3.4 wants it: {}",
                finding.kind.rule()
            );
            let system_id = self.checker.system_id();
            self.report.add(self.session, system_id, &finding);
        }
        let times = self.checker.take_times();
        if !times.is_empty() {
            self.times += times.values().sum::<u64>();
            self.report.count(&times);
        }
        let exercised = self.checker.exercised();
        if exercised != self.exercised {
            self.report.exercise(exercised.without(self.exercised));
            self.exercised = exercised;
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.checker.ended(Instant::now(), self.ended_by_client);
        self.tell();
        let pdus: u64 = self.checker.commands().values().sum();
        tracing::info!(
            session = self.session,
            system_id = self.checker.system_id(),
            pdus,
            departures = self.found,
            times = self.times,
            "conformance of the session"
        );
        self.report.end(self.checker.commands());
    }
}
