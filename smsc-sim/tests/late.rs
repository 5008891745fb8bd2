//! What comes late: responses and receipts of a submit_multi that are delayed or reordered, and the
//! receipts of messages whose validity is over before they are delivered.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use signalbox_codec::pdu::{ShortMessage, Sm, SubmitMulti};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Pdu};
use smsc_sim::{Behaviour, Scenario, Smsc};

use support::{Client, named, submit_sm};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR_MS: u64 = 1_767_225_600_000;
const HOUR: Duration = Duration::from_secs(3_600);
/// validity_period of an hour.
const AN_HOUR: &str = "000000010000000R";

/// An SMSC whose clock stands, and a client; receipts come after two hours.
async fn slow_smsc(scenario: &Value) -> (Smsc, Client) {
    let behaviour = Behaviour {
        receipt_delay: 2 * HOUR,
        ..Behaviour::default()
    };
    start(behaviour, scenario).await
}

async fn start(behaviour: Behaviour, scenario: &Value) -> (Smsc, Client) {
    let builder = Smsc::builder().virtual_clock(NEW_YEAR_MS);
    let scenario = Scenario::from_json(scenario).unwrap();
    let builder = builder.behaviour(behaviour).scenario(scenario);
    let smsc = builder.start().await.unwrap();
    let client = Client::transceiver(smsc.addr()).await;
    (smsc, client)
}

async fn submit_multi(client: &mut Client, to: &[&str], validity: &str, registered_delivery: u8) {
    let recipients = named(to);
    let multi = SubmitMulti {
        source_addr: COctetStr::new(b"100").unwrap(),
        validity_period: COctetStr::new(validity.as_bytes()).unwrap(),
        registered_delivery,
        dest_addresses: recipients.as_dest_addresses(),
        short_message: ShortMessage::new(b"to all").unwrap(),
        ..SubmitMulti::default()
    };
    client.send(&Pdu::SubmitMulti(multi)).await;
}

/// What comes: `multi` and `resp` for responses, the recipient and its state for a receipt.
async fn steps(client: &mut Client, count: usize) -> Vec<String> {
    let mut steps = Vec::new();
    for _ in 0..count {
        let received = client.read().await;
        steps.push(match received.pdu() {
            Pdu::SubmitMultiResp(_) => "multi".to_owned(),
            Pdu::SubmitSmResp(_) => "resp".to_owned(),
            Pdu::DeliverSm(sm) => {
                format!("{} {}", sm.source_addr.to_latin1(), received.receipt().0)
            }
            other => panic!("{other:?}"),
        });
    }
    steps
}

async fn nothing_more(client: &mut Client) {
    let more = client.read_within(Duration::from_millis(100)).await;
    assert_eq!(more, None);
}

#[tokio::test]
async fn the_response_to_many_waits_for_the_slowest_and_the_receipts_for_it() {
    let late = |to: &str, delay: &str| json!({"match": {"to": to}, "respond": {"delay": delay}});
    let table = [
        json!({"faults": [{"type": "delay_response", "attributes": {"delay": "3s"}}]}),
        json!({"rules": [late("49171", "1s"), late("49172", "3s")]}),
    ];
    for scenario in table {
        let (smsc, mut client) = start(Behaviour::default(), &scenario).await;
        submit_multi(&mut client, &["49171", "49172"], "", 1).await;
        nothing_more(&mut client).await;
        smsc.clock().advance(Duration::from_secs(2)).await.unwrap();
        nothing_more(&mut client).await;
        smsc.clock().advance(Duration::from_secs(1)).await.unwrap();
        let seen = steps(&mut client, 3).await;
        assert_eq!(
            seen,
            ["multi", "49171 DELIVRD", "49172 DELIVRD"],
            "{scenario}"
        );
        nothing_more(&mut client).await;
    }
}

#[tokio::test]
async fn a_response_to_many_is_reordered_with_the_others_and_precedes_its_receipts() {
    let scenario = json!({"faults": [{"type": "reorder", "attributes": {"window": 2}}]});
    let (_smsc, mut client) = start(Behaviour::default(), &scenario).await;
    submit_multi(&mut client, &["49171", "49172"], "", 1).await;
    client.submit("49173", "to one").await;
    let seen = steps(&mut client, 5).await;
    let place = |wanted: &str| seen.iter().position(|step| step == wanted).unwrap();
    assert!(place("resp") < place("multi"), "{seen:?}");
    assert!(place("resp") < place("49173 DELIVRD"), "{seen:?}");
    for receipt in ["49171 DELIVRD", "49172 DELIVRD"] {
        assert!(place("multi") < place(receipt), "{seen:?}");
    }
}

/// A message whose response waits for others is on its way until that is sent, and all that goes
/// out at once is told.
#[tokio::test]
async fn a_message_ends_after_its_reordered_response() {
    let scenario = json!({"faults": [{"type": "reorder", "attributes": {"window": 9}}]});
    let (smsc, mut client) = start(Behaviour::default(), &scenario).await;
    client.submit("49173", "to one").await;
    submit_multi(&mut client, &["49171", "49172"], "", 1).await;
    smsc.wait_for_messages(2, support::PATIENCE).await.unwrap();
    let states = || {
        let messages = smsc.messages();
        let of = |message: &smsc_sim::Message| {
            let recipients = message.recipients.iter();
            let states = recipients.map(|r| r.state).chain([message.state]);
            let states: Vec<_> = states.map(|state| state.unwrap().stat()).collect();
            (states, message.ends_unix_ms)
        };
        messages.iter().map(of).collect::<Vec<_>>()
    };
    let is = |state: &'static str, ends_unix_ms| {
        let one = (vec![state; 1], Some(ends_unix_ms));
        vec![one, (vec![state; 3], Some(ends_unix_ms))]
    };
    assert_eq!(states(), is("ENROUTE", NEW_YEAR_MS + 500));
    let fired = smsc.clock().advance(Duration::from_millis(300)).await;
    assert_eq!(fired.unwrap().len(), 0);
    assert_eq!(states(), is("ENROUTE", NEW_YEAR_MS + 500));
    // The clock goes farther than they wait.
    let fired = smsc.clock().advance(Duration::from_millis(600)).await;
    assert_eq!(fired.unwrap().len(), 2);
    assert_eq!(states(), is("DELIVRD", NEW_YEAR_MS + 900));
    assert_eq!(steps(&mut client, 5).await[0], "multi");
}

#[tokio::test]
async fn what_is_gathered_waits_from_its_own_first_on() {
    let scenario = json!({"faults": [{"type": "reorder", "attributes": {"window": 2}}]});
    let (smsc, mut client) = start(Behaviour::default(), &scenario).await;
    client.submit("49171", "sent").await;
    client.submit("49172", "with this one").await;
    smsc.wait_for_messages(2, support::PATIENCE).await.unwrap();
    let clock = smsc.clock();
    let advance = |ms| clock.advance(Duration::from_millis(ms));
    assert_eq!(advance(400).await.unwrap().len(), 0);
    client.submit("49173", "gathered").await;
    smsc.wait_for_messages(3, support::PATIENCE).await.unwrap();
    assert_eq!(advance(499).await.unwrap().len(), 0);
    assert_eq!(advance(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn each_recipient_is_told_that_the_message_has_expired_if_it_asked_for_that() {
    // registered_delivery: always, on failure, on success only, never.
    for (registered_delivery, told) in [(1, true), (2, true), (3, false), (0, false)] {
        let (smsc, mut client) = slow_smsc(&json!({})).await;
        let to = ["49171", "49172", "99923"];
        submit_multi(&mut client, &to, AN_HOUR, registered_delivery).await;
        assert_eq!(steps(&mut client, 1).await, ["multi"]);
        smsc.clock().advance(HOUR).await.unwrap();
        if told {
            let seen = steps(&mut client, 2).await;
            assert_eq!(seen, ["49171 EXPIRED", "49172 EXPIRED"]);
        }
        smsc.clock().advance(2 * HOUR).await.unwrap();
        nothing_more(&mut client).await;
        let message = &smsc.messages()[0];
        let states: Vec<_> = message.recipients.iter().map(|r| r.state).collect();
        let expired = message.state;
        assert_eq!(message.state_name(), Some("EXPIRED"));
        assert_eq!(states, [expired, expired, None]);
    }
}

#[tokio::test]
async fn a_receipt_of_an_expired_message_has_the_form_of_the_rule_and_waits_for_the_response() {
    let table = [
        // The rule's form of the id, though its receipt never came.
        (
            json!({"receipts": [{"state": "DELIVRD", "after": "5h", "id_format": "decimal"}]}),
            true,
        ),
        // A rule that wants no receipt wants none of this either.
        (json!({"receipts": []}), false),
        // The response comes after the end of the validity, and the receipt after it.
        (json!({"respond": {"delay": "3h"}}), true),
    ];
    for (rule, told) in table {
        let (smsc, mut client) = slow_smsc(&json!({"rules": [rule]})).await;
        let Pdu::SubmitSm(sm) = submit_sm("49171", "soon over", 1) else {
            unreachable!("it is one");
        };
        let submit = Pdu::SubmitSm(Sm {
            validity_period: COctetStr::new(AN_HOUR.as_bytes()).unwrap(),
            ..sm
        });
        client.send(&submit).await;
        // Its time goes on only when it has arrived.
        smsc.wait_for_messages(1, support::PATIENCE).await.unwrap();
        smsc.clock().advance(3 * HOUR).await.unwrap();
        let response = client.read().await;
        assert_eq!(response.command_id(), CommandId::SUBMIT_SM_RESP, "{rule}");
        assert_eq!(response.header.command_status, CommandStatus::ESME_ROK);
        if told {
            let (stat, id, _) = client.read().await.receipt();
            assert_eq!(stat, "EXPIRED", "{rule}");
            let number = u64::from_str_radix(&response.message_id(), 16).unwrap();
            let form = rule["receipts"][0]["id_format"].as_str();
            let expected = match form {
                Some("decimal") => number.to_string(),
                _ => response.message_id(),
            };
            assert_eq!(id, expected, "{rule}");
        }
        nothing_more(&mut client).await;
        assert_eq!(smsc.messages()[0].state_name(), Some("EXPIRED"), "{rule}");
    }
}
