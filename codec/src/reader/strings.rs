//! Reads C-octet strings and times. SMPP v3.4 §3.1, §7.1.1.

use super::{Reader, Refused};
use crate::error::DecodeReason;
use crate::quirks::{Deviation, OVERLONG_STRING_OCTETS_MAX};
use crate::string::COctetStr;

impl<'a> Reader<'a, '_> {
    /// A C-octet string.
    #[inline(always)]
    pub(super) fn c_octets(
        &mut self,
        field: &'static str,
        octets_max: usize,
        is_last: bool,
    ) -> Result<COctetStr<'a>, Refused> {
        if let [0, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(COctetStr::EMPTY);
        }
        let length = text_octets(self.rest, octets_max);
        match self.rest.split_at_checked(length) {
            Some((octets, [0, rest @ ..])) if length < octets_max => {
                self.rest = rest;
                Ok(COctetStr::from_terminated(octets))
            }
            _ => self.unusual_string(field, octets_max, is_last),
        }
    }

    /// A C-octet string that is not ASCII or has no NUL where the specification wants one at the
    /// latest.
    #[cold]
    pub(super) fn unusual_string(
        &mut self,
        field: &'static str,
        octets_max: usize,
        is_last: bool,
    ) -> Result<COctetStr<'a>, Refused> {
        let rest = self.rest;
        let nul = rest.iter().position(|octet| *octet == 0);
        let (length, is_ended) = match nul {
            Some(length) => (length, true),
            None => (rest.len(), false),
        };
        if !is_ended && rest.is_empty() && !(is_last && self.at() > 0) {
            return Err(self.refuse(field, DecodeReason::Truncated));
        }
        if !is_ended && !is_last {
            return Err(self.refuse(field, DecodeReason::NotTerminated));
        }
        if length >= octets_max {
            let too_long = |octets_max| DecodeReason::TooLong {
                octets: length,
                octets_max,
            };
            if length > OVERLONG_STRING_OCTETS_MAX {
                return Err(self.refuse(field, too_long(octets_max - 1)));
            }
            self.deviate(Deviation::OverlongString, field, too_long(octets_max - 1))?;
        }
        if !is_ended {
            self.deviate(Deviation::MissingNul, field, DecodeReason::NotTerminated)?;
        }
        let octets = &rest[..length];
        if !octets.is_ascii() {
            self.deviate(Deviation::NotAscii, field, DecodeReason::NotAscii)?;
        }
        self.rest = &rest[length + usize::from(is_ended)..];
        Ok(COctetStr::from_terminated(octets))
    }

    /// A time that is not empty. One of any other length than 16 is one deviation, not two.
    #[inline(never)]
    pub(super) fn some_time(&mut self, field: &'static str) -> Result<COctetStr<'a>, Refused> {
        let start = self.rest;
        let time = self.c_octets(field, OVERLONG_STRING_OCTETS_MAX + 1, false)?;
        let octets = time.as_octets().len();
        if octets != 16 {
            let end = std::mem::replace(&mut self.rest, start);
            let reason = DecodeReason::Length {
                octets,
                octets_min: 16,
                octets_max: 16,
            };
            self.deviate(Deviation::TimeLength, field, reason)?;
            self.rest = end;
        }
        Ok(time)
    }
}

/// How many octets stand before the first that is NUL or not ASCII, as far as that matters for a
/// string of less than `octets_max`.
#[inline(always)]
fn text_octets(octets: &[u8], octets_max: usize) -> usize {
    let octets = &octets[..octets.len().min(octets_max.next_multiple_of(8))];
    let (words, _) = octets.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if let Some(end) = text_end(*word) {
            return 8 * index + end;
        }
    }
    // The last word may begin among octets that were searched: they end nothing.
    match octets.last_chunk::<8>() {
        Some(word) => octets.len() - 8 + text_end(*word).unwrap_or(8),
        None => short_text_octets(octets),
    }
}

/// The first octet in eight that is NUL or not ASCII.
#[inline(always)]
fn text_end(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_le_bytes(word);
    // Taking one away borrows beyond an octet only where that octet is NUL. So marks may be wrong
    // only above the lowest.
    let marks = (word | word.wrapping_sub(ONES)) & HIGHS;
    (marks != 0).then(|| (marks.trailing_zeros() / 8) as usize)
}

/// As [`text_octets`], in less than eight octets.
#[inline(never)]
fn short_text_octets(octets: &[u8]) -> usize {
    let is_end = |octet: &u8| *octet == 0 || *octet >= 0x80;
    octets.iter().position(is_end).unwrap_or(octets.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_ends_before_the_first_octet_that_is_nul_or_not_ascii() {
        for (length, octet) in (0..32).flat_map(|length| [(length, 0), (length, 0x80)]) {
            for end in 0..length {
                let mut octets = vec![1; length];
                octets[end] = octet;
                let found = super::text_octets(&octets, 32);
                assert_eq!(found, end, "{octet} in {length} octets");
            }
        }
    }
}
