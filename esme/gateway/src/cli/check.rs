//! `signalbox check` and `signalbox config`.

use std::path::Path;
use std::process::ExitCode;

use super::EXIT_USAGE;
use crate::config::{self, Config, Loaded};
use crate::output::{errln, outln};

/// Reports everything that is wrong, and everything that is probably not meant.
pub(super) fn check(path: &Path) -> ExitCode {
    match load_with_origins(path) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                errln!("warning: {warning}");
            }
            outln!("{}: good", path.display());
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Prints the values in force.
pub(super) fn show(path: &Path) -> ExitCode {
    match load_with_origins(path) {
        Ok(loaded) => {
            outln!("{}", config::show(&loaded).trim_end());
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Prints the schema.
pub(super) fn schema() -> ExitCode {
    outln!("{:#}", config::schema());
    ExitCode::SUCCESS
}

/// Loads the configuration of a daemon; warnings and errors go to stderr.
pub(super) fn load(path: &Path) -> Result<Config, ExitCode> {
    let loaded = load_with_origins(path)?;
    for warning in &loaded.warnings {
        errln!("warning: {warning}");
    }
    Ok(loaded.config)
}

fn load_with_origins(path: &Path) -> Result<Loaded, ExitCode> {
    config::load_with_origins(Some(path), environment()).map_err(|errors| {
        for error in &errors {
            errln!("{error}");
        }
        let count = errors.len();
        errln!(
            "signalbox: {count} error{} in the configuration",
            if count == 1 { "" } else { "s" }
        );
        ExitCode::from(EXIT_USAGE)
    })
}

/// The process's environment; a variable that is not UTF-8 cannot be a setting.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
