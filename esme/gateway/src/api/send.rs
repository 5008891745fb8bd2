//! `POST /v1/messages`: one object, an array, or NDJSON; and `DELETE /v1/messages/{id}`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State as AxumState};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use signalbox_router::{CancelResult, Message, MessageId, State, SubmitResult};

use super::accounts::{Account, Caller};
use super::fields::parse_json;
use super::ndjson;
use super::problem::Problem;
use super::request::{Defaults, message};
use super::{Api, BODY_OCTETS_MAX};

/// Most messages of one array. Streams (NDJSON) have no such limit.
const ARRAY_MESSAGES_MAX: usize = 10_000;

/// What is said of one message of several.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Line {
    Accepted(Accepted),
    Problem(Problem),
}

/// The answer to a message that is on the disk.
#[derive(Serialize)]
pub(super) struct Accepted {
    id: String,
    state: &'static str,
    recipients: Vec<Recipient>,
}

#[derive(Serialize)]
struct Recipient {
    to: String,
    state: &'static str,
}

/// A message that was read, or why it was not.
pub(super) type Parsed = Result<Message, Problem>;

pub(super) async fn post_messages(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = api.accounts().of_request(&headers)?;
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or("application/json", |value| value.to_str().unwrap_or("?"));
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    match content_type {
        // What curl says of any body unless told otherwise; a form is refused as no JSON.
        "application/json" | "application/x-www-form-urlencoded" => {
            let octets = axum::body::to_bytes(body, BODY_OCTETS_MAX)
                .await
                .map_err(|_| Problem::too_large(BODY_OCTETS_MAX))?;
            post_json(&api, &caller, &headers, &octets).await
        }
        "application/x-ndjson" | "application/ndjson" => {
            refuse_header_key(&headers)?;
            Ok(ndjson::respond(Arc::clone(&api), caller, &headers, body).await)
        }
        other => Err(Problem::content_type(other)),
    }
}

async fn post_json(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    octets: &Bytes,
) -> Result<Response, Problem> {
    let mut defaults = defaults(api, &caller.account);
    let first = octets.iter().find(|octet| !octet.is_ascii_whitespace());
    if first == Some(&b'[') {
        refuse_header_key(headers)?;
        return post_array(api, caller, octets, &defaults).await;
    }
    if let Some(key) = headers.get("idempotency-key") {
        defaults.idempotency_key = key
            .to_str()
            .map_err(|_| Problem::field("Idempotency-Key", "not ASCII"))?
            .to_owned();
    }
    let message = message(octets, &defaults)?;
    let to = message.to.clone();
    caller.take(defaults.now, 1)?;
    let submitted = api.engine.submit(vec![message]).await?;
    let result = submitted.results.into_iter().next();
    let answer = answer_of(result, to)?;
    Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
}

/// The header names one message: for several it would protect none of them.
fn refuse_header_key(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.contains_key("idempotency-key") {
        true => Err(Problem::field(
            "Idempotency-Key",
            "for a request of one message; give each of several an idempotency_key",
        )),
        false => Ok(()),
    }
}

async fn post_array(
    api: &Api,
    caller: &Caller,
    octets: &Bytes,
    defaults: &Defaults,
) -> Result<Response, Problem> {
    parse_json(octets)?;
    // Each element keeps its own octets, so that an idempotency key means the same in an array.
    let elements: Vec<&RawValue> = serde_json::from_slice(octets)
        .map_err(|error| Problem::body(format!("no list: {error}")))?;
    if elements.len() > ARRAY_MESSAGES_MAX {
        let detail = format!("more than {ARRAY_MESSAGES_MAX} messages; send NDJSON");
        return Err(Problem::body(detail));
    }
    let parsed = elements
        .into_iter()
        .map(|element| message(element.get().as_bytes(), defaults))
        .collect();
    let answers = submit_parsed(api, caller, parsed, false).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(answers)).into_response())
}

/// Submits what could be read and puts answers and problems back into order.
pub(super) async fn submit_parsed(
    api: &Api,
    caller: &Caller,
    parsed: Vec<Parsed>,
    waiting: bool,
) -> Result<Vec<Line>, Problem> {
    let mut messages = Vec::with_capacity(parsed.len());
    let mut places = Vec::with_capacity(parsed.len());
    for parsed in parsed {
        places.push(parsed.map(|message| {
            let to = message.to.clone();
            messages.push(message);
            to
        }));
    }
    caller.take(api.clock.now(), messages.len())?;
    let results = match (messages.is_empty(), waiting) {
        (true, _) => Vec::new(),
        (false, true) => api.engine.submit_waiting(messages).await?.results,
        (false, false) => api.engine.submit(messages).await?.results,
    };
    let mut results = results.into_iter();
    let mut answers = Vec::with_capacity(places.len());
    for place in places {
        let answer = place.and_then(|to| answer_of(results.next(), to));
        answers.push(answer.map_or_else(Line::Problem, Line::Accepted));
    }
    Ok(answers)
}

/// The answer to one message. A repeated request gets the answer of the first: it cannot tell that
/// it is one.
fn answer_of(result: Option<SubmitResult>, to: Vec<String>) -> Result<Accepted, Problem> {
    match result {
        Some(SubmitResult::Accepted { message, .. } | SubmitResult::Repeated { message }) => {
            let state = State::Accepted.name();
            let recipients = to.into_iter().map(|to| Recipient { to, state }).collect();
            Ok(Accepted {
                id: message.to_string(),
                state,
                recipients,
            })
        }
        Some(SubmitResult::KeyConflict { message }) => Err(Problem::key_conflict(message)),
        Some(SubmitResult::NoRoute { to }) => {
            Err(Problem::field("to", format!("no route leads to {to}")))
        }
        None => Err(Problem::internal("the engine gave no result")),
    }
}

pub(super) fn defaults(api: &Api, account: &Account) -> Defaults {
    Defaults {
        account: Arc::clone(&account.name),
        callback_url: account.callback_url.clone(),
        callback_states: account.callback_states,
        validity_ms: api.validity_ms,
        now: api.clock.now(),
        idempotency_key: String::new(),
    }
}

pub(super) async fn delete_message(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let caller = api.accounts().of_request(&headers)?;
    let message = MessageId::parse(&id).ok_or_else(|| Problem::no_message(&id))?;
    match api
        .engine
        .cancel(message, Arc::clone(&caller.account.name))
        .await?
    {
        CancelResult::Cancelled { cancelled, left } => Ok(axum::Json(json!({
            "id": message.to_string(),
            "cancelled": cancelled,
            "left": left,
        }))
        .into_response()),
        CancelResult::TooLate => Err(Problem::too_late(format!(
            "message {message} has left or ended"
        ))),
        CancelResult::NotFound => {
            // Not in the engine's memory: long done, or never there. The history knows.
            match super::status::view(&api, message, &caller.account).await? {
                Some(_) => Err(Problem::too_late(format!("message {message} has ended"))),
                None => Err(Problem::no_message(message)),
            }
        }
    }
}

/// Content type of a stream of JSON lines.
pub(super) const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
