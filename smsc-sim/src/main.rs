//! The program: `smsc-sim` serves, `smsc-sim load` generates load, `smsc-sim capture` reads
//! captures. Results go to stdout, logs to stderr.

#![forbid(unsafe_code)]

mod args;
mod captures;
mod generate;
mod interrupt;
mod ready;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use smsc_sim::{Settings, Smsc, StartError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command};
use crate::generate::generate;
use crate::ready::ReadyArgs;

/// Exit code when something was tried and did not work.
const EXIT_FAILED: u8 = 3;

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("SMSC_SIM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Else it would tell of a stderr that nobody reads on stderr, and panic.
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let result = match args.command {
        Some(Command::Load(load)) => generate(&load),
        Some(Command::Capture(command)) => captures::run(command),
        Some(Command::Replay(args)) => captures::replay(&args),
        None => {
            let ready = args.serve.ready.clone();
            let settings = args.serve.settings().map_err(Box::from);
            settings.and_then(|settings| serve(settings, &ready))
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            print_error(format_args!("smsc-sim: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: Settings, ready: &ReadyArgs) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let seed = settings.seed;
        ready.forget_earlier()?;
        let smsc = Smsc::start(settings)
            .await
            .map_err(in_words_of_the_program)?;
        let line = ready::line(&smsc, seed)?;
        let told = ready.tell(&line);
        if told.is_ok() {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        }
        let taken_back = ready.take_back(&line);
        smsc.stop().await;
        match told {
            // Who started it is gone.
            Err(error) if is_broken_pipe(&*error) => {}
            told => told?,
        }
        taken_back?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The library's settings have other names than the program's.
fn in_words_of_the_program(error: StartError) -> String {
    let StartError::Listen {
        setting,
        address,
        error,
    } = error
    else {
        return error.to_string();
    };
    let option = match setting {
        "http_address" => "--http-port",
        "tls.address" => "--smpp-tls-port",
        _ => "--smpp-port",
    };
    format!("cannot listen on {address} ({option}): {error}")
}

fn print_line(line: &impl ToString) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", line.to_string())?;
    stdout.flush()
}

/// Prints what came of the work. A reader that has seen enough, as `head` has, changes nothing of
/// that.
fn print_results(results: &impl ToString) -> io::Result<()> {
    unless_unread(print_line(results))
}

fn unless_unread(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        printed => printed,
    }
}

/// Whether nobody reads stdout any more. Peers that go away are told by errors of other types.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a line to stderr. Where nobody reads it, there is nobody left to tell.
fn print_error(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
