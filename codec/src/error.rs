//! Why octets are not the PDU that they claim to be, and what the peer should be told about it.

use std::fmt;

use crate::command::CommandId;
use crate::header::Header;
use crate::status::CommandStatus;

/// A PDU that cannot be decoded. It costs that PDU, never the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Which PDU it is.
    pub command_id: CommandId,
    /// Its sequence_number, for the answer.
    pub sequence_number: u32,
    /// The field, by its name in the specification; a TLV by its name, or `tlv`.
    pub field: &'static str,
    /// Where the field starts, counted from the first octet of the PDU.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: DecodeReason,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeReason {
    /// The PDU ends before the field does.
    Truncated,
    /// A C-octet string has no NUL where one must be.
    NotTerminated,
    /// A C-octet string is longer than the specification allows.
    TooLong {
        /// Octets found, without the NUL.
        octets: usize,
        /// Octets allowed, without the NUL.
        octets_max: usize,
    },
    /// A length or count leads beyond the end of the PDU.
    Overrun {
        /// What was declared.
        declared: usize,
        /// What is there.
        available: usize,
    },
    /// A value outside its range.
    Value {
        /// The value.
        value: u32,
    },
    /// A length outside its range.
    Length {
        /// Octets found.
        octets: usize,
        /// Fewest allowed.
        octets_min: usize,
        /// Most allowed.
        octets_max: usize,
    },
    /// Octets remain where the PDU should end.
    Trailing {
        /// How many.
        octets: usize,
    },
    /// An octet that is not ASCII in a C-octet string.
    NotAscii,
}

impl DecodeReason {
    /// A word for it, for machines.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotTerminated => "not_terminated",
            Self::TooLong { .. } => "too_long",
            Self::Overrun { .. } => "overrun",
            Self::Value { .. } => "value",
            Self::Length { .. } => "length",
            Self::Trailing { .. } => "trailing",
            Self::NotAscii => "not_ascii",
        }
    }
}

impl DecodeError {
    /// An error in a PDU that [`DecodeError::of`] names.
    pub(crate) const fn new(field: &'static str, offset: usize, reason: DecodeReason) -> Self {
        Self {
            command_id: CommandId(0),
            sequence_number: 0,
            field,
            offset,
            reason,
        }
    }

    /// The error as one of the PDU with this header.
    pub(crate) const fn of(self, header: &Header) -> Self {
        Self {
            command_id: header.command_id,
            sequence_number: header.sequence_number,
            ..self
        }
    }

    /// Whether the session may go on: always, because the frame has an end of its own.
    #[must_use]
    pub const fn is_recoverable(&self) -> bool {
        true
    }

    /// The command_status to answer with, by its meaning in SMPP v5.0 §4.7.6.
    #[must_use]
    pub fn command_status(&self) -> CommandStatus {
        let is_bad_text = matches!(
            self.reason,
            DecodeReason::TooLong { .. } | DecodeReason::NotAscii
        );
        // A string with a status of its own has it for being too long and for its characters.
        match (self.field, self.reason) {
            ("source_addr", _) if is_bad_text => CommandStatus::ESME_RINVSRCADR,
            ("destination_addr", _) if is_bad_text => CommandStatus::ESME_RINVDSTADR,
            ("message_id", _) if is_bad_text => CommandStatus::ESME_RINVMSGID,
            ("service_type", _) if is_bad_text => CommandStatus::ESME_RINVSERTYP,
            ("system_id", _) if is_bad_text => CommandStatus::ESME_RINVSYSID,
            ("password", _) if is_bad_text => CommandStatus::ESME_RINVPASWD,
            ("system_type", _) if is_bad_text => CommandStatus::ESME_RINVSYSTYP,
            ("dl_name", _) if is_bad_text => CommandStatus::ESME_RINVDLNAME,
            ("sm_length" | "short_message", _) => CommandStatus::ESME_RINVMSGLEN,
            ("tlv", _) => CommandStatus::ESME_RINVOPTPARSTREAM,
            ("sequence_number", _) => CommandStatus::ESME_RUNKNOWNERR,
            ("schedule_delivery_time", _) => CommandStatus::ESME_RINVSCHED,
            ("validity_period", _) => CommandStatus::ESME_RINVEXPIRY,
            ("number_of_dests", _) => CommandStatus::ESME_RINVNUMDESTS,
            ("dest_flag", _) => CommandStatus::ESME_RINVDESTFLAG,
            (_, DecodeReason::Trailing { .. }) => CommandStatus::ESME_RINVCMDLEN,
            (_, DecodeReason::Truncated) => CommandStatus::ESME_RINVCMDLEN,
            _ => CommandStatus::ESME_RINVPARLEN,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}: ", self.field, self.offset)?;
        match self.reason {
            DecodeReason::Truncated => write!(f, "the PDU ends before it"),
            DecodeReason::NotTerminated => write!(f, "no NUL at its end"),
            DecodeReason::TooLong { octets, octets_max } => {
                write!(f, "{octets} octets, at most {octets_max} are allowed")
            }
            DecodeReason::Overrun {
                declared,
                available,
            } => {
                write!(f, "declares {declared} octets, {available} are there")
            }
            DecodeReason::Length {
                octets,
                octets_min,
                octets_max,
            } => {
                write!(
                    f,
                    "{octets} octets, {octets_min} to {octets_max} are allowed"
                )
            }
            DecodeReason::Value { value } => write!(f, "value {value} is not allowed"),
            DecodeReason::Trailing { octets } => write!(f, "{octets} octets too many"),
            DecodeReason::NotAscii => write!(f, "an octet that is not ASCII"),
        }
    }
}

impl std::error::Error for DecodeError {}
