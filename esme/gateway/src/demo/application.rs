//! The application of the demo: it receives callbacks and checks their signatures.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use signalbox_adapters::webhook::signature;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::CALLBACK_SECRET;

/// Callbacks so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callbacks {
    pub(super) total: usize,
    /// Those whose signature is right.
    pub(super) signed: usize,
}

/// A listening application.
pub(super) struct Application {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    total: AtomicUsize,
    signed: AtomicUsize,
    changed: Notify,
}

impl Application {
    pub(super) async fn start() -> io::Result<Self> {
        let seen = Arc::new(Seen::default());
        let routes = Router::new()
            .route("/callback", post(receive))
            .with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            // It serves as long as the demo's process lives.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, seen })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// Waits for so many callbacks.
    pub(super) async fn wait_for(&self, count: usize, until: Instant) -> Callbacks {
        loop {
            let changed = self.seen.changed.notified();
            let callbacks = Callbacks {
                total: self.seen.total.load(Ordering::Acquire),
                signed: self.seen.signed.load(Ordering::Acquire),
            };
            if callbacks.total >= count || tokio::time::timeout_at(until, changed).await.is_err() {
                return callbacks;
            }
        }
    }
}

async fn receive(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let expected = match (text("webhook-id"), text("webhook-timestamp")) {
        (Some(id), Some(timestamp)) => signature(CALLBACK_SECRET, id, timestamp, &body),
        _ => None,
    };
    let signed = expected.is_some() && expected.as_deref() == text("webhook-signature");
    seen.signed
        .fetch_add(usize::from(signed), Ordering::Release);
    seen.total.fetch_add(1, Ordering::Release);
    seen.changed.notify_waiters();
    StatusCode::NO_CONTENT
}
