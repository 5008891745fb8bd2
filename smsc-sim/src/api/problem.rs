//! Errors of the control API: `application/problem+json` that names the field. RFC 9457.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
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
    /// A field of the request cannot be taken. The detail names it, to be read alone.
    pub(crate) fn field(field: &str, detail: impl AsRef<str>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: format!("{field}: {}", detail.as_ref()),
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

    /// What was asked for can be, but not with this SMSC.
    pub(crate) fn not_here(errors: InputErrors) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            ..Self::from(errors)
        }
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

    /// The same, of a field that stands within the field `path`.
    pub(crate) fn below(mut self, path: &str) -> Self {
        if let Some(field) = self.field.take() {
            let whole = format!("{path}.{field}");
            if let Some(rest) = self.detail.strip_prefix(&field) {
                self.detail = format!("{whole}{rest}");
            }
            self.field = Some(whole);
        }
        self
    }

    /// The same, with more words if it is that the body is not what it should be.
    pub(crate) fn adding(mut self, hint: &str) -> Self {
        if self.status == StatusCode::BAD_REQUEST {
            self.detail += hint;
        }
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

    /// The path has other methods: those of the header Allow.
    pub(crate) fn method_not_allowed(method: &Method, allowed: &str) -> Self {
        let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
        let names = allowed.join(", ");
        let detail = format!("this path has no {method}; wanted: {names}");
        Self::body(StatusCode::METHOD_NOT_ALLOWED, detail).with("allow", allowed.into())
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
        let problem = Self::body(StatusCode::UNPROCESSABLE_ENTITY, errors.to_string());
        let all = errors.errors.iter().map(error_shape).collect();
        let problem = problem.with("errors", all);
        match errors.errors.first() {
            Some(first) if !first.key.is_empty() => problem.about(&first.key),
            _ => problem,
        }
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

/// What is not known is left out.
fn error_shape(error: &InputError) -> Value {
    let place = |number: u32| (number > 0).then(|| Value::from(number));
    let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    let members = [
        ("line", place(error.line)),
        ("column", place(error.column)),
        ("key", Some(error.key.as_str().into())),
        ("value", text(&error.value)),
        ("problem", Some(error.problem.as_str().into())),
        ("suggestion", error.suggestion.as_deref().and_then(text)),
    ];
    let given = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}
