//! One session of the SMSC: carries out the decisions about its messages. It lives in the
//! connection's task as the session's owner and never waits.

mod deliveries;
mod manage;
mod messages;
mod multi;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use signalbox_codec::pdu::{self, Bind, BindResp};
use signalbox_codec::{COctetStr, Pdu, Tag, TlvBuf};
use signalbox_session::driver::Owner;
use signalbox_session::{BindType, Event, RequestFailure, Session, Token};
use tokio::sync::oneshot;

use self::messages::{Answer, Response, give, respond};
use crate::agenda::Agenda;
use crate::behaviour::Behaviour;
use crate::clock::{Clock, SmscTime};
use crate::delivery::{Delivery, DeliveryError, DeliveryResult};
use crate::events::{DeliveryEvent, What};
use crate::ids::{IdStyle, MessageId};
use crate::rate::Rate;
use crate::record::Recorder;
use crate::registry::{Control, Disconnect, Fired, FiredKind, Outbind};
use crate::shared::{Shared, Tally};

/// Deliveries that one session holds at most, waiting for their time or for its window. A message
/// whose receipt finds no place is answered with ESME_RMSGQFUL.
const DELIVERIES_MAX: usize = 100_000;
/// Token of mobile-originated messages whose response nobody waits for. That of a planned receipt
/// is the packed id of its message; numbers in between belong to those who wait.
const TOKEN_NOBODY: Token = 0;
/// sc_interface_version of the bind response, and what a peer of SMPP v5.0 is told. SMPP v3.4
/// §5.3.2.25.
const SC_INTERFACE_VERSION: u8 = 0x34;
const SC_INTERFACE_VERSION_5: u8 = 0x50;

/// The owner of a session.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    id: u64,
    /// Makes the connection end in a reset.
    reset: Arc<AtomicBool>,
    bound: Option<Bound>,
    clock: Clock,
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
    waiting: HashMap<Token, Waiting>,
    last_token: Token,
    /// What became of deliveries in this turn.
    delivery_events: Vec<DeliveryEvent>,
    tally: Tally,
}

/// Somebody who waits for the response to a delivery.
#[derive(Debug)]
struct Waiting {
    about: Option<(MessageId, IdStyle)>,
    answer: oneshot::Sender<DeliveryResult>,
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
    Answer(Answer),
    Deliver(Delivery),
}

impl Connection {
    /// The owner of session `id`. `reset` makes its connection end in a reset.
    pub(crate) fn new(shared: Arc<Shared>, id: u64, reset: Arc<AtomicBool>) -> Self {
        let clock = *shared.clock();
        Self {
            clock,
            behaviour: shared.behaviour(),
            rate: Rate::new(shared.time()),
            shared,
            id,
            reset,
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
        let later = self.later.drain().filter_map(|later| match later {
            Later::Deliver(delivery) => Some(delivery),
            Later::Respond(_) | Later::Answer(_) => None,
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
        let command_status = self.shared.settings.judge_bind(bind);
        let mut tlvs = TlvBuf::new();
        let mut resp = BindResp::default();
        if command_status.is_ok() {
            self.tally.binds += 1;
            let system_id: Arc<str> = Arc::from(bind.system_id.to_latin1());
            tracing::info!(session = self.id, %system_id, ?bind_type, "bound");
            let bound = Arc::clone(&system_id);
            self.tell(
                now,
                What::Bound {
                    system_id: bound,
                    bind_type,
                },
            );
            self.bound = Some(Bound {
                ordinal: self.shared.registry().bind(self.id, &system_id, bind_type),
                receives: bind_type != BindType::Transmitter,
                system_id,
            });
            let version = match bind.interface_version {
                SC_INTERFACE_VERSION_5.. => SC_INTERFACE_VERSION_5,
                _ => SC_INTERFACE_VERSION,
            };
            tlvs.push_u8(Tag::SC_INTERFACE_VERSION, version);
            resp.system_id = COctetStr::new(self.shared.settings.system_id.as_bytes());
            resp.tlvs = tlvs.as_tlvs();
        } else {
            self.tally.binds_refused += 1;
            tracing::info!(session = self.id, status = %command_status, "bind refused");
            let system_id = Arc::from(bind.system_id.to_latin1());
            self.tell(
                now,
                What::BindRefused {
                    system_id,
                    command_status,
                },
            );
        }
        session
            .respond_bind(now, sequence_number, command_status, &resp)
            .expect("the bind was reported just before");
    }

    /// Does all that is due, and tells of it.
    fn fire(&mut self, now: Instant, session: &mut Session) -> Vec<Fired> {
        let mut fired = Vec::new();
        let at = self.clock.at(now);
        while let Some((due, later)) = self.later.pop_due(at) {
            let what = match later {
                Later::Respond(response) => {
                    respond(now, session, &response);
                    FiredKind::Response
                }
                Later::Answer(answer) => {
                    give(now, session, &answer);
                    FiredKind::Response
                }
                Later::Deliver(delivery) => {
                    self.deliver_when_due(now, session, delivery);
                    FiredKind::Delivery
                }
            };
            fired.push(Fired {
                unix_ms: due.unix_ms(),
                session: self.id,
                what,
            });
        }
        fired
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

    fn ordinal(&self) -> u64 {
        self.bound.as_ref().map_or(0, |bound| bound.ordinal)
    }

    /// Deliveries that wait here.
    fn held(&self) -> usize {
        self.ready.len() + self.elsewhere.len() + self.later.len()
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
}

impl Owner for Connection {
    type Request = Infallible;
    type Control = Control;

    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        match event {
            Event::Request { header, pdu } => self.on_message(now, session, header, &pdu),
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
                self.clock = clock;
                // Whoever set the clock may have stopped waiting.
                let _ = fired.try_send(self.fire(now, session));
            }
            Control::Outbind(outbind) => send_outbind(now, session, &outbind),
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
        let at = self.clock.at(now);
        self.record_batch(at);
        if !self.delivery_events.is_empty() {
            let events = std::mem::take(&mut self.delivery_events);
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
