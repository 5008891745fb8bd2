//! alert_notification: a mobile can be reached again. SMPP v3.4 §4.12.1. It has no response.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of alert_notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AlertNotification<'a> {
    /// Type of number of the mobile.
    pub source_addr_ton: u8,
    /// Numbering plan of the mobile.
    pub source_addr_npi: u8,
    /// The mobile; at most 64 octets.
    pub source_addr: COctetStr<'a>,
    /// Type of number of the ESME.
    pub esme_addr_ton: u8,
    /// Numbering plan of the ESME.
    pub esme_addr_npi: u8,
    /// The ESME that asked for the alert; at most 64 octets.
    pub esme_addr: COctetStr<'a>,
    /// Optional parameters: ms_availability_status.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for AlertNotification<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 65, &mut self.source_addr)?;
        pass.numbers(
            ["esme_addr_ton", "esme_addr_npi"],
            [&mut self.esme_addr_ton, &mut self.esme_addr_npi],
        )?;
        pass.last_string("esme_addr", 65, &mut self.esme_addr)?;
        pass.tlvs(&mut self.tlvs)
    }
}
