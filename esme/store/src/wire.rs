//! The octets of records and index entries: little-endian; lengths, counts and small numbers as
//! varints (LEB128), times and large numbers at their full width. Knows primitives only; what they
//! mean is in [`crate::record`].

use std::fmt;
use std::sync::Arc;

use signalbox_router::{MessageId, RemoteId};

/// Octets that do not say what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The field that could not be read.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) reason: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

pub(crate) fn put_u8(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

/// Nearly all of these numbers are lengths and counts of one octet.
#[inline]
pub(crate) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Fields of a fixed length, put together and appended at once. Times and other numbers that are
/// large as a rule stand in such blocks: as varints they take a tenth less room, and ten times
/// the instructions.
pub(crate) struct Block<const OCTETS: usize> {
    octets: [u8; OCTETS],
    at: usize,
}

impl<const OCTETS: usize> Block<OCTETS> {
    pub(crate) const fn new() -> Self {
        Self {
            octets: [0; OCTETS],
            at: 0,
        }
    }

    #[inline(always)]
    fn add<const FIELD: usize>(&mut self, field: [u8; FIELD]) -> &mut Self {
        self.octets[self.at..self.at + FIELD].copy_from_slice(&field);
        self.at += FIELD;
        self
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.add([value])
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.add(value.to_le_bytes())
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.add(value.to_le_bytes())
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.add(value.to_le_bytes())
    }

    #[inline(always)]
    pub(crate) fn id(&mut self, id: MessageId) -> &mut Self {
        self.add(id.0.to_le_bytes())
    }

    /// Appends the block, which must be full.
    #[inline(always)]
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        debug_assert_eq!(self.at, OCTETS, "every field of a block is given");
        out.extend_from_slice(&self.octets);
    }
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_fixed_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_octets(out: &mut Vec<u8>, octets: &[u8]) {
    put_u64(out, octets.len() as u64);
    out.extend_from_slice(octets);
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_octets(out, text.as_bytes());
}

pub(crate) fn put_id(out: &mut Vec<u8>, id: MessageId) {
    out.extend_from_slice(&id.0.to_le_bytes());
}

pub(crate) fn put_pairs(out: &mut Vec<u8>, pairs: &[(String, String)]) {
    put_u64(out, pairs.len() as u64);
    for (name, value) in pairs {
        put_str(out, name);
        put_str(out, value);
    }
}

/// Takes values from the front of a slice.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Octets that were not taken yet.
    pub(crate) const fn left(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn take(
        &mut self,
        field: &'static str,
        count: usize,
    ) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.octets.split_at_checked(count) else {
            return Err(Malformed {
                field,
                reason: "longer than the record",
            });
        };
        self.octets = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        Ok(self.take(field, 1)?[0])
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let octet = self.u8(field)?;
            value |= u64::from(octet & 0x7F) << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed {
            field,
            reason: "a number of more than 64 bits",
        })
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        u32::try_from(self.u64(field)?).map_err(|_| Malformed {
            field,
            reason: "a number of more than 32 bits",
        })
    }

    fn array<const OCTETS: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; OCTETS], Malformed> {
        let octets = self.take(field, OCTETS)?;
        Ok(octets.try_into().expect("so many octets were taken"))
    }

    pub(crate) fn fixed_u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn fixed_u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn fixed_u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A number of things that follow, each at least one octet long: never more than octets left,
    /// so that it may size an allocation.
    pub(crate) fn count(&mut self, field: &'static str) -> Result<usize, Malformed> {
        let count = self.u64(field)?;
        match usize::try_from(count) {
            Ok(count) if count <= self.octets.len() => Ok(count),
            _ => Err(Malformed {
                field,
                reason: "more items than octets",
            }),
        }
    }

    pub(crate) fn octets(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let count = self.count(field)?;
        self.take(field, count)
    }

    pub(crate) fn str(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.octets(field)?).map_err(|_| Malformed {
            field,
            reason: "not UTF-8",
        })
    }

    pub(crate) fn string(&mut self, field: &'static str) -> Result<String, Malformed> {
        Ok(self.str(field)?.to_owned())
    }

    pub(crate) fn shared(&mut self, field: &'static str) -> Result<Arc<str>, Malformed> {
        Ok(Arc::from(self.str(field)?))
    }

    pub(crate) fn remote_id(&mut self, field: &'static str) -> Result<RemoteId, Malformed> {
        self.str(field).map(RemoteId::from)
    }

    pub(crate) fn id(&mut self, field: &'static str) -> Result<MessageId, Malformed> {
        self.array(field)
            .map(|octets| MessageId(u128::from_le_bytes(octets)))
    }

    pub(crate) fn pairs(
        &mut self,
        field: &'static str,
    ) -> Result<Vec<(String, String)>, Malformed> {
        let count = self.count(field)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((self.string(field)?, self.string(field)?));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_at_their_borders() {
        let powers = (0..64).map(|shift| 1_u64 << shift);
        let borders = powers.flat_map(|power| [power - 1, power, power + 1]);
        for value in borders.chain([u64::MAX, 0x0123_4567_89AB_CDEF, 1_763_800_000_123]) {
            let mut out = Vec::new();
            put_u64(&mut out, value);
            let bits = 64 - (value | 1).leading_zeros() as usize;
            assert_eq!(out.len(), bits.div_ceil(7), "{value:#x}");
            assert_eq!(Reader::new(&out).u64("n"), Ok(value));
            assert!(Reader::new(&out[..out.len() - 1]).u64("n").is_err());
        }
        assert!(Reader::new(&[0x80; 11]).u64("n").is_err());
    }

    #[test]
    fn a_block_comes_back_field_by_field() {
        let mut out = vec![9];
        let mut block = Block::<31>::new();
        block.u8(1).u16(0xFFFE).u32(3 << 24);
        block
            .u64(u64::MAX - 1)
            .id(MessageId(1 << 127))
            .put(&mut out);
        let mut reader = Reader::new(&out[1..]);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.fixed_u16("b"), Ok(0xFFFE));
        assert_eq!(reader.fixed_u32("c"), Ok(3 << 24));
        assert_eq!(reader.fixed_u64("d"), Ok(u64::MAX - 1));
        assert_eq!(reader.id("e"), Ok(MessageId(1 << 127)));
        assert!(reader.is_empty() && reader.fixed_u16("f").is_err());
    }

    #[test]
    fn a_count_never_exceeds_the_octets_left() {
        let mut out = Vec::new();
        put_u64(&mut out, 1 << 40);
        assert!(Reader::new(&out).count("n").is_err());
        assert!(Reader::new(&out).octets("n").is_err());
    }
}
