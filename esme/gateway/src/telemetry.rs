//! Logs and metrics of the process. Logs go to stderr: for people on a terminal, JSON otherwise.
//! No number and no text of a message is ever written to them.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Buckets of durations, in seconds: fsyncs and responses lie between 10 µs and 30 s.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
];

/// Starts logging. `SIGNALBOX_LOG` (as `RUST_LOG`) sets the levels; the default is `level`.
pub fn start_logs(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env("SIGNALBOX_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Else it would tell of a stderr that nobody reads on stderr, and panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // A second start, as in tests with several gateways in one process, keeps the first.
    let as_text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let _ = if as_text {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}

/// How often values of histograms are sorted into their buckets when nobody asks for them.
const UPKEEP: std::time::Duration = std::time::Duration::from_secs(5);

/// Starts the metrics. Needs the runtime, which tidies them up now and then.
///
/// # Errors
/// When the recorder of the process is already taken.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
        .install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    describe();
    metrics::gauge!("signalbox_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Says of each metric what it is, for `# HELP`.
fn describe() {
    for (name, help) in [
        ("bind_up", "1 while bound"),
        ("window_inflight", "Parts without a response"),
        ("limiter", "1 for what keeps the provider from sending more"),
        ("deliveries", "Deliveries under way, by phase"),
        ("parked_receipts", "Receipts that wait for their message"),
        ("store_bytes", "Size of the journal"),
        ("store_failures", "Writes and fsyncs that failed"),
        ("build_info", "1; the version is a label"),
    ] {
        metrics::describe_gauge!(format!("signalbox_{name}"), help);
    }
    for (name, help) in [
        ("submits_total", "Attempts to hand over a part, by outcome"),
        ("callbacks_total", "Attempts to make a callback, by outcome"),
        ("store_records_total", "Records written"),
        ("requests_total", "Answers to HTTP requests, by status"),
        ("inbound_total", "Messages from phones"),
        ("receipts_total", "Receipts, by the state that they tell"),
    ] {
        metrics::describe_counter!(format!("signalbox_{name}"), help);
    }
    metrics::describe_histogram!(
        "signalbox_store_commit_seconds",
        "One batch: written and fsynced"
    );
}
