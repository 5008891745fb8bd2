//! A scripted SMSC on loopback that speaks octets, and the events of a link under test.

// Each test binary uses its own part of the rig.
#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use signalbox_codec::{CommandId, CommandStatus, Header};
use signalbox_esme::{ClientConfig, Link, LinkEvent, LinkEvents, Outgoing, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longest wait for anything that must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The listening side.
pub struct Smsc {
    pub listener: TcpListener,
}

impl Smsc {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { listener }
    }

    /// Settings that lead here, with pauses made for tests.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new("127.0.0.1", "esme", Secret::new("secret"));
        config.port = self.listener.local_addr().expect("bound").port();
        config.bind_retry_delay = Duration::from_millis(20);
        config
    }

    pub async fn accept(&self) -> Peer<TcpStream> {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("a connection in time").expect("accept");
        Peer { stream }
    }

    /// Accepts a connection and its bind.
    pub async fn accept_bind(&self) -> Peer<TcpStream> {
        let mut peer = self.accept().await;
        peer.answer_bind(CommandStatus::ESME_ROK).await;
        peer
    }
}

/// One connection of the SMSC.
pub struct Peer<S> {
    pub stream: S,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Peer<S> {
    pub async fn read(&mut self) -> (Header, Vec<u8>) {
        self.try_read(PATIENCE).await.expect("a PDU in time")
    }

    pub async fn try_read(&mut self, patience: Duration) -> Option<(Header, Vec<u8>)> {
        let mut octets = [0; 16];
        let read = timeout(patience, self.stream.read_exact(&mut octets)).await;
        read.ok()?.expect("the link is there");
        let header = Header::decode(&octets).expect("16 octets");
        let mut body = vec![0; header.command_length as usize - 16];
        self.stream.read_exact(&mut body).await.expect("the body");
        Some((header, body))
    }

    pub async fn expect(&mut self, command_id: CommandId) -> (Header, Vec<u8>) {
        let (header, body) = self.read().await;
        assert_eq!(header.command_id, command_id);
        (header, body)
    }

    pub async fn write(
        &mut self,
        command_id: CommandId,
        status: CommandStatus,
        number: u32,
        body: &[u8],
    ) {
        let header = Header {
            command_length: 16 + body.len() as u32,
            command_id,
            command_status: status,
            sequence_number: number,
        };
        let mut octets = header.to_octets().to_vec();
        octets.extend_from_slice(body);
        self.stream
            .write_all(&octets)
            .await
            .expect("the link is there");
    }

    /// Answers a request that was read.
    pub async fn answer(&mut self, request: &Header, body: &[u8]) {
        let command_id = request.command_id.response();
        self.write(
            command_id,
            CommandStatus::ESME_ROK,
            request.sequence_number,
            body,
        )
        .await;
    }

    pub async fn answer_bind(&mut self, status: CommandStatus) -> (Header, Vec<u8>) {
        let (header, body) = self.read().await;
        let resp: &[u8] = if status.is_ok() {
            b"smsc\0\x02\x10\0\x01\x34"
        } else {
            b""
        };
        self.write(
            header.command_id.response(),
            status,
            header.sequence_number,
            resp,
        )
        .await;
        (header, body)
    }

    /// Whether the link has closed the connection, everything read.
    pub async fn is_closed(&mut self) -> bool {
        let mut octet = [0];
        let read = timeout(PATIENCE, self.stream.read(&mut octet)).await;
        !matches!(read.expect("in time"), Ok(1..))
    }
}

/// A link and what it tells.
pub struct Tested {
    pub link: Link,
    events: mpsc::UnboundedReceiver<LinkEvents>,
    queued: VecDeque<LinkEvent>,
    pub generation: u64,
}

impl Tested {
    pub fn spawn(config: ClientConfig) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        Self {
            link: Link::spawn(7, config, sender).expect("settings in range"),
            events,
            queued: VecDeque::new(),
            generation: 0,
        }
    }

    /// A link that is bound.
    pub async fn bound(smsc: &Smsc, config: ClientConfig) -> (Self, Peer<TcpStream>) {
        let mut tested = Self::spawn(config);
        let peer = smsc.accept_bind().await;
        tested.expect_bound().await;
        (tested, peer)
    }

    pub async fn next(&mut self) -> LinkEvent {
        loop {
            if let Some(event) = self.queued.pop_front() {
                return event;
            }
            let batch = timeout(PATIENCE, self.events.recv()).await;
            let batch = batch.expect("an event in time").expect("the link runs");
            assert_eq!(batch.link, 7);
            self.generation = batch.generation;
            self.queued.extend(batch.events);
        }
    }

    pub async fn expect_bound(&mut self) {
        let event = self.next().await;
        assert!(matches!(event, LinkEvent::Bound { .. }), "{event:?}");
    }

    /// The text of why it is down, and the pause.
    pub async fn expect_down(&mut self) -> (String, Option<Duration>) {
        match self.next().await {
            LinkEvent::Down { reason, retry_in } => (reason.to_string(), retry_in),
            other => panic!("{other:?}"),
        }
    }

    pub async fn submit(&self, token: u64) {
        let outgoing = Outgoing {
            command_id: CommandId::SUBMIT_SM,
            body: Bytes::from_static(&[0; 17]),
        };
        self.link.submit(token, outgoing).await.expect("it runs");
    }
}

/// That a pause is the wanted one, jitter of a fifth included.
pub fn assert_about(delay: Option<Duration>, wanted: Duration) {
    let delay = delay.expect("another attempt follows");
    assert!(
        delay >= wanted * 79 / 100 && delay <= wanted * 121 / 100,
        "{delay:?} is not about {wanted:?}"
    );
}
