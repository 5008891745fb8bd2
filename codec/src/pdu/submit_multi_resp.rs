//! submit_multi_resp: which recipients were refused. SMPP v3.4 §4.5.2.

use std::fmt;

use crate::cursor::Cursor;
use crate::fields::{FieldPass, Fields};
use crate::status::CommandStatus;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Most refused recipients that no_unsuccess can count.
pub const NO_UNSUCCESS_MAX: u8 = 255;

/// Fields of submit_multi_resp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SubmitMultiResp<'a> {
    /// The message's id at the SMSC; at most 64 octets.
    pub message_id: COctetStr<'a>,
    /// no_unsuccess and the refused recipients.
    pub unsuccess_smes: UnsuccessSmes<'a>,
    /// Optional parameters (v5.0).
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for SubmitMultiResp<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("message_id", 65, &mut self.message_id)?;
        pass.unsuccess_smes(&mut self.unsuccess_smes)?;
        pass.tlvs(&mut self.tlvs)
    }
}

/// `None` when there is no body, as is usual when command_status is not 0.
impl<'a> Fields<'a> for Option<SubmitMultiResp<'a>> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        if pass.body("message_id", self.is_some())? {
            self.get_or_insert_default().pass(pass)?;
        }
        Ok(())
    }
}

/// A recipient that the SMSC refused. SMPP v3.4 §4.5.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsuccessSme<'a> {
    /// Type of number.
    pub dest_addr_ton: u8,
    /// Numbering plan.
    pub dest_addr_npi: u8,
    /// At most 20 octets.
    pub destination_addr: COctetStr<'a>,
    /// Why.
    pub error_status_code: CommandStatus,
}

/// The refused recipients of one submit_multi_resp, already known to be whole.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct UnsuccessSmes<'a> {
    count: u8,
    octets: &'a [u8],
}

impl<'a> UnsuccessSmes<'a> {
    pub(crate) const fn of_wire(count: u8, octets: &'a [u8]) -> Self {
        Self { count, octets }
    }

    /// no_unsuccess.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// The octets on the wire, without no_unsuccess.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = UnsuccessSme<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.octets);
        std::iter::from_fn(move || {
            Some(UnsuccessSme {
                dest_addr_ton: cursor.u8()?,
                dest_addr_npi: cursor.u8()?,
                destination_addr: cursor.string()?,
                error_status_code: CommandStatus(cursor.u32()?),
            })
        })
    }
}

impl fmt::Debug for UnsuccessSmes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Refused recipients to be sent; at most [`NO_UNSUCCESS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsuccessSmeBuf {
    count: u8,
    octets: Vec<u8>,
}

impl UnsuccessSmeBuf {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            count: 0,
            octets: Vec::new(),
        }
    }

    /// Appends a recipient; false when there are [`NO_UNSUCCESS_MAX`] already.
    #[must_use]
    pub fn push(&mut self, unsuccess_sme: UnsuccessSme<'_>) -> bool {
        let Some(count) = self.count.checked_add(1) else {
            return false;
        };
        self.count = count;
        let addr = [unsuccess_sme.dest_addr_ton, unsuccess_sme.dest_addr_npi];
        self.octets.extend(addr);
        self.octets
            .extend_from_slice(unsuccess_sme.destination_addr.as_octets());
        self.octets.push(0);
        self.octets
            .extend(unsuccess_sme.error_status_code.0.to_be_bytes());
        true
    }

    /// The recipients, to be put into a PDU.
    #[must_use]
    pub fn as_unsuccess_smes(&self) -> UnsuccessSmes<'_> {
        UnsuccessSmes::of_wire(self.count, &self.octets)
    }
}
