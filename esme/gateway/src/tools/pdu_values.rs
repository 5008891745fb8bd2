//! The values of a PDU's fields and parameters as `pdu encode` reads them from JSON.

use serde_json::{Map, Value as Json};
use signalbox_codec::pdu::{DestAddress, DestAddressBuf, UnsuccessSme, UnsuccessSmeBuf};
use signalbox_codec::{COctetStr, CommandStatus, Tag, TlvBuf, Value};

use super::hex;
use super::json::{self, Problem};
use crate::config;

/// What a field's value is made of until the PDU borrows it.
pub(super) enum Owned {
    Integer(u32),
    Octets(Vec<u8>),
    String(Vec<u8>),
    DestAddresses(DestAddressBuf),
    UnsuccessSmes(UnsuccessSmeBuf),
}

impl Owned {
    /// The value, borrowed.
    pub(super) fn as_value(&self, name: &str) -> Result<Value<'_>, Problem> {
        Ok(match self {
            Self::Integer(value) => Value::Integer(*value),
            Self::Octets(octets) => Value::Octets(octets),
            Self::String(octets) => Value::String(c_octet_string(name, octets)?),
            Self::DestAddresses(addresses) => Value::DestAddresses(addresses.as_dest_addresses()),
            Self::UnsuccessSmes(smes) => Value::UnsuccessSmes(smes.as_unsuccess_smes()),
        })
    }
}

/// A field without the ending of its name.
pub(super) fn field<'l>(name: &'l str, value: &'l Json) -> Result<(&'l str, Owned), Problem> {
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

/// The optional parameters.
pub(super) fn tlvs(line: &Map<String, Json>) -> Result<TlvBuf, Problem> {
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
        let name = json::take_text(tlv, "name")?;
        // The tag decides: vendors have names of their own for tags.
        let tag = tag(tlv)?.or_else(|| name.and_then(Tag::from_name));
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

/// A tag by number, also in a text such as `0x1400`, or by name.
fn tag(tlv: &Map<String, Json>) -> Result<Option<Tag>, Problem> {
    let Some(Json::String(text)) = tlv.get("tag") else {
        let number = json::take_number(tlv, "tag", u64::from(u16::MAX))?;
        return Ok(number.map(|number| Tag(number as u16)));
    };
    let tag = config::tag(text).map(Tag).ok_or_else(|| {
        let detail = format!("{text:?} is neither a number from 0 to 65535 nor a tag's name");
        Problem::of_field("tag", detail)
    })?;
    Ok(Some(tag))
}

/// A status by number, also in a text such as `0x58`, or by name; 0 when it is absent.
pub(super) fn command_status(
    object: &Map<String, Json>,
    name: &str,
) -> Result<CommandStatus, Problem> {
    let Some(Json::String(text)) = object.get(name) else {
        let number = json::take_number(object, name, u64::from(u32::MAX))?;
        return Ok(CommandStatus(number.unwrap_or(0) as u32));
    };
    config::command_status(text)
        .map(CommandStatus)
        .ok_or_else(|| {
            let detail =
                format!("{text:?} is neither a number from 0 to 4294967295 nor a status's name");
            Problem::of_field(name, detail)
        })
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
        let sme = UnsuccessSme {
            dest_addr_ton: octet(item, "dest_addr_ton")?,
            dest_addr_npi: octet(item, "dest_addr_npi")?,
            destination_addr: c_octet_string("destination_addr", &string)?,
            error_status_code: command_status(item, "error_status_code")?,
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
