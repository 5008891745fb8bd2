//! The pass that fills the fields of a PDU from its octets, in the order in which the PDU names
//! them.

use super::{Reader, Refused};
use crate::error::{DecodeError, DecodeReason};
use crate::fields::{FieldPass, FillPass};
use crate::pdu::{DEST_FLAG_DISTRIBUTION_LIST, DEST_FLAG_SME, NUMBER_OF_DESTS_MAX};
use crate::pdu::{DestAddresses, ShortMessage, UnsuccessSmes};
use crate::quirks::Deviation;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

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
