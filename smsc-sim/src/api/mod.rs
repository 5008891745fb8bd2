//! The control API: JSON over HTTP under `/api/v1`, and `/metrics`. It parses and answers; what is
//! asked and told is in `control.rs`.

mod body;
mod capture;
mod clients;
mod clock;
mod events;
mod fields;
mod inject_mo;
mod messages;
mod origin;
mod parameters;
mod pdu_json;
mod problem;
mod scenario;
mod sessions;
mod smscs;
mod tls;
mod verify;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt as _};

use self::body::BODY_OCTETS_MAX;
pub(crate) use self::events::timeline;
pub(crate) use self::messages::octets;
use self::origin::Hosts;
pub(crate) use self::pdu_json::{Contents, field as pdu_field, hex};
use self::problem::Problem;
pub(crate) use self::sessions::bind_name;
use crate::control::Control;
use crate::smscs::Smscs;

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
    // Which methods a path has stands in the answers of the router as a whole.
    let router = middleware::map_response(name_methods).layer(router(smscs.clone(), hosts));
    let serving = axum::serve(
        listener,
        axum::ServiceExt::<Request>::into_make_service(router),
    );
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
    let plain = Router::new()
        .route(SMSCS, get(smscs::list).post(smscs::create))
        .route(
            "/api/v1/smscs/{smsc}",
            get(smscs::show).delete(smscs::destroy),
        )
        .route_layer(middleware::from_fn(without_parameters));
    Router::new()
        .route("/metrics", get(metrics))
        .merge(plain)
        .fallback(of_one)
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
        .route("/sessions/{id}", delete(sessions::disconnect))
        .route("/messages", get(messages::list))
        .route("/events", get(events::follow))
        .route("/capture.pcapng", get(capture::download))
        .route("/capture.pcap", get(capture::download))
        .route("/pdus", get(capture::pdus))
        .route("/conformance", get(clients::conformance))
        .route("/reset", post(smscs::reset))
        .merge(plain_of_smsc())
        .fallback(|| async { nothing_here() })
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .with_state(control)
}

/// What takes no parameters.
fn plain_of_smsc() -> Router<Control> {
    Router::new()
        .route("/sessions", get(sessions::list))
        .route("/outbind", post(sessions::outbind))
        .route("/messages", delete(messages::clear))
        .route("/messages/{id}", get(messages::show))
        .route("/messages/{id}/receipt", post(messages::receipt))
        .route("/verify", post(verify::one))
        .route("/verify-sequence", post(verify::sequence))
        .route("/mo", post(messages::mobile_originated))
        .route("/clock", get(clock::show).post(clock::change))
        .route("/tls", get(tls::show))
        .route("/rates", get(clients::rates))
        .route("/scenario", get(scenario::show).put(scenario::replace))
        .route("/rules", get(scenario::rules).post(scenario::add_rule))
        .route(
            "/rules/{id}",
            post(scenario::change_rule).delete(scenario::remove_rule),
        )
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
        .route_layer(middleware::from_fn(without_parameters))
}

/// A parameter that means nothing here is a misspelling, and not passed over in silence.
async fn without_parameters(
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
    next: Next,
) -> Response {
    match query.into_keys().next() {
        None => next.run(request).await,
        Some(name) => {
            let detail = "there is no such parameter; this path has none";
            Problem::field(&name, detail).into_response()
        }
    }
}

/// Says in words which methods a path has that was asked with another.
async fn name_methods(method: Method, response: Response) -> Response {
    let allowed = response.headers().get(ALLOW).cloned();
    match allowed {
        Some(allowed) if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let names = String::from_utf8_lossy(allowed.as_bytes()).into_owned();
            let problem = Problem::method_not_allowed(&method, &names);
            ([(ALLOW, allowed)], problem).into_response()
        }
        _ => response,
    }
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
