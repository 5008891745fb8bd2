//! What is measured: one closure per operation, and rusmpp's for the same where it has one.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use bytes::BytesMut;
use rusmpp::decode::DecodeWithLength;
use rusmpp::encode::{Encode as _, Length as _};
use rusmpp::extra::concatenation::SubmitSmMultipartExt as _;
use rusmpp::extra::encoding::Encoder as _;
use rusmpp::extra::encoding::gsm7bit::Gsm7BitUnpacked;
use rusmpp::pdus::SubmitSm;
use serde_json::Value;
use signalbox_codec::reassembly::{Part, Reassembly, ReassemblyLimits, Sender};
use signalbox_codec::receipt;
use signalbox_codec::segment::{LongMessage, SegmentOptions};
use signalbox_codec::text::{PlanOptions, gsm7, plan, ucs2};
use signalbox_codec::udh::{Concatenation, ReferenceWidth};
use signalbox_codec::{COMMAND_LENGTH_MAX_BOUND, Pdu, encode_pdu, next_frame};

use crate::samples::common;

/// PDUs in the buffer of the frame decoder.
pub(crate) const FRAMES: usize = 1000;

pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) ours: Box<dyn FnMut()>,
    pub(crate) rusmpp: Option<Box<dyn FnMut()>>,
}

fn alone(name: &str, ours: impl FnMut() + 'static) -> Operation {
    Operation {
        name: name.to_owned(),
        ours: Box::new(ours),
        rusmpp: None,
    }
}

/// An operation that rusmpp has as well.
fn beside(name: &str, ours: impl FnMut() + 'static, theirs: impl FnMut() + 'static) -> Operation {
    Operation {
        rusmpp: Some(Box::new(theirs)),
        ..alone(name, ours)
    }
}

pub(crate) fn operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = samples().into_iter().flat_map(of_pdu).collect();
    all.extend(common().into_iter().flat_map(of_pdu));
    all.push(frames());
    all.extend(of_text());
    all.extend(of_receipts());
    all
}

/// The longest vector of each command that both codecs read, by command.
fn samples() -> BTreeMap<String, Vec<u8>> {
    let mut samples: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for file in ["pdu-gen-node-smpp.jsonl", "pdu-gen-rusmpp.jsonl"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let octets = from_hex(row["hex"].as_str().unwrap());
            let Some(command) = row["expect"]["command"].as_str() else {
                continue;
            };
            let longest = samples
                .get(command)
                .is_none_or(|other| other.len() < octets.len());
            if longest && octets.len() < 400 && rusmpp_decode(&octets).is_some() {
                samples.insert(command.to_owned(), octets);
            }
        }
    }
    let submit_sm = samples.get("submit_sm").expect("it is among the vectors");
    assert!(
        samples.len() > 25,
        "{} commands, {submit_sm:02x?}",
        samples.len()
    );
    samples
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

fn rusmpp_decode(octets: &[u8]) -> Option<rusmpp::Command> {
    let mut rest = BytesMut::from(&octets[4..]);
    rusmpp::Command::decode(&mut rest, octets.len() - 4)
        .ok()
        .map(|read| read.0)
}

/// Decoding and encoding of one PDU. Its octets live as long as the program, so that what was
/// decoded from them can be encoded.
fn of_pdu((command, octets): (String, Vec<u8>)) -> [Operation; 2] {
    let octets: &'static [u8] = octets.leak();
    let theirs = rusmpp_decode(octets).expect("both codecs read it");
    let read = || {
        let frame = next_frame(black_box(octets), COMMAND_LENGTH_MAX_BOUND).unwrap();
        frame.expect("whole")
    };
    let (header, pdu) = (read().header, Pdu::decode(&read()).unwrap());
    let mut out = BytesMut::with_capacity(1024);
    let mut room = vec![0; theirs.length() + 4];
    let name = format!("{command}, {} octets", octets.len());
    [
        Operation {
            name: format!("decode {name}"),
            ours: Box::new(move || {
                black_box(&Pdu::decode(&read()));
            }),
            rusmpp: Some(Box::new(move || {
                black_box(&rusmpp_decode(black_box(octets)));
            })),
        },
        Operation {
            name: format!("encode {name}"),
            ours: Box::new(move || {
                out.clear();
                let number = header.sequence_number;
                encode_pdu(black_box(&pdu), header.command_status, number, &mut out);
                black_box(&out);
            }),
            rusmpp: Some(Box::new(move || {
                black_box(black_box(&theirs).encode(&mut room));
            })),
        },
    ]
}

fn frames() -> Operation {
    let octets = samples()["submit_sm_resp"].repeat(FRAMES);
    alone("frames: 1,000 submit_sm_resp of one buffer", move || {
        let mut rest = &black_box(&octets)[..];
        while let Ok(Some(frame)) = next_frame(rest, COMMAND_LENGTH_MAX_BOUND) {
            rest = &rest[16 + black_box(frame).body.len()..];
        }
    })
}

fn text_of(characters: usize, pattern: &str) -> String {
    pattern.chars().cycle().take(characters).collect()
}

fn of_text() -> Vec<Operation> {
    let ascii = text_of(
        160,
        "Your order 4711 has left our house today, by noon it is there. ",
    );
    let mixed = text_of(160, "Prix: 12,50, à payer à la caisse, é; ");
    let long =
        "Plain text of a bulk mailing without any sign of note, over and over. ".repeat(1000);
    let cyrillic = text_of(200, "Привет, ваш заказ ");
    let mut all = Vec::new();
    for (name, text) in [
        ("160 plain", ascii.clone()),
        ("160 mixed", mixed.clone()),
        ("70,000 plain", long),
    ] {
        let mut septets = Vec::new();
        gsm7::encode(&text, &mut septets).unwrap();
        let mut out = Vec::with_capacity(2 * text.len());
        let same = text.clone();
        let ours = move || {
            out.clear();
            gsm7::encode(black_box(&text), &mut out).unwrap();
            black_box(&out);
        };
        let theirs = move || {
            black_box(Gsm7BitUnpacked::new().encode(black_box(&same)).unwrap());
        };
        all.push(beside(&format!("GSM 7-bit encode, {name}"), ours, theirs));
        all.push(alone(&format!("GSM 7-bit decode, {name}"), move || {
            black_box(gsm7::decode(black_box(&septets)).unwrap());
        }));
    }
    let mut octets = Vec::new();
    ucs2::encode(&text_of(70, "Привет, ваш заказ "), &mut octets);
    all.push(alone("UCS-2 decode, 70", move || {
        black_box(ucs2::decode(black_box(&octets)).unwrap());
    }));
    all.extend(of_plans(&ascii, &mixed, cyrillic));
    all
}

fn of_plans(ascii: &str, mixed: &str, cyrillic: String) -> Vec<Operation> {
    let planned = |text: String, long_message| {
        let segment = SegmentOptions {
            long_message,
            ..SegmentOptions::default()
        };
        let options = PlanOptions {
            segment,
            ..PlanOptions::default()
        };
        move || {
            black_box(plan(black_box(&text), &options).unwrap());
        }
    };
    let (long, other) = (text_of(800, ascii), cyrillic.clone());
    let single = ascii.to_owned();
    let their_single = move || {
        let parts = SubmitSm::default().multipart(black_box(&single));
        let parts = parts.gsm7bit_unpacked().max_short_message_size(160);
        black_box(parts.build().unwrap());
    };
    let many = long.clone();
    let their_parts = move || {
        let parts = SubmitSm::default().multipart(black_box(&many));
        let parts = parts.gsm7bit_unpacked().max_short_message_size(160);
        black_box(parts.reference_u8(0).build().unwrap());
    };
    let their_ucs2 = move || {
        let parts = SubmitSm::default().multipart(black_box(&other)).ucs2();
        black_box(parts.reference_u16(0).build().unwrap());
    };
    vec![
        beside(
            "plan, 160 plain",
            planned(ascii.to_owned(), LongMessage::Udh8),
            their_single,
        ),
        alone(
            "plan, 160 mixed",
            planned(mixed.to_owned(), LongMessage::Udh8),
        ),
        beside(
            "plan, 800 plain in parts, 8-bit header",
            planned(long, LongMessage::Udh8),
            their_parts,
        ),
        alone(
            "plan, 800 mixed in parts, SAR",
            planned(text_of(800, mixed), LongMessage::Sar),
        ),
        beside(
            "plan, 200 Cyrillic in parts, 16-bit header",
            planned(cyrillic, LongMessage::Udh16),
            their_ucs2,
        ),
    ]
}

fn of_receipts() -> [Operation; 3] {
    const RECEIPT: &[u8] = b"id:0059113978 sub:001 dlvrd:001 submit date:1002101730 \
        done date:1002101731 stat:DELIVRD err:000 text:Your order 4711 has ";
    let mut reassembly = Reassembly::new(ReassemblyLimits::default());
    [
        alone("receipt text, parse", || {
            black_box(receipt::parse(black_box(RECEIPT)));
        }),
        alone("receipt id, candidates", || {
            black_box(receipt::id_candidates(black_box("0059113978")));
        }),
        alone("reassembly of five parts", move || {
            for number in 1..=5 {
                let place = Concatenation::new(7, ReferenceWidth::Bits8, 5, number).unwrap();
                let sender = Sender {
                    scope: 1,
                    source: b"447700900123".to_vec(),
                };
                let part = Part {
                    mark: 0,
                    body: vec![b'a'; 134],
                };
                black_box(reassembly.insert(0, sender, b"100".to_vec(), place, part));
            }
        }),
    ]
}
