//! `signalbox demo`.

use std::process::ExitCode;

use super::{DemoArgs, EXIT_FAILED, EXIT_UNWANTED, block_on};
use crate::config::LogFormat;
use crate::demo::Demo;
use crate::{signals, telemetry};

pub(super) fn demo(args: &DemoArgs) -> ExitCode {
    telemetry::start_logs("warn", LogFormat::Auto);
    // Kept until the end: dropping it removes the folder.
    let temporary = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("signalbox: no temporary folder can be made: {error}");
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
                eprintln!("signalbox: {error}");
                ExitCode::from(EXIT_FAILED)
            }
        }
    })
}

async fn show(store: &std::path::Path, args: &DemoArgs) -> Result<bool, String> {
    let mut demo = Demo::start(store, args.seed).await?;
    let good = demo.run().await?;
    if !args.once {
        demo.invite();
        signals::stop_requested().await;
    }
    demo.stop().await;
    Ok(good)
}
