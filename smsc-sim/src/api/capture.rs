//! What went over the wire, as a file for Wireshark.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::fields::Fields;
use super::parameters::Parameters;
use super::problem::Problem;
use crate::capture::decode::last;
use crate::control::Control;

/// Content type of captures.
const PCAPNG_TYPE: &str = "application/x-pcapng";

/// PDUs of an answer, unless `limit` says otherwise.
const LIMIT_DEFAULT: u64 = 100;
/// PDUs of an answer at most.
const LIMIT_MAX: u64 = 10_000;

/// `GET capture.pcapng?session=`, also `capture.pcap`: what the ring holds, of one session or of
/// all. Readers tell pcapng from pcap by its first octets.
pub(crate) async fn download(
    State(control): State<Control>,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let mut fields = Fields::of_query(query);
    let session = fields.whole_number("session", u64::MAX)?;
    fields.end_of_query()?;
    check_session(&control, session)?;
    let headers = [
        (CONTENT_TYPE, PCAPNG_TYPE),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"capture.pcapng\"",
        ),
    ];
    Ok((headers, control.pcapng(session)).into_response())
}

/// `GET pdus?session=&hex=1&limit=`: the last PDUs of both directions, as in the capture, oldest
/// first.
pub(crate) async fn pdus(
    State(control): State<Control>,
    Parameters(query): Parameters,
) -> Result<Response, Problem> {
    let mut fields = Fields::of_query(query);
    let session = fields.whole_number("session", u64::MAX)?;
    let with_hex = fields.whole_number("hex", 1)? == Some(1);
    let limit = fields.whole_number("limit", LIMIT_MAX)?;
    fields.end_of_query()?;
    check_session(&control, session)?;
    let limit = usize::try_from(limit.unwrap_or(LIMIT_DEFAULT)).unwrap_or(usize::MAX);
    let octets = control.pcapng(session);
    // A full ring takes a while, and the sessions go on meanwhile.
    let decoding = tokio::task::spawn_blocking(move || last(&octets[..], limit, with_hex));
    let decoded = decoding.await.ok().and_then(Result::ok);
    let pdus = decoded.ok_or_else(|| {
        let detail = "the capture cannot be read";
        Problem::body(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    Ok(Json(json!({"pdus": pdus})).into_response())
}

/// 404 for a session that is neither there nor in the capture.
fn check_session(control: &Control, session: Option<u64>) -> Result<(), Problem> {
    match session {
        Some(id) if !control.knows_session(id) => {
            let detail = format!("there is no session {id}, and nothing of one in the capture");
            Err(Problem::not_found(detail).about("session"))
        }
        _ => Ok(()),
    }
}
