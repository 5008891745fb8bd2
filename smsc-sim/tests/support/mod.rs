//! A client that knows the codec and nothing else: it writes and reads PDUs one by one.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod capture;
pub(crate) mod file;
pub(crate) mod managing;
pub(crate) mod peers;
pub(crate) mod program;
pub(crate) mod schema;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use signalbox_codec::pdu::{Bind, DestAddress, DestAddressBuf, MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{
    COctetStr, CommandId, CommandStatus, Encode, Header, Pdu, Tag, encode_pdu, next_frame,
};
use smsc_sim::{Settings, Smsc};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes, shorter than a test may hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long something may take that has to be done within `goal`: a debug build, with the other
/// tests beside it, gets ten times as long.
pub(crate) const fn goal(goal: Duration) -> Duration {
    if cfg!(debug_assertions) {
        goal.saturating_mul(10)
    } else {
        goal
    }
}

/// Addresses and names of lists (in brackets), as a submit_multi names them.
pub(crate) fn named(recipients: &[&str]) -> DestAddressBuf {
    let mut addresses = DestAddressBuf::new();
    for name in recipients {
        let list = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
        let address = match list {
            Some(list) => DestAddress::DistributionList {
                dl_name: managing::string(list),
            },
            None => DestAddress::Sme {
                dest_addr_ton: 1,
                dest_addr_npi: 1,
                destination_addr: managing::string(name),
            },
        };
        assert!(addresses.push(address));
    }
    addresses
}

/// A PDU as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) header: Header,
    pub(crate) octets: Vec<u8>,
}

impl Received {
    pub(crate) fn pdu(&self) -> Pdu<'_> {
        let frame = next_frame(&self.octets, u32::MAX).unwrap().unwrap();
        Pdu::decode(&frame).expect("the simulator writes PDUs that can be read")
    }

    pub(crate) fn command_id(&self) -> CommandId {
        self.header.command_id
    }

    pub(crate) fn message_id(&self) -> String {
        match self.pdu() {
            Pdu::SubmitSmResp(resp) | Pdu::DataSmResp(resp) => resp.message_id.unwrap().to_latin1(),
            other => panic!("{other:?} has no message_id"),
        }
    }

    /// `stat`, `id` and the message_state of a receipt.
    pub(crate) fn receipt(&self) -> (String, String, u8) {
        let Pdu::DeliverSm(sm) = self.pdu() else {
            panic!("{:?} is no receipt", self.pdu());
        };
        let text = String::from_utf8(sm.short_message.as_octets().to_vec()).unwrap();
        let field = |name: &str| {
            let rest = text.split_once(name).expect(name).1;
            rest.split(' ').next().unwrap().to_owned()
        };
        let tlv_id = sm.tlvs.get(Tag::RECEIPTED_MESSAGE_ID).unwrap();
        assert_eq!(tlv_id.as_c_octets(), field("id:").as_bytes());
        let state = sm.tlvs.get(Tag::MESSAGE_STATE).unwrap().as_u8().unwrap();
        (field("stat:"), field("id:"), state)
    }
}

pub(crate) struct Client<S = TcpStream> {
    stream: S,
    input: BytesMut,
    sequence_number: u32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Connects and binds as `esme`.
    pub(crate) async fn bind(address: SocketAddr, command_id: CommandId) -> Self {
        let mut client = Self::connect(address).await;
        let status = client.try_bind(command_id, "esme", "secret").await;
        assert_eq!(status, CommandStatus::ESME_ROK);
        client
    }

    pub(crate) async fn transceiver(address: SocketAddr) -> Self {
        Self::bind(address, CommandId::BIND_TRANSCEIVER).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            sequence_number: 0,
        }
    }

    pub(crate) async fn try_bind(
        &mut self,
        command_id: CommandId,
        system_id: &str,
        password: &str,
    ) -> CommandStatus {
        let bind = Bind {
            system_id: COctetStr::new(system_id.as_bytes()).unwrap(),
            password: COctetStr::new(password.as_bytes()).unwrap(),
            interface_version: 0x34,
            ..Bind::default()
        };
        let pdu = match command_id {
            CommandId::BIND_RECEIVER => Pdu::BindReceiver(bind),
            CommandId::BIND_TRANSMITTER => Pdu::BindTransmitter(bind),
            _ => Pdu::BindTransceiver(bind),
        };
        self.send(&pdu).await;
        self.read().await.header.command_status
    }

    /// Sends a request and returns its sequence_number.
    pub(crate) async fn send(&mut self, pdu: &impl Encode) -> u32 {
        self.sequence_number += 1;
        let mut out = BytesMut::new();
        encode_pdu(pdu, CommandStatus::ESME_ROK, self.sequence_number, &mut out);
        self.send_octets(&out).await;
        self.sequence_number
    }

    pub(crate) async fn send_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// Sends as much as the other side takes.
    pub(crate) async fn try_send_octets(&mut self, octets: &[u8]) {
        // What could not be sent shows in what is read next.
        let _ = self.stream.write_all(octets).await;
    }

    /// The connection itself.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Sends a submit_sm that asks for a receipt.
    pub(crate) async fn submit(&mut self, destination: &str, text: &str) -> u32 {
        self.send(&submit_sm(destination, text, 1)).await
    }

    /// Sends many submit_sm that ask for receipts at once.
    pub(crate) async fn submit_many(&mut self, destination: &str, count: usize) {
        let mut out = BytesMut::new();
        for _ in 0..count {
            self.sequence_number += 1;
            let submit = submit_sm(destination, "one of many", 1);
            encode_pdu(
                &submit,
                CommandStatus::ESME_ROK,
                self.sequence_number,
                &mut out,
            );
        }
        self.send_octets(&out).await;
    }

    /// Answers a deliver_sm.
    pub(crate) async fn respond(&mut self, request: &Received, status: CommandStatus) {
        let pdu = Pdu::DeliverSmResp(MessageIdResp {
            message_id: Some(COctetStr::EMPTY),
            ..MessageIdResp::default()
        });
        let mut out = BytesMut::new();
        encode_pdu(&pdu, status, request.header.sequence_number, &mut out);
        self.send_octets(&out).await;
    }

    /// Answers an unbind.
    pub(crate) async fn respond_unbind(&mut self, request: &Received) {
        let number = request.header.sequence_number;
        let mut out = BytesMut::new();
        encode_pdu(&Pdu::UnbindResp, CommandStatus::ESME_ROK, number, &mut out);
        self.send_octets(&out).await;
    }

    /// The next PDU; a deliver_sm is answered.
    pub(crate) async fn read(&mut self) -> Received {
        let received = self.try_read().await.expect("the connection is open");
        if received.command_id() == CommandId::DELIVER_SM {
            self.respond(&received, CommandStatus::ESME_ROK).await;
        }
        received
    }

    /// The next PDU, nothing is answered; `Err` is the end of the connection.
    pub(crate) async fn try_read(&mut self) -> Result<Received, std::io::ErrorKind> {
        tokio::time::timeout(PATIENCE, self.read_pdu())
            .await
            .expect("something comes in time")
    }

    async fn read_pdu(&mut self) -> Result<Received, std::io::ErrorKind> {
        loop {
            if let Some(frame) = next_frame(&self.input, u32::MAX).unwrap() {
                let header = frame.header;
                let octets = self.input.split_to(header.command_length as usize).to_vec();
                return Ok(Received { header, octets });
            }
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof),
                Ok(_) => {}
                Err(error) => return Err(error.kind()),
            }
        }
    }

    /// What comes, in words: `resp` or `resp STATUS` a response, `+STAT` a receipt, `mo TEXT`
    /// another deliver_sm, `unbind`, `eof` or `rst` the end, `garbage` anything else. deliver_sm
    /// are answered.
    pub(crate) async fn steps(&mut self, count: usize) -> Vec<String> {
        let mut steps = Vec::new();
        while steps.len() < count {
            steps.push(self.step().await);
        }
        steps
    }

    async fn step(&mut self) -> String {
        let pdu = match self.try_read().await {
            Err(std::io::ErrorKind::ConnectionReset) => return "rst".to_owned(),
            Err(_) => return "eof".to_owned(),
            Ok(pdu) => pdu,
        };
        match pdu.command_id() {
            CommandId::DELIVER_SM => {
                self.respond(&pdu, CommandStatus::ESME_ROK).await;
                let Pdu::DeliverSm(sm) = pdu.pdu() else {
                    return "garbage".to_owned();
                };
                let text = String::from_utf8_lossy(sm.short_message.as_octets());
                match text.split_once("stat:") {
                    Some((_, rest)) => format!("+{}", rest.split(' ').next().unwrap()),
                    None => format!("mo {text}"),
                }
            }
            CommandId::SUBMIT_SM_RESP if pdu.header.command_status.is_ok() => "resp".to_owned(),
            CommandId::SUBMIT_SM_RESP => format!("resp {}", pdu.header.command_status),
            CommandId::UNBIND => "unbind".to_owned(),
            _ => "garbage".to_owned(),
        }
    }

    /// The next PDU if one comes within the time.
    pub(crate) async fn read_within(&mut self, time: Duration) -> Option<Received> {
        let read = tokio::time::timeout(time, self.read_pdu()).await;
        read.ok().map(|received| received.unwrap())
    }

    /// Half of a submit_sm_resp, a reset, and nothing else.
    pub(crate) async fn expect_half_a_response_and_a_reset(self) {
        let (mut stream, mut octets) = (self.stream, self.input.to_vec());
        let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut octets));
        let ended = reading.await.expect("the connection ends in time");
        let command_length = u32::from_be_bytes(octets[..4].try_into().unwrap());
        assert_eq!(octets[4..8], CommandId::SUBMIT_SM_RESP.0.to_be_bytes());
        assert_eq!(octets.len(), command_length as usize / 2, "{octets:02x?}");
        let end = ended.expect_err("no end in order").kind();
        assert_eq!(end, std::io::ErrorKind::ConnectionReset);
    }

    /// Ends in order.
    pub(crate) async fn unbind(mut self) {
        self.send(&Pdu::Unbind).await;
        assert_eq!(self.read().await.command_id(), CommandId::UNBIND_RESP);
        assert_eq!(
            self.try_read().await,
            Err(std::io::ErrorKind::UnexpectedEof)
        );
    }
}

pub(crate) fn submit_sm<'a>(
    destination: &'a str,
    text: &'a str,
    registered_delivery: u8,
) -> Pdu<'a> {
    Pdu::SubmitSm(Sm {
        source_addr: COctetStr::new(b"100").unwrap(),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: COctetStr::new(destination.as_bytes()).unwrap(),
        registered_delivery,
        short_message: ShortMessage::new(text.as_bytes()).unwrap(),
        ..Sm::default()
    })
}

/// An SMSC with changed settings.
pub(crate) async fn smsc(change: impl FnOnce(&mut Settings)) -> Smsc {
    Smsc::builder()
        .seed(7)
        .system("SIM")
        .with(change)
        .start()
        .await
        .unwrap()
}
