//! `smsc-sim load`: its arguments, its progress on stderr, its results on stdout and in files.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use smsc_sim::load::{
    self, ClientTls, Environment, LoadSettings, Mix, Pace, Progress, Schedule, Summary, Target,
    Threshold, Trust,
};
use tokio::sync::Notify;

use crate::args::{duration, read};
use crate::{EXIT_FAILED, interrupt, print_error, print_results};

/// Messages per second when neither a rate nor a window is named.
const RATE_DEFAULT: u32 = 1_000;
/// Window of a closed loop when none is named.
const WINDOW_CLOSED_DEFAULT: u32 = 100;
/// Window of an open loop when none is named: so large that the schedule decides.
const WINDOW_OPEN_DEFAULT: u32 = 10_000;
/// Octets of each text when neither they nor a mix are named.
const OCTETS_DEFAULT: u16 = 140;
/// Authorities that the system trusts, as Debian and most others keep them.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Octets of a file of kinds at most.
const MIX_FILE_OCTETS_MAX: u64 = 64 * 1024;
/// Recipients that there are.
const RECIPIENTS: u64 = 100_000_000_000;
/// Windows of a sweep at most.
const SWEEP_MAX: usize = 32;

/// Settings of the load generator.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// smpp://SYSTEM_ID:PASSWORD@HOST:PORT, or the gateway's API as http://KEY@HOST:PORT; over TLS
    /// smpps:// and https://.
    #[arg(long)]
    target: Target,
    /// Authorities that vouch for the target's certificate: PEM. Default: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Take whatever certificate the target shows.
    #[arg(long, conflicts_with_all = ["ca", "server_name"])]
    insecure: bool,
    /// Name that its certificate must have; default: the host.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Our certificate and its private key, both in one file: PEM.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Open loop: messages per second of all binds, each at its time whatever became of those
    /// before it. Default, without --closed, --window and --sweep: 1000.
    #[arg(long, value_parser = rate)]
    rate: Option<u32>,
    /// Closed loop: keep the windows full, to find the capacity.
    #[arg(long, conflicts_with = "rate")]
    closed: bool,
    /// Messages without response at the same time, per bind; without --rate it means --closed.
    /// Default: 100 in a closed loop, 10000 in an open one. With HTTP: messages of one request, as
    /// NDJSON if there are more than one; default 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: Option<u32>,
    /// Closed loop with one window after the other, such as 1,2,5,10; prints a table.
    #[arg(long, value_name = "WINDOWS", value_parser = sweep, conflicts_with_all = ["rate", "window"])]
    sweep: Option<Windows>,
    /// Connections.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    binds: u32,
    /// How long messages are sent and measured.
    #[arg(long, default_value = "5s", value_parser = duration)]
    duration: Duration,
    /// How long messages are sent before that and not measured; at least as long as --ramp.
    #[arg(long, default_value = "0s", value_parser = duration)]
    warmup: Duration,
    /// How long an open loop takes from no messages to its rate; nothing of that is measured.
    #[arg(long, value_parser = duration, conflicts_with_all = ["closed", "sweep"])]
    ramp: Option<Duration>,
    /// Messages at most.
    #[arg(long)]
    messages: Option<u64>,
    /// Octets of each text; default 140.
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=254), conflicts_with = "mix")]
    octets: Option<u16>,
    /// Kinds of texts and their shares: default (45 % of 25 characters, 45 % of 150, 10 % UCS-2)
    /// or CODING:CHARACTERS=SHARE,… with gsm7, latin1, binary, ucs2; or a file with such kinds.
    #[arg(long, value_name = "MIX|FILE", value_parser = mix)]
    mix: Option<Mix>,
    /// Ask for receipts, wait for them and time them; with HTTP the callbacks that tell how a
    /// message ended, which are received on a port of ours.
    #[arg(long)]
    receipts: bool,
    /// How long receipts are waited for after the last response; what comes later is missing.
    #[arg(long, default_value = "10s", value_parser = duration)]
    receipt_wait: Duration,
    /// Number of the first recipient, which the others follow. Default: by the time, so that no
    /// receipt of an earlier load is taken for one of this.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..RECIPIENTS))]
    recipients_from: Option<u64>,
    /// How long a response may take, so long also after the last message; then it is unanswered,
    /// and with HTTP the load is over.
    #[arg(long, default_value = "30s", value_parser = timer)]
    response_timer: Duration,
    /// Where callbacks are received. Default: any free port, at the address that the target is
    /// reached from.
    #[arg(long, value_name = "IP:PORT", requires = "receipts")]
    callback_address: Option<SocketAddr>,
    /// Exit code 3 if this holds, such as 'p99>50ms', 'errors>0.1%', 'rate<950/s' or
    /// 'receipts_missing>0'; repeat it for several.
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Threshold>,
    /// Write the results as JSON to this file; - is stdout.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write the distribution of the latency to this file, as HdrHistogram's plotters read it.
    #[arg(long, value_name = "FILE", conflicts_with = "sweep")]
    hgrm: Option<String>,
    /// Write the distribution of the latency of each second to this file: HdrHistogram's interval
    /// log.
    #[arg(long, value_name = "FILE", conflicts_with = "sweep")]
    hlog: Option<PathBuf>,
    /// Process of the SMSC: its CPU time is reported too.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// No line on stderr each second.
    #[arg(long)]
    quiet: bool,
}

/// Windows of a sweep.
#[derive(Clone, Debug)]
struct Windows(Vec<u32>);

impl LoadArgs {
    /// # Errors
    /// What does not go together, or which file cannot be read.
    fn settings(&self) -> Result<LoadSettings, String> {
        let open = self.rate.is_some() || !(self.closed || self.window.is_some());
        let (pace, window_default) = if open && self.sweep.is_none() {
            let ramp = self.ramp.unwrap_or_default();
            let schedule = Schedule::new(self.rate.unwrap_or(RATE_DEFAULT), ramp);
            (Pace::Open(schedule), WINDOW_OPEN_DEFAULT)
        } else {
            (Pace::Closed, WINDOW_CLOSED_DEFAULT)
        };
        let http = self.target.scheme.is_http();
        if self.callback_address.is_some() && !http {
            return Err("--callback-address needs http:// or https://".to_owned());
        }
        let window_default = if http { 1 } else { window_default };
        let octets = self.octets.unwrap_or(OCTETS_DEFAULT);
        let mix = self.mix.clone();
        Ok(LoadSettings {
            tls: self.tls()?,
            pace,
            window_size: self.window.unwrap_or(window_default),
            binds: self.binds,
            warmup: self.warmup,
            duration: self.duration,
            messages_max: self.messages,
            receipts: self.receipts,
            recipients_from: self.recipients_from,
            response_timer: self.response_timer,
            receipt_wait: self.receipt_wait,
            callback_address: self.callback_address,
            mix: mix.unwrap_or_else(|| Mix::of_octets(octets)),
            server_pid: self.server_pid,
            ..LoadSettings::new(self.target.clone())
        })
    }

    fn tls(&self) -> Result<ClientTls, String> {
        let named = self.ca.is_some() || self.identity.is_some() || self.server_name.is_some();
        if !self.target.scheme.is_tls() {
            return if named || self.insecure {
                Err(
                    "--ca, --insecure, --server-name and --identity need smpps:// or https://"
                        .into(),
                )
            } else {
                Ok(ClientTls::default())
            };
        }
        let trust = match &self.ca {
            Some(path) => Trust::Authorities(read("--ca", path)?),
            None if self.insecure => Trust::Anybody,
            None => Trust::Authorities(read("--ca (by default)", Path::new(SYSTEM_AUTHORITIES))?),
        };
        let identity = self.identity.as_deref();
        Ok(ClientTls {
            trust,
            server_name: self.server_name.clone(),
            identity_pem: identity.map(|path| read("--identity", path)).transpose()?,
        })
    }
}

/// Runs the load. Exit code 3: it could not be run to its end, or a threshold was broken.
pub(crate) fn generate(args: &LoadArgs) -> Result<ExitCode, Box<dyn Error>> {
    let mut runtime = if args.binds == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.enable_all().build()?;
    // Whatever happens from here on, nobody takes the results of an earlier run for these.
    let json = args.json.as_deref().map(JsonOutput::create).transpose()?;
    let settings = args.settings()?;
    let mut log = args.hlog.as_deref().map(IntervalLog::create).transpose()?;
    let interrupt = interrupt::on_signals()?;
    let summary = runtime.block_on(measure(args, settings, &interrupt, log.as_mut()));
    for error in summary.errors() {
        print_error(format_args!("smsc-sim load: {error}"));
    }
    // An output that cannot be written costs none of the others.
    let printed = match json {
        Some(JsonOutput::Stdout) => print_results(&summary.to_json()),
        _ => print_results(&summary),
    };
    let written = match json {
        Some(JsonOutput::File(mut file)) => writeln!(file, "{}", summary.to_json()),
        _ => Ok(()),
    };
    if let (Some(file), [report]) = (&args.hgrm, summary.reports()) {
        std::fs::write(file, report.hgrm())?;
    }
    printed?;
    written?;
    if let Some(IntervalLog {
        error: Some(error),
        path,
        ..
    }) = log
    {
        return Err(format!("--hlog {}: {error}", path.display()).into());
    }
    Ok(if summary.has_failed() {
        ExitCode::from(EXIT_FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

async fn measure(
    args: &LoadArgs,
    settings: LoadSettings,
    interrupt: &Notify,
    mut log: Option<&mut IntervalLog>,
) -> Summary {
    let quiet = args.quiet;
    let mut progress = |progress: &Progress| {
        if let Some(log) = log.as_mut() {
            log.add(progress);
        }
        if !quiet {
            // Who closed stderr wants no progress.
            let _ = writeln!(io::stderr(), "{progress}");
        }
    };
    let environment = Environment::of_this_process(&args.target);
    let thresholds = args.fail_if.clone();
    if let Some(Windows(windows)) = &args.sweep {
        let reports = load::sweep_until(interrupt, &settings, windows, &mut progress).await;
        return Summary::of_sweep(reports, thresholds, environment);
    }
    let report = load::run_until(interrupt, settings, &mut progress).await;
    Summary::of_run(report, thresholds, environment)
}

/// Where the results go as JSON.
enum JsonOutput {
    Stdout,
    File(File),
}

impl JsonOutput {
    /// A file is emptied.
    fn create(path: &str) -> Result<Self, String> {
        if path == "-" {
            return Ok(Self::Stdout);
        }
        File::create(path)
            .map(Self::File)
            .map_err(|error| format!("--json {path}: {error}"))
    }
}

/// HdrHistogram's interval log, written while the load runs.
struct IntervalLog {
    path: PathBuf,
    file: File,
    begun: bool,
    error: Option<io::Error>,
}

impl IntervalLog {
    fn create(path: &Path) -> Result<Self, String> {
        let file =
            File::create(path).map_err(|error| format!("--hlog {}: {error}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            begun: false,
            error: None,
        })
    }

    /// The first error ends the log and is told at the end of the load.
    fn add(&mut self, progress: &Progress) {
        let Some(line) = progress.interval_log_line() else {
            return;
        };
        if self.error.is_some() {
            return;
        }
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            text = load::interval_log_head(SystemTime::now() - progress.elapsed());
        }
        text += &line;
        self.error = self.file.write_all(text.as_bytes()).err();
    }
}

fn rate(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    match number.parse() {
        Ok(rate @ 1..=10_000_000) => Ok(rate),
        _ => Err("wanted: a whole number from 1 to 10000000, such as 1000/s".to_owned()),
    }
}

/// Kinds, or the file that holds them.
fn mix(text: &str) -> Result<Mix, String> {
    let no_kinds = match text.parse() {
        Ok(mix) => return Ok(mix),
        Err(error) => error,
    };
    let file = match File::open(text) {
        Ok(file) => file,
        Err(error) => return Err(format!("{no_kinds}; and as a file: {error}")),
    };
    let mut kinds = String::new();
    let read = file
        .take(MIX_FILE_OCTETS_MAX + 1)
        .read_to_string(&mut kinds);
    read.map_err(|error| error.to_string())?;
    if kinds.len() as u64 > MIX_FILE_OCTETS_MAX {
        return Err(format!(
            "the file is longer than {MIX_FILE_OCTETS_MAX} octets"
        ));
    }
    Mix::of_file(&kinds).map_err(|error| error.to_string())
}

fn timer(text: &str) -> Result<Duration, String> {
    let timer = duration(text)?;
    if timer.is_zero() {
        return Err("wanted: at least 1ms".to_owned());
    }
    Ok(timer)
}

fn sweep(text: &str) -> Result<Windows, String> {
    let windows: Option<Vec<u32>> = text
        .split(',')
        .map(|window| {
            window
                .parse()
                .ok()
                .filter(|window| (1..=100_000).contains(window))
        })
        .collect();
    windows
        .filter(|windows| windows.len() <= SWEEP_MAX)
        .map(Windows)
        .ok_or_else(|| "wanted: at most 32 windows from 1 to 100000, such as 1,2,5,10".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn parse(args: &str) -> Result<LoadArgs, clap::Error> {
        let args = ["load", "--target", "smpp://u:p@h"]
            .into_iter()
            .chain(args.split_whitespace());
        Alone::try_parse_from(args).map(|alone| alone.load)
    }

    #[test]
    fn the_loop_is_open_unless_a_window_or_closed_says_otherwise() {
        let table = [
            ("", Some(1_000.0), 10_000),
            ("--rate 5/s", Some(5.0), 10_000),
            ("--rate 5 --window 7", Some(5.0), 7),
            ("--window 7", None, 7),
            ("--closed", None, 100),
            ("--sweep 1,2", None, 100),
        ];
        for (args, rate, window_size) in table {
            let settings = parse(args).unwrap().settings().unwrap();
            let seen = match settings.pace {
                Pace::Open(schedule) => Some(schedule.rate_per_s()),
                Pace::Closed => None,
            };
            assert_eq!((seen, settings.window_size), (rate, window_size), "{args}");
        }
    }

    #[test]
    fn a_mix_is_kinds_or_a_file_of_them() {
        let path = std::env::temp_dir().join(format!("smsc-sim-{}.mix", std::process::id()));
        let shown = path.to_str().unwrap();
        let long = "#".repeat(MIX_FILE_OCTETS_MAX as usize + 1);
        let table = [
            ("gsm7:25=45\ngsm7:150=45 # long\nucs2:60=10\n", ""),
            ("gsm8:25\n", "\"gsm8:25\" has an unknown coding"),
            (&long, "the file is longer than 65536 octets"),
        ];
        for (text, problem) in table {
            std::fs::write(&path, text).unwrap();
            match parse(&format!("--mix {shown}")) {
                Ok(args) => assert_eq!(args.mix, "default".parse().ok(), "{problem}"),
                Err(error) => {
                    let said = error.to_string();
                    assert!(!problem.is_empty() && said.contains(problem), "{said}");
                }
            }
        }
        std::fs::remove_file(&path).unwrap();
        let said = parse(&format!("--mix {shown}")).unwrap_err().to_string();
        assert!(said.contains("and as a file: No such file"), "{said}");
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for args in [
            "--rate 5 --closed",
            "--rate 0",
            "--sweep 0",
            "--sweep 1 --window 2",
            "--closed --ramp 1s",
            "--octets 3 --mix default",
            "--octets 255",
            "--fail-if p99",
            "--response-timer 0s",
        ] {
            assert!(parse(args).is_err(), "{args}");
        }
    }
}
