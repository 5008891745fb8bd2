//! Adds up what one run measures, and makes its report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cpu;
use super::error::LoadError;
use super::progress::{Progress, Waits};
use super::report::Report;
use super::results::{Gathered, Results};
use super::settings::LoadSettings;

/// Adds up what is measured.
pub(super) struct Meter {
    pub(super) settings: Arc<LoadSettings>,
    pub(super) started: Instant,
    pub(super) gathered: Arc<Gathered>,
    /// The warm-up is over.
    pub(super) warm: bool,
    last_tick: Instant,
    cpu_before: cpu::Spent,
    total: Results,
    /// Messages sent, those of the warm-up too.
    sent: u64,
    in_flight: u64,
}

impl Meter {
    /// Of a run that starts then.
    pub(super) fn new(
        settings: &Arc<LoadSettings>,
        started: Instant,
        gathered: Arc<Gathered>,
    ) -> Result<Self, LoadError> {
        let warm = settings.unmeasured().is_zero();
        if warm {
            gathered.end_warm_up();
        }
        Ok(Self {
            started,
            gathered,
            warm,
            last_tick: started,
            cpu_before: cpu::Spent::read(settings.server_pid).map_err(LoadError::Cpu)?,
            total: Results::default(),
            sent: 0,
            in_flight: 0,
            settings: Arc::clone(settings),
        })
    }

    /// What came since the last tick; after the warm-up only of the messages that count.
    pub(super) fn tick(&mut self) -> Progress {
        let mut second = self.gathered.take_warm_up();
        self.follow_in_flight(&second);
        if self.warm {
            second = self.gathered.take_measured();
            self.follow_in_flight(&second);
            self.total.add(&second);
        }
        let now = Instant::now();
        let began = std::mem::replace(&mut self.last_tick, now) - self.started;
        Progress::new(began, now - self.started, self.warm, self.in_flight, second)
    }

    /// The same, with the responses that are waited for when all is sent.
    pub(super) fn tick_of_sending(&mut self) -> Progress {
        let progress = self.tick();
        let settings = &self.settings;
        let time_is_over = progress.elapsed() >= settings.unmeasured() + settings.duration;
        let all_sent = settings.messages_max.is_some_and(|max| self.sent >= max);
        if self.in_flight == 0 || !(time_is_over || all_sent) {
            return progress;
        }
        progress.waiting_for(Waits::Responses(self.in_flight, settings.response_timer))
    }

    /// The same, while receipts are waited for.
    pub(super) fn tick_of_receipts(&mut self) -> Progress {
        let (waiting, time) = (self.gathered.receipts_waiting(), self.settings.receipt_wait);
        self.tick().waiting_for(Waits::Receipts(waiting, time))
    }

    fn follow_in_flight(&mut self, results: &Results) {
        self.sent += results.sent;
        self.in_flight = (self.in_flight + results.sent)
            .saturating_sub(results.answered())
            .saturating_sub(results.unanswered);
    }

    /// From here on it is measured.
    pub(super) fn warmed_up(&mut self) -> Result<(), LoadError> {
        self.tick();
        self.gathered.end_warm_up();
        self.cpu_before = cpu::Spent::read(self.settings.server_pid).map_err(LoadError::Cpu)?;
        self.warm = true;
        Ok(())
    }

    /// What was measured. Messages count as offered that were due up to `until` after the start;
    /// `error`: why it ended early.
    pub(super) fn report(mut self, until: Duration, error: Option<LoadError>) -> Report {
        self.tick();
        let (cpu, error) = match cpu::Spent::read(self.settings.server_pid) {
            Ok(after) => (after, error),
            // The server's process may have gone with its sessions; our own time is still known.
            Err(unread) => (
                cpu::Spent::read(None).unwrap_or_default(),
                error.or(Some(LoadError::Cpu(unread))),
            ),
        };
        // When another session ended, nobody waited any longer for these.
        self.total.unanswered = self.total.sent.saturating_sub(self.total.answered());
        let measured_from = self.started + self.settings.unmeasured();
        let sending = self.total.last_response.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(measured_from)
        });
        Report {
            cpu: cpu.since(&self.cpu_before),
            elapsed: measured_from.elapsed(),
            offered: self.settings.offered(until),
            results: self.total,
            receipts_missing: self.gathered.receipts_missing(),
            sending,
            settings: Arc::unwrap_or_clone(self.settings),
            error: error.map(Arc::new),
        }
    }
}
