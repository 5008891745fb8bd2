//! The driver over in-memory streams with a paused clock, and over loopback TCP.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Seen, deliver_sm, headers, raw, submit_sm, submit_sm_resp};
use signalbox_codec::pdu::{Bind, BindResp};
use signalbox_codec::{CommandId, CommandStatus};
use signalbox_session::driver::{DriverConfig, Owner, drive};
use signalbox_session::{
    BindType, CloseReason, Event, RequestFailure, Role, Session, SessionConfig,
};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Tells the test everything; answers binds and submit_sm when it is the SMSC.
struct Probe {
    seen: mpsc::UnboundedSender<Seen>,
    panic_on_deliver: bool,
}

enum Command {
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
struct Driven {
    seen: mpsc::UnboundedReceiver<Seen>,
    requests: mpsc::Sender<u64>,
    control: mpsc::UnboundedSender<Command>,
    task: JoinHandle<CloseReason>,
}

impl Driven {
    fn start<S>(stream: S, config: SessionConfig, panic_on_deliver: bool) -> Self
    where
        S: tokio::io::AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::start_with(stream, config, panic_on_deliver, DriverConfig::default())
    }

    fn start_with<S>(
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

    async fn next(&mut self) -> Seen {
        self.seen.recv().await.expect("the driver runs")
    }

    /// All that is seen until the session closes.
    async fn rest(&mut self) -> Vec<Seen> {
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

fn config(role: Role) -> SessionConfig {
    SessionConfig::new(role)
}

/// An ESME that is bound to a scripted peer.
async fn bound(
    stream_octets: usize,
    config: SessionConfig,
    driver: DriverConfig,
) -> (Driven, DuplexStream) {
    let (ours, mut peer) = duplex(stream_octets);
    let mut driven = Driven::start_with(ours, config, false, driver);
    let mut header = [0; 16];
    let bind = {
        peer.read_exact(&mut header).await.expect("a bind");
        let header = signalbox_codec::Header::decode(&header).expect("16 octets");
        let mut body = vec![0; header.command_length as usize - 16];
        peer.read_exact(&mut body).await.expect("its body");
        header
    };
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

#[tokio::test]
async fn a_thousand_messages_over_tcp_all_end_and_the_window_holds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let mut esme_config = config(Role::Esme);
    esme_config.window_size = 7;
    let mut smsc_config = config(Role::Smsc);
    // One request more than the window would be refused.
    smsc_config.inbound_window_size = 7;
    let mut smsc = Driven::start(accepted, smsc_config, false);
    let mut esme = Driven::start(stream, esme_config, false);
    for token in 0..1_000 {
        esme.requests.send(token).await.unwrap();
    }
    let mut tokens = Vec::new();
    while tokens.len() < 1_000 {
        match esme.next().await {
            Seen::Bound => {}
            Seen::Response(token, _, CommandStatus::ESME_ROK) => tokens.push(token),
            other => panic!("{other:?}"),
        }
    }
    tokens.sort_unstable();
    assert!(tokens.iter().copied().eq(0..1_000));
    esme.control.send(Command::Unbind).unwrap_or_default();
    assert_eq!(esme.task.await.unwrap(), CloseReason::LocalUnbind);
    assert_eq!(
        smsc.rest().await.last(),
        Some(&Seen::Closed(CloseReason::PeerUnbind))
    );
}

#[tokio::test(start_paused = true)]
async fn pdus_cut_at_every_octet_are_the_same_pdus() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let mut octets = bytes::BytesMut::new();
    signalbox_codec::encode_pdu(
        &deliver_sm(&[b'x'; 140]),
        CommandStatus::ESME_ROK,
        9,
        &mut octets,
    );
    for octet in &octets {
        peer.write_all(&[*octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(driven.next().await, Seen::Request(CommandId::DELIVER_SM, 9));
}

#[tokio::test(start_paused = true)]
async fn a_pdu_larger_than_the_buffer_is_read_whole() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let mut payload = vec![0; 16];
    payload.extend_from_slice(&[0x04, 0x24, 0xFF, 0xF0]);
    payload.resize(payload.len() + 0xFFF0, b'x');
    // The mandatory fields are 17 NULs and zeros; then message_payload.
    let body: Vec<u8> = std::iter::repeat_n(0, 17)
        .chain(payload[16..].iter().copied())
        .collect();
    let pdu = raw(CommandId::DELIVER_SM, CommandStatus::ESME_ROK, 5, &body);
    peer.write_all(&pdu).await.unwrap();
    assert_eq!(driven.next().await, Seen::Request(CommandId::DELIVER_SM, 5));
}

#[tokio::test(start_paused = true)]
async fn a_pdu_that_is_not_finished_closes_after_its_deadline() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let started = tokio::time::Instant::now();
    let half = [0, 0, 0x0F, 0xFF, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1];
    peer.write_all(&half).await.unwrap();
    assert_eq!(
        driven.rest().await,
        [Seen::Closed(CloseReason::PeerStalled)]
    );
    assert_eq!(started.elapsed().as_secs(), 10);
    let mut octets = Vec::new();
    peer.read_to_end(&mut octets).await.unwrap();
    let nack = headers(&octets).pop().expect("a generic_nack");
    assert_eq!(
        (nack.command_id, nack.command_status, nack.sequence_number),
        (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDLEN, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up_and_the_unwritten_is_not_sent() {
    // The stream takes 256 octets: the first submit_sm and the start of the second.
    let (mut driven, _peer) = bound(256, config(Role::Esme), DriverConfig::default()).await;
    let started = tokio::time::Instant::now();
    for token in 0..4 {
        driven.requests.send(token).await.unwrap();
    }
    assert_eq!(
        driven.rest().await,
        [
            Seen::Failed(1, RequestFailure::NotSent),
            Seen::Failed(2, RequestFailure::NotSent),
            Seen::Failed(3, RequestFailure::NotSent),
            Seen::Failed(0, RequestFailure::SessionClosed),
            Seen::Closed(CloseReason::PeerStalled),
        ]
    );
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_and_does_not_read_is_not_listened_to_for_ever() {
    let driver = DriverConfig {
        write_limit_octets: 1_024,
        ..DriverConfig::default()
    };
    let (mut driven, mut peer) = bound(512, config(Role::Esme), driver).await;
    let flood = tokio::spawn(async move {
        let enquire_link = raw(CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK, 1, &[]);
        let mut octets = 0usize;
        while peer.write_all(&enquire_link).await.is_ok() {
            octets += enquire_link.len();
        }
        octets
    });
    assert_eq!(
        driven.rest().await,
        [Seen::Closed(CloseReason::PeerStalled)]
    );
    let octets = flood.await.unwrap();
    assert!(octets < 16 * 1_024, "{octets} octets were taken");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_closes() {
    let (mut driven, peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    driven.requests.send(3).await.unwrap();
    tokio::task::yield_now().await;
    drop(peer);
    assert_eq!(
        driven.rest().await.last(),
        Some(&Seen::Closed(CloseReason::Transport))
    );
    assert_eq!(driven.task.await.unwrap(), CloseReason::Transport);
}

#[tokio::test(start_paused = true)]
async fn half_a_close_still_gets_the_answers() {
    let (ours, mut peer) = duplex(4096);
    let mut driven = Driven::start(ours, config(Role::Smsc), false);
    let mut octets = bytes::BytesMut::new();
    let bind = signalbox_codec::Pdu::BindTransceiver(Bind::default());
    signalbox_codec::encode_pdu(&bind, CommandStatus::ESME_ROK, 1, &mut octets);
    signalbox_codec::encode_pdu(&submit_sm(b""), CommandStatus::ESME_ROK, 2, &mut octets);
    peer.write_all(&octets).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut answers = Vec::new();
    peer.read_to_end(&mut answers).await.unwrap();
    let answers: Vec<_> = headers(&answers).iter().map(|h| h.command_id).collect();
    assert_eq!(
        answers,
        [CommandId::BIND_TRANSCEIVER_RESP, CommandId::SUBMIT_SM_RESP]
    );
    assert_eq!(
        driven.rest().await.last(),
        Some(&Seen::Closed(CloseReason::Transport))
    );
}

#[tokio::test(start_paused = true)]
async fn senders_that_are_gone_mean_unbind() {
    let (driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let Driven {
        requests,
        control,
        task,
        seen: _seen,
    } = driven;
    drop((requests, control));
    let mut unbind = [0; 16];
    peer.read_exact(&mut unbind).await.unwrap();
    assert_eq!(headers(&unbind)[0].command_id, CommandId::UNBIND);
    // Nobody answers: the response timer ends it.
    assert_eq!(task.await.unwrap(), CloseReason::LocalUnbind);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_asked_and_given_up() {
    let (mut driven, mut peer) = bound(4096, config(Role::Esme), DriverConfig::default()).await;
    let started = tokio::time::Instant::now();
    let mut enquire_link = [0; 16];
    peer.read_exact(&mut enquire_link).await.unwrap();
    assert_eq!(
        headers(&enquire_link)[0].command_id,
        CommandId::ENQUIRE_LINK
    );
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!(driven.rest().await, [Seen::Closed(CloseReason::PeerSilent)]);
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn a_panic_of_an_owner_costs_its_connection_only() {
    let (one, two) = duplex(4096);
    let (three, four) = duplex(4096);
    let mut broken = Driven::start(one, config(Role::Esme), true);
    let mut broken_smsc = Driven::start(two, config(Role::Smsc), false);
    let mut sound = Driven::start(three, config(Role::Esme), false);
    let mut sound_smsc = Driven::start(four, config(Role::Smsc), false);
    for smsc in [&mut broken_smsc, &mut sound_smsc] {
        assert!(matches!(smsc.next().await, Seen::BindRequested(..)));
        smsc.control.send(Command::Deliver).unwrap_or_default();
    }
    assert!(broken.task.await.unwrap_err().is_panic());
    assert_eq!(broken.seen.recv().await, Some(Seen::Bound));
    assert_eq!(
        broken_smsc.rest().await.last(),
        Some(&Seen::Closed(CloseReason::Transport))
    );
    assert_eq!(sound.next().await, Seen::Bound);
    assert!(matches!(sound.next().await, Seen::Request(..)));
    sound.requests.send(1).await.unwrap();
    assert!(matches!(sound.next().await, Seen::Response(1, ..)));
}

#[tokio::test(start_paused = true)]
async fn one_write_per_pdu_for_peers_that_need_it() {
    let driver = DriverConfig {
        one_write_per_pdu: true,
        ..DriverConfig::default()
    };
    let (ours, mut peer) = duplex(4096);
    let counted = CountingWrites {
        stream: ours,
        writes: Arc::default(),
    };
    let writes = Arc::clone(&counted.writes);
    let driven = Driven::start_with(counted, config(Role::Esme), false, driver);
    let resp = raw(
        CommandId::BIND_TRANSCEIVER_RESP,
        CommandStatus::ESME_ROK,
        1,
        b"\0",
    );
    peer.write_all(&resp).await.unwrap();
    for token in 0..4 {
        driven.requests.send(token).await.unwrap();
    }
    // The bind, and four submit_sm that come in batches.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(writes.load(Ordering::Relaxed), 5);
}

struct CountingWrites {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl tokio::io::AsyncRead for CountingWrites {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountingWrites {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        std::pin::Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An owner that wants to be called at each of its times, and tells how late it was.
struct Punctual {
    due: Instant,
    gap: Duration,
    calls: u32,
    late: mpsc::UnboundedSender<Duration>,
}

impl Owner for Punctual {
    type Request = u64;
    type Control = Command;

    fn on_event(&mut self, _now: Instant, _session: &mut Session, _event: Event<'_>) {}

    fn on_request(&mut self, _now: Instant, _session: &mut Session, _token: u64) {}

    fn on_control(&mut self, _now: Instant, _session: &mut Session, _control: Command) {}

    fn poll_timeout(&self) -> Option<Instant> {
        (self.calls > 0).then_some(self.due)
    }

    fn on_timeout(&mut self, now: Instant, _session: &mut Session) {
        self.late.send(now - self.due).unwrap_or_default();
        self.calls -= 1;
        self.due += self.gap;
    }
}

/// tokio's timer alone is late by more than 1 ms on average: 50 ms of latency became 51.5 ms.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn exact_timeouts_come_within_a_fraction_of_a_millisecond() {
    let (ours, _peer) = duplex(4096);
    let (late, mut seen) = mpsc::unbounded_channel();
    let now = tokio::time::Instant::now().into_std();
    let owner = Punctual {
        due: now + Duration::from_micros(3_300),
        gap: Duration::from_micros(3_300),
        calls: 60,
        late,
    };
    let driver = DriverConfig {
        exact_timeouts: true,
        ..DriverConfig::default()
    };
    let session = Session::new(now, config(Role::Smsc));
    let (_requests, requests) = mpsc::channel(1);
    let (_control, control) = mpsc::unbounded_channel();
    let driving = tokio::spawn(drive(ours, session, owner, requests, control, driver));
    let mut all = Vec::new();
    for _ in 0..60 {
        all.push(seen.recv().await.expect("it calls"));
    }
    driving.abort();
    all.sort_unstable();
    // A machine under load may delay any single one, and does not delay half of them.
    assert!(all[all.len() / 2] < Duration::from_micros(700), "{all:?}");
}
