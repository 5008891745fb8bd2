//! One case per known deviation: tolerated and reported by default, refused when its switch is
//! off, with the source that shows the deviation in the wild. Sources disagree on several; the
//! choice stands here.

#![allow(clippy::unwrap_used)] // Test code.

mod pdu_support;

use pdu_support::{from_hex, vectors};
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, CommandStatus, DecodeError, Decoded, Deviation, Deviations, Item,
    Pdu, Quirks, Tag, encode_pdu, inspect, next_frame,
};

struct Case {
    deviation: Deviation,
    /// What the specification says, and who does otherwise or pinned it.
    source: &'static str,
    /// Vectors that show it, `FILE:LINE`.
    vectors: &'static [&'static str],
    /// command_id, command_status, sequence_number and body; the length is put in front.
    hex: String,
    /// The field and the status of the refusal.
    refusal: (&'static str, CommandStatus),
}

fn case(
    deviation: Deviation,
    source: &'static str,
    hex: impl Into<String>,
    refusal: (&'static str, CommandStatus),
) -> Case {
    Case {
        deviation,
        source,
        vectors: &[],
        hex: hex.into(),
        refusal,
    }
}

impl Case {
    fn shown_by(self, vectors: &'static [&'static str]) -> Self {
        Self { vectors, ..self }
    }
}

/// The head of a submit_sm with these addresses, up to registered_delivery.
const SUBMIT_SM: &str = "000000040000000000000001000101313233000101343536000000000000";

fn cases() -> Vec<Case> {
    let mut cases = cases_of_fields();
    cases.extend(cases_of_ends());
    cases
}

fn cases_of_fields() -> Vec<Case> {
    use CommandStatus as Status;
    use Deviation as D;
    let long_id = "41".repeat(65);
    let text_255 = "61".repeat(255);
    vec![
        case(
            D::MissingNul,
            "SMPP v3.4 §3.1: a C-octet string ends with NUL. node-smpp 0.5 answers a submit_sm \
             without any NUL with success",
            "80000004000000000000000141424344",
            ("message_id", Status::ESME_RINVPARLEN),
        ),
        case(
            D::MissingNul,
            "SMPP v3.4 §4.1.1: address_range is last, and mandatory though empty. It is left out as \
             peers of SMPP v3.3 leave out what is empty at the end",
            "0000000900000000000000016100620000340000",
            ("address_range", Status::ESME_RINVPARLEN),
        ),
        case(
            D::OverlongString,
            "SMPP v3.4 §5.2.2: password of at most 9 octets with its NUL. linxGnu/gosmpp \
             pdu/Outbind_test.go sends 10",
            "0000000b000000000000000161006970617373776f726400",
            ("password", Status::ESME_RINVPASWD),
        )
        .shown_by(&["pdu-gosmpp.jsonl:23"]),
        case(
            D::OverlongString,
            "SMPP v3.4 §5.2.11: service_type of at most 6 octets with its NUL. ukarim/smscsim \
             smsc.go sends \"smscsim\", also captured on the wire",
            format!("000000040000000000000001736d736373696d00{}", "00".repeat(16)),
            ("service_type", Status::ESME_RINVSERTYP),
        )
        .shown_by(&[
            "pdu-smscsim-ukarim.jsonl:3",
            "pdu-wire-mixed.jsonl:18",
            "pdu-wire-mixed.jsonl:25",
        ]),
        case(
            D::OverlongString,
            "SMPP v3.4 §5.2.23: message_id of at most 65 octets with its NUL. node-smpp 0.5, \
             smpplib 2.2 and cloudhopper read C-octet strings of any length; rusmpp 0.4 refuses",
            format!("800000040000000000000001{long_id}00"),
            ("message_id", Status::ESME_RINVMSGID),
        ),
        case(
            D::NotAscii,
            "SMPP v3.4 §3.1: C-octet strings are ASCII. Alphanumeric senders (§5.2.5, TON 5) come in \
             Latin-1; smpplib 2.2 and node-smpp 0.5 pass them on, rusmpp 0.4 refuses",
            "00000003000000000000000141000500e4e5e600",
            ("source_addr", Status::ESME_RINVSRCADR),
        ),
        case(
            D::TimeLength,
            "SMPP v3.4 §4.8.2: final_date of 1 or 17 octets. SMSCs that write the 12 digits of \
             their receipts (dlr-text.jsonl) write them here; rusmpp 0.4 refuses",
            "8000000300000000000000014100323530313031313230303030000200",
            ("final_date", Status::ESME_RINVPARLEN),
        ),
        case(
            D::SmLength255,
            "SMPP v3.4 §5.2.21: 0 to 254; SMPP v5.0 §4.7.28: 0 to 255. cloudhopper accepts 255; \
             smpp34 and go-smsc-simulator refuse it",
            format!("{SUBMIT_SM}01000000ff{text_255}"),
            ("sm_length", Status::ESME_RINVMSGLEN),
        ),
        case(
            D::NumberOfDests,
            "SMPP v3.4 §5.2.24: 1 to 254. rusmpp 0.4 test_commands: SubmitMulti::default() has none",
            format!("000000210000000000000001{}", "00".repeat(15)),
            ("number_of_dests", Status::ESME_RINVNUMDESTS),
        )
        .shown_by(&[
            "pdu-gen-rusmpp.jsonl:48",
            "pdu-gen-rusmpp.jsonl:49",
            "pdu-gen-rusmpp.jsonl:50",
        ]),
    ]
}

/// Optional parameters, what follows the fields, and the whole PDU.
fn cases_of_ends() -> Vec<Case> {
    use CommandStatus as Status;
    use Deviation as D;
    vec![
        case(
            D::TrailingOctets,
            "SMPP v3.4 §4.11.1: enquire_link is a header. smpp.pdu answers ESME_RINVCMDLEN, \
             smpplib and node-smpp pass them over",
            "000000150000000000000001ff",
            ("command_length", Status::ESME_RINVCMDLEN),
        ),
        case(
            D::TrailingOctets,
            "SMPP v3.4 §3.2.4.1: a parameter has a tag and a length of two octets each; these are \
             fewer, at the end of a deliver_sm_resp. smpplib and node-smpp pass them over",
            "80000005000000000000000100000000",
            ("tlv", Status::ESME_RINVOPTPARSTREAM),
        ),
        case(
            D::TlvOverrun,
            "SMPP v3.4 §3.2.4.1: the length is that of the value. Jasmin, node-smpp 0.5 and smpplib \
             2.2 take the octets that are there for the last one; smpp.pdu refuses",
            format!("{SUBMIT_SM}01000000000424000a6869"),
            ("tlv", Status::ESME_RINVOPTPARSTREAM),
        ),
        case(
            D::TlvLength,
            "SMPP v3.4 §5.3.2.17: user_message_reference of 2 octets. node-smpp 0.5 writes other \
             sizes for these; rusmpp 0.4 refuses the PDU",
            format!("{SUBMIT_SM}01000000000204000107"),
            ("user_message_reference", Status::ESME_RINVPARLEN),
        )
        .shown_by(&[
            "pdu-gen-node-smpp.jsonl:73",
            "pdu-gen-node-smpp.jsonl:98",
            "pdu-gen-node-smpp.jsonl:106",
            "pdu-gen-node-smpp.jsonl:117",
        ]),
        case(
            D::TlvLength,
            "SMPP v5.0: broadcast_end_time of 16 octets. rusmpp 0.4 documents 17, with a NUL, and \
             writes any length up to that (TlvValue::BroadcastEndTime)",
            format!("8000011200000000000000014100060900113230{}00", "30".repeat(14)),
            ("broadcast_end_time", Status::ESME_RINVPARLEN),
        )
        .shown_by(&["pdu-gen-rusmpp.jsonl:71"]),
        case(
            D::TlvMissingNul,
            "SMPP v3.4 §5.3.2.12: receipted_message_id is a C-octet string. node-smpp 0.5 and \
             smpplib 2.2 read it with and without NUL; rusmpp 0.4 refuses",
            format!("{SUBMIT_SM}0100000000001e00024142"),
            ("receipted_message_id", Status::ESME_RINVPARLEN),
        ),
        case(
            D::RespBodyMissing,
            "SMPP v3.4 §4.4.2: message_id is mandatory on success. cloudhopper, \
             node-smpp 0.5 and rusmpp 0.4 accept its absence",
            "800000040000000000000001",
            ("message_id", Status::ESME_RINVCMDLEN),
        ),
        case(
            D::ErrorBodyUnreadable,
            "SMPP v3.4 §4.4.2: no body unless the status is 0. smppex test/protocol_test.exs pins \
             that a broken one is passed over",
            "800000040000000b00000002304130",
            ("message_id", Status::ESME_RINVPARLEN),
        )
        .shown_by(&["pdu-smppex.jsonl:7"]),
        case(
            D::SequenceNumber,
            "SMPP v3.4 §5.1.4: 1 to 0x7FFFFFFF. rusmpp 0.4 test_commands send 0",
            "000000150000000000000000",
            ("sequence_number", Status::ESME_RUNKNOWNERR),
        )
        .shown_by(&["pdu-gen-rusmpp.jsonl:1"]),
        case(
            D::SequenceNumber,
            "SMPP v3.4 §5.1.4: 1 to 0x7FFFFFFF. ukarim/smscsim smsc.go draws from all 32 bits, also \
             captured on the wire",
            "000000150000000080000000",
            ("sequence_number", Status::ESME_RUNKNOWNERR),
        )
        .shown_by(&["pdu-wire-mixed.jsonl:18"]),
    ]
}

fn framed(hex: &str) -> Vec<u8> {
    let rest = from_hex(hex);
    let mut octets = u32::try_from(rest.len() + 4)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    octets.extend(rest);
    octets
}

fn decode(octets: &[u8], quirks: Quirks) -> Result<Decoded<'_>, DecodeError> {
    let frame = next_frame(octets, COMMAND_LENGTH_MAX_BOUND)
        .unwrap()
        .unwrap();
    assert_eq!(frame.header.command_length as usize, octets.len());
    Pdu::decode_with(&frame, quirks)
}

#[test]
fn each_deviation_is_tolerated_and_reported_by_default() {
    for case in cases() {
        let octets = framed(&case.hex);
        let decoded = decode(&octets, Quirks::default())
            .unwrap_or_else(|error| panic!("{}: {error}", case.source));
        let only = Deviations::NONE.with(case.deviation);
        assert_eq!(decoded.deviations, only, "{}", case.source);
        let alone = decode(&octets, Quirks::STRICT.tolerating(case.deviation));
        assert_eq!(alone, Ok(decoded), "{}", case.source);
    }
}

#[test]
fn each_deviation_is_refused_when_its_switch_is_off() {
    for case in cases() {
        let octets = framed(&case.hex);
        for quirks in [Quirks::STRICT, Quirks::LENIENT.refusing(case.deviation)] {
            // A body that cannot be read has another deviation behind it.
            let quirks = match case.deviation {
                Deviation::ErrorBodyUnreadable => quirks.refusing(Deviation::MissingNul),
                _ => quirks,
            };
            let error = decode(&octets, quirks).expect_err(case.source);
            let refusal = (error.field, error.command_status());
            assert_eq!(refusal, case.refusal, "{}: {error}", case.source);
        }
    }
}

#[test]
fn the_vectors_show_what_the_sources_say() {
    let vectors = vectors();
    for case in cases() {
        for id in case.vectors {
            let vector = vectors.iter().find(|vector| vector.id == *id).expect(id);
            let decoded = Pdu::decode_with(&vector.frame().expect(id), Quirks::LENIENT);
            let deviations = decoded.expect(id).deviations;
            assert!(deviations.contains(case.deviation), "{id}: {deviations:?}");
        }
    }
}

#[test]
fn a_sighting_is_the_error_that_was_tolerated() {
    for case in cases() {
        let octets = framed(&case.hex);
        let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND)
            .unwrap()
            .unwrap();
        let mut sightings = Vec::new();
        let decoded = Pdu::decode_noting(&frame, Quirks::LENIENT, &mut sightings);
        assert_eq!(decoded, Pdu::decode_with(&frame, Quirks::LENIENT));
        let [sighting] = sightings[..] else {
            panic!("{}: {sightings:?}", case.source);
        };
        assert_eq!(sighting.deviation, case.deviation);
        let error = sighting.error;
        let found = (error.field, error.command_status());
        assert_eq!(found, case.refusal, "{}", case.source);
        assert_eq!(error.sequence_number, frame.header.sequence_number);
    }
}

#[test]
fn every_field_that_deviates_is_sighted() {
    let octets = framed("00000003000000000000000180000000810000");
    let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND)
        .unwrap()
        .unwrap();
    let mut sightings = Vec::new();
    Pdu::decode_noting(&frame, Quirks::LENIENT, &mut sightings).unwrap();
    let places: Vec<_> = sightings
        .iter()
        .map(|one| (one.error.field, one.error.offset))
        .collect();
    assert_eq!(
        places,
        [("message_id", 16), ("source_addr", 20), ("tlv", 22)]
    );
}

#[test]
fn parameters_of_pdus_that_should_have_none_survive() {
    let bind = "000000090000000000000001610062000034000000";
    for (hex, is_raw) in [
        (bind, false),
        ("000000150000000000000001", true),
        ("800000150000000000000001", true),
        ("000000060000000000000001", true),
        ("800000060000000000000001", true),
        ("800000000000000200000001", true),
    ] {
        let octets = framed(&format!("{hex}1400000201020428000100"));
        let frame = next_frame(&octets, COMMAND_LENGTH_MAX_BOUND)
            .unwrap()
            .unwrap();
        let decoded = Pdu::decode_with(&frame, Quirks::LENIENT).unwrap();
        let only = Deviations::NONE.with(Deviation::TrailingOctets);
        assert_eq!(decoded.deviations, only, "{hex}");
        assert_eq!(matches!(decoded.pdu, Pdu::Raw { .. }), is_raw, "{hex}");
        let mut again = bytes::BytesMut::new();
        let header = &frame.header;
        encode_pdu(&decoded.pdu, header.command_status, 1, &mut again);
        assert_eq!(again, octets);
        let mut tags = Vec::new();
        inspect(&frame, &decoded.pdu, |placed| {
            if let Item::Tlv(tlv) = placed.item {
                tags.push(tlv.tag.0);
            }
        });
        assert_eq!(tags, [0x1400, 0x0428], "{hex}");
        assert!(decode(&octets, Quirks::STRICT).is_err(), "{hex}");
    }
}

#[test]
fn every_deviation_has_a_case_a_name_and_a_section() {
    for deviation in Deviation::ALL {
        assert!(
            cases().iter().any(|case| case.deviation == *deviation),
            "{deviation:?}"
        );
        assert_eq!(Deviation::from_name(deviation.name()), Some(*deviation));
        assert!(deviation.section().starts_with('§'));
        assert!(!deviation.meaning().is_empty());
    }
    assert_eq!(Deviations::ALL.iter().count(), Deviation::ALL.len());
}

#[test]
fn a_cut_parameter_has_the_octets_that_are_there() {
    let octets = framed(&format!("{SUBMIT_SM}01000000000424000a6869"));
    let Pdu::SubmitSm(sm) = decode(&octets, Quirks::LENIENT).unwrap().pdu else {
        panic!("submit_sm");
    };
    let payload = sm.tlvs.get(Tag::MESSAGE_PAYLOAD).expect("the parameter");
    assert_eq!(payload.value, b"hi");
}

#[test]
fn a_generic_nack_may_have_sequence_number_0() {
    let octets = framed("800000000000000200000000");
    let decoded = decode(&octets, Quirks::STRICT).expect("legal");
    assert_eq!(decoded.pdu, Pdu::GenericNack);
}

#[test]
fn a_string_beyond_all_leniency_is_refused() {
    for (octets, is_ok) in [(255, true), (256, false), (3000, false)] {
        let id = "41".repeat(octets);
        let octets = framed(&format!("800000040000000000000001{id}00"));
        assert_eq!(decode(&octets, Quirks::LENIENT).is_ok(), is_ok);
        // Without a NUL it is the same.
        let octets = framed(&format!("800000040000000000000001{id}"));
        assert_eq!(decode(&octets, Quirks::LENIENT).is_ok(), is_ok);
    }
}

#[test]
fn a_missing_nul_inside_a_pdu_is_never_tolerated() {
    let octets = framed("00000003000000000000000141424344");
    let error = decode(&octets, Quirks::LENIENT).unwrap_err();
    assert_eq!((error.field, error.offset), ("message_id", 16));
}

#[test]
fn an_impossible_dest_flag_is_never_tolerated() {
    let octets = framed("0000002100000000000000010000000001030000");
    let error = decode(&octets, Quirks::LENIENT).unwrap_err();
    assert_eq!(error.command_status(), CommandStatus::ESME_RINVDESTFLAG);
    assert_eq!((error.field, error.offset), ("dest_flag", 21));
}
