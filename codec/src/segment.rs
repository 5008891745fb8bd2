//! Segments of a message that exceeds one short message: their headers, their sizes, their octets
//! in one buffer. Where a *text* may be cut is [`crate::text::cut`]'s business.
//!
//! | form | header | GSM 7-bit | UCS-2 | octets |
//! |---|---|---|---|---|
//! | single | none | 160 | 70 | 140 |
//! | UDH 8-bit reference, SAR | 6 octets | 153 | 67 | 134 |
//! | UDH 16-bit reference | 7 octets | 152 | 66 | 133 |

use std::fmt;
use std::ops::RangeInclusive;

use crate::udh::{Concatenation, InformationElement, ReferenceWidth};

/// User data octets of one short message on the air (3GPP TS 23.040 §9.2.3.16).
pub const USER_DATA_OCTETS: u8 = 140;
/// Values that [`SegmentOptions::user_data_octets_max`] may take.
pub const USER_DATA_OCTETS_RANGE: RangeInclusive<u8> = 20..=USER_DATA_OCTETS;
/// Segments that a reference number can count (SMPP v3.4 §5.3.2.23).
pub const SEGMENTS_MAX: u8 = 255;
/// Octets that `message_payload` can hold; its length field has 16 bits.
pub const MESSAGE_PAYLOAD_OCTETS_MAX: usize = 65_535;
/// Octets that headers must leave for the text of each part; the widest character (ISO-2022-JP with
/// its shifts) needs 8.
const BODY_OCTETS_MIN: usize = 10;

/// How a message longer than one segment is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LongMessage {
    /// User data header with an 8-bit reference.
    Udh8,
    /// User data header with a 16-bit reference.
    Udh16,
    /// `sar_msg_ref_num`, `sar_total_segments`, `sar_segment_seqnum`. The SMSC adds the header on
    /// the air, therefore a part has the size of [`LongMessage::Udh8`]. A message that needs a user
    /// data header of its own (ports, national shift) is sent as [`LongMessage::Udh16`], since the
    /// two ways do not mix.
    Sar,
    /// The whole message in `message_payload` of one PDU.
    Payload,
}

/// How to segment.
#[derive(Debug, Clone, Copy)]
pub struct SegmentOptions<'a> {
    /// Form of long messages. Default [`LongMessage::Udh8`].
    pub long_message: LongMessage,
    /// Reference number of the parts; an 8-bit header takes its low octet. Default 0.
    pub reference: u16,
    /// Most segments, 1 to 255. Default 255.
    pub segments_max: u8,
    /// User data octets of a segment, header included, 20 to 140. Default 140.
    pub user_data_octets_max: u8,
    /// Further header elements of every part (ports), without concatenation and national shifts.
    pub elements: &'a [InformationElement<'a>],
}

impl Default for SegmentOptions<'_> {
    fn default() -> Self {
        Self {
            long_message: LongMessage::Udh8,
            reference: 0,
            segments_max: SEGMENTS_MAX,
            user_data_octets_max: USER_DATA_OCTETS,
            elements: &[],
        }
    }
}

/// Segments of one message, ready for `short_message` or `message_payload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// Octets of all segments, header and body, one after the other.
    octets: Vec<u8>,
    /// Ends of the segments; empty for a single one.
    ends: Vec<usize>,
    udh_octets: usize,
    carrier: Carrier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    ShortMessage,
    Sar { reference: u16 },
    MessagePayload,
}

/// One segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Octets as they go into the PDU, the header in front.
    pub user_data: &'a [u8],
    /// Octets of the header in `user_data`; when not 0, `esm_class` needs the UDHI bit 0x40.
    pub udh_octets: usize,
    /// Values of the three SAR TLVs, when the message goes that way.
    pub sar: Option<Concatenation>,
    /// `user_data` goes into `message_payload` and not into `short_message`.
    pub payload: bool,
}

impl<'a> Segment<'a> {
    /// The header, length octet included; empty when there is none.
    pub fn udh(&self) -> &'a [u8] {
        &self.user_data[..self.udh_octets]
    }

    /// What follows the header.
    pub fn body(&self) -> &'a [u8] {
        &self.user_data[self.udh_octets..]
    }
}

impl Segments {
    /// Number of segments, at least 1.
    pub fn count(&self) -> usize {
        self.ends.len().max(1)
    }

    /// The segments in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Segment<'_>> {
        (0..self.count()).map(|index| self.segment(index))
    }

    /// Octets of all segments, headers included.
    pub fn octets(&self) -> usize {
        self.octets.len()
    }

    fn segment(&self, index: usize) -> Segment<'_> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        let end = self.ends.get(index).copied().unwrap_or(self.octets.len());
        let sar = match self.carrier {
            Carrier::Sar { reference } => {
                let (total, number) = (self.count() as u8, index as u8 + 1);
                Concatenation::new(reference, ReferenceWidth::Sar, total, number)
            }
            Carrier::ShortMessage | Carrier::MessagePayload => None,
        };
        Segment {
            user_data: &self.octets[start..end],
            udh_octets: self.udh_octets,
            sar,
            payload: self.carrier == Carrier::MessagePayload,
        }
    }
}

/// Segments of octets that may be cut anywhere (`data_coding` 2 and 4).
///
/// # Errors
/// See [`SegmentError`].
pub fn octets(data: &[u8], options: &SegmentOptions<'_>) -> Result<Segments, SegmentError> {
    let layout = Layout::new(options, &[])?;
    let part_octets = layout.part_octets();
    let long = data.len() > layout.single_octets();
    let total = if long && !layout.is_payload() {
        data.len().div_ceil(part_octets)
    } else {
        1
    };
    layout.write(total, long, data.len(), |index, out| {
        let start = index * part_octets;
        let end = if total == 1 {
            data.len()
        } else {
            data.len().min(start + part_octets)
        };
        out.extend_from_slice(&data[start..end]);
    })
}

/// Header sizes of a message, known before its text is cut.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    options: SegmentOptions<'a>,
    /// Elements of every part besides concatenation.
    elements: Elements<'a>,
    long_message: LongMessage,
}

#[derive(Debug)]
struct Elements<'a> {
    given: &'a [InformationElement<'a>],
    /// National shifts, as written.
    shifts: &'a [u8],
}

impl Elements<'_> {
    fn octets(&self) -> usize {
        self.given
            .iter()
            .map(|element| 2 + element.data.len())
            .sum::<usize>()
            + self.shifts.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for element in self.given {
            out.extend_from_slice(&[element.id, element.data.len() as u8]);
            out.extend_from_slice(element.data);
        }
        out.extend_from_slice(self.shifts);
    }
}

impl<'a> Layout<'a> {
    /// `shifts` are header elements as [`crate::text::Shifts::write_elements`] writes them.
    pub(crate) fn new(
        options: &SegmentOptions<'a>,
        shifts: &'a [u8],
    ) -> Result<Self, SegmentError> {
        let octets_max = options.user_data_octets_max;
        if !USER_DATA_OCTETS_RANGE.contains(&octets_max) {
            return Err(SegmentError::UserDataOctets {
                user_data_octets_max: octets_max,
            });
        }
        if options.segments_max == 0 {
            return Err(SegmentError::TooManySegments {
                segments: 1,
                segments_max: 0,
            });
        }
        let elements = Elements {
            given: options.elements,
            shifts,
        };
        let long_message = match options.long_message {
            LongMessage::Sar if elements.octets() > 0 => LongMessage::Udh16,
            other => other,
        };
        let layout = Self {
            options: *options,
            elements,
            long_message,
        };
        let header = layout.part_header_octets();
        if header + BODY_OCTETS_MIN > usize::from(octets_max) {
            return Err(SegmentError::HeaderTooLong {
                octets: header,
                octets_max,
            });
        }
        Ok(layout)
    }

    pub(crate) fn is_payload(&self) -> bool {
        self.long_message == LongMessage::Payload
    }

    /// Octets for the body of a message that fits one segment.
    pub(crate) fn single_octets(&self) -> usize {
        usize::from(self.options.user_data_octets_max) - self.single_header_octets()
    }

    /// Octets for the body of each of several segments.
    pub(crate) fn part_octets(&self) -> usize {
        usize::from(self.options.user_data_octets_max) - self.part_header_octets()
    }

    /// Writes `total` segments of a message, which is `long` when it exceeds one segment.
    /// `write_body` appends the body of a segment by its index, and all bodies together are about
    /// `body_octets`.
    pub(crate) fn write(
        &self,
        total: usize,
        long: bool,
        body_octets: usize,
        mut write_body: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<Segments, SegmentError> {
        let segments_max = self.options.segments_max;
        let total_octet = match u8::try_from(total) {
            Ok(total_octet) if total_octet <= segments_max => total_octet,
            _ => {
                return Err(SegmentError::TooManySegments {
                    segments: total,
                    segments_max,
                });
            }
        };
        let width = match self.long_message {
            LongMessage::Udh8 if total > 1 => ReferenceWidth::Bits8,
            LongMessage::Udh16 if total > 1 => ReferenceWidth::Bits16,
            _ => ReferenceWidth::Sar,
        };
        let element_octets = width.element_octets() + self.elements.octets();
        let udh_octets = header_octets(element_octets);
        let mut octets = Vec::with_capacity(body_octets + total * udh_octets);
        let mut ends = Vec::with_capacity(if total > 1 { total } else { 0 });
        for index in 0..total {
            if udh_octets > 0 {
                octets.push(element_octets as u8);
                let number = index as u8 + 1;
                let reference = self.options.reference;
                Concatenation {
                    reference,
                    width,
                    total: total_octet,
                    number,
                }
                .write_element(&mut octets);
                self.elements.write(&mut octets);
            }
            write_body(index, &mut octets);
            if total > 1 {
                ends.push(octets.len());
            }
        }
        let carrier = match self.long_message {
            LongMessage::Payload if long => Carrier::MessagePayload,
            LongMessage::Sar if total > 1 => Carrier::Sar {
                reference: self.options.reference,
            },
            _ => Carrier::ShortMessage,
        };
        if octets.len() > MESSAGE_PAYLOAD_OCTETS_MAX && carrier == Carrier::MessagePayload {
            return Err(SegmentError::PayloadTooLong {
                octets: octets.len(),
            });
        }
        Ok(Segments {
            octets,
            ends,
            udh_octets,
            carrier,
        })
    }

    /// One segment of a body that fits it; `None` when it has a header of its own.
    pub(crate) fn single(&self, body: Vec<u8>) -> Option<Segments> {
        (self.single_header_octets() == 0).then_some(Segments {
            octets: body,
            ends: Vec::new(),
            udh_octets: 0,
            carrier: Carrier::ShortMessage,
        })
    }

    fn single_header_octets(&self) -> usize {
        header_octets(self.elements.octets())
    }

    fn part_header_octets(&self) -> usize {
        let concatenation = match self.long_message {
            LongMessage::Udh8 | LongMessage::Sar => ReferenceWidth::Bits8.element_octets(),
            LongMessage::Udh16 => ReferenceWidth::Bits16.element_octets(),
            LongMessage::Payload => 0,
        };
        header_octets(concatenation + self.elements.octets())
    }
}

/// A header without elements is left out altogether.
fn header_octets(element_octets: usize) -> usize {
    if element_octets == 0 {
        0
    } else {
        1 + element_octets
    }
}

/// A message that cannot be segmented as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentError {
    /// More segments than allowed.
    TooManySegments {
        /// Segments that the message takes.
        segments: usize,
        /// Segments allowed.
        segments_max: u8,
    },
    /// More octets than `message_payload` holds.
    PayloadTooLong {
        /// Octets of the message, header included.
        octets: usize,
    },
    /// `user_data_octets_max` outside of [`USER_DATA_OCTETS_RANGE`].
    UserDataOctets {
        /// Value given.
        user_data_octets_max: u8,
    },
    /// Header elements that leave too little room for text.
    HeaderTooLong {
        /// Octets of the header.
        octets: usize,
        /// User data octets of a segment.
        octets_max: u8,
    },
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManySegments {
                segments,
                segments_max,
            } => {
                write!(
                    f,
                    "the message takes {segments} segments, segments_max is {segments_max}"
                )
            }
            Self::PayloadTooLong { octets } => write!(
                f,
                "the message takes {octets} octets, message_payload holds \
                 {MESSAGE_PAYLOAD_OCTETS_MAX}"
            ),
            Self::UserDataOctets {
                user_data_octets_max,
            } => write!(
                f,
                "user_data_octets_max is {user_data_octets_max}, allowed are {} to {}",
                USER_DATA_OCTETS_RANGE.start(),
                USER_DATA_OCTETS_RANGE.end()
            ),
            Self::HeaderTooLong { octets, octets_max } => write!(
                f,
                "a user data header of {octets} octets leaves fewer than {BODY_OCTETS_MIN} of \
                 {octets_max} octets for text"
            ),
        }
    }
}

impl std::error::Error for SegmentError {}
