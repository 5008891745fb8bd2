//! The index: what the router asks for, derived from the journal.
//!
//! Recent entries are in memory ([`hot`]). A [`checkpoint`] writes those that changed into an
//! immutable sorted file, a [`run`]; the [`manifest`] names the runs and the journal position that
//! they stand for. Opening is: read the manifest and the fences of the runs, replay the journal
//! from there. A message is either wholly in memory or wholly looked up; a newer run hides an
//! older one; a background [`merge`] keeps the runs few.

mod checkpoint;
mod cold;
mod cursor;
mod deadlines;
mod entry;
mod hot;
mod keys;
mod linger;
mod manifest;
mod merge;
mod parked;
mod places;
mod run;

use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use signalbox_router::{
    DeliveryId, DeliveryState, ErrorCode, Message, MessageId, ParkedReceipt, PartId, Phase,
    Priority, ProviderName, Record, State, Timestamp,
};

use crate::StoreConfig;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::frame::Location;
use crate::wire::Malformed;
pub(crate) use manifest::Manifest;
pub(crate) use places::remote_ids;

use cold::Cold;
use entry::{KeyEntry, get_entry, get_key, get_remote};
use hot::{Hot, HotKey, HotMessage, is_settled};
use keys::{OrderKey, TABLE_DEADLINES};
use merge::Merge;
use parked::Parked;

/// Priorities in the order of the queue.
const PRIORITIES: [Priority; 5] = [
    Priority::Highest,
    Priority::High,
    Priority::Normal,
    Priority::Low,
    Priority::Lowest,
];

/// A message that was asked for.
pub(crate) enum Found<'a> {
    InMemory(&'a HotMessage),
    Lingering(HotMessage),
}

impl Deref for Found<'_> {
    type Target = HotMessage;

    fn deref(&self) -> &HotMessage {
        match self {
            Self::InMemory(message) => message,
            Self::Lingering(message) => message,
        }
    }
}

pub(crate) struct Index {
    config: StoreConfig,
    disk: Arc<dyn Disk>,
    hot: Hot,
    cold: Cold,
    parked: Parked,
    /// Dispatched before the store was opened, and not changed since.
    recovering: BTreeSet<DeliveryId>,
    /// Latest time seen in a record; the index has no clock of its own.
    clock: Timestamp,
    /// Journal position of the last checkpoint.
    checkpoint_at: u64,
    /// Deliveries by phase at that position.
    checkpoint_phases: hot::PhaseCounts,
    next_run: u64,
    merge: Option<Merge>,
    scratch: Vec<u8>,
    pub(crate) checkpoints: u64,
    pub(crate) checkpoint_us_max: u64,
    pub(crate) checkpoint_failures: u64,
    pub(crate) merges: u64,
    /// Messages given up because their record is damaged.
    pub(crate) messages_lost: u64,
}

impl Index {
    pub(crate) const fn clock(&self) -> Timestamp {
        self.clock
    }

    pub(crate) const fn phases(&self) -> &hot::PhaseCounts {
        &self.hot.phases
    }

    pub(crate) fn hot_len(&self) -> usize {
        self.hot.len()
    }

    pub(crate) fn run_count(&self) -> usize {
        self.cold.runs.len()
    }

    pub(crate) fn run_octets(&self) -> u64 {
        self.cold.runs.iter().map(|cold| cold.run.octets).sum()
    }

    pub(crate) fn fence_octets(&self) -> usize {
        self.cold
            .runs
            .iter()
            .map(|cold| cold.run.fence_octets())
            .sum()
    }

    pub(crate) const fn parked(&self) -> &Parked {
        &self.parked
    }

    /// Takes a record that stands at `location`, and its states with it. False: a change of a
    /// message that is not known.
    pub(crate) fn apply(
        &mut self,
        record: &mut Record,
        location: Location,
    ) -> Result<bool, StoreError> {
        match record {
            Record::Accepted { message, states } => {
                self.tick(message.accepted_at);
                self.remember_key(message);
                let bodies_octets_max = self.config.body_cache_octets;
                self.hot
                    .accept(message, location, std::mem::take(states), bodies_octets_max);
            }
            Record::Changed {
                delivery,
                at,
                state,
                ..
            } => {
                self.tick(*at);
                if !self.recovering.is_empty() {
                    self.recovering.remove(delivery);
                }
                if !self.hot.change(*delivery, *at, state) {
                    let loaded = self.load(delivery.message)?;
                    return Ok(loaded && self.hot.change(*delivery, *at, state));
                }
            }
            Record::Parked(receipt) => {
                self.tick(receipt.at);
                self.parked.park(receipt);
            }
            Record::Unparked {
                provider,
                remote_id,
                at,
                ..
            } => {
                self.tick(*at);
                self.parked.unpark(provider, remote_id);
            }
        }
        Ok(true)
    }

    /// The message with its states, if it is in memory.
    pub(crate) fn in_memory(&self, id: MessageId) -> Option<&HotMessage> {
        self.hot.messages.get(&id)
    }

    /// The message with its states, brought into memory if need be; of one that is done and kept
    /// as such a copy, so that to ask for it changes nothing.
    pub(crate) fn message(&mut self, id: MessageId) -> Result<Option<Found<'_>>, StoreError> {
        if !self.hot.messages.contains_key(&id) {
            let lingering = self.hot.lingering.get(id);
            if let Some(done) = self.decoded(lingering)? {
                return Ok(Some(Found::Lingering(done)));
            }
            load_cold(&mut self.hot, &self.cold, id)?;
        }
        Ok(self.hot.messages.get(&id).map(Found::InMemory))
    }

    pub(crate) fn keep_body(&mut self, message: &Arc<Message>) {
        self.hot.keep_body(message, self.config.body_cache_octets);
    }

    /// Gives a message up whose record cannot be read any more, so that nobody waits for it.
    pub(crate) fn lose(&mut self, id: MessageId) {
        self.messages_lost += 1;
        let states = match self.hot.messages.get(&id) {
            Some(hot) => hot.states.clone(),
            None => return,
        };
        // What is done stays so; with the last that is not, the message is put away.
        let numbered = (0..).zip(states);
        for (recipient, state) in numbered.filter(|(_, state)| !is_settled(state)) {
            let mut lost = DeliveryState {
                state: State::Failed,
                phase: Phase::Done,
                deadline_at: Timestamp(0),
                error: Some(ErrorCode::new(0, "journal record damaged")),
                ..state
            };
            let delivery = DeliveryId {
                message: id,
                recipient,
            };
            self.recovering.remove(&delivery);
            let known = self.hot.change(delivery, self.clock, &mut lost);
            debug_assert!(known, "the message was found just above");
        }
    }

    pub(crate) fn by_remote_id(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<PartId>, StoreError> {
        let known = self.hot.providers.get(provider);
        if let Some(part) = known.and_then(|known| known.remote_ids.get(remote_id)) {
            return Ok(Some(*part));
        }
        let lingering = self.hot.lingering.by_remote_id(provider, remote_id);
        if let Some(part) = self.decoded(lingering)? {
            return Ok(Some(part));
        }
        if self.cold.runs.is_empty() {
            return Ok(None);
        }
        keys::remote_key(&mut self.scratch, provider.as_str(), remote_id);
        let Some(value) = self.cold.get(&self.scratch)? else {
            return Ok(None);
        };
        let part = self.decoded(get_remote(&value))?;
        // The entry may be of a former attempt: only the state tells.
        let Some(hot) = self.message(part.delivery.message)? else {
            return Ok(None);
        };
        let state = hot.state(part.delivery);
        let right = state.is_some_and(|state| {
            let number = usize::from(part.part).wrapping_sub(1);
            let known = state
                .parts
                .get(number)
                .and_then(|part| part.remote_id.as_deref());
            state.provider.as_ref() == Some(provider) && known == Some(remote_id)
        });
        Ok(right.then_some(part))
    }

    pub(crate) fn by_idempotency_key(
        &mut self,
        account: &str,
        key: &str,
    ) -> Result<Option<(MessageId, u64)>, StoreError> {
        keys::idempotency_key(&mut self.scratch, account, key);
        let entry = match self.hot.keys.get(self.scratch.as_slice()) {
            Some(hot) => Some(hot.entry),
            None => match self.cold.get(&self.scratch)? {
                Some(value) => Some(self.decoded(get_key(&value))?),
                None => None,
            },
        };
        let entry = entry.filter(|entry| entry.expires_at >= self.clock);
        Ok(entry.map(|entry| (entry.message, entry.request_hash)))
    }

    pub(crate) fn claim(
        &mut self,
        provider: &ProviderName,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let mut claimed = Vec::new();
        for priority in PRIORITIES {
            let left = max - claimed.len();
            if left == 0 {
                break;
            }
            let mut due = Vec::new();
            if let Some(hot) = self.hot.providers.get(provider) {
                let queue = hot.queue(priority).range(..OrderKey::after(now));
                due.extend(queue.take(left).copied());
            }
            let mut prefix = std::mem::take(&mut self.scratch);
            keys::queue_prefix(&mut prefix, provider.as_str(), priority);
            let found = self.cold_due(&prefix, now, left, &mut due, |state, key| {
                OrderKey::queued(key.delivery, state) == Some(key)
                    && state.priority == priority
                    && state.provider.as_ref() == Some(provider)
            });
            self.scratch = prefix;
            found?;
            claimed.extend(due.iter().take(left).map(|key| key.delivery));
        }
        Ok(claimed)
    }

    pub(crate) fn overdue(
        &mut self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let mut due = self.hot.overdue(now, max);
        self.cold_due(&[TABLE_DEADLINES], now, max, &mut due, |state, key| {
            OrderKey::deadline(key.delivery, state) == Some(key)
        })?;
        Ok(due.iter().take(max).map(|key| key.delivery).collect())
    }

    pub(crate) fn overdue_parked(&self, now: Timestamp, max: usize) -> Vec<ParkedReceipt> {
        self.parked.overdue(now, max, self.config.parked_max)
    }

    pub(crate) fn dispatched(&self, max: usize) -> Vec<DeliveryId> {
        self.recovering.iter().take(max).copied().collect()
    }

    /// Adds what the runs have to what memory has, in order and without repetition.
    fn cold_due(
        &mut self,
        prefix: &[u8],
        now: Timestamp,
        max: usize,
        due: &mut Vec<OrderKey>,
        valid: impl Fn(&DeliveryState, OrderKey) -> bool,
    ) -> Result<(), StoreError> {
        if !self.cold.has(prefix) {
            return Ok(());
        }
        let Self { cold, hot, .. } = self;
        cold.due(prefix, now, max, due, &mut |cold, key| {
            load(hot, cold, key.delivery.message)?;
            let hot = hot.messages.get(&key.delivery.message);
            let state = hot.and_then(|hot| hot.state(key.delivery));
            Ok(state.is_some_and(|state| valid(state, key)))
        })?;
        due.sort_unstable();
        due.dedup();
        Ok(())
    }

    fn load(&mut self, id: MessageId) -> Result<bool, StoreError> {
        load(&mut self.hot, &self.cold, id)
    }

    fn remember_key(&mut self, message: &Message) {
        if message.idempotency_key.is_empty() {
            return;
        }
        keys::idempotency_key(
            &mut self.scratch,
            &message.account,
            &message.idempotency_key,
        );
        let entry = KeyEntry {
            expires_at: message.accepted_at.plus_ms(self.config.idempotency_ms),
            message: message.id,
            request_hash: message.request_hash,
        };
        self.hot.keys.insert(
            self.scratch.as_slice().into(),
            HotKey { entry, dirty: true },
        );
    }

    fn tick(&mut self, at: Timestamp) {
        self.clock = self.clock.max(at);
    }

    fn decoded<T>(&self, result: Result<T, Malformed>) -> Result<T, StoreError> {
        result.map_err(|malformed| StoreError::malformed(&self.config.path, malformed))
    }
}

/// Brings a message into memory; false if it is not known.
fn load(hot: &mut Hot, cold: &Cold, id: MessageId) -> Result<bool, StoreError> {
    if hot.messages.contains_key(&id) {
        return Ok(true);
    }
    if hot.take_back(id).map_err(malformed)? {
        return Ok(true);
    }
    load_cold(hot, cold, id)
}

/// Brings a message into memory that only runs have.
fn load_cold(hot: &mut Hot, cold: &Cold, id: MessageId) -> Result<bool, StoreError> {
    if cold.runs.is_empty() {
        return Ok(false);
    }
    let Some(value) = cold.get(&keys::message_key(id))? else {
        return Ok(false);
    };
    hot.cache(id, get_entry(&value).map_err(malformed)?);
    Ok(true)
}

fn malformed(malformed: Malformed) -> StoreError {
    StoreError::malformed(Path::new("index"), malformed)
}
