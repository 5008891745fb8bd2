//! Settings of an SMSC that hold from its start to its end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use signalbox_codec::CommandStatus;
use signalbox_codec::pdu::Bind;
use signalbox_session::{Role, SessionConfig};

use crate::behaviour::Behaviour;
use crate::scenario::Scenario;
use crate::smscs::MAIN;
use crate::tls::TlsSettings;

/// Accounts of an SMSC at most.
pub(crate) const ACCOUNTS_MAX: usize = 1_000;

/// What an SMSC is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the SMSC is called in logs and metrics. Default `main`.
    pub name: String,
    /// Where SMPP is listened on. Default 127.0.0.1, any free port.
    pub smpp_address: SocketAddr,
    /// Listens nowhere: there are only the sessions of [`crate::Smsc::connect`]. Default false.
    pub in_memory: bool,
    /// TLS on a port of its own; `None`: none. Default `None`.
    pub tls: Option<TlsSettings>,
    /// Where the control API is listened on; `None`: nowhere. Default `None`.
    pub http_address: Option<SocketAddr>,
    /// Names that requests to the control API may have in Host beside those of this machine; `*`:
    /// any name. Default: none.
    pub http_hosts: Vec<String>,
    /// Key of everything that looks random. Default 1.
    pub seed: u64,
    /// A clock that stands at this time, ms since 1970, until it is moved; `None`: the machine's.
    /// Default `None`.
    pub virtual_clock_unix_ms: Option<u64>,
    /// system_id in bind responses, at most 15 octets. Default `SMSC`.
    pub system_id: String,
    /// Who may bind, as system_id and password; empty: anybody. Default empty.
    pub accounts: Vec<(String, String)>,
    /// How messages are treated at the start.
    pub behaviour: Behaviour,
    /// Rules and faults from the start. Default: none.
    pub scenario: Scenario,
    /// Whether `GET /inject_mo` sends messages from phones, as in SMPPSim. Default false.
    pub inject_mo: bool,
    /// Whether each client is checked against SMPP v3.4. Default false.
    pub conformance: bool,
    /// Requests that a client may have open without being reported. Default 10, the guideline of
    /// SMPP v3.4.
    pub conformance_window_size: usize,
    /// Messages that are kept for those who ask, with 64 MiB of PDUs at most. Default 10,000;
    /// 0 keeps none, and nothing is counted for `wait_for_messages` either.
    pub record_messages_max: usize,
    /// Octets of all sessions that are kept as they went over the wire, for the capture; the oldest
    /// go. Default 8 MiB; 0 keeps none.
    pub capture_octets_max: usize,
    /// Octets that the captures of all SMSCs of a process keep together: from so many SMSCs on
    /// that it would be more, each keeps an equal share, and those beyond it go at once. What
    /// `main` says holds. Default 64 MiB.
    pub capture_octets_total_max: usize,
    /// File that all octets are written to as pcapng, 1 GiB at most. Default none.
    pub capture_file: Option<PathBuf>,
    /// Connections at the same time; one more is closed at once. Default 10,000.
    pub connections_max: usize,
    /// Timers and windows of every session.
    pub session: SessionConfig,
}

impl Settings {
    /// Octets that the capture of each SMSC keeps when there are so many.
    pub(crate) fn capture_octets_of_each(&self, smscs: usize) -> usize {
        let share = self.capture_octets_total_max / smscs.max(1);
        self.capture_octets_max.min(share)
    }

    /// Whether this may stand in a bind or its response. SMPP v3.4 §5.2.1.
    pub(crate) fn is_system_id(text: &str) -> bool {
        text.len() <= 15 && text.bytes().all(|octet| octet.is_ascii_graphic())
    }

    /// What a bind is answered with.
    pub(crate) fn judge_bind(&self, bind: &Bind<'_>) -> CommandStatus {
        let mut same_name = self
            .accounts
            .iter()
            .filter(|(system_id, _)| system_id.as_bytes() == bind.system_id.as_octets())
            .peekable();
        if self.accounts.is_empty() {
            CommandStatus::ESME_ROK
        } else if same_name.peek().is_none() {
            CommandStatus::ESME_RINVSYSID
        } else if same_name.any(|(_, password)| password.as_bytes() == bind.password.as_octets()) {
            CommandStatus::ESME_ROK
        } else {
            CommandStatus::ESME_RINVPASWD
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: MAIN.to_owned(),
            smpp_address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            in_memory: false,
            tls: None,
            http_address: None,
            http_hosts: Vec::new(),
            seed: 1,
            virtual_clock_unix_ms: None,
            system_id: "SMSC".to_owned(),
            accounts: Vec::new(),
            behaviour: Behaviour::default(),
            scenario: Scenario::default(),
            inject_mo: false,
            conformance: false,
            conformance_window_size: 10,
            record_messages_max: 10_000,
            capture_octets_max: 8 * 1024 * 1024,
            capture_octets_total_max: 64 * 1024 * 1024,
            capture_file: None,
            connections_max: 10_000,
            session: SessionConfig {
                session_init_timer: Duration::from_secs(5),
                ..SessionConfig::new(Role::Smsc)
            },
        }
    }
}
