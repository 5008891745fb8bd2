//! Each check fails for the client that it is made for, and only that check.

mod talk;

use std::collections::BTreeSet;

use bytes::BytesMut;
use signalbox_codec::pdu::{Bind, BindResp, DataSm, MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Encode, Pdu, Tag, TlvBuf};

use self::talk::{Talk, octets, text};
use super::check::Kind;
use super::report::Report;
use crate::random::Draws;

fn sm() -> Sm<'static> {
    Sm {
        source_addr: text("100"),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: text("49171"),
        short_message: ShortMessage::new(b"hello").unwrap(),
        ..Sm::default()
    }
}

/// A client that does nothing wrong but for one message.
fn with_message(sm: Sm<'_>) -> BTreeSet<&'static str> {
    let mut talk = Talk::bound();
    talk.say(&Pdu::SubmitSm(sm));
    talk.say(&Pdu::Unbind);
    talk.end()
}

/// The same with raw octets in its body.
fn with_body(command_id: CommandId, body: &[u8]) -> BTreeSet<&'static str> {
    let mut talk = Talk::bound();
    talk.say(&Pdu::Raw { command_id, body });
    talk.say(&Pdu::Unbind);
    talk.end()
}

/// A client that answers a deliver_sm with this.
fn with_response(command_id: CommandId, body: &[u8]) -> BTreeSet<&'static str> {
    let mut talk = Talk::bound();
    talk.smsc(&Pdu::DeliverSm(sm()), 1);
    let response = Pdu::Raw { command_id, body };
    talk.client(&octets(&response, CommandStatus::ESME_ROK, 1));
    talk.say(&Pdu::Unbind);
    talk.end()
}

/// A client whose message has these optional parameters.
fn with_tlvs(tlvs: &[(Tag, &[u8])]) -> BTreeSet<&'static str> {
    let mut buffer = TlvBuf::new();
    for (tag, value) in tlvs {
        buffer.push(*tag, value).unwrap();
    }
    with_message(Sm {
        tlvs: buffer.as_tlvs(),
        ..sm()
    })
}

/// The body of a query_sm about a message of this id.
fn query(id: &[u8]) -> Vec<u8> {
    [id, &[0, 0], b"100\0"].concat()
}

#[test]
fn a_client_that_does_everything_right_is_not_reported() {
    let mut talk = Talk::bound();
    for _ in 0..3 {
        talk.say(&Pdu::SubmitSm(sm()));
    }
    talk.say(&Pdu::EnquireLink);
    talk.smsc(&Pdu::EnquireLink, 1);
    talk.client(&octets(&Pdu::EnquireLinkResp, CommandStatus::ESME_ROK, 1));
    talk.smsc(&Pdu::DeliverSm(sm()), 2);
    let resp = Pdu::DeliverSmResp(MessageIdResp {
        message_id: Some(COctetStr::EMPTY),
        ..MessageIdResp::default()
    });
    talk.client(&octets(&resp, CommandStatus::ESME_ROK, 2));
    talk.say(&Pdu::Unbind);
    talk.wait();
    assert_eq!(talk.end(), BTreeSet::new());
}

/// Makes a message wrong.
type Change = fn(&mut Sm<'static>);

/// What is wrong with a message, and the check that says so.
const MESSAGES: &[(&str, Change)] = &[
    ("address_type", |sm| sm.dest_addr_ton = 7),
    ("address_type", |sm| sm.source_addr_npi = 2),
    ("address_digits", |sm| sm.destination_addr = text("+49171")),
    ("destination_empty", |sm| {
        sm.destination_addr = COctetStr::EMPTY
    }),
    ("esm_class", |sm| sm.esm_class = 0x04),
    ("udh_malformed", |sm| sm.esm_class = 0x40),
    ("udhi_missing", |sm| {
        sm.short_message = short(&[5, 0, 3, 1, 2, 1, b'a'])
    }),
    ("priority_flag", |sm| sm.priority_flag = 4),
    ("schedule_delivery_time", |sm| {
        sm.schedule_delivery_time = text("2611220000000000")
    }),
    ("validity_period", |sm| {
        sm.validity_period = text("261122000000000X")
    }),
    ("registered_delivery", |sm| sm.registered_delivery = 0x80),
    ("replace_if_present_flag", |sm| {
        sm.replace_if_present_flag = 2
    }),
    ("data_coding", |sm| sm.data_coding = 0x20),
    ("time_length", |sm| sm.validity_period = text("2611")),
    ("overlong_string", |sm| {
        sm.source_addr = text("1234567890123456789012")
    }),
    ("sm_length_255", |sm| sm.short_message = short(&[b'a'; 255])),
];

fn short(octets: &[u8]) -> ShortMessage<'_> {
    ShortMessage::new(octets).unwrap()
}

/// A bound client that says something and unbinds.
fn said(say: &dyn Fn(&mut Talk)) -> BTreeSet<&'static str> {
    let mut talk = Talk::bound();
    say(&mut talk);
    talk.say(&Pdu::Unbind);
    talk.end()
}

/// A client whose requests have these numbers.
fn numbered(numbers: &[u32]) -> BTreeSet<&'static str> {
    said(&|talk| {
        for number in numbers {
            talk.number = number - 1;
            talk.say(&Pdu::EnquireLink);
        }
        talk.number = 100;
    })
}

/// A client that answers nothing, and closes.
fn unanswered(pdu: &Pdu<'_>) -> BTreeSet<&'static str> {
    let mut talk = Talk::bound();
    talk.smsc(pdu, 1);
    talk.wait();
    talk.end()
}

/// A client by what it says, and the check that it fails.
fn clients() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    let submit = |number| octets(&Pdu::SubmitSm(sm()), CommandStatus::ESME_ROK, number);
    let query_resp = octets(&Pdu::EnquireLinkResp, CommandStatus::ESME_ROK, 9);
    vec![
        ("command_length", said(&|talk| talk.client(&[0, 0, 0, 7]))),
        ("command_id", with_body(CommandId(0x77), &[])),
        (
            "command_status",
            said(&|talk| {
                talk.number += 1;
                let number = talk.number;
                talk.client(&octets(&Pdu::EnquireLink, CommandStatus(5), number));
                talk.answer(&Pdu::EnquireLinkResp);
            }),
        ),
        ("sequence_start", {
            let mut talk = Talk::new();
            talk.number = 7;
            talk.bind(0x34);
            talk.say(&Pdu::Unbind);
            talk.end()
        }),
        ("sequence_order", numbered(&[5, 3])),
        (
            "sequence_reused",
            said(&|talk| {
                // Growing around the end of the numbers and open still.
                talk.number = 0;
                talk.ask(&Pdu::EnquireLink);
                talk.client(&octets(&Pdu::EnquireLink, CommandStatus::ESME_ROK, 1));
                talk.answer(&Pdu::EnquireLinkResp);
            }),
        ),
        ("undecodable", with_body(CommandId::SUBMIT_SM, b"\0\0")),
        ("not_bound", {
            let mut talk = Talk::new();
            talk.say(&Pdu::SubmitSm(sm()));
            talk.end()
        }),
        (
            "bound_twice",
            said(&|talk| {
                talk.say(&Pdu::BindTransmitter(Bind {
                    interface_version: 0x34,
                    ..Bind::default()
                }));
            }),
        ),
        ("bind_type", {
            let mut talk = Talk::new();
            talk.ask(&Pdu::BindReceiver(Bind {
                interface_version: 0x34,
                ..Bind::default()
            }));
            talk.answer(&Pdu::BindReceiverResp(BindResp::default()));
            talk.say(&Pdu::SubmitSm(sm()));
            talk.say(&Pdu::Unbind);
            talk.end()
        }),
        ("after_unbind", {
            let mut talk = Talk::bound();
            talk.say(&Pdu::Unbind);
            talk.say(&Pdu::EnquireLink);
            talk.end()
        }),
        ("missing_unbind", Talk::bound().end()),
        ("unbind_unanswered", unanswered(&Pdu::Unbind)),
        (
            "response_unexpected",
            said(&|talk| talk.client(&query_resp)),
        ),
        (
            "response_type",
            with_response(CommandId::DATA_SM_RESP, b"\0"),
        ),
        (
            "deliver_resp_id",
            with_response(CommandId::DELIVER_SM_RESP, b"17\0"),
        ),
        (
            "window",
            said(&|talk| {
                for number in 2..5 {
                    talk.client(&submit(number));
                }
                for number in 2..5 {
                    talk.smsc(&Pdu::SubmitSmResp(MessageIdResp::default()), number);
                }
                talk.number = 4;
            }),
        ),
        ("interface_version", {
            let mut talk = Talk::new();
            talk.bind(0x50);
            talk.say(&Pdu::Unbind);
            talk.end()
        }),
        ("tlv_of_old_version", {
            let mut talk = Talk::new();
            talk.bind(0x33);
            let mut tlvs = TlvBuf::new();
            tlvs.push(Tag::MESSAGE_PAYLOAD, b"a").unwrap();
            talk.say(&Pdu::DataSm(DataSm {
                destination_addr: text("49171"),
                tlvs: tlvs.as_tlvs(),
                ..DataSm::default()
            }));
            talk.say(&Pdu::Unbind);
            talk.end()
        }),
    ]
}

/// A client by the octets of its PDUs, and the check that it fails.
fn pdus() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    vec![
        (
            "two_contents",
            with_tlvs(&[(Tag::MESSAGE_PAYLOAD, b"hello")]),
        ),
        (
            "sar_incomplete",
            with_tlvs(&[(Tag::SAR_MSG_REF_NUM, &[0, 1])]),
        ),
        ("tlv_length", with_tlvs(&[(Tag::SOURCE_PORT, &[1])])),
        (
            "tlv_missing_nul",
            with_tlvs(&[(Tag::RECEIPTED_MESSAGE_ID, b"1")]),
        ),
        (
            "missing_nul",
            with_body(CommandId::QUERY_SM, &query(b"1\0")[..7]),
        ),
        (
            "not_ascii",
            with_body(CommandId::QUERY_SM, &query(b"\xE4\0")),
        ),
        (
            "trailing_octets",
            with_body(CommandId::QUERY_SM, &[&query(b"1\0")[..], &[0, 1]].concat()),
        ),
        (
            "number_of_dests",
            with_body(CommandId::SUBMIT_MULTI, &[0; 15]),
        ),
        ("tlv_overrun", {
            let mut body = BytesMut::new();
            Pdu::SubmitSm(sm()).encode_body(&mut body);
            body.extend_from_slice(&[0x02, 0x04, 0, 2, 1]);
            with_body(CommandId::SUBMIT_SM, &body)
        }),
        (
            "error_body_unreadable",
            said(&|talk| {
                talk.smsc(&Pdu::DeliverSm(sm()), 1);
                let resp = Pdu::Raw {
                    command_id: CommandId::DELIVER_SM_RESP,
                    body: b"x",
                };
                talk.client(&octets(&resp, CommandStatus::ESME_RSYSERR, 1));
            }),
        ),
        (
            "resp_body_missing",
            with_response(CommandId::DELIVER_SM_RESP, b""),
        ),
        (
            "sequence_number",
            said(&|talk| {
                talk.client(&octets(
                    &Pdu::EnquireLink,
                    CommandStatus::ESME_ROK,
                    0x8000_0000,
                ));
                talk.smsc(&Pdu::EnquireLinkResp, 0x8000_0000);
            }),
        ),
    ]
}

#[test]
fn each_client_fails_its_check_and_no_other() {
    let messages = MESSAGES.iter().map(|(check, change)| {
        let mut sm = sm();
        change(&mut sm);
        (*check, with_message(sm))
    });
    let mut tested = BTreeSet::new();
    for (check, found) in messages.chain(clients()).chain(pdus()) {
        assert_eq!(found, BTreeSet::from([check]), "{check}");
        tested.insert(check);
    }
    // These two cannot come alone: who answers nothing does not unbind in time either.
    for (pdu, check) in [
        (Pdu::EnquireLink, "enquire_link_unanswered"),
        (Pdu::DeliverSm(sm()), "deliver_unanswered"),
    ] {
        assert_eq!(unanswered(&pdu), BTreeSet::from([check, "missing_unbind"]));
        tested.insert(check);
    }
    let all: BTreeSet<&str> = Kind::all().map(Kind::name).collect();
    let missing: Vec<&&str> = all.difference(&tested).collect();
    assert_eq!(missing, [&""; 0], "checks without a client that fails them");
}

#[test]
fn each_kind_is_reported_once_with_its_pdu() {
    let mut talk = Talk::bound();
    for _ in 0..3 {
        talk.say(&Pdu::SubmitSm(Sm {
            priority_flag: 9,
            ..sm()
        }));
    }
    let findings = talk.checker.take_findings();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].detail.as_str(), findings[0].pdu[7]), ("9", 4));
}

#[test]
fn any_octets_are_judged() {
    let mut draws = Draws::new(7);
    for _ in 0..2_000 {
        let mut talk = Talk::bound();
        for number in 2..10 {
            let mut pdu = octets(&Pdu::SubmitSm(sm()), CommandStatus::ESME_ROK, number);
            let at = draws.number() as usize % pdu.len();
            pdu[at] = draws.number() as u8;
            let end = draws.number() as usize % (pdu.len() + 1);
            talk.client(&pdu[..end.max(at)]);
        }
        // Whatever came, it is over without a panic and each kind was told once.
        let kinds = talk.end().len();
        assert!(kinds <= Kind::all().count());
    }
}

#[test]
fn what_a_client_never_did_is_not_clean() {
    let report = Report::default();
    let mut talk = Talk::bound();
    for _ in 0..3 {
        talk.say(&Pdu::SubmitSm(Sm {
            priority_flag: 9,
            ..sm()
        }));
    }
    talk.say(&Pdu::Unbind);
    for finding in talk.checker.take_findings() {
        report.add(7, "esme", &finding);
    }
    report.count(&talk.checker.take_times());
    report.exercise(talk.checker.exercised());
    report.end(talk.checker.commands());
    let table = report.to_json(None);
    let of = |name: &str| {
        let mut checks = table["checks"].as_array().unwrap().iter();
        checks.find(|check| check["check"] == name).unwrap()
    };
    let result = |name: &str| of(name)["result"].clone();
    assert_eq!(result("priority_flag"), "failed");
    assert_eq!(of("priority_flag")["times"], 3);
    assert_eq!(of("priority_flag")["sessions"], 1);
    assert_eq!(table["departures"].as_array().unwrap().len(), 1);
    for name in [
        "data_coding",
        "udhi_missing",
        "interface_version",
        "sequence_number",
    ] {
        assert_eq!(result(name), "clean", "{name}");
    }
    for name in [
        "udh_malformed",
        "sar_incomplete",
        "validity_period",
        "deliver_unanswered",
        "number_of_dests",
    ] {
        assert_eq!(result(name), "never exercised", "{name}");
    }
    assert_eq!(table["departures"][0]["session"], 7);
    assert_eq!(table["departures"][0]["section"], "§5.2.14");
    assert_eq!(report.to_json(Some(8))["departures"], serde_json::json!([]));
}
