//! The clock of an SMSC: what it shows, what moves it, what came due when it was moved.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use serde::Serialize;
use signalbox_codec::time::DateTime;

use super::fields::Fields;
use super::problem::Problem;
use crate::clock::{ADVANCE_MAX, ClockError, ClockMode, Forward};
use crate::control::Control;
use crate::registry::{Fired, FiredKind};

/// Events that an answer names at most; `fired` counts all.
const EVENTS_MAX: usize = 10_000;

/// What the clock shows.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    mode: &'static str,
    unix_ms: u64,
    utc: Option<String>,
}

/// The same, and what came due when it was moved.
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    #[serde(flatten)]
    shown: Shown,
    fired: usize,
    events: Vec<Event>,
}

#[derive(Debug, Serialize)]
struct Event {
    unix_ms: u64,
    session: u64,
    what: &'static str,
}

/// `GET clock`.
pub(crate) async fn show(State(control): State<Control>) -> Json<Shown> {
    Json(shown(&control))
}

/// `POST clock {mode: real|virtual, advance: "48h", to: ms since 1970 or "2026-01-01T00:00:00Z"}`:
/// answers when the sessions have done what came due by that, and names it.
pub(crate) async fn change(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Moved>, Problem> {
    let mut fields = Fields::new(body)?;
    let mode = fields.text("mode")?;
    let mode = mode.as_deref().map(mode_of).transpose()?;
    let advance = fields.duration("advance", ADVANCE_MAX)?;
    let to = fields.time("to")?;
    fields.end()?;
    let forward = match (advance, to) {
        (Some(_), Some(_)) => return Err(Problem::field("to", "excludes advance")),
        (Some(by), None) => Some(Forward::By(by)),
        (None, Some(to)) => Some(Forward::To(to)),
        (None, None) => None,
    };
    let fired = control.set_clock(mode, forward).await?;
    Ok(Json(Moved {
        shown: shown(&control),
        fired: fired.len(),
        events: fired.iter().take(EVENTS_MAX).map(event).collect(),
    }))
}

impl From<ClockError> for Problem {
    fn from(error: ClockError) -> Self {
        Self::field("to", error.to_string())
    }
}

fn mode_of(name: &str) -> Result<ClockMode, Problem> {
    ClockMode::from_name(name)
        .ok_or_else(|| Problem::field("mode", format!("{name:?} is not one of real, virtual")))
}

fn shown(control: &Control) -> Shown {
    let (mode, time) = control.clock();
    let seconds = i64::try_from(time.unix_ms() / 1_000).unwrap_or(i64::MAX);
    let utc = DateTime::from_unix_seconds(seconds).map(|utc| format!("{utc}Z"));
    Shown {
        mode: mode.name(),
        unix_ms: time.unix_ms(),
        utc,
    }
}

const fn event(fired: &Fired) -> Event {
    Event {
        unix_ms: fired.unix_ms,
        session: fired.session,
        what: match fired.what {
            FiredKind::Response => "response",
            FiredKind::Delivery => "delivery",
        },
    }
}
