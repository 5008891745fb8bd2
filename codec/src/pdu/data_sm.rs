//! data_sm. SMPP v3.4 §4.7.1. Its text is in the optional parameter message_payload.

use crate::fields::{FieldPass, Fields};
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

impl<'a> Fields<'a> for DataSm<'a> {
    #[inline]
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("service_type", 6, &mut self.service_type)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 65, &mut self.source_addr)?;
        pass.numbers(
            ["dest_addr_ton", "dest_addr_npi"],
            [&mut self.dest_addr_ton, &mut self.dest_addr_npi],
        )?;
        pass.string("destination_addr", 65, &mut self.destination_addr)?;
        pass.numbers(
            ["esm_class", "registered_delivery", "data_coding"],
            [
                &mut self.esm_class,
                &mut self.registered_delivery,
                &mut self.data_coding,
            ],
        )?;
        pass.tlvs(&mut self.tlvs)
    }
}
