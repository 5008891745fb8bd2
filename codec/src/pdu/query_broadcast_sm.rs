//! query_broadcast_sm: in which state a broadcast is. SMPP v5.0 §4.6.1.1. Its response is a
//! [`MessageIdResp`](crate::pdu::MessageIdResp) with the state in optional parameters.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of query_broadcast_sm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QueryBroadcastSm<'a> {
    /// The broadcast; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// Optional parameters: user_message_reference.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for QueryBroadcastSm<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.last_string("source_addr", 21, &mut self.source_addr)?;
        pass.tlvs(&mut self.tlvs)
    }
}
