//! What happens, as JSON: by long poll and by WebSocket.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use signalbox_codec::receipt::ReceiptState;

use super::fields::Fields;
use super::parameters::Parameters;
use super::problem::Problem;
use super::sessions::bind_name;
use crate::clock::SmscTime;
use crate::control::Control;
use crate::events::{DeliveryEvent, EVENTS_MAX, Item, What};
use crate::ids::{IdStyle, MessageId};
use crate::message::Message;
use crate::record::Batch;

/// Events of an answer, unless `limit` says otherwise.
const LIMIT_DEFAULT: usize = 1_000;
/// Longest poll.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// What a timeline says of an event; the rest stands in the message.
const TIMELINE_FIELDS: [&str; 6] = ["unix_ms", "event", "command_status", "state", "error", "to"];
/// What happens within this time goes into one frame of a WebSocket, as far as it fits: above
/// 20,000 events per second a reader falls behind, and is told what it missed.
const FRAME_INTERVAL: Duration = Duration::from_millis(50);
/// Events in a frame at most.
const FRAME_EVENTS_MAX: usize = 1_000;

/// `GET events?after=cursor&wait=30s&limit=`: the events from that cursor on (default: all that are
/// kept), which is the number of the first event that is wanted and at most that of the next one,
/// the next cursor, and how many were forgotten. With an upgrade to WebSocket the same
/// object comes again and again; without `after` it begins with what is yet to happen.
pub(crate) async fn follow(
    State(control): State<Control>,
    Parameters(query): Parameters,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let mut fields = Fields::of_query(query);
    let after = fields.whole_number("after", u64::MAX)?;
    let limit = fields.whole_number("limit", EVENTS_MAX as u64)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let wait = fields.duration("wait", WAIT_MAX)?.unwrap_or_default();
    fields.end_of_query()?;
    let next = control.events_next();
    if let Some(after) = after.filter(|after| *after > next) {
        let detail = format!("{after} is beyond the end: the next event has the number {next}");
        return Err(Problem::field("after", detail));
    }
    // Whoever does not want to upgrade polls.
    if let Ok(upgrade) = upgrade {
        let cursor = after.unwrap_or_else(|| control.events_next());
        return Ok(upgrade.on_upgrade(move |socket| push(socket, control, cursor)));
    }
    let cursor = after.unwrap_or(0);
    let waiting = async {
        loop {
            let news = control.news();
            if control.events_next() > cursor {
                return;
            }
            news.await;
        }
    };
    // When nothing happens in time, the answer has no events.
    drop(tokio::time::timeout(wait, waiting).await);
    let (page, _) = page(&control, cursor, limit);
    Ok(Json(page).into_response())
}

/// What is known to have happened to a message, oldest first.
pub(crate) fn timeline(control: &Control, message: &Message) -> Vec<Value> {
    let ids: Vec<_> = MessageId::candidates(message.id.as_bytes()).collect();
    let is_about = |id| ids.contains(&id);
    let (items, _) = control.events(0, usize::MAX);
    let mut timeline: Vec<Value> = items
        .iter()
        .flat_map(|item| (0..item.len()).map(move |at| (item, at)))
        .filter(|(item, at)| about(item, *at).is_some_and(is_about))
        .map(|(item, at)| shape(item, at))
        .collect();
    for event in &mut timeline {
        let is_arrival = event["event"] == "message";
        let fields = event.as_object_mut().expect("an event is an object");
        if is_arrival {
            fields.remove("to");
        }
        fields.retain(|name, _| TIMELINE_FIELDS.contains(&name.as_str()));
    }
    if let Some(ends_unix_ms) = message.ends_unix_ms
        && message.state != Some(ReceiptState::Enroute)
    {
        let state = message.state_name();
        timeline.push(json!({"unix_ms": ends_unix_ms, "event": "ended", "state": state}));
    }
    timeline.sort_by_key(|event| event["unix_ms"].as_u64());
    timeline
}

/// The receipts about one recipient, of a timeline: when each was sent, with which state, and how
/// it was answered. The answers come in the order of the receipts unless the client mixes them up.
/// `turn`: which of how many recipients with this address it is; they have them in turn, as that
/// is how they are sent.
pub(crate) fn receipts(timeline: &[Value], to: &Value, turn: (usize, usize)) -> Vec<Value> {
    let about = |event: &&Value| event["to"] == *to;
    let sent = |event: &&Value| event["event"] == "delivery_sent";
    let ends = |event: &&Value| event["event"] != "delivery_sent";
    let mut ends = timeline.iter().filter(about).filter(ends);
    let receipt = |sent: &Value| {
        let mut receipt = json!({"unix_ms": sent["unix_ms"], "state": sent["state"]});
        let end = ends.next().unwrap_or(&Value::Null);
        receipt["command_status"] = end["command_status"].clone();
        receipt["error"] = end["error"].clone();
        receipt
    };
    let sent = timeline.iter().filter(about).filter(sent);
    let receipts: Vec<Value> = sent.map(receipt).collect();
    let (own, all) = turn;
    receipts.into_iter().skip(own).step_by(all).collect()
}

/// Sends events until the reader leaves. What it does not take is forgotten in time, and it is told
/// how many that were.
async fn push(mut socket: WebSocket, control: Control, mut cursor: u64) {
    loop {
        let news = control.news();
        if control.events_next() > cursor {
            let (page, next) = page(&control, cursor, FRAME_EVENTS_MAX);
            cursor = next;
            if socket
                .send(Frame::Text(page.to_string().into()))
                .await
                .is_err()
            {
                return;
            }
            tokio::time::sleep(FRAME_INTERVAL).await;
            continue;
        }
        tokio::select! {
            () = news => {}
            // Nothing is expected; pings are answered by the reading itself.
            frame = socket.recv() => match frame {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Events from a cursor on, and the cursor after them.
fn page(control: &Control, cursor: u64, limit: usize) -> (Value, u64) {
    let (items, missed) = control.events(cursor, limit);
    let start = cursor + missed;
    let mut events = Vec::new();
    let mut next = start;
    for item in &items {
        for at in 0..item.len() {
            let number = item.first + at as u64;
            if number >= start && events.len() < limit {
                let mut event = shape(item, at);
                event["number"] = number.into();
                events.push(event);
                next = number + 1;
            }
        }
    }
    let page = json!({"events": events, "cursor": next, "missed": missed});
    (page, next)
}

/// The message that an event is about.
fn about(item: &Item, at: usize) -> Option<(MessageId, IdStyle)> {
    match &item.what {
        What::Messages(batch) => batch.entry(at).map(|entry| entry.id),
        What::Deliveries(events) => events[at].about,
        What::MessageChanged { id, .. } => Some(*id),
        _ => None,
    }
}

fn time(item: &Item, at: usize) -> SmscTime {
    match &item.what {
        What::Messages(batch) => batch.entry(at).map_or(item.at, |entry| entry.received),
        What::Deliveries(events) => events[at].at,
        _ => item.at,
    }
}

fn shape(item: &Item, at: usize) -> Value {
    let mut event = match &item.what {
        What::Connected { peer } => json!({"event": "connected", "peer": peer.to_string()}),
        What::Bound {
            system_id,
            bind_type,
        } => {
            let bind_type = bind_name(*bind_type);
            json!({"event": "bound", "system_id": **system_id, "bind_type": bind_type})
        }
        What::BindRefused {
            system_id,
            command_status,
        } => json!({
            "event": "bind_refused",
            "system_id": **system_id,
            "command_status": command_status.to_string(),
        }),
        What::Closed { reason } => json!({"event": "closed", "reason": reason.to_string()}),
        What::Messages(batch) => message_shape(batch, at),
        What::Deliveries(events) => delivery_shape(&events[at]),
        What::MessageChanged { id, state } => json!({
            "event": "message_changed",
            "id": id.0.text(id.1).as_str(),
            "state": state.stat(),
        }),
        What::MessagesCleared => json!({"event": "messages_cleared"}),
        What::ClockSet { mode } => json!({"event": "clock_set", "mode": mode.name()}),
        What::BehaviourChanged => json!({"event": "behaviour_changed"}),
    };
    event["unix_ms"] = time(item, at).unix_ms().into();
    event["session"] = item.session.into();
    event
}

fn message_shape(batch: &Batch, at: usize) -> Value {
    let message = batch.get(at).and_then(|(entry, pdu)| {
        let received = entry.received;
        Message::new(batch, entry, pdu, received)
    });
    let Some(message) = message else {
        return json!({"event": "message"});
    };
    json!({
        "event": "message",
        "id": message.id,
        "system_id": message.system_id,
        "command": message.command_id.to_string(),
        "command_status": message.command_status.to_string(),
        "from": message.from,
        "to": message.to,
        "text": message.text(),
    })
}

fn delivery_shape(delivery: &DeliveryEvent) -> Value {
    let id = delivery.about.map(|(id, style)| id.text(style).to_string());
    let mut shape = match delivery.result {
        None => json!({"event": "delivery_sent", "id": id}),
        Some(Ok(status)) => json!({
            "event": "delivery_answered",
            "id": id,
            "command_status": status.to_string(),
        }),
        Some(Err(error)) => json!({
            "event": "delivery_failed",
            "id": id,
            "error": error.to_string(),
        }),
    };
    if let Some(receipt) = &delivery.receipt {
        shape["to"] = receipt.to().into();
        shape["state"] = receipt.state.stat().into();
    }
    shape
}
