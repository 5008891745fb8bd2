//! `signalbox pdu decode`: hexadecimal digits to the fields of a PDU.

use std::io::{self, BufRead, Write};

use signalbox_codec::pdu::DestAddress;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, CommandStatus, Decoded, Frame, Item, Pdu, Quirks, Sighting, Value,
    inspect, next_frame,
};

use super::json::{self, Object, list};
use super::lines::{self, Input};
use super::{hex, pdu_text};

/// Octets behind the first PDU of a line: what the deviation is called.
pub(super) const OCTETS_AFTER_PDU: &str = "octets_after_pdu";

/// A PDU, taken apart.
pub(super) struct Opened<'a> {
    /// The whole PDU.
    pub(super) octets: &'a [u8],
    /// Header and body.
    pub(super) frame: Frame<'a>,
    /// Fields and deviations.
    pub(super) decoded: Decoded<'a>,
    /// Where the deviations stand.
    pub(super) sightings: Vec<Sighting>,
    /// Octets behind it.
    pub(super) octets_after: usize,
}

/// Why digits are no PDU.
pub(super) struct Failure {
    pub(super) kind: &'static str,
    pub(super) field: Option<&'static str>,
    pub(super) offset: usize,
    pub(super) command_status: CommandStatus,
    pub(super) recoverable: bool,
    pub(super) detail: String,
}

/// Decodes each line of `input`. With `as_json` the answer is one line of JSON, otherwise a table
/// with the octets beside the fields and an empty line behind it. Returns whether all could be
/// read.
///
/// # Errors
/// Reading or writing failed.
pub fn run(as_json: bool, input: Input<'_, impl BufRead>, output: impl Write) -> io::Result<bool> {
    let mut octets = Vec::new();
    lines::each(input, output, |line, out| {
        let good = one(line, as_json, &mut octets, out);
        if as_json {
            out.push(b'\n');
        }
        good
    })
}

fn one(line: lines::Line<'_>, as_json: bool, octets: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    let read = read_line(line, octets);
    let opened = read.and_then(|()| open(octets));
    match (&opened, as_json) {
        (Ok(opened), true) => write_json(opened, out),
        (Ok(opened), false) => pdu_text::write(opened, out),
        (Err(failure), true) => failure.write_json(out),
        (Err(failure), false) => pdu_text::write_failure(failure, octets, out),
    }
    opened.is_ok()
}

/// Reads the digits of a line.
fn read_line(line: lines::Line<'_>, octets: &mut Vec<u8>) -> Result<(), Failure> {
    let line = line.map_err(|long| Failure::of_line("line_too_long", 0, long.detail()))?;
    hex::read(line.trim_ascii(), octets).map_err(|at| {
        let detail = format!("no pair of hexadecimal digits at character {at}");
        Failure::of_line("hex", at, detail)
    })
}

/// Takes the first PDU of `octets` apart.
fn open(octets: &[u8]) -> Result<Opened<'_>, Failure> {
    let frame = match next_frame(octets, COMMAND_LENGTH_MAX_BOUND) {
        Ok(Some(frame)) => frame,
        Ok(None) => {
            let declared = octets
                .first_chunk()
                .map(|length| u32::from_be_bytes(*length));
            let wanted = declared.map_or(String::new(), |octets| format!(" of {octets}"));
            return Err(Failure {
                kind: "incomplete",
                field: Some("command_length"),
                offset: octets.len(),
                command_status: CommandStatus::ESME_RINVCMDLEN,
                recoverable: true,
                detail: format!("the PDU ends after {} octets{wanted}", octets.len()),
            });
        }
        Err(error) => {
            return Err(Failure {
                kind: "command_length",
                field: Some("command_length"),
                offset: 0,
                command_status: error.command_status(),
                recoverable: error.is_recoverable(),
                detail: error.to_string(),
            });
        }
    };
    let mut sightings = Vec::new();
    let decoded = Pdu::decode_noting(&frame, Quirks::LENIENT, &mut sightings);
    let decoded = decoded.map_err(|error| Failure {
        kind: error.reason.kind(),
        field: Some(error.field),
        offset: error.offset,
        command_status: error.command_status(),
        recoverable: error.is_recoverable(),
        detail: error.to_string(),
    })?;
    let (octets, after) = octets.split_at(octets.len().min(frame.header.command_length as usize));
    Ok(Opened {
        octets,
        frame,
        decoded,
        sightings,
        octets_after: after.len(),
    })
}

impl Opened<'_> {
    /// The deviations by name.
    fn deviations(&self) -> impl Iterator<Item = &'static str> {
        let after = (self.octets_after > 0).then_some(OCTETS_AFTER_PDU);
        self.decoded
            .deviations
            .iter()
            .map(|deviation| deviation.name())
            .chain(after)
    }
}

impl Failure {
    fn of_line(kind: &'static str, offset: usize, detail: String) -> Self {
        Self {
            kind,
            field: None,
            offset,
            command_status: CommandStatus::ESME_RINVCMDLEN,
            recoverable: true,
            detail,
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let mut line = Object::new(out);
        let mut error = Object::new(line.entry("error", ""));
        error.text("kind", Some(self.kind));
        error.text("field", self.field);
        error.number("offset", self.offset as u64);
        error.number("command_status", u64::from(self.command_status.0));
        error.flag("recoverable", self.recoverable);
        error.text("detail", Some(&self.detail));
        error.end();
        line.end();
    }
}

fn write_json(opened: &Opened<'_>, out: &mut Vec<u8>) {
    let Opened { frame, decoded, .. } = opened;
    let header = &frame.header;
    let mut whole = Object::new(out);
    whole.number("command_length", u64::from(header.command_length));
    whole.number("command_id", u64::from(header.command_id.0));
    whole.text("command", header.command_id.name());
    whole.number("command_status", u64::from(header.command_status.0));
    whole.number("sequence_number", u64::from(header.sequence_number));
    let mut fields = Object::new(whole.entry("fields", ""));
    let mut tlvs = Vec::new();
    let (mut body, mut trailing) = (None, None);
    inspect(frame, &decoded.pdu, |placed| match placed.item {
        Item::Field { name, value } => write_field(name, value, &mut fields),
        Item::Tlv(tlv) => tlvs.push(tlv),
        Item::Body(octets) => body = Some(octets),
        Item::Trailing(octets) => trailing = Some(octets),
    });
    fields.end();
    let out = whole.entry("tlvs", "");
    list(&tlvs, out, |tlv, out| {
        let mut object = Object::new(out);
        object.number("tag", u64::from(tlv.tag.0));
        object.text("name", tlv.tag.name());
        object.octets("value", tlv.value);
        object.end();
    });
    // A command that nobody knows has a body, be it empty.
    if body.is_some() || header.command_id.name().is_none() {
        whole.octets("body", body.unwrap_or_default());
    }
    if let Some(trailing) = trailing {
        whole.octets("trailing", trailing);
    }
    let deviations: Vec<&str> = opened.deviations().collect();
    list(&deviations, whole.entry("deviations", ""), |name, out| {
        json::text(name, out)
    });
    whole.end();
}

fn write_field(name: &str, value: Value<'_>, fields: &mut Object<'_>) {
    match value {
        Value::Integer(value) => fields.number(name, u64::from(value)),
        Value::String(string) => match string.as_ascii() {
            Some(text) => fields.text(name, Some(text)),
            None => fields.text(name, Some(&string.to_latin1())),
        },
        Value::Octets(octets) => fields.octets(name, octets),
        Value::DestAddresses(addresses) => {
            let addresses: Vec<_> = addresses.iter().collect();
            list(&addresses, fields.entry(name, ""), write_dest_address);
        }
        Value::UnsuccessSmes(smes) => {
            let smes: Vec<_> = smes.iter().collect();
            list(&smes, fields.entry(name, ""), |sme, out| {
                let mut object = Object::new(out);
                object.number("dest_addr_ton", u64::from(sme.dest_addr_ton));
                object.number("dest_addr_npi", u64::from(sme.dest_addr_npi));
                object.text("destination_addr", Some(&sme.destination_addr.to_latin1()));
                object.number("error_status_code", u64::from(sme.error_status_code.0));
                object.end();
            });
        }
    }
}

fn write_dest_address(address: &DestAddress<'_>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.number("dest_flag", u64::from(address.dest_flag()));
    match address {
        DestAddress::Sme {
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
        } => {
            object.number("dest_addr_ton", u64::from(*dest_addr_ton));
            object.number("dest_addr_npi", u64::from(*dest_addr_npi));
            object.text("destination_addr", Some(&destination_addr.to_latin1()));
        }
        DestAddress::DistributionList { dl_name } => {
            object.text("dl_name", Some(&dl_name.to_latin1()));
        }
    }
    object.end();
}
