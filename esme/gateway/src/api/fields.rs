//! Reads the fields of a JSON object one by one, so that every error names its field and a field
//! that nobody knows is not passed over in silence.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::problem::Problem;

/// Deepest nesting of a request. Deeper ones are refused before they are read.
pub(super) const DEPTH_MAX: usize = 32;

/// Most fields of one object: many times those that there are.
const FIELDS_MAX: usize = 256;

/// The fields of an object that were not read yet, in no order.
pub(super) struct Fields {
    path: String,
    entries: Vec<(String, Value)>,
}

impl Fields {
    /// The fields of a value that must be an object. `path` is in front of the fields' names.
    pub(super) fn new(value: Value, path: &str) -> Result<Self, Problem> {
        match value {
            Value::Object(map) => Ok(Self {
                path: path.to_owned(),
                entries: map.into_iter().collect(),
            }),
            other => Err(Problem::field(
                path,
                format!("{} where an object must be", kind(&other)),
            )),
        }
    }

    /// The fields of a request: JSON that must be an object, nested at most [`DEPTH_MAX`] deep.
    pub(super) fn parse(octets: &[u8]) -> Result<Self, Problem> {
        let bracket = octets.iter().find(|octet| !octet.is_ascii_whitespace());
        if bracket != Some(&b'{') {
            return Self::new(parse_json(octets)?, "");
        }
        check_depth(octets)?;
        let Entries(entries) = serde_json::from_slice(octets).map_err(|error| no_json(&error))?;
        Ok(Self {
            path: String::new(),
            entries,
        })
    }

    /// A field's full name.
    pub(super) fn name(&self, field: &str) -> String {
        if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.path)
        }
    }

    /// An error of a field.
    pub(super) fn problem(&self, field: &str, detail: impl Into<String>) -> Problem {
        Problem::field(self.name(field), detail)
    }

    /// Takes a field; JSON's null is the same as none.
    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        let at = self.entries.iter().position(|(name, _)| name == field)?;
        let (_, value) = self.entries.swap_remove(at);
        Some(value).filter(|value| !value.is_null())
    }

    /// Takes a string of at most `characters_max` characters.
    pub(super) fn string(
        &mut self,
        field: &str,
        characters_max: usize,
    ) -> Result<Option<String>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => {
                let long = text.len() > characters_max && text.chars().count() > characters_max;
                if long {
                    let detail = format!("longer than {characters_max} characters");
                    return Err(self.problem(field, detail));
                }
                Ok(Some(text))
            }
            Some(other) => {
                Err(self.problem(field, format!("{} where a string must be", kind(&other))))
            }
        }
    }

    /// Takes a whole number within `min..=max`.
    pub(super) fn integer(
        &mut self,
        field: &str,
        min: u64,
        max: u64,
    ) -> Result<Option<u64>, Problem> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => {
                let detail = format!("{value} where a whole number from {min} to {max} must be");
                Err(self.problem(field, detail))
            }
        }
    }

    /// Takes true or false.
    pub(super) fn boolean(&mut self, field: &str) -> Result<Option<bool>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(self.problem(
                field,
                format!("{} where true or false must be", kind(&other)),
            )),
        }
    }

    /// Takes an object with string values.
    pub(super) fn strings(
        &mut self,
        field: &str,
        entries_max: usize,
    ) -> Result<Vec<(String, String)>, Problem> {
        let Some(value) = self.take(field) else {
            return Ok(Vec::new());
        };
        let Value::Object(map) = value else {
            return Err(self.problem(field, format!("{} where an object must be", kind(&value))));
        };
        if map.len() > entries_max {
            return Err(self.problem(field, format!("more than {entries_max} entries")));
        }
        let mut entries = Vec::with_capacity(map.len());
        for (key, value) in map {
            match value {
                Value::String(text) => entries.push((key, text)),
                Value::Number(_) | Value::Bool(_) => entries.push((key, value.to_string())),
                other => {
                    let field = format!("{field}.{key}");
                    let detail = format!("{} where a string must be", kind(&other));
                    return Err(self.problem(&field, detail));
                }
            }
        }
        Ok(entries)
    }

    /// A field that must be there is not: the cause may be another one that is misspelt.
    pub(super) fn missing(&self, field: &str, known: &[&str], detail: &str) -> Problem {
        let misspelt = |(name, _): &&(String, Value)| {
            !known.contains(&name.as_str()) && nearest(name, known) == Some(field)
        };
        match self.entries.iter().find(misspelt) {
            Some((name, _)) => self.unknown(name, known),
            None => self.problem(field, format!("missing: {detail}")),
        }
    }

    /// The end: every field must have been read.
    pub(super) fn end(self, known: &[&str]) -> Result<(), Problem> {
        let left = self.entries.iter().find(|(_, value)| !value.is_null());
        left.map_or(Ok(()), |(field, _)| Err(self.unknown(field, known)))
    }

    fn unknown(&self, field: &str, known: &[&str]) -> Problem {
        let detail = match nearest(field, known) {
            Some(name) => format!("no such field; did you mean `{name}`?"),
            None => "no such field".to_owned(),
        };
        self.problem(field, detail)
    }
}

/// An object as it stands in the text: a list of few entries is cheaper than a map. A field that is
/// given twice is refused, as nobody can tell which one is meant.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut entries: Vec<(String, Value)> = Vec::with_capacity(8);
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if entries.len() == FIELDS_MAX {
                        let reason = format_args!("more than {FIELDS_MAX} fields");
                        return Err(serde::de::Error::custom(reason));
                    }
                    if entries.iter().any(|(known, _)| *known == name) {
                        let reason = format_args!("the field `{name}` is given twice");
                        return Err(serde::de::Error::custom(reason));
                    }
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// Reads JSON that is nested at most [`DEPTH_MAX`] deep.
pub(super) fn parse_json(octets: &[u8]) -> Result<Value, Problem> {
    check_depth(octets)?;
    serde_json::from_slice(octets).map_err(|error| no_json(&error))
}

fn no_json(error: &serde_json::Error) -> Problem {
    Problem::body(match error.classify() {
        Category::Data => error.to_string(),
        Category::Syntax | Category::Eof | Category::Io => format!("no JSON: {error}"),
    })
}

fn check_depth(octets: &[u8]) -> Result<(), Problem> {
    // What has few brackets is not nested deeply.
    let few = memchr::memchr2_iter(b'[', b'{', octets).count() <= DEPTH_MAX;
    if !few && depth(octets) > DEPTH_MAX {
        return Err(Problem::body(format!("nested deeper than {DEPTH_MAX}")));
    }
    Ok(())
}

/// Deepest nesting of brackets outside strings. What is no JSON is left for the parser to say.
fn depth(octets: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for octet in octets {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The known name that a misspelt one may stand for.
fn nearest<'a>(field: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, field), *name));
    let nearest = distances.min().filter(|(distance, _)| *distance <= 2);
    nearest.map(|(_, name)| name)
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_outside_strings_only() {
        for (text, expected) in [
            ("[]", 1),
            (r#"{"a":[{}]}"#, 3),
            (r#"["[[[["]"#, 1),
            (r#"["\"[["]"#, 1),
            ("1", 0),
        ] {
            assert_eq!(depth(text.as_bytes()), expected, "{text}");
        }
        let deep = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1);
        assert!(parse_json(deep.as_bytes()).is_err());
        let allowed = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
        assert!(parse_json(allowed.as_bytes()).is_ok());
    }

    #[test]
    fn a_request_is_an_object_whose_fields_are_given_once() {
        for (text, detail) in [
            ("[]", "a list where an object must be"),
            (" 7", "a number where an object must be"),
            (
                r#"{"to":1,"to":2}"#,
                "the field `to` is given twice at line 1 column 15",
            ),
            (
                r#"{"to":"#,
                "no JSON: EOF while parsing a value at line 1 column 6",
            ),
            ("{} x", "no JSON: trailing characters at line 1 column 4"),
        ] {
            let problem = Fields::parse(text.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!(problem.detail, detail, "{text}");
        }
        let many: Vec<String> = (0..=FIELDS_MAX).map(|at| format!("\"{at}\":1")).collect();
        let text = format!("{{{}}}", many.join(","));
        assert!(Fields::parse(text.as_bytes()).is_err());
        let mut fields = Fields::parse(br#"{"to":"a","from":null,"text":"b"}"#).unwrap();
        assert_eq!(fields.take("to"), Some(Value::from("a")));
        assert_eq!(fields.take("from"), None);
        assert!(fields.end(&["text"]).is_err(), "the text was not read");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_nearest() {
        let value = serde_json::json!({"txet": "hi"});
        let problem = Fields::new(value, "")
            .unwrap()
            .end(&["text", "to"])
            .unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("txet"));
        assert_eq!(problem.detail, "no such field; did you mean `text`?");
        let fields = Fields::parse(br#"{"from":1,"too":"1"}"#).unwrap();
        let problem = fields.missing("to", &["to", "from", "text"], "an address");
        assert_eq!(problem.field.as_deref(), Some("too"));
        assert_eq!(problem.detail, "no such field; did you mean `to`?");
        let problem = fields.missing("text", &["to", "from", "text"], "a text");
        assert_eq!(problem.field.as_deref(), Some("text"));
    }
}
