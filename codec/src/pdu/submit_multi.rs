//! submit_multi: one message to several recipients. SMPP v3.4 §4.5.1.

use std::fmt;

use crate::cursor::Cursor;
use crate::fields::{FieldPass, Fields};
use crate::pdu::ShortMessage;
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Most recipients of one submit_multi. SMPP v3.4 §5.2.24.
pub const NUMBER_OF_DESTS_MAX: u8 = 254;

/// dest_flag of a recipient. SMPP v3.4 §5.2.25.
pub(crate) const DEST_FLAG_SME: u8 = 1;

/// dest_flag of a distribution list.
pub(crate) const DEST_FLAG_DISTRIBUTION_LIST: u8 = 2;

/// Fields of submit_multi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SubmitMulti<'a> {
    /// Service; at most 5 octets, empty for the default one.
    pub service_type: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// number_of_dests and the recipients.
    pub dest_addresses: DestAddresses<'a>,
    /// Message mode, type and features. SMPP v3.4 §5.2.12.
    pub esm_class: u8,
    /// Protocol identifier of the network.
    pub protocol_id: u8,
    /// 0 (lowest) to 3.
    pub priority_flag: u8,
    /// When to deliver; empty: at once. 0 or 16 octets.
    pub schedule_delivery_time: COctetStr<'a>,
    /// Until when; empty: the SMSC's default. 0 or 16 octets.
    pub validity_period: COctetStr<'a>,
    /// Which receipts are wanted. SMPP v3.4 §5.2.17.
    pub registered_delivery: u8,
    /// 1: replaces a pending message with the same addresses and service_type.
    pub replace_if_present_flag: u8,
    /// Coding of the user data. SMPP v3.4 §5.2.19.
    pub data_coding: u8,
    /// A message stored at the SMSC, 0: none.
    pub sm_default_msg_id: u8,
    /// User data; empty when message_payload carries it.
    pub short_message: ShortMessage<'a>,
    /// Optional parameters.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Fields<'a> for SubmitMulti<'a> {
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("service_type", 6, &mut self.service_type)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 21, &mut self.source_addr)?;
        pass.dest_addresses(&mut self.dest_addresses)?;
        pass.numbers(
            ["esm_class", "protocol_id", "priority_flag"],
            [
                &mut self.esm_class,
                &mut self.protocol_id,
                &mut self.priority_flag,
            ],
        )?;
        pass.time("schedule_delivery_time", &mut self.schedule_delivery_time)?;
        pass.time("validity_period", &mut self.validity_period)?;
        pass.numbers(
            [
                "registered_delivery",
                "replace_if_present_flag",
                "data_coding",
                "sm_default_msg_id",
            ],
            [
                &mut self.registered_delivery,
                &mut self.replace_if_present_flag,
                &mut self.data_coding,
                &mut self.sm_default_msg_id,
            ],
        )?;
        pass.short_message(&mut self.short_message)?;
        pass.tlvs(&mut self.tlvs)
    }
}

/// A recipient of submit_multi. SMPP v3.4 §4.5.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestAddress<'a> {
    /// dest_flag 1: one recipient.
    Sme {
        /// Type of number.
        dest_addr_ton: u8,
        /// Numbering plan.
        dest_addr_npi: u8,
        /// At most 20 octets.
        destination_addr: COctetStr<'a>,
    },
    /// dest_flag 2: all of a list that the SMSC keeps.
    DistributionList {
        /// At most 20 octets.
        dl_name: COctetStr<'a>,
    },
}

impl DestAddress<'_> {
    /// dest_flag: 1 or 2.
    #[must_use]
    pub const fn dest_flag(&self) -> u8 {
        match self {
            Self::Sme { .. } => DEST_FLAG_SME,
            Self::DistributionList { .. } => DEST_FLAG_DISTRIBUTION_LIST,
        }
    }
}

/// The recipients of one submit_multi, already known to be whole.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct DestAddresses<'a> {
    count: u8,
    octets: &'a [u8],
}

impl<'a> DestAddresses<'a> {
    pub(crate) const fn of_wire(count: u8, octets: &'a [u8]) -> Self {
        Self { count, octets }
    }

    /// number_of_dests.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// The octets on the wire, without number_of_dests.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.octets
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = DestAddress<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.octets);
        std::iter::from_fn(move || match cursor.u8()? {
            DEST_FLAG_SME => Some(DestAddress::Sme {
                dest_addr_ton: cursor.u8()?,
                dest_addr_npi: cursor.u8()?,
                destination_addr: cursor.string()?,
            }),
            _ => Some(DestAddress::DistributionList {
                dl_name: cursor.string()?,
            }),
        })
    }
}

impl fmt::Debug for DestAddresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Recipients to be sent: at most the 255 that number_of_dests can count. The specification allows
/// [`NUMBER_OF_DESTS_MAX`]; one more is a [`Deviation`](crate::Deviation::NumberOfDests).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestAddressBuf {
    count: u8,
    octets: Vec<u8>,
}

impl DestAddressBuf {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            count: 0,
            octets: Vec::new(),
        }
    }

    /// Appends a recipient; false when there are 255 already.
    #[must_use]
    pub fn push(&mut self, dest_address: DestAddress<'_>) -> bool {
        let Some(count) = self.count.checked_add(1) else {
            return false;
        };
        self.count = count;
        self.octets.push(dest_address.dest_flag());
        let string = match dest_address {
            DestAddress::Sme {
                dest_addr_ton,
                dest_addr_npi,
                destination_addr,
            } => {
                self.octets.extend([dest_addr_ton, dest_addr_npi]);
                destination_addr
            }
            DestAddress::DistributionList { dl_name } => dl_name,
        };
        self.octets.extend_from_slice(string.as_octets());
        self.octets.push(0);
        true
    }

    /// The recipients, to be put into a PDU.
    #[must_use]
    pub fn as_dest_addresses(&self) -> DestAddresses<'_> {
        DestAddresses::of_wire(self.count, &self.octets)
    }
}
