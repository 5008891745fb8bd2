//! From a dispatch to the bodies of its submit_sm, one per part. Pure. What does not fit the
//! provider or the protocol is refused by name, never cut or replaced.

use std::borrow::Cow;
use std::fmt;

use bytes::{Bytes, BytesMut};
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::segment::{
    self, LongMessage, Segment, SegmentError, SegmentOptions, Segments,
};
use signalbox_codec::text::{self, Encoding, PlanError, PlanOptions, PreferredEncoding};
use signalbox_codec::time::{RelativeTime, SmppTime, TIME_OCTETS};
use signalbox_codec::udh::{Concatenation, InformationElement, Udh};
use signalbox_codec::{COctetStr, CommandStatus, Encode, Pdu, Tag, TlvBuf};
use signalbox_router::{Content, Dispatch, ErrorCode, Priority, Timestamp};

use super::address::Address;
use super::config::SubmitConfig;
use super::options::{OptionError, SmsOptions};
use super::reference::References;

/// esm_class: a user data header stands in front of the text. SMPP v3.4 §5.2.12.
const UDHI: u8 = 0x40;
/// registered_delivery: a final receipt is asked for. SMPP v3.4 §5.2.17.
const RECEIPT_BITS: u8 = 0x03;
/// data_coding of octets without characters.
const DATA_CODING_OCTETS: u8 = 4;

/// One part of a message, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitPart {
    /// Its number, from 1.
    pub number: u8,
    /// The body of its submit_sm.
    pub body: Bytes,
}

/// What [`encode`] says of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Number of parts, those already taken by the provider included.
    pub parts_total: u8,
    /// Whether a final receipt is asked for.
    pub receipt_wanted: bool,
}

/// A message that cannot be sent through this provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The sender's address.
    Source(String),
    /// The recipient's address.
    Destination(String),
    /// An option of the message.
    Option(OptionError),
    /// The text has no such coding, or the message is too long.
    Text(PlanError),
    /// Octets that cannot be segmented.
    Octets(SegmentError),
    /// A header with a concatenation of its own, and more than one segment.
    ConcatenationTwice,
    /// Message class 0 in a coding that has no such form.
    Flash(Encoding),
    /// An event of Signalbox is no short message.
    NotAShortMessage,
    /// The provider's settings want this optional parameter.
    MissingTlv(Tag),
}

/// Encodes the parts of a dispatch that the provider does not have yet and appends them to
/// `parts`. `buffer` only lends its memory.
///
/// # Errors
/// Why the message cannot be sent; nothing was appended.
pub fn encode(
    config: &SubmitConfig,
    dispatch: &Dispatch,
    now: Timestamp,
    references: &mut References,
    buffer: &mut BytesMut,
    parts: &mut Vec<SubmitPart>,
) -> Result<Submission, EncodeError> {
    let message = &*dispatch.message;
    let options = SmsOptions::parse(message).map_err(EncodeError::Option)?;
    let source = Address::parse(&message.from, config.source).map_err(EncodeError::Source)?;
    let destination = destination(config, dispatch)?;
    let tlvs = tlvs(config, &options)?;
    let planned = plan(config, dispatch, &options, |mask| {
        references.claim(dispatch.to(), dispatch.delivery, mask, now)
    })?;
    let validity_period = validity_period(config, dispatch, &options, now);
    let registered_delivery = options
        .registered_delivery
        .unwrap_or(config.registered_delivery)
        & config.registered_delivery_mask;
    let text_field = |text| COctetStr::new(text).expect("checked to be printable");
    let service_type = options.service_type.unwrap_or(&config.service_type);
    let sm = Sm {
        service_type: text_field(service_type.as_bytes()),
        source_addr_ton: source.ton,
        source_addr_npi: source.npi,
        source_addr: source.octets,
        dest_addr_ton: destination.ton,
        dest_addr_npi: destination.npi,
        destination_addr: destination.octets,
        esm_class: config.message_mode as u8,
        protocol_id: options.protocol_id.unwrap_or(config.protocol_id),
        priority_flag: priority_flag(message.priority).min(config.priority_max),
        schedule_delivery_time: text_field(
            options
                .schedule_delivery_time
                .unwrap_or_default()
                .as_bytes(),
        ),
        validity_period: validity_period
            .as_ref()
            .map_or(COctetStr::EMPTY, |time| text_field(time)),
        registered_delivery,
        replace_if_present_flag: u8::from(options.replace_if_present),
        data_coding: planned.data_coding,
        ..Sm::default()
    };
    for (index, segment) in planned.segments.iter().enumerate() {
        let number = index as u8 + 1;
        if !dispatch.parts_done.contains(&number) {
            let body = encode_part(sm, &segment, &tlvs, config.payload_always, buffer);
            parts.push(SubmitPart { number, body });
        }
    }
    Ok(Submission {
        parts_total: planned.segments.count() as u8,
        receipt_wanted: registered_delivery & RECEIPT_BITS != 0,
    })
}

impl EncodeError {
    /// The router's form: the status that the provider would have answered with, and what is wrong.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        let command_status = match self {
            Self::Source(_) => CommandStatus::ESME_RINVSRCADR,
            Self::Destination(_) => CommandStatus::ESME_RINVDSTADR,
            Self::Option(_) => CommandStatus::ESME_RINVOPTPARAMVAL,
            Self::Text(PlanError::Segment(_)) | Self::Octets(_) => CommandStatus::ESME_RINVMSGLEN,
            Self::ConcatenationTwice => CommandStatus::ESME_RINVESMCLASS,
            Self::Text(_) | Self::Flash(_) => CommandStatus::ESME_RINVDCS,
            Self::NotAShortMessage => CommandStatus::ESME_RINVMSGLEN,
            Self::MissingTlv(_) => CommandStatus::ESME_RMISSINGOPTPARAM,
        };
        ErrorCode::new(command_status.0, self.to_string())
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(reason) => write!(f, "from: {reason}"),
            Self::Destination(reason) => write!(f, "to: {reason}"),
            Self::Option(error) => fmt::Display::fmt(error, f),
            Self::Text(error) => write!(f, "text: {error}"),
            Self::Octets(error) => write!(f, "content: {error}"),
            Self::ConcatenationTwice => f.write_str(
                "sms.udh_hex: has a concatenation element, but the message takes several segments",
            ),
            Self::Flash(encoding) => {
                write!(
                    f,
                    "sms.flash: {encoding} has no message class, gsm7, ucs2 and octets have"
                )
            }
            Self::NotAShortMessage => f.write_str("content: an event is no short message"),
            Self::MissingTlv(tag) => {
                write!(
                    f,
                    "sms.tlv.{:#06x}: the provider's tlvs_required wants it",
                    tag.0
                )
            }
        }
    }
}

impl std::error::Error for EncodeError {}

fn destination<'d>(
    config: &SubmitConfig,
    dispatch: &'d Dispatch,
) -> Result<Address<'d>, EncodeError> {
    let address =
        Address::parse(dispatch.to(), config.destination).map_err(EncodeError::Destination)?;
    if address.octets.is_empty() {
        return Err(EncodeError::Destination("it is empty".to_owned()));
    }
    Ok(address)
}

/// The content in segments, and how it is announced.
struct Planned {
    segments: Segments,
    data_coding: u8,
}

/// Plans with the delivery's own reference; `claim` is asked only when there are several segments,
/// and only when it says otherwise the plan is made again.
fn plan(
    config: &SubmitConfig,
    dispatch: &Dispatch,
    options: &SmsOptions<'_>,
    claim: impl FnOnce(u16) -> u16,
) -> Result<Planned, EncodeError> {
    let elements: Vec<InformationElement<'_>> = match &options.udh {
        Some(udh) => {
            let (udh, _) = Udh::split(udh).expect("checked with the options");
            udh.iter().collect()
        }
        None => Vec::new(),
    };
    let mask = if config.long_message == LongMessage::Udh8 {
        0xFF
    } else {
        0xFFFF
    };
    let own = References::own(dispatch.delivery, mask);
    let planned = plan_with(config, dispatch, options, &elements, own)?;
    if planned.segments.count() == 1 {
        return Ok(planned);
    }
    let concatenated = elements
        .iter()
        .any(|element| Concatenation::of_element(*element).is_some());
    if concatenated {
        return Err(EncodeError::ConcatenationTwice);
    }
    match claim(mask) {
        reference if reference == own => Ok(planned),
        reference => plan_with(config, dispatch, options, &elements, reference),
    }
}

fn plan_with(
    config: &SubmitConfig,
    dispatch: &Dispatch,
    options: &SmsOptions<'_>,
    elements: &[InformationElement<'_>],
    reference: u16,
) -> Result<Planned, EncodeError> {
    let segment = SegmentOptions {
        long_message: if config.payload_always {
            LongMessage::Payload
        } else {
            config.long_message
        },
        reference,
        segments_max: config.segments_max,
        user_data_octets_max: config.segment_octets,
        elements,
    };
    let octets = match (&options.binary, &dispatch.message.content) {
        (Some(octets), _) => Some(octets),
        (None, Content::Binary(octets)) => Some(octets),
        (None, Content::Text(_)) => None,
        (None, Content::Event(_)) => return Err(EncodeError::NotAShortMessage),
    };
    if let Some(octets) = octets {
        let segments = segment::octets(octets, &segment).map_err(EncodeError::Octets)?;
        let data_coding = match options.data_coding {
            Some(data_coding) => data_coding,
            None => flashed(Encoding::Octets, DATA_CODING_OCTETS, options.flash)?,
        };
        return Ok(Planned {
            segments,
            data_coding,
        });
    }
    let wished = options
        .data_coding
        .map(|data_coding| Encoding::of_data_coding(data_coding, config.default_alphabet));
    let plan = text::plan(
        &text_of(config, dispatch),
        &PlanOptions {
            preferred_encoding: wished.map_or(config.preferred_encoding, PreferredEncoding::Only),
            encoding_strict: wished.is_some() || config.encoding_strict,
            default_alphabet: config.default_alphabet,
            languages: &config.languages,
            transliterate: config.transliterate,
            segment,
        },
    )
    .map_err(EncodeError::Text)?;
    let data_coding = match options.data_coding {
        Some(data_coding) => data_coding,
        None => flashed(plan.encoding, plan.data_coding, options.flash)?,
    };
    Ok(Planned {
        segments: plan.segments,
        data_coding,
    })
}

fn text_of<'d>(config: &SubmitConfig, dispatch: &'d Dispatch) -> Cow<'d, str> {
    let subject = &dispatch.message.subject;
    if subject.is_empty() {
        return Cow::Borrowed(dispatch.text());
    }
    Cow::Owned([subject, &config.subject_join, dispatch.text()].concat())
}

/// data_coding with message class 0 (3GPP TS 23.038 §4), which SMPP does not define for UCS-2 and
/// providers nevertheless understand.
fn flashed(encoding: Encoding, data_coding: u8, flash: bool) -> Result<u8, EncodeError> {
    match (flash, encoding) {
        (false, _) => Ok(data_coding),
        (true, Encoding::Gsm7) => Ok(0xF0),
        (true, Encoding::Octets) => Ok(0xF4),
        (true, Encoding::Ucs2) => Ok(0x18),
        (true, other) => Err(EncodeError::Flash(other)),
    }
}

/// Parameters of every part: the provider's, with the message's own in their place.
fn tlvs(config: &SubmitConfig, options: &SmsOptions<'_>) -> Result<TlvBuf, EncodeError> {
    let mut tlvs = TlvBuf::new();
    let mut push = |tag: Tag, value: &[u8]| {
        tlvs.push(tag, value)
            .expect("settings and options hold at most 65,535 octets");
    };
    for (tag, value) in &config.tlvs {
        if !options.tlvs.iter().any(|(own, _)| own == tag) {
            push(*tag, value);
        }
    }
    for (tag, value) in &options.tlvs {
        push(*tag, value);
    }
    match config
        .tlvs_required
        .iter()
        .find(|tag| tlvs.as_tlvs().get(**tag).is_none())
    {
        Some(missing) => Err(EncodeError::MissingTlv(*missing)),
        None => Ok(tlvs),
    }
}

fn encode_part<'a>(
    mut sm: Sm<'a>,
    segment: &Segment<'a>,
    common: &TlvBuf,
    payload_always: bool,
    buffer: &mut BytesMut,
) -> Bytes {
    if segment.udh_octets > 0 {
        sm.esm_class |= UDHI;
    }
    let short_message = ShortMessage::new(segment.user_data);
    let own_tlvs = match (segment.sar, short_message) {
        (None, Some(short_message)) if !segment.payload && !payload_always => {
            sm.short_message = short_message;
            None
        }
        (Some(sar), Some(short_message)) => {
            sm.short_message = short_message;
            let mut tlvs = common.clone();
            tlvs.push_u16(Tag::SAR_MSG_REF_NUM, sar.reference);
            tlvs.push_u8(Tag::SAR_TOTAL_SEGMENTS, sar.total);
            tlvs.push_u8(Tag::SAR_SEGMENT_SEQNUM, sar.number);
            Some(tlvs)
        }
        _ => {
            let mut tlvs = common.clone();
            tlvs.push(Tag::MESSAGE_PAYLOAD, segment.user_data)
                .expect("a plan has at most MESSAGE_PAYLOAD_OCTETS_MAX octets");
            Some(tlvs)
        }
    };
    let tlvs = own_tlvs.as_ref().unwrap_or(common);
    let pdu = Pdu::SubmitSm(Sm {
        tlvs: tlvs.as_tlvs(),
        ..sm
    });
    buffer.reserve(pdu.body_octets());
    pdu.encode_body(buffer);
    buffer.split().freeze()
}

/// The message's expiry as a relative time, at least one second. Not for a message that the SMSC
/// is to send later: its life there begins with schedule_delivery_time, and the SMSC knows its own
/// default.
fn validity_period(
    config: &SubmitConfig,
    dispatch: &Dispatch,
    options: &SmsOptions<'_>,
    now: Timestamp,
) -> Option<[u8; TIME_OCTETS]> {
    if let Some(own) = options.validity_period {
        return own.as_bytes().try_into().ok();
    }
    if !config.validity || options.schedule_delivery_time.is_some() {
        return None;
    }
    let unix_ms = |time: Timestamp| i64::try_from(time.0).unwrap_or(i64::MAX);
    let expires_at = dispatch.message.expires_at.max(now.plus_ms(1));
    let span = RelativeTime::between(unix_ms(now), unix_ms(expires_at))?;
    Some(SmppTime::Relative(span).octets())
}

const fn priority_flag(priority: Priority) -> u8 {
    match priority {
        Priority::Lowest | Priority::Low | Priority::Normal => 0,
        Priority::High => 1,
        Priority::Highest => 2,
    }
}

#[cfg(test)]
mod tests;
