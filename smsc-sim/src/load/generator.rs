//! The owner of one bind: sends submit_sm when they are due or when the window has room, in the
//! connection's own task.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use signalbox_codec::pdu::{MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandStatus, Pdu};
use signalbox_session::driver::Owner;
use signalbox_session::{Event, Session};
use tokio::sync::mpsc::UnboundedSender;

use super::plan::{NUMBERS, Plan, SOURCE, destination, number};
use super::results::{Answered, Asked, Batch, Gathered, Status};

/// Bits of esm_class that say what a deliver_sm is. SMPP v3.4 §5.2.12.
const ESM_CLASS_TYPE: u8 = 0b0011_1100;
/// Their value for a receipt.
const ESM_CLASS_RECEIPT: u8 = 0b0000_0100;

/// What a bind is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// The load starts.
    Start(Instant),
    /// All is over.
    Unbind,
}

/// What a bind tells, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It is bound.
    Bound,
    /// It sends no more, and nothing waits for a response.
    Drained,
}

/// The owner of one bind.
#[derive(Debug)]
pub(crate) struct Generator {
    plan: Plan,
    gathered: Arc<Gathered>,
    news: UnboundedSender<News>,
    started: Option<Instant>,
    finished: bool,
    drained: bool,
    /// The window has no room.
    full: bool,
    /// Since when it has room.
    room_since: Option<Instant>,
    /// Messages without response, by token.
    slots: Vec<Slot>,
    free_tokens: Vec<u32>,
    batch: Batch,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    number: u64,
    scheduled: Instant,
    sent: Instant,
    /// Whether it was due after the warm-up.
    measured: bool,
}

impl Generator {
    /// Sends what the plan says.
    pub(super) fn new(plan: Plan, gathered: Arc<Gathered>, news: UnboundedSender<News>) -> Self {
        Self {
            plan,
            gathered,
            news,
            started: None,
            finished: false,
            drained: false,
            full: false,
            room_since: None,
            slots: Vec::new(),
            free_tokens: Vec::new(),
            batch: Batch::default(),
        }
    }

    fn send_what_is_due(&mut self, now: Instant, started: Instant, session: &mut Session) {
        if std::mem::take(&mut self.full) {
            self.room_since = Some(now);
        }
        while let Some(due) = self.plan.next_due(now, started) {
            if due > now {
                return;
            }
            if session.window_free() == 0 {
                if now >= self.plan.end(started) {
                    break;
                }
                self.full = true;
                return;
            }
            let asked = Asked {
                scheduled: due,
                measured: self.plan.is_measured(due, started),
            };
            if !self.send(now, asked, session) {
                break;
            }
        }
        self.finished = true;
    }

    /// Sends the next message. False: the session is over, which comes as an event.
    fn send(&mut self, now: Instant, asked: Asked, session: &mut Session) -> bool {
        let Asked {
            scheduled,
            measured,
        } = asked;
        let number = self.plan.next_number();
        let destination = destination(number);
        let kind = self.plan.settings().mix.pick(number);
        let sm = Sm {
            source_addr: COctetStr::new(SOURCE.as_bytes()).expect("digits"),
            destination_addr: COctetStr::new(&destination).expect("digits"),
            dest_addr_ton: 1,
            dest_addr_npi: 1,
            registered_delivery: u8::from(self.plan.settings().receipts),
            data_coding: kind.data_coding,
            short_message: ShortMessage::new(&kind.text).expect("at most 254 octets"),
            ..Sm::default()
        };
        let token = self
            .free_tokens
            .pop()
            .unwrap_or_else(|| u32::try_from(self.slots.len()).expect("as many as the window"));
        let sent = session.request(now, token.into(), &Pdu::SubmitSm(sm));
        if sent.is_err() {
            self.free_tokens.push(token);
            return false;
        }
        let slot = Slot {
            number,
            scheduled,
            sent: now,
            measured,
        };
        match self.slots.get_mut(token as usize) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        let could = self.room_since.map_or(scheduled, |at| at.max(scheduled));
        let lag = now.saturating_duration_since(could);
        self.batch.seen(measured).lags.push(lag);
        if self.plan.settings().receipts {
            self.batch.asked.push((number % NUMBERS, asked));
        }
        self.plan.advance();
        true
    }

    fn on_response(&mut self, now: Instant, token: u64, status: CommandStatus) {
        let slot = self.slots[token as usize];
        self.free_tokens.push(token as u32);
        self.batch.seen(slot.measured).answered.push(Answered {
            status: Status::Smpp(status),
            latency: now - slot.scheduled,
            service: now - slot.sent,
        });
        if self.plan.settings().receipts && !status.is_ok() {
            self.batch.withdrawn.push(slot.number % NUMBERS);
        }
    }

    fn on_no_response(&mut self, token: u64) {
        let slot = self.slots[token as usize];
        self.batch.seen(slot.measured).unanswered += 1;
        self.free_tokens.push(token as u32);
        self.batch.withdrawn.push(slot.number % NUMBERS);
    }

    fn tell(&self, news: News) {
        // Nobody listens any more when another bind has failed.
        let _ = self.news.send(news);
    }
}

impl Owner for Generator {
    type Request = Infallible;
    type Control = Command;

    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        match event {
            Event::Response { token, header, .. } => {
                self.on_response(now, token, header.command_status);
            }
            Event::Request { header, pdu } => {
                if let Pdu::DeliverSm(sm) = &pdu
                    && sm.esm_class & ESM_CLASS_TYPE == ESM_CLASS_RECEIPT
                {
                    let receipt = number(sm.source_addr.as_octets());
                    self.batch.receipts.push(receipt);
                }
                let resp = Pdu::DeliverSmResp(MessageIdResp {
                    message_id: Some(COctetStr::EMPTY),
                    ..MessageIdResp::default()
                });
                let status = CommandStatus::ESME_ROK;
                let sent = session.respond(now, header.sequence_number, status, &resp);
                debug_assert!(sent.is_ok(), "the request was reported just before");
            }
            Event::Bound { .. } => self.tell(News::Bound),
            Event::RequestFailed { token, .. } => self.on_no_response(token),
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

    fn on_control(&mut self, now: Instant, session: &mut Session, command: Command) {
        match command {
            Command::Start(started) => self.started = Some(started),
            Command::Unbind => session.unbind(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let started = self.started.filter(|_| !self.finished)?;
        let end = self.plan.end(started);
        if self.full {
            return Some(end);
        }
        // In a closed loop a window with room is only left at the end.
        Some(self.plan.next_due(end, started).unwrap_or(end))
    }

    fn after_batch(&mut self, now: Instant, session: &mut Session) {
        if let Some(started) = self.started
            && !self.finished
        {
            self.send_what_is_due(now, started, session);
        }
        self.gathered.add(now, &mut self.batch);
        if self.finished && !self.drained && session.in_flight() == 0 {
            self.drained = true;
            self.tell(News::Drained);
        }
    }
}
