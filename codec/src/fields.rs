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

/// What is done with each field. Names and maxima are those of the specification's tables; a
/// maximum counts the NUL.
pub(crate) trait FieldPass<'a> {
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

    /// The end of a PDU that has no optional parameters.
    fn end(&mut self) -> Result<(), Self::Error>;
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
    fn end(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Writes a body.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    pub(crate) out: &'o mut BytesMut,
}

impl Writer<'_> {
    #[inline]
    fn put_string(&mut self, value: COctetStr<'_>) {
        self.out.put_slice(value.as_octets());
        self.out.put_u8(0);
    }
}

impl<'a> FieldPass<'a> for Writer<'_> {
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
        self.put_string(*value);
        Ok(())
    }

    #[inline]
    fn last_string(
        &mut self,
        _name: &'static str,
        _octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.put_string(*value);
        Ok(())
    }

    #[inline]
    fn time(&mut self, _name: &'static str, value: &mut COctetStr<'a>) -> Result<(), Infallible> {
        self.put_string(*value);
        Ok(())
    }

    #[inline]
    fn numbers<const N: usize>(
        &mut self,
        _names: [&'static str; N],
        values: [&mut u8; N],
    ) -> Result<(), Infallible> {
        self.out.put_slice(&values.map(|value| *value));
        Ok(())
    }

    #[inline]
    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), Infallible> {
        self.out.put_u8(value.sm_length());
        self.out.put_slice(value.as_octets());
        Ok(())
    }

    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), Infallible> {
        self.out.put_u8(value.count());
        self.out.put_slice(value.as_octets());
        Ok(())
    }

    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), Infallible> {
        self.out.put_u8(value.count());
        self.out.put_slice(value.as_octets());
        Ok(())
    }

    #[inline]
    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        self.out.put_slice(value.as_octets());
        Ok(())
    }

    #[inline]
    fn end(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
