//! bind_transmitter, bind_receiver, bind_transceiver: the three have the same fields.
//! SMPP v3.4 §4.1.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::error::DecodeError;
use crate::pdu::put_c_octet_string;
use crate::reader::Reader;
use crate::string::COctetStr;

/// Fields of a bind request. `Debug` hides the password.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Bind<'a> {
    /// Who binds; at most 15 octets.
    pub system_id: COctetStr<'a>,
    /// At most 8 octets.
    pub password: COctetStr<'a>,
    /// At most 12 octets.
    pub system_type: COctetStr<'a>,
    /// 0x34 for SMPP v3.4; 0x33 and below for older versions, 0x50 for v5.0.
    pub interface_version: u8,
    /// Type of number of `address_range`. SMPP v3.4 §5.2.5.
    pub addr_ton: u8,
    /// Numbering plan of `address_range`. SMPP v3.4 §5.2.6.
    pub addr_npi: u8,
    /// Addresses served, as a regular expression; at most 40 octets.
    pub address_range: COctetStr<'a>,
}

impl<'a> Bind<'a> {
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let bind = Self {
            system_id: reader.c_octet_string("system_id", 16)?,
            password: reader.c_octet_string("password", 9)?,
            system_type: reader.c_octet_string("system_type", 13)?,
            interface_version: reader.u8("interface_version")?,
            addr_ton: reader.u8("addr_ton")?,
            addr_npi: reader.u8("addr_npi")?,
            address_range: reader.c_octet_string("address_range", 41)?,
        };
        reader.end("address_range")?;
        Ok(bind)
    }

    pub(crate) const fn wire_octets(&self) -> usize {
        self.system_id.wire_octets()
            + self.password.wire_octets()
            + self.system_type.wire_octets()
            + 3
            + self.address_range.wire_octets()
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_c_octet_string(out, self.system_id);
        put_c_octet_string(out, self.password);
        put_c_octet_string(out, self.system_type);
        out.put_slice(&[self.interface_version, self.addr_ton, self.addr_npi]);
        put_c_octet_string(out, self.address_range);
    }
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bind")
            .field("system_id", &self.system_id)
            .field("password", &"***")
            .field("system_type", &self.system_type)
            .field("interface_version", &self.interface_version)
            .field("addr_ton", &self.addr_ton)
            .field("addr_npi", &self.addr_npi)
            .field("address_range", &self.address_range)
            .finish()
    }
}
