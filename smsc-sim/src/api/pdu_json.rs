//! The fields of submit_sm and data_sm as JSON, in the specification's names.

use serde_json::{Value, json};
use signalbox_codec::pdu::{DataSm, Sm};
use signalbox_codec::{Pdu, Tlvs};

use crate::record;

/// Fields and optional parameters of a PDU; `None` when it is another one.
pub(crate) fn fields(pdu: &[u8]) -> Option<(Value, Value)> {
    match record::decode(pdu)?.1 {
        Pdu::SubmitSm(sm) => Some((submit_sm(&sm), tlvs(sm.tlvs))),
        Pdu::DataSm(sm) => Some((data_sm(&sm), tlvs(sm.tlvs))),
        _ => None,
    }
}

/// Octets as hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn submit_sm(sm: &Sm<'_>) -> Value {
    json!({
        "service_type": sm.service_type.to_latin1(),
        "source_addr_ton": sm.source_addr_ton,
        "source_addr_npi": sm.source_addr_npi,
        "source_addr": sm.source_addr.to_latin1(),
        "dest_addr_ton": sm.dest_addr_ton,
        "dest_addr_npi": sm.dest_addr_npi,
        "destination_addr": sm.destination_addr.to_latin1(),
        "esm_class": sm.esm_class,
        "protocol_id": sm.protocol_id,
        "priority_flag": sm.priority_flag,
        "schedule_delivery_time": sm.schedule_delivery_time.to_latin1(),
        "validity_period": sm.validity_period.to_latin1(),
        "registered_delivery": sm.registered_delivery,
        "replace_if_present_flag": sm.replace_if_present_flag,
        "data_coding": sm.data_coding,
        "sm_default_msg_id": sm.sm_default_msg_id,
        "sm_length": sm.short_message.as_octets().len(),
        "short_message_hex": hex(sm.short_message.as_octets()),
    })
}

fn data_sm(sm: &DataSm<'_>) -> Value {
    json!({
        "service_type": sm.service_type.to_latin1(),
        "source_addr_ton": sm.source_addr_ton,
        "source_addr_npi": sm.source_addr_npi,
        "source_addr": sm.source_addr.to_latin1(),
        "dest_addr_ton": sm.dest_addr_ton,
        "dest_addr_npi": sm.dest_addr_npi,
        "destination_addr": sm.destination_addr.to_latin1(),
        "esm_class": sm.esm_class,
        "registered_delivery": sm.registered_delivery,
        "data_coding": sm.data_coding,
    })
}

fn tlvs(tlvs: Tlvs<'_>) -> Value {
    let shape = |tlv: signalbox_codec::Tlv<'_>| json!({"tag": tlv.tag.0, "name": tlv.tag.name(), "value_hex": hex(tlv.value)});
    tlvs.iter().map(shape).collect()
}
