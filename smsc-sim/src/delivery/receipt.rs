//! Receipts, as bodies of deliver_sm. SMPP v3.4 §4.6, Appendix B.

use bytes::Bytes;
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::receipt::{
    self, DateDigits, RECEIPT_TEXT_OCTETS_MAX, ReceiptDate, ReceiptState,
};
use signalbox_codec::time::DateTime;
use signalbox_codec::{Tag, TlvBuf};

use super::{Original, body_of};
use crate::ids::{ID_OCTETS_MAX, IdText};

/// esm_class of a receipt. SMPP v3.4 §5.2.12.
const ESM_CLASS_RECEIPT: u8 = 0x04;
/// esm_class of an intermediate notification.
const ESM_CLASS_INTERMEDIATE: u8 = 0x20;
/// Octets that the text of a receipt usually has at most.
const RECEIPT_TEXT_OCTETS: usize = 160;
/// Octets of its optional parameters: an id and its NUL, a state, an error of the network.
const TLV_OCTETS: usize = (4 + ID_OCTETS_MAX + 1) + (4 + 1) + (4 + 3);
/// network_error_code of the GSM network. SMPP v3.4 §5.3.2.31.
const NETWORK_TYPE_GSM: u8 = 3;

/// A receipt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt<'a> {
    /// The message that it is about; its addresses are swapped.
    pub(crate) original: Original<'a>,
    /// Id in the form that the receipt has.
    pub(crate) id: IdText,
    /// State of the message.
    pub(crate) state: ReceiptState,
    /// `err`; not 0: also in network_error_code.
    pub(crate) error_code: u16,
    /// Whether it is an intermediate notification.
    pub(crate) intermediate: bool,
    /// Where the facts stand.
    pub(crate) form: ReceiptForm,
    /// When the message was submitted, ms since 1970.
    pub(crate) submitted_unix_ms: u64,
    /// When it came into this state, ms since 1970.
    pub(crate) done_unix_ms: u64,
}

/// Where in the deliver_sm the facts of a receipt stand: SMSCs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceiptForm {
    /// In receipted_message_id and message_state.
    pub(crate) tlvs: bool,
    /// In the text.
    pub(crate) text: ReceiptText,
}

impl Default for ReceiptForm {
    fn default() -> Self {
        Self {
            tlvs: true,
            text: ReceiptText::Standard,
        }
    }
}

/// How the text of a receipt is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReceiptText {
    /// All fields, dates as `YYMMDDhhmm`. SMPP v3.4 Appendix B.
    #[default]
    Standard,
    /// Dates as `YYMMDDhhmmss`.
    Seconds,
    /// Dates as `YYYYMMDDhhmmss`.
    Century,
    /// `id`, `stat` and `err` only.
    Short,
    /// As standard, in lower case.
    LowerCase,
    /// No text.
    None,
}

impl ReceiptText {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Standard,
        Self::Seconds,
        Self::Century,
        Self::Short,
        Self::LowerCase,
        Self::None,
    ];

    /// Its name in scenarios.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Seconds => "seconds",
            Self::Century => "century",
            Self::Short => "short",
            Self::LowerCase => "lower_case",
            Self::None => "none",
        }
    }
}

impl Receipt<'_> {
    /// `id:… sub:001 dlvrd:001 submit date:… done date:… stat:… err:… text:…`
    fn text(&self) -> Vec<u8> {
        let digit = |place| b'0' + (self.error_code / place % 10) as u8;
        let error_code = [100, 10, 1].map(digit);
        let essence = receipt::Receipt {
            id: Some(self.id.as_octets()),
            stat: Some(self.state.stat().as_bytes()),
            err: Some(&error_code),
            ..receipt::Receipt::default()
        };
        let submit_date = date(self.submitted_unix_ms);
        let is_same_second = self.submitted_unix_ms / 1_000 == self.done_unix_ms / 1_000;
        let whole = receipt::Receipt {
            sub: Some(1),
            dlvrd: Some(u32::from(self.state == ReceiptState::Delivered)),
            submit_date,
            done_date: match is_same_second {
                true => submit_date,
                false => date(self.done_unix_ms),
            },
            text: Some(excerpt(self.original.user_data)),
            ..essence
        };
        let (fields, digits) = match self.form.text {
            ReceiptText::None => return Vec::new(),
            ReceiptText::Short => (essence, DateDigits::Ten),
            ReceiptText::Standard | ReceiptText::LowerCase => (whole, DateDigits::Ten),
            ReceiptText::Seconds => (whole, DateDigits::Twelve),
            ReceiptText::Century => (whole, DateDigits::Fourteen),
        };
        let mut text = Vec::with_capacity(RECEIPT_TEXT_OCTETS);
        receipt::write(&fields, digits, &mut text);
        if self.form.text == ReceiptText::LowerCase {
            text.make_ascii_lowercase();
        }
        text
    }

    fn tlvs(&self) -> TlvBuf {
        if !self.form.tlvs {
            return TlvBuf::new();
        }
        let mut tlvs = TlvBuf::with_capacity(TLV_OCTETS);
        tlvs.push(Tag::RECEIPTED_MESSAGE_ID, self.id.as_c_octets())
            .expect("an id is shorter than an optional parameter may be");
        tlvs.push_u8(Tag::MESSAGE_STATE, self.state.message_state());
        if self.error_code != 0 {
            let [high, low] = self.error_code.to_be_bytes();
            tlvs.push(Tag::NETWORK_ERROR_CODE, &[NETWORK_TYPE_GSM, high, low])
                .expect("three octets are below the limit");
        }
        tlvs
    }

    /// The body of its deliver_sm, with the facts where its form wants them.
    pub(crate) fn body(&self) -> Bytes {
        let text = self.text();
        let tlvs = self.tlvs();
        let (source_addr_ton, source_addr_npi, source_addr) = self.original.destination;
        let (dest_addr_ton, dest_addr_npi, destination_addr) = self.original.source;
        body_of(Sm {
            service_type: self.original.service_type,
            source_addr_ton,
            source_addr_npi,
            source_addr,
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
            esm_class: if self.intermediate {
                ESM_CLASS_INTERMEDIATE
            } else {
                ESM_CLASS_RECEIPT
            },
            short_message: ShortMessage::new(&text)
                .expect("an id, an excerpt and the fixed words are below 255 octets"),
            tlvs: tlvs.as_tlvs(),
            ..Sm::default()
        })
    }
}

/// The start of the original text; empty when it is not printable ASCII.
fn excerpt(user_data: &[u8]) -> &[u8] {
    let start = &user_data[..user_data.len().min(RECEIPT_TEXT_OCTETS_MAX)];
    if start.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        start
    } else {
        &[]
    }
}

/// The day and minute in UTC.
fn date(unix_ms: u64) -> Option<ReceiptDate> {
    let seconds = i64::try_from(unix_ms / 1_000).ok()?;
    DateTime::from_unix_seconds(seconds).map(ReceiptDate::Local)
}
