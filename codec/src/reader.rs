//! Reads the fields of one PDU, in the order of the specification. It never sees an octet beyond
//! the PDU, so a wrong length inside it cannot reach the next subscriber's PDU.

use crate::error::{DecodeError, DecodeReason};
use crate::header::HEADER_OCTETS;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// A position in the body of a PDU.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0 }
    }

    /// Whether the whole body was read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.at >= self.body.len()
    }

    /// An error about the field that starts here.
    #[cold]
    pub(crate) const fn error(&self, field: &'static str, reason: DecodeReason) -> DecodeError {
        DecodeError {
            field,
            offset: HEADER_OCTETS + self.at,
            reason,
        }
    }

    /// A one-octet integer.
    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        let Some(octet) = self.body.get(self.at) else {
            return Err(self.error(field, DecodeReason::Truncated));
        };
        self.at += 1;
        Ok(*octet)
    }

    /// Several one-octet integers that follow each other; an error names the first.
    #[inline]
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8; N], DecodeError> {
        let Some(octets) = self
            .body
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<N>())
        else {
            return Err(self.error(field, DecodeReason::Truncated));
        };
        self.at += N;
        Ok(octets)
    }

    /// A C-octet string of at most `octets_max` octets, the NUL included as in the
    /// specification's tables. The loop stops there, however long the body is.
    #[inline]
    pub(crate) fn c_octet_string(
        &mut self,
        field: &'static str,
        octets_max: usize,
    ) -> Result<COctetStr<'a>, DecodeError> {
        let rest = &self.body[self.at..];
        // A plain loop: these fields are short, and a call to memchr costs more than it saves.
        match rest.iter().take(octets_max).position(|octet| *octet == 0) {
            Some(length) => {
                self.at += length + 1;
                Ok(COctetStr::from_terminated(&rest[..length]))
            }
            None => Err(self.unterminated(field, octets_max)),
        }
    }

    #[cold]
    fn unterminated(&self, field: &'static str, octets_max: usize) -> DecodeError {
        let rest = &self.body[self.at..];
        let reason = match rest.iter().position(|octet| *octet == 0) {
            Some(octets) => DecodeReason::TooLong {
                octets,
                octets_max: octets_max - 1,
            },
            None if rest.is_empty() => DecodeReason::Truncated,
            None => DecodeReason::NotTerminated,
        };
        self.error(field, reason)
    }

    /// `length` octets. An overrun is an error of the field that declared the length.
    #[inline]
    pub(crate) fn octets(
        &mut self,
        length_field: &'static str,
        length: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let rest = &self.body[self.at..];
        let Some(octets) = rest.get(..length) else {
            let reason = DecodeReason::Overrun {
                declared: length,
                available: rest.len(),
            };
            return Err(self.error(length_field, reason));
        };
        self.at += length;
        Ok(octets)
    }

    /// The optional parameters: all that is left.
    #[inline]
    pub(crate) fn tlvs(&mut self) -> Result<Tlvs<'a>, DecodeError> {
        let rest = &self.body[self.at..];
        let offset = HEADER_OCTETS + self.at;
        self.at = self.body.len();
        Tlvs::decode(rest, offset)
    }

    /// The end of a PDU that has no optional parameters.
    pub(crate) fn end(&self, field: &'static str) -> Result<(), DecodeError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(self.error(
            field,
            DecodeReason::Trailing {
                octets: self.body.len() - self.at,
            },
        ))
    }
}
