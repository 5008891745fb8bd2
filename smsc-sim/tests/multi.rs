//! submit_multi: each recipient with its result and its receipts, as an ESME and as a test see it.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use signalbox_codec::pdu::{DestAddressBuf, ShortMessage, SubmitMulti};
use signalbox_codec::{CommandId, CommandStatus, Pdu};
use smsc_sim::Scenario;

use support::managing::{HOUR, cancel, query, slow_smsc, string};
use support::program::Program;
use support::{Client, named};

fn multi(addresses: &DestAddressBuf) -> SubmitMulti<'_> {
    SubmitMulti {
        source_addr: string("100"),
        dest_addresses: addresses.as_dest_addresses(),
        registered_delivery: 1,
        short_message: ShortMessage::new(b"to all").unwrap(),
        ..SubmitMulti::default()
    }
}

/// The id in a submit_multi_resp, and who was refused with what.
async fn multi_response(client: &mut Client) -> (String, Vec<(String, CommandStatus)>) {
    let resp = client.read().await;
    let Pdu::SubmitMultiResp(Some(fields)) = resp.pdu() else {
        panic!("{resp:?}");
    };
    let refused = fields
        .unsuccess_smes
        .iter()
        .map(|sme| (sme.destination_addr.to_latin1(), sme.error_status_code));
    (fields.message_id.to_latin1(), refused.collect())
}

/// Sends a message to a list of two and to a number that is refused. Returns its id, when both
/// receipts were answered.
async fn submit_to_many(program: &Program, client: &mut Client) -> String {
    let scenario = json!({"lists": [{"name": "friends", "members": ["+49171", "+99901"]}]});
    program.main("PUT", "scenario", &scenario).await;
    let addresses = named(&["[friends]", "99923"]);
    client.send(&Pdu::SubmitMulti(multi(&addresses))).await;
    let (id, _) = multi_response(client).await;
    assert_eq!(client.steps(2).await, ["+DELIVRD", "+UNDELIV"]);
    id
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
async fn recipients_with_the_same_address_have_their_own_receipts() {
    // Those that were refused stand last.
    for (refused, expected) in [(0, [1, 1, 1]), (1, [1, 1, 0])] {
        let program = Program::start(&[]);
        let respond = json!({"status": "ESME_RSYSERR"});
        let rule = json!({"match": {"to": "49171"}, "respond": respond, "times": 1});
        for _ in 0..refused {
            program.main("POST", "rules", &rule).await;
        }
        let mut client = Client::transceiver(program.smpp).await;
        let recipients = named(&["49171", "49172", "49171"]);
        client.send(&Pdu::SubmitMulti(multi(&recipients))).await;
        let steps = client.steps(4 - refused).await;
        assert!(
            steps[1..].iter().all(|step| step == "+DELIVRD"),
            "{steps:?}"
        );
        let all = program.main("GET", "messages", &Value::Null).await;
        let path = format!("messages/{}", all["messages"][0]["id"].as_str().unwrap());
        let shown = program.main("GET", &path, &Value::Null).await;
        let shown_recipients = shown["recipients"].as_array().unwrap();
        let count = |recipient: &Value| recipient["receipts"].as_array().unwrap().len();
        let counts: Vec<usize> = shown_recipients.iter().map(count).collect();
        assert_eq!(counts, expected, "{shown}");
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

#[tokio::test]
async fn each_recipient_of_a_submit_multi_is_decided_about() {
    let smsc = support::smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let addresses = named(&["49171", "99923", "99901", "[friends]"]);
    client.send(&Pdu::SubmitMulti(multi(&addresses))).await;
    let (id, refused) = multi_response(&mut client).await;
    let expected = [
        ("99923".to_owned(), CommandStatus::ESME_RINVDSTADR),
        ("friends".to_owned(), CommandStatus::ESME_RINVDLNAME),
    ];
    assert_eq!(refused, expected);
    for (stat, state) in [("DELIVRD", 2), ("UNDELIV", 5)] {
        let receipt = client.read().await.receipt();
        assert_eq!(receipt, (stat.to_owned(), id.clone(), state));
    }
    let (state, _, _) = query(&mut client, &id, "100").await.unwrap();
    assert_eq!(state, 5, "one failure counts for all");
    assert_eq!(smsc.messages()[0].to, "49171,99923,99901,friends");

    let none = named(&["99923"]);
    client.send(&Pdu::SubmitMulti(multi(&none))).await;
    let status = client.read().await.header.command_status;
    assert_eq!(status, CommandStatus::ESME_RINVDSTADR);
}

#[tokio::test]
async fn the_members_of_a_list_get_the_message_and_an_unknown_list_is_refused() {
    let scenario =
        json!({"lists": [{"name": "friends", "members": ["+49171", "+99901", "+99923"]}]});
    let scenario = Scenario::from_json(&scenario).unwrap();
    let smsc = support::smsc(|settings| settings.scenario = scenario).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let addresses = named(&["[friends]", "[nobody]"]);
    client.send(&Pdu::SubmitMulti(multi(&addresses))).await;
    let (_, refused) = multi_response(&mut client).await;
    let expected = [
        ("99923".to_owned(), CommandStatus::ESME_RINVDSTADR),
        ("nobody".to_owned(), CommandStatus::ESME_RINVDLNAME),
    ];
    assert_eq!(refused, expected);
    assert_eq!(client.steps(2).await, ["+DELIVRD", "+UNDELIV"]);

    let addresses = named(&["[nobody]"]);
    client.send(&Pdu::SubmitMulti(multi(&addresses))).await;
    let status = client.read().await.header.command_status;
    assert_eq!(status, CommandStatus::ESME_RINVDLNAME);
}

#[tokio::test]
async fn a_cancelled_submit_multi_is_cancelled_for_every_recipient() {
    // By its id, and by the address of a recipient that is not the first.
    for by_id in [true, false] {
        let (smsc, mut client) = slow_smsc().await;
        let addresses = named(&["49171", "49172", "99923"]);
        client.send(&Pdu::SubmitMulti(multi(&addresses))).await;
        let (id, _) = multi_response(&mut client).await;
        let (id_named, to) = if by_id { (&*id, "") } else { ("", "49172") };
        let status = cancel(&mut client, id_named, to).await;
        assert_eq!(status, CommandStatus::ESME_ROK, "by id: {by_id}");
        assert_eq!(client.steps(2).await, ["+DELETED", "+DELETED"]);
        smsc.clock().advance(2 * HOUR).await.unwrap();
        let more = client.read_within(Duration::from_millis(100)).await;
        assert_eq!(more, None, "nothing else was planned any more");
        let (state, _, _) = query(&mut client, &id, "100").await.unwrap();
        assert_eq!(state, 4, "DELETED");
    }
}
