//! query_sm and query_sm_resp: in which state a message is. SMPP v3.4 §4.8.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of query_sm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QuerySm<'a> {
    /// The message; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender of the message; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// The specification names none; those of vendors are kept.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for QuerySm<'a> {
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

/// Fields of query_sm_resp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QuerySmResp<'a> {
    /// The message; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// When the message reached its final state; empty while it has not. 0 or 16 octets.
    pub final_date: COctetStr<'a>,
    /// Its state. SMPP v3.4 §5.2.28.
    pub message_state: u8,
    /// The network's reason for a failure; 0: none.
    pub error_code: u8,
    /// Optional parameters (v5.0).
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for QuerySmResp<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.time("final_date", &mut self.final_date)?;
        pass.numbers(
            ["message_state", "error_code"],
            [&mut self.message_state, &mut self.error_code],
        )?;
        pass.tlvs(&mut self.tlvs)
    }
}

/// `None` when there is no body, as is usual when command_status is not 0.
impl<'a> Fields<'a> for Option<QuerySmResp<'a>> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        if pass.body("message_id", self.is_some())? {
            self.get_or_insert_default().pass(pass)?;
        }
        Ok(())
    }
}
