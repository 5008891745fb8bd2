//! The fields of a recorded PDU as JSON, in the specification's names.

use serde_json::{Map, Value, json};
use signalbox_codec::pdu::{DestAddress, UnsuccessSme};
use signalbox_codec::{Frame, Item, Pdu, inspect, next_frame};

/// What follows the header of a PDU.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) fields: Map<String, Value>,
    /// Optional parameters, in their order.
    pub(crate) tlvs: Vec<Value>,
    /// Body of a command that is not known.
    pub(crate) body_hex: Option<String>,
    /// Octets behind the last field.
    pub(crate) trailing_hex: Option<String>,
}

impl Contents {
    /// Takes a PDU apart.
    pub(crate) fn of(frame: &Frame<'_>, pdu: &Pdu<'_>) -> Self {
        let mut contents = Self::default();
        inspect(frame, pdu, |placed| match placed.item {
            Item::Field { name, value } => {
                let (name, value) = field(name, value);
                contents.fields.insert(name, value);
            }
            Item::Tlv(tlv) => contents.tlvs.push(json!({
                "tag": tlv.tag.0,
                "name": tlv.tag.name(),
                "value_hex": hex(tlv.value),
            })),
            Item::Body(octets) => contents.body_hex = Some(hex(octets)),
            Item::Trailing(octets) => contents.trailing_hex = Some(hex(octets)),
        });
        contents
    }
}

/// Fields and optional parameters of a PDU; `None` when it cannot be read.
pub(crate) fn fields(pdu: &[u8]) -> Option<(Value, Value)> {
    let frame = next_frame(pdu, u32::MAX).ok()??;
    let decoded = Pdu::decode(&frame).ok()?;
    let mut contents = Contents::of(&frame, &decoded);
    if let Some(octets) = contents.body_hex.or(contents.trailing_hex) {
        let name = "trailing_hex".to_owned();
        contents.fields.insert(name, octets.into());
    }
    Some((contents.fields.into(), contents.tlvs.into()))
}

/// Octets as hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A field of a PDU: its name, with `_hex` behind it if the value is octets, and its value.
pub(crate) fn field(name: &str, value: signalbox_codec::Value<'_>) -> (String, Value) {
    use signalbox_codec::Value as Field;
    match value {
        Field::Integer(number) => (name.to_owned(), number.into()),
        Field::String(string) => (name.to_owned(), string.to_latin1().into()),
        Field::Octets(octets) => (format!("{name}_hex"), hex(octets).into()),
        Field::DestAddresses(addresses) => {
            let list: Vec<Value> = addresses.iter().map(dest_address).collect();
            (name.to_owned(), list.into())
        }
        Field::UnsuccessSmes(smes) => {
            let list: Vec<Value> = smes.iter().map(|sme| unsuccess_sme(&sme)).collect();
            (name.to_owned(), list.into())
        }
    }
}

fn unsuccess_sme(sme: &UnsuccessSme<'_>) -> Value {
    json!({
        "dest_addr_ton": sme.dest_addr_ton,
        "dest_addr_npi": sme.dest_addr_npi,
        "destination_addr": sme.destination_addr.to_latin1(),
        "error_status_code": sme.error_status_code.0,
    })
}

fn dest_address(address: DestAddress<'_>) -> Value {
    match address {
        DestAddress::Sme {
            dest_addr_ton,
            dest_addr_npi,
            destination_addr,
        } => json!({
            "dest_flag": address.dest_flag(),
            "dest_addr_ton": dest_addr_ton,
            "dest_addr_npi": dest_addr_npi,
            "destination_addr": destination_addr.to_latin1(),
        }),
        DestAddress::DistributionList { dl_name } => {
            json!({"dest_flag": address.dest_flag(), "dl_name": dl_name.to_latin1()})
        }
    }
}
