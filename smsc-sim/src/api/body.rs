//! Reads the body of a request: JSON in which no name is there twice, as it would mean two things.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::problem::Problem;

/// Octets of a request's body at most.
pub(super) const BODY_OCTETS_MAX: usize = 1024 * 1024;

/// The octets of a body.
pub(super) fn octets(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        let status = rejection.status();
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                format!("the body has more than {BODY_OCTETS_MAX} octets")
            }
            _ => rejection.body_text(),
        };
        Problem::body(status, detail)
    })
}

/// The JSON of a body.
pub(super) fn json(body: Result<Bytes, BytesRejection>) -> Result<Value, Problem> {
    let Unique(value) = serde_json::from_slice(&octets(body)?).map_err(|error| {
        let detail = format!("the body is no JSON: {error}");
        Problem::body(StatusCode::BAD_REQUEST, detail)
    })?;
    Ok(value)
}

/// A value whose objects have each name once.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = entries.next_entry::<String, _>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name:?} is there twice")));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_it_is_unless_a_name_is_there_twice() {
        let table = [
            r#"null"#,
            r#"{"a":[true,-1,18446744073709551615,1.5,"\u00e9"],"b":{"a":{}}}"#,
        ];
        for text in table {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(json(Ok(Bytes::from(text))), Ok(expected), "{text}");
        }
        for text in [r#"{"to":"1","to":"2"}"#, r#"[{"a":{"to":1,"to":1}}]"#] {
            let problem = json(Ok(Bytes::from(text))).unwrap_err();
            assert!(
                format!("{problem:?}").contains("\\\"to\\\" is there twice"),
                "{problem:?}"
            );
        }
        let deep = "[".repeat(1_000);
        assert!(json(Ok(Bytes::from(deep))).is_err());
    }
}
