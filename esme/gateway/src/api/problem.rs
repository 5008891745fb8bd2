//! Errors of the API: `application/problem+json`, RFC 9457, and the one table from what went wrong
//! to an HTTP status.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::Refusal;

/// Seconds after which a refused caller should come back.
const RETRY_AFTER_S: &str = "1";

/// One error, as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable name of the kind of error.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind in words.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here, and what is allowed.
    pub detail: String,
    /// The field, for errors of the request's content: `to[1]`, `expires_in`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The line of a stream, counted from 1, blank ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

impl Problem {
    const fn new(kind: &'static str, title: &'static str, status: StatusCode) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: String::new(),
            field: None,
            line: None,
        }
    }

    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A field has a value that is not allowed; of no name, it is the body as a whole.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let field: String = field.into();
        let mut problem = Self::new(
            "urn:signalbox:problem:field",
            "a field is not valid",
            StatusCode::UNPROCESSABLE_ENTITY,
        )
        .with_detail(detail);
        problem.field = (!field.is_empty()).then_some(field);
        problem
    }

    /// The body is not what its content type says.
    pub fn body(detail: impl Into<String>) -> Self {
        Self::new(
            "urn:signalbox:problem:body",
            "the body cannot be read",
            StatusCode::BAD_REQUEST,
        )
        .with_detail(detail)
    }

    /// The body, or a line of it, is too large.
    pub fn too_large(octets_max: usize) -> Self {
        Self::new(
            "urn:signalbox:problem:too-large",
            "the body is too large",
            StatusCode::PAYLOAD_TOO_LARGE,
        )
        .with_detail(format!("at most {octets_max} octets are read"))
    }

    /// The content type is none that the operation takes.
    pub fn content_type(found: &str) -> Self {
        Self::new(
            "urn:signalbox:problem:content-type",
            "the content type is not known here",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        )
        .with_detail(format!(
            "`{found}`: send application/json or application/x-ndjson"
        ))
    }

    /// No key, or one that no account has.
    pub fn unauthorized() -> Self {
        Self::new(
            "urn:signalbox:problem:unauthorized",
            "no valid key",
            StatusCode::UNAUTHORIZED,
        )
        .with_detail("send the key of an account as `Authorization: Bearer KEY`")
    }

    /// This account has no message of that id.
    pub fn no_message(id: impl std::fmt::Display) -> Self {
        Self::not_found(format!("no message with id {id}"))
    }

    /// There is nothing of that name for this account.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            "urn:signalbox:problem:not-found",
            "not found",
            StatusCode::NOT_FOUND,
        )
        .with_detail(detail)
    }

    /// The path is known, the method is not.
    pub fn method() -> Self {
        Self::new(
            "urn:signalbox:problem:method",
            "the method is not allowed here",
            StatusCode::METHOD_NOT_ALLOWED,
        )
        .with_detail("the Allow header names the methods of this path")
    }

    /// The idempotency key was used for another request.
    pub fn key_conflict(message: impl std::fmt::Display) -> Self {
        let mut problem = Self::new(
            "urn:signalbox:problem:idempotency-conflict",
            "the idempotency key was used before",
            StatusCode::CONFLICT,
        )
        .with_detail(format!(
            "message {message} was made with this key and another content"
        ));
        problem.field = Some("idempotency_key".into());
        problem
    }

    /// It is too late for what was asked.
    pub fn too_late(detail: impl Into<String>) -> Self {
        Self::new(
            "urn:signalbox:problem:too-late",
            "too late",
            StatusCode::CONFLICT,
        )
        .with_detail(detail)
    }

    /// The account's rate is used up.
    pub fn too_many() -> Self {
        Self::new(
            "urn:signalbox:problem:rate",
            "too many messages",
            StatusCode::TOO_MANY_REQUESTS,
        )
        .with_detail("the account's rate is used up; come back a little later")
    }

    /// Something that should not happen.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(
            "urn:signalbox:problem:internal",
            "Signalbox failed",
            StatusCode::INTERNAL_SERVER_ERROR,
        )
        .with_detail(detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::InboxFull => Self::new(
                "urn:signalbox:problem:inbox-full",
                "busy",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Refusal::Stopping => Self::new(
                "urn:signalbox:problem:stopping",
                "stopping",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Refusal::DiskFull => Self::new(
                "urn:signalbox:problem:disk-full",
                "the disk is full",
                StatusCode::INSUFFICIENT_STORAGE,
            ),
            Refusal::TooMany { .. } => Self::new(
                "urn:signalbox:problem:too-many",
                "too many messages at once",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Refusal::Undecided(_) => Self::new(
                "urn:signalbox:problem:undecided",
                "not decided",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
            Refusal::StoreFailed(_) => Self::new(
                "urn:signalbox:problem:store",
                "the store failed",
                StatusCode::INSUFFICIENT_STORAGE,
            ),
        }
        .with_detail(detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_status() {
        for (refusal, status, retry) in [
            (Refusal::InboxFull, 503, true),
            (Refusal::Stopping, 503, true),
            (Refusal::DiskFull, 507, false),
            (Refusal::StoreFailed("x".into()), 507, false),
            (Refusal::TooMany { messages_max: 1 }, 413, false),
            (Refusal::Undecided("x".into()), 500, false),
        ] {
            let response = Problem::from(refusal.clone()).into_response();
            assert_eq!(response.status(), status, "{refusal:?}");
            let after = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(after, retry, "{refusal:?}");
        }
    }
}
