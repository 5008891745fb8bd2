//! The codings by name, and which of them a `data_coding` value means (SMPP v3.4 §5.2.19, groups
//! of 3GPP TS 23.038 §4).

use std::fmt;

/// How characters become octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 7-bit default alphabet with extension, one septet per octet.
    Gsm7,
    /// IA5 (ASCII); `data_coding` 1.
    Ia5,
    /// Octets without characters; `data_coding` 2 and 4, and every value that names no text.
    Octets,
    /// ISO-8859-1, all 256 positions at their own value; `data_coding` 3.
    Latin1,
    /// Shift-JIS, the usual form of JIS X 0208; `data_coding` 5.
    ShiftJis,
    /// ISO-8859-5, Cyrillic; `data_coding` 6.
    Iso8859_5,
    /// ISO-8859-8, Hebrew in logical order; `data_coding` 7.
    Iso8859_8,
    /// UTF-16BE; `data_coding` 8.
    Ucs2,
    /// ISO-2022-JP; `data_coding` 10.
    Iso2022Jp,
    /// EUC-JP, which holds JIS X 0212; `data_coding` 13.
    EucJp,
    /// EUC-KR, which holds KS C 5601; `data_coding` 14.
    EucKr,
    /// UTF-8; only where a link says that its `data_coding` 0 means it.
    Utf8,
}

/// Message class of 3GPP TS 23.038 §4: where the handset puts a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageClass {
    /// Shown at once, not kept ("flash").
    Immediate = 0,
    /// Kept in the equipment.
    MobileEquipment,
    /// Kept on the SIM.
    Sim,
    /// Handed to terminal equipment.
    TerminalEquipment,
}

impl Encoding {
    /// All codings, each once.
    pub const ALL: [Self; 12] = [
        Self::Gsm7,
        Self::Ia5,
        Self::Octets,
        Self::Latin1,
        Self::ShiftJis,
        Self::Iso8859_5,
        Self::Iso8859_8,
        Self::Ucs2,
        Self::Iso2022Jp,
        Self::EucJp,
        Self::EucKr,
        Self::Utf8,
    ];

    /// The coding that `data_coding` means; 0 is `default_alphabet`.
    ///
    /// Values from 0xC0 follow 3GPP TS 23.038 §4: waiting groups and the message class group.
    /// SMPP reserves 0x10 to 0x1F, yet peers send them for a class in the sense of that
    /// specification's general group, and so they are read. Every value that names no characters
    /// gives [`Encoding::Octets`].
    pub fn of_data_coding(data_coding: u8, default_alphabet: Self) -> Self {
        match data_coding {
            0x00 => default_alphabet,
            0x01 => Self::Ia5,
            0x03 => Self::Latin1,
            0x05 => Self::ShiftJis,
            0x06 => Self::Iso8859_5,
            0x07 => Self::Iso8859_8,
            0x08 | 0x18..=0x1B | 0xE0..=0xEF => Self::Ucs2,
            0x0A => Self::Iso2022Jp,
            0x0D => Self::EucJp,
            0x0E => Self::EucKr,
            0x10..=0x13 | 0xC0..=0xDF => Self::Gsm7,
            0xF0..=0xFF if data_coding & 0x04 == 0 => Self::Gsm7,
            _ => Self::Octets,
        }
    }

    /// The `data_coding` that announces this coding on a link whose 0 means `default_alphabet`;
    /// `None` when no value does.
    pub fn data_coding(self, default_alphabet: Self) -> Option<u8> {
        if self == default_alphabet {
            return Some(0x00);
        }
        match self {
            Self::Gsm7 => Some(0xF1),
            Self::Ia5 => Some(0x01),
            Self::Latin1 => Some(0x03),
            Self::Octets => Some(0x04),
            Self::ShiftJis => Some(0x05),
            Self::Iso8859_5 => Some(0x06),
            Self::Iso8859_8 => Some(0x07),
            Self::Ucs2 => Some(0x08),
            Self::Iso2022Jp => Some(0x0A),
            Self::EucJp => Some(0x0D),
            Self::EucKr => Some(0x0E),
            Self::Utf8 => None,
        }
    }

    /// The `data_coding` that announces this coding together with a message class: 0xF0 to 0xF7,
    /// and for UCS-2, which has no place there, 0x18 to 0x1B. Other codings have none.
    pub fn data_coding_of_class(self, class: MessageClass) -> Option<u8> {
        match self {
            Self::Gsm7 => Some(0xF0 | class as u8),
            Self::Octets => Some(0xF4 | class as u8),
            Self::Ucs2 => Some(0x18 | class as u8),
            _ => None,
        }
    }

    /// Name in configuration, tools and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ia5 => "ia5",
            Self::Octets => "octets",
            Self::Latin1 => "latin1",
            Self::ShiftJis => "shift-jis",
            Self::Iso8859_5 => "iso-8859-5",
            Self::Iso8859_8 => "iso-8859-8",
            Self::Ucs2 => "ucs2",
            Self::Iso2022Jp => "iso-2022-jp",
            Self::EucJp => "euc-jp",
            Self::EucKr => "euc-kr",
            Self::Utf8 => "utf8",
        }
    }

    /// The coding of a name (case does not count; `ascii` is `ia5`, `jis` is `shift-jis`, `ksc` is
    /// `euc-kr`).
    pub fn from_name(name: &str) -> Option<Self> {
        let alias = match name.to_ascii_lowercase().as_str() {
            "ascii" => Some(Self::Ia5),
            "jis" => Some(Self::ShiftJis),
            "ksc" => Some(Self::EucKr),
            "utf-8" => Some(Self::Utf8),
            "iso-8859-1" => Some(Self::Latin1),
            "utf-16be" => Some(Self::Ucs2),
            _ => None,
        };
        alias.or_else(|| {
            Self::ALL
                .into_iter()
                .find(|one| one.name().eq_ignore_ascii_case(name))
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether SMPP v3.4 §5.2.19 reserves `data_coding`. Some of these values mean a coding to peers
/// all the same; see [`Encoding::of_data_coding`].
pub fn is_reserved(data_coding: u8) -> bool {
    matches!(data_coding, 0x0B | 0x0C | 0x0F..=0xBF | 0xE0..=0xEF)
}

/// The message class that `data_coding` carries, if any (0x10 to 0x1F, 0xF0 to 0xFF).
pub fn message_class(data_coding: u8) -> Option<MessageClass> {
    if !matches!(data_coding, 0x10..=0x1F | 0xF0..=0xFF) {
        return None;
    }
    Some(match data_coding & 0x03 {
        0 => MessageClass::Immediate,
        1 => MessageClass::MobileEquipment,
        2 => MessageClass::Sim,
        _ => MessageClass::TerminalEquipment,
    })
}

/// The waiting indication that `data_coding` carries (0xC0 to 0xEF).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageWaiting {
    /// The handset may drop the text.
    pub discard: bool,
    /// Messages wait; otherwise the sign is taken away.
    pub active: bool,
    /// 0 voice mail, 1 fax, 2 e-mail, 3 other.
    pub kind: u8,
}

/// Reads the waiting indication groups.
pub fn message_waiting(data_coding: u8) -> Option<MessageWaiting> {
    matches!(data_coding, 0xC0..=0xEF).then_some(MessageWaiting {
        discard: data_coding < 0xD0,
        active: data_coding & 0x08 != 0,
        kind: data_coding & 0x03,
    })
}
