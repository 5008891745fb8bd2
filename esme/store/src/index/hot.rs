//! The part of the index that is in memory: what changed since the last checkpoint, what is in
//! flight, and what was asked for lately.

use std::collections::hash_map::{Entry, OccupiedEntry};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;
use signalbox_router::{DeliveryId, DeliveryState, Message, MessageId, Phase, Timestamp};

use crate::frame::Location;
use crate::index::deadlines::Deadlines;
use crate::index::entry::{KeyEntry, MessageEntry};
use crate::index::keys::OrderKey;
use crate::index::linger::Lingering;
use crate::index::places::Providers;
use crate::wire::Malformed;

/// Deliveries by phase, in the order of [`Phase`], in memory or not; those that are done are not
/// counted.
pub(crate) type PhaseCounts = [u64; 6];

type Messages = HashMap<MessageId, HotMessage, RandomState>;

#[derive(Default)]
pub(crate) struct Hot {
    pub(crate) messages: Messages,
    /// By the octets of the index key.
    pub(crate) keys: HashMap<Box<[u8]>, HotKey, RandomState>,
    pub(crate) providers: Providers,
    pub(crate) deadlines: Deadlines,
    pub(crate) lingering: Lingering,
    bodies: Bodies,
    pub(crate) phases: PhaseCounts,
}

/// What the bodies in memory come to.
#[derive(Default)]
struct Bodies {
    octets: usize,
    count: usize,
    /// Messages that were sent and wait for a receipt, longest first: their bodies go first, as
    /// what is queued is needed sooner. Some of them may be done meanwhile.
    sent: VecDeque<MessageId>,
    /// Length of that line when it was last tidied: recipients of one message stand in it each.
    sent_tidied: usize,
}

/// So many messages without a body may stand in the line of those that were sent, beside as many
/// as have one.
const SENT_WITHOUT_BODY_MAX: usize = 1_024;

/// Most recipients of a message that is kept as octets when it is done: a change of one of them
/// costs all.
const LINGER_RECIPIENTS_MAX: usize = 16;

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
}

pub(crate) struct HotKey {
    pub(crate) entry: KeyEntry,
    pub(crate) dirty: bool,
}

impl HotMessage {
    /// Brought into memory again; one that no run has is to be written.
    pub(crate) fn looked_up(entry: MessageEntry, in_runs: bool) -> Self {
        Self {
            location: entry.location,
            states: entry.states,
            changed_at: entry.changed_at,
            body: None,
            dirty: !in_runs,
            in_runs,
        }
    }

    /// The state of one of its deliveries.
    pub(crate) fn state(&self, id: DeliveryId) -> Option<&DeliveryState> {
        self.states.get(usize::from(id.recipient))
    }

    pub(crate) fn is_live(&self) -> bool {
        self.states.iter().any(|state| state.phase != Phase::Done)
    }

    fn take_body(&mut self, message: Arc<Message>, bodies: &mut Bodies) {
        if self.body.replace(message).is_none() {
            bodies.octets += self.body_octets();
            bodies.count += 1;
        }
    }

    fn drop_body(&mut self, bodies: &mut Bodies) {
        if self.body.take().is_some() {
            bodies.octets -= self.body_octets();
            bodies.count -= 1;
        }
    }

    /// Nothing is going to happen to it by itself.
    fn is_settled(&self) -> bool {
        self.states.iter().all(is_settled)
    }

    fn is_to_linger(&self) -> bool {
        self.is_settled() && self.states.len() <= LINGER_RECIPIENTS_MAX
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
    pub(crate) fn new(phases: PhaseCounts, lingering: Lingering) -> Self {
        Self {
            phases,
            lingering,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len() + self.keys.len()
    }

    /// Takes a message that was just accepted. Its body is kept if there is room; if not, the
    /// journal has it when its turn comes.
    pub(crate) fn accept(
        &mut self,
        message: &Arc<Message>,
        location: Location,
        states: Vec<DeliveryState>,
        bodies_octets_max: usize,
    ) {
        let (id, accepted_at) = (message.id, message.accepted_at);
        for state in &states {
            count(&mut self.phases, state.phase, 1);
        }
        self.enter(id, &states);
        let entry = MessageEntry {
            location,
            states,
            changed_at: accepted_at,
        };
        let mut hot = HotMessage::looked_up(entry, false);
        let settled = hot.is_settled();
        // What leaves at once is asked for again with its outcome.
        let room = self.make_room(hot.body_octets(), bodies_octets_max);
        if !settled && (room || hot.in_flight()) {
            hot.take_body(Arc::clone(message), &mut self.bodies);
        }
        self.messages.insert(id, hot);
        if settled && let Entry::Occupied(entry) = self.messages.entry(id) {
            let (lingering, bodies) = (&mut self.lingering, &mut self.bodies);
            settle(
                entry,
                lingering,
                bodies,
                &mut self.providers,
                &mut self.deadlines,
            );
        }
    }

    /// Takes a message that was looked up in the runs. Its queues and deadlines stay there.
    pub(crate) fn cache(&mut self, id: MessageId, entry: MessageEntry) {
        self.messages.insert(id, HotMessage::looked_up(entry, true));
    }

    /// Takes a message back that was done. False: it is not known.
    pub(crate) fn take_back(&mut self, id: MessageId) -> Result<bool, Malformed> {
        let Some(message) = self.lingering.take(id)? else {
            return Ok(false);
        };
        // It has neither queue nor deadline, and what took its remote ids since is newer.
        self.providers.return_remote_ids(id, &message.states);
        self.messages.insert(id, message);
        Ok(true)
    }

    /// Gives the deliveries of a message their places.
    fn enter(&mut self, id: MessageId, states: &[DeliveryState]) {
        let unknown = DeliveryState::default();
        for (recipient, state) in (0..).zip(states) {
            let delivery = DeliveryId {
                message: id,
                recipient,
            };
            self.deadlines.add(state.deadline_at, delivery);
            self.providers.enter_queue(delivery, state);
            self.providers.enter_remote_ids(delivery, &unknown, state);
        }
    }

    /// Exchanges the state of a delivery with its former one; false when the message is not in
    /// memory.
    pub(crate) fn change(
        &mut self,
        id: DeliveryId,
        at: Timestamp,
        state: &mut DeliveryState,
    ) -> bool {
        let Entry::Occupied(mut entry) = self.messages.entry(id.message) else {
            return false;
        };
        let hot = entry.get_mut();
        let Some(slot) = hot.states.get_mut(usize::from(id.recipient)) else {
            return false;
        };
        std::mem::swap(slot, state);
        let (state, former) = (&*slot, &*state);
        let phase = state.phase;
        for (known, change) in [(former.phase, -1), (phase, 1)] {
            count(&mut self.phases, known, change);
        }
        let mut untidy = false;
        if former.deadline_at != state.deadline_at {
            untidy = self.deadlines.remove(former.deadline_at, id);
            self.deadlines.add(state.deadline_at, id);
        }
        self.providers.leave_queue(id, former);
        self.providers.enter_queue(id, state);
        self.providers.leave_remote_ids(id, former, state);
        // Those that runs hold may have been forgotten here, or be forgotten there.
        let unknown = DeliveryState::default();
        let told = if hot.in_runs { &unknown } else { former };
        self.providers.enter_remote_ids(id, told, state);
        hot.dirty = true;
        hot.changed_at = at;
        if phase == Phase::Done && hot.is_settled() {
            let (lingering, bodies) = (&mut self.lingering, &mut self.bodies);
            settle(
                entry,
                lingering,
                bodies,
                &mut self.providers,
                &mut self.deadlines,
            );
        }
        if phase == Phase::AwaitingReceipt && former.phase != phase {
            if self.bodies.sent.back() != Some(&id.message) {
                self.bodies.sent.push_back(id.message);
            }
            self.forget_sent();
        }
        if untidy {
            let messages = &self.messages;
            let valid = |at, id| has_deadline(messages, at, id);
            self.deadlines.tidy(former.deadline_at, valid);
        }
        true
    }

    /// Keeps a body that was read again: it is being worked with, so it stays even where there is
    /// no room. What is worked with is bounded by the credit of the channels.
    pub(crate) fn keep_body(&mut self, message: &Arc<Message>, octets_max: usize) {
        let octets = self.messages.get(&message.id).map(HotMessage::body_octets);
        self.make_room(octets.unwrap_or_default(), octets_max);
        if let Some(hot) = self.messages.get_mut(&message.id) {
            hot.take_body(Arc::clone(message), &mut self.bodies);
            self.bodies.sent.push_back(message.id);
            self.forget_sent();
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

    /// Takes those out of the line that have no body any more, once they are many.
    fn forget_sent(&mut self) {
        let Self {
            messages, bodies, ..
        } = self;
        if bodies.sent.len() > 2 * bodies.sent_tidied.max(bodies.count) + SENT_WITHOUT_BODY_MAX {
            let has_body = |hot: &HotMessage| hot.body.is_some();
            bodies
                .sent
                .retain(|id| messages.get(id).is_some_and(has_body));
            bodies.sent_tidied = bodies.sent.len();
        }
    }

    /// The first `max` deadlines that are over.
    pub(crate) fn overdue(&mut self, now: Timestamp, max: usize) -> Vec<OrderKey> {
        let messages = &self.messages;
        self.deadlines
            .due(now, max, |at, id| has_deadline(messages, at, id))
    }

    /// After a checkpoint: everything is in the runs; forgets what is done, or (`all`) everything
    /// but what is in flight.
    pub(crate) fn clean(&mut self, all: bool) {
        for hot in self.messages.values_mut() {
            hot.dirty = false;
            hot.in_runs = true;
        }

        for key in self.keys.values_mut() {
            key.dirty = false;
        }
        if !all {
            let done = |(id, hot): (&MessageId, &HotMessage)| {
                (!hot.is_live()).then_some((hot.changed_at, *id))
            };
            let mut done: Vec<_> = self.messages.iter().filter_map(done).collect();
            // So that the later of two with the same remote id stays the one that is found.
            done.sort_unstable();
            done.into_iter().for_each(|(_, id)| self.forget(id));
            self.lingering.written();
            return;
        }
        self.messages.retain(|_, hot| hot.in_flight());
        self.messages.shrink_to_fit();
        let with_body = self.messages.values().filter(|hot| hot.body.is_some());
        self.bodies.octets = with_body.clone().map(HotMessage::body_octets).sum();
        self.bodies.count = with_body.count();
        self.bodies.sent.clear();
        self.bodies.sent_tidied = 0;
        self.lingering.clear();
        self.keys = HashMap::default();
        self.providers.clear();
        self.deadlines = Deadlines::default();
    }

    /// Ids of messages with a delivery in flight.
    pub(crate) fn in_flight(&self) -> Vec<MessageId> {
        let in_flight = self.messages.iter().filter(|(_, hot)| hot.in_flight());
        in_flight.map(|(id, _)| *id).collect()
    }

    fn forget(&mut self, id: MessageId) {
        if let Some(mut hot) = self.messages.remove(&id) {
            hot.drop_body(&mut self.bodies);
            if hot.is_to_linger() {
                self.lingering.keep(id, &hot);
            }
            leave(id, &hot, &mut self.providers, &mut self.deadlines);
        }
    }
}

/// Whether nothing is going to happen to a delivery by itself.
pub(crate) fn is_settled(state: &DeliveryState) -> bool {
    state.phase == Phase::Done && state.deadline_at == Timestamp(0)
}

/// Puts a message away that is done.
fn settle(
    mut entry: OccupiedEntry<'_, MessageId, HotMessage>,
    lingering: &mut Lingering,
    bodies: &mut Bodies,
    providers: &mut Providers,
    deadlines: &mut Deadlines,
) {
    // Rarely asked for again, and then the journal has it.
    entry.get_mut().drop_body(bodies);
    // A run that has it as not done must be told by a checkpoint first.
    if !entry.get().in_runs && entry.get().is_to_linger() {
        let (id, message) = entry.remove_entry();
        lingering.keep(id, &message);
        leave(id, &message, providers, deadlines);
    }
}

/// Forgets the places of a message that is not in memory any more.
fn leave(
    id: MessageId,
    message: &HotMessage,
    providers: &mut Providers,
    deadlines: &mut Deadlines,
) {
    let gone = DeliveryState::default();
    for (recipient, state) in (0..).zip(&message.states) {
        let delivery = DeliveryId {
            message: id,
            recipient,
        };
        providers.leave_queue(delivery, state);
        providers.leave_remote_ids(delivery, state, &gone);
        deadlines.remove(state.deadline_at, delivery);
    }
}

fn has_deadline(messages: &Messages, at: Timestamp, id: DeliveryId) -> bool {
    let state = messages.get(&id.message).and_then(|hot| hot.state(id));
    state.is_some_and(|state| state.deadline_at == at)
}

fn count(phases: &mut PhaseCounts, phase: Phase, change: i64) {
    if phase != Phase::Done {
        let count = &mut phases[phase as usize];
        *count = count.saturating_add_signed(change);
    }
}

#[cfg(test)]
mod tests;
