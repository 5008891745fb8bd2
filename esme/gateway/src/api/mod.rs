//! The HTTP API: `/v1` for applications, `/livez /readyz /metrics` for operators.
//!
//! Handlers read requests and write answers. What is decided is decided by the router core; what
//! is searched is searched by the history.

mod accounts;
mod admin;
mod fields;
mod ndjson;
mod problem;
mod rate;
mod request;
mod search;
mod send;
mod serve;
mod sms_options;
mod status;
mod stream;

use std::sync::{Arc, RwLock};

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use signalbox_store::{History, HistoryError};
use tokio::sync::Semaphore;

pub use accounts::{Account, Accounts};
pub use problem::Problem;
pub use serve::{bind, serve};

use crate::clock::Clock;
use crate::engine::EngineHandle;
use crate::providers::Providers;

/// Largest body of a request that is no stream.
pub(crate) const BODY_OCTETS_MAX: usize = 1 << 20;

/// Longest line of a stream.
const LINE_OCTETS_MAX: usize = 1 << 20;

/// What the handlers work with.
pub struct Api {
    /// Accepts and cancels.
    pub engine: EngineHandle,
    /// Answers about the past.
    pub history: Arc<History>,
    /// Room for searches: each holds a thread while it waits for the history.
    pub searches: Semaphore,
    /// The time.
    pub clock: Clock,
    /// Life of a message that does not say how long it lives.
    pub validity_ms: u64,
    /// What the providers say of themselves.
    pub providers: Providers,
    /// Metrics to be shown.
    pub metrics: PrometheusHandle,
    /// Who may call. Replaced whole when the configuration is read again.
    pub accounts: RwLock<Arc<Accounts>>,
}

/// Searches at once. More wait.
pub const SEARCHES_MAX: usize = 16;

impl Api {
    /// Asks the history, off the threads that serve everybody.
    async fn read_history<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let _room = self
            .searches
            .acquire()
            .await
            .map_err(|_| Problem::internal("searches are closed"))?;
        let history = Arc::clone(&self.history);
        let answer = tokio::task::spawn_blocking(move || ask(&history)).await;
        Ok(answer.map_err(|error| Problem::internal(error.to_string()))??)
    }

    fn accounts(&self) -> Arc<Accounts> {
        // A panic while the lock is held is impossible: it is only held to clone or to replace.
        Arc::clone(&self.accounts.read().expect("the lock is never poisoned"))
    }
}

/// The paths for applications.
pub fn application_routes(api: Arc<Api>) -> Router {
    Router::new()
        .route(
            "/v1/messages",
            post(send::post_messages).get(search::find_messages),
        )
        .route(
            "/v1/messages/{id}",
            get(status::get_message).delete(send::delete_message),
        )
        .route("/v1/inbound", get(search::find_inbound))
        .route("/v1/receipts/orphans", get(search::find_orphans))
        .route("/v1/providers", get(search::list_providers))
        .with_state(api)
}

/// The paths for operators, without authentication.
pub fn admin_routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .route("/metrics", get(admin::metrics))
        .with_state(api)
}

/// Answers for all other paths and methods, and counts all answers.
pub fn with_refusals(routes: Router) -> Router {
    routes
        .fallback(|| async {
            Problem::not_found("no such path; the README lists those that there are")
        })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(map_response(counted))
}

async fn counted(response: Response) -> Response {
    let status = response.status().as_str().to_owned();
    metrics::counter!("signalbox_requests_total", "status" => status).increment(1);
    response
}
