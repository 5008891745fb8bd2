//! What a deliver_sm or data_sm is: a receipt, or a message from a phone. Pure.
//!
//! ```text
//! esm_class says receipt or intermediate notification ---------------------------> receipt
//! esm_class says nothing: receipted_message_id and message_state ----------------> receipt
//!                         no such TLVs, a text with `id:` and `stat:` -> receipt, not certain
//!                         anything else ------------------------------------> message
//! ```
//!
//! Whether an id is ours is the router's to know; a receipt with a foreign id has no effect there.

use std::sync::Arc;

use signalbox_codec::pdu::{DataSm, Sm};
use signalbox_codec::receipt::{self, Receipt, ReceiptState};
use signalbox_codec::udh::{Concatenation, ReferenceWidth, Udh};
use signalbox_codec::{COctetStr, Tag, Tlvs, text};
use signalbox_router::{
    Content, ErrorCode, Kind, Message, MessageId, Priority, ProviderName, RemoteId, State,
    StateSet, Timestamp,
};

use super::address::{SCHEME, to_text};
use super::config::{InboundConfig, ReceiptId};
use super::profile::Profile;

/// esm_class: bits that say what kind of message it is. SMPP v3.4 §5.2.12.
const TYPE_BITS: u8 = 0x3C;
const TYPE_RECEIPT: u8 = 0x04;
const TYPE_INTERMEDIATE: u8 = 0x20;
/// esm_class: a user data header stands in front of the text.
const UDHI: u8 = 0x40;

/// What came in.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// The fate of a message that we sent.
    Receipt(IncomingReceipt),
    /// A message for an application.
    Message(Box<Message>),
    /// Marked as a receipt, but without an id. It is acknowledged and dropped: sent again it would
    /// be no better.
    Unreadable,
}

/// A receipt in the router's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingReceipt {
    /// Forms of the id, best first; canonical.
    pub remote_ids: Vec<RemoteId>,
    /// The state; `Sent` for one that is not final.
    pub state: State,
    /// The code of a failure.
    pub error: Option<ErrorCode>,
    /// The message that it is if the id is not ours: set when neither esm_class nor TLVs mark it
    /// as a receipt and it only looks like one.
    pub otherwise: Option<Box<Message>>,
}

/// The id that a response gave, in the form under which receipts are looked up; `None` when it is
/// empty.
#[must_use]
pub fn remote_id(message_id: &[u8]) -> Option<RemoteId> {
    let canonical = receipt::canonical_id(&String::from_utf8_lossy(message_id));
    (!canonical.is_empty()).then(|| canonical.into())
}

/// The fields of deliver_sm and data_sm that matter.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    source_addr_ton: u8,
    source_addr: COctetStr<'a>,
    dest_addr_ton: u8,
    destination_addr: COctetStr<'a>,
    esm_class: u8,
    protocol_id: u8,
    data_coding: u8,
    user_data: &'a [u8],
    tlvs: Tlvs<'a>,
}

impl<'a> From<&Sm<'a>> for Delivered<'a> {
    fn from(sm: &Sm<'a>) -> Self {
        Self {
            source_addr_ton: sm.source_addr_ton,
            source_addr: sm.source_addr,
            dest_addr_ton: sm.dest_addr_ton,
            destination_addr: sm.destination_addr,
            esm_class: sm.esm_class,
            protocol_id: sm.protocol_id,
            data_coding: sm.data_coding,
            user_data: user_data(sm.short_message.as_octets(), sm.tlvs),
            tlvs: sm.tlvs,
        }
    }
}

impl<'a> From<&DataSm<'a>> for Delivered<'a> {
    fn from(data_sm: &DataSm<'a>) -> Self {
        Self {
            source_addr_ton: data_sm.source_addr_ton,
            source_addr: data_sm.source_addr,
            dest_addr_ton: data_sm.dest_addr_ton,
            destination_addr: data_sm.destination_addr,
            esm_class: data_sm.esm_class,
            protocol_id: 0,
            data_coding: data_sm.data_coding,
            user_data: user_data(&[], data_sm.tlvs),
            tlvs: data_sm.tlvs,
        }
    }
}

/// short_message, or message_payload when that is empty. SMPP v3.4 §4.6.1.
fn user_data<'a>(short_message: &'a [u8], tlvs: Tlvs<'a>) -> &'a [u8] {
    match tlvs.get(Tag::MESSAGE_PAYLOAD) {
        Some(payload) if short_message.is_empty() => payload.value,
        _ => short_message,
    }
}

impl Delivered<'_> {
    /// Reads it. A message gets the id `id` and the time `now`.
    #[must_use]
    pub fn read(
        &self,
        config: &InboundConfig,
        profile: &Profile,
        provider: &ProviderName,
        now: Timestamp,
        id: MessageId,
    ) -> Incoming {
        let kind = self.esm_class & TYPE_BITS;
        let marked = matches!(kind, TYPE_RECEIPT | TYPE_INTERMEDIATE);
        let message_state = self
            .tlvs
            .get(Tag::MESSAGE_STATE)
            .and_then(|tlv| tlv.as_u8());
        let tlv_id = self
            .tlvs
            .get(Tag::RECEIPTED_MESSAGE_ID)
            .map(|tlv| tlv.as_c_octets());
        let certain = marked || (kind == 0 && message_state.is_some() && tlv_id.is_some());
        if !certain && kind != 0 {
            return Incoming::Message(Box::new(self.message(config, provider, now, id)));
        }
        let (_, body) = self.split_header();
        let parsed = receipt::parse(body);
        let looks_like_one =
            parsed.is_some_and(|receipt| receipt.id.is_some() && receipt.stat.is_some());
        if !certain && !looks_like_one {
            return Incoming::Message(Box::new(self.message(config, provider, now, id)));
        }
        let receipt = parsed.unwrap_or_default().with_tlvs(tlv_id, message_state);
        match receipt_ids(config.receipt_id, &receipt) {
            remote_ids if remote_ids.is_empty() => Incoming::Unreadable,
            remote_ids => {
                let state = state_of(&receipt, kind == TYPE_INTERMEDIATE);
                let error = self.error_of(profile, &receipt, state);
                let message = || Box::new(self.message(config, provider, now, id));
                Incoming::Receipt(IncomingReceipt {
                    remote_ids,
                    state,
                    error,
                    otherwise: (!certain).then(message),
                })
            }
        }
    }

    /// The header, when there is a valid one, and the octets behind it.
    fn split_header(&self) -> (Option<Udh<'_>>, &[u8]) {
        if self.esm_class & UDHI == 0 {
            return (None, self.user_data);
        }
        match Udh::split(self.user_data) {
            Ok((udh, body)) => (Some(udh), body),
            Err(_) => (None, self.user_data),
        }
    }

    fn error_of(
        &self,
        profile: &Profile,
        receipt: &Receipt<'_>,
        state: State,
    ) -> Option<ErrorCode> {
        if matches!(state, State::Sent | State::Delivered) {
            return None;
        }
        let err = receipt.err.map(String::from_utf8_lossy).unwrap_or_default();
        let stat = receipt
            .stat
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let network_error = match self.tlvs.get(Tag::NETWORK_ERROR_CODE).map(|tlv| tlv.value) {
            Some(&[_, high, low]) => Some(u32::from(u16::from_be_bytes([high, low]))),
            _ => None,
        };
        let name = profile.receipt_errors.get(err.as_ref());
        Some(ErrorCode::new(
            err.parse().ok().or(network_error).unwrap_or(0),
            name.map_or_else(|| stat.as_ref(), String::as_str),
        ))
    }

    fn message(
        &self,
        config: &InboundConfig,
        provider: &ProviderName,
        now: Timestamp,
        id: MessageId,
    ) -> Message {
        let (udh, body) = self.split_header();
        let content = match text::decode(body, self.data_coding, config.default_alphabet, udh) {
            Ok(text) => Content::Text(text),
            Err(_) => Content::Binary(body.to_vec()),
        };
        Message {
            id,
            kind: Kind::Inbound,
            account: Arc::clone(&config.account),
            from: to_text(self.source_addr_ton, self.source_addr),
            to: vec![format!(
                "{SCHEME}{}",
                to_text(self.dest_addr_ton, self.destination_addr)
            )],
            subject: String::new(),
            content,
            priority: Priority::Normal,
            accepted_at: now,
            not_before: Timestamp(0),
            expires_at: now.plus_ms(config.expires_in_ms),
            idempotency_key: String::new(),
            request_hash: 0,
            callback_url: config.callback_url.clone(),
            callback_states: StateSet::NONE,
            parent: None,
            provider: Some(Arc::clone(&provider.0)),
            metadata: Vec::new(),
            options: self.options(udh),
        }
    }

    /// What the text alone does not tell.
    fn options(&self, udh: Option<Udh<'_>>) -> Vec<(String, String)> {
        let mut options = vec![("sms.data_coding".to_owned(), self.data_coding.to_string())];
        let mut put = |name: &str, value: String| options.push((format!("sms.{name}"), value));
        if self.protocol_id != 0 {
            put("protocol_id", self.protocol_id.to_string());
        }
        if self.esm_class & TYPE_BITS != 0 {
            put("esm_class", self.esm_class.to_string());
        }
        if let Some(udh) = udh {
            put("udh_hex", hex(&self.user_data[..udh.octets()]));
            if let Some(ports) = udh.ports() {
                put("destination_port", ports.destination.to_string());
                put("source_port", ports.source.to_string());
            }
        }
        if let Some(place) = udh.and_then(Udh::concatenation).or_else(|| self.sar()) {
            put("concat_reference", place.reference.to_string());
            put("concat_total", place.total.to_string());
            put("concat_number", place.number.to_string());
        }
        options
    }

    /// All three SAR parameters, valid; otherwise it is a single message. SMPP v3.4 §5.3.2.22.
    fn sar(&self) -> Option<Concatenation> {
        let reference = self.tlvs.get(Tag::SAR_MSG_REF_NUM)?.as_u16()?;
        let total = self.tlvs.get(Tag::SAR_TOTAL_SEGMENTS)?.as_u8()?;
        let number = self.tlvs.get(Tag::SAR_SEGMENT_SEQNUM)?.as_u8()?;
        Concatenation::new(reference, ReferenceWidth::Sar, total, number)
    }
}

fn receipt_ids(rule: ReceiptId, receipt: &Receipt<'_>) -> Vec<RemoteId> {
    let Some(id) = receipt.id.map(String::from_utf8_lossy) else {
        return Vec::new();
    };
    let mut candidates = receipt::id_candidates(&id);
    candidates.retain(|candidate| !candidate.is_empty());
    let decimal = |id: &String| id.bytes().all(|octet| octet.is_ascii_digit());
    // Candidates are the id, then decimal to hexadecimal if it is decimal, then the other way.
    match rule {
        ReceiptId::Auto => {}
        ReceiptId::Same => candidates.truncate(1),
        ReceiptId::HexToDecimal => drop(candidates.drain(..candidates.len().saturating_sub(1))),
        ReceiptId::DecimalToHex if candidates.len() > 1 && decimal(&candidates[0]) => {
            candidates = vec![candidates.swap_remove(1)];
        }
        ReceiptId::DecimalToHex => candidates.truncate(1),
    }
    candidates.into_iter().map(RemoteId::from).collect()
}

fn state_of(receipt: &Receipt<'_>, intermediate: bool) -> State {
    match receipt.state() {
        _ if intermediate => State::Sent,
        Some(ReceiptState::Delivered) => State::Delivered,
        Some(ReceiptState::Expired) => State::Expired,
        Some(state) if state.is_final() => State::Failed,
        Some(_) | None => State::Sent,
    }
}

fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    octets
        .iter()
        .flat_map(|octet| {
            [
                DIGITS[usize::from(octet >> 4)],
                DIGITS[usize::from(octet & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests;
