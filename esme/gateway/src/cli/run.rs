//! `signalbox run`: the daemon.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::{EXIT_FAILED, EXIT_USAGE, block_on, check};
use crate::daemon::Gateway;
use crate::output::errln;
use crate::signals::StopSignals;
use crate::telemetry;

pub(super) fn run(path: &Path) -> ExitCode {
    let config = match check::load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if config.account.is_empty() && config.provider.is_empty() {
        let path = path.display();
        errln!("signalbox: {path}: neither an account nor a provider, so nothing to do");
        return ExitCode::from(EXIT_USAGE);
    }
    telemetry::start_logs(&config.log.level, config.log.format);
    block_on(async {
        // Before the ready line: whoever reads it may ask to stop at once.
        let mut signals = match StopSignals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                errln!("signalbox: no signal handlers can be set: {error}");
                return ExitCode::from(EXIT_FAILED);
            }
        };
        let mut gateway = match Gateway::start(config).await {
            Ok(gateway) => gateway,
            Err(error) => {
                errln!("signalbox: {error}");
                return ExitCode::from(EXIT_FAILED);
            }
        };
        tell_ready(&gateway);
        let name = tokio::select! {
            name = signals.next() => name,
            () = gateway.broken() => return ExitCode::from(EXIT_FAILED),
        };
        tracing::info!(signal = name, "asked to stop");
        tokio::select! {
            is_saved = gateway.stop() => match is_saved {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILED),
            },
            name = signals.next() => {
                tracing::warn!(signal = name, "asked again: stopping without waiting");
                ExitCode::from(EXIT_FAILED)
            }
        }
    })
}

/// Prints the ready line. A stdout that nobody reads is no reason to stop.
fn tell_ready(gateway: &Gateway) {
    let ready = json!({
        "event": "ready",
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "http": gateway.http().to_string(),
        "smpp": null,
    });
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{ready}").and_then(|()| stdout.flush()) {
        tracing::warn!(%error, "the ready line was not read");
    }
}
