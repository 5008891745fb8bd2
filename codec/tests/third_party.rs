//! Other people's SMPP readers on the vectors and on 1,000 generated PDUs. What they read otherwise
//! than we do is listed in `docs/codec-differences.md` with who is right; a difference that is not
//! in that table fails. `tests/third_party/install` installs the readers.

#![allow(clippy::unwrap_used)] // Test code.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // It runs the readers.

mod pdu_support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::BytesMut;
use pdu_support::{Random, to_hex, to_json, vectors};
use serde_json::Value as Json;
use signalbox_codec::pdu::{Bind, DataSm, MessageIdResp, QuerySm, ShortMessage, Sm};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, COctetStr, CommandStatus, Pdu, Tag, TlvBuf, encode_pdu, next_frame,
};

const GENERATED: usize = 1_000;

const READERS: [&str; 4] = ["tshark", "smpplib", "smpp.pdu3", "npm smpp"];

#[test]
fn every_difference_to_another_reader_is_explained() {
    let pdus = pdus();
    let table = std::fs::read_to_string(root().join("docs/codec-differences.md")).unwrap();
    let mut missing = Vec::new();
    for reader in READERS {
        for (what, (count, example)) in differences(reader, &pdus) {
            let is_listed = |row: &str| {
                let mut cells = row.split(" | ");
                let is_reader = cells.next() == Some(&format!("| {reader}"));
                is_reader && cells.next().is_some_and(|listed| what.starts_with(listed))
            };
            if !table.lines().any(is_listed) {
                missing.push(format!("| {reader} | {what} | {count} | {example}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "not in the table:\n{}",
        missing.join("\n")
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whole PDUs, nothing behind them.
fn pdus() -> Vec<Vec<u8>> {
    let vectors = vectors();
    let whole = vectors.iter().filter_map(|vector| vector.pdu_octets());
    let mut pdus: Vec<Vec<u8>> = whole.map(<[u8]>::to_vec).collect();
    let mut random = Random(0x5EED_0009);
    pdus.extend((0..GENERATED).map(|_| generated(&mut random)));
    pdus
}

fn generated(random: &mut Random) -> Vec<u8> {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789+";
    let letters: Vec<u8> = (0..64)
        .map(|_| LETTERS[random.below(LETTERS.len())])
        .collect();
    let mut string = |octets_max: usize| {
        let length = random.below(octets_max + 1);
        COctetStr::new(&letters[..length]).unwrap()
    };
    let (source_addr, destination_addr) = (string(20), string(20));
    let (message_id, system_id, service_type) = (string(64), string(15), string(5));
    let text: Vec<u8> = (0..random.below(255))
        .map(|_| random.next().to_be_bytes()[0])
        .collect();
    let mut tlvs = TlvBuf::new();
    if random.below(2) == 0 {
        tlvs.push_u16(Tag::USER_MESSAGE_REFERENCE, random.below(0x1_0000) as u16);
    }
    if random.below(2) == 0 {
        tlvs.push_u8(Tag::MESSAGE_STATE, random.below(9) as u8);
    }
    let sm = Sm {
        service_type,
        source_addr,
        destination_addr,
        registered_delivery: random.below(2) as u8,
        data_coding: [0, 3, 4, 8][random.below(4)],
        short_message: ShortMessage::new(&text).unwrap(),
        tlvs: tlvs.as_tlvs(),
        ..Sm::default()
    };
    let id = |message_id| MessageIdResp {
        message_id: Some(message_id),
        ..MessageIdResp::default()
    };
    let bind = Bind {
        system_id,
        interface_version: 0x34,
        ..Bind::default()
    };
    let pdu = match random.below(10) {
        0..=2 => Pdu::SubmitSm(sm),
        3..=4 => Pdu::DeliverSm(sm),
        5 => Pdu::SubmitSmResp(id(message_id)),
        6 => Pdu::DataSm(DataSm {
            service_type,
            source_addr,
            destination_addr,
            tlvs: tlvs.as_tlvs(),
            ..DataSm::default()
        }),
        7 => Pdu::BindTransceiver(bind),
        8 => Pdu::QuerySm(QuerySm {
            message_id,
            source_addr,
            ..QuerySm::default()
        }),
        _ => [
            Pdu::EnquireLink,
            Pdu::Unbind,
            Pdu::EnquireLinkResp,
            Pdu::UnbindResp,
        ][random.below(4)],
    };
    let mut octets = BytesMut::new();
    let number = 1 + random.below(0x7FFF_FFFF) as u32;
    encode_pdu(&pdu, CommandStatus::ESME_ROK, number, &mut octets);
    octets.to_vec()
}

/// Differences by what differs: how many there are, and one of them.
fn differences(reader: &str, pdus: &[Vec<u8>]) -> BTreeMap<String, (usize, String)> {
    let mut found = BTreeMap::new();
    for (octets, theirs) in pdus.iter().zip(read(reader, pdus)) {
        for what in differences_of(octets, &theirs) {
            let hex: String = to_hex(octets).chars().take(160).collect();
            let entry = found
                .entry(what)
                .or_insert_with(|| (0, format!("{hex} {theirs}")));
            entry.0 += 1;
        }
    }
    found
}

fn differences_of(octets: &[u8], theirs: &Json) -> Vec<String> {
    let frame = next_frame(octets, COMMAND_LENGTH_MAX_BOUND)
        .unwrap()
        .unwrap();
    let command = frame.header.command_id.name().unwrap_or("unknown command");
    let pdu = match (Pdu::decode(&frame), theirs["error"].as_str()) {
        (Err(_), Some(_)) => return Vec::new(),
        (Err(_), None) => return vec![format!("takes {command}")],
        (Ok(_), Some(error)) => return vec![format!("refuses: {}", reason(error))],
        (Ok(pdu), None) => pdu,
    };
    let ours = to_json(&frame, &pdu);
    let entries = theirs.as_object().unwrap().iter();
    let differs = entries.filter(|(name, value)| {
        let ours = ours
            .get(name.as_str())
            .unwrap_or_else(|| &ours["fields"][name.as_str()]);
        !value.is_null() && !ours.is_null() && ours != *value
    });
    differs
        .map(|(name, _)| format!("{name} of {command}"))
        .collect()
}

/// The words of an error, without the values that it names.
fn reason(error: &str) -> &str {
    let end = error.find(|one: char| one.is_ascii_digit() || "\"'(".contains(one));
    error[..end.unwrap_or(error.len())].trim_end_matches([':', ' '])
}

fn read(reader: &str, pdus: &[Vec<u8>]) -> Vec<Json> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party");
    let installed = root().join("target/readers");
    let mut command = match reader {
        "npm smpp" => {
            let mut node = Command::new("node");
            node.arg(scripts.join("read.js"))
                .arg(installed.join("node_modules"));
            node
        }
        _ => {
            let mut python = Command::new(installed.join("venv/bin/python"));
            python.arg(scripts.join("read.py")).arg(reader);
            python
        }
    };
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command
        .spawn()
        .expect("run codec/tests/third_party/install");
    let lines: String = pdus.iter().map(|octets| to_hex(octets) + "\n").collect();
    let mut input = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{reader}: {:?}", output.status);
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Json> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), pdus.len(), "{reader} answers each line");
    answers
}
