//! submit_multi as a test sees it: each recipient with its result and its receipts.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use serde_json::{Value, json};
use signalbox_codec::pdu::{DestAddress, DestAddressBuf, ShortMessage, SubmitMulti};
use signalbox_codec::{COctetStr, CommandId, Pdu};

use support::Client;
use support::program::Program;

/// Sends a message to a list of two and to a number that is refused. Returns its id, when both
/// receipts were answered.
async fn submit_to_many(program: &Program, client: &mut Client) -> String {
    let scenario = json!({"lists": [{"name": "friends", "members": ["+49171", "+99901"]}]});
    program.main("PUT", "scenario", &scenario).await;
    let mut addresses = DestAddressBuf::new();
    let list = DestAddress::DistributionList {
        dl_name: COctetStr::new(b"friends").unwrap(),
    };
    let refused = DestAddress::Sme {
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: COctetStr::new(b"99923").unwrap(),
    };
    assert!(addresses.push(list) && addresses.push(refused));
    let multi = SubmitMulti {
        source_addr: COctetStr::new(b"100").unwrap(),
        registered_delivery: 1,
        dest_addresses: addresses.as_dest_addresses(),
        short_message: ShortMessage::new(b"to all").unwrap(),
        ..SubmitMulti::default()
    };
    client.send(&Pdu::SubmitMulti(multi)).await;
    let resp = client.read().await;
    let Pdu::SubmitMultiResp(Some(fields)) = resp.pdu() else {
        panic!("{resp:?}");
    };
    assert_eq!(client.steps(2).await, ["+DELIVRD", "+UNDELIV"]);
    fields.message_id.to_latin1()
}

/// Source address and `stat` of so many receipts.
async fn receipts(client: &mut Client, count: usize) -> Vec<(String, String)> {
    let mut receipts = Vec::new();
    for _ in 0..count {
        let received = client.read().await;
        assert_eq!(received.command_id(), CommandId::DELIVER_SM);
        let Pdu::DeliverSm(sm) = received.pdu() else {
            panic!("{received:?}");
        };
        receipts.push((sm.source_addr.to_latin1(), received.receipt().0));
    }
    receipts
}

#[tokio::test]
async fn each_recipient_shows_its_state_and_its_receipts() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    let id = submit_to_many(&program, &mut client).await;
    // What comes first on the session has been dealt with when this is answered.
    client.send(&Pdu::EnquireLink).await;
    client.read().await;
    let path = format!("messages/{id}");
    let shown = program.main("GET", &path, &Value::Null).await;
    let seen: Vec<Value> = shown["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            let receipts = r["receipts"].as_array().unwrap();
            let receipts = receipts
                .iter()
                .map(|r| json!([r["state"], r["command_status"]]));
            let receipts: Vec<Value> = receipts.collect();
            json!([r["to"], r["command_status"], r["state"], receipts])
        })
        .collect();
    let expected = [
        json!(["49171", "ESME_ROK", "DELIVRD", [["DELIVRD", "ESME_ROK"]]]),
        json!(["99901", "ESME_ROK", "UNDELIV", [["UNDELIV", "ESME_ROK"]]]),
        json!(["99923", "ESME_RINVDSTADR", null, []]),
    ];
    assert_eq!(seen, expected, "{shown}");
    for (wanted, matched) in [
        (json!({"to": "+49171"}), true),
        (json!({"to": "friends"}), true),
        (json!({"to": "+99901", "state": "UNDELIV"}), true),
        (json!({"to": "+49171", "state": "UNDELIV"}), false),
        (json!({"to": "+49179"}), false),
    ] {
        let body = json!({"match": wanted, "count": {"at_least": 1}, "within": "1ms"});
        let path = "/api/v1/smscs/main/verify";
        let answer = program.http("POST", path, &body.to_string()).await;
        assert_eq!(answer.status == 200, matched, "{wanted}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_receipt_by_hand_goes_to_each_recipient_or_to_the_one_that_is_named() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    let id = submit_to_many(&program, &mut client).await;
    let path = format!("messages/{id}/receipt");
    let pair = |to: &str| (to.to_owned(), "EXPIRED".to_owned());
    for (to, expected) in [
        (None, vec![pair("49171"), pair("99901")]),
        (Some("+99901"), vec![pair("99901")]),
        (Some("99923"), vec![pair("99923")]),
    ] {
        let mut body = json!({"state": "EXPIRED"});
        if let Some(to) = to {
            body["to"] = to.into();
        }
        let sending = program.main("POST", &path, &body);
        let (sent, seen) = tokio::join!(sending, receipts(&mut client, expected.len()));
        assert_eq!(seen, expected, "{to:?}");
        assert_eq!(sent["command_status"], "ESME_ROK", "{sent}");
        assert_eq!(sent["receipts"].as_array().unwrap().len(), expected.len());
    }
    let path = format!("/api/v1/smscs/main/{path}");
    let body = r#"{"state": "EXPIRED", "to": "friends"}"#;
    let answer = program.http("POST", &path, body).await;
    assert_eq!((answer.status, &answer.body["field"]), (422, &json!("to")));
}
