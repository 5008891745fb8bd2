//! A PDU taken apart for people and tools: fields in the specification's names, where their octets
//! are, in what the PDU departs from the specification, and what a second codec says of it.

use serde_json::{Map, Value, json};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, Decoded, Frame, Item, Pdu, Quirks, inspect, next_frame,
};

use crate::api::{hex, pdu_field};

/// A PDU as `signalbox pdu decode --json` shows it: header, `fields`, `tlvs`, `deviations`, or
/// `error`.
pub(crate) fn json(pdu: &[u8]) -> Value {
    match open(pdu) {
        Ok((frame, decoded)) => opened_json(&frame, &decoded),
        Err(problem) => json!({"error": problem}),
    }
}

fn open(pdu: &[u8]) -> Result<(Frame<'_>, Decoded<'_>), Value> {
    let frame = match next_frame(pdu, COMMAND_LENGTH_MAX_BOUND) {
        Ok(Some(frame)) => frame,
        Ok(None) => {
            let detail = format!("the PDU ends after {} octets", pdu.len());
            return Err(json!({
                "kind": "incomplete", "field": "command_length", "offset": pdu.len(),
                "detail": detail,
            }));
        }
        Err(error) => {
            return Err(json!({
                "kind": "command_length", "field": "command_length", "offset": 0,
                "detail": error.to_string(),
            }));
        }
    };
    match Pdu::decode_with(&frame, Quirks::LENIENT) {
        Ok(decoded) => Ok((frame, decoded)),
        Err(error) => Err(json!({
            "kind": error.reason.kind(), "field": error.field, "offset": error.offset,
            "detail": error.to_string(),
        })),
    }
}

fn opened_json(frame: &Frame<'_>, decoded: &Decoded<'_>) -> Value {
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
    if matches!(decoded.pdu, Pdu::Raw { .. }) {
        whole["body_hex"] = "".into();
    }
    inspect(frame, &decoded.pdu, |placed| match placed.item {
        Item::Field { name, value } => {
            let (name, value) = pdu_field(name, value);
            fields.insert(name, value);
        }
        Item::Tlv(tlv) => tlvs.push(json!({
            "tag": tlv.tag.0,
            "name": tlv.tag.name(),
            "value_hex": hex(tlv.value),
        })),
        Item::Body(octets) => whole["body_hex"] = hex(octets).into(),
        Item::Trailing(octets) => whole["trailing_hex"] = hex(octets).into(),
    });
    whole["fields"] = fields.into();
    whole["tlvs"] = tlvs.into();
    whole["deviations"] = deviations(decoded).into();
    whole
}

fn deviations(decoded: &Decoded<'_>) -> Vec<&'static str> {
    let deviations = decoded.deviations.iter();
    deviations.map(|deviation| deviation.name()).collect()
}
