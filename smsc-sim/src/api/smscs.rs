//! The SMSCs of the process: listed, created, destroyed, reset.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::fields::{Fields, required};
use super::parameters::Parameters;
use super::problem::Problem;
use super::tls;
use crate::builder::StartError;
use crate::clock::ClockMode;
use crate::control::Control;
use crate::input::nearest;
use crate::scenario::Scenario;
use crate::script::Script;
use crate::settings::{ACCOUNTS_MAX, Settings};
use crate::smscs::{Listed, MAIN, Smscs, SmscsError};

/// What [`Settings::is_system_id`] takes.
const SYSTEM_ID_ALLOWED: &str = "at most 15 printable ASCII characters are allowed";
/// Octets of a password at most. SMPP v3.4 §5.2.2.
const PASSWORD_OCTETS_MAX: usize = 8;
/// What can be reset.
const RESETS: [&str; 6] = ["messages", "rules", "faults", "behaviour", "clock", "all"];

/// `GET smscs`.
pub(crate) async fn list(State(smscs): State<Smscs>) -> Json<Value> {
    let smscs: Vec<Value> = smscs.list().iter().map(shape).collect();
    Json(json!({"smscs": smscs}))
}

/// `GET smscs/{smsc}`.
pub(crate) async fn show(
    State(smscs): State<Smscs>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let all = smscs.list();
    let found = all.iter().find(|listed| listed.name == name);
    found
        .map(|listed| Json(shape(listed)))
        .ok_or_else(|| unknown(&name))
}

/// `POST smscs {name, smpp_port, tls, seed, system_id, accounts: [{system_id, password}], clock,
/// scenario, conformance, conformance_window}`: what is left out is as in `main`, on a free port.
/// With `tls` it also has a port for TLS.
pub(crate) async fn create(
    State(smscs): State<Smscs>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let mut fields = Fields::new_or_empty(body)?;
    let name = fields.text("name")?;
    let settings = settings(&mut fields, smscs.main().control.settings())?;
    fields.end()?;
    let created = smscs.create(name, settings).await?;
    let location = [(LOCATION, format!("/api/v1/smscs/{}", created.name))];
    Ok((StatusCode::CREATED, location, Json(shape(&created))))
}

/// `DELETE smscs/{smsc}`: answers when its sessions and its port are closed.
pub(crate) async fn destroy(
    State(smscs): State<Smscs>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    if name == MAIN {
        let detail = "main lives as long as the program";
        return Err(Problem::body(StatusCode::CONFLICT, detail));
    }
    match smscs.destroy(&name).await {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown(&name)),
    }
}

/// `POST smscs/{smsc}/reset?what=messages,rules,faults,behaviour,clock,all`: faults are switched
/// off, the others are as at the start; those that come with a scenario come back with its rules.
pub(crate) async fn reset(
    State(control): State<Control>,
    Parameters(query): Parameters,
) -> Result<StatusCode, Problem> {
    let mut fields = Fields::of_query(query);
    let what = fields.text("what")?.unwrap_or_else(|| "all".to_owned());
    fields.end_of_query()?;
    let wanted: Vec<&str> = what.split(',').collect();
    if let Some(other) = wanted.iter().find(|name| !RESETS.contains(name)) {
        let detail = format!("{other:?} is not one of {}", RESETS.join(", "));
        return Err(Problem::field("what", detail).meaning(nearest(other, RESETS)));
    }
    let is_wanted = |name| wanted.contains(&name) || wanted.contains(&"all");
    if is_wanted("messages") {
        control.clear_messages();
    }
    if is_wanted("faults") {
        control.change_script(Script::clear_faults);
    }
    if is_wanted("rules") {
        control.restore_scenario();
    }
    if is_wanted("behaviour") {
        let initial = control.settings().behaviour.clone();
        control.change_behaviour(|behaviour| *behaviour = initial);
    }
    if is_wanted("clock") {
        // What it shows stays: it never goes back.
        control.set_clock(Some(ClockMode::Real), None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// There is no SMSC of that name.
pub(crate) fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("there is no SMSC {name:?}"))
}

impl From<SmscsError> for Problem {
    fn from(error: SmscsError) -> Self {
        let detail = error.to_string();
        match error {
            SmscsError::Name => Self::field("name", detail),
            SmscsError::Taken => Self::body(StatusCode::CONFLICT, detail).about("name"),
            SmscsError::TooMany => Self::body(StatusCode::SERVICE_UNAVAILABLE, detail),
            SmscsError::Start(StartError::Listen {
                setting,
                address,
                error,
            }) => {
                let field = match setting {
                    "tls.address" => "tls.port",
                    _ => "smpp_port",
                };
                let detail = format!("{field}: cannot listen on {address}: {error}");
                Self::body(StatusCode::CONFLICT, detail).about(field)
            }
            SmscsError::Start(StartError::Rules(errors)) => {
                Self::not_here(errors.below("scenario"))
            }
            SmscsError::Start(_) => Self::body(StatusCode::CONFLICT, detail),
        }
    }
}

fn settings(fields: &mut Fields, main: &Settings) -> Result<Settings, Problem> {
    let port = fields.port("smpp_port")?;
    let seed = fields.number("seed", u64::MAX)?.flatten();
    let system_id = fields.text("system_id")?;
    if let Some(system_id) = &system_id
        && !Settings::is_system_id(system_id)
    {
        return Err(Problem::field("system_id", SYSTEM_ID_ALLOWED));
    }
    let accounts = fields.take("accounts").map(|list| accounts(&list));
    let scenario = fields.take("scenario");
    let scenario = scenario
        .map(|json| Scenario::from_json(&json))
        .transpose()
        .map_err(|errors| errors.below("scenario"))?;
    let tls = tls::read(fields.take("tls"), main)?;
    let inherited = match tls {
        Some(_) => main.scenario.clone(),
        None => main.scenario.clone().without_tls(),
    };
    let conformance = fields.boolean("conformance")?;
    let window_size = fields.number("conformance_window", u64::from(u32::MAX))?;
    let window_size = window_size
        .flatten()
        .and_then(|size| usize::try_from(size).ok());
    let virtual_clock_unix_ms = fields.time("clock")?.map(|time| time.unix_ms());
    let mut smpp_address = main.smpp_address;
    smpp_address.set_port(port);
    Ok(Settings {
        smpp_address,
        tls,
        http_address: None,
        scenario: scenario.unwrap_or(inherited),
        seed: seed.unwrap_or(main.seed),
        system_id: system_id.unwrap_or_else(|| main.system_id.clone()),
        accounts: accounts
            .transpose()?
            .unwrap_or_else(|| main.accounts.clone()),
        virtual_clock_unix_ms,
        conformance: conformance.unwrap_or(main.conformance),
        conformance_window_size: window_size.unwrap_or(main.conformance_window_size),
        capture_file: None,
        ..main.clone()
    })
}

fn accounts(list: &Value) -> Result<Vec<(String, String)>, Problem> {
    let wanted = || {
        let detail =
            format!("wanted: a list of at most {ACCOUNTS_MAX} objects with system_id and password");
        Problem::field("accounts", detail)
    };
    let list = list.as_array().ok_or_else(wanted)?;
    if list.len() > ACCOUNTS_MAX {
        return Err(wanted());
    }
    list.iter()
        .enumerate()
        .map(|(at, account_value)| {
            let path = format!("accounts[{at}]");
            let fields = Fields::of_value(&path, account_value.clone())?;
            account(fields).map_err(|problem| problem.below(&path))
        })
        .collect()
}

fn account(mut fields: Fields) -> Result<(String, String), Problem> {
    let system_id = fields.text("system_id")?;
    let password = fields.text("password")?;
    fields.end()?;
    let system_id = required("system_id", system_id)?;
    let password = required("password", password)?;
    if !Settings::is_system_id(&system_id) {
        return Err(Problem::field("system_id", SYSTEM_ID_ALLOWED));
    }
    if password.len() > PASSWORD_OCTETS_MAX {
        let detail = format!("at most {PASSWORD_OCTETS_MAX} octets are allowed");
        return Err(Problem::field("password", detail));
    }
    Ok((system_id, password))
}

fn shape(listed: &Listed) -> Value {
    json!({
        "id": listed.name,
        "smpp": listed.address.to_string(),
        "smpp_tls": listed.tls_address.map(|address| address.to_string()),
        "seed": listed.control.settings().seed,
        "system_id": listed.control.settings().system_id,
        "conformance": listed.control.settings().conformance,
        "sessions": listed.control.sessions().len(),
        "messages": listed.control.messages_total(),
    })
}
