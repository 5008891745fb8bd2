//! `smsc-sim capture stats`: what a capture holds, counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use signalbox_codec::{CommandId, CommandStatus, Header};

use super::decode::each_of;
use super::reader::CaptureError;
use super::stream::{Found, Streams};
use crate::words::counted;

/// Requests that wait for their responses at most; the responses to more are not timed.
const WAITING_MAX: usize = 1_000_000;
/// Commands of responses that are told apart at most; those of more are counted as commands only.
const ANSWERS_MAX: usize = 64;

/// What a capture holds.
#[derive(Clone, Debug)]
pub struct Stats {
    /// PDUs by command.
    commands: BTreeMap<u32, u64>,
    /// Responses by command: what answers us is not mixed with what we answer.
    answers: BTreeMap<u32, Answers>,
    /// Connections with SMPP on them.
    connections: u64,
    first_unix_us: Option<u64>,
    last_unix_us: u64,
    unanswered: u64,
    not_smpp: u64,
    lost_octets: u64,
    repeated: u64,
    early: u64,
}

/// The responses of one command.
#[derive(Clone, Debug)]
struct Answers {
    /// By command_status.
    statuses: BTreeMap<u32, u64>,
    /// From request to response, us.
    times: Histogram<u64>,
}

/// Counts what is in a capture, up to where it cannot be read further: then there is an error, too.
pub fn run(input: impl Read) -> (Stats, Result<(), CaptureError>) {
    let mut stats = Stats::new();
    let mut waiting: HashMap<(SocketAddr, SocketAddr, u32), u64> = HashMap::new();
    let mut connections = HashMap::new();
    let mut streams = Streams::default();
    let result = each_of(&mut streams, input, |seen| match seen.found {
        Found::NotSmpp(_) => stats.not_smpp += 1,
        Found::Lost(octets) => stats.lost_octets += octets,
        Found::Pdu(pdu) => {
            let header = Header::decode(pdu).expect("a PDU has a header");
            let ends = (seen.from.min(seen.to), seen.from.max(seen.to));
            connections.insert(ends, ());
            let number = header.sequence_number;
            let asked = match header.command_id.is_response() {
                true => waiting.remove(&(seen.to, seen.from, number)),
                false => None,
            };
            stats.count(&header, seen.at_unix_us, asked);
            if !header.command_id.is_response() && waiting.len() < WAITING_MAX {
                waiting.insert((seen.from, seen.to, number), seen.at_unix_us);
            }
        }
    });
    stats.connections = connections.len() as u64;
    stats.unanswered = waiting.len() as u64;
    (stats.repeated, stats.early) = (streams.repeated, streams.early);
    (stats, result)
}

impl Stats {
    /// Whether it has no PDU.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The same facts as in the text; units stand at the end of the names, and response times are
    /// null when there are none.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let commands = self.commands.iter();
        let commands = commands.map(|(id, count)| (CommandId(*id).to_string(), (*count).into()));
        let answers = self.answers.iter();
        let answers = answers.map(|(id, answers)| (CommandId(*id).to_string(), answers.to_json()));
        json!({
            "pdus": self.pdus(),
            "connections": self.connections,
            "elapsed_s": self.seconds(),
            "commands": commands.collect::<Map<_, Value>>(),
            "responses": answers.collect::<Map<_, Value>>(),
            "unanswered_requests": self.unanswered,
            "not_smpp_pieces": self.not_smpp,
            "lost_octets": self.lost_octets,
            "repeated_segments": self.repeated,
            "early_segments": self.early,
        })
    }

    fn pdus(&self) -> u64 {
        self.commands.values().sum()
    }

    /// From the first PDU to the last.
    fn seconds(&self) -> f64 {
        let first = self.first_unix_us.unwrap_or(self.last_unix_us);
        self.last_unix_us.saturating_sub(first) as f64 / 1e6
    }

    fn new() -> Self {
        Self {
            commands: BTreeMap::new(),
            answers: BTreeMap::new(),
            connections: 0,
            first_unix_us: None,
            last_unix_us: 0,
            unanswered: 0,
            not_smpp: 0,
            lost_octets: 0,
            repeated: 0,
            early: 0,
        }
    }

    /// `asked_unix_us`: when the request of a response came.
    fn count(&mut self, header: &Header, at_unix_us: u64, asked_unix_us: Option<u64>) {
        let command = header.command_id.0;
        *self.commands.entry(command).or_default() += 1;
        let is_told_apart = self.answers.len() < ANSWERS_MAX || self.answers.contains_key(&command);
        if header.command_id.is_response() && is_told_apart {
            let answers = self.answers.entry(command).or_insert_with(Answers::new);
            let status = header.command_status.0;
            *answers.statuses.entry(status).or_default() += 1;
            if let Some(asked_unix_us) = asked_unix_us {
                let us = at_unix_us.saturating_sub(asked_unix_us);
                answers.times.saturating_record(us.max(1));
            }
        }
        self.first_unix_us.get_or_insert(at_unix_us);
        self.last_unix_us = self.last_unix_us.max(at_unix_us);
    }
}

impl Answers {
    fn new() -> Self {
        Self {
            statuses: BTreeMap::new(),
            times: Histogram::new_with_bounds(1, 3_600_000_000, 3)
                .expect("the bounds are in order and the digits at most 5"),
        }
    }

    fn to_json(&self) -> Value {
        let time = |share: f64| {
            let time = self.times.value_at_quantile(share);
            (!self.times.is_empty()).then_some(time)
        };
        let statuses = self.statuses.iter();
        let statuses =
            statuses.map(|(status, count)| (CommandStatus(*status).to_string(), (*count).into()));
        json!({
            "statuses": statuses.collect::<Map<_, Value>>(),
            "response_time_p50_us": time(0.5),
            "response_time_p99_us": time(0.99),
            "response_time_max_us": time(1.0),
        })
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} in {:.3} s on {}",
            counted(self.pdus(), "PDU"),
            self.seconds(),
            counted(self.connections, "connection")
        )?;
        for (command, count) in &self.commands {
            writeln!(f, "{count:>10}  {}", CommandId(*command))?;
        }
        writeln!(
            f,
            "responses by command and status, and how long after their requests"
        )?;
        for (command, answers) in &self.answers {
            writeln!(f, "  {}: {answers}", CommandId(*command))?;
        }
        write!(
            f,
            "{} unanswered, {} not SMPP, {} lost, {} repeated, {} early",
            counted(self.unanswered, "request"),
            counted(self.not_smpp, "piece"),
            counted(self.lost_octets, "octet"),
            counted(self.repeated, "segment"),
            counted(self.early, "segment")
        )
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (status, count)) in self.statuses.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {}", CommandStatus(*status))?;
        }
        if self.times.is_empty() {
            return Ok(());
        }
        let ms = |share: f64| self.times.value_at_quantile(share) as f64 / 1e3;
        let (p50, p99, max) = (ms(0.5), ms(0.99), ms(1.0));
        write!(f, "; p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms")
    }
}
