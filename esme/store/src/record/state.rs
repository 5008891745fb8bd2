//! [`DeliveryState`] as octets: a word of flags tells which optional fields follow, so that the
//! usual state of a short message takes about forty octets.

use signalbox_router::{
    DeliveryState, ErrorCode, PartState, Phase, Priority, ProviderName, State, Timestamp,
};

use crate::wire::{Fields, Malformed, Reader, put_id};

const HAS_PROVIDER: u8 = 1 << 0;
const HAS_PARTS: u8 = 1 << 1;
const HAS_ERROR: u8 = 1 << 2;
const HAS_LAST_CALLBACK: u8 = 1 << 3;
const HAS_SUCCESSOR: u8 = 1 << 4;
const DUPLICATE_POSSIBLE: u8 = 1 << 5;

const PART_REMOTE_ID: u8 = 1 << 4;
const PART_ERROR: u8 = 1 << 5;
const PART_STATE: u8 = 0x0F;

const PHASES: [Phase; 6] = [
    Phase::Queued,
    Phase::Dispatched,
    Phase::AwaitingReceipt,
    Phase::Blocked,
    Phase::Parked,
    Phase::Done,
];

const PRIORITIES: [Priority; 5] = [
    Priority::Lowest,
    Priority::Low,
    Priority::Normal,
    Priority::High,
    Priority::Highest,
];

pub(crate) fn state_of(number: u8) -> Result<State, Malformed> {
    State::from_number(number).ok_or(Malformed {
        field: "state",
        reason: "not a state",
    })
}

/// The phase in the octet that holds it with the state.
pub(super) fn phase_of(state_and_phase: u8) -> Result<Phase, Malformed> {
    let phase = PHASES.get(usize::from(state_and_phase >> 4));
    phase.copied().ok_or(Malformed {
        field: "phase",
        reason: "not a phase",
    })
}

pub(crate) fn priority_of(number: u8) -> Result<Priority, Malformed> {
    PRIORITIES
        .get(usize::from(number))
        .copied()
        .ok_or(Malformed {
            field: "priority",
            reason: "not a priority",
        })
}

pub(crate) fn put_state(out: &mut Vec<u8>, state: &DeliveryState) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(state.provider.is_some(), HAS_PROVIDER)
        | flag(!state.parts.is_empty(), HAS_PARTS)
        | flag(state.error.is_some(), HAS_ERROR)
        | flag(state.last_callback.is_some(), HAS_LAST_CALLBACK)
        | flag(state.successor.is_some(), HAS_SUCCESSOR)
        | flag(state.duplicate_possible, DUPLICATE_POSSIBLE);
    let mut fields = Fields::new();
    fields.u8(flags);
    fields.u8(state.state as u8 | (state.phase as u8) << 4);
    if let Some(provider) = &state.provider {
        fields.put_str(out, provider.as_str());
    }
    fields.u8(state.route_position);
    fields.u8(state.priority as u8);
    fields.u64(state.due_at.0);
    fields.u64(state.order);
    fields.u64(state.deadline_at.0);
    fields.u64(u64::from(state.attempts));
    if !state.parts.is_empty() {
        fields.u64(state.parts.len() as u64);
        for part in &state.parts {
            put_part_state(out, &mut fields, part);
        }
    }
    fields.put(out);
    if let Some(error) = &state.error {
        put_error(out, error);
    }
    if let Some(callback) = state.last_callback {
        put_id(out, callback);
    }
    if let Some(successor) = state.successor {
        put_id(out, successor);
    }
}

pub(crate) fn get_state(reader: &mut Reader<'_>) -> Result<DeliveryState, Malformed> {
    let flags = reader.u8("flags")?;
    let has = |flag: u8| flags & flag != 0;
    let state_and_phase = reader.u8("state")?;
    Ok(DeliveryState {
        state: state_of(state_and_phase & 0x0F)?,
        phase: phase_of(state_and_phase)?,
        provider: match has(HAS_PROVIDER) {
            true => Some(ProviderName(reader.shared("provider")?)),
            false => None,
        },
        route_position: reader.u8("route_position")?,
        priority: priority_of(reader.u8("priority")?)?,
        due_at: Timestamp(reader.u64("due_at")?),
        order: reader.u64("order")?,
        deadline_at: Timestamp(reader.u64("deadline_at")?),
        attempts: reader.u16("attempts")?,
        parts: match has(HAS_PARTS) {
            true => {
                let count = reader.count("parts")?;
                (0..count)
                    .map(|_| get_part_state(reader))
                    .collect::<Result<_, _>>()?
            }
            false => Vec::new(),
        },
        error: match has(HAS_ERROR) {
            true => Some(get_error(reader)?),
            false => None,
        },
        duplicate_possible: has(DUPLICATE_POSSIBLE),
        last_callback: match has(HAS_LAST_CALLBACK) {
            true => Some(reader.id("last_callback")?),
            false => None,
        },
        successor: match has(HAS_SUCCESSOR) {
            true => Some(reader.id("successor")?),
            false => None,
        },
    })
}

/// Behind what is in `fields`, and leaves nothing there.
fn put_part_state(out: &mut Vec<u8>, fields: &mut Fields, part: &PartState) {
    let mut head = part.state as u8;
    if part.remote_id.is_some() {
        head |= PART_REMOTE_ID;
    }
    if part.error.is_some() {
        head |= PART_ERROR;
    }
    fields.u8(head);
    if let Some(remote_id) = &part.remote_id {
        fields.put_str(out, remote_id);
    }
    fields.put(out);
    if let Some(error) = &part.error {
        put_error(out, error);
    }
}

fn get_part_state(reader: &mut Reader<'_>) -> Result<PartState, Malformed> {
    let head = reader.u8("part")?;
    Ok(PartState {
        state: state_of(head & PART_STATE)?,
        remote_id: match head & PART_REMOTE_ID {
            0 => None,
            _ => Some(reader.shared("part.remote_id")?),
        },
        error: match head & PART_ERROR {
            0 => None,
            _ => Some(get_error(reader)?),
        },
    })
}

pub(crate) fn put_error(out: &mut Vec<u8>, error: &ErrorCode) {
    let mut fields = Fields::new();
    fields.u64(u64::from(error.value));
    fields.put_str(out, &error.name);
}

pub(crate) fn get_error(reader: &mut Reader<'_>) -> Result<ErrorCode, Malformed> {
    Ok(ErrorCode {
        value: reader.u32("error.value")?,
        name: reader.shared("error.name")?,
    })
}
