//! The simulator as a library: start one, ask it, tell it, stop it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::behaviour::Behaviour;
use crate::capture::Capture;
use crate::clock::{Clock, ClockError, ClockMode, Forward, SmscTime};
use crate::control::Control;
use crate::delivery::{DeliveryResult, Mo};
use crate::filter::Match;
use crate::message::Message;
use crate::registry::{Disconnect, Fired, SessionInfo};
use crate::scenario::Scenario;
use crate::server::{self, MADE_MAX, Made};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::smscs::Smscs;
use crate::socket::Transport;
use crate::tls::TlsSettings;
use crate::verify::{self, Verify, VerifyError};

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

/// Why an SMSC did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Listen {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The capture file cannot be written.
    CaptureFile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A setting has a value that cannot be.
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The certificates or the key cannot be used.
    Tls(
        /// What is wrong with them.
        String,
    ),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen {
                setting,
                address,
                error,
            } => write!(f, "cannot listen on {address} ({setting}): {error}"),
            Self::CaptureFile { path, error } => {
                write!(f, "cannot write the capture to {}: {error}", path.display())
            }
            Self::Setting { setting, problem } => write!(f, "{setting}: {problem}"),
            Self::Tls(problem) => write!(f, "tls: {problem}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Settings of an SMSC that is about to start.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    /// Key of everything that looks random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// system_id in bind responses.
    #[must_use]
    pub fn system(mut self, system_id: &str) -> Self {
        system_id.clone_into(&mut self.settings.system_id);
        self
    }

    /// Lets this account bind, and from then on only those that are named.
    #[must_use]
    pub fn account(mut self, system_id: &str, password: &str) -> Self {
        let account = (system_id.to_owned(), password.to_owned());
        self.settings.accounts.push(account);
        self
    }

    /// How messages are treated at the start.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.settings.behaviour = behaviour;
        self
    }

    /// A clock that stands at this time, ms since 1970, until it is moved.
    #[must_use]
    pub const fn virtual_clock(mut self, unix_ms: u64) -> Self {
        self.settings.virtual_clock_unix_ms = Some(unix_ms);
        self
    }

    /// Rules and faults from the start.
    #[must_use]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.settings.scenario = scenario;
        self
    }

    /// Changes any other setting.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] names the setting and the address or value that is at fault.
    pub async fn start(self) -> Result<Smsc, StartError> {
        Smsc::start(self.settings).await
    }
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
        let capture = Capture::new(settings.capture_octets_max, file)?;
        let shared = Arc::new(Shared::new(settings, clock, capture));
        let (stop, stopped) = oneshot::channel();
        let (made, to_be_served) = mpsc::channel(MADE_MAX);
        let control = Control::new(Arc::clone(&shared), made);
        let smscs = Smscs::new(control.clone(), smpp_address);
        Ok(Self {
            smpp_address,
            tls_address,
            http_address,
            server: tokio::spawn(server::run(smpp, tls, to_be_served, shared, stopped)),
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
        ClockControl(&self.control)
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
    /// The first that none came for.
    pub async fn verify_sequence(
        &self,
        wanted: &[Match],
        within: Duration,
    ) -> Result<Vec<Message>, VerifyError> {
        verify::verify_sequence(&self.control, wanted, true, within).await
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

    /// Puts a scenario in the place of the one before, from the next message on.
    pub fn set_scenario(&self, scenario: Scenario) {
        self.control.replace_scenario(scenario);
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
            tracing::warn!("sessions did not unbind in time");
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

/// The clock of an SMSC.
#[derive(Clone, Copy, Debug)]
pub struct ClockControl<'a>(&'a Control);

impl ClockControl<'_> {
    /// What moves it.
    #[must_use]
    pub fn mode(&self) -> ClockMode {
        self.0.clock().0
    }

    /// What it shows, ms since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.0.clock().1.unix_ms()
    }

    /// Sets what moves it; what it shows stays.
    pub async fn set_mode(&self, mode: ClockMode) {
        let set = self.0.set_clock(Some(mode), None).await;
        set.expect("the time stays the same");
    }

    /// Moves it forward, and answers when the sessions have done what came due by that.
    ///
    /// # Errors
    /// More than 100 years.
    pub async fn advance(&self, by: Duration) -> Result<Vec<Fired>, ClockError> {
        self.0.set_clock(None, Some(Forward::By(by))).await
    }

    /// Moves it forward to a time, ms since 1970, and answers when the sessions have done what came
    /// due by that.
    ///
    /// # Errors
    /// That time is in the past, or more than 100 years away.
    pub async fn advance_to(&self, unix_ms: u64) -> Result<Vec<Fired>, ClockError> {
        let to = Forward::To(SmscTime::from_unix_ms(unix_ms));
        self.0.set_clock(None, Some(to)).await
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
