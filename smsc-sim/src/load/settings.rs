//! What to generate.

use std::net::SocketAddr;
use std::time::Duration;

use super::connect::ClientTls;
use super::mix::Mix;
use super::schedule::Schedule;
use super::target::Target;

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Open loop: each at its scheduled time, whatever became of those before it.
    Open(Schedule),
    /// Closed loop: as soon as the window has room.
    Closed,
}

/// What to generate.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// Where to and who.
    pub target: Target,
    /// TLS, if the target speaks it.
    pub tls: ClientTls,
    /// When messages are sent. Default closed loop.
    pub pace: Pace,
    /// Messages that wait for their responses at the same time, per bind. With HTTP: messages of
    /// one request, as JSON if it is 1, else as NDJSON. Default 100, with HTTP 1.
    pub window_size: u32,
    /// Connections; with HTTP each has one request open at a time. Default 1.
    pub binds: u32,
    /// How long messages are sent before anything is measured, at least for the ramp of an open
    /// loop. Default zero.
    pub warmup: Duration,
    /// How long messages are sent and measured. Default 5 s.
    pub duration: Duration,
    /// Messages of all binds at most; `None`: as many as the time allows.
    pub messages_max: Option<u64>,
    /// Whether receipts are asked for and waited for; with HTTP the callbacks that tell how a
    /// message ended.
    pub receipts: bool,
    /// How long a response may take, more than zero: then the message is unanswered, and with HTTP
    /// the run is over. So long a load may last beyond its time. Default 30 s.
    pub response_timer: Duration,
    /// How long receipts are waited for after the last response; those that did not come by then
    /// are missing. Default 10 s.
    pub receipt_wait: Duration,
    /// Where callbacks are received; `None`: on any free port, at the address that the target is
    /// reached from.
    pub callback_address: Option<SocketAddr>,
    /// Number of the first recipient, from 0 to 99,999,999,999; the others follow. `None`: one that
    /// no load before had, by the time. Receipts are matched by the recipient.
    pub recipients_from: Option<u64>,
    /// What the messages hold. Default 140 characters of the GSM alphabet.
    pub mix: Mix,
    /// Process whose CPU time is measured beside our own.
    pub server_pid: Option<u32>,
}

impl LoadSettings {
    /// Defaults for a target.
    #[must_use]
    pub fn new(target: Target) -> Self {
        let window_size = if target.scheme.is_http() { 1 } else { 100 };
        Self {
            target,
            tls: ClientTls::default(),
            pace: Pace::Closed,
            window_size,
            binds: 1,
            warmup: Duration::ZERO,
            duration: Duration::from_secs(5),
            messages_max: None,
            receipts: false,
            response_timer: Duration::from_secs(30),
            receipt_wait: Duration::from_secs(10),
            callback_address: None,
            recipients_from: None,
            mix: Mix::of_octets(140),
            server_pid: None,
        }
    }

    /// How long nothing is measured: for the warm-up, and until the rate is reached.
    pub(crate) fn unmeasured(&self) -> Duration {
        match self.pace {
            Pace::Open(schedule) => self.warmup.max(schedule.ramp()),
            Pace::Closed => self.warmup,
        }
    }

    /// Messages whose time comes while it is measured, up to `until` after the start; `None` in a
    /// closed loop.
    pub(crate) fn offered(&self, until: Duration) -> Option<u64> {
        let Pace::Open(schedule) = self.pace else {
            return None;
        };
        let within = |time| {
            schedule
                .due_before(time)
                .min(self.messages_max.unwrap_or(u64::MAX))
        };
        let begin = self.unmeasured();
        let end = until.clamp(begin, begin + self.duration);
        Some(within(end) - within(begin))
    }
}
