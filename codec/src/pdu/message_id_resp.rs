//! submit_sm_resp, deliver_sm_resp, data_sm_resp: a message_id, and in v5.0 optional parameters.
//! SMPP v3.4 §4.4.2, §4.6.2, §4.7.2.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of a response that carries a message_id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MessageIdResp<'a> {
    /// The message's id at the SMSC, at most 64 octets; empty in deliver_sm_resp. `None` when
    /// there is no body, as is usual when command_status is not 0.
    pub message_id: Option<COctetStr<'a>>,
    /// Optional parameters (v5.0; data_sm_resp also in v3.4).
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for MessageIdResp<'a> {
    #[inline(always)]
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        if pass.body("message_id", self.message_id.is_some())? {
            pass.last_string("message_id", 65, self.message_id.get_or_insert_default())?;
            pass.tlvs(&mut self.tlvs)?;
        }
        Ok(())
    }
}
