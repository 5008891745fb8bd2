//! TLS of an SMSC: what its clients have to trust, and what a virtual one is created with.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::fields::Fields;
use super::problem::Problem;
use crate::control::Control;
use crate::input::nearest;
use crate::settings::Settings;
use crate::tls::{CertificateFlaw, TlsSettings};

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

/// `tls` of a new SMSC: true is as in `main`, where `main` has none with a certificate of its own;
/// `{port, flaw, certificate_pem, key_pem, client_ca_pem}` is always of its own.
pub(crate) fn read(value: Option<Value>, main: &Settings) -> Result<Option<TlsSettings>, Problem> {
    let mut address = main
        .tls
        .as_ref()
        .map_or(main.smpp_address, |tls| tls.address);
    address.set_port(0);
    match value {
        None | Some(Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) => match &main.tls {
            Some(tls) => Ok(Some(TlsSettings {
                address,
                ..tls.clone()
            })),
            None => generated(address, CertificateFlaw::None).map(Some),
        },
        Some(object @ Value::Object(_)) => own(Fields::of_value("tls", object)?, address).map(Some),
        Some(other) => {
            let detail = format!("{other} is neither a boolean nor an object");
            Err(Problem::field("tls", detail))
        }
    }
}

fn own(mut fields: Fields, mut address: SocketAddr) -> Result<TlsSettings, Problem> {
    address.set_port(fields.port("port")?);
    let flaw = fields.text("flaw")?;
    let certificate_pem = fields.text("certificate_pem")?;
    let key_pem = fields.text("key_pem")?;
    let client_ca_pem = fields.text("client_ca_pem")?;
    fields.end()?;
    let tls = match (certificate_pem, key_pem) {
        (None, None) => generated(
            address,
            flaw.as_deref().map_or(Ok(CertificateFlaw::None), named)?,
        )?,
        (Some(_), Some(_)) if flaw.is_some() => {
            let detail = "is of a certificate that is made here, so it excludes certificate_pem";
            return Err(Problem::field("flaw", detail));
        }
        (Some(certificate_pem), Some(key_pem)) => {
            TlsSettings::new(address, certificate_pem, key_pem)
        }
        (Some(_), None) => return Err(Problem::field("key_pem", "certificate_pem needs it")),
        (None, Some(_)) => return Err(Problem::field("certificate_pem", "key_pem needs it")),
    };
    let tls = TlsSettings {
        client_ca_pem,
        ..tls
    };
    match tls.acceptor() {
        Ok(_) => Ok(tls),
        Err(problem) => Err(Problem::field("tls", problem)),
    }
}

fn generated(address: SocketAddr, flaw: CertificateFlaw) -> Result<TlsSettings, Problem> {
    TlsSettings::generated(address, flaw).map_err(|problem| Problem::field("tls", problem))
}

fn named(flaw: &str) -> Result<CertificateFlaw, Problem> {
    let flaws = CertificateFlaw::NAMED;
    let names = flaws.map(|(name, _)| name);
    let found = flaws.into_iter().find(|(name, _)| *name == flaw);
    found.map(|(_, flaw)| flaw).ok_or_else(|| {
        let detail = format!("{flaw:?} is not one of {}", names.join(", "));
        Problem::field("flaw", detail).meaning(nearest(flaw, names))
    })
}
