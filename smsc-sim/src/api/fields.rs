//! Takes the fields of a JSON object one by one, so that every error names its field.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::duration::parse_duration;

/// The fields of a request's body that were not taken yet.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body.
    pub(crate) fn new(body: Result<Bytes, BytesRejection>) -> Result<Self, Problem> {
        let body =
            body.map_err(|rejection| Problem::body(rejection.status(), rejection.body_text()))?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Problem::body(
                StatusCode::BAD_REQUEST,
                "the body is JSON and no object",
            )),
            Err(error) => Err(Problem::body(
                StatusCode::BAD_REQUEST,
                format!("the body is no JSON: {error}"),
            )),
        }
    }

    /// A text; `None` when it is absent or null.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Problem::field(name, format!("{other} is no string"))),
        }
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> Result<String, Problem> {
        self.text(name)?
            .ok_or_else(|| Problem::field(name, "is missing"))
    }

    /// A whole number from 0 to `max`; `None` when it is absent, `Some(None)` when it is null.
    pub(crate) fn number(&mut self, name: &str, max: u64) -> Result<Option<Option<u64>>, Problem> {
        match self.0.remove(name) {
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
                let detail = format!("{text:?} is no whole number with ms, s, m, h or d");
                Err(Problem::field(name, detail))
            }
        }
    }

    /// A value of any kind; `None` when it is absent or null.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// All were taken.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::field(name, "there is no such field")),
        }
    }
}
