//! Numbers of the protocol as they are written in a configuration: by number or by the
//! specification's name.

use serde_json::{Value as Json, json};
use signalbox_codec::text::Language;
use signalbox_codec::{CommandStatus, Tag};

use super::kinds::{hex_octets, parse_integer};
use super::setting::{Key, Leaf};
use super::tree::{Node, Value};

/// Octets of the value of an optional parameter.
const TLV_OCTETS_MAX: usize = 65_535;

/// Reads the key of a table as the number that it stands for.
type Code = fn(&str) -> Option<u32>;

/// Tables of a provider whose keys are numbers or names of the specification.
pub(crate) const CODED_TABLES: [(&str, Code); 2] = [
    ("status", failed_status),
    ("tlvs", |key| tag(key).map(u32::from)),
];

/// A status that is no success.
fn failed_status(text: &str) -> Option<u32> {
    command_status(text).filter(|status| *status != 0)
}

/// A status by number (`0x58`, `88`) or name (`ESME_RTHROTTLED`).
#[must_use]
pub fn command_status(text: &str) -> Option<u32> {
    if let Some(status) = CommandStatus::from_name(text) {
        return Some(status.0);
    }
    parse_integer(text).and_then(|number| u32::try_from(number).ok())
}

/// The tag of an optional parameter by number (`0x1400`) or name (`source_port`).
#[must_use]
pub fn tag(text: &str) -> Option<u16> {
    if let Some(tag) = Tag::from_name(text) {
        return Some(tag.0);
    }
    parse_integer(text).and_then(|number| u16::try_from(number).ok())
}

/// The octets of an optional parameter: `text:abc` (a C-string gets its NUL), `hex:0102`, `u8:1`,
/// `u16:1`, `u32:1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlvValue(pub Vec<u8>);

impl Leaf for TlvValue {
    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        let (form, value) = node.as_text()?.split_once(':')?;
        let number = || parse_integer(value);
        let octets = match form {
            "text" => {
                let mut octets = value.as_bytes().to_vec();
                if tag(key.name).is_some_and(|tag| Tag(tag).is_c_octet_string()) {
                    octets.push(0);
                }
                octets
            }
            "hex" => hex_octets(value)?,
            "u8" => u8::try_from(number()?).ok()?.to_be_bytes().to_vec(),
            "u16" => u16::try_from(number()?).ok()?.to_be_bytes().to_vec(),
            "u32" => u32::try_from(number()?).ok()?.to_be_bytes().to_vec(),
            _ => return None,
        };
        (octets.len() <= TLV_OCTETS_MAX).then_some(Self(octets))
    }

    fn allowed(_key: &Key<'_>) -> String {
        "one of \"text:…\", \"hex:…\", \"u8:…\", \"u16:…\", \"u32:…\"".to_owned()
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"type": "string", "pattern": "^(text|hex|u8|u16|u32):"})
    }
}

/// A tag in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlvTag(pub u16);

impl Leaf for TlvTag {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        match &node.value {
            Value::Integer(number) => u16::try_from(*number).ok().map(Self),
            _ => tag(node.as_text()?).map(Self),
        }
    }

    fn allowed(_key: &Key<'_>) -> String {
        "a tag as a number (0x1400) or by the specification's name (\"source_port\")".to_owned()
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"type": ["string", "integer"]})
    }
}

/// A language with national GSM tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanguageCode(pub Language);

impl Leaf for LanguageCode {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        Language::from_name(node.as_text()?).map(Self)
    }

    fn allowed(_key: &Key<'_>) -> String {
        format!("one of {}", Language::ALL.map(Language::code).join(", "))
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"enum": Language::ALL.map(Language::code)})
    }
}
