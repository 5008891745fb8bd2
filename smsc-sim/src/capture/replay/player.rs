//! Plays one side of a captured session, and compares what the other side answers with what it
//! answered then.
//!
//! Our requests go out in their order, each as long after the last PDU of the other side as then,
//! which is told by how many it has sent. The n-th request of a command gets the responses that the
//! n-th such request got, as long after it as then.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, CommandId, CommandStatus, Header, next_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::{Outcome, Script, Side};

/// How long the other side may be silent while something is expected of it.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How much longer than in the capture a played client waits for a request that nobody can force.
const SILENCE_BEYOND_CAPTURED: Duration = Duration::from_secs(2);
/// Answers that differ and are shown.
const DIFFERENCES_SHOWN: usize = 10;

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

/// What a read brought.
enum Heard {
    Something,
    /// Nothing but enquire_link, which can come for ever.
    OnlyLife,
    NoSmpp,
}

pub(super) struct Player {
    speed: f64,
    requests: VecDeque<Request>,
    /// Our responses to each request of the other side, by its command, in their order.
    responses: HashMap<u32, VecDeque<Vec<Own>>>,
    /// Responses that wait for their time; those of one time by their places in the capture.
    waiting_responses: BTreeMap<(Instant, usize), Vec<u8>>,
    /// What the other side answered to our requests, by sequence_number.
    expected: HashMap<u32, CommandStatus>,
    /// Requests of ours that wait for their responses.
    waiting: BTreeMap<u32, CommandId>,
    started: Instant,
    /// When each PDU of the other side came, as many as it has sent in the capture.
    heard_at: Vec<Instant>,
    /// PDUs that the other side has sent here.
    heard: usize,
    /// PDUs that the other side has sent in the capture.
    heard_max: usize,
    /// PDUs in the capture.
    steps: usize,
    /// How long the other side may be silent when all that was asked of it is answered.
    unasked_silence_max: Duration,
    outcome: Outcome,
}

impl Player {
    pub(super) fn new(script: &Script, side: Side, speed: f64) -> Self {
        let mut player = Self {
            speed,
            requests: VecDeque::new(),
            responses: HashMap::new(),
            waiting_responses: BTreeMap::new(),
            expected: HashMap::new(),
            waiting: BTreeMap::new(),
            started: Instant::now(),
            heard_at: Vec::new(),
            heard: 0,
            heard_max: 0,
            steps: script.steps.len(),
            unasked_silence_max: unasked_silence_max(script, side, speed),
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

    pub(super) async fn play(mut self, mut stream: TcpStream) -> Outcome {
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
            let silence_max = self.silence_max();
            let wake = next.unwrap_or(silent_since + silence_max);
            tokio::select! {
                read = stream.read_buf(&mut buffer) => {
                    // However the other side ends it, what it did not answer is counted.
                    if matches!(read, Ok(0) | Err(_)) {
                        break;
                    }
                    match self.hear(&mut buffer) {
                        Heard::Something => silent_since = Instant::now(),
                        Heard::OnlyLife => {}
                        Heard::NoSmpp => break,
                    }
                }
                () = sleep_until(wake) => {
                    if silent_since.elapsed() >= silence_max && self.next_due().is_none() {
                        break;
                    }
                }
            }
        }
        // The last answers; who is gone needs none.
        let _ = stream.write_all(&out).await;
        self.outcome.unanswered += self.waiting.len() as u64;
        let shown = self.waiting.iter().take(DIFFERENCES_SHOWN);
        let missing = shown.map(|(number, command)| (*command, *number));
        self.outcome.missing.extend(missing);
        self.outcome.unsent += self.requests.len() as u64;
        self.outcome
    }

    fn silence_max(&self) -> Duration {
        if self.waiting.is_empty() {
            self.unasked_silence_max
        } else {
            SILENCE_MAX
        }
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
        since.checked_add(at_speed(delay, self.speed)?)
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
                    self.waiting
                        .insert(header.sequence_number, header.command_id);
                }
                out.extend_from_slice(&own.pdu);
            }
        }
    }

    /// Takes what came.
    fn hear(&mut self, buffer: &mut BytesMut) -> Heard {
        let now = Instant::now();
        let mut heard = Heard::OnlyLife;
        loop {
            let header = match next_frame(buffer, COMMAND_LENGTH_MAX_BOUND) {
                Ok(Some(frame)) => frame.header,
                Ok(None) => return heard,
                Err(_) => return Heard::NoSmpp,
            };
            drop(buffer.split_to(header.command_length as usize));
            if header.command_id != CommandId::ENQUIRE_LINK {
                heard = Heard::Something;
            }
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

    /// Answers as the next captured request of such a command was, or not at all; what the capture
    /// has no more of as [`answer_to_unknown`] says.
    fn answer(&mut self, header: Header, now: Instant) {
        let of_command = self.responses.get_mut(&header.command_id.0);
        let Some(captured) = of_command.and_then(VecDeque::pop_front) else {
            // No PDU of the capture has such a place.
            let place = self.steps + self.heard;
            if let Some(pdu) = answer_to_unknown(header) {
                self.waiting_responses.insert((now, place), pdu);
            }
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

/// A captured time at that speed; `None` is beyond all times.
fn at_speed(captured: Duration, speed: f64) -> Option<Duration> {
    if speed <= 0.0 {
        return Some(Duration::ZERO);
    }
    Duration::try_from_secs_f64(captured.as_secs_f64() / speed).ok()
}

/// A little longer than a server took for its own requests in the capture: the longest time from
/// one to the next, or from the start to the first. It keeps to its own time when we go faster.
/// When a client asks is up to its user: a played server has the patience that it has for
/// everything.
fn unasked_silence_max(script: &Script, side: Side, speed: f64) -> Duration {
    if side == Side::Server {
        return SILENCE_MAX;
    }
    let mut last = Duration::ZERO;
    let mut captured = Duration::ZERO;
    for step in script.steps.iter().filter(|step| step.by != side) {
        let header = Header::decode(&step.pdu).expect("a PDU has a header");
        if !header.command_id.is_response() {
            captured = captured.max(step.after.saturating_sub(last));
            last = step.after;
        }
    }
    let slowed = at_speed(captured, speed).unwrap_or(SILENCE_MAX);
    let expected = captured.max(slowed).min(SILENCE_MAX);
    (expected + SILENCE_BEYOND_CAPTURED).min(SILENCE_MAX)
}

/// What is said to a request that the capture has no more of: what comes from a network is taken,
/// and a session is kept and ended; the rest is refused. `None`: it has no response.
fn answer_to_unknown(request: Header) -> Option<Vec<u8>> {
    // An empty message_id. SMPP v3.4 §4.6.2.
    const NO_MESSAGE_ID: &[u8] = &[0];
    let (command_status, body): (_, &[u8]) = match request.command_id {
        CommandId::ENQUIRE_LINK | CommandId::UNBIND => (CommandStatus::ESME_ROK, &[]),
        CommandId::DELIVER_SM => (CommandStatus::ESME_ROK, NO_MESSAGE_ID),
        CommandId::ALERT_NOTIFICATION | CommandId::OUTBIND => return None,
        _ => (CommandStatus::ESME_RINVCMDID, &[]),
    };
    let header = Header {
        command_length: 16 + body.len() as u32,
        command_id: match command_status.is_ok() {
            true => request.command_id.response(),
            false => CommandId::GENERIC_NACK,
        },
        command_status,
        sequence_number: request.sequence_number,
    };
    Some([&header.to_octets()[..], body].concat())
}

#[cfg(test)]
mod tests {
    use super::super::Step;
    use super::*;

    /// A client asks at 0 s and is answered at once; deliver_sm come at these times.
    fn script(deliveries_s: &[u64]) -> Script {
        let step = |after_s, by, command_id| {
            let header = Header {
                command_length: 16,
                command_id,
                command_status: CommandStatus::ESME_ROK,
                sequence_number: 1,
            };
            Step {
                after: Duration::from_secs(after_s),
                by,
                pdu: header.to_octets().to_vec(),
            }
        };
        let mut steps = vec![
            step(0, Side::Client, CommandId::SUBMIT_SM),
            step(0, Side::Server, CommandId::SUBMIT_SM_RESP),
        ];
        for after_s in deliveries_s {
            steps.push(step(*after_s, Side::Server, CommandId::DELIVER_SM));
            steps.push(step(*after_s, Side::Client, CommandId::DELIVER_SM_RESP));
        }
        Script { steps }
    }

    #[test]
    fn what_nobody_can_force_is_waited_for_a_little_longer_than_it_took() {
        let table = [
            (Side::Client, 1.0, &[][..], 2),
            (Side::Client, 1.0, &[0, 1, 4], 5),
            (Side::Client, 0.0, &[3, 4], 5),
            (Side::Client, 100.0, &[3, 4], 5),
            (Side::Client, 0.5, &[3, 4], 8),
            (Side::Client, 0.000_001, &[3, 4], 10),
            (Side::Client, 1.0, &[600], 10),
            (Side::Server, 1.0, &[3, 4], 10),
        ];
        for (side, speed, deliveries_s, expected_s) in table {
            let player = Player::new(&script(deliveries_s), side, speed);
            let seen = player.silence_max();
            let expected = Duration::from_secs(expected_s);
            assert_eq!(seen, expected, "{side:?} {speed} {deliveries_s:?}");
        }
    }

    #[test]
    fn what_the_capture_has_no_more_of_is_answered_by_its_kind() {
        let nack = CommandStatus::ESME_RINVCMDID;
        let (generic_nack, ok) = (CommandId::GENERIC_NACK, CommandStatus::ESME_ROK);
        let table = [
            (
                CommandId::ENQUIRE_LINK,
                CommandId::ENQUIRE_LINK_RESP,
                ok,
                16,
            ),
            (CommandId::UNBIND, CommandId::UNBIND_RESP, ok, 16),
            (CommandId::DELIVER_SM, CommandId::DELIVER_SM_RESP, ok, 17),
            (CommandId::SUBMIT_SM, generic_nack, nack, 16),
        ];
        for (command_id, answer_id, command_status, command_length) in table {
            let asked = Header {
                command_length: 16,
                command_id,
                command_status: ok,
                sequence_number: 7,
            };
            let answer = answer_to_unknown(asked).unwrap();
            let expected = Header {
                command_length,
                command_id: answer_id,
                command_status,
                sequence_number: 7,
            };
            assert_eq!(Header::decode(&answer), Some(expected), "{command_id}");
            assert_eq!(answer.len(), command_length as usize, "{command_id}");
        }
    }

    /// A server that answers nothing may ask for ever whether we live.
    #[test]
    fn enquire_link_alone_does_not_end_a_silence() {
        let mut player = Player::new(&script(&[]), Side::Client, 0.0);
        let mut hear = |commands: &[CommandId]| {
            let pdus = commands.iter().map(|command_id| Header {
                command_length: 16,
                command_id: *command_id,
                command_status: CommandStatus::ESME_ROK,
                sequence_number: 1,
            });
            let octets: Vec<u8> = pdus.flat_map(|header| header.to_octets()).collect();
            let heard = player.hear(&mut BytesMut::from(&octets[..]));
            matches!(heard, Heard::Something)
        };
        assert!(!hear(&[CommandId::ENQUIRE_LINK, CommandId::ENQUIRE_LINK]));
        assert!(hear(&[CommandId::ENQUIRE_LINK, CommandId::SUBMIT_SM_RESP]));
        assert!(!hear(&[]));
    }

    #[test]
    fn a_response_is_waited_for_as_long_as_anything() {
        let mut player = Player::new(&script(&[]), Side::Client, 0.0);
        player.send_what_is_due(&mut Vec::new());
        assert_eq!(player.silence_max(), SILENCE_MAX);
    }
}
