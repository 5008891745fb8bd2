//! Against rusmpp, an independent implementation: what it accepts of exactly one frame, we accept
//! with the same fields, one by one, and write to the same octets. Each [`Exception`] has its name.

use std::collections::BTreeMap;

use rusmpp::Pdu as Theirs;
use rusmpp::encode::{Encode, Length};
use rusmpp::tlvs::Tlv;
use signalbox_codec::interop::CommandOctets;
use signalbox_codec::{
    Deviation, Deviations, Frame, Item, Pdu, Quirks, Tag, Tlvs, Value, inspect, next_frame,
};

use super::pdu::{encode, tlvs_of};

/// Longest PDU that is compared: rusmpp's own limit.
const COMMAND_LENGTH_MAX: u32 = 8192;

/// Where what rusmpp accepts is not what we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// It takes a request without any body for a request; we refuse it: the specification gives
    /// each of them mandatory fields.
    RequestWithoutBody,
    /// It reads an optional parameter whose type it knows by that type, whatever length is
    /// declared, and so sees other parameters behind it, or a rest that we see as trailing octets.
    TlvReadByType,
    /// It drops the reserved bits of ms_msg_wait_facilities and callback_num_pres_ind.
    ReservedBitsDropped,
}

impl Exception {
    pub const ALL: [Self; 3] = [
        Self::RequestWithoutBody,
        Self::TlvReadByType,
        Self::ReservedBitsDropped,
    ];
}

/// Compares the first PDU of `octets`, if rusmpp accepts it.
pub fn check_differential(octets: &[u8]) {
    if let Ok(Some(frame)) = next_frame(octets, COMMAND_LENGTH_MAX)
        && let Ok(command) = rusmpp::Command::try_from(&frame)
    {
        compare(&frame, &command);
    }
}

/// Panics when a field differs, unless an exception allows it; returns that exception.
pub fn compare(frame: &Frame<'_>, command: &rusmpp::Command) -> Option<Exception> {
    let decoded = Pdu::decode_with(frame, Quirks::LENIENT);
    let is_bare_request = frame.body.is_empty() && !frame.header.command_id.is_response();
    if decoded.is_err() && is_bare_request && command.pdu().is_none() {
        return Some(Exception::RequestWithoutBody);
    }
    let decoded = decoded.unwrap_or_else(|error| panic!("{error}: {command:?}"));
    let header = &frame.header;
    assert_eq!(command.id(), header.command_id.into());
    assert_eq!(command.status(), header.command_status.into());
    assert_eq!(command.sequence_number(), header.sequence_number);

    let ours = our_fields(frame, &decoded.pdu);
    let (theirs, their_tlvs) = command.pdu().map(their_fields).unwrap_or_default();
    assert_eq!(ours, theirs, "{command:?}");

    let tlvs = tlvs_of(&decoded.pdu);
    if !cuts_tlvs_alike(decoded.deviations, tlvs) {
        return Some(Exception::TlvReadByType);
    }
    let their_tlvs: Vec<u8> = their_tlvs.into_iter().flat_map(octets_of).collect();
    if drops_bits(tlvs) && their_tlvs != tlvs.as_octets() {
        assert_eq!(their_tlvs.len(), tlvs.as_octets().len(), "{command:?}");
        return Some(Exception::ReservedBitsDropped);
    }
    assert_eq!(their_tlvs, tlvs.as_octets(), "{command:?}");
    let theirs = CommandOctets::from(command);
    let theirs = theirs.frame();
    let ours = encode(frame, &decoded.pdu);
    assert_eq!(theirs.header.to_octets(), ours[..16], "{command:?}");
    assert_eq!(theirs.body, &ours[16..], "{command:?}");
    None
}

fn cuts_tlvs_alike(deviations: Deviations, tlvs: Tlvs<'_>) -> bool {
    let differing = [
        Deviation::TlvLength,
        Deviation::TlvOverrun,
        Deviation::TrailingOctets,
    ];
    let cuts_alike = |tlv: signalbox_codec::Tlv<'_>| match tlv.tag {
        // Integers of 2 octets and of 1 to it, of 1 and of 2 to the specification.
        Tag::SOURCE_TELEMATICS_ID | Tag::BROADCAST_REP_NUM => false,
        Tag::RECEIPTED_MESSAGE_ID
        | Tag::ADDITIONAL_STATUS_INFO_TEXT
        | Tag::SOURCE_NETWORK_ID
        | Tag::DEST_NETWORK_ID => {
            let nul = tlv.value.iter().position(|octet| *octet == 0);
            nul == tlv.value.len().checked_sub(1)
        }
        _ => true,
    };
    !differing.iter().any(|one| deviations.contains(*one)) && tlvs.iter().all(cuts_alike)
}

fn drops_bits(tlvs: Tlvs<'_>) -> bool {
    let lossy = [Tag::MS_MSG_WAIT_FACILITIES, Tag::CALLBACK_NUM_PRES_IND];
    tlvs.iter().any(|tlv| lossy.contains(&tlv.tag))
}

/// The octets of each mandatory field, by its name.
type Fields = BTreeMap<&'static str, Vec<u8>>;

fn our_fields(frame: &Frame<'_>, pdu: &Pdu<'_>) -> Fields {
    let mut fields = Fields::new();
    inspect(frame, pdu, |placed| {
        let (name, octets) = match placed.item {
            Item::Field { name, value } => (name, octets_of_value(value)),
            Item::Body(octets) => ("body", octets.to_vec()),
            Item::Tlv(_) | Item::Trailing(_) => return,
        };
        assert_eq!(fields.insert(name, octets), None, "{name} twice");
    });
    fields
}

fn octets_of_value(value: Value<'_>) -> Vec<u8> {
    match value {
        Value::Integer(value) => vec![u8::try_from(value).expect("mandatory ones have an octet")],
        Value::String(string) => [string.as_octets(), &[0]].concat(),
        Value::Octets(octets) => octets.to_vec(),
        Value::DestAddresses(list) => list.as_octets().to_vec(),
        Value::UnsuccessSmes(list) => list.as_octets().to_vec(),
    }
}

fn octets_of(value: &impl Encode) -> Vec<u8> {
    let mut octets = vec![0; Length::length(value)];
    let size = value.encode(&mut octets);
    assert_eq!(size, octets.len());
    octets
}

/// The named public fields of a PDU of rusmpp, and those that it shows through methods.
macro_rules! fields {
    ($pdu:ident; $($name:ident)*; $($with:literal = $value:expr),*) => {
        Fields::from([
            $((stringify!($name), octets_of(&$pdu.$name)),)*
            $(($with, $value),)*
        ])
    };
}

macro_rules! bind {
    ($pdu:ident) => {
        fields!($pdu; system_id password system_type interface_version addr_ton addr_npi
            address_range;)
    };
}

/// The fields of submit_sm and of deliver_sm.
macro_rules! sm {
    ($pdu:ident) => {
        fields!($pdu; service_type source_addr_ton source_addr_npi source_addr dest_addr_ton
            dest_addr_npi destination_addr esm_class protocol_id priority_flag
            schedule_delivery_time validity_period registered_delivery replace_if_present_flag
            data_coding sm_default_msg_id;
            "sm_length" = vec![$pdu.sm_length()],
            "short_message" = octets_of($pdu.short_message()))
    };
}

macro_rules! message_id {
    ($pdu:ident) => {
        Fields::from([("message_id", octets_of($pdu.message_id()))])
    };
}

fn their_fields(pdu: &Theirs) -> (Fields, Vec<&Tlv>) {
    match pdu {
        Theirs::SubmitSm(pdu) => (sm!(pdu), all(pdu.tlvs())),
        Theirs::DeliverSm(pdu) => (sm!(pdu), all(pdu.tlvs())),
        Theirs::SubmitMulti(pdu) => (submit_multi(pdu), all(pdu.tlvs())),
        Theirs::DataSm(pdu) => {
            let fields = fields!(pdu; service_type source_addr_ton source_addr_npi source_addr
                dest_addr_ton dest_addr_npi destination_addr esm_class registered_delivery
                data_coding;);
            (fields, all(pdu.tlvs()))
        }
        Theirs::ReplaceSm(pdu) => {
            let fields = fields!(pdu; message_id source_addr_ton source_addr_npi source_addr
                schedule_delivery_time validity_period registered_delivery sm_default_msg_id;
                "sm_length" = vec![pdu.sm_length()],
                "short_message" = octets_of(pdu.short_message()));
            (fields, one(pdu.message_payload_tlv()))
        }
        Theirs::BroadcastSm(pdu) => {
            let fields = fields!(pdu; service_type source_addr_ton source_addr_npi source_addr
                message_id priority_flag schedule_delivery_time validity_period
                replace_if_present_flag data_coding sm_default_msg_id;);
            (fields, all(pdu.tlvs()))
        }
        _ => their_smaller_fields(pdu),
    }
}

fn their_smaller_fields(pdu: &Theirs) -> (Fields, Vec<&Tlv>) {
    match pdu {
        Theirs::BindTransmitter(pdu) => (bind!(pdu), Vec::new()),
        Theirs::BindReceiver(pdu) => (bind!(pdu), Vec::new()),
        Theirs::BindTransceiver(pdu) => (bind!(pdu), Vec::new()),
        Theirs::BindTransmitterResp(pdu) => (
            fields!(pdu; system_id;),
            one(pdu.sc_interface_version_tlv()),
        ),
        Theirs::BindReceiverResp(pdu) => (
            fields!(pdu; system_id;),
            one(pdu.sc_interface_version_tlv()),
        ),
        Theirs::BindTransceiverResp(pdu) => (
            fields!(pdu; system_id;),
            one(pdu.sc_interface_version_tlv()),
        ),
        Theirs::Outbind(pdu) => (fields!(pdu; system_id password;), Vec::new()),
        Theirs::AlertNotification(pdu) => {
            let fields = fields!(pdu; source_addr_ton source_addr_npi source_addr esme_addr_ton
                esme_addr_npi esme_addr;);
            (fields, one(pdu.ms_availability_status_tlv()))
        }
        Theirs::QuerySm(pdu) => {
            let fields = fields!(pdu; message_id source_addr_ton source_addr_npi source_addr;);
            (fields, Vec::new())
        }
        Theirs::QuerySmResp(pdu) => {
            let fields = fields!(pdu; message_id final_date message_state error_code;);
            (fields, Vec::new())
        }
        Theirs::CancelSm(pdu) => {
            let fields = fields!(pdu; service_type message_id source_addr_ton source_addr_npi
                source_addr dest_addr_ton dest_addr_npi destination_addr;);
            (fields, Vec::new())
        }
        Theirs::QueryBroadcastSm(pdu) => {
            let fields = fields!(pdu; message_id source_addr_ton source_addr_npi source_addr;);
            (fields, one(pdu.user_message_reference_tlv()))
        }
        Theirs::CancelBroadcastSm(pdu) => {
            let fields = fields!(pdu; service_type message_id source_addr_ton source_addr_npi
                source_addr;);
            (fields, all(pdu.tlvs()))
        }
        _ => their_response_fields(pdu),
    }
}

fn their_response_fields(pdu: &Theirs) -> (Fields, Vec<&Tlv>) {
    match pdu {
        Theirs::SubmitSmResp(pdu) => (message_id!(pdu), all(pdu.tlvs())),
        Theirs::DeliverSmResp(pdu) => (message_id!(pdu), all(pdu.tlvs())),
        Theirs::DataSmResp(pdu) => (message_id!(pdu), all(pdu.tlvs())),
        Theirs::BroadcastSmResp(pdu) => (fields!(pdu; message_id;), all(pdu.tlvs())),
        Theirs::QueryBroadcastSmResp(pdu) => (fields!(pdu; message_id;), all(pdu.tlvs())),
        Theirs::SubmitMultiResp(pdu) => {
            let fields = fields!(pdu; message_id;
                "no_unsuccess" = vec![pdu.no_unsuccess()],
                "unsuccess_smes" = pdu.unsuccess_sme().iter().flat_map(octets_of).collect());
            (fields, all(pdu.tlvs()))
        }
        Theirs::Other { body, .. } => (Fields::from([("body", octets_of(body))]), Vec::new()),
        header_only => {
            assert_eq!(header_only.length(), 0, "{header_only:?}");
            (Fields::new(), Vec::new())
        }
    }
}

fn submit_multi(pdu: &rusmpp::pdus::SubmitMulti) -> Fields {
    fields!(pdu; service_type source_addr_ton source_addr_npi source_addr esm_class protocol_id
        priority_flag schedule_delivery_time validity_period registered_delivery
        replace_if_present_flag data_coding sm_default_msg_id;
        "number_of_dests" = vec![pdu.number_of_dests()],
        "dest_addresses" = pdu.dest_address().iter().flat_map(octets_of).collect(),
        "sm_length" = vec![pdu.sm_length()],
        "short_message" = octets_of(pdu.short_message()))
}

fn all(tlvs: &[Tlv]) -> Vec<&Tlv> {
    tlvs.iter().collect()
}

fn one(tlv: Option<&Tlv>) -> Vec<&Tlv> {
    tlv.into_iter().collect()
}
