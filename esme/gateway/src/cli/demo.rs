//! `signalbox demo`.

use std::process::ExitCode;

use super::{DemoArgs, EXIT_FAILED, EXIT_UNWANTED, block_on};
use crate::config::LogFormat;
use crate::demo::Demo;
use crate::output::errln;
use crate::signals::StopSignals;
use crate::telemetry;

pub(super) fn demo(args: &DemoArgs) -> ExitCode {
    telemetry::start_logs("warn", LogFormat::Auto);
    // Kept until the end: dropping it removes the folder.
    let temporary = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            errln!("signalbox: no temporary folder can be made: {error}");
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let store = args
        .store
        .clone()
        .unwrap_or_else(|| temporary.path().join("store"));
    block_on(async {
        match show(&store, args).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(EXIT_UNWANTED),
            Err(error) => {
                errln!("signalbox: {error}");
                ExitCode::from(EXIT_FAILED)
            }
        }
    })
}

async fn show(store: &std::path::Path, args: &DemoArgs) -> Result<bool, String> {
    // The simulator's message ids follow from the seed, and a store remembers those it has seen.
    let other = || {
        if args.store.is_some() {
            u64::from(std::process::id())
        } else {
            1
        }
    };
    let seed = args.seed.unwrap_or_else(other);
    let mut demo = Demo::start(store, seed).await?;
    let good = demo.run().await?;
    if !args.once {
        let mut signals = StopSignals::listen().map_err(|error| error.to_string())?;
        demo.invite();
        signals.next().await;
    }
    demo.stop().await;
    Ok(good)
}
