//! Faults over the wire: what a client sees of each, and the control API for them.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signalbox_codec::{CommandId, CommandStatus, Pdu, encode_pdu};
use smsc_sim::{Disconnect, Scenario, Smsc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use support::program::Program;
use support::{Client, smsc};

async fn with_fault(name: &str, attributes: Value) -> Smsc {
    let fault = json!({"type": name, "attributes": attributes});
    let scenario = Scenario::from_json(&json!({"faults": [fault]})).unwrap();
    smsc(|settings| settings.scenario = scenario).await
}

#[tokio::test]
async fn each_fault_of_messages_gets_its_sequence() {
    let table: &[(&str, Value, &[&str])] = &[
        ("queue_full", json!({}), &["resp ESME_RMSGQFUL"]),
        ("throttle", json!({"tps": 1}), &["resp", "+DELIVRD"]),
        ("drop_response", json!({}), &["+DELIVRD"]),
        (
            "delay_response",
            json!({"delay": "100ms"}),
            &["resp", "+DELIVRD"],
        ),
        ("reorder", json!({}), &["resp", "+DELIVRD"]),
        (
            "duplicate_response",
            json!({"copies": 2}),
            &["resp", "resp", "resp", "+DELIVRD"],
        ),
        ("unknown_command", json!({}), &["garbage", "+DELIVRD"]),
        ("garbage", json!({}), &["garbage", "resp", "+DELIVRD"]),
        (
            "disconnect",
            json!({"when": "after_response"}),
            &["resp", "+DELIVRD", "eof"],
        ),
        ("disconnect", json!({"how": "rst"}), &["rst"]),
        (
            "unbind_after",
            json!({"messages": 1}),
            &["resp", "+DELIVRD", "unbind"],
        ),
    ];
    for (name, attributes, steps) in table {
        let smsc = with_fault(name, attributes.clone()).await;
        let mut client = Client::transceiver(smsc.addr()).await;
        client.submit("491711", "hello").await;
        let mut seen = client.steps(steps.len()).await;
        let mut steps = steps.to_vec();
        if *name == "disconnect" {
            // Whether the receipt is written before the end is the socket's business.
            seen.retain(|step| step != "+DELIVRD");
            steps.retain(|step| *step != "+DELIVRD");
            seen.truncate(steps.len());
        }
        assert_eq!(seen, steps, "{name}");
    }
}

#[tokio::test]
async fn octets_of_responses_are_wrong_as_ordered() {
    type Expected = fn(&[u8]) -> bool;
    let table: &[(&str, Value, Expected)] = &[
        ("bad_length", json!({"command_length": 7}), |o| {
            o[..4] == [0, 0, 0, 7]
        }),
        ("bad_length", json!({}), |o| {
            u32::from_be_bytes(o[..4].try_into().unwrap()) as usize > o.len()
        }),
        ("bad_sequence", json!({"add": 5}), |o| {
            o[12..16] == [0, 0, 0, 7]
        }),
        ("corrupt_tlv", json!({}), |o| {
            o.ends_with(&[0x00, 0x1D, 0x00, 0xFF])
        }),
        ("reset_peer", json!({}), |o| o.len() < 20),
    ];
    for (name, attributes, expected) in table {
        let smsc = with_fault(name, attributes.clone()).await;
        let mut client = Client::transceiver(smsc.addr()).await;
        let submit = support::submit_sm("491711", "hello", 0);
        client.send(&submit).await;
        let mut stream = client.into_stream();
        let mut octets = vec![0; 1024];
        let read = tokio::time::timeout(support::PATIENCE, stream.read(&mut octets)).await;
        octets.truncate(read.unwrap().unwrap());
        assert!(expected(&octets), "{name}: {octets:02x?}");
    }
}

#[tokio::test]
async fn nothing_follows_the_half_of_a_response_but_the_reset() {
    let smsc = with_fault("reset_peer", json!({})).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.submit_many("491711", 50).await;
    client.expect_half_a_response_and_a_reset().await;
}

/// The octets that wait at either end neither hold up the reset nor make it an end in order.
#[tokio::test]
async fn a_reset_comes_at_once_to_a_client_that_reads_nothing() {
    let smsc = smsc(|_| {}).await;
    let client = Client::transceiver(smsc.addr()).await;
    let mut stream = client.into_stream();
    let mut many = bytes::BytesMut::new();
    for number in 2..1_000 {
        let submit = support::submit_sm("491711", "hello", 1);
        encode_pdu(&submit, CommandStatus::ESME_ROK, number, &mut many);
    }
    // Until the SMSC, whose own octets nobody takes, takes no more.
    let takes = Duration::from_millis(500);
    while let Ok(written) = tokio::time::timeout(takes, stream.write_all(&many)).await {
        written.unwrap();
    }
    let start = Instant::now();
    smsc.disconnect_all(Disconnect::Rst);
    let ended = tokio::time::timeout(support::PATIENCE, stream.write_all(&many)).await;
    let kind = ended.unwrap().unwrap_err().kind();
    assert_eq!(kind, std::io::ErrorKind::ConnectionReset);
    let took = start.elapsed();
    assert!(took < support::goal(Duration::from_millis(100)), "{took:?}");
}

#[tokio::test]
async fn responses_are_reordered_within_a_window() {
    let smsc = with_fault("reorder", json!({"window": 4})).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let submit = support::submit_sm("491711", "hello", 0);
    for _ in 0..6 {
        client.send(&submit).await;
    }
    let mut numbers = Vec::new();
    for _ in 0..6 {
        numbers.push(client.read().await.header.sequence_number);
    }
    assert_eq!(numbers, [5, 4, 3, 2, 7, 6], "the last two after a time");
}

#[tokio::test]
async fn binds_are_refused_or_slow() {
    let smsc = with_fault("bind_refuse", json!({"status": "ESME_RINVPASWD"})).await;
    let mut client = Client::connect(smsc.addr()).await;
    let status = client
        .try_bind(CommandId::BIND_TRANSCEIVER, "esme", "secret")
        .await;
    assert_eq!(status, CommandStatus::ESME_RINVPASWD);

    let smsc = with_fault("slow_bind", json!({"delay": "200ms"})).await;
    let start = Instant::now();
    let mut client = Client::transceiver(smsc.addr()).await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    client.submit("491711", "hello").await;
    assert_eq!(client.steps(2).await, ["resp", "+DELIVRD"]);
}

#[tokio::test]
async fn enquire_link_is_left_without_an_answer() {
    let smsc = with_fault("no_enquire_link_resp", json!({})).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.send(&Pdu::EnquireLink).await;
    client.submit("491711", "hello").await;
    assert_eq!(client.steps(2).await, ["resp", "+DELIVRD"]);
    client.unbind().await;
}

/// Time until the response to a message has come.
async fn response_time(client: &mut Client) -> Duration {
    let start = Instant::now();
    client.send(&support::submit_sm("491711", "hello", 0)).await;
    client.read().await;
    start.elapsed()
}

#[tokio::test]
async fn octets_are_late_in_pieces_or_slow() {
    let table = [
        ("latency", json!({"latency": "400ms"}), "down"),
        ("latency", json!({"latency": "400ms"}), "up"),
        ("merge", json!({"delay": "400ms"}), "down"),
        ("slicer", json!({"octets": 1, "delay": "20ms"}), "down"),
        ("slicer", json!({"octets": 1, "delay": "10ms"}), "up"),
        ("bandwidth", json!({"octets_per_second": 75}), "down"),
    ];
    let slow = Duration::from_millis(400);
    let smsc = smsc(|_| {}).await;
    for (name, attributes, stream) in table {
        let mut client = Client::transceiver(smsc.addr()).await;
        let fault = json!({"type": name, "attributes": attributes, "stream": stream});
        smsc.set_scenario(Scenario::from_json(&json!({"faults": [fault]})).unwrap());
        let time = response_time(&mut client).await;
        assert!(time >= slow, "{name} {stream}: {time:?}");
        smsc.set_scenario(Scenario::default());
        let time = response_time(&mut client).await;
        assert!(time < slow, "{name} {stream} is over: {time:?}");
    }
}

#[tokio::test]
async fn connections_are_cut_reset_or_go_silent() {
    let smsc = smsc(|_| {}).await;
    let table: [(&str, Value, &[&str]); 3] = [
        ("limit_data", json!({"octets": 10}), &["eof"]),
        ("limit_data", json!({"octets": 10, "reset": true}), &["rst"]),
        (
            "reset_peer",
            json!({"timeout": "50ms"}),
            &["resp", "+DELIVRD", "rst"],
        ),
    ];
    for (name, attributes, steps) in table {
        let mut client = Client::transceiver(smsc.addr()).await;
        let fault = json!({"type": name, "attributes": attributes});
        smsc.set_scenario(Scenario::from_json(&json!({"faults": [fault]})).unwrap());
        client.submit("491711", "hello").await;
        assert_eq!(client.steps(steps.len()).await, steps, "{name}");
        smsc.set_scenario(Scenario::default());
    }
    for (name, stream) in [
        ("timeout", "down"),
        ("timeout", "up"),
        ("stop_reading", "up"),
    ] {
        let mut client = Client::transceiver(smsc.addr()).await;
        let fault = json!({"type": name, "stream": stream});
        smsc.set_scenario(Scenario::from_json(&json!({"faults": [fault]})).unwrap());
        client.submit("491711", "hello").await;
        assert_eq!(
            client.read_within(Duration::from_millis(150)).await,
            None,
            "{name} {stream}"
        );
        smsc.set_scenario(Scenario::default());
    }
}

#[tokio::test]
async fn a_connection_closes_late() {
    let smsc = with_fault("slow_close", json!({"delay": "300ms"})).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.send(&Pdu::Unbind).await;
    assert_eq!(client.read().await.command_id(), CommandId::UNBIND_RESP);
    let start = Instant::now();
    assert_eq!(client.steps(1).await, ["eof"]);
    assert!(start.elapsed() >= Duration::from_millis(250));
}

/// A connection that waits for its close lives no longer than its SMSC.
#[tokio::test]
async fn a_connection_that_closes_late_ends_with_its_smsc() {
    for stops in [false, true] {
        let smsc = with_fault("slow_close", json!({"delay": "1h"})).await;
        let mut client = Client::transceiver(smsc.addr()).await;
        client.send(&Pdu::Unbind).await;
        assert_eq!(client.read().await.command_id(), CommandId::UNBIND_RESP);
        assert!(
            client
                .read_within(Duration::from_millis(100))
                .await
                .is_none()
        );
        if stops {
            smsc.stop().await;
        } else {
            drop(smsc);
        }
        assert_eq!(client.steps(1).await, ["eof"]);
    }
}

#[tokio::test]
async fn faults_are_switched_while_sessions_are_bound() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    let fault = json!({"type": "queue_full", "toxicity": 1.0});
    let added = program.main("POST", "faults", &fault).await;
    assert_eq!(added["id"], "fault-1");
    client.submit("491711", "a").await;
    assert_eq!(client.steps(1).await, ["resp ESME_RMSGQFUL"]);
    let listed = program.main("GET", "faults", &json!({})).await;
    assert_eq!(listed["faults"], json!([added]));
    program.main("DELETE", "faults/fault-1", &json!({})).await;
    program.main("POST", "faults", &fault).await;
    program.main("DELETE", "faults", &json!({})).await;
    client.submit("491711", "a").await;
    assert_eq!(client.steps(2).await, ["resp", "+DELIVRD"]);

    let path = "/api/v1/smscs/main/faults";
    let answer = program.http("POST", path, r#"{"type":"latncy"}"#).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body["errors"][0]["suggestion"], "latency");
}
