//! Moves octets between a wire and the two pipes of its faults. It decides nothing: what comes
//! through when is said by `fault::Pipe`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Gate;
use super::wire::Wire;
use crate::fault::{End, Pipe, StreamPlan};
use crate::random::Draws;

/// Octets that one read takes from the wire.
const READ_OCTETS: usize = 4 * 1024;

/// Both directions of a connection while faults are active.
#[derive(Debug)]
pub(super) struct Faulty {
    up: Pipe,
    down: Pipe,
    /// What is due and was not taken.
    up_due: Bytes,
    down_due: Bytes,
    /// The client sends no more.
    up_over: bool,
    read_sleep: Pin<Box<Sleep>>,
    write_sleep: Pin<Box<Sleep>>,
}

impl Faulty {
    pub(super) fn new(now: Instant, draws: Draws) -> Self {
        let sleep = || Box::pin(tokio::time::sleep_until(now.into()));
        Self {
            up: Pipe::new(now, draws),
            down: Pipe::new(now, draws),
            up_due: Bytes::new(),
            down_due: Bytes::new(),
            up_over: false,
            read_sleep: sleep(),
            write_sleep: sleep(),
        }
    }

    /// From now on these faults are active.
    pub(super) fn set(&mut self, now: Instant, plan: &StreamPlan) {
        self.up.set(now, &plan.up);
        self.down.set(now, &plan.down);
    }

    /// Whether octets may go past it.
    pub(super) fn is_idle(&self) -> bool {
        self.up.is_idle()
            && self.down.is_idle()
            && self.up_due.is_empty()
            && self.down_due.is_empty()
            && !self.up_over
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        gate: &Gate,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let now = Instant::now();
            if self.up_due.is_empty() {
                self.up_due = self.up.pop(now).unwrap_or_default();
            }
            if !self.up_due.is_empty() {
                let octets = self.up_due.len().min(buf.remaining());
                buf.put_slice(&self.up_due.split_to(octets));
                return Poll::Ready(Ok(()));
            }
            self.check_end(now, gate)?;
            let due = self.up.next_due();
            if self.up_over && due.is_none() {
                return Poll::Ready(Ok(()));
            }
            let ends = self.down.end_due().filter(|at| *at > now);
            if let Some(at) = due.into_iter().chain(ends).min()
                && wake_at(&mut self.read_sleep, at, cx).is_ready()
                && self.down_due.is_empty()
            {
                continue;
            }
            if self.up_over || self.up.stops_reading() || self.up.room() == 0 {
                return Poll::Pending;
            }
            let mut octets = [0; READ_OCTETS];
            let room = self.up.room().min(READ_OCTETS);
            let mut read = ReadBuf::new(&mut octets[..room]);
            ready!(Pin::new(&mut *wire).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                self.up_over = true;
            } else {
                self.up.push(now, read.filled());
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        gate: &Gate,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.down.room() == 0 {
            ready!(self.poll_drain(cx, wire, gate))?;
        }
        let taken = octets.len().min(self.down.room());
        self.down.push(Instant::now(), &octets[..taken]);
        match self.poll_drain(cx, wire, gate) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is held is flushed later.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        gate: &Gate,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx, wire, gate))?;
        Pin::new(wire).poll_flush(cx)
    }

    /// Writes what is due; ready when nothing is held any more.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        gate: &Gate,
    ) -> Poll<io::Result<()>> {
        loop {
            let now = Instant::now();
            if self.down_due.is_empty() {
                self.down_due = self.down.pop(now).unwrap_or_default();
            }
            if !self.down_due.is_empty() {
                let written = ready!(Pin::new(&mut *wire).poll_write(cx, &self.down_due))?;
                drop(self.down_due.split_to(written));
                continue;
            }
            self.check_end(now, gate)?;
            let Some(due) = self.down.piece_due() else {
                return Poll::Ready(Ok(()));
            };
            ready!(wake_at(&mut self.write_sleep, due, cx));
        }
    }

    /// Ends the connection if a fault wants that.
    fn check_end(&self, now: Instant, gate: &Gate) -> io::Result<()> {
        let waits = !self.down_due.is_empty() || !self.up_due.is_empty();
        let ends = [self.up.ended(now), self.down.ended(now)];
        match ends.into_iter().flatten().next() {
            Some(_) if waits => Ok(()),
            Some(End::Fin) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(End::Rst) => {
                gate.reset.store(true, Ordering::Relaxed);
                Err(io::ErrorKind::ConnectionReset.into())
            }
            None => Ok(()),
        }
    }
}

/// Polls a sleep until `at`.
fn wake_at(sleep: &mut Pin<Box<Sleep>>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    sleep.as_mut().reset(at.into());
    sleep.as_mut().poll(cx)
}
