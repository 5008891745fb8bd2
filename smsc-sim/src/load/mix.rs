//! What the messages hold: kinds of texts and their shares. Pure: the number of a message decides.

use std::fmt;
use std::str::FromStr;

/// Octets of a text at most. SMPP v3.4 §5.2.21.
const TEXT_OCTETS_MAX: usize = 254;
/// Kinds of a mix at most.
const KINDS_MAX: usize = 32;
/// Share of a kind at most.
const SHARE_MAX: u32 = 1_000_000;
/// What `default` means: short and long texts, and one in ten in UCS-2.
const DEFAULT: &str = "gsm7:25=45,gsm7:150=45,ucs2:60=10";
/// data_coding of octets without a meaning. SMPP v3.4 §5.2.19.
pub(super) const BINARY: u8 = 4;
/// data_coding of UCS-2. SMPP v3.4 §5.2.19.
pub(super) const UCS2: u8 = 8;
/// Spreads numbers evenly, so that kinds alternate: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Kinds of texts and their shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    kinds: Vec<Kind>,
    shares: u32,
}

/// One kind of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// data_coding. SMPP v3.4 §5.2.19.
    pub(crate) data_coding: u8,
    /// short_message.
    pub(crate) text: Vec<u8>,
    /// Up to which of all shares it is chosen.
    shares_end: u32,
}

/// What is wrong with the text of a mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixError {
    part: String,
    problem: &'static str,
}

impl Mix {
    /// Texts of this many octets in the SMSC's default alphabet; 254 at most.
    #[must_use]
    pub fn of_octets(octets: u16) -> Self {
        let octets = usize::from(octets).min(TEXT_OCTETS_MAX);
        Self {
            kinds: vec![Kind {
                data_coding: 0,
                text: letters().take(octets).collect(),
                shares_end: 1,
            }],
            shares: 1,
        }
    }

    /// Reads a file: kinds as on the command line, one or several in a line; what follows a `#` is
    /// a remark.
    ///
    /// # Errors
    /// The part that is no kind.
    pub fn of_file(text: &str) -> Result<Self, MixError> {
        let lines = text.lines().map(|line| {
            let kinds = line.split_once('#').map_or(line, |(kinds, _)| kinds);
            kinds.trim()
        });
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        lines.join(",").parse()
    }

    /// Its kinds.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The kind of message `number`.
    pub(crate) fn pick(&self, number: u64) -> &Kind {
        &self.kinds[self.place(number)]
    }

    /// The place of that kind among all.
    pub(crate) fn place(&self, number: u64) -> usize {
        let spread = number.wrapping_mul(SPREAD) >> 32;
        let share = (spread * u64::from(self.shares)) >> 32;
        self.kinds
            .partition_point(|kind| u64::from(kind.shares_end) <= share)
    }
}

impl fmt::Display for MixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, problem } = self;
        write!(
            f,
            "{part:?} {problem}; wanted: default, or CODING:CHARACTERS=SHARE,… with gsm7, latin1, \
             binary or ucs2, such as {DEFAULT}"
        )
    }
}

impl std::error::Error for MixError {}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let text = if text == "default" { DEFAULT } else { text };
        let mut mix = Self {
            kinds: Vec::new(),
            shares: 0,
        };
        for part in text.split(',') {
            let wrong = |problem| MixError {
                part: part.to_owned(),
                problem,
            };
            let (kind, share) = part.split_once('=').unwrap_or((part, "1"));
            let (coding, characters) = kind
                .split_once(':')
                .ok_or_else(|| wrong("names no length"))?;
            let characters: u16 = characters
                .parse()
                .map_err(|_| wrong("has a length that is no number"))?;
            let characters = usize::from(characters);
            let (data_coding, text) = match coding {
                "gsm7" => (0, letters().take(characters).collect()),
                "latin1" => (3, letters().take(characters).collect()),
                "binary" => (BINARY, (0..=u8::MAX).cycle().take(characters).collect()),
                "ucs2" => (UCS2, cyrillic(characters)),
                _ => return Err(wrong("has an unknown coding")),
            };
            if text.len() > TEXT_OCTETS_MAX {
                return Err(wrong("is longer than 254 octets"));
            }
            match share.parse() {
                Ok(share @ 1..=SHARE_MAX) if mix.kinds.len() < KINDS_MAX => mix.shares += share,
                Ok(1..=SHARE_MAX) => return Err(wrong("is one kind too many: 32 is the most")),
                _ => return Err(wrong("has a share that is no number from 1 to 1000000")),
            }
            mix.kinds.push(Kind {
                data_coding,
                text,
                shares_end: mix.shares,
            });
        }
        Ok(mix)
    }
}

fn letters() -> impl Iterator<Item = u8> {
    (b'a'..=b'z').cycle()
}

/// Letters that only UCS-2 has, big-endian.
fn cyrillic(characters: usize) -> Vec<u8> {
    let alphabet = (0x0430..=0x044F_u16).cycle().take(characters);
    alphabet.flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_in_their_shares() {
        let mix: Mix = "default".parse().unwrap();
        let mut seen = [0_u32; 3];
        for number in 0..10_000 {
            let kind = mix.pick(number);
            let lengths = [(0, 25), (0, 150), (8, 120)];
            let at = lengths
                .iter()
                .position(|of| *of == (kind.data_coding, kind.text.len()));
            seen[at.unwrap()] += 1;
        }
        for (seen, expected) in seen.into_iter().zip([4_500, 4_500, 1_000_u32]) {
            assert!(seen.abs_diff(expected) < 50, "{seen} {expected}");
        }
        assert_eq!(Mix::of_octets(999).pick(7).text.len(), 254);
    }

    #[test]
    fn a_file_is_kinds_in_lines_with_remarks() {
        let text = "# as in spring\n\ngsm7:25=45,gsm7:150=45\n  ucs2:60=10 # letters\n";
        assert_eq!(Mix::of_file(text), "default".parse());
        assert_eq!(Mix::of_file("default\r\n"), "default".parse());
        for (text, part) in [("gsm7:1\nmany", "many"), ("# nothing\n", "")] {
            assert_eq!(Mix::of_file(text).unwrap_err().part, part);
        }
    }

    #[test]
    fn errors_name_the_part_and_what_is_wrong() {
        let many = vec!["gsm7:1"; 33].join(",");
        let table = [
            ("gsm7", "names no length"),
            ("gsm7:x", "has a length that is no number"),
            ("gsm8:1", "has an unknown coding"),
            ("ucs2:128", "is longer than 254 octets"),
            (
                "gsm7:1=0",
                "has a share that is no number from 1 to 1000000",
            ),
            (many.as_str(), "is one kind too many: 32 is the most"),
            ("", "names no length"),
        ];
        for (text, problem) in table {
            let error = text.parse::<Mix>().unwrap_err();
            assert_eq!(error.problem, problem, "{text}");
        }
    }
}
