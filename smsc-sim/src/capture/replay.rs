//! `smsc-sim capture replay`: plays one side of a captured session again, and compares what the
//! other side answers with what it answered then.
//!
//! Our requests go out in their order, each when its time has come and the other side has sent as
//! many PDUs as it had by then. Its requests are answered with our captured response to a request
//! of the same command.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use bytes::BytesMut;
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, CommandId, CommandStatus, Header, next_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::decode::each;
use super::reader::CaptureError;
use super::stream::Found;

/// PDUs of a session that are played at most; those behind are left out.
const STEPS_MAX: usize = 1_000_000;
/// How long the other side may be silent while something is expected of it.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Answers that differ and are shown.
const DIFFERENCES_SHOWN: usize = 10;

/// Which side is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that bound.
    Client,
    /// The one that was bound to.
    Server,
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "client" => Ok(Self::Client),
            "server" => Ok(Self::Server),
            _ => Err("wanted: client or server".to_owned()),
        }
    }
}

/// A captured session.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    after: Duration,
    by: Side,
    pdu: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    sent: u64,
    answered: u64,
    same: u64,
    different: u64,
    unanswered: u64,
    /// Command of the response, captured and seen status, of the first few.
    differences: Vec<(CommandId, CommandStatus, CommandStatus)>,
}

impl Script {
    /// Reads session `number`, counted from 1, of a capture.
    ///
    /// # Errors
    /// [`CaptureError`] when the capture cannot be read or has no such session.
    pub fn read(input: impl Read, number: usize) -> Result<Self, CaptureError> {
        let mut ends: Vec<(SocketAddr, SocketAddr)> = Vec::new();
        let mut steps = Vec::new();
        let mut first_us = 0;
        each(input, |seen| {
            let Found::Pdu(pdu) = seen.found else {
                return;
            };
            let (from, to) = (seen.from, seen.to);
            let known = ends.contains(&(from, to)) || ends.contains(&(to, from));
            if !known && ends.len() < number {
                let header = Header::decode(pdu).expect("a PDU has a header");
                // A server speaks first only with outbind, or where the capture starts later.
                let by_server = header.command_id == CommandId::OUTBIND
                    || header.command_id.is_response()
                    || header.command_id == CommandId::DELIVER_SM;
                ends.push(if by_server { (to, from) } else { (from, to) });
            }
            let Some((client, server)) = ends.get(number.wrapping_sub(1)) else {
                return;
            };
            let by = match (from, to) {
                of if of == (*client, *server) => Side::Client,
                of if of == (*server, *client) => Side::Server,
                _ => return,
            };
            if steps.is_empty() {
                first_us = seen.at_unix_us;
            }
            if steps.len() < STEPS_MAX {
                let after = Duration::from_micros(seen.at_unix_us.saturating_sub(first_us));
                let pdu = pdu.to_vec();
                steps.push(Step { after, by, pdu });
            }
        })?;
        if steps.is_empty() {
            return Err(CaptureError::Io(io::Error::other(format!(
                "there is no session {number} in it"
            ))));
        }
        Ok(Self { steps })
    }

    /// Plays a side: connects to `to` as the client, listens there once as the server. `speed` 0
    /// leaves out the pauses.
    ///
    /// # Errors
    /// The connection could not be made.
    pub async fn play(&self, side: Side, to: &str, speed: f64) -> io::Result<Outcome> {
        let stream = match side {
            Side::Client => TcpStream::connect(to).await?,
            Side::Server => TcpListener::bind(to).await?.accept().await?.0,
        };
        stream.set_nodelay(true)?;
        Ok(Player::new(self, side, speed).play(stream).await)
    }
}

impl Outcome {
    /// Whether every request was answered as in the capture.
    #[must_use]
    pub const fn is_as_captured(&self) -> bool {
        self.different == 0 && self.unanswered == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests sent: {} answered as in the capture, {} otherwise, {} not; {} requests of the \
             other side answered",
            self.sent, self.same, self.different, self.unanswered, self.answered
        )?;
        for (command, was, is) in &self.differences {
            write!(f, "\n  {command}: {was} in the capture, {is} here")?;
        }
        Ok(())
    }
}

/// A request of ours.
struct Request {
    due: Duration,
    /// PDUs that the other side had sent by then.
    heard_before: usize,
    pdu: Vec<u8>,
}

struct Player {
    started: Instant,
    speed: f64,
    requests: VecDeque<Request>,
    /// Our responses by command, in their order.
    responses: HashMap<u32, VecDeque<Vec<u8>>>,
    /// What the other side answered to our requests, by sequence_number.
    expected: HashMap<u32, CommandStatus>,
    /// Requests of ours that wait for their responses.
    waiting: HashMap<u32, ()>,
    heard: usize,
    /// PDUs that the other side has sent in the capture.
    heard_max: usize,
    outcome: Outcome,
}

impl Player {
    fn new(script: &Script, side: Side, speed: f64) -> Self {
        let mut player = Self {
            started: Instant::now(),
            speed,
            requests: VecDeque::new(),
            responses: HashMap::new(),
            expected: HashMap::new(),
            waiting: HashMap::new(),
            heard: 0,
            heard_max: 0,
            outcome: Outcome::default(),
        };
        let mut heard_before = 0;
        for step in &script.steps {
            let header = Header::decode(&step.pdu).expect("a PDU has a header");
            let pdu = step.pdu.clone();
            match (step.by == side, header.command_id.is_response()) {
                (true, false) => player.requests.push_back(Request {
                    due: step.after,
                    heard_before,
                    pdu,
                }),
                (true, true) => {
                    let of_command = player.responses.entry(header.command_id.0);
                    of_command.or_default().push_back(pdu);
                }
                (false, true) => {
                    let status = header.command_status;
                    player.expected.insert(header.sequence_number, status);
                    heard_before += 1;
                }
                (false, false) => heard_before += 1,
            }
        }
        player.heard_max = heard_before;
        player
    }

    /// Whether anything is to be sent or heard yet.
    fn goes_on(&self) -> bool {
        !self.requests.is_empty() || !self.waiting.is_empty() || self.heard < self.heard_max
    }

    async fn play(mut self, mut stream: TcpStream) -> Outcome {
        let mut buffer = BytesMut::new();
        let mut out = Vec::new();
        let mut silent_since = Instant::now();
        while self.goes_on() {
            self.send_what_is_due(&mut out);
            if stream.write_all(&out).await.is_err() {
                break;
            }
            out.clear();
            let wake = self.next_due().unwrap_or(silent_since + SILENCE_MAX);
            tokio::select! {
                read = stream.read_buf(&mut buffer) => {
                    // However the other side ends it, what it did not answer is counted.
                    if matches!(read, Ok(0) | Err(_)) {
                        break;
                    }
                    silent_since = Instant::now();
                    if !self.hear(&mut buffer, &mut out) {
                        break;
                    }
                }
                () = sleep_until(wake) => {
                    if silent_since.elapsed() >= SILENCE_MAX && self.next_due().is_none() {
                        break;
                    }
                }
            }
        }
        // The last answers; who is gone needs none.
        let _ = stream.write_all(&out).await;
        self.outcome.unanswered += self.waiting.len() as u64;
        self.outcome
    }

    /// When the next request is due; `None` when it waits for the other side, or there is none.
    fn next_due(&self) -> Option<Instant> {
        let request = self.requests.front()?;
        let pause = if self.speed > 0.0 {
            Duration::try_from_secs_f64(request.due.as_secs_f64() / self.speed).ok()?
        } else {
            Duration::ZERO
        };
        let due = self.started.checked_add(pause)?;
        (request.heard_before <= self.heard).then_some(due)
    }

    fn send_what_is_due(&mut self, out: &mut Vec<u8>) {
        while self.next_due().is_some_and(|due| due <= Instant::now())
            && let Some(request) = self.requests.pop_front()
        {
            let header = Header::decode(&request.pdu).expect("a PDU has a header");
            self.outcome.sent += 1;
            if self.expected.contains_key(&header.sequence_number) {
                self.waiting.insert(header.sequence_number, ());
            }
            out.extend_from_slice(&request.pdu);
        }
    }

    /// Takes what came; false when it is no SMPP.
    fn hear(&mut self, buffer: &mut BytesMut, out: &mut Vec<u8>) -> bool {
        loop {
            let header = match next_frame(buffer, COMMAND_LENGTH_MAX_BOUND) {
                Ok(Some(frame)) => frame.header,
                Ok(None) => return true,
                Err(_) => return false,
            };
            drop(buffer.split_to(header.command_length as usize));
            self.heard += 1;
            if header.command_id.is_response() {
                self.on_response(header);
            } else {
                self.answer(header, out);
            }
        }
    }

    fn on_response(&mut self, header: Header) {
        self.waiting.remove(&header.sequence_number);
        let Some(was) = self.expected.remove(&header.sequence_number) else {
            return;
        };
        if was == header.command_status {
            self.outcome.same += 1;
        } else {
            self.outcome.different += 1;
            if self.outcome.differences.len() < DIFFERENCES_SHOWN {
                let difference = (header.command_id, was, header.command_status);
                self.outcome.differences.push(difference);
            }
        }
    }

    /// Answers with our next captured response to such a command; without one with ESME_ROK to what
    /// has no body, and generic_nack to the rest.
    fn answer(&mut self, header: Header, out: &mut Vec<u8>) {
        let command_id = CommandId(header.command_id.0 | 0x8000_0000);
        let captured = self.responses.get_mut(&command_id.0);
        let mut pdu = captured.and_then(VecDeque::pop_front).unwrap_or_else(|| {
            let bodiless = [CommandId::ENQUIRE_LINK_RESP, CommandId::UNBIND_RESP];
            let known = bodiless.contains(&command_id);
            let answer = Header {
                command_length: 16,
                command_id: if known {
                    command_id
                } else {
                    CommandId::GENERIC_NACK
                },
                command_status: if known {
                    CommandStatus::ESME_ROK
                } else {
                    CommandStatus::ESME_RINVCMDID
                },
                sequence_number: header.sequence_number,
            };
            answer.to_octets().to_vec()
        });
        pdu[12..16].copy_from_slice(&header.sequence_number.to_be_bytes());
        self.outcome.answered += 1;
        out.extend_from_slice(&pdu);
    }
}
