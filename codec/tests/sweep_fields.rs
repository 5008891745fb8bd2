//! Every field of every PDU at its maximum, one beyond, and beyond what is tolerated. The maxima
//! are those of the specification's tables and count the NUL.

use bytes::BytesMut;
use signalbox_codec::pdu::{DestAddress, DestAddressBuf, UnsuccessSme, UnsuccessSmeBuf};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, COctetStr, CommandId, CommandStatus, DecodeReason, Decoded,
    Deviation, Deviations, FieldReason, Pdu, Quirks, Tag, TlvBuf, Tlvs, Value, encode_pdu,
    next_frame,
};

/// Strings of SMPP v3.4 §4 and v5.0 §4.4, §4.6 by command.
const STRINGS: [(CommandId, &[(&str, usize)]); 23] = {
    const SOURCE: (&str, usize) = ("source_addr", 21);
    const DESTINATION: (&str, usize) = ("destination_addr", 21);
    const SERVICE: (&str, usize) = ("service_type", 6);
    const ID: (&str, usize) = ("message_id", 65);
    const SYSTEM: (&str, usize) = ("system_id", 16);
    const PASSWORD: (&str, usize) = ("password", 9);
    const BIND: &[(&str, usize)] = &[SYSTEM, PASSWORD, ("system_type", 13), ("address_range", 41)];
    [
        (CommandId::BIND_RECEIVER, BIND),
        (CommandId::BIND_TRANSMITTER, BIND),
        (CommandId::BIND_TRANSCEIVER, BIND),
        (CommandId::BIND_RECEIVER_RESP, &[SYSTEM]),
        (CommandId::BIND_TRANSMITTER_RESP, &[SYSTEM]),
        (CommandId::BIND_TRANSCEIVER_RESP, &[SYSTEM]),
        (CommandId::OUTBIND, &[SYSTEM, PASSWORD]),
        (CommandId::SUBMIT_SM, &[SERVICE, SOURCE, DESTINATION]),
        (CommandId::DELIVER_SM, &[SERVICE, SOURCE, DESTINATION]),
        (CommandId::SUBMIT_SM_RESP, &[ID]),
        (CommandId::DELIVER_SM_RESP, &[ID]),
        (CommandId::DATA_SM_RESP, &[ID]),
        (CommandId::BROADCAST_SM_RESP, &[ID]),
        (CommandId::QUERY_BROADCAST_SM_RESP, &[ID]),
        (
            CommandId::DATA_SM,
            &[SERVICE, ("source_addr", 65), ("destination_addr", 65)],
        ),
        (CommandId::QUERY_SM, &[ID, SOURCE]),
        (CommandId::QUERY_SM_RESP, &[ID]),
        (CommandId::CANCEL_SM, &[SERVICE, ID, SOURCE, DESTINATION]),
        (CommandId::REPLACE_SM, &[ID, SOURCE]),
        (
            CommandId::ALERT_NOTIFICATION,
            &[("source_addr", 65), ("esme_addr", 65)],
        ),
        (CommandId::BROADCAST_SM, &[SERVICE, SOURCE, ID]),
        (CommandId::QUERY_BROADCAST_SM, &[ID, SOURCE]),
        (CommandId::CANCEL_BROADCAST_SM, &[SERVICE, ID, SOURCE]),
    ]
};

fn octets_of(pdu: &Pdu<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    encode_pdu(pdu, CommandStatus::ESME_ROK, 1, &mut out);
    out
}

/// What comes of a PDU with this one value, strictly and leniently.
fn deviations_of(command_id: CommandId, fields: &[(&str, Value<'_>)], tlvs: Tlvs<'_>) -> Outcome {
    let pdu = Pdu::from_fields(command_id, fields, tlvs).expect("the wire can carry it");
    let octets = octets_of(&pdu);
    let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND);
    let frame = frame.expect("framed").expect("whole");
    let strict = Pdu::decode_with(&frame, Quirks::STRICT);
    match Pdu::decode_with(&frame, Quirks::LENIENT) {
        Ok(Decoded {
            pdu: again,
            deviations,
        }) => {
            assert_eq!(again, pdu, "{command_id}");
            assert_eq!(strict.is_ok(), deviations.is_empty());
            if let Err(error) = strict {
                assert_eq!(error.command_id, command_id);
            }
            Outcome::Taken(deviations)
        }
        Err(error) => Outcome::Refused(error.field, error.reason),
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Taken(Deviations),
    Refused(&'static str, DecodeReason),
}

const NOTHING: Outcome = Outcome::Taken(Deviations::NONE);

fn only(deviation: Deviation) -> Outcome {
    Outcome::Taken(Deviations::NONE.with(deviation))
}

#[test]
fn every_string() {
    for (command_id, strings) in STRINGS {
        for &(field, octets_max) in strings {
            let outcome = |length: usize| {
                let text = vec![b'x'; length];
                let text = COctetStr::new(&text).expect("no NUL");
                deviations_of(command_id, &[(field, Value::String(text))], Tlvs::EMPTY)
            };
            let place = format!("{field} of {command_id}");
            assert_eq!(outcome(octets_max - 1), NOTHING, "{place}");
            for beyond in [octets_max, 255] {
                assert_eq!(outcome(beyond), only(Deviation::OverlongString), "{place}");
            }
            let reason = DecodeReason::TooLong {
                octets: 256,
                octets_max: octets_max - 1,
            };
            assert_eq!(
                outcome(256),
                Outcome::Refused(name(field), reason),
                "{place}"
            );
        }
    }
}

/// The name as errors have it: of the program, not of this table.
fn name(field: &str) -> &'static str {
    let all = STRINGS.iter().flat_map(|(_, strings)| strings.iter());
    let found = all.map(|(name, _)| *name).find(|name| *name == field);
    found.expect("it is in the table")
}

#[test]
fn every_time() {
    for (command_id, field) in [
        (CommandId::SUBMIT_SM, "schedule_delivery_time"),
        (CommandId::SUBMIT_SM, "validity_period"),
        (CommandId::DELIVER_SM, "schedule_delivery_time"),
        (CommandId::DELIVER_SM, "validity_period"),
        (CommandId::SUBMIT_MULTI, "schedule_delivery_time"),
        (CommandId::SUBMIT_MULTI, "validity_period"),
        (CommandId::REPLACE_SM, "schedule_delivery_time"),
        (CommandId::REPLACE_SM, "validity_period"),
        (CommandId::BROADCAST_SM, "schedule_delivery_time"),
        (CommandId::BROADCAST_SM, "validity_period"),
        (CommandId::QUERY_SM_RESP, "final_date"),
    ] {
        let mut addresses = DestAddressBuf::new();
        assert!(addresses.push(DestAddress::DistributionList {
            dl_name: COctetStr::EMPTY
        }));
        let outcome = |length: usize| {
            let text = vec![b'0'; length];
            let text = Value::String(COctetStr::new(&text).expect("no NUL"));
            let addresses = Value::DestAddresses(addresses.as_dest_addresses());
            let fields = [(field, text), ("dest_addresses", addresses)];
            let count = if command_id == CommandId::SUBMIT_MULTI {
                2
            } else {
                1
            };
            deviations_of(command_id, &fields[..count], Tlvs::EMPTY)
        };
        assert_eq!(outcome(0), NOTHING);
        assert_eq!(outcome(16), NOTHING);
        for other in [1, 15, 17, 255] {
            let expected = only(Deviation::TimeLength);
            assert_eq!(outcome(other), expected, "{other} octets of {field}");
        }
        assert!(matches!(
            outcome(256),
            Outcome::Refused(_, DecodeReason::TooLong { .. })
        ));
    }
}

#[test]
fn every_length_and_count() {
    for command_id in [
        CommandId::SUBMIT_SM,
        CommandId::DELIVER_SM,
        CommandId::REPLACE_SM,
    ] {
        let text = [b'x'; 256];
        let outcome = |length: usize| {
            let fields = [("short_message", Value::Octets(&text[..length]))];
            deviations_of(command_id, &fields, Tlvs::EMPTY)
        };
        assert_eq!(outcome(254), NOTHING);
        assert_eq!(outcome(255), only(Deviation::SmLength255));
        let fields = [("short_message", Value::Octets(&text))];
        let error = Pdu::from_fields(command_id, &fields, Tlvs::EMPTY).expect_err("256 octets");
        assert!(
            matches!(error.reason, FieldReason::TooLong { octets: 256, .. }),
            "{error}"
        );
    }
    let mut addresses = DestAddressBuf::new();
    for count in 1..=255 {
        assert!(addresses.push(DestAddress::DistributionList {
            dl_name: COctetStr::EMPTY
        }));
        let list = Value::DestAddresses(addresses.as_dest_addresses());
        let fields = [("dest_addresses", list)];
        let outcome = deviations_of(CommandId::SUBMIT_MULTI, &fields, Tlvs::EMPTY);
        let beyond = if count == 255 {
            only(Deviation::NumberOfDests)
        } else {
            NOTHING
        };
        assert_eq!(outcome, beyond, "{count}");
    }
    assert!(!addresses.push(DestAddress::DistributionList {
        dl_name: COctetStr::EMPTY
    }));
    let mut smes = UnsuccessSmeBuf::new();
    let sme = UnsuccessSme {
        dest_addr_ton: 255,
        dest_addr_npi: 255,
        destination_addr: COctetStr::new(&[b'1'; 20]).expect("no NUL"),
        error_status_code: CommandStatus(u32::MAX),
    };
    while smes.push(sme) {}
    let fields = [(
        "unsuccess_smes",
        Value::UnsuccessSmes(smes.as_unsuccess_smes()),
    )];
    let outcome = deviations_of(CommandId::SUBMIT_MULTI_RESP, &fields, Tlvs::EMPTY);
    assert_eq!((smes.as_unsuccess_smes().count(), outcome), (255, NOTHING));
}

#[test]
fn every_size_of_every_optional_parameter() {
    for number in 0..=0x1FFF {
        let tag = Tag(number);
        let Some((octets_min, octets_max)) = tag.value_octets() else {
            continue;
        };
        let outcome = |octets: usize| {
            let mut tlvs = TlvBuf::new();
            tlvs.push(tag, &vec![0; octets])
                .expect("below 65,536 octets");
            deviations_of(CommandId::SUBMIT_SM, &[], tlvs.as_tlvs())
        };
        let [least, most] = [octets_min, octets_max].map(usize::from);
        assert_eq!(outcome(least), NOTHING, "{tag}");
        assert_eq!(outcome(most), NOTHING, "{tag}");
        if most < 65_535 {
            assert_eq!(outcome(most + 1), only(Deviation::TlvLength), "{tag}");
        }
        if least > 1 {
            assert_eq!(outcome(least - 1), only(Deviation::TlvLength), "{tag}");
        }
    }
    assert_eq!(
        TlvBuf::new().push(Tag::MESSAGE_PAYLOAD, &[0; 65_536]),
        Err(65_536)
    );
}
