//! Which message a connection sends next and when: the messages of all connections are numbered in
//! turn. Pure.

use std::sync::Arc;
use std::time::Instant;

use super::settings::{LoadSettings, Pace};

/// Digits of the destination.
pub(super) const DESTINATION_DIGITS: usize = 12;
/// Destinations: these digits and the number of the message.
const DESTINATION_PREFIX: &[u8; 4] = b"4917";
/// Sender of all messages.
pub(super) const SOURCE: &str = "12345";
/// Numbers repeat after so many messages.
pub(super) const NUMBERS: u64 = 100_000_000;

/// What one connection has to send.
#[derive(Debug)]
pub(super) struct Plan {
    settings: Arc<LoadSettings>,
    next_number: u64,
}

impl Plan {
    /// Of connection `ordinal`.
    pub(super) fn new(settings: Arc<LoadSettings>, ordinal: u32) -> Self {
        Self {
            settings,
            next_number: ordinal.into(),
        }
    }

    pub(super) fn settings(&self) -> &LoadSettings {
        &self.settings
    }

    /// The message that is next.
    pub(super) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// It was sent.
    pub(super) fn advance(&mut self) {
        self.next_number += u64::from(self.settings.binds);
    }

    /// What follows from the start.
    pub(super) fn span(&self, started: Instant) -> Span {
        let measured_from = started + self.settings.unmeasured();
        Span {
            started,
            measured_from,
            end: measured_from + self.settings.duration,
        }
    }

    /// When the next message is due; `None` when there is none.
    pub(super) fn next_due(&self, now: Instant, span: &Span) -> Option<Instant> {
        let budget = self.settings.messages_max.unwrap_or(u64::MAX);
        let due = match self.settings.pace {
            Pace::Open(schedule) => span.started.checked_add(schedule.due(self.next_number))?,
            Pace::Closed => now,
        };
        (self.next_number < budget && due < span.end).then_some(due)
    }
}

/// From when to when messages are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    started: Instant,
    measured_from: Instant,
    /// When nothing more is sent.
    pub(super) end: Instant,
}

impl Span {
    /// Whether a message that was due then counts; those of the warm-up do not.
    pub(super) fn is_measured(&self, scheduled: Instant) -> bool {
        scheduled >= self.measured_from
    }
}

/// An international number that names a message; they repeat after 10^8.
pub(super) fn destination(number: u64) -> [u8; DESTINATION_DIGITS] {
    let mut digits = [b'0'; DESTINATION_DIGITS];
    digits[..4].copy_from_slice(DESTINATION_PREFIX);
    let mut rest = number;
    for digit in digits[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// The message that a destination names, with or without a plus sign.
pub(super) fn number(destination: &[u8]) -> Option<u64> {
    let digits = destination.strip_prefix(b"+").unwrap_or(destination);
    let number = digits.strip_prefix(DESTINATION_PREFIX)?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_names_its_message() {
        for message in [0, 7, NUMBERS - 1, NUMBERS + 3] {
            assert_eq!(number(&destination(message)), Some(message % NUMBERS));
        }
        assert_eq!(number(b"+491700000012"), Some(12));
        assert_eq!(number(b"100"), None);
    }
}
