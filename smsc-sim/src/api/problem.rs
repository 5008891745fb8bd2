//! Errors of the control API: `application/problem+json` that names the field. RFC 9457.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::delivery::DeliveryError;
use crate::input::{InputError, InputErrors};

/// What is wrong, and with which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    field: Option<String>,
    more: Vec<(&'static str, Value)>,
}

impl Problem {
    /// A field of the request cannot be taken.
    pub(crate) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: detail.into(),
            field: Some(field.to_owned()),
            more: Vec::new(),
        }
    }

    /// The body is not what it should be.
    pub(crate) fn body(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            field: None,
            more: Vec::new(),
        }
    }

    /// There is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::body(StatusCode::NOT_FOUND, detail)
    }

    /// The query has a parameter that there is not.
    pub(crate) fn no_parameter(name: &str) -> Self {
        Self::field(name, "there is no such parameter")
    }

    /// The same, and it is about that field.
    pub(crate) fn about(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// The same, with one more member.
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.more.push((name, value));
        self
    }

    /// The same, and this was probably meant.
    pub(crate) fn meaning(mut self, suggestion: Option<&str>) -> Self {
        if let Some(word) = suggestion {
            self.detail += &format!(" (did you mean \"{word}\"?)");
            self.more.push(("suggestion", word.into()));
        }
        self
    }

    /// The path has other methods.
    pub(crate) fn method_not_allowed() -> Self {
        let detail = "this path has other methods";
        Self::body(StatusCode::METHOD_NOT_ALLOWED, detail)
    }
}

impl From<DeliveryError> for Problem {
    fn from(error: DeliveryError) -> Self {
        let status = match error {
            DeliveryError::NotEncodable { field } => {
                return Self::field(field, "too long, or with characters that it may not have");
            }
            DeliveryError::NoReceiver => StatusCode::CONFLICT,
            DeliveryError::QueueFull => StatusCode::SERVICE_UNAVAILABLE,
            DeliveryError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            DeliveryError::SessionClosed => StatusCode::BAD_GATEWAY,
        };
        Self::body(status, error.to_string())
    }
}

impl From<InputErrors> for Problem {
    fn from(errors: InputErrors) -> Self {
        let first = errors.errors.first().map(|error| error.key.clone());
        let problem = Self::body(StatusCode::UNPROCESSABLE_ENTITY, errors.to_string());
        let all = errors.errors.iter().map(error_shape).collect();
        problem
            .about(&first.unwrap_or_default())
            .with("errors", all)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        for (name, value) in self.more {
            body[name] = value;
        }
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, body.to_string()).into_response()
    }
}

fn error_shape(error: &InputError) -> Value {
    let place = |number: u32| (number > 0).then_some(number);
    json!({
        "line": place(error.line),
        "column": place(error.column),
        "key": error.key,
        "value": error.value,
        "problem": error.problem,
        "suggestion": error.suggestion,
    })
}
