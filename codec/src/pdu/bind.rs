//! bind_transmitter, bind_receiver, bind_transceiver: the three have the same fields.
//! SMPP v3.4 §4.1.

use std::fmt;

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of a bind request. `Debug` hides the password.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Bind<'a> {
    /// Who binds; at most 15 octets.
    pub system_id: COctetStr<'a>,
    /// At most 8 octets.
    pub password: COctetStr<'a>,
    /// At most 12 octets.
    pub system_type: COctetStr<'a>,
    /// 0x34 for SMPP v3.4; 0x33 and below for older versions, 0x50 for v5.0.
    pub interface_version: u8,
    /// Type of number of `address_range`. SMPP v3.4 §5.2.5.
    pub addr_ton: u8,
    /// Numbering plan of `address_range`. SMPP v3.4 §5.2.6.
    pub addr_npi: u8,
    /// Addresses served, as a regular expression; at most 40 octets.
    pub address_range: COctetStr<'a>,
    /// None by the specification; those of a peer that appends some.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for Bind<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("system_id", 16, &mut self.system_id)?;
        pass.string("password", 9, &mut self.password)?;
        pass.string("system_type", 13, &mut self.system_type)?;
        pass.numbers(
            ["interface_version", "addr_ton", "addr_npi"],
            [
                &mut self.interface_version,
                &mut self.addr_ton,
                &mut self.addr_npi,
            ],
        )?;
        pass.last_string("address_range", 41, &mut self.address_range)?;
        pass.stray_tlvs(&mut self.tlvs)
    }
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bind")
            .field("system_id", &self.system_id)
            .field("password", &"***")
            .field("system_type", &self.system_type)
            .field("interface_version", &self.interface_version)
            .field("addr_ton", &self.addr_ton)
            .field("addr_npi", &self.addr_npi)
            .field("address_range", &self.address_range)
            .field("tlvs", &self.tlvs)
            .finish()
    }
}
