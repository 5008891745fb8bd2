//! Messages that came in, and those that are sent on request.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::{CommandId, CommandStatus};
use tokio::time::{Instant, timeout_at};

use super::events;
use super::fields::{Fields, required};
use super::parameters::Parameters;
use super::pdu_json;
use super::problem::Problem;
use crate::clock::SmscTime;
use crate::control::Control;
use crate::delivery::{DeliveryError, DeliveryResult, Mo};
use crate::filter::{BadPattern, Filter, Match};
use crate::input::nearest;
use crate::message::{Message, Recipient};

/// Messages in an answer, unless `limit` says otherwise.
const LIMIT_DEFAULT: usize = 100;
/// Messages in an answer at most.
const LIMIT_MAX: usize = 10_000;
/// How long the answer to a message from a phone is waited for at most, and unless it is said: a
/// session waits no longer for a deliver_sm_resp.
const MO_WITHIN_MAX: Duration = Duration::from_secs(30);

/// `GET messages?to=&from=&text~=&state=&since=&system_id=&data_coding=&tlvs.TAG=&limit=`: the
/// newest ones, oldest first.
pub(crate) async fn list(
    State(control): State<Control>,
    Parameters(query): Parameters,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::of_query(query);
    let tlvs = fields.take_below("tlvs.");
    let limit = fields.whole_number("limit", LIMIT_MAX as u64)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let wanted = read_match(&mut fields)?;
    fields.end_of_query()?;
    let wanted = wanted.and_tlvs_of_query(tlvs)?;
    let messages = control.messages(limit, |message| wanted.matches(message));
    let messages: Vec<Value> = messages.iter().map(shape).collect();
    let total = control.messages_total();
    Ok(Json(json!({"messages": messages, "total": total})))
}

/// `GET messages/{id}`: with what is known to have happened to it.
pub(crate) async fn show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let message = control.message(&id);
    let message = message.ok_or_else(|| not_kept(&id))?;
    let mut value = shape(&message);
    let timeline = events::timeline(&control, &message);
    let recipients = value.get_mut("recipients").and_then(Value::as_array_mut);
    for (at, recipient) in recipients.into_iter().flatten().enumerate() {
        let receipts = match message.recipients[at].command_status.is_ok() {
            true => events::receipts(&timeline, &recipient["to"], turn(&message.recipients, at)),
            false => Vec::new(),
        };
        recipient["receipts"] = receipts.into();
    }
    value["timeline"] = timeline.into();
    Ok(Json(value))
}

/// Of the recipients with the same address and the same fate: which of how many one is, from 0.
fn turn(recipients: &[Recipient], at: usize) -> (usize, usize) {
    let own = &recipients[at];
    let is_like = |other: &&Recipient| {
        other.to == own.to && other.command_status.is_ok() == own.command_status.is_ok()
    };
    let before = recipients[..at].iter().filter(is_like).count();
    (before, recipients.iter().filter(is_like).count())
}

/// `DELETE messages`.
pub(crate) async fn clear(State(control): State<Control>) -> StatusCode {
    control.clear_messages();
    StatusCode::NO_CONTENT
}

/// `POST mo {from, to, text | hex, data_coding, esm_class, system_id, within}`: answers with the
/// command_status of the last deliver_sm_resp. A long text goes out in segments; the first that is
/// refused is the last. 504 when they are not all answered within 30 s, or that time.
pub(crate) async fn mobile_originated(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::new(body)?;
    let within = fields.duration("within", MO_WITHIN_MAX)?;
    let deadline = Instant::now() + within.unwrap_or(MO_WITHIN_MAX);
    let mut segments = read_mo(fields)?.into_iter();
    let mut status = CommandStatus::ESME_ROK;
    while status.is_ok()
        && let Some(mo) = segments.next()
    {
        let answered = timeout_at(deadline, control.inject_mo(&mo)).await;
        let answered = answered.unwrap_or(Err(DeliveryError::TimedOut));
        status = answered.map_err(|error| not_answered(error, &mo))?;
    }
    Ok(Json(json!({"command_status": status.to_string()})))
}

/// `POST messages/{id}/receipt {state, error_code, to}`: to each recipient that was accepted, or to
/// that one.
pub(crate) async fn receipt(
    State(control): State<Control>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::new(body)?;
    let state = fields.text("state")?;
    let error_code = fields.number("error_code", 999)?.flatten().unwrap_or(0);
    let to = fields.text("to")?;
    fields.end()?;
    let state = state_of(&required("state", state)?)?;
    let error_code = u16::try_from(error_code).expect("999 is the largest");
    let sent = control.send_receipts(&id, to.as_deref(), state, error_code);
    let sent = sent.await.ok_or_else(|| not_kept(&id))?;
    let Some((_, first)) = sent.first() else {
        return Err(match to {
            Some(to) => Problem::field("to", format!("{to:?} is no recipient of this message")),
            None => Problem::field("to", "no recipient was accepted, so one must be named"),
        });
    };
    if sent.iter().all(|(_, result)| result.is_err()) {
        (*first)?;
    }
    let is_ok = |result: &DeliveryResult| *result == Ok(CommandStatus::ESME_ROK);
    let refused = sent.iter().find(|(_, result)| !is_ok(result));
    let (_, worst) = refused.unwrap_or(&sent[0]);
    let receipts = sent.iter().map(|(to, result)| match result {
        Ok(status) => json!({"to": to, "command_status": status.to_string()}),
        Err(error) => json!({"to": to, "error": error.to_string()}),
    });
    let status = worst.map_or(Value::Null, |status| status.to_string().into());
    let receipts: Vec<Value> = receipts.collect();
    Ok(Json(
        json!({"command_status": status, "receipts": receipts}),
    ))
}

/// What a search or a `verify` wants.
pub(crate) fn read_match(fields: &mut Fields) -> Result<Filter, Problem> {
    let state = fields.text("state")?;
    let wanted = Match {
        to: fields.text_of_either("to", "destination")?,
        from: fields.text_of_either("from", "source")?,
        system_id: fields.text("system_id")?,
        text: fields.text("text")?,
        text_contains: fields.text("text~")?,
        data_coding: data_coding(fields.take("data_coding"))?,
        tlvs: tlvs(fields.take("tlvs"))?,
        state: state.as_deref().map(state_of).transpose()?,
        since_unix_ms: fields.time("since")?.map(SmscTime::unix_ms),
    };
    Ok(wanted.read()?)
}

/// A number, or in a query its digits.
fn data_coding(value: Option<Value>) -> Result<Option<u8>, Problem> {
    let Some(value) = value else {
        return Ok(None);
    };
    let number = match &value {
        Value::String(digits) => digits.parse().ok(),
        value => value.as_u64(),
    };
    match number.and_then(|number| u8::try_from(number).ok()) {
        Some(number) => Ok(Some(number)),
        None => {
            let detail = format!("{value} is no whole number from 0 to 255");
            Err(Problem::field("data_coding", detail))
        }
    }
}

fn tlvs(value: Option<Value>) -> Result<BTreeMap<String, Value>, Problem> {
    match value {
        None => Ok(BTreeMap::new()),
        Some(Value::Object(tlvs)) => Ok(tlvs.into_iter().collect()),
        Some(other) => Err(Problem::field("tlvs", format!("{other} is no object"))),
    }
}

impl From<BadPattern> for Problem {
    fn from(bad: BadPattern) -> Self {
        Self::field(&bad.field, bad.problem)
    }
}

fn state_of(name: &str) -> Result<ReceiptState, Problem> {
    ReceiptState::from_stat(name.as_bytes()).ok_or_else(|| {
        let names = ReceiptState::ALL.map(ReceiptState::stat);
        let detail = format!("{name:?} is not one of {}", names.join(", "));
        Problem::field("state", detail).meaning(nearest(name, names))
    })
}

fn not_kept(id: &str) -> Problem {
    Problem::not_found(format!("no message {id:?} is kept"))
}

fn not_answered(error: DeliveryError, mo: &Mo) -> Problem {
    match (error, &mo.system_id) {
        (DeliveryError::NoReceiver, Some(system_id)) => {
            let detail = format!("system_id: no receiver or transceiver is bound as {system_id:?}");
            Problem::body(StatusCode::CONFLICT, detail).about("system_id")
        }
        _ => error.into(),
    }
}

fn read_mo(mut fields: Fields) -> Result<Vec<Mo>, Problem> {
    let from = fields.text("from")?;
    let to = fields.text("to")?;
    let text = fields.text("text")?;
    let hex = fields.text("hex")?;
    let system_id = fields.text("system_id")?;
    let data_coding = octet(&mut fields, "data_coding")?;
    let esm_class = octet(&mut fields, "esm_class")?;
    fields.end()?;
    let (from, to) = (required("from", from)?, required("to", to)?);
    let mut segments = match (text, hex) {
        (Some(text), None) => {
            if data_coding.is_some() {
                let detail = "goes with hex only: the coding of a text is chosen here";
                return Err(Problem::field("data_coding", detail));
            }
            let segments = Mo::text(&from, &to, &text);
            segments.map_err(|_| Problem::field("text", "takes more than 255 segments"))?
        }
        (None, Some(hex)) => vec![Mo {
            from,
            to,
            data_coding: data_coding.unwrap_or(0),
            esm_class: 0,
            content: octets(&hex)
                .ok_or_else(|| Problem::field("hex", "is no even number of hexadecimal digits"))?,
            system_id: None,
        }],
        (None, None) => return Err(Problem::field("text", "missing, and so is hex")),
        (Some(_), Some(_)) => return Err(Problem::field("hex", "excludes text")),
    };
    for mo in &mut segments {
        mo.system_id.clone_from(&system_id);
        mo.esm_class |= esm_class.unwrap_or(0);
    }
    Ok(segments)
}

fn octet(fields: &mut Fields, name: &str) -> Result<Option<u8>, Problem> {
    let number = fields.number(name, 255)?.flatten();
    Ok(number.map(|number| u8::try_from(number).expect("255 is the largest")))
}

/// The octets that pairs of hexadecimal digits mean.
pub(crate) fn octets(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect()
}

/// A message with its PDU decoded and as octets.
pub(crate) fn shape(message: &Message) -> Value {
    let mut value = json!({
        "id": message.id,
        "received_unix_ms": message.received_unix_ms,
        "session": message.session,
        "system_id": message.system_id,
        "command": message.command_id.to_string(),
        "command_status": message.command_status.to_string(),
        "state": message.state_name(),
        "ends_unix_ms": message.ends_unix_ms,
        "from": message.from,
        "to": message.to,
        "data_coding": message.data_coding,
        "text": message.text(),
        "hex": pdu_json::hex(&message.pdu),
    });
    if message.command_id == CommandId::SUBMIT_MULTI {
        let recipients = message.recipients.iter().map(recipient_shape);
        value["recipients"] = recipients.collect();
    }
    if let Some((fields, tlvs)) = pdu_json::fields(&message.pdu) {
        value["fields"] = fields;
        value["tlvs"] = tlvs;
    }
    value
}

fn recipient_shape(recipient: &Recipient) -> Value {
    json!({
        "to": recipient.to,
        "command_status": recipient.command_status.to_string(),
        "state": recipient.state.map(ReceiptState::stat),
        "ends_unix_ms": recipient.ends_unix_ms,
    })
}
