//! `smsc-sim capture replay`: plays one side of a captured session again, and compares what the
//! other side answers with what it answered then.
//!
//! Our requests go out in their order, each as long after the last PDU of the other side as then,
//! which is told by how many it has sent. The n-th request of a command gets the responses that the
//! n-th such request got, as long after it as then.

use std::collections::{BTreeMap, HashMap, VecDeque};
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
    /// Requests of the capture that were not sent, as the other side ended before.
    unsent: u64,
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
    /// The connection could not be made; the error names `to`.
    pub async fn play(&self, side: Side, to: &str, speed: f64) -> io::Result<Outcome> {
        let failed = |what| {
            move |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot {what} {to}: {error}"))
            }
        };
        let stream = match side {
            Side::Client => {
                let connected = TcpStream::connect(to).await;
                connected.map_err(failed("connect to"))?
            }
            Side::Server => {
                let listener = TcpListener::bind(to).await;
                let listener = listener.map_err(failed("listen on"))?;
                listener.accept().await.map_err(failed("accept on"))?.0
            }
        };
        stream.set_nodelay(true)?;
        Ok(Player::new(self, side, speed).play(stream).await)
    }
}

impl Outcome {
    /// Whether every request of the capture was sent, and answered as there.
    #[must_use]
    pub const fn is_as_captured(&self) -> bool {
        self.different == 0 && self.unanswered == 0 && self.unsent == 0
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
        if self.unsent > 0 {
            write!(f, "; {} requests of the capture not sent", self.unsent)?;
        }
        for (command, was, is) in &self.differences {
            write!(f, "\n  {command}: {was} in the capture, {is} here")?;
        }
        Ok(())
    }
}

/// A PDU of ours.
struct Own {
    /// How long after the PDU that it follows.
    delay: Duration,
    /// Its place in the capture.
    place: usize,
    pdu: Vec<u8>,
}

/// A request of ours.
struct Request {
    /// PDUs that the other side had sent by then; it follows the last of them.
    heard_before: usize,
    own: Own,
}

struct Player {
    speed: f64,
    requests: VecDeque<Request>,
    /// Our responses to each request of the other side, by its command, in their order.
    responses: HashMap<u32, VecDeque<Vec<Own>>>,
    /// Responses that wait for their time; those of one time by their places in the capture.
    waiting_responses: BTreeMap<(Instant, usize), Vec<u8>>,
    /// What the other side answered to our requests, by sequence_number.
    expected: HashMap<u32, CommandStatus>,
    /// Requests of ours that wait for their responses.
    waiting: HashMap<u32, ()>,
    started: Instant,
    /// When each PDU of the other side came, as many as it has sent in the capture.
    heard_at: Vec<Instant>,
    /// PDUs that the other side has sent here.
    heard: usize,
    /// PDUs that the other side has sent in the capture.
    heard_max: usize,
    /// PDUs in the capture.
    steps: usize,
    outcome: Outcome,
}

impl Player {
    fn new(script: &Script, side: Side, speed: f64) -> Self {
        let mut player = Self {
            speed,
            requests: VecDeque::new(),
            responses: HashMap::new(),
            waiting_responses: BTreeMap::new(),
            expected: HashMap::new(),
            waiting: HashMap::new(),
            started: Instant::now(),
            heard_at: Vec::new(),
            heard: 0,
            heard_max: 0,
            steps: script.steps.len(),
            outcome: Outcome::default(),
        };
        // Requests of the other side by sequence_number: command, which of these, when.
        let mut asked: HashMap<u32, (u32, usize, Duration)> = HashMap::new();
        let mut heard_last = Duration::ZERO;
        for (place, step) in script.steps.iter().enumerate() {
            let header = Header::decode(&step.pdu).expect("a PDU has a header");
            let own = |since: Duration| Own {
                delay: step.after.saturating_sub(since),
                place,
                pdu: step.pdu.clone(),
            };
            let command = header.command_id.0;
            match (step.by == side, header.command_id.is_response()) {
                (true, false) => player.requests.push_back(Request {
                    heard_before: player.heard_max,
                    own: own(heard_last),
                }),
                // One whose request is not in the capture cannot be repeated.
                (true, true) => {
                    if let Some((command, at, since)) = asked.get(&header.sequence_number) {
                        let of_command = player.responses.entry(*command).or_default();
                        of_command[*at].push(own(*since));
                    }
                }
                (false, is_response) => {
                    if is_response {
                        let status = header.command_status;
                        player.expected.insert(header.sequence_number, status);
                    } else {
                        let of_command = player.responses.entry(command).or_default();
                        let asked_now = (command, of_command.len(), step.after);
                        asked.insert(header.sequence_number, asked_now);
                        of_command.push_back(Vec::new());
                    }
                    player.heard_max += 1;
                    heard_last = step.after;
                }
            }
        }
        player
    }

    /// Whether anything is to be sent or heard yet.
    fn goes_on(&self) -> bool {
        let is_all_sent = self.requests.is_empty() && self.waiting_responses.is_empty();
        !is_all_sent || !self.waiting.is_empty() || self.heard < self.heard_max
    }

    async fn play(mut self, mut stream: TcpStream) -> Outcome {
        let mut buffer = BytesMut::new();
        let mut out = Vec::new();
        let mut silent_since = Instant::now();
        while self.goes_on() {
            self.send_what_is_due(&mut out);
            if !out.is_empty() {
                if stream.write_all(&out).await.is_err() {
                    break;
                }
                out.clear();
                silent_since = Instant::now();
                if !self.goes_on() {
                    break;
                }
            }
            let next = self.next_due().map(|(due, _)| due);
            let wake = next.unwrap_or(silent_since + SILENCE_MAX);
            tokio::select! {
                read = stream.read_buf(&mut buffer) => {
                    // However the other side ends it, what it did not answer is counted.
                    if matches!(read, Ok(0) | Err(_)) {
                        break;
                    }
                    silent_since = Instant::now();
                    if !self.hear(&mut buffer) {
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
        self.outcome.unsent += self.requests.len() as u64;
        self.outcome
    }

    /// When which PDU is due, by its place in the capture; `None` when all that are left wait for
    /// the other side, or there are none.
    fn next_due(&self) -> Option<(Instant, usize)> {
        let response = self.waiting_responses.keys().next().copied();
        let request = self.requests.front().and_then(|request| {
            let since = match request.heard_before {
                0 => self.started,
                count => *self.heard_at.get(count - 1)?,
            };
            Some((self.due(since, request.own.delay)?, request.own.place))
        });
        response.into_iter().chain(request).min()
    }

    /// `None` is beyond all times.
    fn due(&self, since: Instant, delay: Duration) -> Option<Instant> {
        if self.speed <= 0.0 {
            return Some(since);
        }
        let delay = Duration::try_from_secs_f64(delay.as_secs_f64() / self.speed);
        since.checked_add(delay.ok()?)
    }

    fn send_what_is_due(&mut self, out: &mut Vec<u8>) {
        while let Some(next) = self.next_due().filter(|(due, _)| *due <= Instant::now()) {
            if let Some(pdu) = self.waiting_responses.remove(&next) {
                self.outcome.answered += 1;
                out.extend_from_slice(&pdu);
            } else if let Some(Request { own, .. }) = self.requests.pop_front() {
                let header = Header::decode(&own.pdu).expect("a PDU has a header");
                self.outcome.sent += 1;
                if self.expected.contains_key(&header.sequence_number) {
                    self.waiting.insert(header.sequence_number, ());
                }
                out.extend_from_slice(&own.pdu);
            }
        }
    }

    /// Takes what came; false when it is no SMPP.
    fn hear(&mut self, buffer: &mut BytesMut) -> bool {
        let now = Instant::now();
        loop {
            let header = match next_frame(buffer, COMMAND_LENGTH_MAX_BOUND) {
                Ok(Some(frame)) => frame.header,
                Ok(None) => return true,
                Err(_) => return false,
            };
            drop(buffer.split_to(header.command_length as usize));
            self.heard += 1;
            if self.heard <= self.heard_max {
                self.heard_at.push(now);
            }
            if header.command_id.is_response() {
                self.on_response(header);
            } else {
                self.answer(header, now);
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

    /// Answers as the next captured request of such a command was, or not at all; without one with
    /// ESME_ROK to what has no body, and generic_nack to the rest.
    fn answer(&mut self, header: Header, now: Instant) {
        let of_command = self.responses.get_mut(&header.command_id.0);
        let Some(captured) = of_command.and_then(VecDeque::pop_front) else {
            // No PDU of the capture has such a place.
            let place = self.steps + self.heard;
            let pdu = answer_to_unknown(header).to_octets().to_vec();
            self.waiting_responses.insert((now, place), pdu);
            return;
        };
        for Own {
            delay,
            place,
            mut pdu,
        } in captured
        {
            pdu[12..16].copy_from_slice(&header.sequence_number.to_be_bytes());
            if let Some(due) = self.due(now, delay) {
                self.waiting_responses.insert((due, place), pdu);
            }
        }
    }
}

/// What is said to a request that nobody made in the capture.
fn answer_to_unknown(request: Header) -> Header {
    let (command_id, command_status) = match request.command_id {
        CommandId::ENQUIRE_LINK => (CommandId::ENQUIRE_LINK_RESP, CommandStatus::ESME_ROK),
        CommandId::UNBIND => (CommandId::UNBIND_RESP, CommandStatus::ESME_ROK),
        _ => (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID),
    };
    Header {
        command_length: 16,
        command_id,
        command_status,
        sequence_number: request.sequence_number,
    }
}
