//! The connection of a session. It can be told to end in a reset instead of in order, and to treat
//! its octets as the faults of the stream want it.

mod faulty;
mod wire;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use self::faulty::Faulty;
pub(crate) use self::wire::Transport;
use self::wire::Wire;
use crate::capture::{Sender, Tap};
use crate::conformance::Ear;
use crate::fault::StreamPlan;
use crate::random::Draws;

/// From the last octets to the reset: one that comes at once makes a peer that has not read them
/// lose them.
const RESET_DELAY: Duration = Duration::from_millis(20);

/// What the owner of a session tells its socket.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// The connection ends in a reset.
    pub(crate) reset: AtomicBool,
    /// There is a plan that the socket has not taken.
    changed: AtomicBool,
    plan: Mutex<StreamPlan>,
    /// What is to be closed later than its session ends.
    lingering: Mutex<Option<Lingering>>,
}

/// A connection without a session that is to be closed after some time.
#[derive(Debug)]
pub(crate) struct Lingering {
    transport: Transport,
    delay: Duration,
}

impl Lingering {
    /// Closes it when its time is over; dropped, it closes at once.
    pub(crate) async fn close(self) {
        tokio::time::sleep(self.delay).await;
        drop(self.transport);
    }
}

impl Gate {
    /// From now on the octets are treated like this.
    pub(crate) fn set(&self, plan: StreamPlan) {
        *lock(&self.plan) = plan;
        self.changed.store(true, Ordering::Release);
    }

    /// What the socket has left behind to be closed later.
    pub(crate) fn take_lingering(&self) -> Option<Lingering> {
        lock(&self.lingering).take()
    }

    fn take(&self) -> Option<StreamPlan> {
        let changed = self.changed.swap(false, Ordering::Acquire);
        changed.then(|| lock(&self.plan).clone())
    }
}

/// No invariant spans two statements under these locks, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection. Dropped while the switch is on, it sends a reset; in memory both look the same.
#[derive(Debug)]
pub(crate) struct Socket {
    wire: Wire,
    gate: Arc<Gate>,
    /// There while faults are active, or hold something.
    faulty: Option<Box<Faulty>>,
    draws: Draws,
    slow_close: Option<Duration>,
    /// Runs before a reset.
    reset_pause: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Wraps a connection. `listeners` hear what goes over it; `draws` decide about what varies.
    pub(crate) fn new(
        transport: Transport,
        gate: Arc<Gate>,
        listeners: (Option<Tap>, Option<Ear>),
        draws: Draws,
    ) -> Self {
        Self {
            wire: Wire {
                transport,
                tap: listeners.0,
                ear: listeners.1.map(Box::new),
            },
            gate,
            faulty: None,
            draws,
            slow_close: None,
            reset_pause: None,
        }
    }

    /// The faults and the wire while there are faults.
    #[inline]
    fn faulty(&mut self) -> Option<(&mut Faulty, &mut Wire, &Gate)> {
        if self.gate.changed.load(Ordering::Relaxed) {
            self.take_plan();
        }
        let faulty = self.faulty.as_deref_mut()?;
        Some((faulty, &mut self.wire, &self.gate))
    }

    #[cold]
    fn take_plan(&mut self) {
        let Some(plan) = self.gate.take() else {
            return;
        };
        self.slow_close = plan.slow_close;
        let now = Instant::now();
        let draws = self.draws;
        let faulty = self
            .faulty
            .get_or_insert_with(|| Box::new(Faulty::new(now, draws)));
        faulty.set(now, &plan);
        if faulty.is_idle() {
            self.faulty = None;
        }
    }

    fn tell_tap(&mut self, resets: bool) {
        match &mut self.wire.tap {
            Some(tap) if resets => tap.reset(),
            Some(tap) => tap.ended(Sender::Ours),
            None => {}
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let resets = self.gate.reset.load(Ordering::Relaxed);
        self.tell_tap(resets);
        if resets {
            if let Some(stream) = self.wire.transport.tcp()
                && let Err(error) = stream.set_zero_linger()
            {
                tracing::warn!(%error, "the connection ends in order, a reset was wanted");
            }
        } else if let Some(delay) = self.slow_close {
            let transport = std::mem::replace(&mut self.wire.transport, Transport::Gone);
            *lock(&self.gate.lingering) = Some(Lingering { transport, delay });
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some((faulty, wire, gate)) = self.faulty() {
            return faulty.poll_read(cx, wire, gate, buf);
        }
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some((faulty, wire, gate)) = self.faulty() {
            return faulty.poll_write(cx, wire, gate, octets);
        }
        Pin::new(&mut self.wire).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((faulty, wire, gate)) = self.faulty() {
            return faulty.poll_flush(cx, wire, gate);
        }
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        // An end in order would reach the peer before the reset does.
        if self.gate.reset.load(Ordering::Relaxed) {
            let pause = || Box::pin(tokio::time::sleep(RESET_DELAY));
            let pause = self.reset_pause.get_or_insert_with(pause);
            return pause.as_mut().poll(cx).map(Ok);
        }
        if self.slow_close.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
