//! Every PDU of the vectors: fields, optional parameters, deviations, octets again. What is not as
//! `expect` says stands in a table with its reason.

#![allow(clippy::unwrap_used)] // Test code.

mod checks;
mod pdu_support;

use std::collections::BTreeMap;

use checks::pdu::encode;
use pdu_support::{Vector, to_json, vectors};
use serde_json::Value as Json;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, Deviation, Item, Pdu, Quirks, Tlvs, Value, inspect, next_frame,
};

/// Vectors that `expect` an error and are decoded: (line, reason).
const DECODED_ALTHOUGH_ERROR: &[(&str, &str)] = &[
    (
        "pdu-smpp.twisted.jsonl:3",
        "an unknown command_id is no decode error: the session answers ESME_RINVCMDID",
    ),
    (
        "pdu-smpp.twisted.jsonl:4",
        "ton 7 is kept: values are judged above the codec",
    ),
];

/// Vectors that are called incomplete and are refused earlier: (line, reason).
const REFUSED_BEFORE_COMPLETE: &[(&str, &str)] = &[(
    "pdu-smppex.jsonl:13",
    "command_length 0x01020304 is above any limit at its fourth octet",
)];

fn is_in(table: &[(&str, &str)], vector: &Vector) -> bool {
    table.iter().any(|(id, _)| *id == vector.id)
}

#[test]
fn every_pdu_has_the_fields_that_are_expected() {
    let mut checked = 0;
    for vector in vectors() {
        let Some(expect) = vector.json.get("expect") else {
            continue;
        };
        let frame = vector.frame().unwrap_or_else(|| panic!("{}", vector.id));
        let pdu = Pdu::decode(&frame).unwrap_or_else(|error| panic!("{}: {error}", vector.id));
        let mut expect = expect.clone();
        // Names of tags that only this source knows, and none for a body that is shown as octets.
        for tlv in expect["tlvs"].as_array_mut().expect("a list") {
            let tag = u16::try_from(tlv["tag"].as_u64().unwrap()).unwrap();
            tlv["name"] = signalbox_codec::Tag(tag).name().into();
        }
        if expect.get("body_hex") == Some(&"".into()) {
            expect.as_object_mut().unwrap().remove("body_hex");
        }
        assert_eq!(to_json(&frame, &pdu), expect, "{}", vector.id);
        checked += 1;
    }
    assert_eq!(checked, 408);
}

#[test]
fn tags_have_the_names_that_the_vectors_give_them() {
    let mut names = BTreeMap::new();
    for vector in vectors() {
        let tlvs = vector.json["expect"]["tlvs"].as_array().cloned();
        for tlv in tlvs.unwrap_or_default() {
            if let Some(name) = tlv["name"].as_str() {
                names.insert(tlv["tag"].as_u64().unwrap(), name.to_owned());
            }
        }
    }
    for (tag, name) in names {
        let tag = signalbox_codec::Tag(u16::try_from(tag).unwrap());
        assert_eq!(tag.name(), Some(name.as_str()), "{:#06x}", tag.0);
    }
}

#[test]
fn every_pdu_is_the_same_octets_again() {
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let Ok(decoded) = Pdu::decode_with(&frame, Quirks::LENIENT) else {
            continue;
        };
        // Of a body that cannot be read nothing is kept.
        if decoded.deviations.contains(Deviation::ErrorBodyUnreadable) {
            continue;
        }
        let octets = vector.pdu_octets().unwrap();
        assert_eq!(encode(&frame, &decoded.pdu), octets, "{}", vector.id);
    }
}

#[test]
fn every_pdu_can_be_built_from_its_named_fields() {
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let Ok(pdu) = Pdu::decode(&frame) else {
            continue;
        };
        let mut fields: Vec<(&str, Value<'_>)> = Vec::new();
        let mut tlvs = signalbox_codec::TlvBuf::new();
        inspect(&frame, &pdu, |placed| match placed.item {
            Item::Field { name, value } => fields.push((name, value)),
            Item::Tlv(tlv) => tlvs.push(tlv.tag, tlv.value).expect("it fitted before"),
            Item::Body(octets) | Item::Trailing(octets) => {
                fields.push(("body", Value::Octets(octets)));
            }
        });
        let built = Pdu::from_fields(frame.header.command_id, &fields, tlvs.as_tlvs())
            .unwrap_or_else(|error| panic!("{}: {error}", vector.id));
        let octets = vector.pdu_octets().unwrap();
        assert_eq!(encode(&frame, &built), octets, "{}", vector.id);
    }
}

#[test]
fn items_cover_the_pdu_without_gaps() {
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let Ok(pdu) = Pdu::decode(&frame) else {
            continue;
        };
        let mut end = 16;
        inspect(&frame, &pdu, |placed| {
            assert_eq!(placed.offset, end, "{}: {:?}", vector.id, placed.item);
            end += placed.octets;
        });
        assert_eq!(end, frame.header.command_length as usize, "{}", vector.id);
    }
}

#[test]
fn streams_are_cut_at_the_declared_length() {
    let mut checked = 0;
    for vector in vectors() {
        if vector.json["kind"] != "stream" {
            continue;
        }
        let declared = vector.json["expect"]["command_length"].as_u64().unwrap();
        let frame = vector.frame().expect("the first PDU is whole");
        let rest = &vector.octets[frame.body.len() + 16..];
        assert_eq!(
            vector.octets.len() - rest.len(),
            usize::try_from(declared).unwrap(),
            "{}",
            vector.id
        );
        // What follows is the start of the next PDU, whatever it is: never part of this one.
        let _ = next_frame(rest, COMMAND_LENGTH_MAX_BOUND);
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn expected_errors_are_errors_of_the_expected_kind() {
    let mut checked = 0;
    for vector in vectors() {
        let Some(class) = vector.json["error_class"].as_str() else {
            continue;
        };
        checked += 1;
        let cut = next_frame(&vector.octets, COMMAND_LENGTH_MAX_BOUND);
        match class {
            "command_length_lt_16" | "command_length_too_large" => {
                let error = cut.expect_err(&vector.id);
                assert!(!error.is_recoverable());
                let sequence_number = &vector.json["expect_header"]["sequence_number"];
                assert_eq!(
                    Json::from(error.sequence_number),
                    *sequence_number,
                    "{}",
                    vector.id
                );
            }
            "incomplete" if is_in(REFUSED_BEFORE_COMPLETE, &vector) => {
                cut.expect_err(&vector.id);
            }
            "incomplete" => assert_eq!(cut, Ok(None), "{}", vector.id),
            _ if is_in(DECODED_ALTHOUGH_ERROR, &vector) => {
                let frame = cut.unwrap().unwrap();
                let mut expect = vector.json["lenient_decode"].clone();
                expect.as_object_mut().unwrap().remove("body_hex");
                let pdu = Pdu::decode(&frame).unwrap();
                assert_eq!(to_json(&frame, &pdu), expect, "{}", vector.id);
            }
            _ => {
                let frame = cut.unwrap().expect("whole");
                let error = Pdu::decode(&frame).expect_err(&vector.id);
                let header = &vector.json["expect_header"];
                assert_eq!(Json::from(error.command_id.0), header["command_id"]);
                assert_eq!(Json::from(error.sequence_number), header["sequence_number"]);
                assert!(error.is_recoverable());
            }
        }
    }
    assert_eq!(checked, 22);
}

/// What the vectors call a quirk, and what it is here. `None`: no deviation in our eyes.
fn deviation_of(quirk: &str) -> Option<Deviation> {
    let name = quirk.split([':', '(']).next().expect("a name");
    match name {
        "sequence_number_zero" | "sequence_number_gt_7fffffff" => Some(Deviation::SequenceNumber),
        "field_too_long" => Some(Deviation::OverlongString),
        "cstring_unterminated" => Some(Deviation::ErrorBodyUnreadable),
        "non_ascii" => Some(Deviation::NotAscii),
        "tlv_length_overrun" => Some(Deviation::TlvOverrun),
        "trailing_bytes_not_tlv" => Some(Deviation::TrailingOctets),
        "sm_length_255" => Some(Deviation::SmLength255),
        "resp_body_omitted_status_ok" => Some(Deviation::RespBodyMissing),
        // Legal, or not of one PDU.
        "resp_body_omitted_ok"
        | "error_resp_has_body"
        | "vendor_tlv"
        | "unknown_tlv"
        | "bytes_after_pdu"
        | "unknown_command_id" => None,
        _ => panic!("unknown quirk {quirk}"),
    }
}

/// Deviations seen where the vector names no quirk: (line, deviation, reason).
const SEEN_WITHOUT_QUIRK: &[(&str, Deviation, &str)] = &[(
    "pdu-gen-rusmpp.jsonl:80",
    Deviation::SequenceNumber,
    "the list of quirks ends at the unknown command_id; sequence_number is 0",
)];

#[test]
fn deviations_are_those_that_the_vectors_name() {
    for vector in vectors() {
        let Some(frame) = vector.frame() else {
            continue;
        };
        let Ok(decoded) = Pdu::decode_with(&frame, Quirks::LENIENT) else {
            continue;
        };
        let named: Vec<Deviation> = vector.quirks().filter_map(deviation_of).collect();
        for deviation in &named {
            let is_nack_0 = *deviation == Deviation::SequenceNumber
                && frame.header.command_id == signalbox_codec::CommandId::GENERIC_NACK;
            assert!(
                decoded.deviations.contains(*deviation) || is_nack_0,
                "{}: {} was not seen",
                vector.id,
                deviation.name()
            );
        }
        for deviation in decoded.deviations.iter() {
            let is_known = named.contains(&deviation)
                || is_judged_by_us(deviation)
                || SEEN_WITHOUT_QUIRK
                    .iter()
                    .any(|(id, known, _)| *id == vector.id && *known == deviation);
            assert!(is_known, "{}: {} was seen", vector.id, deviation.name());
        }
        let strict = Pdu::decode_with(&frame, Quirks::STRICT);
        assert_eq!(
            strict.is_ok(),
            decoded.deviations.is_empty(),
            "{}: {strict:?}, {:?}",
            vector.id,
            decoded.deviations
        );
    }
}

/// The layout table behind `quirks` does not know sizes of optional parameters and times.
fn is_judged_by_us(deviation: Deviation) -> bool {
    matches!(
        deviation,
        Deviation::TlvLength
            | Deviation::TlvMissingNul
            | Deviation::TimeLength
            | Deviation::NumberOfDests
    )
}

#[test]
fn names_stand_in_the_order_of_the_specification() {
    let mut names = Vec::new();
    let pdu = Pdu::DeliverSm(signalbox_codec::pdu::Sm {
        tlvs: Tlvs::EMPTY,
        ..Default::default()
    });
    let header = signalbox_codec::Header {
        command_length: 33,
        command_id: signalbox_codec::CommandId::DELIVER_SM,
        command_status: signalbox_codec::CommandStatus::ESME_ROK,
        sequence_number: 1,
    };
    let frame = signalbox_codec::Frame {
        header,
        body: &[0; 17],
    };
    inspect(&frame, &pdu, |placed| {
        if let Item::Field { name, .. } = placed.item {
            names.push(name);
        }
    });
    assert_eq!(
        names.join(" "),
        "service_type source_addr_ton source_addr_npi source_addr dest_addr_ton dest_addr_npi \
         destination_addr esm_class protocol_id priority_flag schedule_delivery_time \
         validity_period registered_delivery replace_if_present_flag data_coding \
         sm_default_msg_id sm_length short_message"
    );
}
