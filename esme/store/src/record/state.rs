//! [`DeliveryState`] as octets: what every state has stands in a block in front, with flags that
//! tell which optional fields follow. The usual state of a short message takes about sixty octets.
//!
//! ```text
//! 0       1       2                3          4          6       7        15      23
//! | flags | state | route_position | priority | attempts | parts | due_at | order | deadline_at |
//! ```
//! `state` has the phase in its upper half; `parts` counts them.

use signalbox_router::{
    DeliveryState, ErrorCode, PartState, Phase, Priority, ProviderName, State, Timestamp,
};

use crate::wire::{Block, Malformed, Reader, put_id, put_str, put_u8, put_u64};

const HAS_PROVIDER: u8 = 1 << 0;
const HAS_ERROR: u8 = 1 << 1;
const HAS_LAST_CALLBACK: u8 = 1 << 2;
const HAS_SUCCESSOR: u8 = 1 << 3;
const DUPLICATE_POSSIBLE: u8 = 1 << 4;

/// Octets of the block in front.
const HEAD_OCTETS: usize = 31;

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
        | flag(state.error.is_some(), HAS_ERROR)
        | flag(state.last_callback.is_some(), HAS_LAST_CALLBACK)
        | flag(state.successor.is_some(), HAS_SUCCESSOR)
        | flag(state.duplicate_possible, DUPLICATE_POSSIBLE);
    let parts = u8::try_from(state.parts.len()).expect("parts are numbered by one octet");
    Block::<HEAD_OCTETS>::new()
        .u8(flags)
        .u8(state.state as u8 | (state.phase as u8) << 4)
        .u8(state.route_position)
        .u8(state.priority as u8)
        .u16(state.attempts)
        .u8(parts)
        .u64(state.due_at.0)
        .u64(state.order)
        .u64(state.deadline_at.0)
        .put(out);
    if let Some(provider) = &state.provider {
        put_str(out, provider.as_str());
    }
    for part in &state.parts {
        put_part_state(out, part);
    }
    if let Some(error) = &state.error {
        put_error(out, error);
    }
    if let Some(callback) = state.last_callback {
        put_id(out, callback);
    }
    if let Some(successor) = &state.successor {
        put_id(out, **successor);
    }
}

pub(crate) fn get_state(reader: &mut Reader<'_>) -> Result<DeliveryState, Malformed> {
    let flags = reader.u8("flags")?;
    let has = |flag: u8| flags & flag != 0;
    let state_and_phase = reader.u8("state")?;
    let mut state = DeliveryState {
        state: state_of(state_and_phase & 0x0F)?,
        phase: phase_of(state_and_phase)?,
        route_position: reader.u8("route_position")?,
        priority: priority_of(reader.u8("priority")?)?,
        attempts: reader.fixed_u16("attempts")?,
        duplicate_possible: has(DUPLICATE_POSSIBLE),
        ..DeliveryState::default()
    };
    let parts = reader.u8("parts")?;
    state.due_at = Timestamp(reader.fixed_u64("due_at")?);
    state.order = reader.fixed_u64("order")?;
    state.deadline_at = Timestamp(reader.fixed_u64("deadline_at")?);
    if has(HAS_PROVIDER) {
        state.provider = Some(ProviderName(reader.shared("provider")?));
    }
    state.parts = (0..parts)
        .map(|_| get_part_state(reader))
        .collect::<Result<_, _>>()?;
    if has(HAS_ERROR) {
        state.error = Some(get_error(reader)?);
    }
    if has(HAS_LAST_CALLBACK) {
        state.last_callback = Some(reader.id("last_callback")?);
    }
    if has(HAS_SUCCESSOR) {
        state.successor = Some(Box::new(reader.id("successor")?));
    }
    Ok(state)
}

fn put_part_state(out: &mut Vec<u8>, part: &PartState) {
    let mut head = part.state as u8;
    if part.remote_id.is_some() {
        head |= PART_REMOTE_ID;
    }
    if part.error.is_some() {
        head |= PART_ERROR;
    }
    put_u8(out, head);
    if let Some(remote_id) = &part.remote_id {
        put_str(out, remote_id);
    }
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
            _ => Some(reader.remote_id("part.remote_id")?),
        },
        error: match head & PART_ERROR {
            0 => None,
            _ => Some(get_error(reader)?),
        },
    })
}

pub(crate) fn put_error(out: &mut Vec<u8>, error: &ErrorCode) {
    put_u64(out, u64::from(error.value()));
    put_str(out, error.name());
}

pub(crate) fn get_error(reader: &mut Reader<'_>) -> Result<ErrorCode, Malformed> {
    Ok(ErrorCode::new(
        reader.u32("error.value")?,
        reader.str("error.name")?,
    ))
}
