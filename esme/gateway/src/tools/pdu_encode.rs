//! `signalbox pdu encode`: the JSON of `pdu decode` back to hexadecimal digits.

use std::io::{self, BufRead, Write};

use bytes::BytesMut;
use serde_json::{Map, Value as Json};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, CommandId, DecodeError, Deviation, HEADER_OCTETS, Pdu, Quirks,
    Sighting, encode_pdu, next_frame,
};

use super::hex;
use super::json::{self, Problem};
use super::lines::{self, Input};
use super::pdu_decode::OCTETS_AFTER_PDU;
use super::pdu_values::{self, Owned};
use crate::config;

const NAMES: &[&str] = &[
    "command_length",
    "command_id",
    "command",
    "command_status",
    "sequence_number",
    "fields",
    "tlvs",
    "body_hex",
    "trailing_hex",
    "deviations",
];

/// Encodes each line of `input`. What is not given is 0 or empty, sequence_number is 1, lengths and
/// counts follow from what they count. A deviation from the specification that the wire can carry
/// is made, and told in `reports` unless the line names it in `deviations`, as `pdu decode` does;
/// so is one that the line names and the octets have not. With `is_strict` both are errors.
/// Characters that are not ASCII in a string are an error unless `not_ascii` is named. Returns
/// whether all could be encoded.
///
/// # Errors
/// Reading or writing failed.
pub fn run(
    is_strict: bool,
    input: Input<'_, impl BufRead>,
    output: impl Write,
    mut reports: impl Write,
) -> io::Result<bool> {
    let mut number = 0_u64;
    lines::each(input, output, |line, out| {
        number += 1;
        let pdu = line
            .map_err(|too_long| Problem::of_line("line_too_long", too_long.detail()))
            .and_then(json::read_object)
            .and_then(|line| {
                let named = named_deviations(&line)?;
                let octets = encode(&line, &named)?;
                let mut differences = differences(&octets, &named)?;
                if is_strict && !differences.is_empty() {
                    return Err(differences.swap_remove(0));
                }
                Ok((octets, differences))
            });
        match &pdu {
            Ok((octets, differences)) => {
                hex::write(octets, out);
                out.push(b'\n');
                for problem in differences {
                    // Who does not listen to reports need not get them.
                    let _ = writeln!(reports, "line {number}: {}", problem.detail);
                }
            }
            Err(problem) => problem.write(true, out),
        }
        pdu.is_ok()
    })
}

/// The names of the deviations that the line wants.
fn named_deviations(line: &Map<String, Json>) -> Result<Vec<&str>, Problem> {
    let names = match line.get("deviations") {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(names)) => names,
        Some(_) => return Err(Problem::of_field("deviations", "must be a list")),
    };
    let known = || {
        Deviation::ALL
            .iter()
            .map(|one| one.name())
            .chain([OCTETS_AFTER_PDU])
    };
    let name = |name: &'_ Json| match name {
        Json::String(name) if known().any(|known| known == name) => Ok(()),
        Json::String(name) => Err(match config::nearest(name, known()) {
            Some(near) => format!("no deviation is called {name:?}; did you mean {near:?}?"),
            None => {
                let known: Vec<&str> = known().collect();
                format!(
                    "no deviation is called {name:?}; known are {}",
                    known.join(", ")
                )
            }
        }),
        _ => Err("must be a list of names".to_owned()),
    };
    for one in names {
        name(one).map_err(|detail| Problem::of_field("deviations", detail))?;
    }
    Ok(names.iter().filter_map(Json::as_str).collect())
}

/// How the PDU differs from the specification without the line saying so, and what the line names
/// that the octets have not.
fn differences(octets: &[u8], named: &[&str]) -> Result<Vec<Problem>, Problem> {
    let problem = |kind, error: &DecodeError, detail| Problem {
        kind,
        field: Some(error.field.to_owned()),
        offset: Some(error.offset),
        detail,
    };
    let frame = next_frame(octets, COMMAND_LENGTH_MAX_BOUND);
    let Ok(Some(frame)) = frame else {
        let detail = format!("{} octets are too many for a PDU", octets.len());
        return Ok(vec![Problem::of_field("command_length", detail)]);
    };
    let mut sightings = Vec::new();
    let decoded = Pdu::decode_noting(&frame, Quirks::LENIENT, &mut sightings);
    let is_named = |one: &Sighting| named.contains(&one.deviation.name());
    let mut problems = Vec::new();
    for one in sightings.iter().filter(|one| !is_named(one)) {
        let Sighting { deviation, error } = one;
        let detail = format!("{error} ({}, {})", deviation.name(), one.source());
        if *deviation == Deviation::NotAscii {
            let detail = format!("{detail}; name it in deviations to send Latin-1");
            return Err(problem("deviation", error, detail));
        }
        problems.push(problem("deviation", error, detail));
    }
    match decoded {
        Err(error) => problems.push(problem(error.reason.kind(), &error, error.to_string())),
        Ok(decoded) => {
            let is_there = |name| {
                let mut there = decoded.deviations.iter();
                there.any(|deviation| deviation.name() == name)
            };
            problems.extend(
                named
                    .iter()
                    .filter(|name| !is_there(**name))
                    .map(|name| Problem {
                        kind: "deviation",
                        ..Problem::of_field(
                            "deviations",
                            format!("{name} is named, and the encoded octets do not have it"),
                        )
                    }),
            );
        }
    }
    Ok(problems)
}

fn encode(line: &Map<String, Json>, named: &[&str]) -> Result<Vec<u8>, Problem> {
    json::refuse_unknown(line, NAMES)?;
    let command_id = command_id(line)?;
    let header_number = |name| json::take_number(line, name, u64::from(u32::MAX));
    let command_status = pdu_values::command_status(line, "command_status")?;
    let sequence_number = header_number("sequence_number")?.unwrap_or(1);
    let mut owned = Vec::new();
    match line.get("fields") {
        None | Some(Json::Null) => {}
        Some(Json::Object(fields)) => {
            for (name, value) in fields {
                owned.push(pdu_values::field(name, value)?);
            }
        }
        Some(_) => return Err(Problem::of_field("fields", "must be an object")),
    }
    let body = json::take_octets(line, "body_hex")?;
    let is_body_of_known = command_id.name().is_some() && body.as_deref() == Some(&[]);
    if let Some(body) = body.filter(|_| !is_body_of_known) {
        owned.push(("body", Owned::Octets(body)));
    }
    let mut fields = Vec::with_capacity(owned.len());
    for (name, value) in &owned {
        fields.push((*name, value.as_value(name)?));
    }
    let tlvs = pdu_values::tlvs(line)?;
    let pdu = Pdu::from_fields(command_id, &fields, tlvs.as_tlvs())
        .map_err(|error| Problem::of_field(&error.field, error.to_string()))?;
    let mut out = BytesMut::new();
    encode_pdu(&pdu, command_status, sequence_number as u32, &mut out);
    let mut octets = Vec::from(out);
    octets.extend(json::take_octets(line, "trailing_hex")?.unwrap_or_default());
    if named.contains(&Deviation::MissingNul.name()) {
        take_last_nul(&mut octets);
    }
    let command_length = octets.len() as u64;
    let declared = header_number("command_length")?;
    if let Some(declared) = declared.filter(|declared| *declared != command_length) {
        let detail = format!("{declared} is not {command_length}; it need not be given");
        return Err(Problem::of_field("command_length", detail));
    }
    put_length(&mut octets);
    Ok(octets)
}

fn put_length(octets: &mut [u8]) {
    let command_length = octets.len() as u32;
    octets[..4].copy_from_slice(&command_length.to_be_bytes());
}

/// Takes the last octet away if it is the NUL of a string that may end with the PDU.
fn take_last_nul(octets: &mut Vec<u8>) {
    if octets.last() != Some(&0) || octets.len() == HEADER_OCTETS {
        return;
    }
    octets.pop();
    put_length(octets);
    let frame = next_frame(octets, COMMAND_LENGTH_MAX_BOUND);
    let lacks_nul = frame.ok().flatten().is_some_and(|frame| {
        let decoded = Pdu::decode_with(&frame, Quirks::LENIENT);
        decoded.is_ok_and(|decoded| decoded.deviations.contains(Deviation::MissingNul))
    });
    if !lacks_nul {
        octets.push(0);
    }
}

/// The command by number, by name, or by both if they agree.
fn command_id(line: &Map<String, Json>) -> Result<CommandId, Problem> {
    let number = json::take_number(line, "command_id", u64::from(u32::MAX))?;
    let number = number.map(|number| CommandId(number as u32));
    let Some(name) = json::take_text(line, "command")? else {
        let missing = || Problem::of_field("command", "the command or its command_id is missing");
        return number.ok_or_else(missing);
    };
    let Some(named) = CommandId::from_name(name) else {
        return Err(Problem::of_field(
            "command",
            format!("no command is called {name:?}"),
        ));
    };
    match number {
        Some(number) if number != named => {
            let detail = format!("{} is not the command_id of {name}", number.0);
            Err(Problem::of_field("command_id", detail))
        }
        _ => Ok(named),
    }
}
