//! A timer that is exact to some 50 us, where tokio's is late by 1 to 2 ms: a timerfd. It stands
//! beside tokio's timer and never instead of it, so that tests can pause the clock and a lack of
//! file descriptors makes it coarse instead of deaf. timerfd_create(2); Linux only.

use std::task::{Context, Poll};
use std::time::Instant;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::pin::Pin;
    use std::task::ready;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{AsyncRead, ReadBuf};
    use tokio::net::unix::pipe;

    use super::{Context, Instant, Poll};

    /// The shortest time that can be set: zero would switch the timer off.
    const SHORTEST: Duration = Duration::from_nanos(1);
    /// A read yields 8 octets. Asking for more tells tokio that nothing is left to read.
    const READ_OCTETS: usize = 16;

    /// One timer of the kernel.
    #[derive(Debug)]
    pub(in super::super) struct Alarm {
        /// Read like a pipe: that is tokio's safe way to wait for a foreign file descriptor.
        timer: pipe::Receiver,
        set_for: Option<Instant>,
    }

    impl Alarm {
        /// Takes a file descriptor, inside a tokio runtime.
        pub(in super::super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self {
                timer: pipe::Receiver::from_owned_fd_unchecked(timer)?,
                set_for: None,
            })
        }

        /// Ready once `due` has come; until then the task is woken for it.
        pub(in super::super) fn poll(
            &mut self,
            cx: &mut Context<'_>,
            now: Instant,
            due: Instant,
        ) -> Poll<io::Result<()>> {
            if self.set_for != Some(due) {
                self.set(due.saturating_duration_since(now))?;
                self.set_for = Some(due);
            }
            let mut expirations = [0; READ_OCTETS];
            let mut expirations = ReadBuf::new(&mut expirations);
            ready!(Pin::new(&mut self.timer).poll_read(cx, &mut expirations))?;
            self.set_for = None;
            Poll::Ready(Ok(()))
        }

        fn set(&self, after: Duration) -> io::Result<()> {
            let never = Duration::ZERO;
            let time = Itimerspec {
                it_interval: timespec(never),
                it_value: timespec(after.max(SHORTEST)),
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time)?;
            Ok(())
        }
    }

    fn timespec(duration: Duration) -> Timespec {
        Timespec {
            tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: duration.subsec_nanos().into(),
        }
    }
}

/// Where there is no timerfd: tokio's timer has to do.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new() -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(super) fn poll(
        &mut self,
        _cx: &mut Context<'_>,
        _now: Instant,
        _due: Instant,
    ) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
}
