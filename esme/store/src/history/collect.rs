//! Collects the events of messages, so that a message that is quickly done costs one row. What was
//! accepted since the last write is held back once more, so that a write cuts few lives in two.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use signalbox_router::{
    Content, DeliveryId, DeliveryState, Event, Kind, Message, MessageId, ParkedReceipt, Phase,
    ProviderName, Record, Timestamp,
};

use super::timeline::Note;

/// What was collected and is not in the database.
pub(super) struct Collected {
    deliveries: HashMap<DeliveryId, Changes, RandomState>,
    /// Callbacks that are not done and have no row.
    callbacks: HashMap<MessageId, Callback, RandomState>,
    /// Callbacks done whose row may exist.
    callbacks_done: Vec<MessageId>,
    receipts: Vec<ReceiptChange>,
    /// What is accepted from this position on stays for the next write.
    young_from: u64,
    /// How much there was after the last write.
    kept: usize,
    /// Before it, changes of messages that are not here are in the database already.
    written_to: u64,
}

/// What happened to one delivery.
#[derive(Default)]
pub(super) struct Changes {
    /// Its message and the position of its acceptance; `None`: there is a row already.
    pub(super) accepted: Option<(Arc<Message>, u64)>,
    pub(super) state: Option<DeliveryState>,
    pub(super) changed_at: Timestamp,
    /// The parts may have got remote ids.
    pub(super) sent: bool,
    /// Encoded entries.
    pub(super) timeline: Vec<u8>,
}

struct Callback {
    about: DeliveryId,
    position: u64,
}

/// What happened to a parked receipt.
pub(super) enum ReceiptChange {
    Parked(ParkedReceipt),
    Matched {
        provider: ProviderName,
        remote_id: Arc<str>,
    },
    Orphaned {
        provider: ProviderName,
        remote_id: Arc<str>,
        at: Timestamp,
    },
}

/// What a write takes, in the order of the tables.
pub(super) struct Due<'a> {
    pub(super) deliveries: Vec<(DeliveryId, &'a Changes)>,
    pub(super) callbacks: Vec<(MessageId, DeliveryId)>,
    pub(super) callbacks_done: &'a [MessageId],
    pub(super) receipts: &'a [ReceiptChange],
    /// Everything before it is in the database after the write.
    pub(super) from: u64,
    /// Everything before it is, but for what was accepted from `from` on.
    pub(super) to: u64,
}

impl Collected {
    /// Nothing, to be filled from `from` on; see [`Due`].
    pub(super) fn new(from: u64, written_to: u64) -> Self {
        Self {
            deliveries: HashMap::default(),
            callbacks: HashMap::default(),
            callbacks_done: Vec::new(),
            receipts: Vec::new(),
            young_from: from,
            kept: 0,
            written_to,
        }
    }

    /// Whether it is time to write when at most `max` shall be held at `position`.
    pub(super) fn is_full(&self, max: usize, position: u64) -> bool {
        // What is read for the second time was within the limit before.
        position >= self.written_to && self.len() >= self.kept + (max / 2).max(1)
    }

    fn len(&self) -> usize {
        let open = self.deliveries.len() + self.callbacks.len();
        open + self.callbacks_done.len() + self.receipts.len()
    }

    /// What is known of a delivery.
    pub(super) fn get(&self, id: DeliveryId) -> Option<&Changes> {
        self.deliveries.get(&id)
    }

    /// What is to be written at `position`: what is old, or all.
    pub(super) fn due(&self, all: bool, position: u64) -> Due<'_> {
        let from = if all { position } else { self.young_from };
        let old = |(id, changes): (&DeliveryId, _)| (*id, changes);
        let deliveries = self.deliveries.iter().map(old);
        let mut deliveries: Vec<(_, &Changes)> = deliveries
            .filter(|(_, changes)| changes.is_before(from))
            .collect();
        deliveries.sort_unstable_by_key(|(id, _)| *id);
        let callbacks = self.callbacks.iter();
        let callbacks = callbacks.filter(|(_, callback)| callback.position < from);
        Due {
            deliveries,
            callbacks: callbacks
                .map(|(id, callback)| (*id, callback.about))
                .collect(),
            callbacks_done: &self.callbacks_done,
            receipts: &self.receipts,
            from,
            to: self.written_to.max(position),
        }
    }

    /// Forgets what was due, once it is written.
    pub(super) fn written(&mut self, all: bool, position: u64) {
        let from = if all { position } else { self.young_from };
        self.deliveries
            .retain(|_, changes| !changes.is_before(from));
        self.callbacks
            .retain(|_, callback| callback.position >= from);
        self.callbacks_done.clear();
        self.receipts.clear();
        self.young_from = position;
        self.kept = self.len();
    }

    /// Takes the record at `position`. `callback_of` tells what a callback that has a row is about.
    pub(super) fn take<E>(
        &mut self,
        record: Record,
        position: u64,
        callback_of: impl FnOnce(MessageId) -> Result<Option<DeliveryId>, E>,
    ) -> Result<(), E> {
        match record {
            Record::Accepted { message, states } => self.accept(&message, position, states),
            Record::Changed {
                delivery,
                at,
                event,
                state,
            } => {
                let id = delivery.message;
                if let Some(changes) = self.deliveries.get_mut(&delivery) {
                    changes.change(at, &event, state);
                    return Ok(());
                }
                let known = self.callbacks.get(&id).map(|callback| callback.about);
                let about = match known {
                    Some(about) => Some(about),
                    None => callback_of(id)?,
                };
                match about {
                    Some(about) => self.callback_changed(about, id, at, position, &event, &state),
                    None if position < self.written_to => {}
                    None => {
                        let changes = self.deliveries.entry(delivery).or_default();
                        changes.change(at, &event, state);
                    }
                }
            }
            Record::Parked(receipt) => self.receipts.push(ReceiptChange::Parked(receipt)),
            Record::Unparked {
                provider,
                remote_id,
                matched,
                at,
            } => self.receipts.push(match matched {
                Some(_) => ReceiptChange::Matched {
                    provider,
                    remote_id,
                },
                None => ReceiptChange::Orphaned {
                    provider,
                    remote_id,
                    at,
                },
            }),
        }
        Ok(())
    }

    fn accept(&mut self, message: &Arc<Message>, position: u64, states: Vec<DeliveryState>) {
        if message.kind == Kind::Callback {
            if let Content::Event(event) = &message.content {
                let about = DeliveryId {
                    message: event.message,
                    recipient: event.recipient,
                };
                self.callbacks
                    .insert(message.id, Callback { about, position });
            }
            return;
        }
        let at = message.accepted_at;
        for (recipient, state) in (0..).zip(states) {
            let delivery = DeliveryId {
                message: message.id,
                recipient,
            };
            let mut changes = Changes {
                accepted: Some((Arc::clone(message), position)),
                sent: true,
                ..Changes::default()
            };
            changes.add(&Note::named(at, "accepted"));
            if state.phase == Phase::Dispatched {
                // Accepted and dispatched in one is one record.
                changes.add(&Note::of(at, &Event::Dispatched, &state));
            }
            changes.state = Some(state);
            self.deliveries.insert(delivery, changes);
        }
    }

    fn callback_changed(
        &mut self,
        about: DeliveryId,
        callback: MessageId,
        at: Timestamp,
        position: u64,
        event: &Event,
        state: &DeliveryState,
    ) {
        let note = Note::of_callback(callback, at, event, state);
        if let Some(changes) = self.deliveries.get_mut(&about) {
            changes.add(&note);
        } else if position >= self.written_to {
            self.deliveries.entry(about).or_default().add(&note);
        }
        if state.phase == Phase::Done && self.callbacks.remove(&callback).is_none() {
            self.callbacks_done.push(callback);
        }
    }
}

impl Changes {
    fn change(&mut self, at: Timestamp, event: &Event, state: DeliveryState) {
        self.add(&Note::of(at, event, &state));
        let no_ids = matches!(
            event,
            Event::Receipt { .. } | Event::Ended { .. } | Event::CallbackMade { .. }
        );
        self.sent |= !no_ids;
        self.state = Some(state);
    }

    fn add(&mut self, note: &Note<'_>) {
        self.changed_at = self.changed_at.max(note.at);
        note.put(&mut self.timeline);
    }

    fn is_before(&self, position: u64) -> bool {
        let accepted = self.accepted.as_ref();
        accepted.is_none_or(|(_, accepted_at)| *accepted_at < position)
    }
}
