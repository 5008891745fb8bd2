//! Reads the PDU vectors and turns decoded PDUs into the shape of their `expect`.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // Test code; each file uses its part.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};
use signalbox_codec::pdu::DestAddress;
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, Frame, Item, Pdu, Value, inspect, next_frame};

/// One line of a vector file.
pub(crate) struct Vector {
    /// File and line, for messages and for the tables of exceptions.
    pub(crate) id: String,
    pub(crate) octets: Vec<u8>,
    pub(crate) json: Json,
}

impl Vector {
    pub(crate) fn quirks(&self) -> impl Iterator<Item = &str> {
        let quirks = self.json["quirks"].as_array();
        quirks.into_iter().flatten().filter_map(Json::as_str)
    }

    /// The first PDU of the octets, if it is whole.
    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        next_frame(&self.octets, COMMAND_LENGTH_MAX_BOUND).ok()?
    }

    /// The octets of that PDU.
    pub(crate) fn pdu_octets(&self) -> Option<&[u8]> {
        let length = self.frame()?.header.command_length;
        self.octets.get(..length as usize)
    }
}

/// All lines of all PDU vector files.
pub(crate) fn vectors() -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the vectors are there") {
        let path = entry.expect("a file").path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("pdu-") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for (index, line) in text.lines().enumerate() {
            let json: Json = serde_json::from_str(line).expect("JSON");
            vectors.push(Vector {
                id: format!("{name}:{}", index + 1),
                octets: from_hex(json["hex"].as_str().expect("hex")),
                json,
            });
        }
    }
    vectors.sort_by(|one, other| one.id.cmp(&other.id));
    assert!(vectors.len() >= 400, "{} vectors", vectors.len());
    vectors
}

pub(crate) fn from_hex(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "whole octets");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

pub(crate) fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut hex, octet| {
        write!(hex, "{octet:02x}").unwrap();
        hex
    })
}

/// A decoded PDU in the shape of `expect`.
pub(crate) fn to_json(frame: &Frame<'_>, pdu: &Pdu<'_>) -> Json {
    let header = &frame.header;
    let mut fields = Map::new();
    let mut tlvs = Vec::new();
    let mut whole = json!({
        "command_length": header.command_length,
        "command_id": header.command_id.0,
        "command": header.command_id.name(),
        "command_status": header.command_status.0,
        "sequence_number": header.sequence_number,
    });
    inspect(frame, pdu, |placed| match placed.item {
        Item::Field { name, value } => {
            let is_octets = matches!(value, Value::Octets(_));
            let name = if is_octets {
                format!("{name}_hex")
            } else {
                name.to_owned()
            };
            fields.insert(name, value_to_json(value));
        }
        Item::Tlv(tlv) => tlvs.push(json!({
            "tag": tlv.tag.0,
            "name": tlv.tag.name(),
            "value_hex": to_hex(tlv.value),
        })),
        Item::Body(octets) => whole["body_hex"] = to_hex(octets).into(),
        Item::Trailing(octets) => whole["trailing_hex"] = to_hex(octets).into(),
    });
    whole["fields"] = fields.into();
    whole["tlvs"] = tlvs.into();
    whole
}

fn value_to_json(value: Value<'_>) -> Json {
    match value {
        Value::Integer(value) => value.into(),
        Value::String(string) => string.to_latin1().into(),
        Value::Octets(octets) => to_hex(octets).into(),
        Value::DestAddresses(list) => list.iter().map(dest_address_to_json).collect(),
        Value::UnsuccessSmes(list) => list
            .iter()
            .map(|sme| {
                json!({
                    "dest_addr_ton": sme.dest_addr_ton,
                    "dest_addr_npi": sme.dest_addr_npi,
                    "destination_addr": sme.destination_addr.to_latin1(),
                    "error_status_code": sme.error_status_code.0,
                })
            })
            .collect(),
    }
}

fn dest_address_to_json(dest_address: DestAddress<'_>) -> Json {
    let dest_flag = dest_address.dest_flag();
    match dest_address {
        DestAddress::Sme {
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
        } => json!({
            "dest_flag": dest_flag,
            "dest_addr_ton": dest_addr_ton,
            "dest_addr_npi": dest_addr_npi,
            "destination_addr": destination_addr.to_latin1(),
        }),
        DestAddress::DistributionList { dl_name } => {
            json!({ "dest_flag": dest_flag, "dl_name": dl_name.to_latin1() })
        }
    }
}

/// xorshift64: mutations that are the same in every run.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }
}
