//! One session of the SMSC: carries out the decisions about its messages. It lives in the
//! connection's task as the session's owner and never waits.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use signalbox_codec::pdu::{Bind, BindResp, MessageIdResp};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Header, Pdu, Tag, TlvBuf};
use signalbox_session::driver::Owner;
use signalbox_session::{BindType, Event, RequestFailure, SendError, Session, Token};
use tokio::sync::oneshot;

use crate::agenda::Agenda;
use crate::behaviour::{Behaviour, Decision, Fault, Submission};
use crate::delivery::{DeliverBody, Delivery, DeliveryError, DeliveryResult, Original, Receipt};
use crate::faults;
use crate::ids::{IdText, MessageId};
use crate::rate::Rate;
use crate::record::Recorder;
use crate::registry::{Control, Disconnect};
use crate::shared::{Shared, Tally};

/// Deliveries that one session holds at most, waiting for their time or for its window. A message
/// whose receipt finds no place is answered with ESME_RMSGQFUL.
const DELIVERIES_MAX: usize = 100_000;
/// Token of deliveries whose response nobody waits for.
const TOKEN_NOBODY: Token = 0;
/// sc_interface_version of the bind response. SMPP v3.4 §5.3.2.25.
const SC_INTERFACE_VERSION: u8 = 0x34;

/// The owner of a session.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    id: u64,
    /// Makes the connection end in a reset.
    reset: Arc<AtomicBool>,
    bound: Option<Bound>,
    behaviour: (u64, Arc<Behaviour>),
    rate: Rate,
    /// Messages of this bind so far.
    counter: u64,
    recorder: Recorder,
    later: Agenda<Later>,
    /// Deliveries whose time has come; they wait for the window.
    ready: VecDeque<Delivery>,
    /// Deliveries whose time has come and that this bind may not receive.
    elsewhere: Vec<Delivery>,
    mail_waiting: bool,
    /// Who waits for which response.
    waiting: HashMap<Token, oneshot::Sender<DeliveryResult>>,
    last_token: Token,
    tally: Tally,
}

#[derive(Debug)]
struct Bound {
    system_id: Arc<str>,
    receives: bool,
    ordinal: u64,
}

#[derive(Debug)]
enum Later {
    Respond(Response),
    Deliver(Delivery),
}

/// The response to a message.
#[derive(Clone, Copy, Debug)]
struct Response {
    sequence_number: u32,
    command_id: CommandId,
    command_status: CommandStatus,
    id: IdText,
}

/// A message that is being dealt with.
struct Arrival<'a> {
    now: Instant,
    header: Header,
    original: Original<'a>,
    id: MessageId,
}

impl Connection {
    /// The owner of session `id`. `reset` makes its connection end in a reset.
    pub(crate) fn new(shared: Arc<Shared>, id: u64, reset: Arc<AtomicBool>, now: Instant) -> Self {
        Self {
            behaviour: shared.behaviour(),
            shared,
            id,
            reset,
            bound: None,
            rate: Rate::new(now),
            counter: 0,
            recorder: Recorder::default(),
            later: Agenda::new(),
            ready: VecDeque::new(),
            elsewhere: Vec::new(),
            mail_waiting: false,
            waiting: HashMap::new(),
            last_token: TOKEN_NOBODY,
            tally: Tally::default(),
        }
    }

    /// Leaves: what is still to be delivered goes to other binds of the same system_id.
    pub(crate) fn leave(mut self) {
        self.shared.counters.add(&mut self.tally);
        let mut registry = self.shared.registry();
        registry.disconnect(self.id);
        let Some(bound) = &self.bound else {
            return;
        };
        let later = self.later.drain().filter_map(|later| match later {
            Later::Deliver(delivery) => Some(delivery),
            Later::Respond(_) => None,
        });
        for delivery in self.ready.drain(..).chain(self.elsewhere).chain(later) {
            registry.route(&bound.system_id, delivery);
        }
    }

    fn on_bind(
        &mut self,
        now: Instant,
        session: &mut Session,
        sequence_number: u32,
        bind_type: BindType,
        bind: &Bind<'_>,
    ) {
        let command_status = self.judge_bind(bind);
        let mut tlvs = TlvBuf::new();
        let mut resp = BindResp::default();
        if command_status.is_ok() {
            self.tally.binds += 1;
            let system_id: Arc<str> = Arc::from(bind.system_id.to_latin1());
            tracing::info!(session = self.id, %system_id, ?bind_type, "bound");
            self.bound = Some(Bound {
                ordinal: self.shared.registry().bind(self.id, &system_id, bind_type),
                receives: bind_type != BindType::Transmitter,
                system_id,
            });
            tlvs.push_u8(Tag::SC_INTERFACE_VERSION, SC_INTERFACE_VERSION);
            resp.system_id = COctetStr::new(self.shared.settings.system_id.as_bytes());
            resp.tlvs = tlvs.as_tlvs();
        } else {
            self.tally.binds_refused += 1;
            tracing::info!(session = self.id, status = %command_status, "bind refused");
        }
        session
            .respond_bind(now, sequence_number, command_status, &resp)
            .expect("the bind was reported just before");
    }

    fn judge_bind(&self, bind: &Bind<'_>) -> CommandStatus {
        let accounts = &self.shared.settings.accounts;
        let mut same_name = accounts
            .iter()
            .filter(|(system_id, _)| system_id.as_bytes() == bind.system_id.as_octets())
            .peekable();
        if accounts.is_empty() {
            CommandStatus::ESME_ROK
        } else if same_name.peek().is_none() {
            CommandStatus::ESME_RINVSYSID
        } else if same_name.any(|(_, password)| password.as_bytes() == bind.password.as_octets()) {
            CommandStatus::ESME_ROK
        } else {
            CommandStatus::ESME_RINVPASWD
        }
    }

    fn on_message(&mut self, now: Instant, session: &mut Session, header: Header, pdu: &Pdu<'_>) {
        let (original, registered_delivery) = match (Original::of(pdu), pdu) {
            (Some(original), Pdu::SubmitSm(sm)) => (original, sm.registered_delivery),
            (Some(original), Pdu::DataSm(sm)) => (original, sm.registered_delivery),
            _ => return refuse_command(now, session, header),
        };
        let decision = self.decide(now, &original, registered_delivery);
        let arrival = Arrival {
            now,
            header,
            original,
            id: self.next_id(),
        };
        if self.shared.settings.record_messages_max > 0 {
            self.recorder.push(
                header,
                pdu,
                self.shared.epoch.unix_ms(now),
                (arrival.id, self.behaviour.1.id_style),
                decision.command_status,
            );
        }
        match decision.command_status {
            CommandStatus::ESME_ROK if decision.respond_after.is_some() => {
                self.tally.messages_accepted += 1;
            }
            _ => self.tally.messages_refused += 1,
        }
        self.carry_out(session, &arrival, &decision);
    }

    fn decide(&mut self, now: Instant, original: &Original<'_>, registered: u8) -> Decision {
        if self.behaviour.0 != self.shared.behaviour_version() {
            self.behaviour = self.shared.behaviour();
        }
        let behaviour = &self.behaviour.1;
        let decision = behaviour.decide(&Submission {
            destination: original.destination.2.as_octets(),
            registered_delivery: registered,
            throttled: behaviour
                .rate_limit
                .is_some_and(|per_second| !self.rate.take(now, per_second)),
        });
        if decision.receipts[0].is_some() && self.held() >= DELIVERIES_MAX {
            return Decision {
                command_status: CommandStatus::ESME_RMSGQFUL,
                receipts: [None; 2],
                ..decision
            };
        }
        decision
    }

    fn next_id(&mut self) -> MessageId {
        self.counter += 1;
        MessageId::new(self.shared.settings.seed, self.ordinal(), self.counter)
    }

    fn ordinal(&self) -> u64 {
        self.bound.as_ref().map_or(0, |bound| bound.ordinal)
    }

    /// Deliveries that wait here.
    fn held(&self) -> usize {
        self.ready.len() + self.elsewhere.len() + self.later.len()
    }

    fn carry_out(&mut self, session: &mut Session, arrival: &Arrival<'_>, decision: &Decision) {
        let now = arrival.now;
        let sequence_number = arrival.header.sequence_number;
        if decision.fault == Some(Fault::Garbage) {
            let seed = self.shared.settings.seed;
            session.send_raw(&faults::garbage(seed, self.ordinal(), self.counter));
        }
        match decision.respond_after {
            None => {
                session.abandon(sequence_number);
            }
            Some(after) => {
                let response = Response {
                    sequence_number,
                    command_id: arrival.header.command_id,
                    command_status: decision.command_status,
                    id: arrival.id.text(self.behaviour.1.id_style),
                };
                if after.is_zero() {
                    respond(now, session, &response);
                } else {
                    self.later.push(now + after, Later::Respond(response));
                }
            }
        }
        for receipt in decision.receipts.into_iter().flatten() {
            let due = now + receipt.after;
            let receipt = Receipt {
                original: arrival.original,
                id: arrival
                    .id
                    .receipt_text(self.behaviour.1.id_style, receipt.id_form),
                state: receipt.state,
                error_code: receipt.error_code,
                intermediate: receipt.intermediate,
                submitted_unix_ms: self.shared.epoch.unix_ms(now),
                done_unix_ms: self.shared.epoch.unix_ms(due),
            };
            let delivery = Delivery {
                due,
                body: receipt.body(),
                answer: None,
            };
            self.deliver_when_due(now, session, delivery);
        }
        match decision.fault {
            Some(Fault::Reset) => self.disconnect(now, session, Disconnect::Rst),
            Some(Fault::DisconnectBefore) => self.disconnect(now, session, Disconnect::Fin),
            // Responses that were made go out before the end.
            Some(Fault::DisconnectAfter) => self.disconnect(now, session, Disconnect::Fin),
            Some(Fault::Garbage) | None => {}
        }
    }

    fn disconnect(&mut self, now: Instant, session: &mut Session, how: Disconnect) {
        match how {
            Disconnect::Unbind => session.unbind(now),
            Disconnect::Fin => session.close(now),
            Disconnect::Rst => {
                self.reset.store(true, Ordering::Relaxed);
                session.close(now);
            }
        }
    }

    fn deliver_when_due(&mut self, now: Instant, session: &mut Session, delivery: Delivery) {
        if delivery.due > now {
            self.later.push(delivery.due, Later::Deliver(delivery));
        } else if !self.bound.as_ref().is_some_and(|bound| bound.receives) {
            self.elsewhere.push(delivery);
        } else if self.ready.is_empty() && session.window_free() > 0 {
            self.send(now, session, delivery);
        } else {
            self.ready.push_back(delivery);
        }
    }

    fn send(&mut self, now: Instant, session: &mut Session, mut delivery: Delivery) {
        let answer = delivery.answer.take();
        let token = if answer.is_some() {
            self.last_token += 1;
            self.last_token
        } else {
            TOKEN_NOBODY
        };
        match session.request(now, token, &DeliverBody(&delivery.body)) {
            Ok(_) => {
                self.tally.deliveries_sent += 1;
                if let Some(answer) = answer {
                    self.waiting.insert(token, answer);
                }
            }
            // The session is ending; `leave` finds another bind for what was not sent.
            Err(SendError::WindowFull | SendError::NotBound | SendError::NoSuchRequest) => {
                delivery.answer = answer;
                self.ready.push_front(delivery);
            }
        }
    }

    fn on_answer(&mut self, token: Token, result: DeliveryResult) {
        match result {
            Ok(CommandStatus::ESME_ROK) => self.tally.deliveries_acknowledged += 1,
            _ => self.tally.deliveries_failed += 1,
        }
        if token != TOKEN_NOBODY
            && let Some(sender) = self.waiting.remove(&token)
        {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(result);
        }
    }

    fn take_mail(&mut self, now: Instant, session: &mut Session) {
        let mail = {
            let room = DELIVERIES_MAX.saturating_sub(self.held());
            let mut registry = self.shared.registry();
            let mail = registry.take_mail(self.id, room);
            self.mail_waiting = registry.has_mail(self.id);
            mail
        };
        for delivery in mail {
            self.deliver_when_due(now, session, delivery);
        }
    }
}

impl Owner for Connection {
    type Request = Infallible;
    type Control = Control;

    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        match event {
            Event::Request { header, pdu } => self.on_message(now, session, header, &pdu),
            Event::Response { token, header, .. } => {
                self.on_answer(token, Ok(header.command_status));
            }
            Event::RequestFailed { token, failure, .. } => {
                let error = match failure {
                    RequestFailure::TimedOut => DeliveryError::TimedOut,
                    RequestFailure::NotSent | RequestFailure::SessionClosed => {
                        DeliveryError::SessionClosed
                    }
                };
                self.on_answer(token, Err(error));
            }
            Event::BindRequested {
                sequence_number,
                bind_type,
                bind,
            } => self.on_bind(now, session, sequence_number, bind_type, &bind),
            Event::BadPdu { header, problem } => {
                self.tally.bad_pdus += 1;
                let command = header.command_id;
                tracing::debug!(session = self.id, %command, ?problem, "bad PDU");
            }
            Event::Closed { reason } => {
                tracing::info!(session = self.id, %reason, "session closed");
            }
            Event::Unbinding | Event::Bound { .. } | Event::BindRefused { .. } => {}
        }
    }

    fn on_request(&mut self, _now: Instant, _session: &mut Session, request: Infallible) {
        match request {}
    }

    fn on_control(&mut self, now: Instant, session: &mut Session, control: Control) {
        match control {
            Control::Mail => self.mail_waiting = true,
            Control::Disconnect(how) => self.disconnect(now, session, how),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.later.next_due()
    }

    fn on_timeout(&mut self, now: Instant, session: &mut Session) {
        while let Some(later) = self.later.pop_due(now) {
            match later {
                Later::Respond(response) => respond(now, session, &response),
                Later::Deliver(delivery) => self.deliver_when_due(now, session, delivery),
            }
        }
    }

    fn after_batch(&mut self, now: Instant, session: &mut Session) {
        while self.mail_waiting && self.held() < DELIVERIES_MAX {
            self.take_mail(now, session);
        }
        while session.window_free() > 0
            && let Some(delivery) = self.ready.pop_front()
        {
            self.send(now, session, delivery);
        }
        if let Some(bound) = &self.bound {
            if let Some(batch) = self.recorder.take(self.id, &bound.system_id) {
                self.shared.record(batch);
            }
            if !self.elsewhere.is_empty() {
                let mut registry = self.shared.registry();
                for delivery in self.elsewhere.drain(..) {
                    registry.route(&bound.system_id, delivery);
                }
            }
        }
        self.shared.counters.add(&mut self.tally);
    }
}

/// Sends the response to a message. A session that is over takes none: then there is nobody left
/// to be told.
fn respond(now: Instant, session: &mut Session, response: &Response) {
    let id = response
        .command_status
        .is_ok()
        .then(|| COctetStr::new(response.id.as_octets()).expect("ids have no NUL"));
    let resp = MessageIdResp {
        message_id: id,
        ..MessageIdResp::default()
    };
    let pdu = match response.command_id {
        CommandId::DATA_SM => Pdu::DataSmResp(resp),
        _ => Pdu::SubmitSmResp(resp),
    };
    let sent = session.respond(now, response.sequence_number, response.command_status, &pdu);
    if let Err(error) = sent {
        tracing::debug!(%error, "a response came too late for its session");
    }
}

/// Answers a request that is not simulated.
fn refuse_command(now: Instant, session: &mut Session, header: Header) {
    let status = CommandStatus::ESME_RINVCMDID;
    let sent = session.respond(now, header.sequence_number, status, &Pdu::GenericNack);
    debug_assert!(sent.is_ok(), "the request was reported just before");
}
