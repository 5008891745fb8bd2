//! `smsc-sim capture decode`: the PDUs of a capture, one line of JSON each.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::reader::{CaptureError, PacketReader};
use super::segment::segment;
use super::stream::{Found, Streams};
use crate::api::hex;
use crate::inspection;
use crate::words::counted;

/// Prints each PDU of `input`: `time_us` (since 1970), `from`, `to`, then the fields as
/// `signalbox pdu decode --json` names them. Octets that are no PDU, or are missing, are a line
/// with `error`.
///
/// # Errors
/// [`CaptureError`] when the file cannot be read to its end, after the lines for what could be, or
/// when `output` cannot be written; one that nobody reads any more is none.
pub fn run(input: impl Read, output: &mut impl Write) -> Result<(), CaptureError> {
    let mut written = Ok(());
    let read = each(input, |pdu| {
        if written.is_ok() {
            written = writeln!(output, "{}", line(&pdu));
        }
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CaptureError::Io(error)),
        // Who has read enough changes nothing of what is in the file.
        _ => read.map(|_| ()),
    }
}

/// The last `limit` lines that [`run`] would print, with the octets of each PDU if `with_hex`.
pub(crate) fn last(
    input: impl Read,
    limit: usize,
    with_hex: bool,
) -> Result<VecDeque<Value>, CaptureError> {
    let mut lines = VecDeque::new();
    each(input, |seen| {
        let mut line = line(&seen);
        if with_hex && let Found::Pdu(pdu) = seen.found {
            line["hex"] = hex(pdu).into();
        }
        lines.push_back(line);
        if lines.len() > limit {
            lines.pop_front();
        }
    })?;
    Ok(lines)
}

/// A PDU as it went over the wire.
#[derive(Clone, Debug)]
pub(crate) struct WirePdu {
    /// When, us since 1970.
    pub(crate) at_unix_us: u64,
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// Who got it.
    pub(crate) to: SocketAddr,
    /// All of it.
    pub(crate) octets: Vec<u8>,
}

/// The last `limit` PDUs, oldest first.
pub(crate) fn last_pdus(input: impl Read, limit: usize) -> Result<VecDeque<WirePdu>, CaptureError> {
    let mut pdus = VecDeque::new();
    each(input, |seen| {
        let (Found::Pdu(octets) | Found::NotSmpp(octets)) = seen.found else {
            return;
        };
        pdus.push_back(WirePdu {
            at_unix_us: seen.at_unix_us,
            from: seen.from,
            to: seen.to,
            octets: octets.to_vec(),
        });
        if pdus.len() > limit {
            pdus.pop_front();
        }
    })?;
    Ok(pdus)
}

/// Something found in a capture, with its time and ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) at_unix_us: u64,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) found: Found<'a>,
}

/// Shows everything in a capture to `visit`, also what stands before an error, and returns what
/// became of its segments.
pub(super) fn each(input: impl Read, visit: impl FnMut(Seen<'_>)) -> Result<Streams, CaptureError> {
    let mut streams = Streams::default();
    each_of(&mut streams, input, visit).map(|()| streams)
}

/// The same with `streams`, which tell about a file with an error too.
pub(super) fn each_of(
    streams: &mut Streams,
    input: impl Read,
    mut visit: impl FnMut(Seen<'_>),
) -> Result<(), CaptureError> {
    let mut last_unix_us = 0;
    let mut reader = PacketReader::new(input)?;
    let result = loop {
        let packet = match reader.next() {
            Ok(Some(packet)) => packet,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let at_unix_us = packet.at_unix_us;
        last_unix_us = at_unix_us;
        if let Some(segment) = segment(packet.link_type, &packet.octets) {
            let (from, to) = (segment.from, segment.to);
            streams.push(&segment, |found| {
                visit(Seen {
                    at_unix_us,
                    from,
                    to,
                    found,
                });
            });
        }
    };
    streams.end(|(from, to), found| {
        visit(Seen {
            at_unix_us: last_unix_us,
            from,
            to,
            found,
        });
    });
    result
}

fn line(seen: &Seen<'_>) -> Value {
    let mut value = match seen.found {
        Found::Pdu(pdu) => inspection::json(pdu),
        Found::NotSmpp(octets) => {
            let detail = counted(octets.len() as u64, "octet");
            let detail = format!("{detail} that cannot be cut into PDUs");
            json!({"error": {"kind": "command_length", "detail": detail}})
        }
        Found::Lost(octets) => {
            let detail = format!("{} missing in the capture", counted(octets, "octet"));
            json!({"error": {"kind": "lost", "detail": detail}})
        }
    };
    value["time_us"] = seen.at_unix_us.into();
    value["from"] = seen.from.to_string().into();
    value["to"] = seen.to.to_string().into();
    value
}
