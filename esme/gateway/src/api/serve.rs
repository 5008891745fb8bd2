//! Listens and serves. Connections have limits of their own, so that a slow or idle caller holds
//! nothing but its own socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at once. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;

/// A request's head must have arrived after this long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after the system refused a connection (no file descriptors left, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Opens a listener; the error names the address and the setting.
///
/// # Errors
/// One line for the operator.
pub async fn bind(address: &str, setting: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!(
                    "{address} is taken by another program; change {setting} (port 0: any free)"
                )
            }
            io::ErrorKind::PermissionDenied => {
                format!("{address} needs more rights than this process has; change {setting}")
            }
            _ => format!("{address} ({setting}) cannot be listened on: {error}"),
        })
}

/// Serves until `stop` becomes true; then finishes the requests under way.
pub async fn serve(listener: TcpListener, routes: Router, mut stop: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Without it small answers wait for the peer's delayed acknowledgement; a socket
                // that refuses is about to fail anyway.
                let _ = stream.set_nodelay(true);
                let connection = connection(stream, peer, routes.clone(), stop.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // All permits back: every connection has ended.
    let _all = connections.acquire_many(CONNECTIONS_MAX as u32).await;
}

/// Waits for the stop. Whoever could say it having gone away means the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    routes: Router,
    mut stop: watch::Receiver<bool>,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "an HTTP connection broke");
    }
}
