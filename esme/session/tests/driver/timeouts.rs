//! How punctual an owner is called.

use std::time::{Duration, Instant};

use signalbox_session::driver::{DriverConfig, Owner, drive};
use signalbox_session::{Event, Role, Session};
use tokio::io::duplex;
use tokio::sync::mpsc;

use crate::rig::{Command, config};

/// An owner that wants to be called at each of its times, and tells how late it was.
struct Punctual {
    due: Instant,
    gap: Duration,
    calls: u32,
    late: mpsc::UnboundedSender<Duration>,
}

impl Owner for Punctual {
    type Request = u64;
    type Control = Command;

    fn on_event(&mut self, _now: Instant, _session: &mut Session, _event: Event<'_>) {}

    fn on_request(&mut self, _now: Instant, _session: &mut Session, _token: u64) {}

    fn on_control(&mut self, _now: Instant, _session: &mut Session, _control: Command) {}

    fn poll_timeout(&self) -> Option<Instant> {
        (self.calls > 0).then_some(self.due)
    }

    fn on_timeout(&mut self, now: Instant, _session: &mut Session) {
        self.late.send(now - self.due).unwrap_or_default();
        self.calls -= 1;
        self.due += self.gap;
    }
}

/// tokio's timer alone is late by more than 1 ms on average: 50 ms of latency became 51.5 ms.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn exact_timeouts_come_within_a_fraction_of_a_millisecond() {
    let (ours, _peer) = duplex(4096);
    let (late, mut seen) = mpsc::unbounded_channel();
    let now = tokio::time::Instant::now().into_std();
    let owner = Punctual {
        due: now + Duration::from_micros(3_300),
        gap: Duration::from_micros(3_300),
        calls: 60,
        late,
    };
    let driver = DriverConfig {
        exact_timeouts: true,
        ..DriverConfig::default()
    };
    let session = Session::new(now, config(Role::Smsc));
    let (_requests, requests) = mpsc::channel(1);
    let (_control, control) = mpsc::unbounded_channel();
    let driving = tokio::spawn(drive(ours, session, owner, requests, control, driver));
    let mut all = Vec::new();
    for _ in 0..60 {
        all.push(seen.recv().await.expect("it calls"));
    }
    driving.abort();
    all.sort_unstable();
    // A machine under load may delay any single one, and does not delay half of them.
    assert!(all[all.len() / 2] < Duration::from_micros(700), "{all:?}");
}
