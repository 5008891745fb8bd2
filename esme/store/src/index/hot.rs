//! The part of the index that is in memory: what changed since the last checkpoint, what is in
//! flight, and what was asked for lately.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;
use signalbox_router::{
    DeliveryId, DeliveryState, Message, MessageId, PartId, Phase, Priority, ProviderName, Timestamp,
};

use crate::frame::Location;
use crate::index::deadlines::Deadlines;
use crate::index::entry::{KeyEntry, MessageEntry};
use crate::index::keys::OrderKey;

/// Deliveries by phase, in the order of [`Phase`], in memory or not; those that are done are not
/// counted.
pub(crate) type PhaseCounts = [u64; 6];

#[derive(Default)]
pub(crate) struct Hot {
    pub(crate) messages: HashMap<MessageId, HotMessage, RandomState>,
    /// By the octets of the index key.
    pub(crate) keys: HashMap<Box<[u8]>, HotKey, RandomState>,
    pub(crate) providers: Vec<HotProvider>,
    pub(crate) deadlines: Deadlines,
    linger: VecDeque<(Timestamp, MessageId)>,
    bodies: Bodies,
    pub(crate) phases: PhaseCounts,
}

/// What the bodies in memory come to.
#[derive(Default)]
struct Bodies {
    octets: usize,
    /// Messages that were sent and wait for a receipt, longest first: their bodies go first, as
    /// what is queued is needed sooner. Some of them may be done meanwhile.
    sent: VecDeque<MessageId>,
}

/// A message in memory.
pub(crate) struct HotMessage {
    pub(crate) location: Location,
    pub(crate) states: Vec<DeliveryState>,
    pub(crate) changed_at: Timestamp,
    pub(crate) body: Option<Arc<Message>>,
    /// Changed since the last checkpoint.
    pub(crate) dirty: bool,
    /// A run has it, perhaps in an older state.
    pub(crate) in_runs: bool,
    /// Done, and waiting in the line to be forgotten.
    pub(crate) lingering: bool,
}

pub(crate) struct HotKey {
    pub(crate) entry: KeyEntry,
    pub(crate) dirty: bool,
}

/// Queue and remote ids of one provider.
pub(crate) struct HotProvider {
    pub(crate) name: ProviderName,
    pub(crate) queues: [BTreeSet<OrderKey>; 5],
    pub(crate) remote_ids: HashMap<Arc<str>, PartId, RandomState>,
}

impl HotMessage {
    pub(crate) fn is_live(&self) -> bool {
        self.states.iter().any(|state| state.phase != Phase::Done)
    }

    /// Marks it as done and waiting to be forgotten.
    fn line_up(&mut self, bodies: &mut Bodies) {
        self.lingering = true;
        // Rarely asked for again, and then the journal has it.
        self.drop_body(bodies);
    }

    fn take_body(&mut self, message: Arc<Message>, bodies: &mut Bodies) {
        if self.body.replace(message).is_none() {
            bodies.octets += self.body_octets();
        }
    }

    fn drop_body(&mut self, bodies: &mut Bodies) {
        if self.body.take().is_some() {
            bodies.octets -= self.body_octets();
        }
    }

    /// What a body takes in memory, roughly.
    const fn body_octets(&self) -> usize {
        self.location.octets as usize + size_of::<Message>()
    }

    fn in_flight(&self) -> bool {
        self.states
            .iter()
            .any(|state| state.phase == Phase::Dispatched)
    }
}

impl Hot {
    /// Empty, while runs hold deliveries of these phases.
    pub(crate) fn with_phases(phases: PhaseCounts) -> Self {
        Self {
            phases,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len() + self.keys.len()
    }

    pub(crate) fn provider(&self, name: &ProviderName) -> Option<&HotProvider> {
        self.providers
            .iter()
            .find(|provider| provider.name == *name)
    }

    /// Takes a message that was just accepted. Its body is kept if there is room; if not, the
    /// journal has it when its turn comes.
    pub(crate) fn accept(
        &mut self,
        message: Arc<Message>,
        location: Location,
        states: Vec<DeliveryState>,
        bodies_octets_max: usize,
    ) {
        let (id, accepted_at) = (message.id, message.accepted_at);
        let unknown = DeliveryState::default();
        for (recipient, state) in (0..).zip(&states) {
            let delivery = DeliveryId {
                message: id,
                recipient,
            };
            count(&mut self.phases, state.phase, 1);
            self.deadlines.add(state.deadline_at, delivery);
            enter_queue(&mut self.providers, delivery, state);
            enter_remote_ids(&mut self.providers, delivery, &unknown, state);
        }
        let mut hot = HotMessage {
            location,
            states,
            changed_at: accepted_at,
            body: None,
            dirty: true,
            in_runs: false,
            lingering: false,
        };
        let live = hot.is_live();
        // What leaves at once is asked for again with its outcome.
        let room = self.make_room(hot.body_octets(), bodies_octets_max);
        if live && (room || hot.in_flight()) {
            hot.take_body(message, &mut self.bodies);
        }
        self.messages.insert(id, hot);
        if !live {
            self.line_up(id, accepted_at);
        }
    }

    /// Takes a message that was looked up. Its queues and deadlines stay where they were.
    pub(crate) fn cache(&mut self, id: MessageId, entry: MessageEntry) {
        let hot = HotMessage {
            location: entry.location,
            states: entry.states,
            changed_at: Timestamp(0),
            body: None,
            dirty: false,
            in_runs: true,
            lingering: false,
        };
        self.messages.insert(id, hot);
    }

    /// Replaces the state of a delivery whose message is in memory; gives the state back if
    /// it is not.
    pub(crate) fn change(
        &mut self,
        id: DeliveryId,
        at: Timestamp,
        mut state: DeliveryState,
    ) -> Option<DeliveryState> {
        let known = self.messages.get_mut(&id.message);
        let Some(hot) = known.filter(|hot| hot.states.len() > usize::from(id.recipient)) else {
            return Some(state);
        };
        let slot = &mut hot.states[usize::from(id.recipient)];
        std::mem::swap(slot, &mut state);
        let (state, former) = (&*slot, state);
        for (known, change) in [(&former, -1), (state, 1)] {
            count(&mut self.phases, known.phase, change);
        }
        if former.deadline_at != state.deadline_at {
            self.deadlines.remove(former.deadline_at, id);
            self.deadlines.add(state.deadline_at, id);
        }
        leave_queue(&mut self.providers, id, &former);
        enter_queue(&mut self.providers, id, state);
        leave_remote_ids(&mut self.providers, id, &former, state);
        // Those that runs hold may have been forgotten here, or be forgotten there.
        let unknown = DeliveryState::default();
        let told = if hot.in_runs { &unknown } else { &former };
        enter_remote_ids(&mut self.providers, id, told, state);
        let phase = state.phase;
        hot.dirty = true;
        hot.changed_at = at;
        if phase == Phase::Done && !hot.lingering && !hot.is_live() {
            hot.line_up(&mut self.bodies);
            self.linger.push_back((at, id.message));
        }
        if phase == Phase::AwaitingReceipt && former.phase != phase {
            self.bodies.sent.push_back(id.message);
            self.forget_sent();
        }
        None
    }

    /// Keeps a body that was read again: it is being worked with, so it stays even where there is
    /// no room. What is worked with is bounded by the credit of the channels.
    pub(crate) fn keep_body(&mut self, message: &Arc<Message>, octets_max: usize) {
        let octets = self.messages.get(&message.id).map(HotMessage::body_octets);
        self.make_room(octets.unwrap_or_default(), octets_max);
        if let Some(hot) = self.messages.get_mut(&message.id) {
            hot.take_body(Arc::clone(message), &mut self.bodies);
            self.bodies.sent.push_back(message.id);
        }
    }

    /// Drops bodies of what waits for a receipt until so many octets fit, if they ever do.
    fn make_room(&mut self, octets: usize, octets_max: usize) -> bool {
        while self.bodies.octets + octets > octets_max {
            let Some(longest) = self.bodies.sent.pop_front() else {
                return false;
            };
            if let Some(hot) = self.messages.get_mut(&longest) {
                hot.drop_body(&mut self.bodies);
            }
        }
        true
    }

    /// Takes those out of the line at whose end one was added that have no body any more, two at a
    /// time: the line is never much longer than there are bodies.
    fn forget_sent(&mut self) {
        for _ in 0..2 {
            let Some(longest) = self.bodies.sent.front() else {
                return;
            };
            let hot = self.messages.get(longest);
            if hot.is_some_and(|hot| hot.body.is_some()) {
                return;
            }
            self.bodies.sent.pop_front();
        }
    }

    /// Forgets messages that have been done for long enough or are too many.
    pub(crate) fn forget_lingering(
        &mut self,
        clock: Timestamp,
        entries_max: usize,
        linger_ms: u64,
    ) {
        while let Some((done_at, id)) = self.linger.front().copied() {
            if self.linger.len() <= entries_max && done_at.plus_ms(linger_ms) >= clock {
                break;
            }
            self.linger.pop_front();
            let Some(hot) = self.messages.get_mut(&id) else {
                continue;
            };
            hot.lingering = false;
            // A run that has it as not done must be told by a checkpoint first.
            let unknown_to_runs = hot.dirty && hot.in_runs;
            if !hot.is_live() && !unknown_to_runs {
                self.forget(id);
            }
        }
    }

    /// After a checkpoint: everything is in the runs; forgets what is done, or (`all`) everything
    /// but what is in flight.
    pub(crate) fn clean(&mut self, all: bool) {
        for hot in self.messages.values_mut() {
            hot.dirty = false;
            hot.in_runs = true;
            hot.lingering &= !all;
        }
        for key in self.keys.values_mut() {
            key.dirty = false;
        }
        if !all {
            let done = |(id, hot): (&MessageId, &HotMessage)| {
                (!hot.lingering && !hot.is_live()).then_some(*id)
            };
            let done: Vec<MessageId> = self.messages.iter().filter_map(done).collect();
            done.into_iter().for_each(|id| self.forget(id));
            return;
        }
        self.messages.retain(|_, hot| hot.in_flight());
        self.messages.shrink_to_fit();
        let with_body = self.messages.values().filter(|hot| hot.body.is_some());
        self.bodies.octets = with_body.map(HotMessage::body_octets).sum();
        self.bodies.sent.clear();
        self.keys = HashMap::default();
        self.providers.clear();
        self.deadlines = Deadlines::default();
        self.linger.clear();
    }

    /// Ids of messages with a delivery in flight.
    pub(crate) fn in_flight(&self) -> Vec<MessageId> {
        let in_flight = self.messages.iter().filter(|(_, hot)| hot.in_flight());
        in_flight.map(|(id, _)| *id).collect()
    }

    fn line_up(&mut self, id: MessageId, at: Timestamp) {
        let Some(hot) = self.messages.get_mut(&id) else {
            return;
        };
        if !hot.lingering && !hot.is_live() {
            hot.line_up(&mut self.bodies);
            self.linger.push_back((at, id));
        }
    }

    fn forget(&mut self, id: MessageId) {
        let Some(mut hot) = self.messages.remove(&id) else {
            return;
        };
        hot.drop_body(&mut self.bodies);
        let gone = DeliveryState::default();
        for (recipient, state) in (0..).zip(&hot.states) {
            let delivery = DeliveryId {
                message: id,
                recipient,
            };
            leave_queue(&mut self.providers, delivery, state);
            leave_remote_ids(&mut self.providers, delivery, state, &gone);
            self.deadlines.remove(state.deadline_at, delivery);
        }
    }
}

fn count(phases: &mut PhaseCounts, phase: Phase, change: i64) {
    if phase != Phase::Done {
        let count = &mut phases[phase as usize];
        *count = count.saturating_add_signed(change);
    }
}

fn enter_queue(providers: &mut Vec<HotProvider>, id: DeliveryId, state: &DeliveryState) {
    if let (Some(key), Some(name)) = (OrderKey::queued(id, state), &state.provider) {
        let provider = provider_mut(providers, name);
        provider.queues[state.priority as usize].insert(key);
    }
}

fn leave_queue(providers: &mut Vec<HotProvider>, id: DeliveryId, state: &DeliveryState) {
    if let (Some(key), Some(name)) = (OrderKey::queued(id, state), &state.provider) {
        let provider = provider_mut(providers, name);
        provider.queues[state.priority as usize].remove(&key);
    }
}

/// Forgets the remote ids of a former state that the next one does not have.
fn leave_remote_ids(
    providers: &mut Vec<HotProvider>,
    id: DeliveryId,
    former: &DeliveryState,
    next: &DeliveryState,
) {
    let Some(name) = &former.provider else {
        return;
    };
    for (part, remote_id) in remote_ids(former) {
        if has_remote_id(next, name, part, remote_id) {
            continue;
        }
        let known = &mut provider_mut(providers, name).remote_ids;
        // Taken out first, as it is nearly always this delivery's: one look instead of two.
        if let Some((remote_id, other)) = known.remove_entry(remote_id)
            && other != (PartId { delivery: id, part })
        {
            known.insert(remote_id, other);
        }
    }
}

/// Takes the remote ids that the former state did not have.
fn enter_remote_ids(
    providers: &mut Vec<HotProvider>,
    id: DeliveryId,
    former: &DeliveryState,
    next: &DeliveryState,
) {
    let Some(name) = &next.provider else {
        return;
    };
    for (part, remote_id) in remote_ids(next) {
        if has_remote_id(former, name, part, remote_id) {
            continue;
        }
        let known = &mut provider_mut(providers, name).remote_ids;
        known.insert(Arc::clone(remote_id), PartId { delivery: id, part });
    }
}

fn has_remote_id(
    state: &DeliveryState,
    provider: &ProviderName,
    part: u8,
    remote_id: &Arc<str>,
) -> bool {
    let known = state.parts.get(usize::from(part) - 1);
    let known = known.and_then(|part| part.remote_id.as_ref());
    known == Some(remote_id) && state.provider.as_ref() == Some(provider)
}

impl HotProvider {
    pub(crate) fn queue(&self, priority: Priority) -> &BTreeSet<OrderKey> {
        &self.queues[priority as usize]
    }
}

/// Parts that have a remote id, with their numbers.
pub(crate) fn remote_ids(state: &DeliveryState) -> impl Iterator<Item = (u8, &Arc<str>)> {
    (1..=u8::MAX)
        .zip(&state.parts)
        .filter_map(|(part, known)| Some((part, known.remote_id.as_ref()?)))
}

/// The providers are those of the configuration, so a list is enough.
fn provider_mut<'a>(
    providers: &'a mut Vec<HotProvider>,
    name: &ProviderName,
) -> &'a mut HotProvider {
    let at = providers.iter().position(|provider| provider.name == *name);
    let at = at.unwrap_or_else(|| {
        providers.push(HotProvider {
            name: name.clone(),
            queues: Default::default(),
            remote_ids: HashMap::default(),
        });
        providers.len() - 1
    });
    &mut providers[at]
}

#[cfg(test)]
mod tests;
