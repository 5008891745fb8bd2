//! The payload of journal records. Encode and decode of a type stand side by side, fields in the
//! order of the type; the frame around it (length, checksum, version, kind) is in
//! [`crate::frame`].

mod event;
mod message;
mod skim;
mod state;

use std::sync::Arc;

use signalbox_router::{
    DeliveryId, Message, ParkedReceipt, PartId, ProviderName, Record, Timestamp,
};

pub(crate) use message::{get_message, put_message};
pub(crate) use skim::{AcceptedHead, ChangedHead};
pub(crate) use state::{get_error, get_state, put_error, put_state, state_of};

use crate::frame::Kind;
use crate::wire::{Block, Malformed, Reader, put_fixed_u64, put_octets, put_str, put_u8, put_u64};

/// Kind of the frame that carries `record`.
pub(crate) const fn kind_of(record: &Record) -> Kind {
    match record {
        Record::Accepted { .. } => Kind::Accepted,
        Record::Changed { .. } => Kind::Changed,
        Record::Parked(_) => Kind::Parked,
        Record::Unparked { .. } => Kind::Unparked,
    }
}

pub(crate) fn put_record(out: &mut Vec<u8>, record: &Record) {
    match record {
        Record::Accepted { message, states } => {
            put_message(out, message);
            put_u64(out, states.len() as u64);
            for state in states {
                put_state(out, state);
            }
        }
        Record::Changed {
            delivery,
            at,
            event,
            state,
        } => {
            put_delivery(out, *delivery);
            put_fixed_u64(out, at.0);
            event::put_event(out, event);
            put_state(out, state);
        }
        Record::Parked(receipt) => put_receipt(out, receipt),
        Record::Unparked {
            provider,
            remote_id,
            matched,
            at,
        } => {
            put_str(out, provider.as_str());
            put_str(out, remote_id);
            put_u8(out, u8::from(matched.is_some()));
            if let Some(part) = matched {
                put_part(out, *part);
            }
            put_fixed_u64(out, at.0);
        }
    }
}

pub(crate) fn get_record(kind: Kind, payload: &[u8]) -> Result<Record, Malformed> {
    let mut reader = Reader::new(payload);
    let reader = &mut reader;
    let record = match kind {
        Kind::Batch => {
            return Err(Malformed {
                field: "kind",
                reason: "a batch is no record",
            });
        }
        Kind::Accepted => {
            let message = Arc::new(get_message(reader)?);
            let count = reader.count("states")?;
            let states = (0..count)
                .map(|_| get_state(reader))
                .collect::<Result<_, _>>()?;
            Record::Accepted { message, states }
        }
        Kind::Changed => Record::Changed {
            delivery: get_delivery(reader)?,
            at: Timestamp(reader.fixed_u64("at")?),
            event: event::get_event(reader)?,
            state: get_state(reader)?,
        },
        Kind::Parked => Record::Parked(get_receipt(reader)?),
        Kind::Unparked => Record::Unparked {
            provider: ProviderName(reader.shared("provider")?),
            remote_id: reader.remote_id("remote_id")?,
            matched: match reader.u8("matched")? {
                0 => None,
                _ => Some(get_part(reader)?),
            },
            at: Timestamp(reader.fixed_u64("at")?),
        },
    };
    if reader.is_empty() {
        Ok(record)
    } else {
        Err(Malformed {
            field: "record",
            reason: "octets left over",
        })
    }
}

/// The message of an `Accepted` record, without its states.
pub(crate) fn get_accepted_message(payload: &[u8]) -> Result<Message, Malformed> {
    get_message(&mut Reader::new(payload))
}

const DELIVERY_OCTETS: usize = 16 + 2;

pub(crate) fn put_delivery(out: &mut Vec<u8>, delivery: DeliveryId) {
    Block::<DELIVERY_OCTETS>::new()
        .id(delivery.message)
        .u16(delivery.recipient)
        .put(out);
}

pub(crate) fn get_delivery(reader: &mut Reader<'_>) -> Result<DeliveryId, Malformed> {
    Ok(DeliveryId {
        message: reader.id("message")?,
        recipient: reader.fixed_u16("recipient")?,
    })
}

pub(crate) fn put_part(out: &mut Vec<u8>, part: PartId) {
    put_delivery(out, part.delivery);
    put_u8(out, part.part);
}

pub(crate) fn get_part(reader: &mut Reader<'_>) -> Result<PartId, Malformed> {
    Ok(PartId {
        delivery: get_delivery(reader)?,
        part: reader.u8("part")?,
    })
}

pub(crate) fn put_receipt(out: &mut Vec<u8>, receipt: &ParkedReceipt) {
    put_str(out, receipt.provider.as_str());
    put_u64(out, receipt.remote_ids.len() as u64);
    for remote_id in &receipt.remote_ids {
        put_octets(out, remote_id.as_bytes());
    }
    put_u8(out, receipt.state as u8);
    put_u8(out, u8::from(receipt.error.is_some()));
    if let Some(error) = &receipt.error {
        put_error(out, error);
    }
    put_fixed_u64(out, receipt.at.0);
    put_fixed_u64(out, receipt.deadline_at.0);
}

pub(crate) fn get_receipt(reader: &mut Reader<'_>) -> Result<ParkedReceipt, Malformed> {
    let provider = ProviderName(reader.shared("provider")?);
    let count = reader.count("remote_ids")?;
    let remote_ids = (0..count)
        .map(|_| reader.remote_id("remote_ids"))
        .collect::<Result<_, _>>()?;
    Ok(ParkedReceipt {
        provider,
        remote_ids,
        state: state_of(reader.u8("state")?)?,
        error: match reader.u8("error")? {
            0 => None,
            _ => Some(get_error(reader)?),
        },
        at: Timestamp(reader.fixed_u64("at")?),
        deadline_at: Timestamp(reader.fixed_u64("deadline_at")?),
    })
}

#[cfg(test)]
mod tests;
