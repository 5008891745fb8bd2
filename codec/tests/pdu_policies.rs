//! One case per known deviation: tolerated and reported by default, refused when its switch is
//! off, with the source that shows the deviation in the wild. Sources disagree on several; the
//! choice stands here.

#![allow(clippy::unwrap_used)] // Test code.

mod pdu_support;

use pdu_support::from_hex;
use signalbox_codec::{
    COMMAND_LENGTH_MAX_BOUND, CommandStatus, DecodeError, Decoded, Deviation, Deviations, Pdu,
    Quirks, Tag, next_frame,
};

struct Case {
    deviation: Deviation,
    /// Who does it, or who pinned it.
    source: &'static str,
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
        hex: hex.into(),
        refusal,
    }
}

/// The head of a submit_sm with these addresses, up to registered_delivery.
const SUBMIT_SM: &str = "000000040000000000000001000101313233000101343536000000000000";

fn cases() -> Vec<Case> {
    use CommandStatus as Status;
    use Deviation as D;
    let long_id = "41".repeat(65);
    let text_255 = "61".repeat(255);
    vec![
        case(
            D::MissingNul,
            "smppex protocol_test: message_id up to the end of the PDU; Jasmin tolerates it",
            "80000004000000000000000141424344",
            ("message_id", Status::ESME_RINVPARLEN),
        ),
        case(
            D::MissingNul,
            "bind with an empty address_range left out; SMPP v3.3 peers send shorter bodies",
            "0000000900000000000000016100620000340000",
            ("address_range", Status::ESME_RINVPARLEN),
        ),
        case(
            D::OverlongString,
            "linxGnu/gosmpp Outbind_test: password of 9 characters; smscsim: service_type of 7",
            "0000000b000000000000000161006970617373776f726400",
            ("password", Status::ESME_RINVPASWD),
        ),
        case(
            D::OverlongString,
            "message_id of 65 characters; node-smpp, smpplib and cloudhopper accept any length",
            format!("800000040000000000000001{long_id}00"),
            ("message_id", Status::ESME_RINVMSGID),
        ),
        case(
            D::NotAscii,
            "Latin-1 sender ids of alphanumeric sources",
            "00000003000000000000000141000500e4e5e600",
            ("source_addr", Status::ESME_RINVPARLEN),
        ),
        case(
            D::TimeLength,
            "query_sm_resp with final_date 250101120000, cut to minutes; rusmpp refuses it",
            "8000000300000000000000014100323530313031313230303030000200",
            ("final_date", Status::ESME_RINVPARLEN),
        ),
        case(
            D::SmLength255,
            "SMPP v5.0 allows 255, cloudhopper accepts it; smpp34 and go-smsc-simulator refuse it",
            format!("{SUBMIT_SM}01000000ff{text_255}"),
            ("sm_length", Status::ESME_RINVMSGLEN),
        ),
        case(
            D::NumberOfDests,
            "rusmpp test_commands: SubmitMulti::default() has no recipient",
            format!("000000210000000000000001{}", "00".repeat(15)),
            ("number_of_dests", Status::ESME_RINVNUMDESTS),
        ),
        case(
            D::TrailingOctets,
            "most peers pass over them after enquire_link; smpp.pdu answers ESME_RINVCMDLEN",
            "000000150000000000000001ff",
            ("command_length", Status::ESME_RINVCMDLEN),
        ),
        case(
            D::TrailingOctets,
            "fewer octets than a tag and a length at the end of a deliver_sm_resp",
            "80000005000000000000000100000000",
            ("tlv", Status::ESME_RINVOPTPARSTREAM),
        ),
        case(
            D::TlvOverrun,
            "Jasmin, node-smpp and smpplib tolerate it as the last one; smpp.pdu refuses it",
            format!("{SUBMIT_SM}01000000000424000a6869"),
            ("tlv", Status::ESME_RINVOPTPARSTREAM),
        ),
        case(
            D::TlvLength,
            "user_message_reference of 1 octet; rusmpp refuses the PDU",
            format!("{SUBMIT_SM}01000000000204000107"),
            ("user_message_reference", Status::ESME_RINVPARLEN),
        ),
        case(
            D::TlvMissingNul,
            "receipted_message_id without NUL, as smscs of several operators send it",
            format!("{SUBMIT_SM}0100000000001e00024142"),
            ("receipted_message_id", Status::ESME_RINVPARLEN),
        ),
        case(
            D::RespBodyMissing,
            "seen on the wire; cloudhopper accepts it",
            "800000040000000000000001",
            ("message_id", Status::ESME_RINVCMDLEN),
        ),
        case(
            D::ErrorBodyUnreadable,
            "smppex protocol_test: negative resp with nonempty malformed body",
            "800000040000000b00000002304130",
            ("message_id", Status::ESME_RINVPARLEN),
        ),
        case(
            D::SequenceNumber,
            "rusmpp test_commands and others send 0",
            "000000150000000000000000",
            ("sequence_number", Status::ESME_RUNKNOWNERR),
        ),
        case(
            D::SequenceNumber,
            "ukarim/smscsim counts through all 32 bits",
            "000000150000000080000000",
            ("sequence_number", Status::ESME_RUNKNOWNERR),
        ),
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
