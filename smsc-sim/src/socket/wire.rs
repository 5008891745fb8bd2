//! What carries the octets of a session: TCP, TLS, or a pipe in memory; and who listens in.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::capture::{Sender, Tap};
use crate::conformance::Ear;

/// What carries the octets.
#[derive(Debug)]
pub(crate) enum Transport {
    /// A TCP connection.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A pipe within this process.
    Memory(DuplexStream),
    /// Nothing any more.
    Gone,
}

/// Polls whichever transport it is.
macro_rules! poll {
    ($transport:expr, $method:ident ( $($argument:expr),* )) => {
        match $transport {
            Transport::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Tls(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Memory(stream) => Pin::new(stream).$method($($argument),*),
            Transport::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl Transport {
    /// The TCP connection below.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Memory(_) | Self::Gone => None,
        }
    }

    /// Our end; `None` in memory.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.local_addr().ok()
    }
}

/// A transport whose octets are listened to: those that really go over it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) transport: Transport,
    pub(super) tap: Option<Tap>,
    pub(super) ear: Option<Box<Ear>>,
}

impl Wire {
    #[inline]
    fn tell(&mut self, sender: Sender, octets: &[u8]) {
        if let Some(tap) = &mut self.tap {
            tap.heard(sender, octets);
        }
        if let Some(ear) = &mut self.ear {
            ear.heard(sender, octets);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let before = buf.filled().len();
        let read = poll!(&mut wire.transport, poll_read(cx, buf));
        if let Poll::Ready(Ok(())) = &read {
            wire.tell(Sender::Theirs, &buf.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = &mut *self;
        let written = poll!(&mut wire.transport, poll_write(cx, octets));
        if let Poll::Ready(Ok(count)) = &written {
            wire.tell(Sender::Ours, &octets[..*count]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(&mut self.transport, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tap) = &mut self.tap {
            tap.ended(Sender::Ours);
        }
        poll!(&mut self.transport, poll_shutdown(cx))
    }
}
