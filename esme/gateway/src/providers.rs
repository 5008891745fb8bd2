//! What the providers' channels say of themselves, for `/v1/providers` and `/metrics`.

use serde_json::{Value, json};
use signalbox_adapters::smpp::{Limiter, ProviderStatus};
use signalbox_router::{ProviderName, Rfc3339, Timestamp};
use tokio::sync::watch;

/// All limiters, so that the gauge of each but one is 0.
const LIMITERS: [Limiter; 5] = [
    Limiter::LinkDown,
    Limiter::ClosedLoop,
    Limiter::Pace,
    Limiter::Window,
    Limiter::EmptyQueue,
];

/// The status of every provider.
#[derive(Clone, Debug, Default)]
pub struct Providers(Vec<(ProviderName, watch::Receiver<ProviderStatus>)>);

impl Providers {
    /// Adds a provider.
    pub fn push(&mut self, name: ProviderName, status: watch::Receiver<ProviderStatus>) {
        self.0.push((name, status));
    }

    /// The providers as the API shows them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|(name, status)| provider(name, &status.borrow()))
            .collect()
    }

    /// Brings the metrics up to date.
    pub fn record_metrics(&self) {
        for (name, status) in &self.0 {
            record(name, &status.borrow());
        }
    }
}

fn provider(name: &ProviderName, status: &ProviderStatus) -> Value {
    let binds: Vec<Value> = status
        .binds
        .iter()
        .map(|(bind, state)| {
            json!({
                "name": bind,
                "bound": state.bound,
                "since": (state.since != Timestamp(0)).then(|| Rfc3339(state.since).to_string()),
                "detail": state.detail,
            })
        })
        .collect();
    let counters = status.counters;
    json!({
        "name": name.as_str(),
        "bound": status.binds.iter().any(|(_, bind)| bind.bound),
        "binds": binds,
        "in_flight": status.in_flight,
        "limiter": status.limiter.name(),
        "rate_segments_per_second": status.rate.is_finite().then_some(status.rate),
        "parts": {
            "submitted": counters.submitted,
            "accepted": counters.accepted,
            "rejected": counters.rejected,
            "retried": counters.retried,
            "throttled": counters.throttled,
            "unknown": counters.unknown,
            "not_sent": counters.not_sent,
        },
    })
}

fn record(name: &ProviderName, status: &ProviderStatus) {
    let provider = name.as_str().to_owned();
    for (bind, state) in &status.binds {
        metrics::gauge!(
            "signalbox_bind_up", "provider" => provider.clone(), "bind" => bind.clone()
        )
        .set(f64::from(u8::from(state.bound)));
    }
    let counters = status.counters;
    for (outcome, count) in [
        ("accepted", counters.accepted),
        ("rejected", counters.rejected),
        ("retried", counters.retried),
        ("throttled", counters.throttled),
        ("unknown", counters.unknown),
        ("not_sent", counters.not_sent),
    ] {
        metrics::counter!(
            "signalbox_submits_total", "provider" => provider.clone(), "outcome" => outcome
        )
        .absolute(count);
    }
    for limiter in LIMITERS {
        metrics::gauge!(
            "signalbox_limiter", "provider" => provider.clone(), "limiter" => limiter.name()
        )
        .set(f64::from(u8::from(limiter == status.limiter)));
    }
    metrics::gauge!("signalbox_window_inflight", "provider" => provider)
        .set(f64::from(status.in_flight));
}
