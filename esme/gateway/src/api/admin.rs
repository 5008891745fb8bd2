//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;

/// The process runs.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// New messages are taken: the store can be written and nobody asked to stop.
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Response {
    if api.engine.is_ready() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: stopping, or the store cannot be written\n",
        )
            .into_response()
    }
}

/// Metrics in the text format of Prometheus.
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    api.providers.record_metrics();
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], api.metrics.render()).into_response()
}
