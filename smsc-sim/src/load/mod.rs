//! Load generator: binds to an SMSC and keeps its windows full, to measure what both sides can do.
//! Closed loop: latencies are those at capacity and not corrected for coordinated omission.

mod cpu;
mod generator;
mod histogram;
mod report;
mod target;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signalbox_codec::COctetStr;
use signalbox_codec::pdu::Bind;
use signalbox_session::driver::{DriverConfig, drive};
use signalbox_session::{BindType, CloseReason, Role, Session, SessionConfig};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::generator::{Generator, Results};
pub use self::report::Report;
pub use self::target::{Target, TargetError};

/// interface_version of the binds.
const INTERFACE_VERSION: u8 = 0x34;

/// What to generate.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// Where to and who.
    pub target: Target,
    /// submit_sm that wait for their responses at the same time, per bind. Default 100.
    pub window_size: u32,
    /// Connections. Default 1.
    pub binds: u32,
    /// How long new messages are sent. Default 5 s.
    pub duration: Duration,
    /// Messages of all binds at most; `None`: as many as the time allows.
    pub messages_max: Option<u64>,
    /// Whether receipts are asked for and waited for.
    pub receipts: bool,
    /// Octets of each message's text, at most 254. Default 140.
    pub text_octets: usize,
    /// Process whose CPU time is measured beside our own.
    pub server_pid: Option<u32>,
}

impl LoadSettings {
    /// Defaults for a target.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            window_size: 100,
            binds: 1,
            duration: Duration::from_secs(5),
            messages_max: None,
            receipts: false,
            text_octets: 140,
            server_pid: None,
        }
    }
}

/// Why there was no load.
#[derive(Debug)]
pub enum LoadError {
    /// The target cannot be connected to.
    Connect(io::Error),
    /// A session ended before the load did.
    Closed(CloseReason),
    /// CPU time cannot be read.
    Cpu(io::Error),
    /// A bind's task failed.
    Task(tokio::task::JoinError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Closed(reason) => write!(f, "a session ended early: {reason}"),
            Self::Cpu(error) => write!(f, "cannot read the CPU time: {error}"),
            Self::Task(error) => write!(f, "a bind's task failed: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Binds, generates, unbinds, reports.
///
/// # Errors
/// [`LoadError`] when a bind was not possible or did not live to the end.
pub async fn run(settings: LoadSettings) -> Result<Report, LoadError> {
    let settings = Arc::new(settings);
    let mut binds = JoinSet::new();
    let started = Instant::now();
    let cpu_before = cpu_times(&settings)?;
    for ordinal in 0..settings.binds {
        binds.spawn(bind_and_generate(Arc::clone(&settings), ordinal, started));
    }
    let mut results = Results::default();
    while let Some(ended) = binds.join_next().await {
        results.merge(&ended.map_err(LoadError::Task)??);
    }
    let cpu_after = cpu_times(&settings)?;
    let spent = |(before, after): (Option<Duration>, Option<Duration>)| {
        Some(after?.saturating_sub(before?))
    };
    Ok(Report {
        results,
        own_cpu: spent((Some(cpu_before.0), Some(cpu_after.0))).unwrap_or_default(),
        server_cpu: spent((cpu_before.1, cpu_after.1)),
        elapsed: started.elapsed(),
    })
}

/// CPU time of this process and of the server.
fn cpu_times(settings: &LoadSettings) -> Result<(Duration, Option<Duration>), LoadError> {
    let own = cpu::time_of("self").map_err(LoadError::Cpu)?;
    let server = match settings.server_pid {
        Some(pid) => Some(cpu::time_of(&pid.to_string()).map_err(LoadError::Cpu)?),
        None => None,
    };
    Ok((own, server))
}

async fn bind_and_generate(
    settings: Arc<LoadSettings>,
    ordinal: u32,
    started: Instant,
) -> Result<Results, LoadError> {
    let target = &settings.target;
    let address = (target.host.as_str(), target.port);
    let stream = TcpStream::connect(address)
        .await
        .map_err(LoadError::Connect)?;
    stream.set_nodelay(true).map_err(LoadError::Connect)?;
    let now = Instant::now();
    let config = SessionConfig {
        window_size: settings.window_size,
        ..SessionConfig::new(Role::Esme)
    };
    let mut session = Session::new(now, config);
    let bind = Bind {
        system_id: COctetStr::new(target.system_id.as_bytes()).unwrap_or_default(),
        password: COctetStr::new(target.password.as_bytes()).unwrap_or_default(),
        interface_version: INTERFACE_VERSION,
        ..Bind::default()
    };
    session
        .bind(now, BindType::Transceiver, &bind)
        .expect("a fresh session takes a bind");
    // The generator fills its window by itself: nothing comes by these, and they stay open.
    let (_requests_sender, requests) = mpsc::channel(1);
    let (_control_sender, control) = mpsc::unbounded_channel();
    let generator = Generator::new(&settings, ordinal, started + settings.duration);
    let config = DriverConfig {
        exact_timeouts: true,
        ..DriverConfig::default()
    };
    let (generator, reason) = drive(stream, session, generator, requests, control, config).await;
    match reason {
        CloseReason::LocalUnbind => Ok(generator.into_results()),
        reason => Err(LoadError::Closed(reason)),
    }
}
