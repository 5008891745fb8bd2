//! C-octet strings: octets that end with a NUL on the wire. SMPP v3.4 §3.1.

use std::fmt;

/// A C-octet string without its NUL. It holds no NUL; the specification wants ASCII, real peers
/// send other octets too, so any other octet is kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct COctetStr<'a>(&'a [u8]);

impl<'a> COctetStr<'a> {
    /// The empty string.
    pub const EMPTY: COctetStr<'static> = COctetStr(&[]);

    /// Wraps octets; `None` when there is a NUL among them.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        if octets.contains(&0) {
            None
        } else {
            Some(Self(octets))
        }
    }

    /// Wraps octets that were read up to their NUL.
    pub(crate) const fn from_terminated(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets, without the NUL.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.0
    }

    /// The string, if it is ASCII.
    #[must_use]
    pub fn as_ascii(&self) -> Option<&'a str> {
        if self.0.is_ascii() {
            std::str::from_utf8(self.0).ok()
        } else {
            None
        }
    }

    /// The string with each octet taken as the Latin-1 character of that number.
    #[must_use]
    pub fn to_latin1(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }

    /// Octets on the wire, the NUL included.
    #[must_use]
    pub const fn wire_octets(&self) -> usize {
        self.0.len() + 1
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for COctetStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
