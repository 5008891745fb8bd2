//! The loop of one connection, polled as a whole: no select, no task per direction.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::alarm::Alarm;
use super::buffers::{ReadBuffer, WriteBuffer};
use super::{DriverConfig, Owner};
use crate::{CloseReason, Session, State};

/// Requests or controls taken at once.
const BATCH_MAX: usize = 256;

/// Turns of the loop before other tasks get their chance.
const TURNS_MAX: usize = 32;

/// How long a closed connection may take to write its last octets.
const LAST_WRITE_MAX: Duration = Duration::from_secs(2);

/// What a read brought is handled in two pieces where it is long: the first ends after this many
/// PDUs and this share of the octets, and is answered before the rest is handled. A peer whose
/// window is full works on these answers meanwhile, instead of waiting for all of them.
const FIRST_PIECE_PDUS_MIN: usize = 16;
const FIRST_PIECE_SHARE: usize = 4;

pub(super) struct Connection<'a, S, O: Owner> {
    stream: S,
    session: Session,
    owner: O,
    requests: Inbox<&'a mut mpsc::Receiver<O::Request>, O::Request>,
    control: Inbox<&'a mut mpsc::UnboundedReceiver<O::Control>, O::Control>,
    config: DriverConfig,
    read: ReadBuffer,
    write: WriteBuffer,
    /// Only the first piece of what was read is handled.
    rest_unhandled: bool,
    /// Since when the first octet that is not handled, or not written, waits.
    half_pdu_since: Option<Instant>,
    write_stuck_since: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    sleep_until: Instant,
    alarm: Option<Alarm>,
}

/// A channel's end with the values taken from it.
struct Inbox<R, T> {
    receiver: R,
    taken: Vec<T>,
    closed: bool,
}

impl<R, T> Inbox<R, T> {
    const fn new(receiver: R) -> Self {
        Self {
            receiver,
            taken: Vec::new(),
            closed: false,
        }
    }
}

impl<'a, S, O> Connection<'a, S, O>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    O: Owner,
{
    pub(super) fn new(
        stream: S,
        session: Session,
        owner: O,
        requests: &'a mut mpsc::Receiver<O::Request>,
        control: &'a mut mpsc::UnboundedReceiver<O::Control>,
        config: DriverConfig,
    ) -> Self {
        let now = clock();
        Self {
            stream,
            session,
            owner,
            requests: Inbox::new(requests),
            control: Inbox::new(control),
            read: ReadBuffer::new(config.read_buffer_octets),
            write: WriteBuffer::new(config.one_write_per_pdu),
            config,
            rest_unhandled: false,
            half_pdu_since: None,
            write_stuck_since: None,
            sleep: Box::pin(tokio::time::sleep_until(now.into())),
            sleep_until: now,
            alarm: None,
        }
    }

    pub(super) async fn run(mut self) -> (O, CloseReason) {
        let reason = poll_fn(|cx| self.poll(cx)).await;
        let Self {
            mut stream,
            mut write,
            owner,
            ..
        } = self;
        // The session is over whatever becomes of its last octets.
        let last_write = poll_fn(|cx| write.poll_shutdown(cx, &mut stream));
        drop(tokio::time::timeout(LAST_WRITE_MAX, last_write).await);
        (owner, reason)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        for _ in 0..TURNS_MAX {
            let now = clock();
            let progress = self.turn(cx, now);
            if let Some(reason) = self.session.close_reason() {
                return Poll::Ready(reason);
            }
            if !progress && self.poll_sleep(cx, now).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Everything once. Returns whether anything moved.
    fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = self.take_control(cx, now);
        if self.write.unwritten() < self.config.write_limit_octets {
            match self.read_once(cx, now) {
                Poll::Ready(()) => progress = true,
                // Only a socket without input proves that no answer is in time.
                Poll::Pending => self.check_time(now),
            }
        } else {
            self.check_time(now);
        }
        progress |= self.take_requests(cx, now);
        if self.requests.closed && self.control.closed {
            self.session.unbind(now);
        }
        self.tell_owner(now);
        self.owner.after_batch(now, &mut self.session);
        progress | self.write_all(cx, now)
    }

    fn take_control(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let control = &mut self.control;
        if control.closed {
            return false;
        }
        let received = control
            .receiver
            .poll_recv_many(cx, &mut control.taken, BATCH_MAX);
        control.closed = received == Poll::Ready(0);
        for value in control.taken.drain(..) {
            self.owner.on_control(now, &mut self.session, value);
        }
        received.is_ready()
    }

    fn take_requests(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        while !self.requests.closed
            && self.write.unwritten() < self.config.write_high_octets
            && self.owner.ready_for_requests(&self.session)
        {
            let limit = (self.session.window_free() as usize).clamp(1, BATCH_MAX);
            let requests = &mut self.requests;
            let received = requests
                .receiver
                .poll_recv_many(cx, &mut requests.taken, limit);
            requests.closed = received == Poll::Ready(0);
            if received.is_pending() {
                break;
            }
            progress = true;
            for value in requests.taken.drain(..) {
                self.owner.on_request(now, &mut self.session, value);
            }
        }
        progress
    }

    /// One read and the PDUs that it completed, or those that are left of the last read.
    fn read_once(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        if self.rest_unhandled {
            self.handle_input(now, usize::MAX);
            return Poll::Ready(());
        }
        match ready!(self.read.poll_read(cx, &mut self.stream)) {
            Ok(1..) => {
                let octets = self.read.unhandled().len();
                self.handle_input(now, octets / FIRST_PIECE_SHARE);
            }
            Ok(0) | Err(_) => {
                self.session.handle_transport_closed(now);
            }
        }
        Poll::Ready(())
    }

    /// Handles whole PDUs, up to `piece_octets` if they are many.
    fn handle_input(&mut self, now: Instant, piece_octets: usize) {
        let (mut pdus, mut octets) = (0, 0);
        self.rest_unhandled = false;
        loop {
            // Who unbinds closes with the next write: what it had said before counts.
            let is_bound = matches!(self.session.state(), State::Bound(_));
            if is_bound && pdus >= FIRST_PIECE_PDUS_MIN && octets >= piece_octets {
                self.rest_unhandled = true;
                break;
            }
            let step = self.session.handle_input(now, self.read.unhandled());
            let consumed = step.consumed;
            if let Some(event) = step.event {
                self.owner.on_event(now, &mut self.session, event);
            }
            if consumed == 0 {
                break;
            }
            self.read.consume(consumed);
            pdus += 1;
            octets += consumed;
        }
        let half = !self.rest_unhandled && !self.read.unhandled().is_empty();
        self.half_pdu_since = match self.half_pdu_since {
            Some(since) if half && pdus == 0 => Some(since),
            _ => half.then_some(now),
        };
    }

    fn check_time(&mut self, now: Instant) {
        if self.session.poll_timeout().is_some_and(|at| at <= now) {
            self.session.handle_timeout(now);
        }
        if self.owner.poll_timeout().is_some_and(|at| at <= now) {
            self.owner.on_timeout(now, &mut self.session);
        }
        if self.stalled_at().is_some_and(|at| at <= now) {
            self.session.handle_stalled(now, self.read.unhandled());
        }
    }

    fn stalled_at(&self) -> Option<Instant> {
        let half_pdu = self
            .half_pdu_since
            .map(|since| since + self.config.pdu_deadline);
        let stuck = self
            .write_stuck_since
            .map(|since| since + self.config.write_deadline);
        half_pdu.into_iter().chain(stuck).min()
    }

    fn tell_owner(&mut self, now: Instant) {
        while let Some(event) = self.session.poll_event() {
            self.owner.on_event(now, &mut self.session, event);
        }
    }

    /// One write for everything there is.
    fn write_all(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.session.is_closed() {
            // The session has given up what is stuck, and counts it as not sent.
            if self.write.unwritten() > 0 {
                self.write.clear();
            }
        }
        self.session.poll_transmit(self.write.appendable());
        if self.write.is_idle() {
            return false;
        }
        let written = match self.write.poll_write(cx, &mut self.stream) {
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(_)) => {
                self.session.handle_unwritten(self.write.unwritten());
                if self.rest_unhandled {
                    self.handle_input(now, usize::MAX);
                }
                self.session.handle_transport_closed(now);
                0
            }
            Poll::Pending => 0,
        };
        let unwritten = self.write.unwritten();
        self.write_stuck_since = match self.write_stuck_since {
            _ if unwritten == 0 => None,
            Some(since) if written == 0 => Some(since),
            _ => Some(now),
        };
        self.session.handle_unwritten(unwritten);
        // Closing by this very write is news for the owner.
        self.tell_owner(now);
        if self.session.is_closed() {
            self.owner.after_batch(now, &mut self.session);
        }
        written > 0
    }

    /// Sleeps until something is due. A sleep that ends too early costs a turn, so it is only set
    /// anew when it would end too late, or when it has ended: deadlines mostly move away.
    fn poll_sleep(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let owner_due = self.owner.poll_timeout();
        let due = [self.session.poll_timeout(), owner_due, self.stalled_at()];
        let Some(due) = due.into_iter().flatten().min() else {
            return Poll::Pending;
        };
        if due < self.sleep_until || self.sleep_until <= now {
            self.sleep_until = due;
            self.sleep.as_mut().reset(due.into());
        }
        if self.sleep.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match owner_due {
            Some(due) if self.config.exact_timeouts => self.poll_alarm(cx, due),
            _ => Poll::Pending,
        }
    }

    /// Waits for the owner's time more exactly than `sleep` does. Without a timer for it, `sleep`
    /// is what there is.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let polled = match &mut self.alarm {
            Some(alarm) => alarm.poll(cx, clock(), due),
            None => match Alarm::new() {
                Ok(alarm) => self.alarm.insert(alarm).poll(cx, clock(), due),
                Err(error) => Poll::Ready(Err(error)),
            },
        };
        match ready!(polled) {
            Ok(()) => Poll::Ready(()),
            Err(_) => {
                self.alarm = None;
                self.config.exact_timeouts = false;
                Poll::Pending
            }
        }
    }
}

/// tokio's clock, so that tests can pause it.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}
