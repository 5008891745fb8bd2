//! What went over the wire, as a file for Wireshark.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::control::Control;

/// Content type of captures.
const PCAPNG_TYPE: &str = "application/x-pcapng";

/// `GET capture.pcapng?session=`: what the ring holds, of one session or of all.
pub(crate) async fn download(
    State(control): State<Control>,
    Query(mut query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let session = query.remove("session").map(|text| {
        text.parse()
            .map_err(|_| Problem::field("session", format!("{text:?} is no number")))
    });
    let session = session.transpose()?;
    if let Some((name, _)) = query.pop_first() {
        return Err(Problem::field(&name, "there is no such parameter"));
    }
    let headers = [
        (CONTENT_TYPE, PCAPNG_TYPE),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"capture.pcapng\"",
        ),
    ];
    Ok((headers, control.pcapng(session)).into_response())
}
