//! The simplest correct [`Ledger`]: maps in memory, nothing on a disk. It is the model that the
//! store is compared with by property tests, and the ledger of the router's own tests.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::effects::Record;
use crate::ids::{DeliveryId, MessageId, PartId, ProviderName, RemoteId, Timestamp};
use crate::input::ParkedReceipt;
use crate::ledger::{Delivery, Ledger, LedgerError};
use crate::message::{Message, Priority};
use crate::state::{DeliveryState, Phase};

/// Done deliveries that stay findable, so that a second receipt is recognised. With the last
/// delivery of a message the message and its idempotency key are forgotten too.
pub const LINGER_MAX: usize = 10_000;

/// Priorities in the order of the queue.
const PRIORITIES: [Priority; 5] = [
    Priority::Highest,
    Priority::High,
    Priority::Normal,
    Priority::Low,
    Priority::Lowest,
];

/// Order of the queue of all providers.
type QueueKey = (ProviderName, Reverse<Priority>, Timestamp, u64, DeliveryId);

/// A ledger in memory. Its size grows with the deliveries that are not done.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    messages: BTreeMap<MessageId, Stored>,
    deliveries: BTreeMap<DeliveryId, DeliveryState>,
    keys: BTreeMap<Arc<str>, BTreeMap<String, (MessageId, u64)>>,
    queue: BTreeSet<QueueKey>,
    deadlines: BTreeSet<(Timestamp, DeliveryId)>,
    dispatched: BTreeSet<DeliveryId>,
    remote_ids: BTreeMap<ProviderName, BTreeMap<RemoteId, PartId>>,
    parked: BTreeMap<(ProviderName, RemoteId), ParkedReceipt>,
    parked_ids: BTreeMap<ProviderName, BTreeMap<RemoteId, RemoteId>>,
    parked_deadlines: BTreeSet<(Timestamp, ProviderName, RemoteId)>,
    linger: VecDeque<DeliveryId>,
}

/// A message and how many of its deliveries are still known.
#[derive(Clone, Debug)]
struct Stored {
    message: Arc<Message>,
    deliveries: usize,
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All known deliveries, by id.
    pub fn deliveries(&self) -> impl Iterator<Item = (&DeliveryId, &DeliveryState)> {
        self.deliveries.iter()
    }

    /// All parked receipts.
    pub fn parked_receipts(&self) -> impl Iterator<Item = &ParkedReceipt> {
        self.parked.values()
    }

    fn accept(&mut self, message: &Arc<Message>, states: &[DeliveryState]) {
        let stored = Stored {
            message: Arc::clone(message),
            deliveries: states.len(),
        };
        self.messages.insert(message.id, stored);
        if !message.idempotency_key.is_empty() {
            self.keys
                .entry(Arc::clone(&message.account))
                .or_default()
                .insert(
                    message.idempotency_key.clone(),
                    (message.id, message.request_hash),
                );
        }
        for (recipient, state) in (0..=u16::MAX).zip(states) {
            self.set(
                DeliveryId {
                    message: message.id,
                    recipient,
                },
                state,
            );
        }
    }

    /// Replaces the state of a delivery and everything derived from it.
    fn set(&mut self, id: DeliveryId, state: &DeliveryState) {
        let former = self.deliveries.insert(id, state.clone());
        if let Some(former) = &former {
            self.forget_indexes(id, former);
        }
        if state.phase == Phase::Queued {
            self.queue.extend(queue_key(id, state));
        }
        if state.phase == Phase::Dispatched {
            self.dispatched.insert(id);
        }
        if state.deadline_at != Timestamp(0) {
            self.deadlines.insert((state.deadline_at, id));
        }
        for (part, remote_id) in remote_ids(state) {
            let Some(provider) = &state.provider else {
                continue;
            };
            self.remote_ids
                .entry(provider.clone())
                .or_default()
                .insert(remote_id.clone(), PartId { delivery: id, part });
        }
        let was_done = former.is_some_and(|former| former.phase == Phase::Done);
        if state.phase == Phase::Done && !was_done {
            self.linger.push_back(id);
            if self.linger.len() > LINGER_MAX {
                self.forget_oldest();
            }
        }
    }

    fn forget_indexes(&mut self, id: DeliveryId, state: &DeliveryState) {
        if let Some(key) = queue_key(id, state) {
            self.queue.remove(&key);
        }
        self.dispatched.remove(&id);
        self.deadlines.remove(&(state.deadline_at, id));
        let Some(provider) = &state.provider else {
            return;
        };
        let Some(known) = self.remote_ids.get_mut(provider) else {
            return;
        };
        for (part, remote_id) in remote_ids(state) {
            if known.get(remote_id) == Some(&PartId { delivery: id, part }) {
                known.remove(remote_id);
            }
        }
    }

    fn forget_oldest(&mut self) {
        let Some(id) = self.linger.pop_front() else {
            return;
        };
        let Some(state) = self.deliveries.remove(&id) else {
            return;
        };
        self.forget_indexes(id, &state);
        let Some(stored) = self.messages.get_mut(&id.message) else {
            return;
        };
        stored.deliveries -= 1;
        if stored.deliveries > 0 {
            return;
        }
        if let Some(stored) = self.messages.remove(&id.message)
            && let Some(keys) = self.keys.get_mut(&stored.message.account)
        {
            keys.remove(&stored.message.idempotency_key);
        }
    }

    /// Parks a receipt; one with the same provider and first id is replaced.
    fn park(&mut self, receipt: &ParkedReceipt) {
        let Some(first) = receipt.remote_ids.first() else {
            return;
        };
        self.unpark(&receipt.provider, first);
        let ids = self.parked_ids.entry(receipt.provider.clone()).or_default();
        for remote_id in &receipt.remote_ids {
            ids.insert(remote_id.clone(), first.clone());
        }
        let key = (receipt.provider.clone(), first.clone());
        self.parked_deadlines
            .insert((receipt.deadline_at, key.0.clone(), key.1.clone()));
        self.parked.insert(key, receipt.clone());
    }

    fn unpark(&mut self, provider: &ProviderName, first: &RemoteId) {
        let key = (provider.clone(), first.clone());
        let Some(receipt) = self.parked.remove(&key) else {
            return;
        };
        self.parked_deadlines
            .remove(&(receipt.deadline_at, key.0, key.1));
        let Some(ids) = self.parked_ids.get_mut(provider) else {
            return;
        };
        for remote_id in &receipt.remote_ids {
            if ids.get(remote_id) == Some(first) {
                ids.remove(remote_id);
            }
        }
    }
}

impl Ledger for MemoryLedger {
    fn delivery(&mut self, id: DeliveryId) -> Result<Option<Delivery>, LedgerError> {
        let Some(state) = self.deliveries.get(&id) else {
            return Ok(None);
        };
        let message = self
            .messages
            .get(&id.message)
            .map(|stored| Arc::clone(&stored.message));
        Ok(message.map(|message| Delivery {
            message,
            state: state.clone(),
        }))
    }

    fn message(&mut self, id: MessageId) -> Result<Option<Arc<Message>>, LedgerError> {
        Ok(self
            .messages
            .get(&id)
            .map(|stored| Arc::clone(&stored.message)))
    }

    fn by_remote_id(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<PartId>, LedgerError> {
        Ok(self
            .remote_ids
            .get(provider)
            .and_then(|ids| ids.get(remote_id))
            .copied())
    }

    fn by_idempotency_key(
        &mut self,
        account: &str,
        key: &str,
    ) -> Result<Option<(MessageId, u64)>, LedgerError> {
        Ok(self
            .keys
            .get(account)
            .and_then(|keys| keys.get(key))
            .copied())
    }

    fn parked(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<ParkedReceipt>, LedgerError> {
        let Some(first) = self
            .parked_ids
            .get(provider)
            .and_then(|ids| ids.get(remote_id))
        else {
            return Ok(None);
        };
        Ok(self.parked.get(&(provider.clone(), first.clone())).cloned())
    }

    fn claim(
        &mut self,
        provider: &ProviderName,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<DeliveryId>, LedgerError> {
        let mut due = Vec::new();
        for priority in PRIORITIES {
            let left = max - due.len();
            let range = due_range(provider, priority, now);
            due.extend(self.queue.range(range).take(left).map(|key| key.4));
        }
        Ok(due)
    }

    fn has_queued(&mut self, provider: &ProviderName, now: Timestamp) -> Result<bool, LedgerError> {
        Ok(PRIORITIES.into_iter().any(|priority| {
            self.queue
                .range(due_range(provider, priority, now))
                .next()
                .is_some()
        }))
    }

    fn overdue(&mut self, now: Timestamp, max: usize) -> Result<Vec<DeliveryId>, LedgerError> {
        let due = self
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= now);
        Ok(due.take(max).map(|(_, id)| *id).collect())
    }

    fn overdue_parked(
        &mut self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<ParkedReceipt>, LedgerError> {
        let due = self
            .parked_deadlines
            .iter()
            .take_while(|(deadline, _, _)| *deadline <= now);
        Ok(due
            .take(max)
            .filter_map(|(_, provider, first)| self.parked.get(&(provider.clone(), first.clone())))
            .cloned()
            .collect())
    }

    fn dispatched(&mut self, max: usize) -> Result<Vec<DeliveryId>, LedgerError> {
        Ok(self.dispatched.iter().take(max).copied().collect())
    }

    fn apply(&mut self, record: Record) -> Result<(), LedgerError> {
        match record {
            Record::Accepted { message, states } => self.accept(&message, &states),
            Record::Changed {
                delivery, state, ..
            } => {
                if !self.deliveries.contains_key(&delivery) {
                    let reason = format!("a change of the unknown delivery {delivery:?}");
                    return Err(LedgerError { reason });
                }
                self.set(delivery, &state);
            }
            Record::Parked(receipt) => self.park(&receipt),
            Record::Unparked {
                provider,
                remote_id,
                ..
            } => self.unpark(&provider, &remote_id),
        }
        Ok(())
    }
}

/// Where a delivery stands in the queue, if its phase puts it there.
fn queue_key(id: DeliveryId, state: &DeliveryState) -> Option<QueueKey> {
    let provider = state
        .provider
        .clone()
        .filter(|_| state.phase == Phase::Queued)?;
    Some((
        provider,
        Reverse(state.priority),
        state.due_at,
        state.order,
        id,
    ))
}

/// Everything of one provider and priority that is due.
fn due_range(
    provider: &ProviderName,
    priority: Priority,
    now: Timestamp,
) -> std::ops::RangeInclusive<QueueKey> {
    let lowest = DeliveryId {
        message: MessageId(0),
        recipient: 0,
    };
    let highest = DeliveryId {
        message: MessageId(u128::MAX),
        recipient: u16::MAX,
    };
    (provider.clone(), Reverse(priority), Timestamp(0), 0, lowest)
        ..=(provider.clone(), Reverse(priority), now, u64::MAX, highest)
}

/// Parts that have a remote id, with their numbers.
fn remote_ids(state: &DeliveryState) -> impl Iterator<Item = (u8, &RemoteId)> {
    (1..=u8::MAX)
        .zip(&state.parts)
        .filter_map(|(part, known)| Some((part, known.remote_id.as_ref()?)))
}
