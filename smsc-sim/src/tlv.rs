//! What a rule, a search or a `verify` wants of the optional parameters: their tag by name or
//! number, and their value. Pure.

use std::fmt;

use serde_json::Value as Json;
use signalbox_codec::{Tag, Tlvs};

use crate::api::{hex, octets};
use crate::input::nearest;
use crate::message::latin1;
use crate::pattern::Pattern;

/// Optional parameters that are wanted at once, at most.
pub(crate) const TLVS_MAX: usize = 16;
/// Octets of a value that is shown as a number, at most.
const NUMBER_OCTETS_MAX: usize = 8;

/// What is wanted of one optional parameter.
#[derive(Clone, Debug)]
pub(crate) struct TlvPattern {
    tag: Tag,
    value: Wanted,
    /// As it was written.
    written: String,
}

/// What its value must be.
#[derive(Clone, Debug)]
enum Wanted {
    /// `true` and `false`: it is there, or it is not, whatever its value.
    Presence(bool),
    /// An unsigned integer of any length, most significant octet first.
    Number(u64),
    /// These octets.
    Octets(Vec<u8>),
    /// A text in Latin-1, without the NUL at its end.
    Text(Pattern),
    /// Such a number, or its digits as such a text.
    Digits(u64, String),
}

impl TlvPattern {
    /// Reads a tag (`user_message_reference`, `0x0204` or `516`) and a value: a number, true or
    /// false, octets such as `"0x00ff"`, or a pattern of a text.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(crate) fn read(tag: &str, value: &Json) -> Result<Self, String> {
        let value_read = match value {
            Json::Bool(is_there) => Wanted::Presence(*is_there),
            Json::Number(number) => Wanted::Number(number.as_u64().ok_or_else(|| allowed(value))?),
            Json::String(text) => match text.strip_prefix("0x") {
                Some(digits) => Wanted::Octets(octets(digits).ok_or_else(|| allowed(value))?),
                None => Wanted::Text(
                    Pattern::new(text).map_err(|problem| format!("is no pattern: {problem}"))?,
                ),
            },
            _ => return Err(allowed(value)),
        };
        Ok(Self {
            tag: tag_of(tag).ok_or_else(|| no_tag(tag))?,
            value: value_read,
            written: match value {
                Json::String(text) => text.clone(),
                value => value.to_string(),
            },
        })
    }

    /// As [`TlvPattern::read`] with a value of a query, where everything is a text: `17` is a
    /// number or those digits, `true` and `false` are what they are elsewhere.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(crate) fn read_of_query(tag: &str, text: &str) -> Result<Self, String> {
        if let Ok(is_there) = text.parse() {
            return Self::read(tag, &Json::Bool(is_there));
        }
        let read = Self::read(tag, &text.into())?;
        let is_digits = text.bytes().all(|octet| octet.is_ascii_digit());
        Ok(match text.parse() {
            Ok(number) if is_digits => Self {
                value: Wanted::Digits(number, text.to_owned()),
                ..read
            },
            _ => read,
        })
    }

    /// What was wanted, as it was written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether one of those that are there is as wanted.
    pub(crate) fn matches(&self, tlvs: &Tlvs<'_>) -> bool {
        let mut values = self.values(tlvs);
        match &self.value {
            Wanted::Presence(is_there) => values.next().is_some() == *is_there,
            Wanted::Number(number) => values.any(|value| number_of(value) == Some(*number)),
            Wanted::Octets(octets) => values.any(|value| value == octets),
            Wanted::Text(pattern) => values.any(|value| pattern.matches(&text_of(value))),
            Wanted::Digits(number, text) => {
                values.any(|value| number_of(value) == Some(*number) || text_of(value) == *text)
            }
        }
    }

    /// What is there instead, in the notation of what is wanted where that is possible.
    pub(crate) fn found(&self, tlvs: &Tlvs<'_>) -> String {
        let shown = |value| match &self.value {
            Wanted::Number(_) => number_of(value).map(|number| number.to_string()),
            Wanted::Text(_) | Wanted::Digits(..) => Some(text_of(value)),
            Wanted::Presence(_) | Wanted::Octets(_) => None,
        };
        let values: Vec<String> = self
            .values(tlvs)
            .map(|value| shown(value).unwrap_or_else(|| written_octets(value)))
            .collect();
        match values.is_empty() {
            true => "(not there)".to_owned(),
            false => values.join(","),
        }
    }

    fn values<'t>(&self, tlvs: &Tlvs<'t>) -> impl Iterator<Item = &'t [u8]> {
        let wanted = self.tag;
        let same = tlvs.iter().filter(move |tlv| tlv.tag == wanted);
        same.map(|tlv| tlv.value)
    }
}

impl fmt::Display for TlvPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag.name() {
            Some(name) => write!(f, "tlvs.{name}"),
            None => write!(f, "tlvs.0x{:04X}", self.tag.0),
        }
    }
}

fn tag_of(text: &str) -> Option<Tag> {
    let hexadecimal = text.strip_prefix("0x");
    let number = match hexadecimal {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Tag::from_name(text).or_else(|| number.ok().map(Tag))
}

fn no_tag(text: &str) -> String {
    let names = (0..=u16::MAX).filter_map(|tag| Tag(tag).name());
    let meant = nearest(text, names);
    let meant = meant.map(|name| format!(" (did you mean \"{name}\"?)"));
    let meant = meant.unwrap_or_default();
    format!("{text:?} is no name of an optional parameter, and no tag as 0x1401{meant}")
}

fn allowed(value: &Json) -> String {
    format!(
        "{value} is neither a whole number, nor a text, nor octets such as \"0x00ff\", nor true or \
         false"
    )
}

fn number_of(value: &[u8]) -> Option<u64> {
    let is_number = (1..=NUMBER_OCTETS_MAX).contains(&value.len());
    let append = |number, octet: &u8| number << 8 | u64::from(*octet);
    is_number.then(|| value.iter().fold(0, append))
}

fn text_of(value: &[u8]) -> String {
    latin1(value.strip_suffix(&[0]).unwrap_or(value))
}

fn written_octets(octets: &[u8]) -> String {
    format!("0x{}", hex(octets))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signalbox_codec::TlvBuf;

    use super::*;

    #[test]
    fn tags_by_name_and_number_and_values_of_each_kind() {
        let mut tlvs = TlvBuf::new();
        tlvs.push_u16(Tag::USER_MESSAGE_REFERENCE, 17);
        tlvs.push(Tag(0x1401), b"abc\0").unwrap();
        tlvs.push(Tag(0x1401), b"xyz").unwrap();
        let tlvs = tlvs.as_tlvs();
        let table = [
            ("user_message_reference", json!(17), true, "17"),
            ("0x0204", json!(18), false, "17"),
            ("516", json!("0x0011"), true, "0x0011"),
            ("516", json!("0x11"), false, "0x0011"),
            ("0x0204", json!(true), true, "0x0011"),
            ("0x0204", json!(false), false, "0x0011"),
            ("0x1401", json!("abc"), true, "abc,xyz"),
            ("0x1401", json!("x?z"), true, "abc,xyz"),
            ("0x1401", json!("/^b/"), false, "abc,xyz"),
            ("source_port", json!(1), false, "(not there)"),
            ("source_port", json!(false), true, "(not there)"),
            ("source_port", json!("*"), false, "(not there)"),
        ];
        for (tag, value, matches, found) in table {
            let pattern = TlvPattern::read(tag, &value).unwrap();
            assert_eq!(pattern.matches(&tlvs), matches, "{tag} {value}");
            assert_eq!(pattern.found(&tlvs), found, "{tag} {value}");
        }
    }

    #[test]
    fn what_can_be_no_tag_or_no_value_is_refused() {
        let table = [
            ("colour", json!(1), "\"colour\" is no name"),
            ("0x10000", json!(1), "is no name"),
            ("0x1401", json!(-1), "-1 is neither"),
            ("0x1401", json!(1.5), "1.5 is neither"),
            ("0x1401", json!("0x0"), "\"0x0\" is neither"),
            ("0x1401", json!([1]), "[1] is neither"),
            ("0x1401", json!("/a"), "ends with a slash"),
        ];
        for (tag, value, part) in table {
            let problem = TlvPattern::read(tag, &value).unwrap_err();
            assert!(problem.contains(part), "{tag} {value}: {problem}");
        }
    }

    #[test]
    fn values_of_a_query_are_numbers_digits_booleans_octets_or_texts() {
        let mut tlvs = TlvBuf::new();
        tlvs.push_u16(Tag::USER_MESSAGE_REFERENCE, 17);
        tlvs.push(Tag(0x1401), b"17\0").unwrap();
        tlvs.push(Tag(0x1402), b"017").unwrap();
        let tlvs = tlvs.as_tlvs();
        let table = [
            ("0x0204", "17", true),
            ("0x0204", "18", false),
            ("0x0204", "+17", false),
            ("0x0204", "0x0011", true),
            ("0x0204", "true", true),
            ("0x0204", "false", false),
            ("0x1401", "17", true),
            ("0x1401", "017", false),
            ("0x1401", "1*", true),
            ("0x1402", "017", true),
            ("0x1402", "17", false),
        ];
        for (tag, text, matches) in table {
            let pattern = TlvPattern::read_of_query(tag, text).unwrap();
            assert_eq!(pattern.matches(&tlvs), matches, "{tag} {text}");
        }
        assert!(TlvPattern::read_of_query("colour", "17").is_err());
    }
}
