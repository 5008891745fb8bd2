//! Messages are told apart by data_coding and by optional parameters: in searches, in `verify` and
//! in rules, with one vocabulary.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use serde_json::{Value, json};
use signalbox_codec::pdu::{ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandStatus, Pdu, Tag, TlvBuf};
use smsc_sim::{Match, Rule};

use support::program::Program;
use support::{Client, smsc};

/// A submit_sm in UCS-2 with user_message_reference 17 and a text of a vendor.
async fn send(client: &mut Client) -> CommandStatus {
    let mut tlvs = TlvBuf::new();
    tlvs.push_u16(Tag::USER_MESSAGE_REFERENCE, 17);
    tlvs.push(Tag(0x1401), b"gold\0").unwrap();
    tlvs.push(Tag(0x1402), b"17\0").unwrap();
    let submit = Pdu::SubmitSm(Sm {
        destination_addr: COctetStr::new(b"49171").unwrap(),
        data_coding: 8,
        short_message: ShortMessage::new(&[0x04, 0x16]).unwrap(),
        tlvs: tlvs.as_tlvs(),
        ..Sm::default()
    });
    client.send(&submit).await;
    client.read().await.header.command_status
}

#[tokio::test]
async fn verify_and_searches_look_at_them() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    send(&mut client).await;
    let table = [
        (json!({"data_coding": 8}), "data_coding=8", 1),
        (json!({"data_coding": 0}), "data_coding=0", 0),
        (
            json!({"tlvs": {"user_message_reference": 17}}),
            "tlvs.user_message_reference=17",
            1,
        ),
        (
            json!({"tlvs": {"0x0204": "0x0011"}}),
            "tlvs.0x0204=0x0011",
            1,
        ),
        (json!({"tlvs": {"5121": "g*"}}), "tlvs.5121=g*", 1),
        (
            json!({"tlvs": {"0x1401": "gold", "source_port": false}}),
            "tlvs.0x1401=gold&tlvs.source_port=false",
            1,
        ),
        (json!({"tlvs": {"0x1402": "17"}}), "tlvs.0x1402=17", 1),
        (
            json!({"tlvs": {"0x1401": "silver"}}),
            "tlvs.0x1401=silver",
            0,
        ),
        (
            json!({"tlvs": {"source_port": true}}),
            "tlvs.source_port=true",
            0,
        ),
    ];
    for (wanted, query, expected) in table {
        let body = json!({"match": wanted, "count": {"exactly": expected}, "within": "20ms"});
        let found = program.main("POST", "verify", &body).await;
        assert_eq!(found["matched"], expected, "{wanted}");
        let path = format!("messages?{query}");
        let found = program.main("GET", &path, &Value::Null).await;
        let found = found["messages"].as_array().unwrap().len();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn the_nearest_misses_show_them() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    send(&mut client).await;
    let tlvs = json!({"user_message_reference": 18, "0x1401": "0x00", "source_port": 1});
    let body = json!({"match": {"data_coding": 0, "tlvs": tlvs}, "within": "0ms"});
    let path = "/api/v1/smscs/main/verify";
    let answer = program.http("POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 406);
    let expected = json!([
        {"field": "data_coding", "wanted": "0", "found": "8"},
        {"field": "tlvs.0x1401", "wanted": "0x00", "found": "0x676f6c6400"},
        {"field": "tlvs.source_port", "wanted": "1", "found": "(not there)"},
        {"field": "tlvs.user_message_reference", "wanted": "18", "found": "17"},
    ]);
    assert_eq!(answer.body["nearest"][0]["differences"], expected);
    let wanted = answer.body["wanted"].as_str().unwrap();
    let part = "data_coding \"0\", tlvs.0x1401 \"0x00\", tlvs.source_port 1";
    assert!(wanted.contains(part), "{wanted}");
}

#[tokio::test]
async fn what_is_no_tag_or_no_value_is_named() {
    let program = Program::start(&[]);
    let many: Value = (0..17).map(|tag| (tag.to_string(), json!(1))).collect();
    let table = [
        (json!({"data_coding": 256}), "data_coding"),
        (json!({"data_coding": "UCS-2"}), "data_coding"),
        (json!({"tlvs": 1}), "tlvs"),
        (json!({"tlvs": many}), "tlvs"),
        (json!({"tlvs": {"colour": 1}}), "tlvs.colour"),
        (json!({"tlvs": {"source_port": null}}), "tlvs.source_port"),
        (json!({"tlvs": {"source_port": "/("}}), "tlvs.source_port"),
    ];
    for (wanted, field) in table {
        let body = json!({"match": wanted}).to_string();
        let path = "/api/v1/smscs/main/verify";
        let answer = program.http("POST", path, &body).await;
        let said = (answer.status, answer.body["field"].as_str());
        let field = format!("match.{field}");
        assert_eq!(said, (422, Some(&*field)), "{answer:?}");
    }
    let body = json!({"match": {"tlvs": {"user_mesage_reference": 1}}}).to_string();
    let answer = program
        .http("POST", "/api/v1/smscs/main/verify", &body)
        .await;
    let detail = answer.body["detail"].as_str().unwrap();
    let meant = "(did you mean \"user_message_reference\"?)";
    assert!(detail.contains(meant), "{detail}");
    let path = "/api/v1/smscs/main/messages?tlvs.colour=1";
    let answer = program.http("GET", path, "").await;
    assert_eq!(answer.body["field"], "tlvs.colour");
}

#[tokio::test]
async fn rules_and_the_library_look_at_them() {
    let refused = CommandStatus::ESME_RINVOPTPARAMVAL;
    let rule = Rule::any().tlv("0x1401", "gold").data_coding(8);
    let builder = smsc_sim::Smsc::builder().rule(rule.respond(refused));
    let strict = builder.start().await.unwrap();
    let mut client = Client::transceiver(strict.addr()).await;
    assert_eq!(send(&mut client).await, refused);

    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    assert!(send(&mut client).await.is_ok());
    let wanted = Match::any()
        .data_coding(8)
        .tlv("user_message_reference", 17);
    smsc.verify(wanted).exactly(1).await.unwrap();
}
