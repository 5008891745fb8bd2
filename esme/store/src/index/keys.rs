//! Keys of index entries. Octets sort as the entries must: by table, then in the table's order.
//!
//! ```text
//! I account key                              idempotency key
//! M message id                               message with the states of its deliveries
//! Q provider priority due_at order delivery  queue, highest priority first
//! R provider remote id                       part by remote id
//! T deadline_at 0 delivery                   deadlines
//! ```

use signalbox_router::{DeliveryId, DeliveryState, MessageId, Phase, Priority, Timestamp};

pub(crate) const TABLE_KEYS: u8 = b'I';
pub(crate) const TABLE_MESSAGES: u8 = b'M';
pub(crate) const TABLE_QUEUE: u8 = b'Q';
pub(crate) const TABLE_REMOTE: u8 = b'R';
pub(crate) const TABLE_DEADLINES: u8 = b'T';

/// Octets of an [`OrderKey`].
const ORDER_OCTETS: usize = 8 + 8 + 16 + 2;

/// Order within one queue, or among the deadlines (whose `order` is 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderKey {
    pub(crate) at: Timestamp,
    pub(crate) order: u64,
    pub(crate) delivery: DeliveryId,
}

impl OrderKey {
    /// The smallest key after `at`.
    pub(crate) const fn after(at: Timestamp) -> Self {
        let delivery = DeliveryId {
            message: MessageId(0),
            recipient: 0,
        };
        Self {
            at: at.plus_ms(1),
            order: 0,
            delivery,
        }
    }

    /// Where a delivery stands in its queue, if it stands in one.
    pub(crate) fn queued(id: DeliveryId, state: &DeliveryState) -> Option<Self> {
        let queued = state.phase == Phase::Queued && state.provider.is_some();
        queued.then_some(Self {
            at: state.due_at,
            order: state.order,
            delivery: id,
        })
    }

    /// Where a delivery stands among the deadlines, if it has one.
    pub(crate) fn deadline(id: DeliveryId, state: &DeliveryState) -> Option<Self> {
        let at = state.deadline_at;
        (at != Timestamp(0)).then(|| Self::deadline_at(at, id))
    }

    /// Where a delivery with this deadline stands.
    pub(crate) const fn deadline_at(at: Timestamp, delivery: DeliveryId) -> Self {
        Self {
            at,
            order: 0,
            delivery,
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.at.0.to_be_bytes());
        out.extend_from_slice(&self.order.to_be_bytes());
        out.extend_from_slice(&self.delivery.message.0.to_be_bytes());
        out.extend_from_slice(&self.delivery.recipient.to_be_bytes());
    }

    /// Reads what [`OrderKey::put`] wrote.
    pub(crate) fn get(octets: &[u8]) -> Option<Self> {
        let octets: &[u8; ORDER_OCTETS] = octets.try_into().ok()?;
        let (at, rest) = octets.split_first_chunk()?;
        let (order, rest) = rest.split_first_chunk()?;
        let (message, rest) = rest.split_first_chunk()?;
        let recipient = rest.try_into().ok()?;
        Some(Self {
            at: Timestamp(u64::from_be_bytes(*at)),
            order: u64::from_be_bytes(*order),
            delivery: DeliveryId {
                message: MessageId(u128::from_be_bytes(*message)),
                recipient: u16::from_be_bytes(recipient),
            },
        })
    }
}

pub(crate) fn message_key(id: MessageId) -> [u8; 17] {
    let mut key = [TABLE_MESSAGES; 17];
    key[1..].copy_from_slice(&id.0.to_be_bytes());
    key
}

/// What all keys of one queue begin with.
pub(crate) fn queue_prefix(out: &mut Vec<u8>, provider: &str, priority: Priority) {
    put_named(out, TABLE_QUEUE, provider);
    out.push(u8::MAX - priority as u8);
}

pub(crate) fn remote_key(out: &mut Vec<u8>, provider: &str, remote_id: &str) {
    put_named(out, TABLE_REMOTE, provider);
    out.extend_from_slice(remote_id.as_bytes());
}

pub(crate) fn idempotency_key(out: &mut Vec<u8>, account: &str, key: &str) {
    put_named(out, TABLE_KEYS, account);
    out.extend_from_slice(key.as_bytes());
}

fn put_named(out: &mut Vec<u8>, table: u8, name: &str) {
    out.clear();
    out.push(table);
    out.extend_from_slice(&(name.len() as u32).to_be_bytes());
    out.extend_from_slice(name.as_bytes());
}

/// What a queue key begins with, or a deadline's; `None` for other tables.
pub(crate) fn ordered_prefix(key: &[u8]) -> Option<&[u8]> {
    match key.first() {
        Some(&(TABLE_QUEUE | TABLE_DEADLINES)) => key.get(..key.len().checked_sub(ORDER_OCTETS)?),
        _ => None,
    }
}
