//! The simulator as a library: start one, ask it, tell it, stop it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tracing::Instrument as _;

use crate::behaviour::Behaviour;
use crate::builder::{Builder, StartError};
use crate::capture::Capture;
use crate::clock::{Clock, ClockMode, SmscTime};
use crate::clock_control::ClockControl;
use crate::control::Control;
use crate::delivery::{DeliveryResult, Mo};
use crate::filter::{Filter, Match};
use crate::input::InputErrors;
use crate::message::Message;
use crate::registry::{Disconnect, SessionInfo};
use crate::scenario::{Rule, Scenario};
use crate::server::{self, MADE_MAX, Made};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::smscs::Smscs;
use crate::socket::Transport;
use crate::tls::TlsSettings;
use crate::verify::VerifyError;
use crate::wait::{self, Verify};

/// Octets on their way in each direction of [`Smsc::connect`].
const PIPE_OCTETS: usize = 64 * 1024;
/// Address of what is in memory.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// How long [`Smsc::stop`] waits for the sessions to unbind.
const STOP_MAX: Duration = Duration::from_secs(3);

/// A running SMSC. Dropped, it stops at once and frees its ports.
#[derive(Debug)]
pub struct Smsc {
    control: Control,
    smpp_address: SocketAddr,
    tls_address: Option<SocketAddr>,
    http_address: Option<SocketAddr>,
    server: JoinHandle<()>,
    http: Option<JoinHandle<()>>,
    /// The virtual ones, which end with this one.
    smscs: Smscs,
    stop: Option<oneshot::Sender<()>>,
}

impl Smsc {
    /// Settings to be changed, then [`Builder::start`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Settings of an SMSC without sockets; [`Smsc::connect`] gives the connections.
    #[must_use]
    pub fn in_memory() -> Builder {
        Self::builder().with(|settings| settings.in_memory = true)
    }

    /// Starts an SMSC on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] names the setting and the address or value that is at fault.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        if !Settings::is_system_id(&settings.system_id) {
            return Err(StartError::Setting {
                setting: "system_id",
                problem: "at most 15 printable ASCII characters are allowed",
            });
        }
        if settings.tls.is_none() {
            let scenario = settings.scenario.check_without_tls();
            scenario.map_err(StartError::Rules)?;
        }
        let smpp = match settings.in_memory {
            true => None,
            false => Some(listen("smpp_address", settings.smpp_address).await?),
        };
        let http = match settings.http_address {
            Some(address) => Some(listen("http_address", address).await?),
            None => None,
        };
        let tls = match &settings.tls {
            Some(tls) => Some(listen_tls(tls).await?),
            None => None,
        };
        let address = |listener: &TcpListener| listener.local_addr().ok();
        let tls_address = tls.as_ref().and_then(|(listener, _)| address(listener));
        let smpp_address = smpp.as_ref().and_then(address).unwrap_or(NOWHERE);
        let http_address = http.as_ref().and_then(address);
        let clock = clock(settings.virtual_clock_unix_ms);
        let file = settings.capture_file.clone();
        let capture = Capture::new(settings.capture_octets_of_each(1), file)?;
        let shared = Arc::new(Shared::new(settings, clock, capture));
        // Whatever is logged of this SMSC names it.
        let span = tracing::error_span!("smsc", name = %shared.settings.name);
        let (stop, stopped) = oneshot::channel();
        let (made, to_be_served) = mpsc::channel(MADE_MAX);
        let control = Control::new(Arc::clone(&shared), made);
        let smscs = Smscs::new(control.clone(), smpp_address, tls_address);
        Ok(Self {
            smpp_address,
            tls_address,
            http_address,
            server: tokio::spawn(
                server::run(smpp, tls, to_be_served, shared, stopped).instrument(span),
            ),
            http: http.map(|listener| tokio::spawn(crate::api::serve(listener, smscs.clone()))),
            smscs,
            control,
            stop: Some(stop),
        })
    }

    /// A connection that needs no socket; it is dropped when the SMSC has stopped.
    pub async fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(PIPE_OCTETS);
        let made = Made {
            transport: Transport::Memory(far),
            peer: NOWHERE,
            outbind: None,
        };
        // A server that has stopped drops the far end: the near one reads its end.
        let _ = self.control.serve(made).await;
        near
    }

    pub(crate) const fn control(&self) -> &Control {
        &self.control
    }

    /// The clock that responses, receipts, validity and schedules follow.
    #[must_use]
    pub const fn clock(&self) -> ClockControl<'_> {
        ClockControl::new(&self.control)
    }

    /// Where SMPP is listened on; port 0 when it is nowhere.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.smpp_address
    }

    /// Where SMPP over TLS is listened on.
    #[must_use]
    pub const fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Where the control API is listened on.
    #[must_use]
    pub const fn http_addr(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// The messages that are kept, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.control.messages(usize::MAX, |_| true)
    }

    /// Waits until `count` messages have come since the start (or since they were cleared), for
    /// `within` at most, and returns those that are kept.
    ///
    /// # Errors
    /// How many came instead.
    pub async fn wait_for_messages(
        &self,
        count: u64,
        within: Duration,
    ) -> Result<Vec<Message>, u64> {
        self.control.wait_for_messages(count, within).await
    }

    /// Waits for messages like this, and says what came instead.
    #[must_use]
    pub fn verify(&self, wanted: Match) -> Verify<'_> {
        Verify::new(&self.control, wanted)
    }

    /// Waits until there is a message for each of `wanted`, in this order, and gives them.
    ///
    /// # Errors
    /// The first that none came for, or that has a pattern that is none.
    pub async fn verify_sequence(
        &self,
        wanted: &[Match],
        within: Duration,
    ) -> Result<Vec<Message>, VerifyError> {
        let wanted: Result<Vec<Filter>, VerifyError> = wanted.iter().map(wait::read).collect();
        wait::verify_sequence(&self.control, &wanted?, true, within).await
    }

    /// Forgets the messages.
    pub fn clear_messages(&self) {
        self.control.clear_messages();
    }

    /// Sends a mobile-originated message and waits for its response.
    ///
    /// # Errors
    /// [`crate::DeliveryError`] when there is none.
    pub async fn inject_mo(&self, mo: &Mo) -> DeliveryResult {
        self.control.inject_mo(mo).await
    }

    /// The sessions, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.control.sessions()
    }

    /// Changes how messages are treated from the next one on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.control
            .change_behaviour(|current| *current = behaviour);
    }

    /// Puts a rule in front of the others, from the next message on.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn add_rule(&self, rule: Rule) -> Result<(), InputErrors> {
        let rule = rule.into_json();
        let added = self.control.change_script(|script| script.prepend(&rule));
        added.map(|_| ())
    }

    /// Puts a scenario in the place of the one before, from the next message on. Its faults of the
    /// handshake strike nobody where there is no TLS.
    pub fn set_scenario(&self, scenario: Scenario) {
        self.control.replace_scenario(scenario);
    }

    /// What clients do that they must not, as `GET conformance` shows it; `None` when they are not
    /// checked ([`Settings::conformance`]).
    #[must_use]
    pub fn conformance(&self) -> Option<serde_json::Value> {
        let report = self.control.conformance()?;
        Some(report.to_json(None))
    }

    /// Ends all sessions; new ones may connect.
    pub fn disconnect_all(&self, how: Disconnect) {
        self.control.disconnect_all(how);
    }

    /// Closes all sessions and the port at once, and waits until that is done.
    pub(crate) async fn close(mut self) {
        self.server.abort();
        // What is aborted ends as cancelled.
        let _ = (&mut self.server).await;
    }

    /// Unbinds all sessions, for 3 s at most, and stops.
    pub async fn stop(self) {
        self.smscs.stop_others().await;
        self.end().await;
    }

    /// Stops this one without those that end with it.
    pub(crate) async fn end(mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that has ended by itself needs no telling.
            let _ = stop.send(());
        }
        let ended = tokio::time::timeout(STOP_MAX, &mut self.server).await;
        if ended.is_err() {
            let smsc = &self.control.settings().name;
            tracing::warn!(smsc, "sessions did not unbind in time");
        }
        self.control.finish_capture();
    }
}

impl Drop for Smsc {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(http) = &self.http {
            http.abort();
        }
        self.smscs.drop_others();
    }
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| StartError::Listen {
        setting,
        address,
        error,
    })
}

async fn listen_tls(tls: &TlsSettings) -> Result<(TcpListener, TlsAcceptor), StartError> {
    let acceptor = tls.acceptor().map_err(StartError::Tls)?;
    Ok((listen("tls.address", tls.address).await?, acceptor))
}

fn clock(virtual_unix_ms: Option<u64>) -> Clock {
    let now = Instant::now();
    if let Some(unix_ms) = virtual_unix_ms {
        return Clock::new(now, ClockMode::Virtual, SmscTime::from_unix_ms(unix_ms));
    }
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let shown = SmscTime::from_unix_ms(0) + since_1970.unwrap_or_default();
    Clock::new(now, ClockMode::Real, shown)
}
