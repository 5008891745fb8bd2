//! Takes the lists of submit_multi and its response apart, once the reader has seen that they are
//! whole.

use crate::string::COctetStr;

/// Walks through a list whose items are already known to be whole.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*octet)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (octets, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*octets))
    }

    pub(crate) fn string(&mut self) -> Option<COctetStr<'a>> {
        let end = self.0.iter().position(|octet| *octet == 0)?;
        let (octets, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(COctetStr::from_terminated(octets))
    }
}
