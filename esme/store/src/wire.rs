//! The octets of records and index entries: little-endian, lengths and most numbers as varints
//! (LEB128). Knows primitives only; what they mean is in [`crate::record`].

use std::fmt;
use std::sync::Arc;

use signalbox_router::MessageId;

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

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    let mut fields = Fields::new();
    fields.u64(value);
    fields.put(out);
}

/// A few short fields, put together before they are appended: that takes half of the time that
/// each by itself takes.
pub(crate) struct Fields {
    octets: [u8; FIELDS_OCTETS],
    count: usize,
}

/// Room for what stands between two strings.
const FIELDS_OCTETS: usize = 96;

impl Fields {
    pub(crate) const fn new() -> Self {
        Self {
            octets: [0; FIELDS_OCTETS],
            count: 0,
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, value: u8) {
        self.octets[self.count] = value;
        self.count += 1;
    }

    /// Most numbers are times, of six octets: their groups of seven bits are spread at once.
    #[inline]
    pub(crate) fn u64(&mut self, mut value: u64) {
        if value < 0x80 {
            self.u8(value as u8);
        } else if value < 1 << 56 {
            let mut groups = (value & 0x0FFF_FFFF) | (value & 0x00FF_FFFF_F000_0000) << 4;
            groups = (groups & 0x0000_3FFF_0000_3FFF) | (groups & 0x0FFF_C000_0FFF_C000) << 2;
            groups = (groups & 0x007F_007F_007F_007F) | (groups & 0x3F80_3F80_3F80_3F80) << 1;
            let last = (63 - groups.leading_zeros()) / 8;
            let more = 0x8080_8080_8080_8080 & ((1 << (8 * last)) - 1);
            let octets = (groups | more).to_le_bytes();
            self.octets[self.count..self.count + 8].copy_from_slice(&octets);
            self.count += last as usize + 1;
        } else {
            while value >= 0x80 {
                self.u8(value as u8 | 0x80);
                value >>= 7;
            }
            self.u8(value as u8);
        }
    }

    pub(crate) fn id(&mut self, id: MessageId) {
        self.octets[self.count..self.count + 16].copy_from_slice(&id.0.to_le_bytes());
        self.count += 16;
    }

    /// Appends what there is, and a text behind it.
    pub(crate) fn put_str(&mut self, out: &mut Vec<u8>, text: &str) {
        self.u64(text.len() as u64);
        self.put(out);
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends what there is, and begins anew.
    #[inline]
    pub(crate) fn put(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets[..self.count]);
        self.count = 0;
    }
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

/// Behind what is in `fields`.
pub(crate) fn put_pairs(out: &mut Vec<u8>, fields: &mut Fields, pairs: &[(String, String)]) {
    fields.u64(pairs.len() as u64);
    for (name, value) in pairs {
        fields.put_str(out, name);
        fields.put_str(out, value);
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

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        u16::try_from(self.u64(field)?).map_err(|_| Malformed {
            field,
            reason: "a number above 65535",
        })
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        u32::try_from(self.u64(field)?).map_err(|_| Malformed {
            field,
            reason: "a number of more than 32 bits",
        })
    }

    pub(crate) fn fixed_u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        let octets = self.take(field, 8)?;
        Ok(u64::from_le_bytes(
            octets.try_into().expect("eight octets were taken"),
        ))
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

    pub(crate) fn id(&mut self, field: &'static str) -> Result<MessageId, Malformed> {
        let octets = self.take(field, 16)?;
        Ok(MessageId(u128::from_le_bytes(
            octets.try_into().expect("sixteen octets were taken"),
        )))
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
    fn a_count_never_exceeds_the_octets_left() {
        let mut out = Vec::new();
        put_u64(&mut out, 1 << 40);
        assert!(Reader::new(&out).count("n").is_err());
        assert!(Reader::new(&out).octets("n").is_err());
    }
}
