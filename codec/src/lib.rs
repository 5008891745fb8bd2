//! SMPP v3.4 octets to PDUs and back, and what travels inside them. No time, no I/O, no async.
//!
//! | you look for | it is in |
//! |---|---|
//! | cutting a stream into PDUs | [`next_frame`] |
//! | a PDU's fields | [`pdu`], one file per PDU |
//! | optional parameters | [`Tlvs`], [`TlvBuf`], [`Tag`] |
//! | what a peer may be told about bad octets | [`DecodeError`], [`FrameError`] |
//! | which deviations are tolerated, and which were seen | [`Quirks`], [`Deviations`] |
//! | printing a PDU, building one from named fields | [`inspect()`], [`Pdu::from_fields`] |
//! | text, its coding and its cost | `text` |
//! | user data headers, segments, reassembly | `udh`, `segment`, `reassembly` |
//! | delivery receipts | `receipt` |
//! | SMPP times | `time` |
//! | rusmpp's types (feature `rusmpp`) | `interop` |

#![forbid(unsafe_code)]

mod command;
mod cursor;
mod error;
mod fields;
mod frame;
mod header;
mod inspect;
#[cfg(feature = "rusmpp")]
pub mod interop;
mod named;
pub mod pdu;
mod quirks;
mod reader;
pub mod reassembly;
pub mod receipt;
pub mod segment;
mod status;
mod string;
mod tag;
pub mod text;
pub mod time;
mod tlv;
pub mod udh;
mod wire;

pub use command::CommandId;
pub use error::{DecodeError, DecodeReason};
pub use frame::{
    COMMAND_LENGTH_MAX_BOUND, COMMAND_LENGTH_MAX_UNBOUND, Frame, FrameError, next_frame,
};
pub use header::{HEADER_OCTETS, Header, SEQUENCE_NUMBER_MAX};
pub use inspect::{Item, Placed, Value, inspect};
pub use named::{FieldError, FieldReason};
pub use pdu::{Decoded, Encode, Pdu, encode_pdu};
pub use quirks::{Deviation, Deviations, OVERLONG_STRING_OCTETS_MAX, Quirks, Sighting};
pub use status::CommandStatus;
pub use string::COctetStr;
pub use tag::Tag;
pub use tlv::{Tlv, TlvBuf, Tlvs};
