//! What the simulator sends by itself: receipts and mobile-originated messages, as bodies of
//! deliver_sm that wait for their time and for a bind. SMPP v3.4 §4.6, Appendix B.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use signalbox_codec::pdu::{BroadcastSm, DestAddress, ShortMessage, Sm, SubmitMulti};
use signalbox_codec::receipt::{
    self, DateDigits, RECEIPT_TEXT_OCTETS_MAX, ReceiptDate, ReceiptState,
};
use signalbox_codec::text::{PlanError, PlanOptions, plan};
use signalbox_codec::time::DateTime;
use signalbox_codec::{
    COctetStr, CommandId, CommandStatus, Encode, Pdu, Tag, TlvBuf, Tlvs, encode_pdu,
};
use tokio::sync::oneshot;

use crate::clock::SmscTime;
use crate::ids::{IdStyle, IdText, MessageId};
use crate::record;

/// esm_class of a receipt. SMPP v3.4 §5.2.12.
const ESM_CLASS_RECEIPT: u8 = 0x04;
/// esm_class of an intermediate notification.
const ESM_CLASS_INTERMEDIATE: u8 = 0x20;
/// esm_class bit of user data that starts with a header.
const ESM_CLASS_UDHI: u8 = 0x40;
/// Octets of an address in deliver_sm, the NUL included.
const ADDRESS_OCTETS_MAX: usize = 21;
/// Octets that the text of a receipt usually has at most.
const RECEIPT_TEXT_OCTETS: usize = 160;
/// network_error_code of the GSM network. SMPP v3.4 §5.3.2.31.
const NETWORK_TYPE_GSM: u8 = 3;

/// How a delivery ended: the command_status of its deliver_sm_resp, or why there is none.
pub type DeliveryResult = Result<CommandStatus, DeliveryError>;

/// Why a delivery has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// No session that may receive is bound, or not for that system_id.
    NoReceiver,
    /// The queue of the bind is full.
    QueueFull,
    /// No response in time.
    TimedOut,
    /// The session ended first.
    SessionClosed,
    /// A field of the message has no form on the wire.
    NotEncodable {
        /// Which.
        field: &'static str,
    },
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEncodable { field } => return write!(f, "{field} has no form on the wire"),
            Self::NoReceiver => "no receiver or transceiver is bound",
            Self::QueueFull => "the queue of the bind is full",
            Self::TimedOut => "no deliver_sm_resp came in time",
            Self::SessionClosed => "the session ended before its deliver_sm_resp",
        })
    }
}

impl std::error::Error for DeliveryError {}

/// A deliver_sm to be sent.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Not before.
    pub(crate) due: SmscTime,
    /// Body of the deliver_sm.
    pub(crate) body: Bytes,
    /// The message that a planned receipt is about.
    pub(crate) about: Option<About>,
    /// Who waits for the response.
    pub(crate) answer: Option<oneshot::Sender<DeliveryResult>>,
}

/// The message that a receipt is about, and how often that had changed when it was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Its id.
    pub(crate) id: (MessageId, IdStyle),
    /// See [`crate::record::Entry::plan`].
    pub(crate) plan: u8,
}

/// A PDU whose body is encoded already.
pub(crate) struct EncodedBody<'a> {
    /// Which PDU.
    pub(crate) command_id: CommandId,
    /// Its body.
    pub(crate) body: &'a [u8],
}

impl Encode for EncodedBody<'_> {
    fn command_id(&self) -> CommandId {
        self.command_id
    }

    fn body_octets(&self) -> usize {
        self.body.len()
    }

    fn encode_body(&self, out: &mut BytesMut) {
        out.put_slice(self.body);
    }
}

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

/// The fields of a message that decide about receipts or stand in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    pub(crate) service_type: COctetStr<'a>,
    pub(crate) source: (u8, u8, COctetStr<'a>),
    pub(crate) destination: (u8, u8, COctetStr<'a>),
    pub(crate) esm_class: u8,
    pub(crate) registered_delivery: u8,
    pub(crate) data_coding: u8,
    /// replace_if_present_flag.
    pub(crate) replaces: bool,
    /// short_message, or message_payload if that is there.
    pub(crate) user_data: &'a [u8],
}

impl<'a> Original<'a> {
    /// Of a message; for submit_multi with its first recipient. `None` for any other PDU.
    pub(crate) fn of(pdu: &Pdu<'a>) -> Option<Self> {
        match pdu {
            Pdu::SubmitSm(sm) => Some(Self {
                service_type: sm.service_type,
                source: (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr),
                destination: (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                replaces: sm.replace_if_present_flag == 1,
                data_coding: sm.data_coding,
                user_data: payload(&sm.tlvs).unwrap_or(sm.short_message.as_octets()),
            }),
            Pdu::DataSm(sm) => Some(Self {
                service_type: sm.service_type,
                source: (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr),
                destination: (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr),
                esm_class: sm.esm_class,
                registered_delivery: sm.registered_delivery,
                replaces: false,
                data_coding: sm.data_coding,
                user_data: payload(&sm.tlvs).unwrap_or_default(),
            }),
            Pdu::SubmitMulti(multi) => {
                let first = multi.dest_addresses.iter().next()?;
                Some(Self::of_multi(multi, address_of(first)))
            }
            Pdu::BroadcastSm(broadcast) => Some(Self::of_broadcast(broadcast)),
            _ => None,
        }
    }

    /// Of a submit_multi as far as one recipient is concerned.
    pub(crate) fn of_multi(multi: &SubmitMulti<'a>, destination: (u8, u8, COctetStr<'a>)) -> Self {
        Self {
            service_type: multi.service_type,
            source: (
                multi.source_addr_ton,
                multi.source_addr_npi,
                multi.source_addr,
            ),
            destination,
            esm_class: multi.esm_class,
            registered_delivery: multi.registered_delivery,
            data_coding: multi.data_coding,
            replaces: false,
            user_data: match payload(&multi.tlvs) {
                Some(payload) => payload,
                None => multi.short_message.as_octets(),
            },
        }
    }

    /// Of a broadcast, which has no recipients and no receipts.
    pub(crate) const fn of_broadcast(broadcast: &BroadcastSm<'a>) -> Self {
        Self {
            service_type: broadcast.service_type,
            source: (
                broadcast.source_addr_ton,
                broadcast.source_addr_npi,
                broadcast.source_addr,
            ),
            destination: (0, 0, COctetStr::EMPTY),
            esm_class: 0,
            registered_delivery: 0,
            data_coding: broadcast.data_coding,
            replaces: false,
            user_data: &[],
        }
    }
}

impl Receipt<'_> {
    /// `id:… sub:001 dlvrd:001 submit date:… done date:… stat:… err:… text:…`
    fn text(&self) -> Vec<u8> {
        let error_code = format!("{:03}", self.error_code % 1_000);
        let essence = receipt::Receipt {
            id: Some(self.id.as_octets()),
            stat: Some(self.state.stat().as_bytes()),
            err: Some(error_code.as_bytes()),
            ..receipt::Receipt::default()
        };
        let whole = receipt::Receipt {
            sub: Some(1),
            dlvrd: Some(u32::from(self.state == ReceiptState::Delivered)),
            submit_date: date(self.submitted_unix_ms),
            done_date: date(self.done_unix_ms),
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

    fn push_tlvs(&self, tlvs: &mut TlvBuf) {
        let mut id = [0; 64];
        let octets = self.id.as_octets();
        id[..octets.len()].copy_from_slice(octets);
        tlvs.push(Tag::RECEIPTED_MESSAGE_ID, &id[..=octets.len()])
            .expect("an id is shorter than an optional parameter may be");
        tlvs.push_u8(Tag::MESSAGE_STATE, self.state.message_state());
        if self.error_code != 0 {
            let [high, low] = self.error_code.to_be_bytes();
            tlvs.push(Tag::NETWORK_ERROR_CODE, &[NETWORK_TYPE_GSM, high, low])
                .expect("three octets are below the limit");
        }
    }

    /// The body of its deliver_sm, with the facts where its form wants them.
    pub(crate) fn body(&self) -> Bytes {
        let text = self.text();
        let mut tlvs = TlvBuf::new();
        if self.form.tlvs {
            self.push_tlvs(&mut tlvs);
        }
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

/// Type of number, numbering plan and digits of a recipient; a list has its name only.
const fn address_of(address: DestAddress<'_>) -> (u8, u8, COctetStr<'_>) {
    match address {
        DestAddress::Sme {
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
        } => (dest_addr_ton, dest_addr_npi, destination_addr),
        DestAddress::DistributionList { dl_name } => (0, 0, dl_name),
    }
}

/// The body of a deliver_sm for a peer of SMPP v3.3, which knows no optional parameters; `None`
/// when the content does not fit without them.
pub(crate) fn without_tlvs(body: &[u8]) -> Option<Bytes> {
    let mut octets = BytesMut::new();
    let command_id = CommandId::DELIVER_SM;
    let encoded = EncodedBody { command_id, body };
    encode_pdu(&encoded, CommandStatus::ESME_ROK, 1, &mut octets);
    let (_, Pdu::DeliverSm(sm)) = record::decode(&octets)? else {
        return None;
    };
    let content = match sm.tlvs.get(Tag::MESSAGE_PAYLOAD) {
        None => sm.short_message,
        Some(payload) => ShortMessage::new(payload.value)?,
    };
    Some(body_of(Sm {
        short_message: content,
        tlvs: Tlvs::EMPTY,
        ..sm
    }))
}

fn payload<'a>(tlvs: &Tlvs<'a>) -> Option<&'a [u8]> {
    tlvs.get(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value)
}

/// Whether an address has a form on the wire.
pub(crate) fn is_address(text: &str) -> bool {
    address(text).is_some()
}

/// Type of number, numbering plan and digits of an address: international with a `+` in front,
/// alphanumeric with letters, else unknown. `None` above 20 octets. SMPP v3.4 §5.2.5, §5.2.6.
fn address(text: &str) -> Option<(u8, u8, COctetStr<'_>)> {
    let (ton, npi, text) = match text.strip_prefix('+') {
        Some(digits) => (1, 1, digits),
        None if text.bytes().all(|octet| octet.is_ascii_digit()) => (0, 1, text),
        None => (5, 0, text),
    };
    let octets = COctetStr::new(text.as_bytes())?;
    (octets.wire_octets() <= ADDRESS_OCTETS_MAX).then_some((ton, npi, octets))
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

/// Encodes the body of a deliver_sm.
fn body_of(sm: Sm<'_>) -> Bytes {
    let pdu = Pdu::DeliverSm(sm);
    let mut body = BytesMut::with_capacity(pdu.body_octets());
    pdu.encode_body(&mut body);
    body.freeze()
}

/// The day and minute in UTC.
fn date(unix_ms: u64) -> Option<ReceiptDate> {
    let seconds = i64::try_from(unix_ms / 1_000).ok()?;
    DateTime::from_unix_seconds(seconds).map(ReceiptDate::Local)
}
