//! The transport of a session, TCP or in memory. It can be told to end in a reset instead of in
//! order.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

/// What carries the octets.
#[derive(Debug)]
pub(crate) enum Transport {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A pipe within this process.
    Memory(DuplexStream),
}

/// Polls whichever transport it is.
macro_rules! poll {
    ($transport:expr, $method:ident ( $($argument:expr),* )) => {
        match $transport {
            Transport::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Memory(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

/// The connection. Dropped while the switch is on, it sends a reset; in memory both look the same.
#[derive(Debug)]
pub(crate) struct Socket {
    transport: Transport,
    reset: Arc<AtomicBool>,
}

impl Socket {
    /// Wraps a connection.
    pub(crate) const fn new(transport: Transport, reset: Arc<AtomicBool>) -> Self {
        Self { transport, reset }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed)
            && let Transport::Tcp(stream) = &self.transport
            && let Err(error) = stream.set_zero_linger()
        {
            tracing::warn!(%error, "the connection ends in order, a reset was wanted");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll!(&mut self.transport, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll!(&mut self.transport, poll_write(cx, octets))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(&mut self.transport, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An end in order would reach the peer before the reset does.
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        poll!(&mut self.transport, poll_shutdown(cx))
    }
}
