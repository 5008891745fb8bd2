//! The control API: JSON over HTTP under `/api/v1`, and `/metrics`. It parses and answers; what is
//! asked and told is in `control.rs`.

mod clock;
mod fields;
mod messages;
mod pdu_json;
mod problem;
mod sessions;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::json;
use tokio::net::TcpListener;

use self::problem::Problem;
use crate::control::Control;

/// Octets of a request's body at most.
const BODY_OCTETS_MAX: usize = 1024 * 1024;
/// Content type of Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";

/// Serves until its task is aborted.
pub(crate) async fn serve(listener: TcpListener, control: Control) {
    if let Err(error) = axum::serve(listener, router(control)).await {
        tracing::error!(%error, "the control API has ended");
    }
}

fn router(control: Control) -> Router {
    let smsc = Router::new()
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", delete(sessions::disconnect))
        .route("/messages", get(messages::list).delete(messages::clear))
        .route("/messages/{id}/receipt", post(messages::receipt))
        .route("/mo", post(messages::mobile_originated))
        .route("/clock", get(clock::show).post(clock::change))
        .route(
            "/behaviour",
            get(sessions::behaviour).post(sessions::change_behaviour),
        );
    Router::new()
        .route("/api/v1/version", get(version))
        .route("/metrics", get(metrics))
        .nest("/api/v1/smscs/main", smsc)
        .fallback(|| async { Problem::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .with_state(control)
}

async fn version() -> Response {
    axum::Json(json!({"name": "smsc-sim", "version": env!("CARGO_PKG_VERSION")})).into_response()
}

async fn metrics(State(control): State<Control>) -> Response {
    let mut text = String::new();
    for (name, meaning, kind, value) in control.metrics() {
        let meaning = meaning.trim();
        text += &format!("# HELP {name} {meaning}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}
