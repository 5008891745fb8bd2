//! What a client of the TLS port has to know, and what clients do that they must not.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::control::Control;

/// `GET tls`: the certificates to trust, in PEM, and whether the client must show one.
pub(crate) async fn tls(State(control): State<Control>) -> Result<Json<Value>, Problem> {
    match &control.settings().tls {
        None => Err(Problem::not_found("this SMSC has no TLS port")),
        Some(tls) => Ok(Json(json!({
            "trust_pem": tls.trust_pem,
            "mutual": tls.client_ca_pem.is_some(),
        }))),
    }
}

/// `GET conformance`: which PDUs clients have sent, and how each check came out.
pub(crate) async fn conformance(State(control): State<Control>) -> Result<Json<Value>, Problem> {
    let absent = || Problem::not_found("clients are not checked: start with --conformance");
    control.conformance().map(Json).ok_or_else(absent)
}
