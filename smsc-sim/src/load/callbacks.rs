//! Receipts of an HTTP target: the gateway tells how a message ended by a POST to a port of ours.
//! Signatures (Standard Webhooks) are not looked at: who measures has no secret to keep.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::connect::Dialer;
use super::error::LoadError;
use super::plan::recipient;
use super::results::{Batch, Gathered};

/// Scheme of the addresses in callbacks.
const SCHEME: &str = "sms:";
/// Types of callbacks that tell how a message ended.
const ENDS: [&str; 6] = [
    "message.delivered",
    "message.failed",
    "message.rejected",
    "message.expired",
    "message.cancelled",
    "message.unknown",
];

/// Receives callbacks until it is dropped.
pub(super) struct Callbacks {
    /// Where they are to go.
    pub(super) url: Arc<str>,
    serving: JoinHandle<()>,
}

impl Callbacks {
    /// Listens at `address`; without one on any free port, where the target is reached from.
    pub(super) async fn listen(
        address: Option<SocketAddr>,
        dialer: &Dialer,
        gathered: Arc<Gathered>,
    ) -> Result<Self, LoadError> {
        let address = match address {
            Some(address) => address,
            None => SocketAddr::new(dialer.local_ip().await?, 0),
        };
        let refused = |error| LoadError::Callbacks { address, error };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let listens_on = listener.local_addr().map_err(refused)?;
        let router = Router::new().route("/", post(take)).with_state(gathered);
        let serving = tokio::spawn(async move {
            // It serves for ever; what fails is one connection.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            url: format!("http://{listens_on}/").into(),
            serving,
        })
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(gathered): State<Arc<Gathered>>, body: Bytes) -> StatusCode {
    let Ok(callback) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    if let Some(message) = ended(&callback) {
        let mut batch = Batch::default();
        batch.receipts.push(message);
        gathered.add(Instant::now(), &mut batch);
    }
    StatusCode::NO_CONTENT
}

/// The message that has ended, as far as it is one of ours; `None` when the callback tells
/// something else.
fn ended(callback: &Value) -> Option<Option<u64>> {
    ENDS.contains(&callback["type"].as_str()?).then(|| {
        let to = callback["data"]["to"].as_str()?;
        recipient(to.strip_prefix(SCHEME).unwrap_or(to).as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn callbacks_name_the_message_that_has_ended() {
        let table = [
            ("message.delivered", "sms:+491700000000012", Some(Some(12))),
            ("message.failed", "+491700000000012", Some(Some(12))),
            ("message.expired", "sms:+4930", Some(None)),
            ("message.sent", "sms:+491700000000012", None),
            ("inbound.received", "sms:100", None),
        ];
        for (kind, to, expected) in table {
            let callback = json!({"type": kind, "data": {"to": to}});
            assert_eq!(ended(&callback), expected, "{callback}");
        }
        assert_eq!(ended(&json!([])), None);
    }
}
