//! `GET /v1/messages/{id}`: a message with its recipients, parts and timeline.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as AxumState};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};
use signalbox_router::{Content, Kind, MessageId, Priority, Rfc3339, State};
use signalbox_store::{DeliveryView, HistoryError, MessageView, PartView, TimelineEntry};

use super::Api;
use super::accounts::Account;
use super::problem::Problem;
use crate::engine::Refusal;

/// States from the one that tells most about a whole message to the one that tells least: a
/// message of several recipients is in the first of these in which a recipient is.
const MOST_TELLING: [State; 8] = [
    State::Accepted,
    State::Sent,
    State::Unknown,
    State::Failed,
    State::Expired,
    State::Rejected,
    State::Cancelled,
    State::Delivered,
];

pub(super) async fn get_message(
    AxumState(api): AxumState<Arc<Api>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let caller = api.accounts().of_request(&headers)?;
    let not_found = || Problem::no_message(&id);
    let message = MessageId::parse(&id).ok_or_else(not_found)?;
    let view = view(&api, message, &caller.account)
        .await?
        .ok_or_else(not_found)?;
    Ok(Json(to_json(&view)))
}

/// A message of this account.
pub(super) async fn view(
    api: &Api,
    message: MessageId,
    account: &Account,
) -> Result<Option<MessageView>, Problem> {
    let seen = api.engine.committed();
    let view = api
        .read_history(move |history| history.message(message, seen))
        .await?;
    Ok(view.filter(|view| view.message.account == account.name))
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error.disk_full {
            true => Self::from(Refusal::DiskFull).with_detail(error.to_string()),
            false => Self::internal(format!("the history cannot be read: {error}")),
        }
    }
}

fn to_json(view: &MessageView) -> Value {
    let message = &view.message;
    let state = MOST_TELLING
        .into_iter()
        .find(|state| {
            view.deliveries
                .iter()
                .any(|delivery| delivery.state == *state)
        })
        .unwrap_or_default();
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| {
        map.insert(name.to_owned(), value);
    };
    put("id", json!(message.id.to_string()));
    put("state", json!(state.name()));
    put("from", json!(message.from));
    if message.kind == Kind::Inbound {
        put(
            "to",
            json!(view.deliveries.first().map_or("", |delivery| &delivery.to)),
        );
    }
    match &message.content {
        Content::Text(text) => put("text", json!(text)),
        Content::Binary(octets) => put("binary_hex", json!(hex(octets))),
        Content::Event(_) => {}
    }
    if !message.subject.is_empty() {
        put("subject", json!(message.subject));
    }
    put("priority", json!(priority_name(message.priority)));
    put(
        "accepted_at",
        json!(Rfc3339(message.accepted_at).to_string()),
    );
    if message.not_before.0 != 0 {
        put("not_before", json!(Rfc3339(message.not_before).to_string()));
    }
    put("expires_at", json!(Rfc3339(message.expires_at).to_string()));
    if !message.metadata.is_empty() {
        let metadata: Map<String, Value> = message
            .metadata
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        put("metadata", Value::Object(metadata));
    }
    if let Some(sms) = super::sms_options::to_json(&message.options) {
        put("sms", sms);
    }
    put(
        "recipients",
        view.deliveries.iter().map(recipient).collect(),
    );
    put(
        "timeline",
        view.timeline.iter().map(timeline_entry).collect(),
    );
    Value::Object(map)
}

/// A delivery as an entry of `recipients`.
fn recipient(delivery: &DeliveryView) -> Value {
    let parts = delivery
        .parts
        .iter()
        .enumerate()
        .map(|(at, part)| part_json(at + 1, part));
    let mut value = json!({
        "to": delivery.to,
        "state": delivery.state.name(),
        "provider": delivery.provider,
        "duplicate_possible": delivery.duplicate_possible,
        "parts": parts.collect::<Vec<_>>(),
    });
    put_error(&mut value, delivery.error.as_ref());
    value
}

fn part_json(number: usize, part: &PartView) -> Value {
    let mut value = json!({
        "part": number,
        "state": part.state.name(),
        "remote_id": part.remote_id,
    });
    put_error(&mut value, part.error.as_ref());
    value
}

/// A delivery as an entry of a list: what identifies it and how it stands.
pub(super) fn summary(delivery: &DeliveryView) -> Value {
    let parts = delivery.parts.iter();
    let remote_ids = parts.filter_map(|part| part.remote_id.as_ref());
    let mut value = json!({
        "id": delivery.id.message.to_string(),
        "recipient": delivery.id.recipient,
        "from": delivery.from,
        "to": delivery.to,
        "text": delivery.text,
        "state": delivery.state.name(),
        "provider": delivery.provider,
        "remote_ids": remote_ids.collect::<Vec<_>>(),
        "duplicate_possible": delivery.duplicate_possible,
        "accepted_at": Rfc3339(delivery.accepted_at).to_string(),
        "changed_at": Rfc3339(delivery.changed_at).to_string(),
    });
    put_error(&mut value, delivery.error.as_ref());
    value
}

fn put_error(value: &mut Value, error: Option<&(u32, String)>) {
    if let Some((code, name)) = error {
        value["error"] = json!(name);
        value["error_code"] = json!(code);
    }
}

fn timeline_entry(entry: &TimelineEntry) -> Value {
    let mut value = json!({"at": Rfc3339(entry.at).to_string(), "event": entry.event});
    if entry.recipient > 0 {
        value["recipient"] = json!(entry.recipient);
    }
    if entry.part > 0 {
        value["part"] = json!(entry.part);
    }
    if entry.code > 0 {
        value["code"] = json!(entry.code);
    }
    for (name, text) in [("provider", &entry.provider), ("detail", &entry.detail)] {
        if !text.is_empty() {
            value[name] = json!(text);
        }
    }
    value
}

const fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Lowest => "lowest",
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Highest => "highest",
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
