//! Takes the fields of a JSON object one by one, so that every error names its field.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde_json::{Map, Value};
use signalbox_codec::time::DateTime;

use super::body;
use super::problem::Problem;
use crate::clock::SmscTime;
use crate::duration::parse_duration;
use crate::input::nearest;

/// The fields of a request's body that were not taken yet.
#[derive(Debug)]
pub(crate) struct Fields {
    left: Map<String, Value>,
    /// Names that were asked for.
    known: Vec<String>,
}

impl Fields {
    const fn of_map(left: Map<String, Value>) -> Self {
        Self {
            left,
            known: Vec::new(),
        }
    }

    fn remove(&mut self, name: &str) -> Option<Value> {
        self.known.push(name.to_owned());
        self.left.remove(name)
    }

    /// The parameters of a query, all as texts.
    pub(crate) fn of_query(query: BTreeMap<String, String>) -> Self {
        let texts = query.into_iter().map(|(name, text)| (name, text.into()));
        Self::of_map(texts.collect())
    }

    /// The fields of an object that is itself the field `name`.
    pub(crate) fn of_value(name: &str, value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(fields) => Ok(Self::of_map(fields)),
            other => Err(Problem::field(name, format!("{other} is no object"))),
        }
    }

    /// Reads a body; none at all is an empty object.
    pub(crate) fn new_or_empty(body: Result<Bytes, BytesRejection>) -> Result<Self, Problem> {
        match body {
            Ok(body) if body.is_empty() => Ok(Self::of_map(Map::new())),
            body => Self::new(body),
        }
    }

    /// Reads a body.
    pub(crate) fn new(body: Result<Bytes, BytesRejection>) -> Result<Self, Problem> {
        match body::json(body)? {
            Value::Object(fields) => Ok(Self::of_map(fields)),
            _ => Err(Problem::body(
                StatusCode::BAD_REQUEST,
                "the body is JSON and no object",
            )),
        }
    }

    /// A text; `None` when it is absent or null.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Problem::field(name, format!("{other} is no string"))),
        }
    }

    /// A whole number from 0 to `max`; `None` when it is absent, `Some(None)` when it is null.
    pub(crate) fn number(&mut self, name: &str, max: u64) -> Result<Option<Option<u64>>, Problem> {
        match self.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match value.as_u64() {
                Some(number) if number <= max => Ok(Some(Some(number))),
                _ => {
                    let detail = format!("{value} is no whole number from 0 to {max}");
                    Err(Problem::field(name, detail))
                }
            },
        }
    }

    /// A port of TCP; 0, any free one, when it is absent or null.
    pub(crate) fn port(&mut self, name: &str) -> Result<u16, Problem> {
        let port = self.number(name, u64::from(u16::MAX))?.flatten();
        Ok(u16::try_from(port.unwrap_or(0)).expect("65535 is the largest"))
    }

    /// A duration such as `48h`, at most `max`; `None` when it is absent or null.
    pub(crate) fn duration(
        &mut self,
        name: &str,
        max: Duration,
    ) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match parse_duration(&text) {
            Some(duration) if duration <= max => Ok(Some(duration)),
            Some(_) => {
                let detail = format!("{text:?} is more than {} s", max.as_secs());
                Err(Problem::field(name, detail))
            }
            None => {
                let detail = format!(
                    "{text:?} is no duration, which is a whole number from 0 with ms, s, m, h or d"
                );
                Err(Problem::field(name, detail))
            }
        }
    }

    /// A time, as ms since 1970 or such as `2026-01-01T00:00:00Z`; `None` when it is absent or
    /// null.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<SmscTime>, Problem> {
        let value = self.take(name);
        value.map(|value| time_of(name, &value)).transpose()
    }

    /// A whole number from 0 to `max` in a query; `None` when it is absent.
    pub(crate) fn whole_number(&mut self, name: &str, max: u64) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| *number <= max);
        number.map(Some).ok_or_else(|| {
            let detail = format!("{text:?} is no whole number from 0 to {max}");
            Problem::field(name, detail)
        })
    }

    /// true or false; `None` when it is absent or null.
    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(Problem::field(name, format!("{other} is no boolean"))),
        }
    }

    /// A value of any kind; `None` when it is absent or null.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.remove(name).filter(|value| !value.is_null())
    }

    /// All texts whose names begin so, by the rest of their names.
    pub(crate) fn take_below(&mut self, prefix: &str) -> Vec<(String, String)> {
        let is_below = |name: &&String| name.starts_with(prefix);
        let names: Vec<String> = self.left.keys().filter(is_below).cloned().collect();
        let taken = names.into_iter().filter_map(|name| {
            let value = self.left.remove(&name)?;
            Some((name[prefix.len()..].to_owned(), value.as_str()?.to_owned()))
        });
        taken.collect()
    }

    /// A text under one of two words for the same; `None` when both are absent.
    pub(crate) fn text_of_either(
        &mut self,
        name: &str,
        alias: &str,
    ) -> Result<Option<String>, Problem> {
        match (self.text(name)?, self.text(alias)?) {
            (Some(_), Some(_)) => {
                let detail = format!("{name} says the same: one of them is enough");
                Err(Problem::field(alias, detail))
            }
            (text, alias) => Ok(text.or(alias)),
        }
    }

    /// All parameters of a query were taken.
    pub(crate) fn end_of_query(self) -> Result<(), Problem> {
        self.end_of("parameter")
    }

    /// All were taken.
    pub(crate) fn end(self) -> Result<(), Problem> {
        self.end_of("field")
    }

    fn end_of(self, what: &str) -> Result<(), Problem> {
        let Some(name) = self.left.keys().next() else {
            return Ok(());
        };
        let known = self.known.join(", ");
        let detail = format!("there is no such {what}; there are {known}");
        let words = self.known.iter().map(String::as_str);
        Err(Problem::field(name, detail).meaning(nearest(name, words)))
    }
}

/// What must be there. It is asked for after [`Fields::end`], as a name that nobody knows may be
/// the one that is missing.
pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::field(name, "missing"))
}

/// ms since 1970, or the form of RFC 3339 in UTC and whole seconds.
fn time_of(name: &str, value: &Value) -> Result<SmscTime, Problem> {
    let unix_ms = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok().or_else(|| utc_ms(text)),
        _ => None,
    };
    unix_ms.map(SmscTime::from_unix_ms).ok_or_else(|| {
        let detail = format!("{value} is neither ms since 1970 nor like 2026-01-01T00:00:00Z");
        Problem::field(name, detail)
    })
}

fn utc_ms(text: &str) -> Option<u64> {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    let octets = text.as_bytes();
    let fits = octets.len() == FORM.len()
        && octets.iter().zip(FORM).all(|(octet, form)| match form {
            b'0' => octet.is_ascii_digit(),
            _ => octet == form,
        });
    if !fits {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u8>().ok();
    let time = DateTime::new(
        text[..4].parse().ok()?,
        number(5..7)?,
        number(8..10)?,
        number(11..13)?,
        number(14..16)?,
        number(17..19)?,
    )?;
    u64::try_from(time.to_unix_seconds())
        .ok()?
        .checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc() {
        let table = [
            ("1970-01-01T00:00:01Z", Some(1_000)),
            ("2026-11-22T03:54:00Z", Some(1_795_319_640_000)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-11-22T03:54:00", None),
            ("2026-11-22 03:54:00Z", None),
            ("1969-12-31T23:59:59Z", None),
        ];
        for (text, unix_ms) in table {
            assert_eq!(utc_ms(text), unix_ms, "{text}");
        }
    }
}
