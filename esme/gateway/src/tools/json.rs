//! JSON written in the order of the specification, which a sorted map would lose, and the answer
//! that all tools give to a bad line.

use std::fmt;
use std::io::Write as _;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::hex;

/// An object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Begins an object.
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
        }
    }

    /// Begins an entry; its value is to be appended to what is returned. Names are the program's
    /// own and need no escapes.
    pub(super) fn entry(&mut self, name: &str, suffix: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// An entry that is a number.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        number(value, self.entry(name, ""));
    }

    /// An entry that is true or false.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.entry(name, "").extend_from_slice(word);
    }

    /// An entry that is text, or null.
    pub(super) fn text(&mut self, name: &str, value: Option<&str>) {
        let out = self.entry(name, "");
        match value {
            Some(value) => text(value, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// An entry `NAME_hex` of hexadecimal digits.
    pub(super) fn octets(&mut self, name: &str, value: &[u8]) {
        octets(value, self.entry(name, "_hex"));
    }

    /// Ends the object.
    pub(super) fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends a number.
pub(super) fn number(value: u64, out: &mut Vec<u8>) {
    // Twenty digits hold any u64.
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a string with its quotes and escapes.
pub(super) fn text(value: &str, out: &mut Vec<u8>) {
    let plain = |octet: u8| octet >= 0x20 && octet != b'"' && octet != b'\\';
    if value.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, value).expect("writing a string into memory cannot fail");
    }
}

/// Appends octets as a string of hexadecimal digits.
pub(super) fn octets(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    hex::write(value, out);
    out.push(b'"');
}

/// Appends a list.
pub(super) fn list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Why a line could not be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// A word for machines.
    pub(super) kind: &'static str,
    /// The field that is wrong, if one is.
    pub(super) field: Option<String>,
    /// Where: in octets of the PDU, or in characters of the line.
    pub(super) offset: Option<usize>,
    /// A sentence for people.
    pub(super) detail: String,
}

impl Problem {
    /// A problem of a field.
    pub(super) fn of_field(field: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "field",
            field: Some(field.to_owned()),
            offset: None,
            detail: detail.into(),
        }
    }

    /// A problem of a whole line.
    pub(super) fn of_line(kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            field: None,
            offset: None,
            detail: detail.into(),
        }
    }

    /// Appends the answer: an object with the one entry `error`, or a line for people.
    pub(super) fn write(&self, as_json: bool, out: &mut Vec<u8>) {
        if !as_json {
            // Writing into memory cannot fail.
            let _ = writeln!(out, "error: {}", self.detail.escape_debug());
            return;
        }
        let mut line = Object::new(out);
        let mut error = Object::new(line.entry("error", ""));
        error.text("kind", Some(self.kind));
        error.text("field", self.field.as_deref());
        match self.offset {
            Some(offset) => error.number("offset", offset as u64),
            None => error.entry("offset", "").extend_from_slice(b"null"),
        }
        error.text("detail", Some(&self.detail));
        error.end();
        line.end();
        out.push(b'\n');
    }
}

/// Reads a line that must be an object.
pub(super) fn read_object(line: &[u8]) -> Result<serde_json::Map<String, Json>, Problem> {
    match serde_json::from_slice(line).map(|Unique(value)| value) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::of_line("json", "the line must be a JSON object")),
        Err(error) => {
            let detail = match error.classify() {
                serde_json::error::Category::Data => error.to_string(),
                _ => format!("the line is no JSON: {error}"),
            };
            Err(Problem {
                offset: Some(error.column()),
                ..Problem::of_line("json", detail)
            })
        }
    }
}

/// Refuses entries that are not among `known`.
pub(super) fn refuse_unknown(
    object: &serde_json::Map<String, Json>,
    known: &[&str],
) -> Result<(), Problem> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("unknown; known are {}", known.join(", "));
            Err(Problem::of_field(name, detail))
        }
    }
}

/// A whole number of at most `max`; `None` when it is absent or null.
pub(super) fn take_number(
    object: &serde_json::Map<String, Json>,
    name: &str,
    max: u64,
) -> Result<Option<u64>, Problem> {
    take_number_of(object, name, 0..=max)
}

/// A whole number of that range; `None` when it is absent or null.
pub(super) fn take_number_of(
    object: &serde_json::Map<String, Json>,
    name: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, Problem> {
    match object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Problem::of_field(
                name,
                format!("must be a number from {} to {}", range.start(), range.end()),
            )),
        },
    }
}

/// Text; `None` when it is absent or null.
pub(super) fn take_text<'o>(
    object: &'o serde_json::Map<String, Json>,
    name: &str,
) -> Result<Option<&'o str>, Problem> {
    match object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::of_field(name, "must be a text")),
    }
}

/// Octets given as hexadecimal digits; `None` when they are absent or null.
pub(super) fn take_octets(
    object: &serde_json::Map<String, Json>,
    name: &str,
) -> Result<Option<Vec<u8>>, Problem> {
    let Some(text) = take_text(object, name)? else {
        return Ok(None);
    };
    let mut octets = Vec::new();
    match hex::read(text.as_bytes(), &mut octets) {
        Ok(()) => Ok(Some(octets)),
        Err(at) => {
            let detail = format!("must be pairs of hexadecimal digits; wrong at character {at}");
            Err(Problem::of_field(name, detail))
        }
    }
}

/// A boolean; `false` when it is absent or null.
pub(super) fn take_flag(
    object: &serde_json::Map<String, Json>,
    name: &str,
) -> Result<bool, Problem> {
    match object.get(name) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Problem::of_field(name, "must be true or false")),
    }
}

/// JSON in which no object has a key twice, as nobody can tell which one is meant.
struct Unique(Json);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Json, S::Error> {
        let mut items = Vec::new();
        while let Some(Unique(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Json, M::Error> {
        let mut object = serde_json::Map::new();
        while let Some((name, Unique(value))) = map.next_entry::<String, Unique>()? {
            if object.contains_key(&name) {
                let reason = format_args!("the field {name:?} is given twice");
                return Err(serde::de::Error::custom(reason));
            }
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }
}
