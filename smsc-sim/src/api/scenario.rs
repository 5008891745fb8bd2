//! The scenario and its rules. A body is JSON, or TOML when its content type is
//! `application/toml`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::body;
use super::fields::{Fields, required};
use super::problem::Problem;
use crate::control::Control;
use crate::fault;
use crate::scenario::{List, Scenario};

/// Content type of TOML.
const TOML_TYPE: &str = "application/toml";

/// `GET scenario`: the rules with how often each was applied, the active faults, the states of the
/// machines, and the distribution lists.
pub(crate) async fn show(State(control): State<Control>) -> Json<Value> {
    Json(shape(&control))
}

/// `PUT scenario {profile, rules, faults, lists}`: takes the place of the one before, with all its
/// counts and states.
pub(crate) async fn replace(
    State(control): State<Control>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_toml = kind.starts_with(TOML_TYPE);
    let scenario = if is_toml {
        let body = body::octets(body)?;
        let text = std::str::from_utf8(&body)
            .map_err(|_| Problem::body(StatusCode::BAD_REQUEST, "the body is no UTF-8"))?;
        Scenario::from_toml("", text)?
    } else {
        let hint = format!("; a body in TOML has the content type {TOML_TYPE}");
        let json = body::json(body).map_err(|problem| problem.adding(&hint))?;
        Scenario::from_json(&json)?
    };
    if control.settings().tls.is_none() {
        scenario.check_without_tls().map_err(Problem::not_here)?;
    }
    control.replace_scenario(scenario);
    Ok(Json(shape(&control)))
}

/// `GET rules`: in their order, each with how often it was applied.
pub(crate) async fn rules(State(control): State<Control>) -> Json<Value> {
    Json(json!({"rules": rules_shape(&control)}))
}

/// `POST rules {…}`: puts a rule in front of the others.
pub(crate) async fn add_rule(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let json = body::json(body)?;
    let rule = control.change_script(|script| script.prepend(&json))?;
    Ok((StatusCode::CREATED, Json(rule.to_json())))
}

/// `POST rules/{id} {enabled}`: switches a rule off and on again, in its place.
pub(crate) async fn change_rule(
    State(control): State<Control>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let mut fields = Fields::new(body)?;
    let is_enabled = fields.boolean("enabled")?;
    fields.end()?;
    let is_enabled = required("enabled", is_enabled)?;
    let changed = control.change_script(|script| script.enable_rule(&id, is_enabled));
    let rule = changed.ok_or_else(|| no_rule(&id))?;
    Ok(Json(rule.to_json()))
}

/// `DELETE rules/{id}`.
pub(crate) async fn remove_rule(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if control.remove_rule(&id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_rule(&id))
    }
}

/// `GET faults`.
pub(crate) async fn faults(State(control): State<Control>) -> Json<Value> {
    Json(json!({"faults": faults_shape(&control)}))
}

/// `POST faults {type, stream, toxicity, attributes}`: switches a fault on.
pub(crate) async fn add_fault(
    State(control): State<Control>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let json = body::json(body)?;
    if fault::from_json(&json)?.kind.is_of_tls() && control.settings().tls.is_none() {
        let detail = format!("type: {}", fault::NO_TLS);
        return Err(Problem::body(StatusCode::CONFLICT, detail).about("type"));
    }
    let fault = control.change_script(|script| script.add_fault(&json))?;
    Ok((StatusCode::CREATED, Json(fault.to_json())))
}

/// `DELETE faults/{id}`.
pub(crate) async fn remove_fault(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if control.change_script(|script| script.remove_fault(&id)) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no fault {id:?}")))
    }
}

/// `DELETE faults`: switches all faults off, those of the scenario too.
pub(crate) async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.change_script(|script| script.clear_faults());
    StatusCode::NO_CONTENT
}

fn no_rule(id: &str) -> Problem {
    Problem::not_found(format!("there is no rule {id:?}"))
}

fn rules_shape(control: &Control) -> Vec<Value> {
    let script = control.script();
    let progress = control.progress();
    let rules = script.scenario().rules.iter().map(|rule| {
        let mut json = rule.to_json();
        json["applied"] = Value::from(progress.counts.applied(&rule.id));
        json
    });
    rules.collect()
}

fn faults_shape(control: &Control) -> Vec<Value> {
    let script = control.script();
    script
        .faults()
        .iter()
        .map(|fault| fault.to_json())
        .collect()
}

fn states_shape(control: &Control) -> Map<String, Value> {
    let progress = control.progress();
    let states = progress.states();
    states
        .map(|(machine, state)| (machine.to_owned(), Value::from(state)))
        .collect()
}

fn lists_shape(control: &Control) -> Vec<Value> {
    let script = control.script();
    script.scenario().lists.iter().map(List::to_json).collect()
}

/// Each part takes the locks that it needs: they are not taken twice.
fn shape(control: &Control) -> Value {
    json!({
        "rules": rules_shape(control),
        "faults": faults_shape(control),
        "states": states_shape(control),
        "lists": lists_shape(control),
    })
}
