//! Listens to the octets of one session and hands them on with their place and time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ring::{Flow, Record, Sender, What};
use super::sink::Capture;

/// The ear of one session.
#[derive(Debug)]
pub(crate) struct Tap {
    capture: Arc<Capture>,
    flow: Arc<Flow>,
    /// Octets sent by us and by them, an end counted as one.
    ours: u64,
    theirs: u64,
    ended: [bool; 2],
}

impl Tap {
    /// Starts to listen to a connection that was just made; `None` when nobody wants to know.
    pub(crate) fn new(
        capture: &Arc<Capture>,
        session: u64,
        ours: SocketAddr,
        theirs: SocketAddr,
        we_connected: bool,
    ) -> Option<Self> {
        if !capture.is_on() {
            return None;
        }
        let tap = Self {
            capture: Arc::clone(capture),
            flow: Arc::new(Flow {
                session,
                ours,
                theirs,
                we_connected,
            }),
            ours: 0,
            theirs: 0,
            ended: [false; 2],
        };
        let opener = if we_connected {
            Sender::Ours
        } else {
            Sender::Theirs
        };
        tap.record(opener, What::Opened, &[]);
        Some(tap)
    }

    /// Octets went over the wire; none are the end of what the sender sends.
    pub(crate) fn heard(&mut self, sender: Sender, octets: &[u8]) {
        if octets.is_empty() {
            return self.ended(sender);
        }
        self.record(sender, What::Octets(octets.len()), octets);
        *self.count(sender) += octets.len() as u64;
    }

    /// The sender sends no more.
    pub(crate) fn ended(&mut self, sender: Sender) {
        if !std::mem::replace(&mut self.ended[sender as usize], true) {
            self.record(sender, What::Ended, &[]);
            *self.count(sender) += 1;
        }
    }

    /// We broke the connection.
    pub(crate) fn reset(&mut self) {
        self.record(Sender::Ours, What::Reset, &[]);
    }

    const fn count(&mut self, sender: Sender) -> &mut u64 {
        match sender {
            Sender::Ours => &mut self.ours,
            Sender::Theirs => &mut self.theirs,
        }
    }

    fn record(&self, sender: Sender, what: What, octets: &[u8]) {
        let (sent_before, received_before) = match sender {
            Sender::Ours => (self.ours, self.theirs),
            Sender::Theirs => (self.theirs, self.ours),
        };
        let record = Record {
            flow: Arc::clone(&self.flow),
            at_unix_us: unix_us(),
            sent_before,
            received_before,
            sender,
            what,
        };
        self.capture.push(record, octets);
    }
}

/// The wall's time, whatever clock the SMSC lives by: a capture is compared with others.
fn unix_us() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since_1970.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}
