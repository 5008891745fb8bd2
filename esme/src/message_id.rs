//! The id that an SMSC gives to a message.

use std::fmt;

/// Octets kept without an allocation: SMPP v3.4 §5.2.23 allows 64, most are below 40.
const INLINE_OCTETS_MAX: usize = 40;

/// A message_id as it came, without its NUL. Peers send longer ones than the specification allows.
#[derive(Clone)]
pub struct MessageId(Form);

#[derive(Clone)]
enum Form {
    Inline {
        length: u8,
        octets: [u8; INLINE_OCTETS_MAX],
    },
    Heap(Box<[u8]>),
}

impl MessageId {
    /// Copies it.
    #[must_use]
    #[inline]
    pub fn new(octets: &[u8]) -> Self {
        if octets.len() > INLINE_OCTETS_MAX {
            return Self(Form::Heap(octets.into()));
        }
        let mut inline = [0; INLINE_OCTETS_MAX];
        inline[..octets.len()].copy_from_slice(octets);
        Self(Form::Inline {
            length: octets.len() as u8,
            octets: inline,
        })
    }

    /// The octets.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { length, octets } => &octets[..usize::from(*length)],
            Form::Heap(octets) => octets,
        }
    }

    /// The id with each octet taken as the Latin-1 character of that number.
    #[must_use]
    pub fn to_latin1(&self) -> String {
        self.as_octets().iter().copied().map(char::from).collect()
    }
}

impl PartialEq for MessageId {
    fn eq(&self, other: &Self) -> bool {
        self.as_octets() == other.as_octets()
    }
}

impl Eq for MessageId {}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_octets().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_length_are_kept_whole() {
        for length in 0..200 {
            let octets = vec![b'7'; length];
            assert_eq!(MessageId::new(&octets).as_octets(), octets);
        }
    }
}
