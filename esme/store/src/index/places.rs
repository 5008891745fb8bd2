//! Where deliveries in memory stand: the queues and the remote ids of each provider.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use signalbox_router::{
    DeliveryId, DeliveryState, MessageId, PartId, Priority, ProviderName, RemoteId,
};

use crate::index::keys::OrderKey;

/// Queue and remote ids of one provider.
pub(crate) struct HotProvider {
    pub(crate) name: ProviderName,
    pub(crate) queues: [BTreeSet<OrderKey>; 5],
    pub(crate) remote_ids: HashMap<RemoteId, PartId, RandomState>,
}

/// Those of the configuration, so a list is enough.
#[derive(Default)]
pub(crate) struct Providers(Vec<HotProvider>);

impl Providers {
    pub(crate) fn get(&self, name: &ProviderName) -> Option<&HotProvider> {
        let mut known = self.0.iter();
        known.find(|provider| same(&provider.name.0, &name.0))
    }

    /// Forgets all places.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn enter_queue(&mut self, id: DeliveryId, state: &DeliveryState) {
        if let (Some(key), Some(name)) = (OrderKey::queued(id, state), &state.provider) {
            let provider = self.of(name);
            provider.queues[state.priority as usize].insert(key);
        }
    }

    pub(super) fn leave_queue(&mut self, id: DeliveryId, state: &DeliveryState) {
        if let (Some(key), Some(name)) = (OrderKey::queued(id, state), &state.provider) {
            let provider = self.of(name);
            provider.queues[state.priority as usize].remove(&key);
        }
    }

    /// Forgets the remote ids of a former state that the next one does not have.
    pub(super) fn leave_remote_ids(
        &mut self,
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
            let known = &mut self.of(name).remote_ids;
            // Taken out first, as it is nearly always this delivery's: one look instead of two.
            if let Some((remote_id, other)) = known.remove_entry(remote_id)
                && other != (PartId { delivery: id, part })
            {
                known.insert(remote_id, other);
            }
        }
    }

    /// Takes the remote ids that the former state did not have.
    pub(super) fn enter_remote_ids(
        &mut self,
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
            let known = &mut self.of(name).remote_ids;
            known.insert(remote_id.clone(), PartId { delivery: id, part });
        }
    }

    /// Takes the remote ids of a message that was done, where no later one has them.
    pub(super) fn return_remote_ids(&mut self, id: MessageId, states: &[DeliveryState]) {
        for (recipient, state) in (0..).zip(states) {
            let Some(name) = &state.provider else {
                continue;
            };
            let delivery = DeliveryId {
                message: id,
                recipient,
            };
            for (part, remote_id) in remote_ids(state) {
                let known = &mut self.of(name).remote_ids;
                let place = known.entry(remote_id.clone());
                place.or_insert(PartId { delivery, part });
            }
        }
    }

    fn of(&mut self, name: &ProviderName) -> &mut HotProvider {
        let mut known = self.0.iter();
        let at = known.position(|provider| same(&provider.name.0, &name.0));
        let at = at.unwrap_or_else(|| {
            self.0.push(HotProvider {
                name: name.clone(),
                queues: Default::default(),
                remote_ids: HashMap::default(),
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

fn has_remote_id(
    state: &DeliveryState,
    provider: &ProviderName,
    part: u8,
    remote_id: &RemoteId,
) -> bool {
    let known = state.parts.get(usize::from(part) - 1);
    let known = known.and_then(|part| part.remote_id.as_ref());
    known == Some(remote_id)
        && state
            .provider
            .as_ref()
            .is_some_and(|known| same(&known.0, &provider.0))
}

/// Nearly always it is the very same text.
pub(super) fn same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

impl HotProvider {
    pub(crate) fn queue(&self, priority: Priority) -> &BTreeSet<OrderKey> {
        &self.queues[priority as usize]
    }
}

/// Parts that have a remote id, with their numbers.
pub(crate) fn remote_ids(state: &DeliveryState) -> impl Iterator<Item = (u8, &RemoteId)> {
    (1..=u8::MAX)
        .zip(&state.parts)
        .filter_map(|(part, known)| Some((part, known.remote_id.as_ref()?)))
}

/// Remote ids of a message, with the parts that have them.
pub(crate) fn parts_with_remote_id<'a>(
    id: MessageId,
    states: &'a [DeliveryState],
) -> impl Iterator<Item = (PartId, &'a ProviderName, &'a str)> {
    (0..).zip(states).flat_map(move |(recipient, state)| {
        let delivery = DeliveryId {
            message: id,
            recipient,
        };
        let part = move |(part, remote_id): (u8, &'a RemoteId)| {
            let provider = state.provider.as_ref()?;
            Some((PartId { delivery, part }, provider, &**remote_id))
        };
        remote_ids(state).filter_map(part)
    })
}
