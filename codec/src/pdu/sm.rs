//! submit_sm and deliver_sm: the two have the same fields. SMPP v3.4 §4.4.1, §4.6.1.

use bytes::{BufMut, BytesMut};

use crate::error::DecodeError;
use crate::pdu::put_c_octet_string;
use crate::reader::Reader;
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

impl<'a> Sm<'a> {
    #[inline]
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let service_type = reader.c_octet_string("service_type", 6)?;
        let [source_addr_ton, source_addr_npi] = *reader.array("source_addr_ton")?;
        let source_addr = reader.c_octet_string("source_addr", 21)?;
        let [dest_addr_ton, dest_addr_npi] = *reader.array("dest_addr_ton")?;
        let destination_addr = reader.c_octet_string("destination_addr", 21)?;
        let [esm_class, protocol_id, priority_flag] = *reader.array("esm_class")?;
        let schedule_delivery_time = reader.c_octet_string("schedule_delivery_time", 17)?;
        let validity_period = reader.c_octet_string("validity_period", 17)?;
        let [
            registered_delivery,
            replace_if_present_flag,
            data_coding,
            sm_default_msg_id,
            sm_length,
        ] = *reader.array("registered_delivery")?;
        let short_message = ShortMessage(reader.octets("sm_length", usize::from(sm_length))?);
        Ok(Self {
            service_type,
            source_addr_ton,
            source_addr_npi,
            source_addr,
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
            esm_class,
            protocol_id,
            priority_flag,
            schedule_delivery_time,
            validity_period,
            registered_delivery,
            replace_if_present_flag,
            data_coding,
            sm_default_msg_id,
            short_message,
            tlvs: reader.tlvs()?,
        })
    }

    #[inline]
    pub(crate) const fn wire_octets(&self) -> usize {
        self.service_type.wire_octets()
            + self.source_addr.wire_octets()
            + self.destination_addr.wire_octets()
            + self.schedule_delivery_time.wire_octets()
            + self.validity_period.wire_octets()
            + 12
            + self.short_message.0.len()
            + self.tlvs.as_octets().len()
    }

    #[inline]
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_c_octet_string(out, self.service_type);
        out.put_slice(&[self.source_addr_ton, self.source_addr_npi]);
        put_c_octet_string(out, self.source_addr);
        out.put_slice(&[self.dest_addr_ton, self.dest_addr_npi]);
        put_c_octet_string(out, self.destination_addr);
        out.put_slice(&[self.esm_class, self.protocol_id, self.priority_flag]);
        put_c_octet_string(out, self.schedule_delivery_time);
        put_c_octet_string(out, self.validity_period);
        let sm_length = u8::try_from(self.short_message.0.len())
            .expect("ShortMessage holds at most SHORT_MESSAGE_OCTETS_MAX octets");
        out.put_slice(&[
            self.registered_delivery,
            self.replace_if_present_flag,
            self.data_coding,
            self.sm_default_msg_id,
            sm_length,
        ]);
        out.put_slice(self.short_message.0);
        out.put_slice(self.tlvs.as_octets());
    }
}
