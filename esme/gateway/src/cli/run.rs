//! `signalbox run`: the daemon.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::{EXIT_FAILED, block_on, check};
use crate::daemon::Gateway;
use crate::{signals, telemetry};

pub(super) fn run(path: &Path) -> ExitCode {
    let config = match check::load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    telemetry::start_logs(&config.log.level, config.log.format);
    block_on(async {
        let mut gateway = match Gateway::start(config).await {
            Ok(gateway) => gateway,
            Err(error) => {
                eprintln!("signalbox: {error}");
                return ExitCode::from(EXIT_FAILED);
            }
        };
        println!(
            "{}",
            json!({
                "event": "ready",
                "version": env!("CARGO_PKG_VERSION"),
                "pid": std::process::id(),
                "http": gateway.http().to_string(),
                "smpp": null,
            })
        );
        let name = tokio::select! {
            name = signals::stop_requested() => name,
            () = gateway.broken() => return ExitCode::from(EXIT_FAILED),
        };
        tracing::info!(signal = name, "asked to stop");
        tokio::select! {
            () = gateway.stop() => ExitCode::SUCCESS,
            name = signals::stop_requested() => {
                tracing::warn!(signal = name, "asked again: stopping without waiting");
                ExitCode::from(EXIT_FAILED)
            }
        }
    })
}
