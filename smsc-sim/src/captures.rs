//! `smsc-sim capture`: reads a file and prints what is in it, or plays it again.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use smsc_sim::capture::{CaptureError, decode, replay, stats};

use crate::{EXIT_FAILED, print_error, print_results, unless_unread};

/// What is done with a capture.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CaptureCommand {
    /// Print each PDU as a line of JSON, as `signalbox pdu decode --json` does.
    Decode {
        /// pcap or pcapng.
        file: PathBuf,
    },
    /// Print how many PDUs of which kind, response times, and what is missing.
    Stats {
        /// pcap or pcapng.
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Play one side of a session again.
    Replay(ReplayArgs),
}

/// Which side of which session is played again, and with whom.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// pcap or pcapng.
    file: PathBuf,
    /// Which side is played: client or server.
    #[arg(long = "as", value_name = "SIDE", default_value = "client")]
    side: replay::Side,
    /// Client: where to connect to. Server: where to listen.
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// Which session of the file, counted from 1.
    #[arg(long, default_value_t = 1)]
    session: usize,
    /// How many times faster than it was; 0: without pauses.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
}

/// Exit code 3: the file cannot be read to its end, or the other side answers otherwise than it
/// did.
pub(crate) fn run(command: CaptureCommand) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        CaptureCommand::Decode { file } => {
            let mut out = BufWriter::new(io::stdout().lock());
            let decoded = open(&file).and_then(|input| decode::run(input, &mut out));
            unless_unread(out.flush())?;
            Ok(judge(&file, decoded))
        }
        CaptureCommand::Stats { file, json } => {
            let input = match open(&file) {
                Ok(input) => input,
                Err(error) => return Ok(judge(&file, Err(error))),
            };
            let (stats, result) = stats::run(input);
            match &stats {
                // A file that is no capture holds nothing to be counted.
                stats if result.is_err() && stats.is_empty() => {}
                stats if json => print_results(&stats.to_json())?,
                stats => print_results(stats)?,
            }
            Ok(judge(&file, result))
        }
        CaptureCommand::Replay(args) => replay(&args),
    }
}

/// Plays one side of a session again. Exit code 3 as in [`run`].
pub(crate) fn replay(args: &ReplayArgs) -> Result<ExitCode, Box<dyn Error>> {
    let script = open(&args.file).and_then(|input| replay::Script::read(input, args.session));
    let script = match script {
        Ok(script) => script,
        Err(error) => return Ok(judge(&args.file, Err(error))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(script.play(args.side, &args.to, args.speed))?;
    print_results(&outcome)?;
    Ok(if outcome.is_as_captured() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FAILED)
    })
}

fn speed(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    let allowed = number.filter(|speed| (0.0..=1e9).contains(speed));
    allowed.ok_or_else(|| "wanted: a number from 0 to 1e9".to_owned())
}

fn open(file: &Path) -> Result<BufReader<File>, CaptureError> {
    File::open(file)
        .map(BufReader::new)
        .map_err(CaptureError::Io)
}

fn judge(file: &Path, result: Result<(), CaptureError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(format_args!("smsc-sim: {}: {error}", file.display()));
            ExitCode::from(EXIT_FAILED)
        }
    }
}
