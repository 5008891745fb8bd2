//! cancel_sm. SMPP v3.4 §4.9.1.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of cancel_sm. With an empty message_id all pending messages between the two addresses are
/// meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CancelSm<'a> {
    /// Service of the messages; at most 5 octets.
    pub service_type: COctetStr<'a>,
    /// The message; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// Type of number of the recipient.
    pub dest_addr_ton: u8,
    /// Numbering plan of the recipient.
    pub dest_addr_npi: u8,
    /// Recipient; at most 20 octets.
    pub destination_addr: COctetStr<'a>,
    /// The specification names none; those of vendors are kept.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for CancelSm<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("service_type", 6, &mut self.service_type)?;
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 21, &mut self.source_addr)?;
        pass.numbers(
            ["dest_addr_ton", "dest_addr_npi"],
            [&mut self.dest_addr_ton, &mut self.dest_addr_npi],
        )?;
        pass.last_string("destination_addr", 21, &mut self.destination_addr)?;
        pass.tlvs(&mut self.tlvs)
    }
}
