//! The HTTP API: `/v1` for applications, `/livez /readyz /metrics` for operators.
//!
//! Handlers read requests and write answers. What is decided is decided by the router core; what
//! is searched is searched by the history.

mod accounts;
mod admin;
mod fields;
mod ndjson;
mod problem;
mod request;
mod search;
mod send;
mod serve;
mod sms_options;
mod status;
mod stream;

use std::sync::{Arc, RwLock};

use axum::Router;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use signalbox_store::HistoryHandle;

pub use accounts::{Account, Accounts};
pub use problem::Problem;
pub use serve::{bind, serve};

use crate::clock::Clock;
use crate::engine::EngineHandle;

/// Largest body of a request that is no stream.
pub(crate) const BODY_OCTETS_MAX: usize = 1 << 20;

/// Longest line of a stream.
const LINE_OCTETS_MAX: usize = 1 << 20;

/// What the handlers work with.
pub struct Api {
    /// Accepts and cancels.
    pub engine: EngineHandle,
    /// Answers about the past.
    pub history: HistoryHandle,
    /// The time.
    pub clock: Clock,
    /// Life of a message that does not say how long it lives.
    pub validity_ms: u64,
    /// Metrics to be shown.
    pub metrics: PrometheusHandle,
    /// Providers' state for `/readyz` and `/v1/providers`.
    pub providers: Arc<Vec<String>>,
    /// Who may call. Replaced whole when the configuration is read again.
    pub accounts: RwLock<Arc<Accounts>>,
}

impl Api {
    fn accounts(&self) -> Arc<Accounts> {
        // A panic while the lock is held is impossible: it is only held to clone or to replace.
        Arc::clone(&self.accounts.read().expect("the lock is never poisoned"))
    }
}

/// The paths for applications.
pub fn application_routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/messages", post(send::post_messages).get(search::find_messages))
        .route(
            "/v1/messages/{id}",
            get(status::get_message).delete(send::delete_message),
        )
        .route("/v1/inbound", get(search::find_inbound))
        .route("/v1/receipts/orphans", get(search::find_orphans))
        .fallback(|| async { Problem::not_found("this path; see the README for the API") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .with_state(api)
}

/// The paths for operators, without authentication.
pub fn admin_routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .route("/metrics", get(admin::metrics))
        .fallback(|| async { Problem::not_found("this path: /livez, /readyz and /metrics are here") })
        .with_state(api)
}
