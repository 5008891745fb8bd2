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

/// What is said of a certificate of its own.
struct Own {
    port: u16,
    flaw: CertificateFlaw,
    /// The certificate and its key; `None`: one is made.
    pair_pem: Option<(String, String)>,
    client_ca_pem: Option<String>,
}

fn own(fields: Fields, mut address: SocketAddr) -> Result<TlsSettings, Problem> {
    let own = read_own(fields).map_err(|problem| problem.below("tls"))?;
    address.set_port(own.port);
    let tls = match own.pair_pem {
        None => generated(address, own.flaw)?,
        Some((certificate_pem, key_pem)) => TlsSettings::new(address, certificate_pem, key_pem),
    };
    let tls = TlsSettings {
        client_ca_pem: own.client_ca_pem,
        ..tls
    };
    match tls.acceptor() {
        Ok(_) => Ok(tls),
        Err(problem) => Err(Problem::field("tls", problem)),
    }
}

fn read_own(mut fields: Fields) -> Result<Own, Problem> {
    let port = fields.port("port")?;
    let flaw = fields.text("flaw")?;
    let certificate_pem = fields.text("certificate_pem")?;
    let key_pem = fields.text("key_pem")?;
    let client_ca_pem = fields.text("client_ca_pem")?;
    fields.end()?;
    let pair_pem = match (certificate_pem, key_pem) {
        (None, None) => None,
        (Some(_), Some(_)) if flaw.is_some() => {
            let detail = "is of a certificate that is made here, so it excludes certificate_pem";
            return Err(Problem::field("flaw", detail));
        }
        (Some(certificate_pem), Some(key_pem)) => Some((certificate_pem, key_pem)),
        (Some(_), None) => return Err(Problem::field("key_pem", "certificate_pem needs it")),
        (None, Some(_)) => return Err(Problem::field("certificate_pem", "key_pem needs it")),
    };
    let flaw = flaw.as_deref().map(named).transpose()?;
    Ok(Own {
        port,
        flaw: flaw.unwrap_or(CertificateFlaw::None),
        pair_pem,
        client_ca_pem,
    })
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
