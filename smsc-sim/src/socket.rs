//! The transport of a session, TCP or in memory. It can be told to end in a reset instead of in
//! order.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

use crate::capture::{Sender, Tap};

/// What carries the octets.
#[derive(Debug)]
pub(crate) enum Transport {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A pipe within this process.
    Memory(DuplexStream),
}

impl Transport {
    /// Our end; `None` in memory.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Memory(_) => None,
        }
    }
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
    tap: Option<Tap>,
}

impl Socket {
    /// Wraps a connection. `tap` hears what goes over it.
    pub(crate) const fn new(
        transport: Transport,
        reset: Arc<AtomicBool>,
        tap: Option<Tap>,
    ) -> Self {
        Self {
            transport,
            reset,
            tap,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(tap) = &mut self.tap {
            if self.reset.load(Ordering::Relaxed) {
                tap.reset();
            } else {
                tap.ended(Sender::Ours);
            }
        }
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
        let socket = &mut *self;
        let before = buf.filled().len();
        let read = poll!(&mut socket.transport, poll_read(cx, buf));
        if let (Some(tap), Poll::Ready(Ok(()))) = (&mut socket.tap, &read) {
            tap.heard(Sender::Theirs, &buf.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = &mut *self;
        let written = poll!(&mut socket.transport, poll_write(cx, octets));
        if let (Some(tap), Poll::Ready(Ok(count))) = (&mut socket.tap, &written) {
            tap.heard(Sender::Ours, &octets[..*count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(&mut self.transport, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // An end in order would reach the peer before the reset does.
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        if let Some(tap) = &mut self.tap {
            tap.ended(Sender::Ours);
        }
        poll!(&mut self.transport, poll_shutdown(cx))
    }
}
