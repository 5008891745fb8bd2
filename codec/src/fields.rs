//! The fields of a PDU, named once. Each PDU lists its fields in the order of the specification in
//! [`Fields::pass`]; what is done with them is the [`FieldPass`]: reading, counting octets,
//! writing, inspecting, taking them from named values. So the five cannot disagree on the order.

use std::convert::Infallible;

use bytes::{BufMut, BytesMut};

use crate::pdu::{DestAddresses, ShortMessage, UnsuccessSmes};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// A PDU body.
pub(crate) trait Fields<'a> {
    /// Hands each field to `pass`, in the order of the specification.
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error>;
}

/// A pass that fills empty fields.
pub(crate) trait FillPass<'a>: FieldPass<'a> {
    /// Why a PDU cannot be filled, in full.
    type Refusal;

    /// The full story behind the error of a field.
    fn refusal(&mut self, error: Self::Error) -> Self::Refusal;
}

/// What is done with each field. Names and maxima are those of the specification's tables; a
/// maximum counts the NUL.
pub(crate) trait FieldPass<'a> {
    /// What stops the pass. It should fit a register: there are millions of fields per second.
    type Error;

    /// Whether the body of a response is there at all; `first` is the name of its first field.
    fn body(&mut self, first: &'static str, present: bool) -> Result<bool, Self::Error>;

    /// A C-octet string.
    fn string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Self::Error>;

    /// The C-octet string that ends the mandatory part.
    fn last_string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Self::Error>;

    /// A C-octet string of 1 or 17 octets.
    fn time(&mut self, name: &'static str, value: &mut COctetStr<'a>) -> Result<(), Self::Error>;

    /// One-octet integers that follow each other.
    fn numbers<const N: usize>(
        &mut self,
        names: [&'static str; N],
        values: [&mut u8; N],
    ) -> Result<(), Self::Error>;

    /// sm_length and short_message.
    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), Self::Error>;

    /// number_of_dests and dest_address(es).
    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), Self::Error>;

    /// no_unsuccess and unsuccess_sme(s).
    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), Self::Error>;

    /// The optional parameters.
    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Self::Error>;

    /// The end of a PDU for which the specification has no optional parameters. Those that stand
    /// there all the same are kept.
    fn stray_tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Self::Error>;
}

impl<'a> Fields<'a> for Tlvs<'a> {
    #[inline]
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.tlvs(self)
    }
}

/// Counts the octets of a body.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) octets: usize,
}

impl<'a> FieldPass<'a> for Counter {
    type Error = Infallible;

    #[inline]
    fn body(&mut self, _first: &'static str, present: bool) -> Result<bool, Infallible> {
        Ok(present)
    }

    #[inline]
    fn string(
        &mut self,
        _name: &'static str,
        _octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.octets += value.wire_octets();
        Ok(())
    }

    #[inline]
    fn last_string(
        &mut self,
        _name: &'static str,
        _octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.octets += value.wire_octets();
        Ok(())
    }

    #[inline]
    fn time(&mut self, _name: &'static str, value: &mut COctetStr<'a>) -> Result<(), Infallible> {
        self.octets += value.wire_octets();
        Ok(())
    }

    #[inline]
    fn numbers<const N: usize>(
        &mut self,
        _names: [&'static str; N],
        _values: [&mut u8; N],
    ) -> Result<(), Infallible> {
        self.octets += N;
        Ok(())
    }

    #[inline]
    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), Infallible> {
        self.octets += 1 + value.as_octets().len();
        Ok(())
    }

    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), Infallible> {
        self.octets += 1 + value.as_octets().len();
        Ok(())
    }

    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), Infallible> {
        self.octets += 1 + value.as_octets().len();
        Ok(())
    }

    #[inline]
    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        self.octets += value.as_octets().len();
        Ok(())
    }

    #[inline]
    fn stray_tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        self.tlvs(value)
    }
}

/// Writes a body. The NUL of a string waits for the integers behind it, so that both go out in one
/// piece: most of the time goes into the pieces, not into the octets.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut BytesMut,
    owes_nul: bool,
}

impl<'o> Writer<'o> {
    /// Most integers that one [`FieldPass::numbers`] takes.
    const NUMBERS_MAX: usize = 7;

    pub(crate) const fn new(out: &'o mut BytesMut) -> Self {
        Self {
            out,
            owes_nul: false,
        }
    }

    #[inline(always)]
    fn put(&mut self, octets: &[u8]) {
        if self.owes_nul {
            self.owes_nul = false;
            self.out.put_u8(0);
        }
        if !octets.is_empty() {
            self.out.put_slice(octets);
        }
    }

    /// A count of one octet, and what it counts.
    #[inline(always)]
    fn put_counted(&mut self, count: u8, octets: &[u8]) {
        let Ok(()) = self.numbers([""], [&mut { count }]);
        self.put(octets);
    }
}

impl<'a> FieldPass<'a> for Writer<'_> {
    type Error = Infallible;

    #[inline(always)]
    fn body(&mut self, _first: &'static str, present: bool) -> Result<bool, Infallible> {
        Ok(present)
    }

    #[inline(always)]
    fn string(
        &mut self,
        _name: &'static str,
        _octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.put(value.as_octets());
        self.owes_nul = true;
        Ok(())
    }

    #[inline(always)]
    fn last_string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.string(name, octets_max, value)
    }

    #[inline(always)]
    fn time(&mut self, name: &'static str, value: &mut COctetStr<'a>) -> Result<(), Infallible> {
        self.string(name, 17, value)
    }

    #[inline(always)]
    fn numbers<const N: usize>(
        &mut self,
        _names: [&'static str; N],
        values: [&mut u8; N],
    ) -> Result<(), Infallible> {
        let mut octets = [0; 1 + Self::NUMBERS_MAX];
        for (octet, value) in octets[1..].iter_mut().zip(values) {
            *octet = *value;
        }
        if self.owes_nul {
            self.owes_nul = false;
            self.out.put_slice(&octets[..=N]);
        } else {
            self.out.put_slice(&octets[1..=N]);
        }
        Ok(())
    }

    #[inline(always)]
    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), Infallible> {
        self.put_counted(value.sm_length(), value.as_octets());
        Ok(())
    }

    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), Infallible> {
        self.put_counted(value.count(), value.as_octets());
        Ok(())
    }

    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), Infallible> {
        self.put_counted(value.count(), value.as_octets());
        Ok(())
    }

    #[inline(always)]
    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        self.put(value.as_octets());
        Ok(())
    }

    #[inline(always)]
    fn stray_tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        self.tlvs(value)
    }
}
