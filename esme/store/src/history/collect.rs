//! Collects the records about messages, so that a message that is quickly done costs one row. What
//! was accepted since the last write is held back once more, so that a write cuts few lives in two.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use signalbox_router::{
    DeliveryId, Kind, MessageId, ParkedReceipt, Phase, ProviderName, Record, RemoteId, Timestamp,
};

use super::HistoryError;
use super::entry::{What, put_entry};
use crate::frame;
use crate::record::{AcceptedHead, ChangedHead, get_record};

/// Octets that the records after the first of a delivery that is quickly done usually take.
const RECORDS_OCTETS: usize = 320;

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
    /// Position of its acceptance; `None`: there is a row already.
    pub(super) accepted: Option<u64>,
    /// Position of the first record: what is later has a larger one.
    pub(super) position: u64,
    /// The records, as [`super::entry`] has it.
    pub(super) entries: Vec<u8>,
    /// Where in them the last change of the delivery itself stands.
    pub(super) last: Option<Range<usize>>,
    /// The parts may have got remote ids.
    pub(super) sent: bool,
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
        remote_id: RemoteId,
    },
    Orphaned {
        provider: ProviderName,
        remote_id: RemoteId,
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
    pub(super) fn take(
        &mut self,
        kind: frame::Kind,
        payload: &[u8],
        position: u64,
        callback_of: impl FnOnce(MessageId) -> Result<Option<DeliveryId>, HistoryError>,
    ) -> Result<(), HistoryError> {
        match kind {
            frame::Kind::Batch => {}
            frame::Kind::Accepted => self.accept(payload, position)?,
            frame::Kind::Changed => {
                let head = ChangedHead::get(payload)?;
                if let Some(changes) = self.deliveries.get_mut(&head.delivery) {
                    changes.change(&head, payload);
                    return Ok(());
                }
                let id = head.delivery.message;
                let known = self.callbacks.get(&id).map(|callback| callback.about);
                let about = match known {
                    Some(about) => Some(about),
                    None => callback_of(id)?,
                };
                match about {
                    Some(about) => self.callback_changed(about, &head, payload, position),
                    None if position < self.written_to => {}
                    None => {
                        let changes = Changes::at(position);
                        let changes = self.deliveries.entry(head.delivery).or_insert(changes);
                        changes.change(&head, payload);
                    }
                }
            }
            frame::Kind::Parked | frame::Kind::Unparked => {
                self.receipts
                    .extend(receipt_change(get_record(kind, payload)?));
            }
        }
        Ok(())
    }

    fn accept(&mut self, payload: &[u8], position: u64) -> Result<(), HistoryError> {
        let head = AcceptedHead::get(payload)?;
        if head.kind == Kind::Callback {
            if let Some(about) = head.about()? {
                self.callbacks.insert(head.id, Callback { about, position });
            }
            return Ok(());
        }
        for recipient in (0..=u16::MAX).take(head.recipients) {
            let mut changes = Changes {
                accepted: Some(position),
                sent: true,
                ..Changes::at(position)
            };
            match recipient {
                0 => {
                    changes.entries.reserve(payload.len() + RECORDS_OCTETS);
                    put_entry(&mut changes.entries, What::Accepted, payload);
                }
                _ => drop(put_entry(
                    &mut changes.entries,
                    What::AcceptedElsewhere,
                    &[],
                )),
            }
            let delivery = DeliveryId {
                message: head.id,
                recipient,
            };
            self.deliveries.insert(delivery, changes);
        }
        Ok(())
    }

    fn callback_changed(
        &mut self,
        about: DeliveryId,
        head: &ChangedHead,
        payload: &[u8],
        position: u64,
    ) {
        let changes = match self.deliveries.get_mut(&about) {
            None if position >= self.written_to => Some(
                self.deliveries
                    .entry(about)
                    .or_insert_with(|| Changes::at(position)),
            ),
            known => known,
        };
        if let Some(changes) = changes {
            put_entry(&mut changes.entries, What::CallbackChanged, payload);
        }
        let callback = head.delivery.message;
        if head.phase == Phase::Done && self.callbacks.remove(&callback).is_none() {
            self.callbacks_done.push(callback);
        }
    }
}

impl Changes {
    fn at(position: u64) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }

    fn change(&mut self, head: &ChangedHead, payload: &[u8]) {
        let start = put_entry(&mut self.entries, What::Changed, payload);
        self.last = Some(start..self.entries.len());
        self.sent |= head.sent;
    }

    fn is_before(&self, position: u64) -> bool {
        self.accepted
            .is_none_or(|accepted_at| accepted_at < position)
    }
}

fn receipt_change(record: Record) -> Option<ReceiptChange> {
    match record {
        Record::Parked(receipt) => Some(ReceiptChange::Parked(receipt)),
        Record::Unparked {
            provider,
            remote_id,
            matched: Some(_),
            ..
        } => Some(ReceiptChange::Matched {
            provider,
            remote_id,
        }),
        Record::Unparked {
            provider,
            remote_id,
            matched: None,
            at,
        } => Some(ReceiptChange::Orphaned {
            provider,
            remote_id,
            at,
        }),
        Record::Accepted { .. } | Record::Changed { .. } => None,
    }
}
