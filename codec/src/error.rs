//! Why octets are not the PDU that they claim to be, and what the peer should be told about it.

use std::fmt;

use crate::status::CommandStatus;

/// A PDU that cannot be decoded. It costs that PDU, never the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
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
    /// Octets remain where the PDU should end.
    Trailing {
        /// How many.
        octets: usize,
    },
    /// An octet that is not ASCII in a C-octet string.
    NotAscii,
}

impl DecodeError {
    /// The command_status to answer with.
    #[must_use]
    pub fn command_status(&self) -> CommandStatus {
        match (self.field, self.reason) {
            ("sm_length" | "short_message", _) => CommandStatus::ESME_RINVMSGLEN,
            ("tlv", _) => CommandStatus::ESME_RINVOPTPARSTREAM,
            ("source_addr", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVSRCADR,
            ("destination_addr", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVDSTADR,
            ("message_id", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVMSGID,
            ("service_type", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVSERTYP,
            ("system_id", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVSYSID,
            ("password", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVPASWD,
            ("system_type", DecodeReason::TooLong { .. }) => CommandStatus::ESME_RINVSYSTYP,
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
            DecodeReason::Value { value } => write!(f, "value {value} is not allowed"),
            DecodeReason::Trailing { octets } => write!(f, "{octets} octets too many"),
            DecodeReason::NotAscii => write!(f, "an octet that is not ASCII"),
        }
    }
}

impl std::error::Error for DecodeError {}
