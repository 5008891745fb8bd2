//! The life of a link: connect → TLS → bind → run → unbind → close, and again after a pause.

use std::time::Duration;

use signalbox_session::Session;
use signalbox_session::driver::drive_borrowed;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::connect::connect;
use crate::event::{DownReason, Failure, LinkEvent, LinkEvents};
use crate::link::{Control, Submit};
use crate::owner::LinkOwner;
use crate::tls;

/// Requests that are given back at once while there is no session.
const GIVE_BACK_MAX: usize = 256;

pub(crate) struct Supervisor {
    link: u32,
    generation: u64,
    config: ClientConfig,
    backoff: Backoff,
    events: mpsc::UnboundedSender<LinkEvents>,
    requests: mpsc::Receiver<Submit>,
    control: mpsc::UnboundedReceiver<Control>,
    stopped: bool,
}

/// How one connection ended.
struct End {
    reason: DownReason,
    bound_for: Duration,
}

impl Supervisor {
    pub(crate) fn new(
        link: u32,
        config: ClientConfig,
        events: mpsc::UnboundedSender<LinkEvents>,
        requests: mpsc::Receiver<Submit>,
        control: mpsc::UnboundedReceiver<Control>,
    ) -> Self {
        let backoff = Backoff::new(
            config.bind_retry_delay,
            config.bind_retry_delay_max,
            config.enquire_link_timer,
            config.jitter_seed,
        );
        Self {
            link,
            generation: 0,
            config,
            backoff,
            events,
            requests,
            control,
            stopped: false,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            self.generation += 1;
            let end = self.connection().await;
            // Handles that are all gone mean the same as being told.
            self.stopped |= self.control.is_closed() && self.control.is_empty();
            if self.stopped {
                self.give_back_all();
                return self.tell(LinkEvent::Down {
                    reason: end.reason,
                    retry_in: None,
                });
            }
            let closed = match &end.reason {
                DownReason::Closed(reason) => Some(*reason),
                _ => None,
            };
            let retry_in = self.backoff.next_delay(closed, end.bound_for);
            tracing::debug!(link = self.link, reason = %end.reason, ?retry_in, "link down");
            self.tell(LinkEvent::Down {
                reason: end.reason,
                retry_in: Some(retry_in),
            });
            let pause = sleep(retry_in);
            tokio::select! {
                () = pause => {}
                () = idle(self.link, self.generation, &self.events,
                    &mut self.requests, &mut self.control) => {
                    self.give_back_all();
                    return self.tell(LinkEvent::Down {
                        reason: DownReason::Stopped,
                        retry_in: None,
                    });
                }
            }
        }
    }

    /// One connection, from connecting to its end.
    async fn connection(&mut self) -> End {
        let connected = tokio::select! {
            connected = connect(&self.config) => connected,
            () = idle(self.link, self.generation, &self.events,
                &mut self.requests, &mut self.control) => {
                self.stopped = true;
                return End::before_bind(DownReason::Stopped);
            }
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(error) => return End::before_bind(DownReason::Connect(error)),
        };
        match self.config.tls.clone() {
            None => self.session(stream).await,
            Some(tls) => self.tls_session(stream, &tls).await,
        }
    }

    async fn tls_session(&mut self, stream: TcpStream, config: &tls::TlsConfig) -> End {
        let handshake = tls::connect(stream, &self.config.host, config);
        let secured = tokio::select! {
            secured = timeout(self.config.connect_timer, handshake) => secured,
            () = idle(self.link, self.generation, &self.events,
                &mut self.requests, &mut self.control) => {
                self.stopped = true;
                return End::before_bind(DownReason::Stopped);
            }
        };
        match secured {
            Ok(Ok(stream)) => self.session(stream).await,
            Ok(Err(error)) => End::before_bind(DownReason::Tls(error)),
            Err(_) => End::before_bind(DownReason::Tls(tls::TlsError::HandshakeTimedOut)),
        }
    }

    /// Binds and runs until the session is over.
    async fn session<S>(&mut self, stream: S) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let now = Instant::now().into_std();
        let mut session = Session::new(now, self.config.session());
        session
            .bind(now, self.config.bind_type, &self.config.bind())
            .expect("a fresh session of an ESME binds");
        let owner = LinkOwner::new(
            self.link,
            self.generation,
            self.config.window_size,
            self.config.drain_timer,
            self.events.clone(),
        );
        let (owner, reason) = drive_borrowed(
            stream,
            session,
            owner,
            &mut self.requests,
            &mut self.control,
            self.config.driver(),
        )
        .await;
        self.stopped |= owner.stopped;
        let ended = Instant::now().into_std();
        End {
            reason: DownReason::Closed(reason),
            bound_for: owner
                .bound_at
                .map_or(Duration::ZERO, |bound_at| ended.duration_since(bound_at)),
        }
    }

    /// The link ends: what was submitted and not taken was not sent.
    fn give_back_all(&mut self) {
        self.requests.close();
        let mut events = Vec::new();
        while let Ok(submit) = self.requests.try_recv() {
            events.push(not_sent(&submit));
        }
        send(&self.events, self.link, self.generation, events);
    }

    fn tell(&self, event: LinkEvent) {
        send(&self.events, self.link, self.generation, vec![event]);
    }
}

impl End {
    const fn before_bind(reason: DownReason) -> Self {
        Self {
            reason,
            bound_for: Duration::ZERO,
        }
    }
}

/// While there is no session: gives every request back. Returns when the link is told to end.
async fn idle(
    link: u32,
    generation: u64,
    events: &mpsc::UnboundedSender<LinkEvents>,
    requests: &mut mpsc::Receiver<Submit>,
    control: &mut mpsc::UnboundedReceiver<Control>,
) {
    let mut taken = Vec::new();
    loop {
        tokio::select! {
            control = control.recv() => match control {
                // An answer for a connection that is gone.
                Some(Control::Respond { .. }) => {}
                Some(Control::Unbind | Control::Disconnect) | None => return,
            },
            count = requests.recv_many(&mut taken, GIVE_BACK_MAX) => {
                if count == 0 {
                    return;
                }
                let failed = taken.drain(..).map(|submit| not_sent(&submit)).collect();
                send(events, link, generation, failed);
            }
        }
    }
}

fn not_sent(submit: &Submit) -> LinkEvent {
    LinkEvent::Failed {
        token: submit.token,
        failure: Failure::NotSent,
    }
}

/// The receiver may be gone: then nobody wants to know.
fn send(
    sender: &mpsc::UnboundedSender<LinkEvents>,
    link: u32,
    generation: u64,
    events: Vec<LinkEvent>,
) {
    if !events.is_empty() {
        drop(sender.send(LinkEvents {
            link,
            generation,
            events,
            _room: None,
        }));
    }
}
