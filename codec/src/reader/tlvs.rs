//! Reads optional parameters: checks once that each fits into the PDU and has the size of its tag.
//! SMPP v3.4 §3.2.4.1, §5.3.2.

use super::{Reader, Refused};
use crate::error::DecodeReason;
use crate::quirks::Deviation;
use crate::tlv::{self, Tlvs};

impl<'a> Reader<'a, '_> {
    /// Notes what is wrong with a parameter that fits into the PDU but has not the size of its tag.
    #[cold]
    pub(super) fn tlv_size(&mut self, tlv: tlv::Tlv<'a>) -> Result<(), Refused> {
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
    pub(super) fn some_tlvs(&mut self) -> Result<Tlvs<'a>, Refused> {
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
    pub(super) fn broken_tlv(&mut self) -> Result<usize, Refused> {
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
