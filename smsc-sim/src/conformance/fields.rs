//! Checks on the fields of a message, each by itself. SMPP v3.4 §5.2, §5.3.

use signalbox_codec::pdu::DestAddress;
use signalbox_codec::time::SmppTime;
use signalbox_codec::udh::Udh;
use signalbox_codec::{COctetStr, Pdu, Tag, Tlvs};

use super::check::Check;

/// esm_class bit of user data that starts with a header. §5.2.12.
pub(super) const UDHI: u8 = 0x40;
/// esm_class bits of the type of the message.
const ESM_TYPE: u8 = 0x3C;
/// Types that an ESME may send: plain, delivery acknowledgement, manual acknowledgement.
const ESM_TYPES_OF_ESME: [u8; 3] = [0x00, 0x08, 0x10];
/// Bits of registered_delivery that have no meaning.
const REGISTERED_DELIVERY_RESERVED: u8 = 0xE0;
/// Numbering plans of §5.2.6.
const NPIS: [u8; 11] = [0, 1, 3, 4, 6, 8, 9, 10, 13, 14, 18];
/// TON of a name.
const TON_ALPHANUMERIC: u8 = 5;
/// Heads of the user data headers that segments have: UDHL, element, length.
const UDH_OF_SEGMENTS: [[u8; 3]; 2] = [[5, 0, 3], [6, 8, 4]];
/// The parameters that make a segment.
const SAR: [Tag; 3] = [
    Tag::SAR_MSG_REF_NUM,
    Tag::SAR_TOTAL_SEGMENTS,
    Tag::SAR_SEGMENT_SEQNUM,
];

/// The fields that messages have in common.
pub(super) struct Fields<'a> {
    source: (u8, u8, COctetStr<'a>),
    pub(super) esm_class: u8,
    priority_flag: u8,
    pub(super) times: [COctetStr<'a>; 2],
    registered_delivery: u8,
    replace_if_present_flag: u8,
    data_coding: u8,
    short_message: &'a [u8],
    pub(super) tlvs: Tlvs<'a>,
}

/// The fields of a struct that has them all under their own names.
macro_rules! fields_of {
    ($sm:expr) => {
        Fields {
            source: ($sm.source_addr_ton, $sm.source_addr_npi, $sm.source_addr),
            esm_class: $sm.esm_class,
            priority_flag: $sm.priority_flag,
            times: [$sm.schedule_delivery_time, $sm.validity_period],
            registered_delivery: $sm.registered_delivery,
            replace_if_present_flag: $sm.replace_if_present_flag,
            data_coding: $sm.data_coding,
            short_message: $sm.short_message.as_octets(),
            tlvs: $sm.tlvs,
        }
    };
}

impl<'a> Fields<'a> {
    /// Those of a message; `None` for any other PDU.
    pub(super) const fn of(pdu: &Pdu<'a>) -> Option<Self> {
        match pdu {
            Pdu::SubmitSm(sm) => Some(fields_of!(sm)),
            Pdu::SubmitMulti(sm) => Some(fields_of!(sm)),
            Pdu::DataSm(sm) => Some(Self {
                source: (sm.source_addr_ton, sm.source_addr_npi, sm.source_addr),
                esm_class: sm.esm_class,
                priority_flag: 0,
                times: [COctetStr::EMPTY; 2],
                registered_delivery: sm.registered_delivery,
                replace_if_present_flag: 0,
                data_coding: sm.data_coding,
                short_message: &[],
                tlvs: sm.tlvs,
            }),
            _ => None,
        }
    }

    /// The content, if it is in message_payload.
    pub(super) fn payload(&self) -> Option<&'a [u8]> {
        self.tlvs.get(Tag::MESSAGE_PAYLOAD).map(|tlv| tlv.value)
    }
}

/// Finds what is wrong with the fields of a message: the check, and the value.
pub(super) fn check(pdu: &Pdu<'_>, found: &mut impl FnMut(Check, String)) {
    let Some(fields) = Fields::of(pdu) else {
        return;
    };
    match pdu {
        Pdu::SubmitSm(sm) => {
            let to = (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr);
            destination(to, found);
        }
        Pdu::DataSm(sm) => {
            let to = (sm.dest_addr_ton, sm.dest_addr_npi, sm.destination_addr);
            destination(to, found);
        }
        Pdu::SubmitMulti(sm) => {
            for address in sm.dest_addresses.iter() {
                if let DestAddress::Sme {
                    dest_addr_ton,
                    dest_addr_npi,
                    destination_addr,
                } = address
                {
                    destination((dest_addr_ton, dest_addr_npi, destination_addr), found);
                }
            }
        }
        _ => {}
    }
    common(&fields, found);
}

/// Whether it is said to be a segment by optional parameters.
pub(super) fn has_sar(tlvs: &Tlvs<'_>) -> bool {
    sar_count(tlvs) > 0
}

fn sar_count(tlvs: &Tlvs<'_>) -> usize {
    SAR.iter().filter(|tag| tlvs.get(**tag).is_some()).count()
}

fn destination(address: (u8, u8, COctetStr<'_>), found: &mut impl FnMut(Check, String)) {
    if address.2.is_empty() {
        found(
            Check::DestinationEmpty,
            "destination_addr is empty".to_owned(),
        );
    }
    self::address("destination_addr", address, found);
}

fn address(
    name: &str,
    (ton, npi, address): (u8, u8, COctetStr<'_>),
    found: &mut impl FnMut(Check, String),
) {
    if ton > 6 || !NPIS.contains(&npi) {
        found(Check::AddressType, format!("{name}: TON {ton}, NPI {npi}"));
    }
    let digits = address.as_octets().iter().all(u8::is_ascii_digit);
    if ton != TON_ALPHANUMERIC && !digits {
        found(
            Check::AddressDigits,
            format!("{name}: {:?} with TON {ton}", address.to_latin1()),
        );
    }
}

fn common(fields: &Fields<'_>, found: &mut impl FnMut(Check, String)) {
    address("source_addr", fields.source, found);
    numbers(fields, found);
    for (check, time) in [Check::ScheduleTime, Check::ValidityPeriod]
        .into_iter()
        .zip(fields.times)
    {
        // Another length than 0 and 16 is for the codec to say.
        let whole = matches!(time.as_octets().len(), 0 | 16);
        if whole && let Err(error) = SmppTime::parse(time.as_octets()) {
            found(check, format!("{:?}: {error}", time.to_latin1()));
        }
    }
    let payload = fields.payload();
    if payload.is_some() && !fields.short_message.is_empty() {
        let octets = fields.short_message.len();
        found(
            Check::TwoContents,
            format!("short_message has {octets} octets"),
        );
    }
    content(
        fields.esm_class,
        payload.unwrap_or(fields.short_message),
        found,
    );
    let sar = sar_count(&fields.tlvs);
    if sar != 0 && sar != SAR.len() {
        found(Check::SarIncomplete, format!("{sar} of {}", SAR.len()));
    }
}

fn numbers(fields: &Fields<'_>, found: &mut impl FnMut(Check, String)) {
    let esm_class = fields.esm_class;
    if !ESM_TYPES_OF_ESME.contains(&(esm_class & ESM_TYPE)) {
        found(Check::EsmClass, format!("{esm_class:#04x}"));
    }
    if fields.priority_flag > 3 {
        found(Check::PriorityFlag, fields.priority_flag.to_string());
    }
    let registered_delivery = fields.registered_delivery;
    if registered_delivery & REGISTERED_DELIVERY_RESERVED != 0 || registered_delivery & 3 == 3 {
        found(
            Check::RegisteredDelivery,
            format!("{registered_delivery:#04x}"),
        );
    }
    if fields.replace_if_present_flag > 1 {
        found(
            Check::ReplaceFlag,
            fields.replace_if_present_flag.to_string(),
        );
    }
    if matches!(fields.data_coding, 0x0B | 0x0C | 0x0F..=0xBF | 0xE0..=0xEF) {
        found(Check::DataCoding, format!("{:#04x}", fields.data_coding));
    }
}

fn content(esm_class: u8, content: &[u8], found: &mut impl FnMut(Check, String)) {
    if esm_class & UDHI != 0 {
        if let Err(error) = Udh::split(content) {
            found(Check::UdhMalformed, error.to_string());
        }
    } else if let Some(head) = content.first_chunk::<3>()
        && UDH_OF_SEGMENTS.contains(head)
    {
        found(
            Check::UdhiMissing,
            format!("the content starts with {head:02x?}"),
        );
    }
}
