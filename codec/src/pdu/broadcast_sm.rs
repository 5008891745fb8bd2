//! broadcast_sm: a message to all mobiles of an area. SMPP v5.0 §4.4.1.1. Its response is a
//! [`MessageIdResp`](crate::pdu::MessageIdResp).

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of broadcast_sm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BroadcastSm<'a> {
    /// Service; at most 5 octets.
    pub service_type: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// The message that is replaced, if any; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// 0 (lowest) to 4.
    pub priority_flag: u8,
    /// When to start; empty: at once. 0 or 16 octets.
    pub schedule_delivery_time: COctetStr<'a>,
    /// Until when. 0 or 16 octets.
    pub validity_period: COctetStr<'a>,
    /// 1: replaces the message of message_id.
    pub replace_if_present_flag: u8,
    /// Coding of the user data.
    pub data_coding: u8,
    /// A message stored at the message centre, 0: none.
    pub sm_default_msg_id: u8,
    /// Optional parameters. broadcast_area_identifier, broadcast_content_type, broadcast_rep_num
    /// and broadcast_frequency_interval are required.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for BroadcastSm<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("service_type", 6, &mut self.service_type)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 21, &mut self.source_addr)?;
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.numbers(["priority_flag"], [&mut self.priority_flag])?;
        pass.time("schedule_delivery_time", &mut self.schedule_delivery_time)?;
        pass.time("validity_period", &mut self.validity_period)?;
        pass.numbers(
            [
                "replace_if_present_flag",
                "data_coding",
                "sm_default_msg_id",
            ],
            [
                &mut self.replace_if_present_flag,
                &mut self.data_coding,
                &mut self.sm_default_msg_id,
            ],
        )?;
        pass.tlvs(&mut self.tlvs)
    }
}
