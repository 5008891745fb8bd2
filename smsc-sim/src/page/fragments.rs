//! The pieces of HTML that are looked up: the page itself, sessions, messages, one message, what
//! went over the wire, one PDU.

use std::net::SocketAddr;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::api;
use crate::capture::decode::{WirePdu, last_pdus};
use crate::control::Control;
use crate::filter::{BadPattern, Match};
use crate::inspection::{Inspection, Piece};
use crate::message::Message;
use crate::registry::SessionInfo;
use crate::smscs::{MAIN, Smscs};

/// Messages that a search shows, and rows that the page keeps: the states of all its rows come with
/// a search.
const MESSAGES_SHOWN: usize = 200;
/// Sessions that are shown; the others are counted.
const SESSIONS_SHOWN: usize = 100;
/// PDUs of the wire that are shown.
const WIRE_SHOWN: usize = 60;
/// Octets of a PDU of the wire that can be opened: its digits travel in a request's line.
const OPENED_OCTETS_MAX: usize = 8_192;
/// Octets of a line of hexadecimal digits.
const LINE_OCTETS: usize = 16;

/// What the page and its pieces are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default = "main_name")]
    pub(super) smsc: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    hex: String,
    #[serde(default)]
    session: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct PageTemplate<'a> {
    smsc: &'a str,
    smscs: Vec<String>,
    address: String,
    version: &'static str,
    seed: u64,
    rows_max: usize,
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct UnknownTemplate<'a> {
    smsc: &'a str,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsTemplate {
    sessions: Vec<SessionRow>,
    more: usize,
}

struct SessionRow {
    id: u64,
    system_id: String,
    bind_type: &'static str,
    peer: String,
    since: String,
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesTemplate {
    messages: Vec<MessageRow>,
    /// Why none can be looked for.
    problem: Option<String>,
}

struct MessageRow {
    id: String,
    time: String,
    from: String,
    to: String,
    text: String,
    state: &'static str,
    status: String,
    is_refused: bool,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    id: &'a str,
    system_id: &'a str,
    from: &'a str,
    to: &'a str,
    text: String,
    status: String,
    state: &'static str,
    timeline: Vec<Step>,
    pdu: PduView,
}

struct Step {
    time: String,
    what: String,
}

#[derive(Template)]
#[template(path = "wire.html")]
struct WireTemplate<'a> {
    smsc: &'a str,
    session: Option<u64>,
    pdus: Vec<WireRow>,
}

struct WireRow {
    time: String,
    peer: String,
    is_ours: bool,
    command: String,
    status: String,
    octets: usize,
    hex: String,
    is_odd: bool,
}

#[derive(Template)]
#[template(path = "pdu.html")]
struct PduTemplate {
    pdu: PduView,
}

/// A PDU with its fields beside its octets.
struct PduView {
    inspection: Inspection,
    lines: Vec<Vec<Octet>>,
    hex: String,
}

/// An octet and the piece that it belongs to.
struct Octet {
    piece: usize,
    hex: String,
    is_odd: bool,
}

/// `GET /?smsc=`.
pub(super) async fn page(State(smscs): State<Smscs>, Query(asked): Query<Asked>) -> Response {
    let all = smscs.list();
    let Some(shown) = all.iter().find(|listed| listed.name == asked.smsc) else {
        let smsc = &asked.smsc;
        return (StatusCode::NOT_FOUND, html(&UnknownTemplate { smsc })).into_response();
    };
    html(&PageTemplate {
        smsc: &shown.name,
        address: shown.address.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        seed: shown.control.settings().seed,
        rows_max: MESSAGES_SHOWN,
        smscs: all.iter().map(|listed| listed.name.clone()).collect(),
    })
}

/// `GET /page/sessions?smsc=`.
pub(super) async fn sessions(State(smscs): State<Smscs>, Query(asked): Query<Asked>) -> Response {
    let Some(control) = smscs.get(&asked.smsc) else {
        return unknown(&asked.smsc);
    };
    let sessions = control.sessions();
    html(&SessionsTemplate {
        more: sessions.len().saturating_sub(SESSIONS_SHOWN),
        sessions: sessions
            .iter()
            .rev()
            .take(SESSIONS_SHOWN)
            .map(session_row)
            .collect(),
    })
}

/// `GET /page/messages?smsc=&to=&from=&text=`: the newest first.
pub(super) async fn messages(State(smscs): State<Smscs>, Query(asked): Query<Asked>) -> Response {
    let Some(control) = smscs.get(&asked.smsc) else {
        return unknown(&asked.smsc);
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let wanted = Match {
        to: given(&asked.to),
        from: given(&asked.from),
        text_contains: given(&asked.text),
        ..Match::default()
    };
    let wanted = match wanted.read() {
        Ok(wanted) => wanted,
        Err(BadPattern { field, problem }) => {
            return html(&MessagesTemplate {
                messages: Vec::new(),
                problem: Some(format!("{field}: {problem}")),
            });
        }
    };
    let messages = control.messages(MESSAGES_SHOWN, |message| wanted.matches(message));
    html(&MessagesTemplate {
        messages: messages.iter().rev().map(message_row).collect(),
        problem: None,
    })
}

/// `GET /page/message?smsc=&id=`.
pub(super) async fn message(State(smscs): State<Smscs>, Query(asked): Query<Asked>) -> Response {
    let Some(control) = smscs.get(&asked.smsc) else {
        return unknown(&asked.smsc);
    };
    let Some(message) = control.message(&asked.id) else {
        return Html("<p class=\"note\">This message is no longer kept.</p>").into_response();
    };
    html(&MessageTemplate {
        id: &message.id,
        system_id: &message.system_id,
        from: &message.from,
        to: &message.to,
        text: text_of(&message),
        status: message.command_status.to_string(),
        state: message.state_name().unwrap_or("refused"),
        timeline: timeline(&control, &message),
        pdu: PduView::new(&message.pdu),
    })
}

/// `GET /page/wire?smsc=&session=`: the last PDUs of both directions, newest first, with the octets
/// that were really sent.
pub(super) async fn wire(State(smscs): State<Smscs>, Query(asked): Query<Asked>) -> Response {
    let all = smscs.list();
    let Some(shown) = all.into_iter().find(|listed| listed.name == asked.smsc) else {
        return unknown(&asked.smsc);
    };
    let Ok(session) = asked
        .session
        .trim()
        .parse::<u64>()
        .map(Some)
        .or_else(|error| {
            // No number at all means all sessions.
            if asked.session.trim().is_empty() {
                Ok(None)
            } else {
                Err(error)
            }
        })
    else {
        return Html("<p class=\"note\">A session is a number.</p>").into_response();
    };
    let octets = shown.control.pcapng(session);
    // A full ring takes a while, and the sessions go on meanwhile.
    let decoding = tokio::task::spawn_blocking(move || last_pdus(&octets[..], WIRE_SHOWN));
    let Ok(Ok(pdus)) = decoding.await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    html(&WireTemplate {
        smsc: &asked.smsc,
        session,
        pdus: pdus
            .iter()
            .rev()
            .map(|pdu| wire_row(pdu, shown.address))
            .collect(),
    })
}

/// `GET /page/pdu?hex=`: any octets, taken apart.
pub(super) async fn pdu(Query(asked): Query<Asked>) -> Response {
    let digits: String = asked.hex.split_whitespace().collect();
    match api::octets(&digits) {
        Some(octets) if !octets.is_empty() => html(&PduTemplate {
            pdu: PduView::new(&octets),
        }),
        _ => {
            let told = "<p class=\"note\">Wanted: pairs of hexadecimal digits.</p>";
            Html(told).into_response()
        }
    }
}

impl PduView {
    fn new(octets: &[u8]) -> Self {
        let inspection = Inspection::new(octets);
        let piece_of = |at: usize| {
            let covers = |piece: &Piece| (piece.offset..piece.offset + piece.octets).contains(&at);
            inspection.pieces.iter().position(covers)
        };
        let octet = |at: usize| {
            let piece = piece_of(at);
            Octet {
                // Octets that belong to nothing light up with nothing.
                piece: piece.unwrap_or(usize::MAX),
                hex: format!("{:02x}", octets[at]),
                is_odd: piece.is_some_and(|piece| inspection.pieces[piece].is_odd),
            }
        };
        let all: Vec<usize> = (0..octets.len()).collect();
        let lines = all
            .chunks(LINE_OCTETS)
            .map(|line| line.iter().map(|at| octet(*at)).collect())
            .collect();
        Self {
            lines,
            hex: api::hex(octets),
            inspection,
        }
    }
}

fn session_row(session: &SessionInfo) -> SessionRow {
    let (system_id, bind_type) = match &session.bound {
        Some((system_id, bind_type)) => (system_id.to_string(), api::bind_name(*bind_type)),
        None => ("not bound".to_owned(), ""),
    };
    SessionRow {
        id: session.id,
        system_id,
        bind_type,
        peer: session.peer.to_string(),
        since: clock_time(session.connected_unix_ms),
    }
}

fn message_row(message: &Message) -> MessageRow {
    MessageRow {
        id: message.id.clone(),
        time: clock_time(message.received_unix_ms),
        from: message.from.clone(),
        to: message.to.clone(),
        text: text_of(message),
        state: message.state_name().unwrap_or_default(),
        status: message.command_status.to_string(),
        is_refused: !message.command_status.is_ok(),
    }
}

fn wire_row(pdu: &WirePdu, ours: SocketAddr) -> WireRow {
    let is_ours = pdu.from == ours;
    let inspection = Inspection::new(&pdu.octets);
    let is_odd = inspection.problem.is_some() || !inspection.deviations.is_empty();
    let status = inspection.pieces.get(2).map(|piece| piece.value.clone());
    WireRow {
        time: clock_time(pdu.at_unix_us / 1_000),
        peer: if is_ours { pdu.to } else { pdu.from }.to_string(),
        is_ours,
        status: match status.as_deref().and_then(|text| text.split(' ').next()) {
            Some(name) if inspection.command.ends_with("_resp") => name.to_owned(),
            _ => String::new(),
        },
        command: inspection.command,
        octets: pdu.octets.len(),
        hex: if pdu.octets.len() <= OPENED_OCTETS_MAX {
            api::hex(&pdu.octets)
        } else {
            String::new()
        },
        is_odd,
    }
}

fn text_of(message: &Message) -> String {
    message
        .text()
        .unwrap_or_else(|| format!("0x{}", api::hex(&message.user_data)))
}

fn timeline(control: &Control, message: &Message) -> Vec<Step> {
    let step = |event: &Value| {
        let name = event["event"].as_str().map(|name| name.replace('_', " "));
        let values = ["command_status", "state", "error"]
            .into_iter()
            .filter_map(|name| event[name].as_str().map(str::to_owned));
        let words = name.into_iter().chain(values);
        Step {
            time: clock_time(event["unix_ms"].as_u64().unwrap_or(0)),
            what: words.collect::<Vec<_>>().join(" "),
        }
    };
    api::timeline(control, message).iter().map(step).collect()
}

/// The time of day, UTC, with ms.
fn clock_time(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let (hours, minutes) = (seconds / 3_600 % 24, seconds / 60 % 60);
    let (seconds, ms) = (seconds % 60, unix_ms % 1_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{ms:03}")
}

pub(super) fn unknown(smsc: &str) -> Response {
    let told = format!("there is no SMSC {smsc:?}\n");
    (StatusCode::NOT_FOUND, told).into_response()
}

pub(super) fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a piece of the page was not written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn main_name() -> String {
    MAIN.to_owned()
}
