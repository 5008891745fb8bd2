//! `smsc-sim capture stats`: what a capture holds, counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use signalbox_codec::{CommandId, CommandStatus, Header};

use super::decode::each;
use super::reader::CaptureError;
use super::stream::Found;
use crate::words::counted;

/// Requests that wait for their responses at most; the responses to more are not timed.
const WAITING_MAX: usize = 1_000_000;

/// What a capture holds.
#[derive(Clone, Debug)]
pub struct Stats {
    /// PDUs by command.
    commands: BTreeMap<u32, u64>,
    /// Responses by command_status.
    statuses: BTreeMap<u32, u64>,
    /// Connections with SMPP on them.
    connections: u64,
    first_unix_us: Option<u64>,
    last_unix_us: u64,
    /// From request to response, us.
    response_times: Histogram<u64>,
    unanswered: u64,
    not_smpp: u64,
    lost_octets: u64,
    repeated: u64,
    early: u64,
}

/// Counts what is in a capture.
///
/// # Errors
/// [`CaptureError`] when it cannot be read to its end.
pub fn run(input: impl Read) -> Result<Stats, CaptureError> {
    let mut stats = Stats::new();
    let mut waiting: HashMap<(SocketAddr, SocketAddr, u32), u64> = HashMap::new();
    let mut connections = HashMap::new();
    let streams = each(input, |seen| match seen.found {
        Found::NotSmpp(_) => stats.not_smpp += 1,
        Found::Lost(octets) => stats.lost_octets += octets,
        Found::Pdu(pdu) => {
            let header = Header::decode(pdu).expect("a PDU has a header");
            stats.count(&header, seen.at_unix_us);
            let ends = (seen.from.min(seen.to), seen.from.max(seen.to));
            connections.insert(ends, ());
            let number = header.sequence_number;
            if header.command_id.is_response() {
                if let Some(asked) = waiting.remove(&(seen.to, seen.from, number)) {
                    let us = seen.at_unix_us.saturating_sub(asked);
                    stats.response_times.saturating_record(us.max(1));
                }
            } else if waiting.len() < WAITING_MAX {
                waiting.insert((seen.from, seen.to, number), seen.at_unix_us);
            }
        }
    })?;
    stats.connections = connections.len() as u64;
    stats.unanswered = waiting.len() as u64;
    (stats.repeated, stats.early) = (streams.repeated, streams.early);
    Ok(stats)
}

impl Stats {
    /// The same facts as in the text; units stand at the end of the names, and response times are
    /// null when there are none.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let time = |share: f64| {
            let time = self.response_times.value_at_quantile(share);
            (!self.response_times.is_empty()).then_some(time)
        };
        let commands = self.commands.iter();
        let commands = commands.map(|(id, count)| (CommandId(*id).to_string(), (*count).into()));
        let statuses = self.statuses.iter();
        let statuses =
            statuses.map(|(status, count)| (CommandStatus(*status).to_string(), (*count).into()));
        json!({
            "pdus": self.pdus(),
            "connections": self.connections,
            "elapsed_s": self.seconds(),
            "commands": commands.collect::<Map<_, Value>>(),
            "responses": statuses.collect::<Map<_, Value>>(),
            "response_time_p50_us": time(0.5),
            "response_time_p99_us": time(0.99),
            "response_time_max_us": time(1.0),
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
            statuses: BTreeMap::new(),
            connections: 0,
            first_unix_us: None,
            last_unix_us: 0,
            response_times: Histogram::new_with_bounds(1, 3_600_000_000, 3)
                .expect("the bounds are in order and the digits at most 5"),
            unanswered: 0,
            not_smpp: 0,
            lost_octets: 0,
            repeated: 0,
            early: 0,
        }
    }

    fn count(&mut self, header: &Header, at_unix_us: u64) {
        *self.commands.entry(header.command_id.0).or_default() += 1;
        if header.command_id.is_response() {
            *self.statuses.entry(header.command_status.0).or_default() += 1;
        }
        self.first_unix_us.get_or_insert(at_unix_us);
        self.last_unix_us = self.last_unix_us.max(at_unix_us);
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
        writeln!(f, "responses by status")?;
        for (status, count) in &self.statuses {
            writeln!(f, "{count:>10}  {}", CommandStatus(*status))?;
        }
        let ms = |share: f64| self.response_times.value_at_quantile(share) as f64 / 1e3;
        if !self.response_times.is_empty() {
            writeln!(
                f,
                "response time: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms",
                ms(0.5),
                ms(0.99),
                ms(1.0)
            )?;
        }
        write!(
            f,
            "{} unanswered, {} not SMPP, {} lost, {} repeated, {} early",
            counted(self.unanswered, "request"),
            counted(self.not_smpp, "piece"),
            counted(self.lost_octets, "octet"),
            counted(self.repeated, "segment"),
            self.early
        )
    }
}
