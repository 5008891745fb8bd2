//! What a client of the TLS port has to know.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::control::Control;

/// `GET tls`: the certificates to trust, in PEM, and whether the client must show one.
pub(crate) async fn show(State(control): State<Control>) -> Result<Json<Value>, Problem> {
    match &control.settings().tls {
        None => Err(Problem::not_found("this SMSC has no TLS port")),
        Some(tls) => Ok(Json(json!({
            "trust_pem": tls.trust_pem,
            "mutual": tls.client_ca_pem.is_some(),
        }))),
    }
}
