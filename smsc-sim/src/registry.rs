//! The sessions of an SMSC, and where what it sends is to go: to the bind that asked, to another
//! bind of the same system_id that may receive, or aside until one binds. Pure state.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use signalbox_session::BindType;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::clock::Clock;
use crate::delivery::{Delivery, DeliveryError};
use crate::script::View;

/// Deliveries that wait in the mailbox of one session at most; more are put aside.
const MAILBOX_MAX: usize = 10_000;
/// Deliveries of all system_ids that wait for a bind at most; one more is dropped and counted.
const PARKED_MAX: usize = 100_000;

/// How a session is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// With unbind.
    Unbind,
    /// The connection is closed.
    Fin,
    /// The connection is reset.
    Rst,
}

impl Disconnect {
    /// Its name in the control API.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "unbind" => Some(Self::Unbind),
            "fin" => Some(Self::Fin),
            "rst" => Some(Self::Rst),
            _ => None,
        }
    }
}

/// What a session's task is told.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    /// There is something in the mailbox.
    Mail,
    /// End.
    Disconnect(Disconnect),
    /// The clock was set.
    Clock {
        /// To this.
        clock: Clock,
        /// Takes one answer of each session: what came due by it.
        fired: mpsc::Sender<Vec<Fired>>,
    },
    /// Ask the peer to bind.
    Outbind(Outbind),
    /// The scenario or the active faults have changed.
    Script(Arc<View>),
}

/// What came due when the clock was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// When it was due, ms since 1970.
    pub unix_ms: u64,
    /// The session that did it.
    pub session: u64,
    /// What it is.
    pub what: FiredKind,
}

/// What can come due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FiredKind {
    /// A response.
    Response,
    /// A receipt or a mobile-originated message.
    Delivery,
}

/// Who asks a peer to bind: the fields of outbind. SMPP v3.4 §4.1.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outbind {
    /// The SMSC; at most 15 octets.
    pub(crate) system_id: String,
    /// At most 8 octets.
    pub(crate) password: String,
}

/// A session as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its number: connections are counted from 1.
    pub id: u64,
    /// The other end.
    pub peer: SocketAddr,
    /// When it connected, ms since 1970.
    pub connected_unix_ms: u64,
    /// Who is bound and how; `None`: nobody yet.
    pub bound: Option<(Arc<str>, BindType)>,
}

/// All sessions, and the deliveries that wait.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    sessions: BTreeMap<u64, Entry>,
    parked: HashMap<Arc<str>, VecDeque<Delivery>>,
    parked_count: usize,
    /// Deliveries that found no place, ever.
    pub(crate) dropped: u64,
    last_session: u64,
    last_bind: u64,
}

#[derive(Debug)]
struct Entry {
    info: SessionInfo,
    control: UnboundedSender<Control>,
    mailbox: VecDeque<Delivery>,
}

impl Entry {
    fn receives(&self, system_id: Option<&str>) -> bool {
        self.info.bound.as_ref().is_some_and(|(name, bind_type)| {
            *bind_type != BindType::Transmitter && system_id.is_none_or(|wanted| **name == *wanted)
        })
    }

    fn post(&mut self, delivery: Delivery) {
        if self.mailbox.is_empty() {
            // A session that is just ending leaves its mailbox to the others.
            let _ = self.control.send(Control::Mail);
        }
        self.mailbox.push_back(delivery);
    }
}

impl Registry {
    /// Whether there is or was a session of this number.
    pub(crate) fn had(&self, session: u64) -> bool {
        (1..=self.last_session).contains(&session)
    }

    /// Adds a connection and gives it its number.
    pub(crate) fn connect(
        &mut self,
        peer: SocketAddr,
        connected_unix_ms: u64,
        control: UnboundedSender<Control>,
    ) -> u64 {
        self.last_session += 1;
        let id = self.last_session;
        let info = SessionInfo {
            id,
            peer,
            connected_unix_ms,
            bound: None,
        };
        let mailbox = VecDeque::new();
        self.sessions.insert(
            id,
            Entry {
                info,
                control,
                mailbox,
            },
        );
        id
    }

    /// Marks a session as bound and gives the bind its ordinal. A bind that may receive finds in
    /// its mailbox what was put aside for its system_id.
    pub(crate) fn bind(&mut self, id: u64, system_id: &Arc<str>, bind_type: BindType) -> u64 {
        self.last_bind += 1;
        if let Some(entry) = self.sessions.get_mut(&id) {
            entry.info.bound = Some((Arc::clone(system_id), bind_type));
        }
        self.refill(id);
        self.last_bind
    }

    /// Removes a session; what was in its mailbox goes to the others.
    pub(crate) fn disconnect(&mut self, id: u64) {
        let Some(entry) = self.sessions.remove(&id) else {
            return;
        };
        if let Some((system_id, _)) = entry.info.bound {
            for delivery in entry.mailbox {
                self.route(&system_id, delivery);
            }
        }
    }

    /// Empties the mailbox of a session, but for what is beyond `max`. What was put aside takes the
    /// place.
    pub(crate) fn take_mail(&mut self, id: u64, max: usize) -> Vec<Delivery> {
        let Some(entry) = self.sessions.get_mut(&id) else {
            return Vec::new();
        };
        let count = max.min(entry.mailbox.len());
        let mail = entry.mailbox.drain(..count).collect();
        self.refill(id);
        mail
    }

    /// Whether the mailbox of a session is empty.
    pub(crate) fn has_mail(&self, id: u64) -> bool {
        self.sessions
            .get(&id)
            .is_some_and(|entry| !entry.mailbox.is_empty())
    }

    /// Sends a delivery to a bind of that system_id, or puts it aside until there is one.
    pub(crate) fn route(&mut self, system_id: &Arc<str>, delivery: Delivery) {
        let parked_count = self.parked_count;
        match self.receiver(Some(system_id)) {
            Some(entry) if entry.mailbox.len() < MAILBOX_MAX => entry.post(delivery),
            _ if delivery.answer.is_some() => {
                // Somebody waits for the response: it will not come now.
                answer(delivery, DeliveryError::NoReceiver);
            }
            _ if parked_count < PARKED_MAX => {
                self.parked_count += 1;
                self.parked
                    .entry(Arc::clone(system_id))
                    .or_default()
                    .push_back(delivery);
            }
            _ => self.dropped += 1,
        }
    }

    /// Sends a delivery that somebody waits for to the first bind that may receive, of this
    /// system_id if one is named.
    pub(crate) fn send_now(&mut self, system_id: Option<&str>, delivery: Delivery) {
        match self.receiver(system_id) {
            Some(entry) if entry.mailbox.len() < MAILBOX_MAX => entry.post(delivery),
            Some(_) => answer(delivery, DeliveryError::QueueFull),
            None => answer(delivery, DeliveryError::NoReceiver),
        }
    }

    /// Tells a session to end; false when there is none of this number.
    pub(crate) fn end(&self, id: u64, how: Disconnect) -> bool {
        let Some(entry) = self.sessions.get(&id) else {
            return false;
        };
        entry.control.send(Control::Disconnect(how)).is_ok()
    }

    /// Tells all sessions to end.
    pub(crate) fn end_all(&self, how: Disconnect) {
        self.tell_all(&Control::Disconnect(how));
    }

    /// Tells all sessions the same.
    pub(crate) fn tell_all(&self, control: &Control) {
        for entry in self.sessions.values() {
            // A session that is just ending needs no telling.
            let _ = entry.control.send(control.clone());
        }
    }

    /// All sessions, oldest first.
    pub(crate) fn sessions(&self) -> impl ExactSizeIterator<Item = &SessionInfo> {
        self.sessions.values().map(|entry| &entry.info)
    }

    /// Deliveries that wait for a bind.
    pub(crate) const fn parked(&self) -> usize {
        self.parked_count
    }

    /// Moves what was put aside for the system_id of a session that may receive into its mailbox,
    /// as far as there is room.
    fn refill(&mut self, id: u64) {
        let Some(entry) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some((system_id, _)) = entry.info.bound.clone() else {
            return;
        };
        let Some(parked) = self.parked.get_mut(&system_id) else {
            return;
        };
        if !entry.receives(None) {
            return;
        }
        let room = MAILBOX_MAX.saturating_sub(entry.mailbox.len());
        let count = room.min(parked.len());
        for delivery in parked.drain(..count) {
            entry.post(delivery);
        }
        if parked.is_empty() {
            self.parked.remove(&system_id);
        }
        self.parked_count -= count;
    }

    fn receiver(&mut self, system_id: Option<&str>) -> Option<&mut Entry> {
        self.sessions
            .values_mut()
            .find(|entry| entry.receives(system_id))
    }
}

/// Tells whoever waits for the delivery; it may have stopped waiting.
pub(crate) fn answer(delivery: Delivery, error: DeliveryError) {
    if let Some(sender) = delivery.answer {
        let _ = sender.send(Err(error));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;
    use crate::clock::SmscTime;

    fn delivery(number: u32) -> Delivery {
        Delivery {
            due: SmscTime::from_unix_ms(0),
            body: Bytes::copy_from_slice(&number.to_be_bytes()),
            about: None,
            state: None,
            answer: None,
        }
    }

    fn connect(registry: &mut Registry) -> (u64, UnboundedReceiver<Control>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        (registry.connect(peer, 0, sender), receiver)
    }

    fn numbers(mail: &[Delivery]) -> Vec<u32> {
        let number = |d: &Delivery| u32::from_be_bytes(d.body[..].try_into().unwrap());
        mail.iter().map(number).collect()
    }

    #[test]
    fn mail_goes_to_a_receiving_bind_of_the_system_id_and_wakes_it_once() {
        let (mut registry, esme) = (Registry::default(), Arc::from("esme"));
        let (transmitter, _control) = connect(&mut registry);
        let (receiver, mut control) = connect(&mut registry);
        registry.bind(transmitter, &esme, BindType::Transmitter);
        registry.bind(receiver, &esme, BindType::Receiver);
        for number in 0..3 {
            registry.route(&esme, delivery(number));
        }
        assert!(matches!(control.try_recv(), Ok(Control::Mail)));
        assert!(control.try_recv().is_err(), "one call is enough");
        assert_eq!(numbers(&registry.take_mail(receiver, 2)), [0, 1]);
        assert!(registry.has_mail(receiver) && !registry.has_mail(transmitter));

        registry.disconnect(receiver);
        assert_eq!(registry.parked(), 1);
        let (next, _control) = connect(&mut registry);
        registry.bind(next, &esme, BindType::Transceiver);
        assert_eq!(numbers(&registry.take_mail(next, 9)), [2]);
        assert_eq!(registry.parked(), 0);
    }

    #[test]
    fn what_exceeds_the_mailbox_is_put_aside_and_what_exceeds_that_is_dropped() {
        let (mut registry, esme) = (Registry::default(), Arc::from("esme"));
        let (receiver, _control) = connect(&mut registry);
        registry.bind(receiver, &esme, BindType::Receiver);
        for number in 0..MAILBOX_MAX + PARKED_MAX + 5 {
            registry.route(&esme, delivery(number as u32));
        }
        assert_eq!((registry.parked(), registry.dropped), (PARKED_MAX, 5));
        let mut taken = 0;
        while registry.has_mail(receiver) {
            taken += registry.take_mail(receiver, usize::MAX).len();
        }
        assert_eq!((taken, registry.parked()), (MAILBOX_MAX + PARKED_MAX, 0));
    }

    #[test]
    fn whoever_waits_is_told_at_once_that_there_is_no_receiver() {
        let (mut registry, esme) = (Registry::default(), Arc::from("esme"));
        for known in [true, false] {
            let (sender, mut result) = tokio::sync::oneshot::channel();
            let delivery = Delivery {
                answer: Some(sender),
                ..delivery(1)
            };
            if known {
                registry.route(&esme, delivery);
            } else {
                registry.send_now(None, delivery);
            }
            assert_eq!(result.try_recv(), Ok(Err(DeliveryError::NoReceiver)));
        }
    }
}
