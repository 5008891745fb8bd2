//! Collects the events of messages, so that a message that is quickly done costs one row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;
use signalbox_router::{
    Content, DeliveryId, DeliveryState, Event, Kind, Message, MessageId, ParkedReceipt, Phase,
    Record, Timestamp,
};

use super::timeline::TimelineEntry;

/// What was collected and is not in the database.
#[derive(Default)]
pub(super) struct Collected {
    /// In the order of ids, which is that of the table.
    pub(super) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(super) deliveries: BTreeMap<DeliveryId, Changes>,
    /// Callbacks that are not done, and what they are about.
    pub(super) callbacks: HashMap<MessageId, DeliveryId, RandomState>,
    /// Callbacks done whose row may exist.
    pub(super) callbacks_done: Vec<MessageId>,
    pub(super) receipts: Vec<ReceiptChange>,
}

/// What happened to one delivery.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) state: Option<DeliveryState>,
    pub(super) changed_at: Timestamp,
    /// Encoded entries.
    pub(super) timeline: Vec<u8>,
}

/// What happened to a parked receipt.
pub(super) enum ReceiptChange {
    Parked(ParkedReceipt),
    Matched {
        provider: String,
        remote_id: String,
    },
    Orphaned {
        provider: String,
        remote_id: String,
        at: Timestamp,
    },
}

impl Collected {
    pub(super) fn len(&self) -> usize {
        self.deliveries.len() + self.callbacks.len() + self.receipts.len()
    }

    /// Takes a record. `callback_of` tells what a callback collected earlier is about.
    pub(super) fn take<E>(
        &mut self,
        record: &Record,
        callback_of: impl FnOnce(MessageId) -> Result<Option<DeliveryId>, E>,
    ) -> Result<(), E> {
        match record {
            Record::Accepted { message, states } => self.accept(message, states),
            Record::Changed {
                delivery,
                at,
                event,
                state,
            } => {
                let id = delivery.message;
                let known = self.messages.contains_key(&id);
                let parent = match self.callbacks.get(&id) {
                    Some(parent) => Some(*parent),
                    None if known => None,
                    None => callback_of(id)?,
                };
                match parent {
                    Some(parent) => self.callback_changed(parent, id, *at, event, state),
                    None => {
                        let entry = TimelineEntry::of(*delivery, *at, event, state);
                        self.add(*delivery, &entry).state = Some(state.clone());
                    }
                }
            }
            Record::Parked(receipt) => self.receipts.push(ReceiptChange::Parked(receipt.clone())),
            Record::Unparked {
                provider,
                remote_id,
                matched,
                at,
            } => {
                let (provider, remote_id) = (provider.as_str().to_owned(), remote_id.to_string());
                self.receipts.push(match matched {
                    Some(_) => ReceiptChange::Matched {
                        provider,
                        remote_id,
                    },
                    None => ReceiptChange::Orphaned {
                        provider,
                        remote_id,
                        at: *at,
                    },
                });
            }
        }
        Ok(())
    }

    fn accept(&mut self, message: &Arc<Message>, states: &[DeliveryState]) {
        if message.kind == Kind::Callback {
            if let Content::Event(event) = &message.content {
                let parent = DeliveryId {
                    message: event.message,
                    recipient: event.recipient,
                };
                self.callbacks.insert(message.id, parent);
            }
            return;
        }
        self.messages.insert(message.id, Arc::clone(message));
        for (recipient, state) in (0..).zip(states) {
            let delivery = DeliveryId {
                message: message.id,
                recipient,
            };
            let entry = TimelineEntry::new(delivery, message.accepted_at, "accepted");
            self.add(delivery, &entry).state = Some(state.clone());
            if state.phase == Phase::Dispatched {
                // Accepted and dispatched in one is one record.
                let at = message.accepted_at;
                let entry = TimelineEntry::of(delivery, at, &Event::Dispatched, state);
                self.add(delivery, &entry);
            }
        }
    }

    fn callback_changed(
        &mut self,
        parent: DeliveryId,
        callback: MessageId,
        at: Timestamp,
        event: &Event,
        state: &DeliveryState,
    ) {
        let entry = TimelineEntry::of_callback(parent, callback, at, event, state);
        self.add(parent, &entry);
        if state.phase == Phase::Done && self.callbacks.remove(&callback).is_none() {
            self.callbacks_done.push(callback);
        }
    }

    fn add(&mut self, delivery: DeliveryId, entry: &TimelineEntry) -> &mut Changes {
        let changes = self.deliveries.entry(delivery).or_default();
        changes.changed_at = changes.changed_at.max(entry.at);
        entry.put(&mut changes.timeline);
        changes
    }
}
