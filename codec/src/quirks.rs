//! What real peers do differently from the specification, by name, and which of it is tolerated.
//! A tolerated deviation is reported with the PDU; one that is not is a [`DecodeError`].

use std::fmt;

use crate::command::CommandId;
use crate::error::DecodeError;
use crate::tag::Tag;

/// Most octets of a C-octet string when [`Deviation::OverlongString`] is tolerated, without the
/// NUL. Ids of real SMSCs stay far below; what is longer is an error under any policy.
pub const OVERLONG_STRING_OCTETS_MAX: usize = 255;

/// Declares the deviations: variant, name, what was seen, section.
macro_rules! deviations {
    ($($(#[$meta:meta])* $variant:ident, $name:literal, $meaning:literal, $section:literal;)*) => {
        /// One known way in which PDUs of real peers differ from the specification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Deviation {
            $($(#[$meta])* $variant,)*
        }

        impl Deviation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name, for configuration and machines.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What was seen, in words.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// The section of SMPP v3.4 that it differs from; one of those that there is for each
            /// PDU or parameter stands for them all, and [`Sighting::source`] names the right one.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$variant => $section,)* }
            }

            /// The deviation of that [`Deviation::name`].
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|deviation| deviation.name() == name)
            }
        }
    };
}

deviations! {
    /// The last C-octet string of the PDU ends with the PDU.
    MissingNul, "missing_nul", "the last string has no NUL", "§3.1";
    /// A C-octet string exceeds its maximum, but not [`OVERLONG_STRING_OCTETS_MAX`].
    OverlongString, "overlong_string", "a string is longer than its maximum", "§3.1.2";
    /// An octet from 0x80 on in a C-octet string.
    NotAscii, "not_ascii", "a string has octets that are not ASCII", "§3.1";
    /// A time that has neither 0 nor 16 characters.
    TimeLength, "time_length", "a time has neither 0 nor 16 characters", "§7.1.1";
    /// sm_length 255, which v5.0 allows.
    SmLength255, "sm_length_255", "sm_length is 255", "§5.2.21";
    /// number_of_dests 0 or 255.
    NumberOfDests, "number_of_dests", "number_of_dests is outside 1 to 254", "§5.2.24";
    /// Octets after the last field, where the PDU should end or an optional parameter start. They
    /// are passed over, unless they are whole optional parameters: of a PDU that should have none,
    /// such as enquire_link, these are kept.
    TrailingOctets, "trailing_octets", "octets follow the last field", "§5.1.1";
    /// The last optional parameter declares more octets than are there; those that are there are
    /// its value.
    TlvOverrun, "tlv_overrun", "the last optional parameter is cut", "§3.2.4.1";
    /// An optional parameter with another length than the specification gives it.
    TlvLength, "tlv_length", "an optional parameter has another length", "§5.3.2";
    /// An optional parameter that is a C-octet string, without the NUL.
    TlvMissingNul, "tlv_missing_nul", "an optional parameter has no NUL", "§5.3.2";
    /// A response that reports success has no body.
    RespBodyMissing, "resp_body_missing", "the response to a success has no body", "§4.4.2";
    /// The body of a response that reports an error cannot be read; it counts as absent.
    ErrorBodyUnreadable, "error_body_unreadable", "the error response has a broken body", "§4.4.2";
    /// sequence_number 0 or above 0x7FFFFFFF. A generic_nack may have 0.
    SequenceNumber, "sequence_number", "sequence_number is outside 1 to 0x7FFFFFFF", "§5.1.4";
}

/// A set of [`Deviation`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Deviations(u32);

impl Deviations {
    /// None.
    pub const NONE: Self = Self(0);

    /// Every one.
    pub const ALL: Self = Self((1 << Deviation::ALL.len()) - 1);

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `deviation` is among them.
    #[must_use]
    #[inline]
    pub const fn contains(self, deviation: Deviation) -> bool {
        self.0 & (1 << deviation as u32) != 0
    }

    /// These and `deviation`.
    #[must_use]
    pub const fn with(self, deviation: Deviation) -> Self {
        Self(self.0 | 1 << deviation as u32)
    }

    /// These without `deviation`.
    #[must_use]
    pub const fn without(self, deviation: Deviation) -> Self {
        Self(self.0 & !(1 << deviation as u32))
    }

    /// Each of them, in the order of [`Deviation::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Deviation> {
        Deviation::ALL
            .iter()
            .copied()
            .filter(move |deviation| self.contains(*deviation))
    }
}

impl fmt::Debug for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A tolerated deviation and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What was tolerated.
    pub deviation: Deviation,
    /// The error that it would have been: which field, where, and what is wrong with it.
    pub error: DecodeError,
}

impl Sighting {
    /// The section that this PDU or parameter differs from, with its specification.
    #[must_use]
    pub fn source(&self) -> String {
        let section = self.deviation.section();
        match self.deviation {
            Deviation::RespBodyMissing | Deviation::ErrorBodyUnreadable => {
                response_source(self.error.command_id).to_owned()
            }
            Deviation::TlvLength | Deviation::TlvMissingNul
                if Tag::from_name(self.error.field).is_some_and(Tag::is_of_v5) =>
            {
                "SMPP v5.0 §4.8.4".to_owned()
            }
            _ => format!("SMPP v3.4 {section}"),
        }
    }
}

/// Where the body of a response is described.
const fn response_source(command_id: CommandId) -> &'static str {
    match command_id {
        CommandId::BIND_TRANSMITTER_RESP => "SMPP v3.4 §4.1.2",
        CommandId::BIND_RECEIVER_RESP => "SMPP v3.4 §4.1.4",
        CommandId::BIND_TRANSCEIVER_RESP => "SMPP v3.4 §4.1.6",
        CommandId::UNBIND_RESP => "SMPP v3.4 §4.2.2",
        CommandId::GENERIC_NACK => "SMPP v3.4 §4.3.1",
        CommandId::SUBMIT_MULTI_RESP => "SMPP v3.4 §4.5.2",
        CommandId::DELIVER_SM_RESP => "SMPP v3.4 §4.6.2",
        CommandId::DATA_SM_RESP => "SMPP v3.4 §4.7.2",
        CommandId::QUERY_SM_RESP => "SMPP v3.4 §4.8.2",
        CommandId::CANCEL_SM_RESP => "SMPP v3.4 §4.9.2",
        CommandId::REPLACE_SM_RESP => "SMPP v3.4 §4.10.2",
        CommandId::ENQUIRE_LINK_RESP => "SMPP v3.4 §4.11.2",
        CommandId::BROADCAST_SM_RESP => "SMPP v5.0 §4.4.1.2",
        CommandId::QUERY_BROADCAST_SM_RESP => "SMPP v5.0 §4.6.1.3",
        CommandId::CANCEL_BROADCAST_SM_RESP => "SMPP v5.0 §4.6.2.3",
        _ => "SMPP v3.4 §4.4.2",
    }
}

/// Which deviations are tolerated: one switch per [`Deviation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    tolerated: Deviations,
}

impl Quirks {
    /// Tolerates every known deviation. What a gateway wants: the peer will not change.
    pub const LENIENT: Self = Self {
        tolerated: Deviations::ALL,
    };

    /// Tolerates none. What a conformance check wants.
    pub const STRICT: Self = Self {
        tolerated: Deviations::NONE,
    };

    /// Switches `deviation` to tolerated.
    #[must_use]
    pub const fn tolerating(self, deviation: Deviation) -> Self {
        Self {
            tolerated: self.tolerated.with(deviation),
        }
    }

    /// Switches `deviation` to refused.
    #[must_use]
    pub const fn refusing(self, deviation: Deviation) -> Self {
        Self {
            tolerated: self.tolerated.without(deviation),
        }
    }

    /// Whether `deviation` is tolerated.
    #[must_use]
    #[inline]
    pub const fn tolerates(self, deviation: Deviation) -> bool {
        self.tolerated.contains(deviation)
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self::LENIENT
    }
}
