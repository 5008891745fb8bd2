//! The control API: JSON over HTTP under `/api/v1`, and `/metrics`. It parses and answers; what is
//! asked and told is in `control.rs`.

mod capture;
mod clients;
mod clock;
mod events;
mod fields;
mod inject_mo;
mod messages;
mod origin;
mod pdu_json;
mod problem;
mod scenario;
mod sessions;
mod smscs;
mod verify;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt;

pub(crate) use self::events::timeline;
pub(crate) use self::messages::octets;
use self::origin::Hosts;
pub(crate) use self::pdu_json::{Contents, field as pdu_field, hex};
use self::problem::Problem;
pub(crate) use self::sessions::bind_name;
use crate::control::Control;
use crate::smscs::Smscs;

/// Octets of a request's body at most.
const BODY_OCTETS_MAX: usize = 1024 * 1024;
/// Content type of Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";

/// Description of the whole API, OpenAPI 3.1; kept by hand, a test compares it with the routes.
const OPENAPI: &str = include_str!("openapi.json");
/// Where the SMSCs are.
const SMSCS: &str = "/api/v1/smscs";

/// Serves until its task is aborted.
pub(crate) async fn serve(listener: TcpListener, smscs: Smscs) {
    let main = smscs.main().control;
    let settings = main.settings();
    let listens_on = match listener.local_addr() {
        Ok(address) => address,
        Err(error) => return tracing::error!(%error, "the control API has no address"),
    };
    let hosts = Hosts::new(listens_on, &settings.http_hosts);
    let serving = axum::serve(listener, router(smscs.clone(), hosts));
    tokio::select! {
        () = sample_each_second(&smscs) => {}
        Err(error) = serving.into_future() => {
            tracing::error!(%error, "the control API has ended");
        }
    }
}

/// Keeps the rates of all SMSCs for pages that are opened later.
async fn sample_each_second(smscs: &Smscs) {
    let mut ticker = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticker.tick().await;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_s = since.unwrap_or_default().as_secs();
        for listed in smscs.list() {
            listed.control.sample(unix_s);
        }
    }
}

fn router(smscs: Smscs, hosts: Hosts) -> Router {
    let main = smscs.main().control;
    let pages = smscs.clone();
    let program = Router::new()
        .route("/api/v1/version", get(version))
        .route("/openapi.json", get(openapi))
        .route("/readyz", get(|| async { "ready" }))
        .route("/inject_mo", get(inject_mo::inject))
        .with_state(main);
    Router::new()
        .route("/metrics", get(metrics))
        .route(SMSCS, get(smscs::list).post(smscs::create))
        .route(
            "/api/v1/smscs/{smsc}",
            get(smscs::show).delete(smscs::destroy),
        )
        .fallback(of_one)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(smscs)
        .merge(program)
        .merge(crate::page::router(pages))
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .layer(middleware::from_fn_with_state(
            hosts,
            origin::only_our_pages,
        ))
}

/// What there is of each SMSC, below its own path.
fn of_smsc(control: Control) -> Router {
    Router::new()
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", delete(sessions::disconnect))
        .route("/outbind", post(sessions::outbind))
        .route("/messages", get(messages::list).delete(messages::clear))
        .route("/messages/{id}", get(messages::show))
        .route("/messages/{id}/receipt", post(messages::receipt))
        .route("/verify", post(verify::one))
        .route("/verify-sequence", post(verify::sequence))
        .route("/events", get(events::follow))
        .route("/mo", post(messages::mobile_originated))
        .route("/capture.pcapng", get(capture::download))
        .route("/pdus", get(capture::pdus))
        .route("/clock", get(clock::show).post(clock::change))
        .route("/tls", get(clients::tls))
        .route("/conformance", get(clients::conformance))
        .route("/rates", get(clients::rates))
        .route("/scenario", get(scenario::show).put(scenario::replace))
        .route("/rules", post(scenario::add_rule))
        .route("/rules/{id}", delete(scenario::remove_rule))
        .route(
            "/faults",
            get(scenario::faults)
                .post(scenario::add_fault)
                .delete(scenario::clear_faults),
        )
        .route("/faults/{id}", delete(scenario::remove_fault))
        .route(
            "/behaviour",
            get(sessions::behaviour).post(sessions::change_behaviour),
        )
        .route("/reset", post(smscs::reset))
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .with_state(control)
}

/// Finds the SMSC that a path names, and hands the rest of the path to its router.
async fn of_one(State(smscs): State<Smscs>, mut request: Request) -> Response {
    let path = request.uri().path();
    let below = path
        .strip_prefix(SMSCS)
        .and_then(|rest| rest.strip_prefix('/'));
    let Some((name, rest)) = below.and_then(|below| below.split_once('/')) else {
        return nothing_here().into_response();
    };
    let Some(control) = smscs.get(name) else {
        return smscs::unknown(name).into_response();
    };
    let query = request.uri().query();
    let rest = match query {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    };
    match rest.parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return nothing_here().into_response(),
    }
    let Ok(response) = of_smsc(control).oneshot(request).await;
    response
}

fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this path")
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn version() -> Response {
    axum::Json(json!({"name": "smsc-sim", "version": env!("CARGO_PKG_VERSION")})).into_response()
}

/// The metrics of all SMSCs, each with its name as a label; there are at most 1,001.
async fn metrics(State(smscs): State<Smscs>) -> Response {
    let mut texts = BTreeMap::new();
    for listed in smscs.list() {
        for (name, meaning, kind, value) in listed.control.metrics() {
            let meaning = meaning.trim();
            let text = texts
                .entry(name)
                .or_insert_with(|| format!("# HELP {name} {meaning}\n# TYPE {name} {kind}\n"));
            *text += &format!("{name}{{smsc=\"{}\"}} {value}\n", listed.name);
        }
    }
    let text: String = texts.into_values().collect();
    ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}
