//! `GET /v1/messages?…`, `/v1/inbound`, `/v1/receipts/orphans`: searches in the history.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as AxumState};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use signalbox_router::{DeliveryId, Kind, MessageId, Rfc3339, State, parse_rfc3339};
use signalbox_store::Filter;

use super::Api;
use super::accounts::Account;
use super::problem::Problem;
use super::status::summary;

/// Deliveries on a page that does not say how many it wants.
const LIMIT_DEFAULT: usize = 100;
/// Most deliveries on a page.
const LIMIT_MAX: usize = 1_000;

const PARAMETERS: &[&str] = &[
    "to",
    "from",
    "state",
    "provider",
    "remote_id",
    "since",
    "until",
    "text~",
    "cursor",
    "limit",
];

type Parameters = Query<Vec<(String, String)>>;

pub(super) async fn find_messages(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Result<Json<Value>, Problem> {
    let caller = api.accounts().of_request(&headers)?;
    find(&api, filter(&caller.account, Kind::Outgoing, parameters)?).await
}

pub(super) async fn find_inbound(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Result<Json<Value>, Problem> {
    let caller = api.accounts().of_request(&headers)?;
    find(&api, filter(&caller.account, Kind::Inbound, parameters)?).await
}

async fn find(api: &Api, filter: Filter) -> Result<Json<Value>, Problem> {
    let seen = api.engine.committed();
    let page = api
        .read_history(move |history| history.find(filter, seen))
        .await?;
    Ok(Json(json!({
        "messages": page.deliveries.iter().map(summary).collect::<Vec<_>>(),
        "cursor": page.next.map(|next| format!("{}.{}", next.message, next.recipient)),
    })))
}

pub(super) async fn find_orphans(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Result<Json<Value>, Problem> {
    api.accounts().of_request(&headers)?;
    let mut limit = LIMIT_DEFAULT;
    for (name, value) in parameters {
        match name.as_str() {
            "limit" => limit = limit_of(&value)?,
            _ => {
                return Err(Problem::field(
                    name,
                    "no such parameter; only limit is known",
                ));
            }
        }
    }
    let seen = api.engine.committed();
    let orphans = api
        .read_history(move |history| history.orphans(limit, seen))
        .await?;
    let orphans: Vec<Value> = orphans
        .iter()
        .map(|orphan| {
            json!({
                "provider": orphan.receipt.provider.as_str(),
                "remote_ids": orphan.receipt.remote_ids.iter().map(|id| &**id).collect::<Vec<_>>(),
                "state": orphan.receipt.state.name(),
                "error": orphan.receipt.error.as_ref().map(|error| error.name()),
                "arrived_at": Rfc3339(orphan.receipt.at).to_string(),
                "orphan_at": Rfc3339(orphan.orphan_at).to_string(),
            })
        })
        .collect();
    Ok(Json(json!({"receipts": orphans})))
}

pub(super) async fn list_providers(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.accounts().of_request(&headers)?;
    Ok(Json(json!({"providers": api.providers.to_json()})))
}

fn filter(
    account: &Account,
    kind: Kind,
    parameters: Vec<(String, String)>,
) -> Result<Filter, Problem> {
    let mut filter = Filter {
        account: Some(account.name.to_string()),
        kind: Some(kind),
        limit: LIMIT_DEFAULT,
        ..Filter::default()
    };
    for (name, value) in parameters {
        match name.as_str() {
            "to" => match value.strip_suffix('*') {
                Some(prefix) => filter.to_prefix = Some(address(prefix)),
                None => filter.to = Some(address(&value)),
            },
            "from" => filter.from = Some(value),
            "state" => {
                filter.state = Some(State::from_name(&value).ok_or_else(|| {
                    let names = State::ALL.map(State::name).join(", ");
                    Problem::field("state", format!("`{value}` is no state: one of {names}"))
                })?);
            }
            "provider" => filter.provider = Some(value),
            "remote_id" => filter.remote_id = Some(value),
            "since" => filter.since = Some(time("since", &value)?),
            "until" => filter.until = Some(time("until", &value)?),
            "text~" => filter.text_contains = Some(value),
            "cursor" => {
                filter.cursor =
                    Some(cursor(&value).ok_or_else(|| {
                        Problem::field("cursor", "not a cursor that an answer gave")
                    })?);
            }
            "limit" => filter.limit = limit_of(&value)?,
            _ => {
                let detail = format!("no such parameter; known: {}", PARAMETERS.join(", "));
                return Err(Problem::field(name, detail));
            }
        }
    }
    Ok(filter)
}

/// Addresses are kept with their scheme; a bare number means a phone number. A `+` that was not
/// escaped has become a space on its way.
fn address(text: &str) -> String {
    let text = &text.replacen(' ', "+", usize::from(text.starts_with(' ')));
    if text.contains(':') {
        text.to_owned()
    } else {
        format!("sms:{text}")
    }
}

fn time(field: &str, text: &str) -> Result<signalbox_router::Timestamp, Problem> {
    parse_rfc3339(text).ok_or_else(|| {
        Problem::field(
            field,
            format!("`{text}` is no time such as 2026-11-22T01:02:03Z"),
        )
    })
}

fn limit_of(text: &str) -> Result<usize, Problem> {
    text.parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| {
            Problem::field(
                "limit",
                format!("`{text}` where a number from 1 to {LIMIT_MAX} must be"),
            )
        })
}

fn cursor(text: &str) -> Option<DeliveryId> {
    let (message, recipient) = text.split_once('.')?;
    Some(DeliveryId {
        message: MessageId::parse(message)?,
        recipient: recipient.parse().ok()?,
    })
}
