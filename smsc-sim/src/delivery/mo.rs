//! Messages from phones, as bodies of deliver_sm. SMPP v3.4 §4.6.

use bytes::Bytes;
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::text::{PlanError, PlanOptions, plan};
use signalbox_codec::{COctetStr, Tag, TlvBuf};

use super::body_of;

/// esm_class bit of user data that starts with a header. SMPP v3.4 §5.2.12.
const ESM_CLASS_UDHI: u8 = 0x40;
/// Octets of an address in deliver_sm, the NUL included.
const ADDRESS_OCTETS_MAX: usize = 21;

/// A mobile-originated message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mo {
    /// The phone that sends: `+` and an international number, other digits, or a name.
    pub from: String,
    /// Whom it is sent to, in the same forms.
    pub to: String,
    /// Coding of the content. SMPP v3.4 §5.2.19.
    pub data_coding: u8,
    /// 0x40 when the content starts with a user data header, else 0.
    pub esm_class: u8,
    /// The content; above 254 octets it goes into message_payload.
    pub content: Vec<u8>,
    /// Only to a bind of this system_id; `None`: to any.
    pub system_id: Option<String>,
}

impl Mo {
    /// A text, in the GSM 7-bit alphabet if it fits and else in UCS-2; a long one in segments.
    ///
    /// # Errors
    /// The text takes more than 255 segments.
    pub fn text(from: &str, to: &str, text: &str) -> Result<Vec<Self>, PlanError> {
        let plan = plan(text, &PlanOptions::default())?;
        let part = |segment: signalbox_codec::segment::Segment<'_>| Self {
            from: from.to_owned(),
            to: to.to_owned(),
            data_coding: plan.data_coding,
            esm_class: if segment.udh_octets > 0 {
                ESM_CLASS_UDHI
            } else {
                0
            },
            content: segment.user_data.to_vec(),
            system_id: None,
        };
        Ok(plan.segments.iter().map(part).collect())
    }

    /// The body of its deliver_sm; `Err` names the field that has no form on the wire.
    pub(crate) fn body(&self) -> Result<Bytes, &'static str> {
        let (source_addr_ton, source_addr_npi, source_addr) = address(&self.from).ok_or("from")?;
        let (dest_addr_ton, dest_addr_npi, destination_addr) = address(&self.to).ok_or("to")?;
        let mut tlvs = TlvBuf::new();
        let short_message = match ShortMessage::new(&self.content) {
            Some(short) if self.content.len() < 255 => short,
            _ => {
                tlvs.push(Tag::MESSAGE_PAYLOAD, &self.content)
                    .map_err(|_| "content")?;
                ShortMessage::EMPTY
            }
        };
        Ok(body_of(Sm {
            source_addr_ton,
            source_addr_npi,
            source_addr,
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
            esm_class: self.esm_class,
            data_coding: self.data_coding,
            short_message,
            tlvs: tlvs.as_tlvs(),
            ..Sm::default()
        }))
    }
}

/// Whether an address has a form on the wire.
pub(crate) fn is_address(text: &str) -> bool {
    address(text).is_some()
}

/// Type of number, numbering plan and digits of an address: international with a `+` in front,
/// alphanumeric with letters, else unknown. `None` above 20 octets. SMPP v3.4 §5.2.5, §5.2.6.
pub(crate) fn address(text: &str) -> Option<(u8, u8, COctetStr<'_>)> {
    let (ton, npi, text) = match text.strip_prefix('+') {
        Some(digits) => (1, 1, digits),
        None if text.bytes().all(|octet| octet.is_ascii_digit()) => (0, 1, text),
        None => (5, 0, text),
    };
    let octets = COctetStr::new(text.as_bytes())?;
    (octets.wire_octets() <= ADDRESS_OCTETS_MAX).then_some((ton, npi, octets))
}
