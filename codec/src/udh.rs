//! User data header: the information elements in front of a message's text (3GPP TS 23.040
//! §9.2.3.24). Reads borrowed octets, keeps what it does not know, and writes.
//!
//! ```text
//! | UDHL | IEI | IEDL | data … | IEI | IEDL | data … |  body
//! ```

use std::fmt;

/// Concatenated short messages, 8-bit reference.
pub const CONCATENATION_8: u8 = 0x00;
/// Special SMS message indication.
pub const SPECIAL_MESSAGE: u8 = 0x01;
/// Application ports, 8-bit.
pub const PORTS_8: u8 = 0x04;
/// Application ports, 16-bit.
pub const PORTS_16: u8 = 0x05;
/// Concatenated short messages, 16-bit reference.
pub const CONCATENATION_16: u8 = 0x08;
/// National language single shift.
pub const NATIONAL_SINGLE_SHIFT: u8 = 0x24;
/// National language locking shift.
pub const NATIONAL_LOCKING_SHIFT: u8 = 0x25;

/// A header whose elements are known to lie inside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udh<'a> {
    /// Elements, without the length octet.
    elements: &'a [u8],
}

/// One element as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InformationElement<'a> {
    /// Information element identifier.
    pub id: u8,
    /// Its data, 0 to 253 octets.
    pub data: &'a [u8],
}

/// Width of the reference number of a concatenated message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReferenceWidth {
    /// Element 0x00.
    Bits8,
    /// Element 0x08.
    Bits16,
    /// `sar_msg_ref_num`, which stands in TLVs and not in a header.
    Sar,
}

/// Place of a part in a concatenated message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concatenation {
    /// Reference number, the same in all parts.
    pub reference: u16,
    /// How the reference was written.
    pub width: ReferenceWidth,
    /// Number of parts, 1 to 255.
    pub total: u8,
    /// This part, 1 to `total`.
    pub number: u8,
}

/// Application ports (WAP push, vCard …).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Receiving application.
    pub destination: u16,
    /// Sending application.
    pub source: u16,
}

/// Waiting indication of element 0x01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialMessage {
    /// The handset keeps the text.
    pub store: bool,
    /// Kind of message: 0 voice, 1 fax, 2 e-mail, 3 other, higher values extended.
    pub kind: u8,
    /// Messages that wait.
    pub count: u8,
}

/// User data that cannot be split into header and body, or a header that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdhError {
    /// No octet for the length.
    NoLength,
    /// The length reaches beyond the user data.
    LengthOverrun {
        /// Length octet.
        udhl: u8,
        /// Octets that follow it.
        available: usize,
    },
    /// An element reaches beyond the header, or has no length octet.
    ElementOverrun {
        /// Offset of its identifier in the user data.
        offset: usize,
        /// Its identifier.
        id: u8,
    },
    /// Elements too large for a header of 255 octets, or data for an element of 255.
    TooLong {
        /// Their octets.
        octets: usize,
    },
}

impl<'a> Udh<'a> {
    /// Splits user data into its header and the body behind it.
    ///
    /// # Errors
    /// The header or one of its elements reaches beyond its bounds; nothing is guessed then.
    pub fn split(user_data: &'a [u8]) -> Result<(Self, &'a [u8]), UdhError> {
        let (&udhl, rest) = user_data.split_first().ok_or(UdhError::NoLength)?;
        if usize::from(udhl) > rest.len() {
            return Err(UdhError::LengthOverrun {
                udhl,
                available: rest.len(),
            });
        }
        let (elements, body) = rest.split_at(usize::from(udhl));
        Ok((Self::of_elements(elements, 1)?, body))
    }

    fn of_elements(elements: &'a [u8], first_offset: usize) -> Result<Self, UdhError> {
        let mut at = 0;
        while at < elements.len() {
            let length = elements.get(at + 1).map(|&length| usize::from(length));
            let end = length
                .map(|length| at + 2 + length)
                .filter(|&end| end <= elements.len());
            let Some(end) = end else {
                return Err(UdhError::ElementOverrun {
                    offset: at + first_offset,
                    id: elements[at],
                });
            };
            at = end;
        }
        Ok(Self { elements })
    }

    /// Elements in order, unknown ones included.
    pub fn iter(self) -> impl Iterator<Item = InformationElement<'a>> {
        let mut rest = self.elements;
        std::iter::from_fn(move || {
            let [id, length, tail @ ..] = rest else {
                return None;
            };
            let (data, next) = tail.split_at(usize::from(*length));
            rest = next;
            Some(InformationElement { id: *id, data })
        })
    }

    /// Octets on the wire, the length octet included.
    pub fn octets(self) -> usize {
        1 + self.elements.len()
    }

    /// Place of this part. Of several elements the last valid one counts, of either width, as 3GPP
    /// TS 23.040 §9.2.3.24 rules; a total or number of 0 and a number above the total are no
    /// concatenation.
    pub fn concatenation(self) -> Option<Concatenation> {
        self.iter().filter_map(Concatenation::of_element).last()
    }

    /// Application ports; of several elements the last counts.
    pub fn ports(self) -> Option<Ports> {
        let ports = |element: InformationElement<'a>| match (element.id, element.data) {
            (PORTS_8, &[destination, source]) => Some(Ports {
                destination: destination.into(),
                source: source.into(),
            }),
            (PORTS_16, &[d1, d0, s1, s0]) => Some(Ports {
                destination: u16::from_be_bytes([d1, d0]),
                source: u16::from_be_bytes([s1, s0]),
            }),
            _ => None,
        };
        self.iter().filter_map(ports).last()
    }

    /// Waiting indications, one for each kind.
    pub fn special_messages(self) -> impl Iterator<Item = SpecialMessage> {
        self.iter()
            .filter_map(|element| match (element.id, element.data) {
                (SPECIAL_MESSAGE, &[kind, count]) => Some(SpecialMessage {
                    store: kind & 0x80 != 0,
                    kind: kind & 0x7F,
                    count,
                }),
                _ => None,
            })
    }
}

impl Concatenation {
    /// Reads element 0x00 or 0x08 when its length and numbers are valid.
    pub fn of_element(element: InformationElement<'_>) -> Option<Self> {
        let (reference, width, total, number) = match (element.id, element.data) {
            (CONCATENATION_8, &[reference, total, number]) => {
                (u16::from(reference), ReferenceWidth::Bits8, total, number)
            }
            (CONCATENATION_16, &[high, low, total, number]) => (
                u16::from_be_bytes([high, low]),
                ReferenceWidth::Bits16,
                total,
                number,
            ),
            _ => return None,
        };
        Self::new(reference, width, total, number)
    }

    /// A place whose numbers are valid: `number` within 1 to `total`.
    pub fn new(reference: u16, width: ReferenceWidth, total: u8, number: u8) -> Option<Self> {
        (1..=total).contains(&number).then_some(Self {
            reference,
            width,
            total,
            number,
        })
    }

    /// Appends the element; the 8-bit form takes the low octet of the reference, [`Sar`] writes
    /// nothing.
    ///
    /// [`Sar`]: ReferenceWidth::Sar
    pub fn write_element(self, out: &mut Vec<u8>) {
        let [high, low] = self.reference.to_be_bytes();
        match self.width {
            ReferenceWidth::Bits8 => {
                out.extend_from_slice(&[CONCATENATION_8, 3, low, self.total, self.number]);
            }
            ReferenceWidth::Bits16 => {
                out.extend_from_slice(&[CONCATENATION_16, 4, high, low, self.total, self.number]);
            }
            ReferenceWidth::Sar => {}
        }
    }
}

impl ReferenceWidth {
    /// Octets of the element: 5, 6 or none.
    pub fn element_octets(self) -> usize {
        match self {
            Self::Bits8 => 5,
            Self::Bits16 => 6,
            Self::Sar => 0,
        }
    }
}

impl Ports {
    /// Appends element 0x05.
    pub fn write_element(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[PORTS_16, 4]);
        out.extend_from_slice(&self.destination.to_be_bytes());
        out.extend_from_slice(&self.source.to_be_bytes());
    }
}

/// Appends a whole header, length octet first, to `out`.
///
/// # Errors
/// The elements exceed 255 octets, or one of them 253; `out` is unchanged then.
pub fn write(elements: &[InformationElement<'_>], out: &mut Vec<u8>) -> Result<(), UdhError> {
    let octets = elements.iter().map(|element| 2 + element.data.len()).sum();
    let udhl = u8::try_from(octets).map_err(|_| UdhError::TooLong { octets })?;
    out.push(udhl);
    for element in elements {
        out.extend_from_slice(&[element.id, element.data.len() as u8]);
        out.extend_from_slice(element.data);
    }
    Ok(())
}

impl fmt::Display for UdhError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLength => f.write_str("user data header: no length octet"),
            Self::LengthOverrun { udhl, available } => {
                write!(
                    f,
                    "user data header: length {udhl}, but {available} octets follow"
                )
            }
            Self::ElementOverrun { offset, id } => {
                write!(
                    f,
                    "user data header: element 0x{id:02X} at octet {offset} exceeds it"
                )
            }
            Self::TooLong { octets } => {
                write!(
                    f,
                    "user data header: {octets} octets of elements, at most 255"
                )
            }
        }
    }
}

impl std::error::Error for UdhError {}
