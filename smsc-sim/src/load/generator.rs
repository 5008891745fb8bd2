//! The owner of one bind: sends submit_sm when they are due or when the window has room, in the
//! connection's own task.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use signalbox_codec::{CommandId, CommandStatus, Pdu};
use signalbox_session::driver::Owner;
use signalbox_session::{Event, Session};
use tokio::sync::mpsc::UnboundedSender;

use super::plan::{Plan, Span, recipient};
use super::results::{Answered, Asked, Batch, Gathered, Status};
use super::template::Template;
use crate::delivery::EncodedBody;

/// Bits of esm_class that say what a deliver_sm is. SMPP v3.4 §5.2.12.
const ESM_CLASS_TYPE: u8 = 0b0011_1100;
/// Their value for a receipt.
const ESM_CLASS_RECEIPT: u8 = 0b0000_0100;
/// The answer to a deliver_sm: an empty message_id. SMPP v3.4 §4.6.2.
const DELIVER_SM_RESP: EncodedBody<'static> = EncodedBody {
    command_id: CommandId::DELIVER_SM_RESP,
    body: &[0],
};

/// What a bind is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    /// The load starts.
    Start(Instant),
    /// Nothing more is to be sent; what is open is waited for.
    Finish,
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
    /// One per kind of the mix.
    templates: Vec<Template>,
    gathered: Arc<Gathered>,
    news: UnboundedSender<News>,
    span: Option<Span>,
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
    recipient: u64,
    scheduled: Instant,
    sent: Instant,
    /// Whether it was due after the warm-up.
    measured: bool,
}

impl Generator {
    /// Sends what the plan says.
    pub(super) fn new(plan: Plan, gathered: Arc<Gathered>, news: UnboundedSender<News>) -> Self {
        let settings = plan.settings();
        let kinds = settings.mix.kinds().iter();
        let templates = kinds.map(|kind| Template::new(kind, settings.receipts));
        Self {
            templates: templates.collect(),
            plan,
            gathered,
            news,
            span: None,
            finished: false,
            drained: false,
            full: false,
            room_since: None,
            slots: Vec::new(),
            free_tokens: Vec::new(),
            batch: Batch::default(),
        }
    }

    fn send_what_is_due(&mut self, now: Instant, span: &Span, session: &mut Session) {
        if std::mem::take(&mut self.full) {
            self.room_since = Some(now);
        }
        while let Some(due) = self.plan.next_due(now, span) {
            if due > now {
                return;
            }
            if session.window_free() == 0 {
                if now >= span.end {
                    break;
                }
                self.full = true;
                return;
            }
            let asked = Asked {
                scheduled: due,
                measured: span.is_measured(due),
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
        let recipient = self.plan.next_recipient();
        let kind = self.plan.settings().mix.place(self.plan.next_number());
        let submit_sm = self.templates[kind].submit_sm(recipient);
        let token = self
            .free_tokens
            .pop()
            .unwrap_or_else(|| u32::try_from(self.slots.len()).expect("as many as the window"));
        let sent = session.request(now, token.into(), &submit_sm);
        if sent.is_err() {
            self.free_tokens.push(token);
            return false;
        }
        let slot = Slot {
            recipient,
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
        self.batch.seen(measured).sent(lag);
        if self.plan.settings().receipts {
            self.batch.asked.push((recipient, asked));
        }
        self.plan.advance();
        true
    }

    fn on_response(&mut self, now: Instant, token: u64, status: CommandStatus) {
        let slot = self.slots[token as usize];
        self.free_tokens.push(token as u32);
        let service = now - slot.sent;
        let on_time = slot.sent == slot.scheduled;
        self.batch.seen(slot.measured).answered(Answered {
            status: Status::Smpp(status),
            latency: if on_time {
                service
            } else {
                now - slot.scheduled
            },
            service,
        });
        if self.plan.settings().receipts && !status.is_ok() {
            self.batch.withdrawn.push(slot.recipient);
        }
    }

    fn on_no_response(&mut self, token: u64) {
        let slot = self.slots[token as usize];
        self.batch.seen(slot.measured).unanswered += 1;
        self.free_tokens.push(token as u32);
        self.batch.withdrawn.push(slot.recipient);
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
            Event::Request { header, pdu, .. } => {
                if let Pdu::DeliverSm(sm) = &pdu
                    && sm.esm_class & ESM_CLASS_TYPE == ESM_CLASS_RECEIPT
                {
                    let receipt = recipient(sm.source_addr.as_octets());
                    self.batch.receipts.push(receipt);
                }
                let (number, status) = (header.sequence_number, CommandStatus::ESME_ROK);
                let sent = session.respond(now, number, status, &DELIVER_SM_RESP);
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
            Command::Start(started) => self.span = Some(self.plan.span(started)),
            Command::Finish => self.finished = true,
            Command::Unbind => session.unbind(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let span = self.span.as_ref().filter(|_| !self.finished)?;
        if self.full {
            return Some(span.end);
        }
        // In a closed loop a window with room is only left at the end.
        Some(self.plan.next_due(span.end, span).unwrap_or(span.end))
    }

    fn after_batch(&mut self, now: Instant, session: &mut Session) {
        if let Some(span) = self.span
            && !self.finished
        {
            self.send_what_is_due(now, &span, session);
        }
        self.gathered.add(now, &mut self.batch);
        if self.finished && !self.drained && session.in_flight() == 0 {
            self.drained = true;
            self.tell(News::Drained);
        }
    }
}
