//! [`Event`] as octets: a number, then its fields.

use signalbox_router::{Event, ProviderName, Timestamp};

use super::state::{get_error, put_error, state_of};
use crate::wire::{Malformed, Reader, put_fixed_u64, put_id, put_str, put_u8};

const DISPATCHED: u8 = 0;
const PART_SENT: u8 = 1;
const RETRY_SCHEDULED: u8 = 2;
const THROTTLED: u8 = 3;
const NOT_SENT: u8 = 4;
const REROUTED: u8 = 5;
const OUTCOME_UNKNOWN: u8 = 6;
const RECEIPT: u8 = 7;
const ENDED: u8 = 8;
const UNBLOCKED: u8 = 9;
const CALLBACK_MADE: u8 = 10;

pub(super) fn put_event(out: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Dispatched => put_u8(out, DISPATCHED),
        Event::PartSent {
            part,
            parts_total,
            remote_id,
        } => {
            out.extend_from_slice(&[
                PART_SENT,
                *part,
                *parts_total,
                u8::from(remote_id.is_some()),
            ]);
            if let Some(remote_id) = remote_id {
                put_str(out, remote_id);
            }
        }
        Event::RetryScheduled { error, retry_at } => {
            put_u8(out, RETRY_SCHEDULED);
            put_error(out, error);
            put_fixed_u64(out, retry_at.0);
        }
        Event::Throttled { error } => {
            put_u8(out, THROTTLED);
            put_error(out, error);
        }
        Event::NotSent => put_u8(out, NOT_SENT),
        Event::Rerouted { error, provider } => {
            put_u8(out, REROUTED);
            put_error(out, error);
            put_str(out, provider.as_str());
        }
        Event::OutcomeUnknown { error } => {
            put_u8(out, OUTCOME_UNKNOWN);
            put_error(out, error);
        }
        Event::Receipt { part, state, error } => {
            out.extend_from_slice(&[RECEIPT, *part, *state as u8, u8::from(error.is_some())]);
            if let Some(error) = error {
                put_error(out, error);
            }
        }
        Event::Ended { error } => {
            out.extend_from_slice(&[ENDED, u8::from(error.is_some())]);
            if let Some(error) = error {
                put_error(out, error);
            }
        }
        Event::Unblocked => put_u8(out, UNBLOCKED),
        Event::CallbackMade { callback } => {
            put_u8(out, CALLBACK_MADE);
            put_id(out, *callback);
        }
    }
}

/// Passes over an event; whether it can have given remote ids to parts.
pub(super) fn skip_event(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    let mut ahead = reader.clone();
    match ahead.u8("event")? {
        ENDED if ahead.u8("event.error")? == 0 => {}
        RECEIPT => {
            ahead.take("event.part", 2)?;
            if ahead.u8("event.error")? != 0 {
                get_error(&mut ahead)?;
            }
        }
        CALLBACK_MADE => drop(ahead.take("event.callback", 16)?),
        _ => {
            let event = get_event(reader)?;
            return Ok(!matches!(event, Event::Ended { .. }));
        }
    }
    *reader = ahead;
    Ok(false)
}

pub(super) fn get_event(reader: &mut Reader<'_>) -> Result<Event, Malformed> {
    Ok(match reader.u8("event")? {
        DISPATCHED => Event::Dispatched,
        PART_SENT => Event::PartSent {
            part: reader.u8("event.part")?,
            parts_total: reader.u8("event.parts_total")?,
            remote_id: match reader.u8("event.remote_id")? {
                0 => None,
                _ => Some(reader.remote_id("event.remote_id")?),
            },
        },
        RETRY_SCHEDULED => Event::RetryScheduled {
            error: get_error(reader)?,
            retry_at: Timestamp(reader.fixed_u64("event.retry_at")?),
        },
        THROTTLED => Event::Throttled {
            error: get_error(reader)?,
        },
        NOT_SENT => Event::NotSent,
        REROUTED => Event::Rerouted {
            error: get_error(reader)?,
            provider: ProviderName(reader.shared("event.provider")?),
        },
        OUTCOME_UNKNOWN => Event::OutcomeUnknown {
            error: get_error(reader)?,
        },
        RECEIPT => Event::Receipt {
            part: reader.u8("event.part")?,
            state: state_of(reader.u8("event.state")?)?,
            error: match reader.u8("event.error")? {
                0 => None,
                _ => Some(get_error(reader)?),
            },
        },
        ENDED => Event::Ended {
            error: match reader.u8("event.error")? {
                0 => None,
                _ => Some(get_error(reader)?),
            },
        },
        UNBLOCKED => Event::Unblocked,
        CALLBACK_MADE => Event::CallbackMade {
            callback: reader.id("event.callback")?,
        },
        _ => {
            return Err(Malformed {
                field: "event",
                reason: "not an event",
            });
        }
    })
}
