//! data_sm. SMPP v3.4 §4.7.1. Its text is in the optional parameter message_payload.

use bytes::{BufMut, BytesMut};

use crate::error::DecodeError;
use crate::pdu::put_c_octet_string;
use crate::reader::Reader;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of data_sm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DataSm<'a> {
    /// Service; at most 5 octets.
    pub service_type: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 64 octets.
    pub source_addr: COctetStr<'a>,
    /// Type of number of the recipient.
    pub dest_addr_ton: u8,
    /// Numbering plan of the recipient.
    pub dest_addr_npi: u8,
    /// Recipient; at most 64 octets.
    pub destination_addr: COctetStr<'a>,
    /// Message mode, type and features.
    pub esm_class: u8,
    /// Which receipts are wanted.
    pub registered_delivery: u8,
    /// Coding of the user data.
    pub data_coding: u8,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl<'a> DataSm<'a> {
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let service_type = reader.c_octet_string("service_type", 6)?;
        let [source_addr_ton, source_addr_npi] = *reader.array("source_addr_ton")?;
        let source_addr = reader.c_octet_string("source_addr", 65)?;
        let [dest_addr_ton, dest_addr_npi] = *reader.array("dest_addr_ton")?;
        let destination_addr = reader.c_octet_string("destination_addr", 65)?;
        let [esm_class, registered_delivery, data_coding] = *reader.array("esm_class")?;
        Ok(Self {
            service_type,
            source_addr_ton,
            source_addr_npi,
            source_addr,
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
            esm_class,
            registered_delivery,
            data_coding,
            tlvs: reader.tlvs()?,
        })
    }

    pub(crate) const fn wire_octets(&self) -> usize {
        self.service_type.wire_octets()
            + self.source_addr.wire_octets()
            + self.destination_addr.wire_octets()
            + 7
            + self.tlvs.as_octets().len()
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_c_octet_string(out, self.service_type);
        out.put_slice(&[self.source_addr_ton, self.source_addr_npi]);
        put_c_octet_string(out, self.source_addr);
        out.put_slice(&[self.dest_addr_ton, self.dest_addr_npi]);
        put_c_octet_string(out, self.destination_addr);
        out.put_slice(&[self.esm_class, self.registered_delivery, self.data_coding]);
        out.put_slice(self.tlvs.as_octets());
    }
}
