//! Which message a connection sends next, when and to whom: the messages of all connections are
//! numbered in turn, and their recipients from the first of the load on. Pure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::settings::{LoadSettings, Pace};

/// Digits of the destination: as many as E.164 allows.
pub(super) const DESTINATION_DIGITS: usize = 15;
/// Destinations: these digits and the number of the recipient.
const DESTINATION_PREFIX: &[u8; 4] = b"4917";
/// Sender of all messages.
pub(super) const SOURCE: &str = "12345";
/// Recipients; behind the last comes the first.
pub(super) const RECIPIENTS: u64 = 100_000_000_000;
/// Recipients of a ms, when the time says which one is the first: more than any load has, so that
/// receipts which come late are none of a later load's.
const RECIPIENTS_PER_MS: u128 = 10_000;

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

    /// Whom it goes to.
    pub(super) fn next_recipient(&self) -> u64 {
        let first = self.settings.recipients_from.unwrap_or(0);
        first.wrapping_add(self.next_number) % RECIPIENTS
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

/// The first recipient of a load that starts so long after 1970.
pub(super) const fn first_recipient(since_1970: Duration) -> u64 {
    (since_1970.as_millis() * RECIPIENTS_PER_MS % RECIPIENTS as u128) as u64
}

/// The international number of a recipient.
pub(super) fn destination(recipient: u64) -> [u8; DESTINATION_DIGITS] {
    let mut digits = [b'0'; DESTINATION_DIGITS];
    digits[..4].copy_from_slice(DESTINATION_PREFIX);
    let mut rest = recipient;
    for digit in digits[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// The recipient with that number, with or without a plus sign.
pub(super) fn recipient(destination: &[u8]) -> Option<u64> {
    let digits = destination.strip_prefix(b"+").unwrap_or(destination);
    let number = digits.strip_prefix(DESTINATION_PREFIX)?;
    if digits.len() != DESTINATION_DIGITS || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Once per receipt: the parser of the standard library takes 110 instructions more.
    let append = |number, digit: &u8| 10 * number + u64::from(digit - b'0');
    Some(number.iter().fold(0, append))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_names_its_recipient() {
        for number in [0, 7, RECIPIENTS - 1, RECIPIENTS + 3] {
            assert_eq!(recipient(&destination(number)), Some(number % RECIPIENTS));
        }
        assert_eq!(recipient(b"+491700000000012"), Some(12));
        assert_eq!(recipient(b"491700000012"), None, "of somebody else");
        assert_eq!(recipient(b"4917000000000a2"), None);
        assert_eq!(recipient(b"100"), None);
    }

    #[test]
    fn recipients_go_on_where_the_load_begins() {
        let target = "smpp://u:p@h".parse().unwrap();
        let settings = LoadSettings {
            binds: 2,
            recipients_from: Some(RECIPIENTS - 3),
            ..LoadSettings::new(target)
        };
        let mut plan = Plan::new(Arc::new(settings), 1);
        assert_eq!(
            (plan.next_number(), plan.next_recipient()),
            (1, RECIPIENTS - 2)
        );
        plan.advance();
        assert_eq!((plan.next_number(), plan.next_recipient()), (3, 0));
        let later = |ms: u64| first_recipient(Duration::from_millis(1_795_357_211_485 + ms));
        // Ten million are sent in no second.
        assert_eq!(later(1_000) - later(0), 10_000_000);
        assert!(later(86_400_000) < RECIPIENTS);
    }
}
