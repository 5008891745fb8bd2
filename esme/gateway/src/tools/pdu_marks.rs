//! What the values of a PDU have that the specification does not allow, although the PDU can be
//! read: the codec passes values on without judging them.

use signalbox_codec::text::encoding::is_reserved;
use signalbox_codec::text::{Encoding, TextError, ucs2};
use signalbox_codec::time::{SmppTime, TimeError};
use signalbox_codec::{CommandId, Item, Tag, Tlv, Value};

use super::{user_data, words};

/// Parameters that may stand in a PDU more than once.
const REPEATED: &[Tag] = &[
    Tag::CALLBACK_NUM,
    Tag::CALLBACK_NUM_PRES_IND,
    Tag::CALLBACK_NUM_ATAG,
    Tag::BROADCAST_AREA_IDENTIFIER,
    Tag::BROADCAST_AREA_SUCCESS,
    Tag::BROADCAST_ERROR_STATUS,
];

/// What is wrong with a value, and which section says so.
pub(super) struct Mark {
    pub(super) what: String,
    pub(super) source: &'static str,
}

/// The fields of a PDU that decide how later ones are to be read.
pub(super) struct Context {
    pub(super) command_id: CommandId,
    pub(super) data_coding: u8,
    pub(super) has_header: bool,
    short_message_octets: usize,
    sar_total_segments: Option<u8>,
    sar_segment_seqnum: Option<u8>,
    tags: Vec<Tag>,
}

impl Context {
    /// The beginning of a PDU.
    pub(super) const fn new(command_id: CommandId) -> Self {
        Self {
            command_id,
            data_coding: 0,
            has_header: false,
            short_message_octets: 0,
            sar_total_segments: None,
            sar_segment_seqnum: None,
            tags: Vec::new(),
        }
    }

    /// Takes the next piece in and says what is wrong with it.
    pub(super) fn judge(&mut self, item: Item<'_>) -> Vec<Mark> {
        let mut marks = Vec::new();
        let mut mark = |what: String, source| marks.push(Mark { what, source });
        match item {
            Item::Field { name, value } => match value {
                Value::Integer(value) => {
                    if let Some((what, source)) = self.integer(name, value as u8) {
                        mark(format!("{what} {value}"), source);
                    }
                }
                Value::String(time) if is_time(name) => {
                    time_mark(time.as_octets(), &mut mark);
                }
                Value::Octets(octets) if name == "short_message" => {
                    self.short_message_octets = octets.len();
                    self.user_data(octets, &mut mark);
                }
                _ => {}
            },
            Item::Tlv(tlv) => self.tlv(tlv, &mut mark),
            Item::Body(_) | Item::Trailing(_) => {}
        }
        marks
    }

    fn integer(&mut self, name: &str, value: u8) -> Option<(&'static str, &'static str)> {
        let priority_max = match self.command_id {
            CommandId::BROADCAST_SM => 4,
            _ => 3,
        };
        match name {
            "esm_class" => {
                self.has_header = value & 0x40 != 0;
                let is_known = words::message_type(value, self.command_id).is_some();
                (!is_known).then_some(("reserved message type in", "SMPP v3.4 §5.2.12"))
            }
            "data_coding" => {
                self.data_coding = value;
                is_reserved(value).then_some(("reserved value", "SMPP v3.4 §5.2.19"))
            }
            "priority_flag" => {
                (value > priority_max).then_some(("reserved value", "SMPP v3.4 §5.2.14"))
            }
            "registered_delivery" => {
                (value & 0xE0 != 0).then_some(("reserved bits in", "SMPP v3.4 §5.2.17"))
            }
            "replace_if_present_flag" => words::replacing(value)
                .is_none()
                .then_some(("reserved value", "SMPP v3.4 §5.2.18")),
            _ if name.ends_with("_ton") => words::ton(value)
                .is_none()
                .then_some(("reserved value", "SMPP v3.4 §5.2.5")),
            _ if name.ends_with("_npi") => words::npi(value)
                .is_none()
                .then_some(("reserved value", "SMPP v3.4 §5.2.6")),
            _ => None,
        }
    }

    fn user_data(&self, octets: &[u8], mark: &mut impl FnMut(String, &'static str)) {
        const HEADER: &str = "3GPP TS 23.040 §9.2.3.24";
        let (udh, body) = user_data::split(octets, self.has_header);
        if self.has_header && udh.is_none() && !octets.is_empty() {
            mark(user_data::header(octets), HEADER);
            return;
        }
        if udh.is_some_and(|udh| udh.iter().any(user_data::is_broken_place)) {
            mark("a part that cannot be".to_owned(), HEADER);
        }
        let encoding = Encoding::of_data_coding(self.data_coding, Encoding::Gsm7);
        if encoding == Encoding::Ucs2
            && let Err(error @ TextError::HalfUnit { .. }) = ucs2::decode(body)
        {
            mark(error.to_string(), "SMPP v3.4 §5.2.19");
        }
    }

    fn tlv(&mut self, tlv: Tlv<'_>, mark: &mut impl FnMut(String, &'static str)) {
        let is_known = tlv.tag.name().is_some() && !REPEATED.contains(&tlv.tag);
        if is_known && self.tags.contains(&tlv.tag) {
            mark(
                "the parameter stands there twice".to_owned(),
                "SMPP v3.4 §3.2.4",
            );
        }
        self.tags.push(tlv.tag);
        match tlv.tag {
            Tag::MESSAGE_PAYLOAD => {
                if self.short_message_octets > 0 {
                    let octets = user_data::count(self.short_message_octets);
                    let what = format!("short_message has {octets} besides message_payload");
                    mark(what, "SMPP v3.4 §5.3.2.32");
                }
                self.user_data(tlv.value, mark);
            }
            Tag::SAR_TOTAL_SEGMENTS => self.sar_total_segments = tlv.as_u8(),
            Tag::SAR_SEGMENT_SEQNUM => self.sar_segment_seqnum = tlv.as_u8(),
            Tag::BROADCAST_END_TIME => time_mark(tlv.value, mark),
            _ => return,
        }
        let is_sar = matches!(tlv.tag, Tag::SAR_TOTAL_SEGMENTS | Tag::SAR_SEGMENT_SEQNUM);
        if let (true, Some(total), Some(number)) =
            (is_sar, self.sar_total_segments, self.sar_segment_seqnum)
            && !(1..=total).contains(&number)
        {
            mark(
                format!("segment {number} of {total}"),
                "SMPP v3.4 §5.3.2.24",
            );
        }
    }
}

/// Whether a field is a time.
pub(super) fn is_time(name: &str) -> bool {
    matches!(
        name,
        "schedule_delivery_time" | "validity_period" | "final_date"
    )
}

/// What is wrong with a time; its length is for the codec to tell.
fn time_mark(time: &[u8], mark: &mut impl FnMut(String, &'static str)) {
    match SmppTime::parse(time) {
        Ok(_) | Err(TimeError::Length { .. }) => {}
        Err(error) => mark(error.to_string(), "SMPP v3.4 §7.1.1"),
    }
}
