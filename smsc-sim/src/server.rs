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

use crate::connection::Connection;
use crate::registry::Disconnect;
use crate::shared::Shared;
use crate::socket::Socket;

/// Pause after a connection that could not be accepted, so that a lack of file descriptors does
/// not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, then unbinds all sessions and waits for their end. Dropped, it closes
/// everything at once.
pub(crate) async fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => accept(&mut sessions, &shared, stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a session's task failed");
                }
            }
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    shared.registry().end_all(Disconnect::Unbind);
    while sessions.join_next().await.is_some() {}
}

fn accept(sessions: &mut JoinSet<()>, shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let counters = &shared.counters;
    if sessions.len() >= shared.settings.connections_max {
        counters.connections_refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%peer, "connection refused: there are too many");
        return;
    }
    counters.connections.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small PDUs may be delayed");
    }
    sessions.spawn(serve(Arc::clone(shared), stream, peer));
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let now = Instant::now();
    let reset = Arc::new(AtomicBool::new(false));
    let (control_sender, control) = mpsc::unbounded_channel();
    // Deliveries come by the mailbox, so that they outlive the session.
    let (_requests_sender, requests) = mpsc::channel(1);
    let connected_unix_ms = shared.epoch.unix_ms(now);
    let id = shared
        .registry()
        .connect(peer, connected_unix_ms, control_sender);
    tracing::info!(session = id, %peer, "connected");
    let _entry = RegistryEntry {
        shared: Arc::clone(&shared),
        id,
    };
    let session = Session::new(now, shared.settings.session.clone());
    let owner = Connection::new(Arc::clone(&shared), id, Arc::clone(&reset), now);
    let socket = Socket::new(stream, reset);
    let config = DriverConfig::default();
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
