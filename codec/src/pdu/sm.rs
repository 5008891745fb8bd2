//! submit_sm and deliver_sm: the two have the same fields. SMPP v3.4 §4.4.1, §4.6.1.

use crate::fields::{FieldPass, Fields};
use crate::string::COctetStr;
use crate::tlv::Tlvs;

/// Most octets that sm_length can declare. SMPP v3.4 allows 254, v5.0 255.
pub const SHORT_MESSAGE_OCTETS_MAX: usize = 255;

/// User data of at most [`SHORT_MESSAGE_OCTETS_MAX`] octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShortMessage<'a>(&'a [u8]);

impl<'a> ShortMessage<'a> {
    /// No octets.
    pub const EMPTY: ShortMessage<'static> = ShortMessage(&[]);

    /// Wraps octets; `None` when there are more than [`SHORT_MESSAGE_OCTETS_MAX`].
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Option<Self> {
        if octets.len() > SHORT_MESSAGE_OCTETS_MAX {
            None
        } else {
            Some(Self(octets))
        }
    }

    /// Wraps the octets that an sm_length counts.
    pub(crate) const fn of_sm_length(octets: &'a [u8]) -> Self {
        debug_assert!(octets.len() <= SHORT_MESSAGE_OCTETS_MAX);
        Self(octets)
    }

    /// sm_length.
    #[inline]
    pub(crate) fn sm_length(&self) -> u8 {
        u8::try_from(self.0.len())
            .expect("ShortMessage holds at most SHORT_MESSAGE_OCTETS_MAX octets")
    }

    /// The octets.
    #[must_use]
    pub const fn as_octets(&self) -> &'a [u8] {
        self.0
    }
}

/// Fields of submit_sm and deliver_sm. In deliver_sm `schedule_delivery_time`, `validity_period`,
/// `replace_if_present_flag` and `sm_default_msg_id` are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sm<'a> {
    /// Service; at most 5 octets, empty for the default one.
    pub service_type: COctetStr<'a>,
    /// Type of number of the sender.
    pub source_addr_ton: u8,
    /// Numbering plan of the sender.
    pub source_addr_npi: u8,
    /// Sender; at most 20 octets.
    pub source_addr: COctetStr<'a>,
    /// Type of number of the recipient.
    pub dest_addr_ton: u8,
    /// Numbering plan of the recipient.
    pub dest_addr_npi: u8,
    /// Recipient; at most 20 octets.
    pub destination_addr: COctetStr<'a>,
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

impl<'a> Fields<'a> for Sm<'a> {
    #[inline(always)]
    fn pass<P: FieldPass<'a>>(&mut self, pass: &mut P) -> Result<(), P::Error> {
        pass.string("service_type", 6, &mut self.service_type)?;
        pass.numbers(
            ["source_addr_ton", "source_addr_npi"],
            [&mut self.source_addr_ton, &mut self.source_addr_npi],
        )?;
        pass.string("source_addr", 21, &mut self.source_addr)?;
        pass.numbers(
            ["dest_addr_ton", "dest_addr_npi"],
            [&mut self.dest_addr_ton, &mut self.dest_addr_npi],
        )?;
        pass.string("destination_addr", 21, &mut self.destination_addr)?;
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
