//! The tools over all vectors of the codec: what they print is what the vectors expect.

#![allow(clippy::unwrap_used)] // Test code.

use std::path::Path;

use serde_json::{Value as Json, json};
use signalbox::tools::{Input, pdu_decode, pdu_encode, receipt_parse, text_decode, text_plan};

/// The lines of a vector file with file name and number.
fn vectors(file: &str) -> Vec<(String, Json)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codec/tests/vectors");
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let lines = (1..).zip(text.lines());
    lines
        .map(|(number, line)| {
            (
                format!("{file}:{number}"),
                serde_json::from_str(line).unwrap(),
            )
        })
        .collect()
}

fn pdu_vectors() -> Vec<(String, Json)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codec/tests/vectors");
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    names
        .filter(|name| name.starts_with("pdu-"))
        .flat_map(|name| vectors(&name))
        .collect()
}

/// The answers of a tool to lines, one for each.
fn answers(
    lines: &[String],
    mut tool: impl FnMut(&[u8], &mut Vec<u8>) -> std::io::Result<bool>,
) -> (Vec<String>, bool) {
    let mut output = Vec::new();
    let good = tool(lines.join("\n").as_bytes(), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    let answers: Vec<String> = output.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len());
    (answers, good)
}

fn decode(lines: &[String]) -> (Vec<String>, bool) {
    answers(lines, |input, output| {
        pdu_decode::run(true, Input::Lines(input), output)
    })
}

fn hex_of(vector: &Json) -> String {
    vector["hex"].as_str().unwrap().to_owned()
}

/// Names that a source gives to tags of vendors.
fn without_vendor_names(tlvs: &Json, ours: &Json) -> Json {
    let mut tlvs = tlvs.clone();
    for (tlv, ours) in tlvs
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(ours.as_array().unwrap())
    {
        if ours["name"].is_null() {
            tlv["name"] = Json::Null;
        }
    }
    tlvs
}

#[test]
fn every_pdu_is_printed_as_the_vectors_expect() {
    let vectors: Vec<_> = pdu_vectors()
        .into_iter()
        .filter(|(_, vector)| vector.get("expect").is_some())
        .collect();
    assert!(vectors.len() > 400);
    let lines: Vec<String> = vectors.iter().map(|(_, vector)| hex_of(vector)).collect();
    let (answers, good) = decode(&lines);
    assert!(good);
    for ((id, vector), answer) in vectors.iter().zip(&answers) {
        let answer: Json = serde_json::from_str(answer).unwrap();
        let expect = &vector["expect"];
        for (name, value) in expect.as_object().unwrap() {
            if name == "tlvs" {
                assert_eq!(
                    answer["tlvs"],
                    without_vendor_names(value, &answer["tlvs"]),
                    "{id}"
                );
            } else {
                assert_eq!(answer[name], *value, "{id} {name}");
            }
        }
        let more: Vec<&String> = answer
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| expect.get(*name).is_none() && *name != "deviations")
            .collect();
        assert!(
            more.iter()
                .all(|name| *name == "trailing_hex" || *name == "body_hex"),
            "{id} {more:?}"
        );
    }
}

/// Called incomplete, and refused earlier: its command_length is above any limit.
const REFUSED_BEFORE_COMPLETE: &str = "pdu-smppex.jsonl:13";

#[test]
fn every_error_names_what_the_peer_would_be_told() {
    let vectors: Vec<_> = pdu_vectors()
        .into_iter()
        .filter(|(_, vector)| vector.get("error_class").is_some())
        .collect();
    assert!(vectors.len() > 20);
    for (id, vector) in vectors {
        let (answers, good) = decode(&[hex_of(&vector)]);
        let answer: Json = serde_json::from_str(&answers[0]).unwrap();
        if vector.get("lenient_decode").is_some() && good {
            assert_eq!(
                answer["command_id"], vector["lenient_decode"]["command_id"],
                "{id}"
            );
            continue;
        }
        assert!(!good, "{id}");
        let error = &answer["error"];
        assert!(
            error["kind"].is_string() && error["offset"].is_u64(),
            "{id} {error}"
        );
        assert!(error["command_status"].as_u64().unwrap() > 0, "{id}");
        let is_length = vector["error_class"]
            .as_str()
            .unwrap()
            .starts_with("command_length")
            || id == REFUSED_BEFORE_COMPLETE;
        assert_eq!(error["recoverable"], !is_length, "{id} {error}");
    }
}

/// Octets that decode leaves out or repairs cannot come back.
fn is_repaired(answer: &Json) -> bool {
    let repaired = ["tlv_overrun", "error_body_unreadable", "octets_after_pdu"];
    let deviations = answer["deviations"].as_array().unwrap();
    deviations
        .iter()
        .any(|deviation| repaired.contains(&deviation.as_str().unwrap()))
}

#[test]
fn every_pdu_is_encoded_back_to_its_octets() {
    let mut checked = 0;
    for (id, vector) in pdu_vectors() {
        let hex = hex_of(&vector);
        let (lines, good) = decode(std::slice::from_ref(&hex));
        let answer: Json = serde_json::from_str(&lines[0]).unwrap();
        if !good || is_repaired(&answer) {
            continue;
        }
        let mut reports = Vec::new();
        let (again, good) = answers(&lines, |input, output| {
            pdu_encode::run(false, Input::Lines(input), output, &mut reports)
        });
        let reports = String::from_utf8(reports).unwrap();
        assert_eq!(reports, "", "deviations are named by what decoded them");
        assert!(good, "{id} {again:?}");
        assert_eq!(again[0], hex, "{id}");
        checked += 1;
    }
    assert!(checked > 390, "{checked}");
}

#[test]
fn every_receipt_is_printed_as_the_vectors_expect() {
    let mut checked = 0;
    for (id, vector) in vectors("dlr-text.jsonl") {
        let text = vector["text"].as_str().unwrap();
        let has_tlvs = vector.get("tlvs").is_some_and(|tlvs| !tlvs.is_null());
        // A line cannot hold a line break; what the TLVs say is not in the text.
        if text.contains('\n') || has_tlvs {
            continue;
        }
        let (answers, good) = answers(&[text.to_owned()], |input, output| {
            receipt_parse::run(true, Input::Lines(input), output)
        });
        let answer: Json = serde_json::from_str(&answers[0]).unwrap();
        if vector["expect_not_receipt"] == true {
            assert!(!good, "{id}");
            assert_eq!(answer["error"]["kind"], "not_a_receipt");
        } else if vector["expect_error_strict"] != true {
            assert!(good, "{id}");
            for (name, value) in vector["expect"].as_object().unwrap() {
                if answer.get(name).is_some() {
                    assert_eq!(answer[name], *value, "{id} {name}");
                }
            }
        }
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}

/// Character sets of the vectors and the `data_coding` that announces them.
const DATA_CODINGS: &[(&str, u8, &str)] = &[
    ("gsm7", 0, "unpacked_hex"),
    ("ascii", 1, "hex"),
    ("iso-8859-5", 6, "hex"),
    ("iso-8859-8", 7, "hex"),
    ("ucs2", 8, "ucs2_hex"),
];

#[test]
fn texts_of_the_vectors_are_decoded() {
    let mut checked = 0;
    for (id, vector) in vectors("text-gsm7-ucs2.jsonl") {
        let charset = vector["charset"].as_str().unwrap();
        let Some((_, data_coding, field)) = DATA_CODINGS.iter().find(|one| one.0 == charset) else {
            continue;
        };
        let hex = vector[*field]
            .as_str()
            .or_else(|| vector["derived"][*field].as_str());
        let is_decoded = vector.get("expect_error").is_none() && vector["direction"] != "encode";
        let (Some(hex), Some(text), true) = (hex, vector["text"].as_str(), is_decoded) else {
            continue;
        };
        if vector["note"]
            .as_str()
            .is_some_and(|note| note.starts_with("lossy"))
        {
            continue;
        }
        let line = json!({"data_coding": data_coding, "hex": hex}).to_string();
        let (answers, good) = answers(&[line], |input, output| {
            text_decode::run(true, Input::Lines(input), output)
        });
        assert!(good, "{id} {answers:?}");
        assert_eq!(answers[0], json!({"text": text}).to_string(), "{id}");
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

/// What is planned can be read again, whatever the coding and the number of segments.
#[test]
fn planned_texts_come_back() {
    let texts = [
        "",
        "hello",
        "1 € [x]",
        "日本語",
        "привет",
        "ğüşiöç",
        "e\u{301}👩‍👩‍👧",
        "\"\\\u{7}",
    ];
    for text in texts
        .iter()
        .map(|text| text.repeat(60))
        .chain(texts.iter().map(|t| (*t).to_owned()))
    {
        for long_message in ["udh8", "udh16", "sar", "payload"] {
            for languages in [json!([]), json!(["tr"])] {
                let wish = json!({
                    "text": text, "long_message": long_message, "languages": languages,
                    "preferred_encoding": "auto", "reference": 7,
                });
                let (plan, good) = answers(&[wish.to_string()], |input, output| {
                    text_plan::run(true, Input::Lines(input), output)
                });
                assert!(good, "{plan:?}");
                let plan: Json = serde_json::from_str(&plan[0]).unwrap();
                let mut again = String::new();
                for segment in plan["segments"].as_array().unwrap() {
                    let field = if long_message == "payload"
                        && segment.get("short_message_hex").is_none()
                    {
                        "message_payload_hex"
                    } else {
                        "short_message_hex"
                    };
                    let line = json!({
                        "data_coding": plan["data_coding"],
                        "hex": segment[field],
                        "udh_hex": segment["udh_hex"],
                    });
                    let (part, good) = answers(&[line.to_string()], |input, output| {
                        text_decode::run(true, Input::Lines(input), output)
                    });
                    assert!(good, "{part:?}");
                    let part: Json = serde_json::from_str(&part[0]).unwrap();
                    again.push_str(part["text"].as_str().unwrap());
                }
                assert_eq!(again, text, "{wish}");
            }
        }
    }
}
