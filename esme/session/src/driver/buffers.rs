//! The two buffers of a connection. Both keep their memory, so that steady traffic allocates
//! nothing.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use signalbox_codec::Header;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// First size of a read buffer: an idle connection keeps no more.
const READ_BUFFER_OCTETS_FIRST: usize = 4 * 1024;

/// Octets that were read, from `start` on not handled yet.
pub(super) struct ReadBuffer {
    octets: Vec<u8>,
    start: usize,
    octets_max: usize,
}

impl ReadBuffer {
    /// Grows up to `octets_max`; a larger PDU makes it grow further, as its octets arrive.
    pub(super) fn new(octets_max: usize) -> Self {
        Self {
            octets: Vec::new(),
            start: 0,
            octets_max,
        }
    }

    /// What is not handled yet.
    #[inline]
    pub(super) fn unhandled(&self) -> &[u8] {
        &self.octets[self.start..]
    }

    #[inline]
    pub(super) fn consume(&mut self, octets: usize) {
        self.start += octets;
    }

    /// Reads once; `Ok(0)` is the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        pin!(stream.read_buf(&mut self.octets)).poll(cx)
    }

    /// Moves a half PDU to the front; doubles the buffer when the last read filled it.
    #[inline]
    fn make_room(&mut self) {
        let full = self.octets.len() == self.octets.capacity();
        if self.start == self.octets.len() {
            self.octets.clear();
        } else if self.start > 0 {
            self.octets.drain(..self.start);
        }
        self.start = 0;
        if full {
            let capacity = self.octets.capacity();
            if capacity < self.octets_max || self.octets.len() == capacity {
                let wanted = (capacity * 2).max(READ_BUFFER_OCTETS_FIRST);
                self.octets.reserve_exact(wanted - self.octets.len());
            }
        }
    }
}

/// Octets to be written, from `start` on not written yet.
pub(super) struct WriteBuffer {
    octets: BytesMut,
    start: usize,
    /// The stream holds octets back and has to be asked again.
    flushing: bool,
    one_write_per_pdu: bool,
}

impl WriteBuffer {
    pub(super) fn new(one_write_per_pdu: bool) -> Self {
        Self {
            octets: BytesMut::new(),
            start: 0,
            flushing: false,
            one_write_per_pdu,
        }
    }

    /// Octets that are not written yet.
    #[inline]
    pub(super) fn unwritten(&self) -> usize {
        self.octets.len() - self.start
    }

    /// Whether a call of `poll_write` has nothing to do.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.unwritten() == 0 && !self.flushing
    }

    /// Where whole PDUs are to be appended.
    pub(super) fn appendable(&mut self) -> &mut BytesMut {
        &mut self.octets
    }

    /// Drops what is not written.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.start = 0;
    }

    /// Writes until nothing is left or the stream takes no more. Returns how many octets it took.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<usize>> {
        let mut written = 0;
        while self.unwritten() > 0 {
            let end = self.end_of_write();
            let octets = &self.octets[self.start..end];
            match Pin::new(&mut *stream).poll_write(cx, octets) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(octets)) => {
                    self.start += octets;
                    written += octets;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if written > 0 => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.unwritten() == 0 {
            self.clear();
            // A stream with a buffer of its own (TLS) sends it on; a socket has nothing to do.
            let flushed = Pin::new(&mut *stream).poll_flush(cx);
            self.flushing = flushed.is_pending();
            if let Poll::Ready(result) = flushed {
                result?;
            }
        } else if self.start > self.octets.len() / 2 {
            // A peer that always leaves something would make the buffer grow without end.
            self.octets.copy_within(self.start.., 0);
            self.octets.truncate(self.unwritten());
            self.start = 0;
        }
        Poll::Ready(Ok(written))
    }

    /// Flushes and closes the stream's writing side.
    pub(super) fn poll_shutdown(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.unwritten() > 0 {
            ready!(self.poll_write(cx, stream))?;
        }
        Pin::new(stream).poll_shutdown(cx)
    }

    /// Where the next write ends. A PDU that was written in part has no header at `start`; then
    /// the rest goes in one write.
    fn end_of_write(&self) -> usize {
        let all = self.octets.len();
        if !self.one_write_per_pdu {
            return all;
        }
        match Header::decode(&self.octets[self.start..]) {
            Some(header) => (self
                .start
                .saturating_add(header.command_length.max(16) as usize))
            .min(all),
            None => all,
        }
    }
}
