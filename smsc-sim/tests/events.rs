//! Following what happens: by long poll, by WebSocket, and the timeline of one message.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signalbox_codec::CommandStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::program::Program;
use support::{Client, PATIENCE, submit_sm};

fn names(body: &Value) -> Vec<&str> {
    let events = body["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_happens_is_read_from_a_cursor_on() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    client.submit("49171", "hello").await;
    let id = client.read().await.message_id();
    let receipt = client.read().await;
    assert_eq!(receipt.receipt().1, id);
    client.unbind().await;
    let expected = [
        "connected",
        "bound",
        "message",
        "delivery_sent",
        "delivery_answered",
        "closed",
    ];
    let body = program.main("GET", "events", &Value::Null).await;
    assert_eq!(names(&body), expected);
    assert_eq!((&body["cursor"], &body["missed"]), (&json!(6), &json!(0)));
    let message = &body["events"][2];
    assert_eq!(
        (&message["id"], &message["text"]),
        (&json!(id), &json!("hello"))
    );
    let body = program
        .main("GET", "events?after=2&limit=2", &Value::Null)
        .await;
    assert_eq!(names(&body), expected[2..4]);
    assert_eq!(body["cursor"], 4);

    let shown = program
        .main("GET", &format!("messages/{id}"), &Value::Null)
        .await;
    let timeline = shown["timeline"].as_array().unwrap();
    let happened: Vec<&str> = timeline
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    let sent = timeline
        .iter()
        .find(|event| event["event"] == "delivery_sent");
    let sent = sent.unwrap();
    assert_eq!(
        (&sent["to"], &sent["state"]),
        (&json!("49171"), &json!("DELIVRD"))
    );
    for event in ["message", "ended", "delivery_sent", "delivery_answered"] {
        assert!(happened.contains(&event), "{event}: {happened:?}");
    }
}

#[tokio::test]
async fn a_poll_waits_for_the_next_event_and_not_longer() {
    let program = Program::start(&[]);
    let asked = Instant::now();
    let body = program
        .main("GET", "events?after=0&wait=100ms", &Value::Null)
        .await;
    assert_eq!(names(&body).len(), 0);
    assert!(asked.elapsed() >= Duration::from_millis(100));
    let waiting = program.main("GET", "events?after=0&wait=60s", &Value::Null);
    let connecting = Client::connect(program.smpp);
    let (body, _client) = tokio::join!(waiting, connecting);
    assert_eq!(names(&body), ["connected"]);
    assert!(asked.elapsed() < PATIENCE);
    for (query, field) in [
        ("wait=61s", "wait"),
        ("after=-1", "after"),
        ("after=100000&wait=60s", "after"),
        ("limit=20001", "limit"),
        ("colour=red", "colour"),
    ] {
        let path = format!("/api/v1/smscs/main/events?{query}");
        let answer = program.http("GET", &path, "").await;
        assert_eq!((answer.status, &answer.body["field"]), (422, &json!(field)));
    }
}

#[tokio::test]
async fn the_last_pdus_of_both_directions_are_shown() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    client.submit("49171", "hello").await;
    client.read().await;
    client.read().await;
    client.unbind().await;
    let body = program.main("GET", "pdus?hex=1", &Value::Null).await;
    let pdus = body["pdus"].as_array().unwrap();
    let commands: Vec<&str> = pdus
        .iter()
        .map(|pdu| pdu["command"].as_str().unwrap())
        .collect();
    let expected = [
        "bind_transceiver",
        "bind_transceiver_resp",
        "submit_sm",
        "submit_sm_resp",
        "deliver_sm",
        "deliver_sm_resp",
        "unbind",
        "unbind_resp",
    ];
    assert_eq!(commands, expected);
    assert_eq!(pdus[2]["fields"]["destination_addr"], "49171");
    assert_eq!(&pdus[2]["hex"].as_str().unwrap()[8..16], "00000004");
    assert_eq!(pdus[2]["to"], program.smpp.to_string());
    let body = program
        .main("GET", "pdus?session=1&limit=1", &Value::Null)
        .await;
    assert_eq!(body["pdus"].as_array().unwrap().len(), 1);
    assert_eq!(body["pdus"][0].get("hex"), None);
}

/// The payload of the next text frame from a server. RFC 6455 §5.2.
async fn frame(stream: &mut TcpStream) -> Value {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0x81, "a whole text frame");
    let length = match head[1] {
        126 => u64::from(stream.read_u16().await.unwrap()),
        127 => stream.read_u64().await.unwrap(),
        length => u64::from(length),
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test]
async fn a_websocket_brings_events_and_tells_what_was_missed() {
    const MESSAGES: usize = 21_000;
    let program = Program::start(&[]);
    let mut stream = TcpStream::connect(program.http).await.unwrap();
    let request = "GET /api/v1/smscs/main/events HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut client = Client::transceiver(program.smpp).await;
    let mut happened = Vec::new();
    let mut cursor = 0;
    while !happened.contains(&"bound".to_owned()) {
        let body = tokio::time::timeout(PATIENCE, frame(&mut stream))
            .await
            .unwrap();
        happened.extend(names(&body).into_iter().map(str::to_owned));
        cursor = body["cursor"].as_u64().unwrap();
    }
    assert_eq!(happened, ["connected", "bound"]);

    // More than the ring keeps, and nobody reads the events.
    for _ in 0..MESSAGES / 1_000 {
        for _ in 0..1_000 {
            client.send(&submit_sm("49171", "hello", 0)).await;
        }
        for _ in 0..1_000 {
            assert_eq!(
                client.read().await.header.command_status,
                CommandStatus::ESME_ROK
            );
        }
    }
    let path = format!("events?after={cursor}&limit=1");
    let body = program.main("GET", &path, &Value::Null).await;
    assert!(
        body["missed"].as_u64().unwrap() >= 1_000,
        "{}",
        body["missed"]
    );
}
