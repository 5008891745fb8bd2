//! The task of one provider: the only file of this channel that does I/O. It owns the links,
//! carries what the flow decides to them, and what they tell to the flow and to the engine.
//!
//! It waits only for the engine's inbox, and then the links go on by themselves: they answer
//! enquire_link and take responses until their windows are full.

use std::future::pending;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use signalbox_codec::{CommandId, CommandStatus, Header, Pdu, next_frame};
use signalbox_esme::{BindType, ConfigError, Link, LinkEvent, LinkEvents, Outgoing, SubmitError};
use signalbox_router::{Input, MessageId, ProviderName, Timestamp, Token};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::config::{BINDS_MAX, InboundConfig, SmppProviderConfig};
use super::flow::{Flow, Output, Submit};
use super::inbound::{Delivered, Incoming};
use super::profile::Profile;
use super::status::{BindStatus, ProviderStatus};
use crate::channel::{ChannelHandle, Inbox, ToChannel};
use crate::random::Random;

/// Messages of each source that are taken in one turn, before anything is sent or reported.
const TURN_MESSAGES_MAX: usize = 64;

/// A provider's channel that has been started.
#[derive(Debug)]
pub struct SmppChannel {
    /// The engine's end.
    pub handle: ChannelHandle,
    /// What the channel says of itself; wakes when a bind comes or goes.
    pub status: watch::Receiver<ProviderStatus>,
    /// Ends after [`ToChannel::Drain`], or when the handle is gone, once all links have ended.
    pub task: JoinHandle<()>,
}

impl SmppChannel {
    /// Starts the links of a provider and the task that feeds them. `seed` makes the ids of
    /// inbound messages.
    ///
    /// # Errors
    /// A bind's setting out of its range, with the bind's name.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(
        config: SmppProviderConfig,
        seed: u64,
        inbox: Inbox,
    ) -> Result<Self, (String, ConfigError)> {
        for bind in &config.binds {
            bind.client
                .check()
                .map_err(|error| (bind.name.clone(), error))?;
        }
        if config.binds.is_empty() || config.binds.len() > BINDS_MAX {
            let allowed = format!("1 to {BINDS_MAX} binds");
            return Err((
                String::new(),
                ConfigError {
                    field: "bind",
                    allowed,
                },
            ));
        }
        let (handle, commands) = ChannelHandle::new(config.name.clone());
        let (status, status_end) = watch::channel(ProviderStatus::new(&config));
        let task = Task::start(config, seed, inbox, commands, status)?;
        Ok(Self {
            handle,
            status: status_end,
            task: tokio::spawn(task.run()),
        })
    }
}

struct Task {
    provider: ProviderName,
    profile: Profile,
    inbound: InboundConfig,
    binds: Vec<Bind>,
    flow: Flow,
    events: mpsc::UnboundedReceiver<LinkEvents>,
    commands: mpsc::UnboundedReceiver<ToChannel>,
    inbox: Inbox,
    out: Output,
    random: Random,
    status: watch::Sender<ProviderStatus>,
    status_changed: bool,
    draining: bool,
}

struct Bind {
    name: String,
    link: Link,
    generation: u64,
    ended: bool,
}

impl Task {
    fn start(
        config: SmppProviderConfig,
        seed: u64,
        inbox: Inbox,
        commands: mpsc::UnboundedReceiver<ToChannel>,
        status: watch::Sender<ProviderStatus>,
    ) -> Result<Self, (String, ConfigError)> {
        let (events_sender, events) = mpsc::unbounded_channel();
        let can_submit: Vec<bool> = config
            .binds
            .iter()
            .map(|bind| bind.client.bind_type != BindType::Receiver)
            .collect();
        let mut binds = Vec::with_capacity(config.binds.len());
        for (index, bind) in config.binds.into_iter().enumerate() {
            let link = Link::spawn(index as u32, bind.client, events_sender.clone())
                .map_err(|error| (bind.name.clone(), error))?;
            binds.push(Bind {
                name: bind.name,
                link,
                generation: 0,
                ended: false,
            });
        }
        let flow = Flow::new(
            config.name.clone(),
            config.submit,
            config.profile.clone(),
            config.pace,
            can_submit,
            Instant::now(),
        );
        Ok(Self {
            provider: config.name,
            profile: config.profile,
            inbound: config.inbound,
            binds,
            flow,
            events,
            commands,
            inbox,
            out: Output::default(),
            random: Random::new(seed),
            status,
            status_changed: false,
            draining: false,
        })
    }

    async fn run(mut self) {
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(timer);
        let mut wake: Option<Instant> = None;
        while !self.binds.iter().all(|bind| bind.ended) {
            tokio::select! {
                events = self.events.recv() => match events {
                    Some(events) => self.take_events(Instant::now(), events),
                    None => return,
                },
                command = next(&mut self.commands, self.draining) => match command {
                    Some(command) => self.take_command(Instant::now(), command),
                    None => self.drain(),
                },
                () = timer.as_mut(), if wake.is_some() => {}
            }
            let now = Instant::now();
            self.take_more(now);
            self.flow.pump(now, &mut self.out);
            self.submit_all();
            self.tell_status(now);
            if !self.report().await {
                return;
            }
            // Of the same instant as `pump`: what became possible since then must wake us.
            let next_wake = self.flow.next_wake(now);
            if next_wake != wake
                && let Some(at) = next_wake
            {
                timer.as_mut().reset(at.into());
            }
            wake = next_wake;
        }
    }

    /// Takes what has arrived meanwhile, so that one turn serves many messages.
    fn take_more(&mut self, now: Instant) {
        for _ in 0..TURN_MESSAGES_MAX {
            match self.events.try_recv() {
                Ok(events) => self.take_events(now, events),
                Err(_) => break,
            }
        }
        for _ in 0..TURN_MESSAGES_MAX {
            match self.commands.try_recv() {
                Ok(command) => self.take_command(now, command),
                Err(_) => break,
            }
        }
    }

    fn take_command(&mut self, now: Instant, command: ToChannel) {
        match command {
            ToChannel::Dispatch(dispatches) => {
                self.flow
                    .dispatch(now, wall_clock(), dispatches, &mut self.out);
            }
            ToChannel::Acknowledge(tokens) => {
                for token in tokens {
                    self.acknowledge(token, CommandStatus::ESME_ROK);
                }
            }
            ToChannel::Drain => self.drain(),
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.flow.drain(&mut self.out);
        for bind in &self.binds {
            bind.link.unbind();
        }
    }

    fn take_events(&mut self, now: Instant, batch: LinkEvents) {
        let LinkEvents {
            link,
            generation,
            events,
            ..
        } = batch;
        let bind = link as usize;
        for event in events {
            match event {
                LinkEvent::Response {
                    token,
                    command_id,
                    command_status,
                    message_id,
                    congestion_state,
                    ..
                } => {
                    let answer = Answer {
                        command_id,
                        command_status,
                        message_id: message_id.as_ref().map(|id| id.as_octets()),
                        congestion_state,
                    };
                    self.flow.response(now, token, &answer, &mut self.out);
                }
                LinkEvent::LateResponse {
                    token,
                    command_id,
                    command_status,
                    message_id,
                } => {
                    let answer = Answer {
                        command_id,
                        command_status,
                        message_id: message_id.as_ref().map(|id| id.as_octets()),
                        congestion_state: None,
                    };
                    self.flow.late_response(token, &answer, &mut self.out);
                }
                LinkEvent::Failed { token, failure } => {
                    self.flow.failed(token, failure, &mut self.out);
                }
                LinkEvent::Request { header, octets } => {
                    self.take_request(bind, generation, header, &octets);
                }
                event => self.take_link_event(bind, generation, event),
            }
        }
    }

    /// What concerns the link as a whole.
    fn take_link_event(&mut self, bind: usize, generation: u64, event: LinkEvent) {
        match event {
            LinkEvent::Bound {
                window,
                system_id,
                sc_interface_version,
            } => {
                self.binds[bind].generation = generation;
                self.flow.bound(bind, window);
                let version = sc_interface_version.unwrap_or_default();
                tracing::info!(
                    provider = %self.provider, bind = self.binds[bind].name,
                    smsc = system_id, version, "bound"
                );
                self.bind_status(bind, BindStatus::bound(wall_clock(), system_id));
            }
            LinkEvent::Down { reason, retry_in } => {
                self.flow.down(bind, &mut self.out);
                self.binds[bind].ended = retry_in.is_none();
                let (provider, name) = (&self.provider, &self.binds[bind].name);
                match retry_in {
                    Some(retry_in) => tracing::warn!(
                        %provider, bind = name, %reason, ?retry_in, "not bound"
                    ),
                    None => tracing::info!(%provider, bind = name, %reason, "ended"),
                }
                self.bind_status(bind, BindStatus::down(wall_clock(), reason.to_string()));
            }
            LinkEvent::BadPdus {
                count,
                header,
                problem,
            } => {
                tracing::warn!(
                    provider = %self.provider, bind = self.binds[bind].name,
                    count, command = %header.command_id, ?problem, "bad PDUs"
                );
            }
            LinkEvent::Response { .. }
            | LinkEvent::LateResponse { .. }
            | LinkEvent::Failed { .. }
            | LinkEvent::Request { .. } => {}
        }
    }

    /// A receipt or a message: passed on, and acknowledged when it is on the disk. Anything else
    /// is answered here.
    fn take_request(&mut self, bind: usize, generation: u64, header: Header, octets: &[u8]) {
        let delivered = match next_frame(octets, u32::MAX) {
            Ok(Some(frame)) => match Pdu::decode(&frame) {
                Ok(Pdu::DeliverSm(sm)) => Some(Delivered::from(&sm)),
                Ok(Pdu::DataSm(data_sm)) => Some(Delivered::from(&data_sm)),
                _ => None,
            },
            _ => None,
        };
        let token = token_of(bind, generation, header.sequence_number);
        let Some(delivered) = delivered else {
            if header.command_id.has_response() {
                self.acknowledge(token, CommandStatus::ESME_RINVCMDID);
            }
            tracing::info!(provider = %self.provider, command = %header.command_id, "not served");
            return;
        };
        let now = wall_clock();
        let id = MessageId::new(now, self.random.next_u128());
        match delivered.read(&self.inbound, &self.profile, &self.provider, now, id) {
            Incoming::Receipt(receipt) => self.out.inputs.push(Input::Receipt {
                provider: self.provider.clone(),
                remote_ids: receipt.remote_ids,
                state: receipt.state,
                error: receipt.error,
                otherwise: receipt.otherwise,
                token,
            }),
            Incoming::Message(message) => self.out.inputs.push(Input::Inbound { message, token }),
            Incoming::Unreadable => {
                tracing::warn!(
                    provider = %self.provider, bind = self.binds[bind].name,
                    "a receipt without an id is acknowledged and dropped"
                );
                self.acknowledge(token, CommandStatus::ESME_ROK);
            }
        }
    }

    /// Answers a request of the SMSC; when its connection is gone, the SMSC will ask again.
    fn acknowledge(&mut self, token: Token, command_status: CommandStatus) {
        let (bind, generation, sequence_number) = split_token(token);
        if let Some(bind) = self.binds.get(bind)
            && bind.generation & GENERATION_MASK == generation
        {
            bind.link
                .respond(bind.generation, sequence_number, command_status);
        }
    }

    fn submit_all(&mut self) {
        let mut submits = std::mem::take(&mut self.out.submits);
        for Submit { bind, token, body } in submits.drain(..) {
            let outgoing = Outgoing {
                command_id: CommandId::SUBMIT_SM,
                body,
            };
            match self.binds[bind].link.try_submit(token, outgoing) {
                Ok(()) => {}
                // The flow keeps to the window, which is what the link has room for.
                Err(SubmitError::Full | SubmitError::Ended) => {
                    self.flow
                        .failed(token, signalbox_esme::Failure::NotSent, &mut self.out);
                }
            }
        }
        self.out.submits = submits;
    }

    /// Hands the inputs to the engine. False when the engine is gone.
    async fn report(&mut self) -> bool {
        if self.out.inputs.is_empty() {
            return true;
        }
        let capacity = self.out.inputs.len();
        let inputs = std::mem::replace(&mut self.out.inputs, Vec::with_capacity(capacity));
        self.inbox.send(inputs).await.is_ok()
    }

    fn bind_status(&mut self, bind: usize, status: BindStatus) {
        self.status.send_if_modified(|all| {
            all.binds[bind].1.change(status);
            false
        });
        self.status_changed = true;
    }

    /// Figures change with each turn and wake nobody; binds do.
    fn tell_status(&mut self, now: Instant) {
        let (flow, changed) = (&self.flow, std::mem::take(&mut self.status_changed));
        self.status.send_if_modified(|status| {
            status.counters = flow.counters;
            status.in_flight = flow.in_flight();
            status.limiter = flow.limiter(now);
            status.rate = flow.rate();
            changed
        });
    }
}

/// The next command; `None` once when the engine's handle is gone.
async fn next(
    commands: &mut mpsc::UnboundedReceiver<ToChannel>,
    draining: bool,
) -> Option<ToChannel> {
    match commands.recv().await {
        None if draining => pending().await,
        command => command,
    }
}

const GENERATION_MASK: u64 = 0xFF_FFFF;

/// Names a request of the SMSC: bind, connection, sequence_number. Connections of a bind are told
/// apart modulo 2^24; a request does not wait that long.
const fn token_of(bind: usize, generation: u64, sequence_number: u32) -> Token {
    Token((bind as u64) << 56 | (generation & GENERATION_MASK) << 32 | sequence_number as u64)
}

const fn split_token(token: Token) -> (usize, u64, u32) {
    (
        (token.0 >> 56) as usize,
        token.0 >> 32 & GENERATION_MASK,
        token.0 as u32,
    )
}

fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
