//! The command line. Its environment names are those that users of smscsim's image know.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use smsc_sim::{
    Behaviour, CertificateFlaw, IdStyle, Scenario, Settings, TlsSettings, parse_duration,
};

use crate::captures::{CaptureCommand, ReplayArgs};
use crate::generate::LoadArgs;
use crate::ready::ReadyArgs;

/// What the last two digits of a number under +999 order.
const MAGIC_DESTINATIONS: &str = "\
Numbers under +999 belong to nobody; their last two digits are orders:
  00 delivered       01 UNDELIV err 001   02 EXPIRED      03 DELETED     04 REJECTD
  05 UNKNOWN         06 ACCEPTD only      07 ENROUTE, DELIVRD 5 s later
  10 no receipt      11 receipt before the response       12 receipt twice
  13 decimal id      14 hexadecimal id with leading zeros 15 unknown id
  20 ESME_RTHROTTLED 21 ESME_RMSGQFUL     22 ESME_RSYSERR 23 ESME_RINVDSTADR
  24 ESME_RINVSRCADR 25 ESME_RSUBMITFAIL  30 no response  31 response after 10 s
  32 disconnect before the response       33 after it     34 reset       40 garbage";

/// SMSC simulator and load generator.
#[derive(Debug, Parser)]
#[command(
    name = "smsc-sim",
    version,
    about,
    after_help = MAGIC_DESTINATIONS,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What else it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bind to an SMSC and send messages; print throughput, latency and CPU per message.
    Load(Box<LoadArgs>),
    /// Read captures of SMPP traffic, pcap or pcapng.
    #[command(subcommand)]
    Capture(CaptureCommand),
    /// Play one side of a captured session again: the same as capture replay.
    Replay(ReplayArgs),
}

/// Settings of the SMSC.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Port of SMPP; 0: any free one.
    #[arg(long, env = "SMSC_PORT", default_value_t = 2775)]
    smpp_port: u16,
    /// Port of the control API; 0: any free one.
    #[arg(long, env = "WEB_PORT", default_value_t = 8081)]
    http_port: u16,
    /// Address that both listen on.
    #[arg(long, default_value = "127.0.0.1")]
    bind_address: IpAddr,
    /// Name that requests to the control API may have in Host beside localhost and the address
    /// above; repeat it for several; *: any name.
    #[arg(long, value_name = "NAME")]
    http_host: Vec<String>,
    /// Port of SMPP over TLS; 0: any free one. Default: no TLS. Without --tls-cert a certificate
    /// for localhost is made, and GET tls tells what to trust.
    #[arg(long)]
    smpp_tls_port: Option<u16>,
    /// Certificate that is shown, and those that vouch for it: PEM.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        requires = "smpp_tls_port"
    )]
    tls_cert: Option<PathBuf>,
    /// Its private key: PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authorities of the certificates that clients must show: PEM. Default: they show none.
    #[arg(long, value_name = "FILE", requires = "smpp_tls_port")]
    tls_client_ca: Option<PathBuf>,
    /// What is wrong with the certificate that is made: none, expired, wrong_name.
    #[arg(long, value_name = "FLAW", default_value = "none", value_parser = flaw,
        requires = "smpp_tls_port", conflicts_with = "tls_cert")]
    tls_flaw: CertificateFlaw,
    /// Key of everything that looks random; default: another one at each start.
    #[arg(long)]
    seed: Option<u64>,
    /// system_id in bind responses.
    #[arg(long, default_value = "SMSC")]
    system_id: String,
    /// Who may bind; repeat it for several. Default: anybody.
    #[arg(long, value_name = "SYSTEM_ID:PASSWORD", value_parser = account)]
    account: Vec<(String, String)>,
    /// Delay of every response, such as 50ms.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// Messages per second and bind, such as 100/s; more are answered with ESME_RTHROTTLED.
    #[arg(long, value_parser = rate)]
    rate_limit: Option<NonZeroU32>,
    /// From the response to the receipt, such as 2s.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    receipt_delay: Duration,
    /// How message ids are written: hex, decimal, uuid.
    #[arg(long, default_value = "hex")]
    id_style: IdStyle,
    /// Rules for messages and faults, in TOML.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Rules for the lazy: healthy, flaky, throttling(TPS), slow, dead(bind_refused),
    /// dead(timeout_all), reorder, memory-hog. They come behind those of --scenario.
    #[arg(long, value_name = "NAME", value_parser = Scenario::profile)]
    profile: Option<Scenario>,
    /// Behave like another simulator: smppsim takes the end of a message from the first digit of
    /// its destination (1 EXPIRED, 2 DELETED, 3 UNDELIV, 4 ACCEPTD, 5 REJECTD) and has GET
    /// /inject_mo.
    #[arg(long, value_name = "SIMULATOR", value_parser = ["smppsim"])]
    compat: Option<String>,
    /// Fail all messages as smscsim does: ESME_RSYSERR for an even sequence_number, a receipt
    /// UNDELIV for an odd one.
    #[arg(long, env = "FAILED_SUBMITS", value_parser = clap::value_parser!(bool), num_args = 0..=1,
        default_value_t = false, default_missing_value = "true")]
    failed_submits: bool,
    /// Check each client against SMPP v3.4: departures are logged and listed by GET conformance.
    #[arg(long)]
    conformance: bool,
    /// Open requests that a client may have without being reported by --conformance.
    #[arg(long, value_name = "REQUESTS", default_value_t = 10)]
    conformance_window: usize,
    /// Messages kept for the control API; 0: none.
    #[arg(long, default_value_t = 10_000)]
    record: usize,
    /// Octets of all sessions of an SMSC kept for GET capture.pcapng; 0: none.
    #[arg(long, default_value_t = 8 * 1024 * 1024)]
    capture_octets: usize,
    /// Octets that all SMSCs keep for it together; each gets its share.
    #[arg(long, value_name = "OCTETS", default_value_t = 64 * 1024 * 1024)]
    capture_octets_total: usize,
    /// Write all octets of all sessions to this pcapng file, 1 GiB at most.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Connections at the same time.
    #[arg(long, default_value_t = 10_000)]
    connections_max: usize,
    #[command(flatten)]
    pub(crate) ready: ReadyArgs,
}

impl ServeArgs {
    /// The settings that these arguments mean. Reads the scenario file.
    ///
    /// # Errors
    /// What is wrong with the file, one line each.
    pub(crate) fn settings(self) -> Result<Settings, String> {
        let scenario = self.rules()?;
        let tls = self.tls()?;
        Ok(Settings {
            tls,
            conformance: self.conformance,
            conformance_window_size: self.conformance_window,
            scenario,
            inject_mo: self.compat.is_some(),
            smpp_address: SocketAddr::new(self.bind_address, self.smpp_port),
            http_address: Some(SocketAddr::new(self.bind_address, self.http_port)),
            seed: self.seed.unwrap_or_else(random_seed),
            system_id: self.system_id,
            accounts: self.account,
            behaviour: Behaviour {
                latency: self.latency,
                rate_limit: self.rate_limit,
                receipt_delay: self.receipt_delay,
                id_style: self.id_style,
                ..Behaviour::default()
            },
            record_messages_max: self.record,
            capture_octets_max: self.capture_octets,
            capture_octets_total_max: self.capture_octets_total,
            http_hosts: self.http_host,
            capture_file: self.capture,
            connections_max: self.connections_max,
            ..Settings::default()
        })
    }

    /// Those of the file, then those of the profiles.
    fn rules(&self) -> Result<Scenario, String> {
        let mut scenario = match &self.scenario {
            Some(path) => read_scenario(path)?,
            None => Scenario::default(),
        };
        let failing = self.failed_submits.then_some("failed_submits");
        for name in failing.into_iter().chain(self.compat.as_deref()) {
            scenario = scenario.followed_by(Scenario::profile(name)?);
        }
        Ok(scenario.followed_by(self.profile.clone().unwrap_or_default()))
    }

    fn tls(&self) -> Result<Option<TlsSettings>, String> {
        let Some(port) = self.smpp_tls_port else {
            return Ok(None);
        };
        let address = SocketAddr::new(self.bind_address, port);
        let mut tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let certificate = read_certificates("--tls-cert", certificate)?;
                TlsSettings::new(address, certificate, read("--tls-key", key)?)
            }
            _ => TlsSettings::generated(address, self.tls_flaw)?,
        };
        let client_ca = self.tls_client_ca.as_deref();
        tls.client_ca_pem = client_ca
            .map(|path| read_certificates("--tls-client-ca", path))
            .transpose()?;
        Ok(Some(tls))
    }
}

fn flaw(name: &str) -> Result<CertificateFlaw, String> {
    let flaws = CertificateFlaw::NAMED;
    let found = flaws.into_iter().find(|(known, _)| *known == name);
    found
        .map(|(_, flaw)| flaw)
        .ok_or_else(|| "wanted: none, expired or wrong_name".to_owned())
}

pub(crate) fn read(option: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{option} {}: {error}", path.display()))
}

/// PEM with at least one certificate.
fn read_certificates(option: &str, path: &Path) -> Result<String, String> {
    let pem = read(option, path)?;
    match pem.contains("-----BEGIN CERTIFICATE-----") {
        true => Ok(pem),
        false => Err(format!(
            "{option} {}: there is no certificate in it",
            path.display()
        )),
    }
}

fn read_scenario(path: &Path) -> Result<Scenario, String> {
    let text = read("--scenario", path)?;
    Scenario::from_toml(&path.display().to_string(), &text).map_err(|errors| errors.to_string())
}

/// Bits of a seed that nobody named: JavaScript reads whole numbers of JSON up to here.
const SEED_BITS: u32 = 53;

/// The keys of the standard library's hash maps are the system's random numbers.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> (u64::BITS - SEED_BITS)
}

fn account(text: &str) -> Result<(String, String), String> {
    let (system_id, password) = text
        .split_once(':')
        .ok_or_else(|| "wanted: SYSTEM_ID:PASSWORD".to_owned())?;
    if system_id.is_empty() || system_id.len() > 15 || password.len() > 8 {
        return Err("SYSTEM_ID has 1 to 15 characters, PASSWORD at most 8".to_owned());
    }
    Ok((system_id.to_owned(), password.to_owned()))
}

/// A whole number with its unit, a day at most.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| *duration <= Duration::from_secs(24 * 3_600))
        .ok_or_else(|| "wanted: a whole number with ms, s, m or h, at most 24h".to_owned())
}

fn rate(text: &str) -> Result<NonZeroU32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse()
        .map_err(|_| "wanted: a whole number from 1 on, such as 100/s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations_rates_and_accounts() {
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert!(duration("25h").is_err() && duration("5").is_err());
        assert_eq!(rate("100/s").map(NonZeroU32::get), Ok(100));
        assert!(rate("0/s").is_err() && rate("x").is_err());
        assert_eq!(account("a:b:c"), Ok(("a".to_owned(), "b:c".to_owned())));
        assert!(account("a").is_err() && account("a:123456789").is_err());
    }
}
