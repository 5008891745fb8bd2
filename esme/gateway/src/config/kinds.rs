//! The kinds of values of the configuration, each with its form, its range and its words for
//! "allowed here".

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::error::Origin;
use super::setting::{Key, Leaf};
use super::tree::{Node, Value};

/// Characters of text without a declared limit.
const TEXT_CHARACTERS_MAX: usize = 4_096;

/// A number of octets: `"64MiB"`, `"512KiB"`, `"100MB"`, `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// How many per time: `"200/s"`, `"90/min"`, `"0.5/s"`, in thousandths per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Thousandths per second; at least 1.
    pub per_1000_s: u64,
}

impl Rate {
    /// Per second.
    #[must_use]
    pub const fn per_second(self) -> f64 {
        self.per_1000_s as f64 / 1_000.0
    }
}

/// A number from 0 to 255, or `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoOr {
    /// Found out from the context.
    Auto,
    /// This number.
    Number(u8),
}

/// An `http://` or `https://` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(pub String);

/// Octets written as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hex<const OCTETS: usize>(pub [u8; OCTETS]);

/// A TCP port that can be connected to: 1 to 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

/// Whether `value` is within the limits of the key, which are read by `parse`.
fn in_range<T: PartialOrd>(value: &T, key: &Key<'_>, parse: impl Fn(&str) -> Option<T>) -> bool {
    key.limits.is_none_or(|(min, max)| {
        let above = parse(min).is_some_and(|min| *value >= min);
        let below = parse(max).is_some_and(|max| *value <= max);
        above && below
    })
}

fn string_schema(allowed: String) -> Json {
    json!({"type": "string", "title": allowed})
}

impl Leaf for String {
    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        let text = node.as_text()?;
        let characters = text.chars().count();
        let fits = match key.limits {
            None => characters <= TEXT_CHARACTERS_MAX,
            Some(_) => in_range(&characters, key, |limit| limit.parse().ok()),
        };
        (fits && !text.contains('\0')).then(|| text.to_owned())
    }

    fn allowed(key: &Key<'_>) -> String {
        match key.limits {
            None => "a text".to_owned(),
            Some((min, max)) => format!("a text of {min} to {max} characters"),
        }
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

impl Leaf for bool {
    const BARE: Self = true;

    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::Plain(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn allowed(_key: &Key<'_>) -> String {
        "true or false".to_owned()
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"type": "boolean"})
    }
}

/// Reads decimal and `0x` hexadecimal numbers.
pub(crate) fn parse_integer(text: &str) -> Option<i64> {
    let digits = text.replace('_', "");
    match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

macro_rules! integers {
    ($($type:ty),+) => { $(
        impl Leaf for $type {
            const BARE: bool = true;

            fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
                let number = match &node.value {
                    Value::Integer(number) => *number,
                    Value::Plain(text) => parse_integer(text)?,
                    _ => return None,
                };
                let value = Self::try_from(number).ok()?;
                in_range(&number, key, parse_integer).then_some(value)
            }

            fn allowed(key: &Key<'_>) -> String {
                let (least, most) = (Self::MIN.to_string(), Self::MAX.to_string());
                let limits = key.limits.unwrap_or((&least, &most));
                format!("a whole number from {} to {}", limits.0, limits.1)
            }

            fn schema(key: &Key<'_>) -> Json {
                let limits = key.limits.and_then(|(min, max)| {
                    Some((parse_integer(min)?, parse_integer(max)?))
                });
                match limits {
                    Some((min, max)) => json!({"type": "integer", "minimum": min, "maximum": max}),
                    None => json!({"type": "integer", "minimum": Self::MIN, "maximum": Self::MAX}),
                }
            }
        }
    )+ };
}

integers!(u8, u16, u32, u64, usize, i32);

impl Leaf for Port {
    const BARE: bool = true;

    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        u16::parse(node, key).filter(|port| *port > 0).map(Self)
    }

    fn allowed(_key: &Key<'_>) -> String {
        "a port from 1 to 65535".to_owned()
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"type": "integer", "minimum": 1, "maximum": 65535})
    }
}

/// Splits "30s" into "30" and "s".
fn split_unit(text: &str) -> (&str, &str) {
    let digit = |character: char| character.is_ascii_digit() || character == '.';
    let unit = text
        .find(|character| !digit(character))
        .unwrap_or(text.len());
    (&text[..unit], text[unit..].trim_start())
}

pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == "0" => 1,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
}

impl Leaf for Duration {
    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        let duration = match &node.value {
            Value::Integer(0) => Self::ZERO,
            _ => parse_duration(node.as_text()?)?,
        };
        in_range(&duration, key, parse_duration).then_some(duration)
    }

    fn allowed(key: &Key<'_>) -> String {
        format!(
            "a duration{} (\"500ms\", \"30s\", \"5m\", \"72h\", \"7d\")",
            key.range()
        )
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

fn parse_size(text: &str) -> Option<Size> {
    let (number, unit) = split_unit(text);
    let octets: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(octets).map(Size)
}

impl Leaf for Size {
    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        let size = match &node.value {
            Value::Integer(octets) => Self(u64::try_from(*octets).ok()?),
            _ => parse_size(node.as_text()?)?,
        };
        in_range(&size, key, parse_size).then_some(size)
    }

    fn allowed(key: &Key<'_>) -> String {
        format!("a size{} (\"512KiB\", \"64MiB\", \"1GB\")", key.range())
    }

    fn schema(key: &Key<'_>) -> Json {
        json!({"type": ["string", "integer"], "title": Self::allowed(key)})
    }
}

fn parse_rate(text: &str) -> Option<Rate> {
    let (number, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    let number = number.trim();
    let (whole, thousandths) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if thousandths.len() > 3 || !digits(whole) || !digits(thousandths) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(1_000)?;
    let thousandths = format!("{thousandths:0<3}").parse::<u64>().ok()?;
    let per_1000_s = whole.checked_add(thousandths)? / seconds;
    (per_1000_s > 0).then_some(Rate { per_1000_s })
}

impl Leaf for Rate {
    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        let rate = parse_rate(node.as_text()?)?;
        in_range(&rate, key, parse_rate).then_some(rate)
    }

    fn allowed(key: &Key<'_>) -> String {
        format!("a rate{} (\"200/s\", \"90/min\")", key.range())
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

impl Leaf for SocketAddr {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        node.as_text()?.parse().ok()
    }

    fn allowed(_key: &Key<'_>) -> String {
        "an IP address and a port (\"127.0.0.1:8080\", \"[::]:8080\"; port 0: any free one)"
            .to_owned()
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

impl Leaf for std::net::IpAddr {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        node.as_text()?.parse().ok()
    }

    fn allowed(_key: &Key<'_>) -> String {
        "an IP address (\"192.0.2.1\", \"2001:db8::1\")".to_owned()
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

/// Relative paths count from the folder of the file in which they stand.
impl Leaf for PathBuf {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        let text = node
            .as_text()
            .filter(|text| !text.is_empty() && !text.contains('\0'))?;
        let folder = match &node.origin {
            Origin::File { path, .. } => path.parent().map(Self::from),
            Origin::Environment(_) | Origin::Default => None,
        };
        Some(folder.unwrap_or_default().join(text))
    }

    fn allowed(_key: &Key<'_>) -> String {
        "a path".to_owned()
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

impl Leaf for AutoOr {
    const BARE: bool = true;

    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        if node.as_text() == Some("auto") {
            return Some(Self::Auto);
        }
        u8::parse(node, key).map(Self::Number)
    }

    fn allowed(key: &Key<'_>) -> String {
        format!("\"auto\" or {}", u8::allowed(key))
    }

    fn schema(key: &Key<'_>) -> Json {
        json!({"anyOf": [{"const": "auto"}, u8::schema(key)]})
    }
}

impl Leaf for HttpUrl {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        let text = node.as_text()?;
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))?;
        let host = rest.split(['/', '?', '#']).next()?;
        let clean = text.len() <= 2_048 && text.bytes().all(|octet| octet.is_ascii_graphic());
        (clean && !host.is_empty() && !host.contains('@')).then(|| Self(text.to_owned()))
    }

    fn allowed(_key: &Key<'_>) -> String {
        "an http:// or https:// address without a user name".to_owned()
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

/// The octets of hexadecimal digits.
pub(crate) fn hex_octets(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let octet = |pair: &[u8; 2]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    rest.is_empty().then_some(())?;
    pairs.iter().map(octet).collect()
}

impl<const OCTETS: usize> Leaf for Hex<OCTETS> {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        hex_octets(node.as_text()?)?.try_into().ok().map(Self)
    }

    fn allowed(_key: &Key<'_>) -> String {
        format!("{} hexadecimal digits", 2 * OCTETS)
    }

    fn schema(key: &Key<'_>) -> Json {
        string_schema(Self::allowed(key))
    }
}

/// Declares an enum whose variants are words of the configuration.
macro_rules! words {
    (
        $(#[doc = $about:literal])+
        pub enum $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[doc = $doc])+ #[doc = concat!(" Written `", $word, "`.")] $variant, )+
        }

        impl $crate::config::setting::Leaf for $name {
            fn parse(
                node: &$crate::config::tree::Node,
                _key: &$crate::config::setting::Key<'_>,
            ) -> Option<Self> {
                match node.as_text()? {
                    $( $word => Some(Self::$variant), )+
                    _ => None,
                }
            }

            fn allowed(_key: &$crate::config::setting::Key<'_>) -> String {
                format!("one of {}", Self::words().join(", "))
            }

            fn schema(_key: &$crate::config::setting::Key<'_>) -> serde_json::Value {
                serde_json::json!({"enum": Self::words()})
            }

            fn words() -> &'static [&'static str] {
                &[$($word),+]
            }
        }
    };
}

pub(crate) use words;
