//! Shows a PDU field by field: name, value, and which octets of the PDU they are. For tools that
//! print PDUs; nothing on the wire path needs it.

use std::convert::Infallible;

use crate::fields::FieldPass;
use crate::frame::Frame;
use crate::header::HEADER_OCTETS;
use crate::pdu::{DestAddresses, Pdu, ShortMessage, UnsuccessSmes};
use crate::string::COctetStr;
use crate::tlv::{TLV_HEADER_OCTETS, Tlv, Tlvs};

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer.
    Integer(u32),
    /// A C-octet string.
    String(COctetStr<'a>),
    /// Octets of any value.
    Octets(&'a [u8]),
    /// The recipients of submit_multi.
    DestAddresses(DestAddresses<'a>),
    /// The refused recipients of submit_multi_resp.
    UnsuccessSmes(UnsuccessSmes<'a>),
}

/// A piece of a PDU, in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A field of the mandatory part.
    Field {
        /// The specification's name; the lists are `dest_addresses` and `unsuccess_smes`.
        name: &'static str,
        /// Its value.
        value: Value<'a>,
    },
    /// An optional parameter.
    Tlv(Tlv<'a>),
    /// The body of a PDU whose fields are not known or cannot be read.
    Body(&'a [u8]),
    /// Octets behind the last field that are no optional parameters.
    Trailing(&'a [u8]),
}

/// An [`Item`] and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// What stands there.
    pub item: Item<'a>,
    /// Its first octet, counted from the first octet of the PDU.
    pub offset: usize,
    /// How many octets it takes, a NUL and the head of a parameter included.
    pub octets: usize,
}

/// Shows each piece of the body of `frame` to `visit`. `pdu` is what [`Pdu::decode`] or
/// [`Pdu::decode_with`] read from that frame.
pub fn inspect<'a>(frame: &Frame<'a>, pdu: &Pdu<'a>, visit: impl FnMut(Placed<'a>)) {
    let mut inspector = Inspector {
        body: frame.body,
        at: 0,
        visit,
    };
    let Ok(()) = pdu.pass(&mut inspector);
    inspector.rest(frame.header.command_id.is_without_fields());
}

struct Inspector<'a, V> {
    body: &'a [u8],
    at: usize,
    visit: V,
}

impl<'a, V: FnMut(Placed<'a>)> Inspector<'a, V> {
    fn show(&mut self, item: Item<'a>, octets: usize) {
        // A string at the end of the PDU may lack its NUL, the last parameter its end.
        let octets = octets.min(self.body.len() - self.at);
        (self.visit)(Placed {
            item,
            offset: HEADER_OCTETS + self.at,
            octets,
        });
        self.at += octets;
    }

    fn field(&mut self, name: &'static str, value: Value<'a>, octets: usize) {
        self.show(Item::Field { name, value }, octets);
    }

    fn number(&mut self, name: &'static str, value: u8) {
        self.field(name, Value::Integer(u32::from(value)), 1);
    }

    /// What the fields of the PDU do not cover.
    fn rest(&mut self, is_without_fields: bool) {
        let rest = &self.body[self.at..];
        if rest.is_empty() {
            return;
        }
        let tlvs = Tlvs::of_wire(rest);
        if tlvs.is_whole() && (self.at > 0 || is_without_fields) {
            let Ok(()) = self.tlvs(&mut { tlvs });
        } else if self.at == 0 {
            self.show(Item::Body(rest), rest.len());
        } else {
            self.show(Item::Trailing(rest), rest.len());
        }
    }
}

impl<'a, V: FnMut(Placed<'a>)> FieldPass<'a> for Inspector<'a, V> {
    type Error = Infallible;

    fn body(&mut self, _first: &'static str, present: bool) -> Result<bool, Infallible> {
        Ok(present)
    }

    fn string(
        &mut self,
        name: &'static str,
        _octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.field(name, Value::String(*value), value.wire_octets());
        Ok(())
    }

    fn last_string(
        &mut self,
        name: &'static str,
        octets_max: usize,
        value: &mut COctetStr<'a>,
    ) -> Result<(), Infallible> {
        self.string(name, octets_max, value)
    }

    fn time(&mut self, name: &'static str, value: &mut COctetStr<'a>) -> Result<(), Infallible> {
        self.string(name, 17, value)
    }

    fn numbers<const N: usize>(
        &mut self,
        names: [&'static str; N],
        values: [&mut u8; N],
    ) -> Result<(), Infallible> {
        for (name, value) in names.into_iter().zip(values) {
            self.number(name, *value);
        }
        Ok(())
    }

    fn short_message(&mut self, value: &mut ShortMessage<'a>) -> Result<(), Infallible> {
        self.number("sm_length", value.sm_length());
        let octets = value.as_octets();
        self.field("short_message", Value::Octets(octets), octets.len());
        Ok(())
    }

    fn dest_addresses(&mut self, value: &mut DestAddresses<'a>) -> Result<(), Infallible> {
        self.number("number_of_dests", value.count());
        let octets = value.as_octets().len();
        self.field("dest_addresses", Value::DestAddresses(*value), octets);
        Ok(())
    }

    fn unsuccess_smes(&mut self, value: &mut UnsuccessSmes<'a>) -> Result<(), Infallible> {
        self.number("no_unsuccess", value.count());
        let octets = value.as_octets().len();
        self.field("unsuccess_smes", Value::UnsuccessSmes(*value), octets);
        Ok(())
    }

    fn tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        for tlv in value.iter() {
            self.show(Item::Tlv(tlv), TLV_HEADER_OCTETS + tlv.value.len());
        }
        Ok(())
    }

    fn stray_tlvs(&mut self, value: &mut Tlvs<'a>) -> Result<(), Infallible> {
        self.tlvs(value)
    }
}
