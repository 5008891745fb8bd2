//! What clients do: how much of it in each second, and what they must not.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::fields::Fields;
use super::parameters::Parameters;
use super::problem::Problem;
use crate::control::Control;
use crate::samples::Rate;

/// `GET conformance?session=`: which PDUs clients have sent, how each check came out, and the last
/// departures.
pub(crate) async fn conformance(
    State(control): State<Control>,
    Parameters(query): Parameters,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::of_query(query);
    let session = fields.whole_number("session", u64::MAX)?;
    fields.end_of_query()?;
    let absent = || {
        Problem::not_found(
            "clients are not checked: start with --conformance, or create the SMSC with it",
        )
    };
    let report = control.conformance().ok_or_else(absent)?;
    if let Some(session) = session.filter(|session| !control.had_session(*session)) {
        let detail = format!("there has been no session {session}");
        return Err(Problem::not_found(detail).about("session"));
    }
    Ok(Json(report.to_json(session)))
}

/// `GET rates`: what happened in each of the last seconds.
pub(crate) async fn rates(State(control): State<Control>) -> Json<Value> {
    let shape = |rate: &Rate| {
        json!({
            "unix_s": rate.unix_s,
            "messages": rate.count.messages,
            "refused": rate.count.refused,
            "deliveries": rate.count.deliveries,
        })
    };
    let rates: Vec<Value> = control.rates().iter().map(shape).collect();
    Json(json!({"rates": rates}))
}
