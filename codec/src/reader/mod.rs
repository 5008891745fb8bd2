//! Reads the fields of one PDU. It never sees an octet beyond the PDU, so a wrong length inside it
//! cannot reach the next subscriber's PDU. What deviates from the specification is tolerated or
//! refused as [`Quirks`] say.

use crate::error::{DecodeError, DecodeReason};
use crate::frame::Frame;
use crate::header::{HEADER_OCTETS, Header};
use crate::quirks::{Deviation, Deviations, Quirks, Sighting};

mod pass;
mod strings;
mod tlvs;

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

/// The PDU is refused. The reason stays in the reader until
/// [`refusal`](crate::fields::FillPass::refusal) takes it.
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
}
