//! Accepts connections and gives each a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signalbox_session::Session;
use signalbox_session::driver::{DriverConfig, drive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::capture::Tap;
use crate::connection::Connection;
use crate::events::What;
use crate::registry::{Control, Disconnect, Outbind};
use crate::shared::Shared;
use crate::socket::{Socket, Transport};

/// Pause after a connection that could not be accepted, so that a lack of file descriptors does
/// not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections made from here that may wait to be taken.
pub(crate) const MADE_MAX: usize = 16;

/// A connection that was made from here and did not come to the port.
#[derive(Debug)]
pub(crate) struct Made {
    /// What carries it.
    pub(crate) transport: Transport,
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Sent first.
    pub(crate) outbind: Option<Outbind>,
}

/// Serves until told to stop, then unbinds all sessions and waits for their end. Dropped, it closes
/// everything at once. Without a listener only what is made here is served.
pub(crate) async fn run(
    listener: Option<TcpListener>,
    mut made: mpsc::Receiver<Made>,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(listener.as_ref()) => match accepted {
                Ok((stream, peer)) => {
                    let transport = Transport::Tcp(stream);
                    start(&mut sessions, &shared, Made { transport, peer, outbind: None });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(made) = made.recv() => start(&mut sessions, &shared, made),
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a session's task failed");
                }
            }
            _ = &mut stopped => break,
        }
    }
    drop((listener, made));
    shared.registry().end_all(Disconnect::Unbind);
    while sessions.join_next().await.is_some() {}
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn start(sessions: &mut JoinSet<()>, shared: &Arc<Shared>, made: Made) {
    let counters = &shared.counters;
    let peer = made.peer;
    if sessions.len() >= shared.settings.connections_max {
        counters.connections_refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%peer, "connection refused: there are too many");
        return;
    }
    counters.connections.fetch_add(1, Ordering::Relaxed);
    if let Transport::Tcp(stream) = &made.transport
        && let Err(error) = stream.set_nodelay(true)
    {
        tracing::debug!(%error, "small PDUs may be delayed");
    }
    sessions.spawn(serve(Arc::clone(shared), made));
}

async fn serve(shared: Arc<Shared>, made: Made) {
    let now = Instant::now();
    let peer = made.peer;
    let reset = Arc::new(AtomicBool::new(false));
    let (control_sender, control) = mpsc::unbounded_channel();
    let we_connected = made.outbind.is_some();
    if let Some(outbind) = made.outbind {
        // The receiver stands right here.
        let _ = control_sender.send(Control::Outbind(outbind));
    }
    // Deliveries come by the mailbox, so that they outlive the session.
    let (_requests_sender, requests) = mpsc::channel(1);
    let connected_unix_ms = shared.time().unix_ms();
    let id = shared
        .registry()
        .connect(peer, connected_unix_ms, control_sender);
    tracing::info!(session = id, %peer, "connected");
    shared.tell(shared.time(), Some(id), What::Connected { peer });
    let _entry = RegistryEntry {
        shared: Arc::clone(&shared),
        id,
    };
    let session = Session::new(now, shared.settings.session.clone());
    // It reads the clock after it was entered, so it misses no change of it.
    let owner = Connection::new(Arc::clone(&shared), id, Arc::clone(&reset));
    let ours = made.transport.local_addr().unwrap_or(peer);
    let tap = Tap::new(&shared.capture, id, ours, peer, we_connected);
    let socket = Socket::new(made.transport, reset, tap);
    let config = DriverConfig {
        exact_timeouts: true,
        ..DriverConfig::default()
    };
    let (owner, _) = drive(socket, session, owner, requests, control, config).await;
    owner.leave();
}

/// Takes the session out of the registry however its task ends, be it by a panic.
struct RegistryEntry {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for RegistryEntry {
    fn drop(&mut self) {
        self.shared.registry().disconnect(self.id);
    }
}
