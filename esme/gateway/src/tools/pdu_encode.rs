//! `signalbox pdu encode`: the JSON of `pdu decode` back to hexadecimal digits.

use std::io::{self, BufRead, Write};

use bytes::BytesMut;
use serde_json::{Map, Value as Json};
use signalbox_codec::pdu::{DestAddress, DestAddressBuf, UnsuccessSme, UnsuccessSmeBuf};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, COctetStr, CommandId, CommandStatus, DecodeError, Pdu, Quirks,
    Sighting, Tag, TlvBuf, Value, encode_pdu, next_frame,
};

use super::hex;
use super::json::{self, Problem};
use super::lines::{self, Input};

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

/// Encodes each line of `input`. What is not given is 0 or empty, lengths and counts follow from
/// what they count. A deviation from the specification that the wire can carry is made, and told in
/// `reports` unless the line names it in `deviations`, as `pdu decode` does; with `is_strict` it is
/// an error. Returns whether all could be encoded.
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
                let octets = encode(&line)?;
                let mut unnamed = unnamed_deviations(&octets, &line)?;
                if is_strict && !unnamed.is_empty() {
                    return Err(unnamed.swap_remove(0));
                }
                Ok((octets, unnamed))
            });
        match &pdu {
            Ok((octets, unnamed)) => {
                hex::write(octets, out);
                out.push(b'\n');
                for problem in unnamed {
                    // Who does not listen to reports need not get them.
                    let _ = writeln!(reports, "line {number}: {}", problem.detail);
                }
            }
            Err(problem) => problem.write(true, out),
        }
        pdu.is_ok()
    })
}

/// How the PDU differs from the specification without the line saying so.
fn unnamed_deviations(octets: &[u8], line: &Map<String, Json>) -> Result<Vec<Problem>, Problem> {
    let named = match line.get("deviations") {
        None | Some(Json::Null) => &[][..],
        Some(Json::Array(names)) => names,
        Some(_) => return Err(Problem::of_field("deviations", "must be a list")),
    };
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
    let is_named = |one: &Sighting| named.iter().any(|name| name == one.deviation.name());
    let mut problems: Vec<Problem> = sightings
        .iter()
        .filter(|one| !is_named(one))
        .map(|Sighting { deviation, error }| {
            let (name, section) = (deviation.name(), deviation.section());
            problem(
                "deviation",
                error,
                format!("{error} ({name}, SMPP v3.4 {section})"),
            )
        })
        .collect();
    if let Err(error) = decoded {
        problems.push(problem(error.reason.kind(), &error, error.to_string()));
    }
    Ok(problems)
}

/// What a field's value is made of until the PDU borrows it.
enum Owned {
    Integer(u32),
    Octets(Vec<u8>),
    String(Vec<u8>),
    DestAddresses(DestAddressBuf),
    UnsuccessSmes(UnsuccessSmeBuf),
}

impl Owned {
    fn as_value(&self, name: &str) -> Result<Value<'_>, Problem> {
        Ok(match self {
            Self::Integer(value) => Value::Integer(*value),
            Self::Octets(octets) => Value::Octets(octets),
            Self::String(octets) => Value::String(c_octet_string(name, octets)?),
            Self::DestAddresses(addresses) => Value::DestAddresses(addresses.as_dest_addresses()),
            Self::UnsuccessSmes(smes) => Value::UnsuccessSmes(smes.as_unsuccess_smes()),
        })
    }
}

fn encode(line: &Map<String, Json>) -> Result<Vec<u8>, Problem> {
    json::refuse_unknown(line, NAMES)?;
    let command_id = command_id(line)?;
    let header_number = |name| json::take_number(line, name, u64::from(u32::MAX));
    let command_status = header_number("command_status")?.unwrap_or(0);
    let sequence_number = header_number("sequence_number")?.unwrap_or(0);
    let mut owned = Vec::new();
    match line.get("fields") {
        None | Some(Json::Null) => {}
        Some(Json::Object(fields)) => {
            for (name, value) in fields {
                owned.push(field(name, value)?);
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
    let tlvs = tlvs(line)?;
    let pdu = Pdu::from_fields(command_id, &fields, tlvs.as_tlvs())
        .map_err(|error| Problem::of_field(&error.field, error.to_string()))?;
    let mut out = BytesMut::new();
    encode_pdu(
        &pdu,
        CommandStatus(command_status as u32),
        sequence_number as u32,
        &mut out,
    );
    let mut octets = Vec::from(out);
    octets.extend(json::take_octets(line, "trailing_hex")?.unwrap_or_default());
    let command_length = octets.len() as u64;
    let declared = header_number("command_length")?;
    if let Some(declared) = declared.filter(|declared| *declared != command_length) {
        let detail = format!("{declared} is not {command_length}; it need not be given");
        return Err(Problem::of_field("command_length", detail));
    }
    octets[..4].copy_from_slice(&(command_length as u32).to_be_bytes());
    Ok(octets)
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

fn field<'l>(name: &'l str, value: &'l Json) -> Result<(&'l str, Owned), Problem> {
    let kind = |expected: &str| Problem::of_field(name, format!("must be {expected}"));
    Ok(match (name, value) {
        ("dest_addresses", Json::Array(items)) => {
            (name, Owned::DestAddresses(dest_addresses(items)?))
        }
        ("unsuccess_smes", Json::Array(items)) => {
            (name, Owned::UnsuccessSmes(unsuccess_smes(items)?))
        }
        (_, Json::Number(number)) => {
            let number = number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok());
            (
                name,
                Owned::Integer(number.ok_or_else(|| kind("a number from 0 to 4294967295"))?),
            )
        }
        (_, Json::String(text)) => match name.strip_suffix("_hex") {
            Some(field) => (field, Owned::Octets(octets(name, text)?)),
            None => (name, Owned::String(latin1(name, text)?)),
        },
        _ => return Err(kind("a number, a text, or octets as digits in NAME_hex")),
    })
}

fn octets(name: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let mut octets = Vec::new();
    let detail = |at| format!("must be pairs of hexadecimal digits; wrong at character {at}");
    hex::read(text.as_bytes(), &mut octets).map_err(|at| Problem::of_field(name, detail(at)))?;
    Ok(octets)
}

/// Each character as the octet of that number.
fn latin1(name: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let octet = |character: char| u8::try_from(u32::from(character)).ok();
    let octets: Option<Vec<u8>> = text.chars().map(octet).collect();
    octets.ok_or_else(|| Problem::of_field(name, "has a character above U+00FF"))
}

fn c_octet_string<'o>(name: &str, octets: &'o [u8]) -> Result<COctetStr<'o>, Problem> {
    COctetStr::new(octets).ok_or_else(|| Problem::of_field(name, "has a NUL inside"))
}

fn tlvs(line: &Map<String, Json>) -> Result<TlvBuf, Problem> {
    let mut tlvs = TlvBuf::new();
    let items = match line.get("tlvs") {
        None | Some(Json::Null) => return Ok(tlvs),
        Some(Json::Array(items)) => items,
        Some(_) => return Err(Problem::of_field("tlvs", "must be a list")),
    };
    for item in items {
        let Json::Object(tlv) = item else {
            return Err(Problem::of_field("tlvs", "must be a list of objects"));
        };
        json::refuse_unknown(tlv, &["tag", "name", "value_hex"])?;
        let number = json::take_number(tlv, "tag", u64::from(u16::MAX))?;
        let name = json::take_text(tlv, "name")?;
        // The number decides: vendors have names of their own for tags.
        let tag = match number {
            Some(number) => Some(Tag(number as u16)),
            None => name.and_then(Tag::from_name),
        };
        let tag = tag.ok_or_else(|| Problem::of_field("tag", "a tag, or its name, is missing"))?;
        let value = json::take_octets(tlv, "value_hex")?.unwrap_or_default();
        tlvs.push(tag, &value).map_err(|octets| {
            Problem::of_field(
                "value_hex",
                format!("{octets} octets, at most 65535 are allowed"),
            )
        })?;
    }
    Ok(tlvs)
}

fn dest_addresses(items: &[Json]) -> Result<DestAddressBuf, Problem> {
    let mut addresses = DestAddressBuf::new();
    for item in items {
        let Json::Object(item) = item else {
            return Err(Problem::of_field(
                "dest_addresses",
                "must be a list of objects",
            ));
        };
        let dest_flag = json::take_number(item, "dest_flag", u64::from(u8::MAX))?;
        let name = if dest_flag == Some(2) {
            "dl_name"
        } else {
            "destination_addr"
        };
        let string = latin1(name, text(item, name)?)?;
        let string = c_octet_string(name, &string)?;
        let address = match dest_flag {
            Some(1) => DestAddress::Sme {
                dest_addr_ton: octet(item, "dest_addr_ton")?,
                dest_addr_npi: octet(item, "dest_addr_npi")?,
                destination_addr: string,
            },
            Some(2) => DestAddress::DistributionList { dl_name: string },
            _ => return Err(Problem::of_field("dest_flag", "must be 1 or 2")),
        };
        if !addresses.push(address) {
            return Err(Problem::of_field(
                "dest_addresses",
                "has more entries than fit a PDU",
            ));
        }
    }
    Ok(addresses)
}

fn unsuccess_smes(items: &[Json]) -> Result<UnsuccessSmeBuf, Problem> {
    let mut smes = UnsuccessSmeBuf::new();
    for item in items {
        let Json::Object(item) = item else {
            return Err(Problem::of_field(
                "unsuccess_smes",
                "must be a list of objects",
            ));
        };
        let string = latin1("destination_addr", text(item, "destination_addr")?)?;
        let status = json::take_number(item, "error_status_code", u64::from(u32::MAX))?;
        let sme = UnsuccessSme {
            dest_addr_ton: octet(item, "dest_addr_ton")?,
            dest_addr_npi: octet(item, "dest_addr_npi")?,
            destination_addr: c_octet_string("destination_addr", &string)?,
            error_status_code: CommandStatus(status.unwrap_or(0) as u32),
        };
        if !smes.push(sme) {
            return Err(Problem::of_field(
                "unsuccess_smes",
                "has more entries than fit a PDU",
            ));
        }
    }
    Ok(smes)
}

fn text<'o>(object: &'o Map<String, Json>, name: &str) -> Result<&'o str, Problem> {
    Ok(json::take_text(object, name)?.unwrap_or_default())
}

fn octet(object: &Map<String, Json>, name: &str) -> Result<u8, Problem> {
    let number = json::take_number(object, name, u64::from(u8::MAX))?;
    Ok(number.unwrap_or(0) as u8)
}
