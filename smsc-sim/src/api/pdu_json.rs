//! The fields of a recorded PDU as JSON, in the specification's names.

use serde_json::{Map, Value, json};
use signalbox_codec::pdu::{DestAddress, UnsuccessSme};
use signalbox_codec::{Item, Pdu, inspect, next_frame};

/// Fields and optional parameters of a PDU; `None` when it cannot be read.
pub(crate) fn fields(pdu: &[u8]) -> Option<(Value, Value)> {
    let frame = next_frame(pdu, u32::MAX).ok()??;
    let decoded = Pdu::decode(&frame).ok()?;
    let mut fields = Map::new();
    let mut tlvs = Vec::new();
    inspect(&frame, &decoded, |placed| match placed.item {
        Item::Field { name, value } => {
            let (name, value) = field(name, value);
            fields.insert(name, value);
        }
        Item::Tlv(tlv) => tlvs.push(json!({
            "tag": tlv.tag.0,
            "name": tlv.tag.name(),
            "value_hex": hex(tlv.value),
        })),
        Item::Body(octets) | Item::Trailing(octets) => {
            fields.insert("trailing_hex".to_owned(), hex(octets).into());
        }
    });
    Some((fields.into(), tlvs.into()))
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
