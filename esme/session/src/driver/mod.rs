//! A connection's task on tokio: it moves octets, time and the owner's commands, and decides
//! nothing. The only part of this crate with a clock.
//!
//! One turn: controls → one read, all its PDUs → timers → requests while the window is open →
//! [`Owner::after_batch`] → one write for everything. A system call per PDU is what bounds most
//! SMPP software; here a call carries as many as there are.
//!
//! A panic in an owner ends its connection's task and nothing else: the stream is dropped with it.

mod alarm;
mod buffers;
mod connection;

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::{CloseReason, Event, Session};

use self::connection::Connection;

/// What lives in the connection's task beside the session. Methods never block and never await.
pub trait Owner: Send + 'static {
    /// Taken from a bounded channel, only while [`Owner::ready_for_requests`]: whoever fills the
    /// channel is held back by that.
    type Request: Send + 'static;
    /// Always taken at once: responses, unbind, disconnect.
    type Control: Send + 'static;

    /// The session has something to tell.
    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>);

    /// A request was taken from the channel.
    fn on_request(&mut self, now: Instant, session: &mut Session, request: Self::Request);

    /// A control was taken from the channel.
    fn on_control(&mut self, now: Instant, session: &mut Session, control: Self::Control);

    /// When [`Owner::on_timeout`] wants to be called.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The time of [`Owner::poll_timeout`] has come.
    fn on_timeout(&mut self, _now: Instant, _session: &mut Session) {}

    /// Whether requests may be taken.
    fn ready_for_requests(&self, session: &Session) -> bool {
        session.window_free() > 0
    }

    /// Once per turn, before writing: flush what was gathered.
    fn after_batch(&mut self, _now: Instant, _session: &mut Session) {}
}

/// Settings of a connection's task.
#[derive(Clone, Copy, Debug)]
pub struct DriverConfig {
    /// Octets that one read may take; the buffer starts at 4 KiB and grows up to this, or to the
    /// largest PDU. Default 64 KiB.
    pub read_buffer_octets: usize,
    /// Octets waiting to be written from which no more requests are taken. Default 64 KiB.
    pub write_high_octets: usize,
    /// Octets waiting to be written from which nothing more is read: the peer asks and does not
    /// read the answers. Default 1 MiB.
    pub write_limit_octets: usize,
    /// How long the peer may take no octet of what is waiting; then the connection closes. Default
    /// 10 s.
    pub write_deadline: Duration,
    /// How long a PDU may take from its first octet to its last; then the connection closes.
    /// Default 10 s.
    pub pdu_deadline: Duration,
    /// Gives each PDU a write of its own, for peers that cannot cut a stream. Default false.
    pub one_write_per_pdu: bool,
    /// Calls [`Owner::on_timeout`] within some 50 us of its time instead of 1 to 2 ms, for a file
    /// descriptor more per connection once its owner has a time to wait for. Default false.
    pub exact_timeouts: bool,
}

impl Default for DriverConfig {
    fn default() -> Self {
        Self {
            read_buffer_octets: 64 * 1024,
            write_high_octets: 64 * 1024,
            write_limit_octets: 1024 * 1024,
            write_deadline: Duration::from_secs(10),
            pdu_deadline: Duration::from_secs(10),
            one_write_per_pdu: false,
            exact_timeouts: false,
        }
    }
}

/// Runs a session over a stream until it is closed, and gives the owner back. When all senders of
/// `requests` and `control` are gone, the session is unbound.
///
/// `requests` waits in its channel while the window is full; the bound of the channel is the
/// caller's. `control` is unbounded because its worst case is known: one response per request of
/// the peer, which `inbound_window_size` limits, and a few commands.
pub async fn drive<S, O>(
    stream: S,
    session: Session,
    owner: O,
    mut requests: mpsc::Receiver<O::Request>,
    mut control: mpsc::UnboundedReceiver<O::Control>,
    config: DriverConfig,
) -> (O, CloseReason)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    O: Owner,
{
    drive_borrowed(stream, session, owner, &mut requests, &mut control, config).await
}

/// As [`drive`], with channels that outlive the connection. What is left in them was not taken.
pub async fn drive_borrowed<S, O>(
    stream: S,
    session: Session,
    owner: O,
    requests: &mut mpsc::Receiver<O::Request>,
    control: &mut mpsc::UnboundedReceiver<O::Control>,
    config: DriverConfig,
) -> (O, CloseReason)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    O: Owner,
{
    Connection::new(stream, session, owner, requests, control, config)
        .run()
        .await
}
