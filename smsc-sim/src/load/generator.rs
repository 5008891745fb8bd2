//! The owner of one bind: refills its window with submit_sm as responses come, in the connection's
//! own task.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use signalbox_codec::pdu::{MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandStatus, Pdu};
use signalbox_session::driver::Owner;
use signalbox_session::{Event, Session};

use super::LoadSettings;
use super::histogram::Histogram;

/// How long receipts are waited for after the last response.
const RECEIPTS_MAX: Duration = Duration::from_secs(10);
/// Digits of the destination.
const DESTINATION_DIGITS: usize = 12;
/// Destinations: these digits and a number.
const DESTINATION_PREFIX: &[u8; 4] = b"4917";

/// What came of the messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    /// Messages by command_status of their responses.
    pub(crate) statuses: BTreeMap<u32, u64>,
    /// Messages without a response.
    pub(crate) unanswered: u64,
    /// Receipts.
    pub(crate) receipts: u64,
    /// From request to response.
    pub(crate) latency: Histogram,
    /// From the bind to the last response, the longest of all binds.
    pub(crate) sending: Duration,
}

impl Results {
    /// Adds what another bind saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.unanswered += other.unanswered;
        self.receipts += other.receipts;
        self.latency.merge(&other.latency);
        self.sending = self.sending.max(other.sending);
    }
}

/// The owner of one bind.
#[derive(Debug)]
pub(crate) struct Generator {
    text: Vec<u8>,
    registered_delivery: u8,
    /// Messages that may still be sent.
    budget: u64,
    sent: u64,
    deadline: Instant,
    bound_at: Option<Instant>,
    last_response: Option<Instant>,
    unbinding: bool,
    /// When the message of a token was sent.
    sent_at: Vec<Instant>,
    free_tokens: Vec<u32>,
    accepted: u64,
    refused: BTreeMap<u32, u64>,
    unanswered: u64,
    receipts: u64,
    latency: Histogram,
}

impl Generator {
    /// Bind `ordinal` of the load; it sends until `deadline`.
    pub(crate) fn new(settings: &LoadSettings, ordinal: u32, deadline: Instant) -> Self {
        let share = |total: u64| {
            let binds = u64::from(settings.binds);
            total / binds + u64::from(u64::from(ordinal) < total % binds)
        };
        Self {
            text: (b'a'..=b'z')
                .cycle()
                .take(settings.text_octets.min(254))
                .collect(),
            registered_delivery: u8::from(settings.receipts),
            budget: settings.messages_max.map_or(u64::MAX, share),
            sent: 0,
            deadline,
            bound_at: None,
            last_response: None,
            unbinding: false,
            sent_at: vec![deadline; settings.window_size as usize],
            free_tokens: (0..settings.window_size).rev().collect(),
            accepted: 0,
            refused: BTreeMap::new(),
            unanswered: 0,
            receipts: 0,
            latency: Histogram::default(),
        }
    }

    /// What came of the messages.
    pub(crate) fn into_results(self) -> Results {
        let mut statuses = self.refused;
        if self.accepted > 0 {
            statuses.insert(CommandStatus::ESME_ROK.0, self.accepted);
        }
        Results {
            statuses,
            unanswered: self.unanswered,
            receipts: self.receipts,
            latency: self.latency,
            sending: match (self.bound_at, self.last_response) {
                (Some(from), Some(to)) => to.saturating_duration_since(from),
                _ => Duration::ZERO,
            },
        }
    }

    fn fill_window(&mut self, now: Instant, session: &mut Session) {
        while self.budget > 0 && session.window_free() > 0 {
            let Some(token) = self.free_tokens.pop() else {
                return;
            };
            let destination = destination(self.sent);
            let sm = Sm {
                source_addr: COctetStr::new(b"12345").expect("digits"),
                destination_addr: COctetStr::new(&destination).expect("digits"),
                dest_addr_ton: 1,
                dest_addr_npi: 1,
                registered_delivery: self.registered_delivery,
                short_message: ShortMessage::new(&self.text).expect("at most 254 octets"),
                ..Sm::default()
            };
            if session
                .request(now, u64::from(token), &Pdu::SubmitSm(sm))
                .is_err()
            {
                // Not bound any more: the end comes as an event.
                self.free_tokens.push(token);
                return;
            }
            self.sent_at[token as usize] = now;
            self.sent += 1;
            self.budget -= 1;
        }
    }

    fn is_sending(&self, now: Instant) -> bool {
        self.bound_at.is_some() && self.budget > 0 && now < self.deadline
    }

    /// Whether all that is wanted has come, or its time is over.
    fn is_done(&self, now: Instant) -> bool {
        let all_receipts = self.registered_delivery == 0 || self.receipts >= self.accepted;
        all_receipts || now >= self.receipts_deadline()
    }

    fn receipts_deadline(&self) -> Instant {
        self.last_response.unwrap_or(self.deadline) + RECEIPTS_MAX
    }
}

impl Owner for Generator {
    type Request = Infallible;
    type Control = Infallible;

    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        match event {
            Event::Response { token, header, .. } => {
                let slot = token as usize;
                self.latency.record(now - self.sent_at[slot]);
                self.free_tokens.push(token as u32);
                self.last_response = Some(now);
                if header.command_status.is_ok() {
                    self.accepted += 1;
                } else {
                    *self.refused.entry(header.command_status.0).or_default() += 1;
                }
            }
            Event::Request { header, .. } => {
                self.receipts += 1;
                let resp = Pdu::DeliverSmResp(MessageIdResp {
                    message_id: Some(COctetStr::EMPTY),
                    ..MessageIdResp::default()
                });
                let status = CommandStatus::ESME_ROK;
                let sent = session.respond(now, header.sequence_number, status, &resp);
                debug_assert!(sent.is_ok(), "the request was reported just before");
            }
            Event::Bound { .. } => self.bound_at = Some(now),
            Event::RequestFailed { token, .. } => {
                self.unanswered += 1;
                self.free_tokens.push(token as u32);
            }
            Event::BindRefused { .. }
            | Event::BindRequested { .. }
            | Event::LateResponse { .. }
            | Event::BadPdu { .. }
            | Event::Unbinding
            | Event::Closed { .. } => {}
        }
    }

    fn on_request(&mut self, _now: Instant, _session: &mut Session, request: Infallible) {
        match request {}
    }

    fn on_control(&mut self, _now: Instant, _session: &mut Session, control: Infallible) {
        match control {}
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.bound_at.is_none() || self.unbinding {
            None
        } else if self.sent > 0 && self.free_tokens.len() == self.sent_at.len() {
            Some(self.receipts_deadline())
        } else {
            Some(self.deadline)
        }
    }

    fn after_batch(&mut self, now: Instant, session: &mut Session) {
        if self.is_sending(now) {
            self.fill_window(now, session);
        } else if self.bound_at.is_some()
            && !self.unbinding
            && session.in_flight() == 0
            && self.is_done(now)
        {
            self.unbinding = true;
            session.unbind(now);
        }
    }
}

/// An international number; they repeat after 10^8.
fn destination(number: u64) -> [u8; DESTINATION_DIGITS] {
    let mut digits = [b'0'; DESTINATION_DIGITS];
    digits[..4].copy_from_slice(DESTINATION_PREFIX);
    let mut rest = number;
    for digit in digits[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}
