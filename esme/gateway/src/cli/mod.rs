//! The command line. Stdout carries results only; everything else goes to stderr.

mod check;
mod demo;
mod run;
mod send;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::output::errln;

/// Exit code of a failure of the system or of a peer.
pub(crate) const EXIT_FAILED: u8 = 1;
/// Exit code of a wrong configuration or command line.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Exit code of "it ran, and the result is not the one wished for".
pub(crate) const EXIT_UNWANTED: u8 = 3;

/// SMPP/SMS gateway.
#[derive(Debug, Parser)]
#[command(name = "signalbox", version, about, propagate_version = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Gateway and simulated SMSC in one process: sends sample messages and shows their timelines
    Demo(DemoArgs),
    /// The daemon
    Run(ConfigArgs),
    /// Reports every error of the configuration; opens no port
    Check(ConfigArgs),
    /// The configuration in force, and its schema
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Sends one message through the API and prints its timeline
    Send(SendArgs),
    /// SMPP PDUs as octets and as JSON
    #[command(subcommand)]
    Pdu(PduCommand),
    /// Texts: coding and segments; octets back to text
    #[command(subcommand)]
    Text(TextCommand),
    /// Delivery receipts
    #[command(subcommand)]
    Receipt(ReceiptCommand),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End when all messages have reached their last state: exit code 0 when each is the expected
    /// one, 3 otherwise
    #[arg(long)]
    once: bool,
    /// Seed of everything random [default: 1, and another one for each run over a --store]
    #[arg(long)]
    seed: Option<u64>,
    /// Folder of the store [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "SIGNALBOX_CONFIG",
        default_value = "/etc/signalbox/signalbox.toml"
    )]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Effective values with their origin; secrets are masked
    Show(ConfigArgs),
    /// JSON Schema of the file
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Recipient
    #[arg(long)]
    to: String,
    /// Sender
    #[arg(long, default_value = "")]
    from: String,
    /// Text
    #[arg(long)]
    text: String,
    /// Wait for this state (accepted, sent, delivered); exit code 3 when another one is the last
    #[arg(long, value_name = "STATE", default_value = "delivered")]
    wait: String,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// The gateway
    #[arg(long, env = "SIGNALBOX_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Key of the account
    #[arg(long, env = "SIGNALBOX_KEY", hide_env_values = true)]
    key: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PduCommand {
    /// One PDU per argument or line, in hexadecimal
    Decode {
        /// PDUs; `-` or none: lines of stdin
        hex: Vec<String>,
        /// One JSON object per PDU
        #[arg(long)]
        json: bool,
    },
    /// The JSON of `pdu decode --json` back to hexadecimal. Deviations from the specification that
    /// the object does not name in `deviations` are made and told on stderr; so are those that it
    /// names and that encoding does not reproduce
    ///
    /// By hand `command` is enough: fields that are not given are 0 or empty, sequence_number is 1.
    /// A status may be given by name (ESME_RTHROTTLED), a tag by name or as "0x1400".
    Encode {
        /// JSON objects; `-` or none: lines of stdin
        #[arg(value_name = "JSON")]
        pdus: Vec<String>,
        /// Such deviations are errors
        #[arg(long)]
        strict: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TextCommand {
    /// Coding, septets or octets, and number of segments of each text; with --json the segments
    ///
    /// Beside `text` an object may have these wishes:
    ///
    /// preferred_encoding: auto (default), gsm7, ia5, octets, latin1, shift-jis, iso-8859-5,
    /// iso-8859-8, ucs2, iso-2022-jp, euc-jp, euc-kr, or utf8 where default_alphabet is utf8
    ///
    /// encoding_strict: true makes a character that the preferred coding lacks an error, not a
    /// reason for UCS-2
    ///
    /// default_alphabet: the coding that data_coding 0 means; default gsm7
    ///
    /// languages: list of tr, es, pt, bn, gu, hi, kn, ml, or, pa, ta, te, ur whose national tables
    /// may be used
    ///
    /// transliterate: true replaces characters by similar ones rather than to go to UCS-2; the
    /// answer tells them in `changed`
    ///
    /// long_message: udh8 (default), udh16, sar, payload
    ///
    /// reference: number of a message in several segments, 0 to 255 with udh8, else to 65535
    ///
    /// segments_max: 1 to 255 (default)
    ///
    /// segment_octets: user data of a segment, 20 to 140 (default)
    Plan {
        /// Texts (after `--` if one begins with `-`), or with --json objects as {"text": "…"}; `-` or
        /// none: lines of stdin
        #[arg(value_name = "TEXT")]
        texts: Vec<String>,
        /// One JSON object per text in, and one out
        #[arg(long)]
        json: bool,
    },
    /// Text of octets
    ///
    /// Beside `data_coding` and `hex` an object may have `udh_hex`, the user data header whose
    /// national tables count (taken off `hex` if it stands there too), and `default_alphabet`, the
    /// coding that data_coding 0 means (default gsm7).
    Decode {
        /// `DATA_CODING HEX` in one argument, such as "8 0041", or with --json objects as
        /// {"data_coding": 8, "hex": "…"}; `-` or none: lines of stdin
        #[arg(value_name = "OCTETS")]
        octets: Vec<String>,
        /// One JSON object in, and one out
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Fields of each receipt text, what its state means, and whether it is the last
    ///
    /// What cannot be read is marked with `!`: a date with its text, a state of an unknown `stat`.
    /// With --json such a receipt has `submit_date_text` or `done_date_text`, and `stat_known`.
    Parse {
        /// Receipt texts; `-` or none: lines of stdin
        #[arg(value_name = "TEXT")]
        texts: Vec<String>,
        /// One JSON object per text
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => demo::demo(&args),
        Command::Run(args) => run::run(&args.config),
        Command::Check(args) => check::check(&args.config),
        Command::Config(ConfigCommand::Show(args)) => check::show(&args.config),
        Command::Config(ConfigCommand::Schema) => check::schema(),
        Command::Send(args) => send::send(&args),
        Command::Pdu(command) => tools::pdu(&command),
        Command::Text(command) => tools::text(&command),
        Command::Receipt(command) => tools::receipt(&command),
    }
}

/// Starts the runtime that everything but the engine runs on.
fn block_on<F: Future<Output = ExitCode>>(future: F) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => {
            errln!("signalbox: the system gives no threads: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}
