//! replace_sm. SMPP v3.4 §4.10.1.

use crate::fields::{FieldPass, Fields};
use crate::pdu::ShortMessage;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of replace_sm. The message must be pending, and its sender the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReplaceSm<'a> {
    /// The message; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// When to deliver; empty: unchanged. 0 or 16 octets.
    pub schedule_delivery_time: COctetStr<'a>,
    /// Until when; empty: unchanged. 0 or 16 octets.
    pub validity_period: COctetStr<'a>,
    /// Which receipts are wanted. SMPP v3.4 §5.2.17.
    pub registered_delivery: u8,
    /// A message stored at the SMSC, 0: none.
    pub sm_default_msg_id: u8,
    /// The new user data.
    pub short_message: ShortMessage<'a>,
    /// Optional parameters (v5.0: message_payload).
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for ReplaceSm<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 21, &mut self.source_addr)?;
        pass.time("schedule_delivery_time", &mut self.schedule_delivery_time)?;
        pass.time("validity_period", &mut self.validity_period)?;
        pass.numbers(
            ["registered_delivery", "sm_default_msg_id"],
            [&mut self.registered_delivery, &mut self.sm_default_msg_id],
        )?;
        pass.short_message(&mut self.short_message)?;
        pass.tlvs(&mut self.tlvs)
    }
}
