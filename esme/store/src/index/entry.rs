//! Values of index entries as octets.

use signalbox_router::{DeliveryState, MessageId, PartId, Phase, Timestamp};

use crate::frame::Location;
use crate::record::{get_part, get_state, put_part, put_state};
use crate::wire::{Block, Malformed, Reader, put_fixed_u64, put_id};

/// What the index knows of a message: where its record is, and the state of each delivery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MessageEntry {
    /// Of its `Accepted` record.
    pub(crate) location: Location,
    /// By recipient.
    pub(crate) states: Vec<DeliveryState>,
    /// When the last change was made.
    pub(crate) changed_at: Timestamp,
}

/// Octets of an entry before its states.
const HEAD_OCTETS: usize = 24;

/// `changed_at`: when the last change was made.
pub(crate) fn put_entry(
    out: &mut Vec<u8>,
    location: Location,
    states: &[DeliveryState],
    changed_at: Timestamp,
) {
    let live = states
        .iter()
        .filter(|state| state.phase != Phase::Done)
        .count();
    Block::<HEAD_OCTETS>::new()
        .u16(live as u16)
        .u64(changed_at.0)
        .u64(location.position)
        .u32(location.octets)
        .u16(states.len() as u16)
        .put(out);
    for state in states {
        put_state(out, state);
    }
}

pub(crate) fn get_entry(octets: &[u8]) -> Result<MessageEntry, Malformed> {
    let reader = &mut Reader::new(octets);
    let head = get_head(reader)?;
    let count = reader.fixed_u16("states")?;
    let states = (0..count)
        .map(|_| get_state(reader))
        .collect::<Result<_, _>>()?;
    Ok(MessageEntry {
        location: head.location,
        states,
        changed_at: head.changed_at,
    })
}

/// The front of a message entry: enough to decide whether it is still needed.
pub(crate) struct Head {
    pub(crate) live: u16,
    pub(crate) changed_at: Timestamp,
    pub(crate) location: Location,
}

pub(crate) fn get_head(reader: &mut Reader<'_>) -> Result<Head, Malformed> {
    Ok(Head {
        live: reader.fixed_u16("live")?,
        changed_at: Timestamp(reader.fixed_u64("changed_at")?),
        location: Location {
            position: reader.fixed_u64("position")?,
            octets: reader.fixed_u32("octets")?,
        },
    })
}

/// `expires_at`: after it nobody asks for the part any more.
pub(crate) fn put_remote(out: &mut Vec<u8>, expires_at: Timestamp, part: PartId) {
    put_fixed_u64(out, expires_at.0);
    put_part(out, part);
}

pub(crate) fn get_remote(octets: &[u8]) -> Result<PartId, Malformed> {
    let mut reader = Reader::new(octets);
    reader.fixed_u64("expires_at")?;
    get_part(&mut reader)
}

/// An idempotency key's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    pub(crate) expires_at: Timestamp,
    pub(crate) message: MessageId,
    pub(crate) request_hash: u64,
}

pub(crate) fn put_key(out: &mut Vec<u8>, entry: KeyEntry) {
    put_fixed_u64(out, entry.expires_at.0);
    put_id(out, entry.message);
    put_fixed_u64(out, entry.request_hash);
}

pub(crate) fn get_key(octets: &[u8]) -> Result<KeyEntry, Malformed> {
    let mut reader = Reader::new(octets);
    Ok(KeyEntry {
        expires_at: Timestamp(reader.fixed_u64("expires_at")?),
        message: reader.id("message")?,
        request_hash: reader.fixed_u64("request_hash")?,
    })
}

/// The time that remote ids and idempotency keys begin with.
pub(crate) fn get_expiry(octets: &[u8]) -> Result<Timestamp, Malformed> {
    Ok(Timestamp(Reader::new(octets).fixed_u64("expires_at")?))
}
