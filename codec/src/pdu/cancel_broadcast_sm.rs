//! cancel_broadcast_sm. SMPP v5.0 §4.6.2.1. Its response has no mandatory field.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of cancel_broadcast_sm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CancelBroadcastSm<'a> {
    /// Service of the broadcasts; at most 5 octets.
    pub service_type: COctetStr<'a>,
    /// The broadcast; at most 64 octets. Empty: all of the sender and the service.
    pub message_id: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// Optional parameters: broadcast_content_type, user_message_reference.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for CancelBroadcastSm<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("service_type", 6, &mut self.service_type)?;
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.last_string("source_addr", 21, &mut self.source_addr)?;
        pass.tlvs(&mut self.tlvs)
    }
}
