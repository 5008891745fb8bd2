//! Reads the fields of one PDU. It never sees an octet beyond the PDU, so a wrong length inside it
//! cannot reach the next subscriber's PDU. What deviates from the specification is tolerated or
//! refused as [`Quirks`] say.

use crate::error::{DecodeError, DecodeReason};
use crate::fields::{FieldPass, FillPass};
use crate::frame::Frame;
use crate::header::{HEADER_OCTETS, Header};
use crate::pdu::{DEST_FLAG_DISTRIBUTION_LIST, DEST_FLAG_SME, NUMBER_OF_DESTS_MAX};
use crate::pdu::{DestAddresses, ShortMessage, UnsuccessSmes};
use crate::quirks::{Deviation, Deviations, OVERLONG_STRING_OCTETS_MAX, Quirks, Sighting};
use crate::string::COctetStr;
use crate::tlv::{self, Tlvs};

/// A position in the body of a PDU.
#[derive(Debug)]
pub(crate) struct Reader<'a, 's> {
    header: Header,
    body_octets: usize,
    rest: &'a [u8],
    quirks: Quirks,
    deviations: Deviations,
    error: Option<DecodeError>,
    /// Where deviations are told in full, if somebody asks.
    sightings: Option<&'s mut Vec<Sighting>>,
}

/// The PDU is refused. The reason stays in the reader until [`FillPass::refusal`] takes it.
#[derive(Debug)]
pub(crate) struct Refused;

impl<'a, 's> Reader<'a, 's> {
    #[inline]
    pub(crate) const fn new(
        frame: &Frame<'a>,
        quirks: Quirks,
        sightings: Option<&'s mut Vec<Sighting>>,
    ) -> Self {
        Self {
            header: frame.header,
            body_octets: frame.body.len(),
            rest: frame.body,
            quirks,
            deviations: Deviations::NONE,
            error: None,
            sightings,
        }
    }

    /// What was tolerated so far.
    #[inline]
    pub(crate) const fn deviations(&self) -> Deviations {
        self.deviations
    }

    /// From here on `deviation` is refused.
    pub(crate) const fn stop_tolerating(&mut self, deviation: Deviation) {
        self.quirks = self.quirks.refusing(deviation);
    }

    /// Forgets the fields read so far and passes over all of the body because of `deviation`.
    pub(crate) fn pass_over(&mut self, deviation: Deviation, error: DecodeError) {
        self.note(deviation, error);
        self.rest = &[];
    }

    /// Remembers a deviation that is tolerated.
    fn note(&mut self, deviation: Deviation, error: DecodeError) {
        self.deviations = self.deviations.with(deviation);
        if let Some(sightings) = &mut self.sightings {
            let error = error.of(&self.header);
            sightings.push(Sighting { deviation, error });
        }
    }

    /// Notes or refuses a sequence_number outside its range.
    pub(crate) fn deviate_sequence_number(&mut self, value: u32) -> Result<(), Refused> {
        let error = DecodeError::new("sequence_number", 12, DecodeReason::Value { value });
        if self.quirks.tolerates(Deviation::SequenceNumber) {
            self.note(Deviation::SequenceNumber, error);
            return Ok(());
        }
        self.error = Some(error);
        Err(Refused)
    }

    /// Octets of the body that are read.
    const fn at(&self) -> usize {
        self.body_octets - self.rest.len()
    }

    /// What was read since `start` was the rest.
    fn since(&self, start: &'a [u8]) -> &'a [u8] {
        &start[..start.len() - self.rest.len()]
    }

    /// Refuses the PDU because of the field that starts here.
    #[cold]
    fn refuse(&mut self, field: &'static str, reason: DecodeReason) -> Refused {
        self.error = Some(self.error_here(field, reason));
        Refused
    }

    /// What is wrong with the field that starts here.
    const fn error_here(&self, field: &'static str, reason: DecodeReason) -> DecodeError {
        DecodeError::new(field, HEADER_OCTETS + self.at(), reason)
    }

    /// Notes a deviation in the field that starts here, or refuses it.
    #[cold]
    fn deviate(
        &mut self,
        deviation: Deviation,
        field: &'static str,
        reason: DecodeReason,
    ) -> Result<(), Refused> {
        if !self.quirks.tolerates(deviation) {
            return Err(self.refuse(field, reason));
        }
        self.note(deviation, self.error_here(field, reason));
        Ok(())
    }

    /// Several octets that follow each other; an error names the first.
    #[inline]
    fn array<const N: usize>(&mut self, field: &'static str) -> Result<&'a [u8; N], Refused> {
        let Some((octets, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.refuse(field, DecodeReason::Truncated));
        };
        self.rest = rest;
        Ok(octets)
    }

    #[inline]
    fn u8(&mut self, field: &'static str) -> Result<u8, Refused> {
        let [octet] = *self.array(field)?;
        Ok(octet)
    }

    /// A C-octet string.
    #[inline(always)]
    fn c_octets(
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
    fn unusual_string(
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

    /// A time that is not empty.
    #[inline(never)]
    fn some_time(&mut self, field: &'static str) -> Result<COctetStr<'a>, Refused> {
        let start = self.rest;
        let time = self.c_octets(field, 17, false)?;
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

    /// `length` octets. An overrun is an error of the field that declared the length.
    #[inline]
    fn octets(&mut self, length_field: &'static str, length: usize) -> Result<&'a [u8], Refused> {
        let Some((octets, rest)) = self.rest.split_at_checked(length) else {
            let reason = DecodeReason::Overrun {
                declared: length,
                available: self.rest.len(),
            };
            return Err(self.refuse(length_field, reason));
        };
        self.rest = rest;
        Ok(octets)
    }

    /// Notes what is wrong with a parameter that fits into the PDU but has not the size of its tag.
    #[cold]
    fn tlv_size(&mut self, tlv: tlv::Tlv<'a>) -> Result<(), Refused> {
        let field = tlv.tag.name().unwrap_or("tlv");
        if let Some((octets_min, octets_max)) = tlv.tag.value_octets() {
            let octets = tlv.value.len();
            if octets < usize::from(octets_min) || octets > usize::from(octets_max) {
                let reason = DecodeReason::Length {
                    octets,
                    octets_min: usize::from(octets_min),
                    octets_max: usize::from(octets_max),
                };
                self.deviate(Deviation::TlvLength, field, reason)?;
            }
        }
        if tlv.tag.is_c_octet_string() && tlv.value.last() != Some(&0) {
            self.deviate(Deviation::TlvMissingNul, field, DecodeReason::NotTerminated)?;
        }
        Ok(())
    }

    /// The optional parameters, when there are some.
    fn some_tlvs(&mut self) -> Result<Tlvs<'a>, Refused> {
        let octets = self.rest;
        let mut kept = octets.len();
        while !self.rest.is_empty() {
            let Some((tlv, rest)) = tlv::split_first(self.rest) else {
                kept -= self.broken_tlv()?;
                break;
            };
            if !tlv.has_size_of_its_tag() {
                self.tlv_size(tlv)?;
            }
            self.rest = rest;
        }
        self.rest = &[];
        Ok(Tlvs::of_wire(&octets[..kept]))
    }

    /// The parameter that starts here is not whole. If that is tolerated, the octets that are there
    /// count as its value; fewer than a tag and a length are passed over: as many as returned.
    #[cold]
    fn broken_tlv(&mut self) -> Result<usize, Refused> {
        let rest = self.rest;
        match tlv::declared_length(rest) {
            None => {
                self.deviate(Deviation::TrailingOctets, "tlv", DecodeReason::Truncated)?;
                Ok(rest.len())
            }
            Some(declared) => {
                let available = rest.len() - tlv::TLV_HEADER_OCTETS;
                let reason = DecodeReason::Overrun {
                    declared,
                    available,
                };
                self.deviate(Deviation::TlvOverrun, "tlv", reason)?;
                Ok(0)
            }
        }
    }
}

impl<'a> FillPass<'a> for Reader<'a, '_> {
    type Refusal = DecodeError;

    #[cold]
    fn refusal(&mut self, Refused: Refused) -> DecodeError {
        let error = self.error.expect("only Reader::refuse makes Refused");
        error.of(&self.header)
    }
}

impl<'a> FieldPass<'a> for Reader<'a, '_> {
    type Error = Refused;

    #[inline(always)]
    fn body(&mut self, first: &'static str, _present: bool) -> Result<bool, Refused> {
        if !self.rest.is_empty() {
            return Ok(true);
        }
        if self.header.command_status.is_ok() {
            self.deviate(Deviation::RespBodyMissing, first, DecodeReason::Truncated)?;
        }
        Ok(false)
    }

    #[inline(always)]
    fn string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Refused> {
        *value = self.c_octets(name, octets_max, false)?;
        Ok(())
    }

    #[inline(always)]
    fn last_string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Refused> {
        *value = self.c_octets(name, octets_max, true)?;
        Ok(())
    }

    #[inline(always)]
    fn time(&mut self, name: &'static str, value: &mut COctetStr<'a>) -> Result<(), Refused> {
        *value = match self.rest {
            [0, rest @ ..] => {
                self.rest = rest;
                COctetStr::EMPTY
            }
            _ => self.some_time(name)?,
        };
        Ok(())
    }

    #[inline(always)]
    fn numbers<const N: usize>(
        &mut self,
        names: [&'static str; N],
        values: [&mut u8; N],
    ) -> Result<(), Refused> {
        let Some((octets, rest)) = self.rest.split_first_chunk::<N>() else {
            let missing = self.rest.len();
            self.rest = &[];
            // Not by index, which would have the names laid out in memory for every PDU.
            let mut name = names[0];
            for (index, other) in names.into_iter().enumerate() {
                if index == missing {
                    name = other;
                }
            }
            return Err(self.refuse(name, DecodeReason::Truncated));
        };
        for (value, octet) in values.into_iter().zip(octets) {
            *value = *octet;
        }
        self.rest = rest;
        Ok(())
    }

    #[inline(always)]
    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), Refused> {
        let Some((sm_length, rest)) = self.rest.split_first() else {
            return Err(self.refuse("sm_length", DecodeReason::Truncated));
        };
        let declared = usize::from(*sm_length);
        let Some((octets, rest)) = rest.split_at_checked(declared) else {
            let available = rest.len();
            let reason = DecodeReason::Overrun {
                declared,
                available,
            };
            return Err(self.refuse("sm_length", reason));
        };
        if *sm_length == u8::MAX {
            let reason = DecodeReason::Value { value: 255 };
            self.deviate(Deviation::SmLength255, "sm_length", reason)?;
        }
        self.rest = rest;
        *value = ShortMessage::of_sm_length(octets);
        Ok(())
    }

    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), Refused> {
        let before = self.rest;
        let number_of_dests = self.u8("number_of_dests")?;
        let start = self.rest;
        if number_of_dests == 0 || number_of_dests > NUMBER_OF_DESTS_MAX {
            self.rest = before;
            let reason = DecodeReason::Value {
                value: u32::from(number_of_dests),
            };
            self.deviate(Deviation::NumberOfDests, "number_of_dests", reason)?;
            self.rest = start;
        }
        let mut string = COctetStr::EMPTY;
        for _ in 0..number_of_dests {
            let item = self.rest;
            match self.u8("dest_flag")? {
                DEST_FLAG_SME => {
                    self.array::<2>("dest_addr_ton")?;
                    self.string("destination_addr", 21, &mut string)?;
                }
                DEST_FLAG_DISTRIBUTION_LIST => self.string("dl_name", 21, &mut string)?,
                dest_flag => {
                    self.rest = item;
                    let reason = DecodeReason::Value {
                        value: u32::from(dest_flag),
                    };
                    return Err(self.refuse("dest_flag", reason));
                }
            }
        }
        *value = DestAddresses::of_wire(number_of_dests, self.since(start));
        Ok(())
    }

    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), Refused> {
        let no_unsuccess = self.u8("no_unsuccess")?;
        let start = self.rest;
        let mut string = COctetStr::EMPTY;
        for _ in 0..no_unsuccess {
            self.array::<2>("dest_addr_ton")?;
            self.string("destination_addr", 21, &mut string)?;
            self.octets("error_status_code", 4)?;
        }
        *value = UnsuccessSmes::of_wire(no_unsuccess, self.since(start));
        Ok(())
    }

    #[inline(always)]
    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Refused> {
        if !self.rest.is_empty() {
            *value = self.some_tlvs()?;
        }
        Ok(())
    }

    #[inline]
    fn stray_tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Refused> {
        let octets = self.rest.len();
        if octets != 0 {
            let reason = DecodeReason::Trailing { octets };
            self.deviate(Deviation::TrailingOctets, "command_length", reason)?;
            let tlvs = Tlvs::of_wire(self.rest);
            if tlvs.is_whole() {
                *value = tlvs;
            }
        }
        Ok(())
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
