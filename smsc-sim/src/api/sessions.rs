//! Sessions, and how messages are treated.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use signalbox_codec::CommandStatus;
use signalbox_session::BindType;

use super::fields::{Fields, required};
use super::parameters::Parameters;
use super::problem::Problem;
use crate::behaviour::Behaviour;
use crate::control::Control;
use crate::ids::IdStyle;
use crate::registry::{Disconnect, Outbind, SessionInfo};

/// Longest delay: a year.
const DELAY_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1_000;

/// `GET sessions`.
pub(crate) async fn list(State(control): State<Control>) -> Json<Value> {
    let sessions: Vec<Value> = control.sessions().iter().map(shape).collect();
    Json(json!({"sessions": sessions}))
}

/// `DELETE sessions/{id}?how=unbind|fin|rst`.
pub(crate) async fn disconnect(
    State(control): State<Control>,
    Path(id): Path<String>,
    Parameters(query): Parameters,
) -> Result<StatusCode, Problem> {
    let mut fields = Fields::of_query(query);
    let how = fields.text("how")?;
    fields.end_of_query()?;
    let name = how.as_deref().unwrap_or("unbind");
    let how = Disconnect::from_name(name)
        .ok_or_else(|| Problem::field("how", format!("{name:?} is not one of unbind, fin, rst")))?;
    match id.parse() {
        Ok(number) if control.disconnect(number, how) => Ok(StatusCode::ACCEPTED),
        _ => Err(Problem::not_found(format!("there is no session {id:?}"))),
    }
}

/// `POST outbind {to: "host:port", system_id, password}`: connects to an ESME that listens and asks
/// it to bind; what becomes of that shows in the sessions.
pub(crate) async fn outbind(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let mut fields = Fields::new(body)?;
    let to = fields.text("to")?;
    let system_id = fields.text("system_id")?;
    let system_id = system_id.unwrap_or_else(|| control.settings().system_id.clone());
    let password = fields.text("password")?.unwrap_or_default();
    fields.end()?;
    let to = required("to", to)?;
    let address = to.parse().map_err(|_| {
        let detail = format!("{to:?} is no IP address with a port, such as 127.0.0.1:2776");
        Problem::field("to", detail)
    })?;
    for (name, value, max) in [("system_id", &system_id, 15), ("password", &password, 8)] {
        if value.len() > max || !value.bytes().all(|octet| octet.is_ascii_graphic()) {
            let detail = format!("at most {max} printable ASCII characters are allowed");
            return Err(Problem::field(name, detail));
        }
    }
    let outbind = Outbind {
        system_id,
        password,
    };
    match control.outbind(address, outbind).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(error) => {
            let detail = format!("cannot connect to {address}: {error}");
            Err(Problem::body(StatusCode::BAD_GATEWAY, detail))
        }
    }
}

/// `GET behaviour`.
pub(crate) async fn behaviour(State(control): State<Control>) -> Json<Value> {
    Json(behaviour_shape(&control.behaviour()))
}

/// `POST behaviour {latency_ms, rate_limit, receipt_delay_ms, submit_status, id_style}`: what is
/// left out stays; `rate_limit` 0 or null is no limit.
pub(crate) async fn change_behaviour(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::new(body)?;
    let latency_ms = fields.number("latency_ms", DELAY_MS_MAX)?.flatten();
    let receipt_delay_ms = fields.number("receipt_delay_ms", DELAY_MS_MAX)?.flatten();
    let rate_limit = fields.number("rate_limit", u64::from(u32::MAX))?;
    let submit_status = fields.text("submit_status")?;
    let submit_status = submit_status.as_deref().map(status).transpose()?;
    let id_style = fields.text("id_style")?;
    let id_style: Option<IdStyle> = id_style
        .map(|name| {
            name.parse()
                .map_err(|detail: String| Problem::field("id_style", detail))
        })
        .transpose()?;
    fields.end()?;
    let changed = control.change_behaviour(|behaviour| {
        let keep = |value: &mut Duration, ms: Option<u64>| {
            *value = ms.map_or(*value, Duration::from_millis);
        };
        keep(&mut behaviour.latency, latency_ms);
        keep(&mut behaviour.receipt_delay, receipt_delay_ms);
        if let Some(per_second) = rate_limit {
            let per_second = u32::try_from(per_second.unwrap_or(0)).unwrap_or(u32::MAX);
            behaviour.rate_limit = NonZeroU32::new(per_second);
        }
        behaviour.submit_status = submit_status.unwrap_or(behaviour.submit_status);
        behaviour.id_style = id_style.unwrap_or(behaviour.id_style);
    });
    Ok(Json(behaviour_shape(&changed)))
}

fn status(name: &str) -> Result<CommandStatus, Problem> {
    let number = name
        .strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    CommandStatus::from_name(name)
        .or_else(|| number.map(CommandStatus))
        .ok_or_else(|| {
            let detail = format!("{name:?} is neither a name such as ESME_RSYSERR nor 0x…");
            Problem::field("submit_status", detail)
        })
}

fn behaviour_shape(behaviour: &Behaviour) -> Value {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "latency_ms": ms(behaviour.latency),
        "rate_limit": behaviour.rate_limit,
        "receipt_delay_ms": ms(behaviour.receipt_delay),
        "submit_status": behaviour.submit_status.to_string(),
        "id_style": behaviour.id_style.name(),
    })
}

fn shape(session: &SessionInfo) -> Value {
    let (system_id, bind_type) = match &session.bound {
        Some((system_id, bind_type)) => (Some(&**system_id), Some(bind_name(*bind_type))),
        None => (None, None),
    };
    json!({
        "id": session.id,
        "peer": session.peer.to_string(),
        "connected_unix_ms": session.connected_unix_ms,
        "system_id": system_id,
        "bind_type": bind_type,
    })
}

/// Its name in the control API.
pub(crate) const fn bind_name(bind_type: BindType) -> &'static str {
    match bind_type {
        BindType::Transmitter => "transmitter",
        BindType::Receiver => "receiver",
        BindType::Transceiver => "transceiver",
    }
}
