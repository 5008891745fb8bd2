//! Message ids: how they are numbered and the forms in which SMSCs write them. A number is enough
//! to write the id again, so ids are kept without allocation.

use std::fmt;
use std::str::FromStr;

use crate::random;

/// Octets of the longest form: a UUID, or 20 decimal digits.
pub(crate) const ID_OCTETS_MAX: usize = 36;
/// Width of the form with leading zeros.
const PADDED_DIGITS: usize = 20;

const COUNTER_BITS: u32 = 36;
const BIND_BITS: u32 = 14;
/// Where a packed id has its style.
const STYLE_SHIFT: u32 = 62;
const SEED_BITS: u32 = 11;

/// How message ids are written in responses and receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdStyle {
    /// Lower-case hexadecimal digits without leading zeros.
    #[default]
    Hex,
    /// Decimal digits.
    Decimal,
    /// A UUID in its usual form with hyphens.
    Uuid,
}

impl IdStyle {
    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Decimal => "decimal",
            Self::Uuid => "uuid",
        }
    }
}

impl FromStr for IdStyle {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Hex, Self::Decimal, Self::Uuid]
            .into_iter()
            .find(|style| style.name() == name)
            .ok_or_else(|| format!("{name:?} is not one of hex, decimal, uuid"))
    }
}

/// The form of the id in a receipt, which real SMSCs do not always take over from the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// As in the response.
    #[default]
    Same,
    /// The same number in decimal digits.
    Decimal,
    /// The same number in lower-case hexadecimal digits.
    Hex,
    /// The same number in upper-case hexadecimal digits.
    UpperHex,
    /// The same number in upper-case hexadecimal digits with leading zeros.
    PaddedHex,
    /// An id that no response ever carried.
    Unknown,
}

impl IdForm {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Same,
        Self::Decimal,
        Self::Hex,
        Self::UpperHex,
        Self::PaddedHex,
        Self::Unknown,
    ];

    /// Its name in scenarios.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Decimal => "decimal",
            Self::Hex => "hex",
            Self::UpperHex => "upper_hex",
            Self::PaddedHex => "padded_hex",
            Self::Unknown => "unknown",
        }
    }
}

/// Id of a message. Those of one bind go up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId {
    number: u64,
}

impl MessageId {
    /// The id of message `counter` of a bind. Ids differ between seeds (11 bits of them), binds
    /// (2^14, then they repeat) and messages of a bind (2^36, then they repeat).
    #[must_use]
    pub(crate) const fn new(seed: u64, bind_ordinal: u64, counter: u64) -> Self {
        let seed = random::mix(seed) >> (64 - SEED_BITS);
        let bind = bind_ordinal & ((1 << BIND_BITS) - 1);
        let counter = counter & ((1 << COUNTER_BITS) - 1);
        Self {
            number: seed << (BIND_BITS + COUNTER_BITS) | bind << COUNTER_BITS | counter,
        }
    }

    /// The ids that this text can be, each with the style in which it is.
    pub(crate) fn candidates(text: &[u8]) -> impl Iterator<Item = (Self, IdStyle)> {
        let text = std::str::from_utf8(text).unwrap_or_default();
        let hex = u64::from_str_radix(text, 16).ok();
        let numbers = [
            (IdStyle::Hex, hex),
            (IdStyle::Decimal, text.parse().ok()),
            (IdStyle::Uuid, number_of_uuid(text)),
        ];
        numbers.into_iter().filter_map(move |(style, number)| {
            let id = Self { number: number? };
            (id.text(style).as_str() == text).then_some((id, style))
        })
    }

    /// Id and style in one number, never 0: ids take less than 62 bits.
    pub(crate) const fn packed(self, style: IdStyle) -> u64 {
        let style = match style {
            IdStyle::Hex => 1,
            IdStyle::Decimal => 2,
            IdStyle::Uuid => 3,
        };
        style << STYLE_SHIFT | self.number & !(0b11 << STYLE_SHIFT)
    }

    /// The inverse; `None` when it is another number.
    pub(crate) const fn unpacked(packed: u64) -> Option<(Self, IdStyle)> {
        let style = match packed >> STYLE_SHIFT {
            1 => IdStyle::Hex,
            2 => IdStyle::Decimal,
            3 => IdStyle::Uuid,
            _ => return None,
        };
        let number = packed & !(0b11 << STYLE_SHIFT);
        Some((Self { number }, style))
    }

    /// The id as it stands in the response.
    #[inline]
    #[must_use]
    pub(crate) fn text(self, style: IdStyle) -> IdText {
        match style {
            IdStyle::Hex => IdText::hex(self.number),
            IdStyle::Decimal => IdText::decimal(self.number),
            IdStyle::Uuid => IdText::uuid(self.number),
        }
    }

    /// The id as it stands in a receipt.
    #[must_use]
    pub(crate) fn receipt_text(self, style: IdStyle, form: IdForm) -> IdText {
        match form {
            IdForm::Same => self.text(style),
            IdForm::Decimal => IdText::decimal(self.number),
            IdForm::Hex => IdText::hex(self.number),
            IdForm::UpperHex => IdText::hex(self.number).upper_case(),
            IdForm::PaddedHex => IdText::padded_hex(self.number),
            // The top bit is never set in an id that was given out.
            IdForm::Unknown => Self {
                number: self.number | 1 << 63,
            }
            .text(style),
        }
    }
}

/// The characters of an id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdText {
    /// Zero from `length` on, so that there is always a NUL.
    octets: [u8; ID_OCTETS_MAX + 1],
    length: u8,
}

impl IdText {
    const EMPTY: Self = Self {
        octets: [0; ID_OCTETS_MAX + 1],
        length: 0,
    };

    #[inline]
    fn hex(number: u64) -> Self {
        let leading_zeros = (number | 1).leading_zeros() / 4;
        let halves = [number >> 32, number & 0xFFFF_FFFF].map(hex_digits);
        let digits = u128::from(halves[0]) << 64 | u128::from(halves[1]);
        let mut text = Self::EMPTY;
        text.octets[..16].copy_from_slice(&(digits << (leading_zeros * 8)).to_be_bytes());
        text.length = 16 - leading_zeros as u8;
        text
    }

    fn padded_hex(number: u64) -> Self {
        let mut text = Self::EMPTY;
        for digit in (0..PADDED_DIGITS).rev() {
            let nibble = if digit < 16 { number >> (digit * 4) } else { 0 };
            text.push(hex_digit(nibble).to_ascii_uppercase());
        }
        text
    }

    fn upper_case(mut self) -> Self {
        self.octets.make_ascii_uppercase();
        self
    }

    fn decimal(number: u64) -> Self {
        let mut digits = [0; 20];
        let mut rest = number;
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let mut text = Self::EMPTY;
        for digit in &digits[at..] {
            text.push(*digit);
        }
        text
    }

    fn uuid(number: u64) -> Self {
        // Version 4 and its variant, RFC 9562 §5.4; random bits come from the number.
        let high = random::mix(number) & !0xF000 | 0x4000;
        let low = random::mix(!number) & !(0b11 << 62) | 0b10 << 62;
        let mut text = Self::EMPTY;
        for (word, hyphens_after) in [(high, [8, 4]), (low, [16, 12])] {
            for digit in (0..16).rev() {
                if hyphens_after.contains(&(digit + 1)) {
                    text.push(b'-');
                }
                text.push(hex_digit(word >> (digit * 4)));
            }
        }
        text
    }

    fn push(&mut self, octet: u8) {
        self.octets[usize::from(self.length)] = octet;
        self.length += 1;
    }

    /// The characters as octets.
    #[must_use]
    pub(crate) fn as_octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }

    /// The characters and a NUL: a C-octet string as it stands on the wire.
    #[must_use]
    pub(crate) fn as_c_octets(&self) -> &[u8] {
        &self.octets[..=usize::from(self.length)]
    }

    /// The characters.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_octets()).expect("ids are ASCII")
    }
}

impl fmt::Display for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// The number that a UUID was made of: its low half holds all but two bits of it.
fn number_of_uuid(text: &str) -> Option<u64> {
    let digits: String = text.get(19..)?.split('-').collect();
    let low = u64::from_str_radix(&digits, 16).ok()? & !(0b11 << 62);
    (0..4)
        .map(|top: u64| !random::unmix(low | top << 62))
        .find(|number| IdText::uuid(*number).as_str() == text)
}

/// The eight lower-case digits of a number of 32 bits, the first one in the highest octet. All at
/// once, because each message has an id.
const fn hex_digits(number: u64) -> u64 {
    let pairs = (number | number << 16) & 0x0000_FFFF_0000_FFFF;
    let octets = (pairs | pairs << 8) & 0x00FF_00FF_00FF_00FF;
    let nibbles = (octets | octets << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    let are_letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    nibbles + 0x3030_3030_3030_3030 + are_letters * (b'a' - b'0' - 10) as u64
}

fn hex_digit(nibble: u64) -> u8 {
    b"0123456789abcdef"[(nibble & 0xF) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_writes_the_same_number() {
        for number in [0, 1, 15, 16, 0xABC, 0x6aad5, (1 << 63) - 1] {
            let id = MessageId { number };
            let text = |form| id.receipt_text(IdStyle::Hex, form).to_string();
            assert_eq!(id.text(IdStyle::Hex).as_str(), format!("{number:x}"));
            assert_eq!(id.text(IdStyle::Decimal).as_str(), format!("{number}"));
            assert_eq!(text(IdForm::Same), format!("{number:x}"));
            assert_eq!(text(IdForm::Decimal), format!("{number}"));
            assert_eq!(text(IdForm::Hex), format!("{number:x}"));
            assert_eq!(text(IdForm::UpperHex), format!("{number:X}"));
            assert_eq!(text(IdForm::PaddedHex), format!("{number:020X}"));
            assert_ne!(text(IdForm::Unknown), text(IdForm::Same));
        }
    }

    #[test]
    fn an_id_is_found_again_by_its_text() {
        for style in [IdStyle::Hex, IdStyle::Decimal, IdStyle::Uuid] {
            for counter in [1, 255, 1_000_000] {
                let id = MessageId::new(7, 3, counter);
                let text = id.text(style);
                let mut found = MessageId::candidates(text.as_octets());
                assert!(found.any(|candidate| candidate == (id, style)), "{text}");
            }
        }
        for text in [
            "",
            "xyz",
            "007",
            "ABC",
            "\u{fc}",
            "1-2-3-4-5",
            &"f".repeat(36),
        ] {
            let found = MessageId::candidates(text.as_bytes());
            assert_eq!(found.count(), 0, "{text}");
        }
    }

    #[test]
    fn an_id_and_its_style_fit_into_one_number() {
        for style in [IdStyle::Hex, IdStyle::Decimal, IdStyle::Uuid] {
            let id = MessageId::new(u64::MAX, u64::MAX, u64::MAX);
            assert_eq!(MessageId::unpacked(id.packed(style)), Some((id, style)));
        }
        assert_eq!(MessageId::unpacked(7), None);
    }

    #[test]
    fn a_uuid_has_its_shape() {
        let text = MessageId { number: 7 }.text(IdStyle::Uuid).to_string();
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{text}");
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
    }

    #[test]
    fn ids_differ_between_seeds_binds_and_messages() {
        let ids: std::collections::HashSet<MessageId> = (0..8)
            .flat_map(|seed| (0..8).flat_map(move |bind| (0..8).map(move |n| (seed, bind, n))))
            .map(|(seed, bind, counter)| MessageId::new(seed, bind, counter))
            .collect();
        assert_eq!(ids.len(), 512);
    }
}
