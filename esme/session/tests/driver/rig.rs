//! A driver at work with an owner that tells everything, and the peers it talks to.

use std::time::Instant;

use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{CommandId, CommandStatus, Header};
use signalbox_session::driver::{DriverConfig, Owner, drive};
use signalbox_session::{BindType, CloseReason, Event, Role, Session, SessionConfig};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::{Seen, deliver_sm, raw, submit_sm, submit_sm_resp};

/// Tells the test everything; answers binds and submit_sm when it is the SMSC.
pub(super) struct Probe {
    pub(super) seen: mpsc::UnboundedSender<Seen>,
    pub(super) panic_on_deliver: bool,
}

pub(super) enum Command {
    Unbind,
    Deliver,
}

impl Owner for Probe {
    type Request = u64;
    type Control = Command;

    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        drop(self.seen.send(Seen::of(&event)));
        match event {
            Event::BindRequested {
                sequence_number, ..
            } => session
                .respond_bind(
                    now,
                    sequence_number,
                    CommandStatus::ESME_ROK,
                    &BindResp::default(),
                )
                .expect("asked"),
            Event::Request { header, .. } if header.command_id == CommandId::SUBMIT_SM => session
                .respond(
                    now,
                    header.sequence_number,
                    CommandStatus::ESME_ROK,
                    &submit_sm_resp(),
                )
                .expect("asked"),
            Event::Request { .. } => assert!(!self.panic_on_deliver, "an owner that fails"),
            _ => {}
        }
    }

    fn on_request(&mut self, now: Instant, session: &mut Session, token: u64) {
        session
            .request(now, token, &submit_sm(&[b'x'; 140]))
            .expect("only taken while the window is open");
    }

    fn on_control(&mut self, now: Instant, session: &mut Session, control: Command) {
        match control {
            Command::Unbind => session.unbind(now),
            Command::Deliver => {
                session.request(now, 0, &deliver_sm(b"")).expect("bound");
            }
        }
    }
}

/// A driver at work, seen from outside.
pub(super) struct Driven {
    pub(super) seen: mpsc::UnboundedReceiver<Seen>,
    pub(super) requests: mpsc::Sender<u64>,
    pub(super) control: mpsc::UnboundedSender<Command>,
    pub(super) task: JoinHandle<CloseReason>,
}

impl Driven {
    pub(super) fn start<S>(stream: S, config: SessionConfig, panic_on_deliver: bool) -> Self
    where
        S: tokio::io::AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::start_with(stream, config, panic_on_deliver, DriverConfig::default())
    }

    pub(super) fn start_with<S>(
        stream: S,
        config: SessionConfig,
        panic_on_deliver: bool,
        driver: DriverConfig,
    ) -> Self
    where
        S: tokio::io::AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (seen_sender, seen) = mpsc::unbounded_channel();
        let (requests, requests_end) = mpsc::channel(4);
        let (control, control_end) = mpsc::unbounded_channel();
        let now = tokio::time::Instant::now().into_std();
        let mut session = Session::new(now, config);
        if session.role() == Role::Esme {
            session
                .bind(now, BindType::Transceiver, &Bind::default())
                .expect("fresh");
        }
        let probe = Probe {
            seen: seen_sender,
            panic_on_deliver,
        };
        let task = tokio::spawn(async move {
            let (_, reason) =
                drive(stream, session, probe, requests_end, control_end, driver).await;
            reason
        });
        Self {
            seen,
            requests,
            control,
            task,
        }
    }

    pub(super) async fn next(&mut self) -> Seen {
        self.seen.recv().await.expect("the driver runs")
    }

    /// All that is seen until the session closes.
    pub(super) async fn rest(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        while let Some(seen) = self.seen.recv().await {
            let last = matches!(seen, Seen::Closed(_));
            all.push(seen);
            if last {
                break;
            }
        }
        all
    }
}

pub(super) fn config(role: Role) -> SessionConfig {
    SessionConfig::new(role)
}

/// An ESME that is bound to a scripted peer.
pub(super) async fn bound(
    stream_octets: usize,
    config: SessionConfig,
    driver: DriverConfig,
) -> (Driven, DuplexStream) {
    let (ours, mut peer) = duplex(stream_octets);
    let mut driven = Driven::start_with(ours, config, false, driver);
    let bind = read_pdu(&mut peer).await;
    let resp = raw(
        bind.command_id.response(),
        CommandStatus::ESME_ROK,
        bind.sequence_number,
        b"smsc\0",
    );
    peer.write_all(&resp).await.expect("open");
    assert_eq!(driven.next().await, Seen::Bound);
    (driven, peer)
}

/// Reads a PDU and tells its header.
pub(super) async fn read_pdu(peer: &mut DuplexStream) -> Header {
    let mut header = [0; 16];
    peer.read_exact(&mut header).await.expect("a header");
    let header = Header::decode(&header).expect("16 octets");
    let mut body = vec![0; header.command_length as usize - 16];
    peer.read_exact(&mut body).await.expect("its body");
    header
}
