//! bind_transmitter_resp, bind_receiver_resp, bind_transceiver_resp. SMPP v3.4 §4.1.2.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of the response to a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BindResp<'a> {
    /// Who answers; at most 15 octets. `None` when there is no body, as is usual when
    /// command_status is not 0.
    pub system_id: Option<COctetStr<'a>>,
    /// Optional parameters: sc_interface_version.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for BindResp<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        if pass.body("system_id", self.system_id.is_some())? {
            pass.last_string("system_id", 16, self.system_id.get_or_insert_default())?;
            pass.tlvs(&mut self.tlvs)?;
        }
        Ok(())
    }
}
