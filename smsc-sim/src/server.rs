//! Accepts connections and gives each a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use signalbox_session::Session;
use signalbox_session::driver::{DriverConfig, drive};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::Instrument as _;

use crate::capture::Tap;
use crate::conformance::Ear;
use crate::connection::Connection;
use crate::events::What;
use crate::fault::HandshakeFault;
use crate::random::{self, Draws};
use crate::registry::{Control, Disconnect, Outbind};
use crate::shared::Shared;
use crate::socket::{Gate, Lingering, Socket, Transport};
use crate::tls;

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
    tls: Option<(TcpListener, TlsAcceptor)>,
    mut made: mpsc::Receiver<Made>,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = Connections::default();
    let (tls_listener, acceptor) = tls.unzip();
    loop {
        tokio::select! {
            accepted = accept(listener.as_ref()) => match accepted {
                Some(made) => connections.start(&shared, made, None),
                None => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            accepted = accept(tls_listener.as_ref()) => match accepted {
                Some(made) => connections.start(&shared, made, acceptor.clone()),
                None => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(made) = made.recv() => connections.start(&shared, made, None),
            () = connections.next_end() => {}
            _ = &mut stopped => break,
        }
    }
    drop((listener, tls_listener, made));
    shared.registry().end_all(Disconnect::Unbind);
    while connections.sessions.join_next().await.is_some() {}
}

/// The connections of an SMSC. Dropped, all are closed.
#[derive(Default)]
struct Connections {
    sessions: JoinSet<Option<Lingering>>,
    /// Those that are closed later than their sessions ended; they count as connections.
    lingering: JoinSet<()>,
}

impl Connections {
    fn start(&mut self, shared: &Arc<Shared>, made: Made, tls: Option<TlsAcceptor>) {
        let counters = &shared.counters;
        let peer = made.peer;
        if self.sessions.len() + self.lingering.len() >= shared.settings.connections_max {
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
        let serving = serve(Arc::clone(shared), made, tls);
        self.sessions
            .spawn(serving.instrument(tracing::Span::current()));
    }

    /// Waits until a session or a connection has ended; for ever when there is none.
    async fn next_end(&mut self) {
        tokio::select! {
            Some(ended) = self.sessions.join_next() => match ended {
                Ok(Some(left)) => drop(self.lingering.spawn(left.close())),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a session's task failed"),
            },
            Some(_) = self.lingering.join_next() => {}
            else => std::future::pending().await,
        }
    }
}

/// The next connection; `None` when there was one that could not be accepted.
async fn accept(listener: Option<&TcpListener>) -> Option<Made> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    match listener.accept().await {
        Ok((stream, peer)) => Some(Made {
            transport: Transport::Tcp(stream),
            peer,
            outbind: None,
        }),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            None
        }
    }
}

/// Serves one connection to the end of its session. Gives back what is to be closed later.
async fn serve(shared: Arc<Shared>, made: Made, tls: Option<TlsAcceptor>) -> Option<Lingering> {
    let peer = made.peer;
    let gate = Arc::new(Gate::default());
    let (control_sender, mut control) = mpsc::unbounded_channel();
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
    // The clock and the faults are read after it was entered, so it misses no change of them.
    let draws = Draws::new(random::number(shared.settings.seed, id, 0));
    let mut owner = Connection::new(Arc::clone(&shared), id, Arc::clone(&gate), draws);
    let ours = made.transport.local_addr().unwrap_or(peer);
    let tap = Tap::new(&shared.capture, id, ours, peer, we_connected);
    let window_size = shared.settings.conformance_window_size;
    let report = shared.conformance.as_ref();
    let ear = report.map(|report| Ear::new(report, id, window_size));
    let securing = secure(made.transport, tls, owner.handshake_fault());
    let transport = match attended(securing, &mut owner, &mut control).await {
        Ok(transport) => transport,
        Err(error) => {
            tracing::info!(session = id, %peer, %error, "no TLS handshake");
            owner.leave();
            return None;
        }
    };
    let mut session = Session::new(Instant::now(), owner.session_config());
    owner.tame(&mut session);
    let socket = Socket::new(transport, Arc::clone(&gate), (tap, ear), draws);
    let config = DriverConfig {
        exact_timeouts: true,
        ..DriverConfig::default()
    };
    let (owner, _) = drive(socket, session, owner, requests, control, config).await;
    owner.leave();
    gate.take_lingering()
}

/// Waits for the handshake and does meanwhile what the session is told: nobody has to wait for a
/// client that says nothing.
async fn attended(
    securing: impl Future<Output = io::Result<Transport>>,
    owner: &mut Connection,
    control: &mut mpsc::UnboundedReceiver<Control>,
) -> io::Result<Transport> {
    let mut securing = std::pin::pin!(securing);
    loop {
        tokio::select! {
            // Where there is no handshake the session itself is to be told.
            biased;
            secured = &mut securing => return secured,
            Some(told) = control.recv() => if !owner.on_early_control(told) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            },
        }
    }
}

/// The transport after the handshake, if there is to be one.
async fn secure(
    transport: Transport,
    tls: Option<TlsAcceptor>,
    fault: Option<HandshakeFault>,
) -> io::Result<Transport> {
    match (transport, tls) {
        (Transport::Tcp(stream), Some(acceptor)) => {
            let stream = tls::shake_hands(&acceptor, stream, fault).await?;
            Ok(Transport::Tls(Box::new(stream)))
        }
        (transport, _) => Ok(transport),
    }
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
