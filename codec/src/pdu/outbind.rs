//! outbind. SMPP v3.4 §4.1.7. It has no response: the ESME binds, or does not.

use std::fmt;

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Fields of outbind. `Debug` hides the password.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Outbind<'a> {
    /// The SMSC; at most 15 octets.
    pub system_id: COctetStr<'a>,
    /// At most 8 octets.
    pub password: COctetStr<'a>,
    /// The specification names none; those of vendors are kept.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for Outbind<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("system_id", 16, &mut self.system_id)?;
        pass.last_string("password", 9, &mut self.password)?;
        pass.tlvs(&mut self.tlvs)
    }
}

impl fmt::Debug for Outbind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbind")
            .field("system_id", &self.system_id)
            .field("password", &"***")
            .field("tlvs", &self.tlvs)
            .finish()
    }
}
