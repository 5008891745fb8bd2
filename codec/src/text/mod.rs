//! Text of messages: characters to octets and back, for every `data_coding` that names a character
//! set (SMPP v3.4 §5.2.19), and the choice of a coding that loses nothing ([`plan`]).
//!
//! Nothing here replaces a character silently: what a coding cannot carry is an error that names
//! it, and transliteration reports each change.

use std::fmt;

pub mod charset;
pub mod cut;
pub mod encoding;
pub mod gsm7;
pub mod national;
pub mod packed;
pub mod plan;
pub mod transliterate;
pub mod ucs2;

pub use encoding::Encoding;
pub use national::{Language, Shifts};
pub use plan::{Plan, PlanError, PlanOptions, PreferredEncoding, plan};

use crate::udh::Udh;

/// A character that the chosen coding does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unencodable {
    /// Octet of the UTF-8 text at which the character stands.
    pub offset: usize,
    /// The character.
    pub character: char,
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, character } = self;
        let scalar = u32::from(*character);
        write!(
            f,
            "no code for {character:?} (U+{scalar:04X}) at octet {offset} of the text"
        )
    }
}

impl std::error::Error for Unencodable {}

/// Octets that are no text of the coding they are said to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// An octet above 0x7F where one septet per octet stands.
    NotASeptet {
        /// Where it stands.
        offset: usize,
        /// Its value.
        octet: u8,
    },
    /// Fewer septets than announced.
    TooFewSeptets {
        /// Septets announced.
        wanted: usize,
        /// Septets present.
        available: usize,
    },
    /// UCS-2 with an odd number of octets.
    HalfUnit {
        /// Their number.
        octets: usize,
    },
    /// Half of a UTF-16 surrogate pair.
    LoneSurrogate {
        /// Where it stands.
        offset: usize,
    },
    /// An octet sequence that the character set does not define.
    Malformed {
        /// The character set.
        encoding: Encoding,
        /// First octet that does not fit, as near as the character set can tell.
        offset: usize,
    },
    /// The coding is for octets, not text.
    NotText {
        /// The coding.
        encoding: Encoding,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASeptet { offset, octet } => {
                write!(
                    f,
                    "octet 0x{octet:02X} at {offset} is no septet (0x00 to 0x7F)"
                )
            }
            Self::TooFewSeptets { wanted, available } => {
                write!(f, "{wanted} septets announced, {available} present")
            }
            Self::HalfUnit { octets } => {
                write!(
                    f,
                    "{octets} octets are no whole number of 2-octet UCS-2 units"
                )
            }
            Self::LoneSurrogate { offset } => {
                write!(f, "half of a surrogate pair at octet {offset}")
            }
            Self::Malformed { encoding, offset } => {
                write!(f, "octets at {offset} are no {encoding} text")
            }
            Self::NotText { encoding } => write!(f, "octets of the coding {encoding} are no text"),
        }
    }
}

impl std::error::Error for TextError {}

/// Text of user data whose header was taken off: `data_coding` and the header's national shifts
/// say how to read it. `default_alphabet` is what `data_coding` 0 means on the link.
///
/// # Errors
/// The octets are no text of that coding; see [`TextError`].
pub fn decode(
    octets: &[u8],
    data_coding: u8,
    default_alphabet: Encoding,
    udh: Option<Udh<'_>>,
) -> Result<String, TextError> {
    let encoding = Encoding::of_data_coding(data_coding, default_alphabet);
    match encoding {
        Encoding::Gsm7 => {
            let shifts = udh.map_or(Shifts::NONE, Shifts::of_udh);
            national::decode(octets, shifts)
        }
        other => charset::decode(octets, other),
    }
}
