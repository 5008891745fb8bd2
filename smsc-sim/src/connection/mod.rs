//! One session of the SMSC: carries out the decisions about its messages. It lives in the
//! connection's task as the session's owner and never waits.

mod binding;
mod deliveries;
mod faults;
mod manage;
mod messages;
mod multi;
mod responses;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use signalbox_codec::{COctetStr, CommandId, CommandStatus, Pdu, pdu};
use signalbox_session::driver::Owner;
use signalbox_session::{Event, RequestFailure, Session, SessionConfig, Token};
use tokio::sync::oneshot;

use self::binding::BindAnswer;
use self::faults::Faults;
use self::responses::{Gathered, REORDER_WAIT, Response};
use crate::agenda::Agenda;
use crate::behaviour::Behaviour;
use crate::clock::{Clock, SmscTime};
use crate::delivery::{Delivery, DeliveryError, DeliveryResult, SentReceipt};
use crate::events::{DeliveryEvent, What};
use crate::fault::{self, HandshakeFault};
use crate::ids::{IdStyle, MessageId};
use crate::random::Draws;
use crate::rate::Rate;
use crate::record::Recorder;
use crate::registry::{Control, Disconnect, Fired, FiredKind, Outbind};
use crate::scenario::Counts;
use crate::script::View;
use crate::shared::{Shared, Tally};
use crate::socket::Gate;

/// Deliveries that one session holds at most, waiting for their time or for its window. A message
/// whose receipt or answer from a phone finds no place is answered with ESME_RMSGQFUL.
const DELIVERIES_MAX: usize = 100_000;
/// Token of mobile-originated messages whose response nobody waits for. That of a planned receipt
/// is the packed id of its message; numbers in between belong to those who wait.
const TOKEN_NOBODY: Token = 0;

/// The owner of a session.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    id: u64,
    /// Makes the connection end in a reset.
    gate: Arc<Gate>,
    bound: Option<Bound>,
    clock: Clock,
    /// What the clock shows at a time of the machine: all messages of a turn ask for the same.
    shown: Option<(Instant, SmscTime)>,
    behaviour: (u64, Arc<Behaviour>),
    script: Arc<View>,
    /// What rules have counted that count per bind.
    rule_counts: Counts,
    faults: Faults,
    /// Messages that the script has decided about.
    decided: u64,
    /// A rule has added one that the session does not know of.
    faults_changed: bool,
    rate: Rate,
    /// Messages of this bind so far.
    counter: u64,
    recorder: Recorder,
    later: Agenda<Later>,
    /// Responses that are gathered to be sent in another order.
    reordered: Vec<Gathered>,
    /// `later` has a [`Later::SendReordered`], perhaps of responses that have gone since.
    reorder_planned: bool,
    /// Deliveries that follow responses which wait here.
    followers_held: usize,
    /// Deliveries whose time has come; they wait for the window.
    ready: VecDeque<Delivery>,
    /// Deliveries whose time has come and that this bind may not receive.
    elsewhere: Vec<Delivery>,
    mail_waiting: bool,
    /// Who waits for which response.
    waiting: HashMap<Token, Waiting>,
    last_token: Token,
    /// What became of deliveries in this turn.
    delivery_events: Vec<DeliveryEvent>,
    tally: Tally,
}

/// A delivery whose response somebody waits for, or whose recipient is to be told with it.
#[derive(Debug)]
struct Waiting {
    about: Option<(MessageId, IdStyle)>,
    receipt: Option<SentReceipt>,
    answer: Option<oneshot::Sender<DeliveryResult>>,
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
    SendReordered,
    AnswerBind(BindAnswer),
    Deliver(Delivery),
}

impl Connection {
    /// The owner of session `id`. `gate` leads to its connection.
    pub(crate) fn new(shared: Arc<Shared>, id: u64, gate: Arc<Gate>, draws: Draws) -> Self {
        let clock = *shared.clock();
        let script = shared.script().view();
        let mut faults = Faults::new(Arc::clone(&gate), draws);
        faults.set(&script.faults);
        Self {
            script,
            rule_counts: Counts::default(),
            faults,
            decided: 0,
            faults_changed: false,
            reordered: Vec::new(),
            reorder_planned: false,
            followers_held: 0,
            clock,
            shown: None,
            behaviour: shared.behaviour(),
            rate: Rate::full(),
            shared,
            id,
            gate,
            bound: None,
            counter: 0,
            recorder: Recorder::default(),
            later: Agenda::new(),
            ready: VecDeque::new(),
            elsewhere: Vec::new(),
            mail_waiting: false,
            waiting: HashMap::new(),
            last_token: TOKEN_NOBODY,
            delivery_events: Vec::new(),
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
        let later = self.later.drain().flat_map(|later| match later {
            Later::Deliver(delivery) => vec![delivery],
            Later::Respond(response) => response.into_followers(REORDER_WAIT).collect(),
            Later::SendReordered | Later::AnswerBind(_) => Vec::new(),
        });
        let reordered = self.reordered.into_iter();
        let followers = reordered.flat_map(Gathered::into_followers);
        let waiting = self.ready.drain(..).chain(self.elsewhere);
        for delivery in waiting.chain(followers).chain(later) {
            registry.route(&bound.system_id, delivery);
        }
    }

    /// What the clock shows at `now`.
    fn at(&mut self, now: Instant) -> SmscTime {
        match self.shown {
            Some((asked, at)) if asked == now => at,
            _ => {
                let at = self.clock.at(now);
                self.shown = Some((now, at));
                at
            }
        }
    }

    fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
        self.shown = None;
    }

    /// Does all that is due, and tells of it.
    fn fire(&mut self, now: Instant, session: &mut Session) -> Vec<Fired> {
        let mut fired = Vec::new();
        let at = self.at(now);
        while let Some((due, later)) = self.later.pop_due(at) {
            let (what, count) = match later {
                Later::Respond(response) => (
                    FiredKind::Response,
                    self.fire_response(now, session, response),
                ),
                Later::SendReordered => {
                    (FiredKind::Response, self.fire_reordered(now, session, due))
                }
                Later::AnswerBind(answer) => {
                    self.answer_bind(now, session, answer);
                    (FiredKind::Response, 1)
                }
                Later::Deliver(delivery) => {
                    self.deliver_when_due(now, session, delivery);
                    (FiredKind::Delivery, 1)
                }
            };
            let one = Fired {
                unix_ms: due.unix_ms(),
                session: self.id,
                what,
            };
            fired.extend(std::iter::repeat_n(one, count));
        }
        fired
    }

    /// Returns how many responses were sent: one that is gathered goes with the others.
    fn fire_response(&mut self, now: Instant, session: &mut Session, response: Response) -> usize {
        self.followers_held -= response.followers.len();
        let is_reordered = fault::is_reorder(response.fault);
        let gathered = self.reordered.len();
        self.respond(now, session, response);
        match is_reordered {
            true => gathered + 1 - self.reordered.len(),
            false => 1,
        }
    }

    /// Lets others see the messages of this turn.
    fn record_batch(&mut self, at: SmscTime) {
        if let Some(bound) = &self.bound
            && let Some(batch) = self.recorder.take(self.id, &bound.system_id)
        {
            self.shared.record(at, batch);
        }
    }

    fn tell(&self, now: Instant, what: What) {
        self.shared.tell(self.clock.at(now), Some(self.id), what);
    }

    fn system_id(&self) -> Option<&Arc<str>> {
        self.bound.as_ref().map(|bound| &bound.system_id)
    }

    /// Does what it is told while there is no session yet, but only a handshake; false: it is to
    /// end.
    pub(crate) fn on_early_control(&mut self, control: Control) -> bool {
        match control {
            Control::Disconnect(_) => return false,
            // Nothing can have come due by it. Dropping the sender says so.
            Control::Clock { clock, .. } => self.set_clock(clock),
            Control::Script(view) => self.adopt_script(view),
            // Only a bound session gets mail, and who asks to bind does so without a handshake.
            Control::Mail | Control::Outbind(_) => {}
        }
        true
    }

    /// From the next message on another scenario and other faults are in force.
    fn take_script(&mut self, session: &mut Session, view: Arc<View>) {
        self.adopt_script(view);
        self.tame(session);
    }

    fn adopt_script(&mut self, view: Arc<View>) {
        if view.generation == self.script.generation {
            let rules = &view.scenario.rules;
            self.rule_counts
                .retain(|id| rules.iter().any(|rule| rule.id == id));
        } else {
            self.rule_counts = Counts::default();
        }
        self.faults.set(&view.faults);
        self.script = view;
    }

    /// Settings of the session. A bind that is answered late on purpose is still in time.
    pub(crate) fn session_config(&self) -> SessionConfig {
        let mut config = self.shared.settings.session.clone();
        config.session_init_timer += self.faults.session.bind_delay;
        config
    }

    /// What goes wrong with the TLS handshake.
    pub(crate) const fn handshake_fault(&self) -> Option<HandshakeFault> {
        self.faults.session.handshake
    }

    /// Lets the session do by itself what no fault forbids.
    pub(crate) fn tame(&self, session: &mut Session) {
        let timer = self.shared.settings.session.enquire_link_timer;
        self.faults.tame(session, timer);
    }

    fn ordinal(&self) -> u64 {
        self.bound.as_ref().map_or(0, |bound| bound.ordinal)
    }

    /// Deliveries that wait here.
    fn held(&self) -> usize {
        self.ready.len() + self.elsewhere.len() + self.later.len() + self.followers_held
    }

    fn disconnect(&mut self, now: Instant, session: &mut Session, how: Disconnect) {
        match how {
            Disconnect::Unbind => session.unbind(now),
            Disconnect::Fin => session.close(now),
            Disconnect::Rst => {
                self.gate.reset.store(true, Ordering::Relaxed);
                session.close(now);
            }
        }
    }
}

impl Owner for Connection {
    type Request = Infallible;
    type Control = Control;

    #[inline]
    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        match event {
            Event::Request {
                header,
                pdu,
                octets,
            } => match header.command_id {
                CommandId::ENQUIRE_LINK => {
                    session.abandon(header.sequence_number);
                }
                CommandId::UNBIND => answer_unbind(now, session, header.sequence_number),
                _ => self.on_message(now, session, (header, octets), &pdu),
            },
            Event::Response { token, header, .. } => {
                self.on_answer(now, token, Ok(header.command_status));
            }
            Event::RequestFailed { token, failure, .. } => {
                let error = match failure {
                    RequestFailure::TimedOut => DeliveryError::TimedOut,
                    RequestFailure::NotSent | RequestFailure::SessionClosed => {
                        DeliveryError::SessionClosed
                    }
                };
                self.on_answer(now, token, Err(error));
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
                self.tell(now, What::Closed { reason });
            }
            // Who asked has been told that the time was over.
            Event::LateResponse { .. } => {}
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
            Control::Clock { clock, fired } => {
                self.set_clock(clock);
                // Whoever set the clock may have stopped waiting.
                let _ = fired.try_send(self.fire(now, session));
            }
            Control::Outbind(outbind) => send_outbind(now, session, &outbind),
            Control::Script(view) => self.take_script(session, view),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.clock.when(self.later.next_due()?)
    }

    fn on_timeout(&mut self, now: Instant, session: &mut Session) {
        drop(self.fire(now, session));
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
        let at = self.at(now);
        self.record_batch(at);
        if !self.delivery_events.is_empty() {
            let room = Vec::with_capacity(self.delivery_events.len());
            let events = std::mem::replace(&mut self.delivery_events, room);
            self.tell(now, What::Deliveries(events));
        }
        if let Some(bound) = &self.bound
            && !self.elsewhere.is_empty()
        {
            let mut registry = self.shared.registry();
            for delivery in self.elsewhere.drain(..) {
                registry.route(&bound.system_id, delivery);
            }
        }
        self.shared.counters.add(&mut self.tally);
    }
}

/// Answers an unbind that the session did not answer by itself.
fn answer_unbind(now: Instant, session: &mut Session, sequence_number: u32) {
    let status = CommandStatus::ESME_ROK;
    let sent = session.respond(now, sequence_number, status, &Pdu::UnbindResp);
    debug_assert!(sent.is_ok(), "the request was reported just before");
}

/// Asks the peer to bind. It is the first PDU of a fresh connection, so it is legal.
fn send_outbind(now: Instant, session: &mut Session, outbind: &Outbind) {
    let pdu = Pdu::Outbind(pdu::Outbind {
        system_id: COctetStr::new(outbind.system_id.as_bytes()).expect("no NUL is taken"),
        password: COctetStr::new(outbind.password.as_bytes()).expect("no NUL is taken"),
        ..pdu::Outbind::default()
    });
    if let Err(error) = session.notify(now, &pdu) {
        tracing::debug!(%error, "an outbind came too late for its session");
    }
}
