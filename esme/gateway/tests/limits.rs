//! What happens at the limits: nothing is half accepted, nothing accepted is lost, and sending goes
//! on while new work is refused.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use smsc_sim::Smsc;
use support::{GatewayProcess, Home, KEY, PATIENCE, Settings, exchange, send, wait_for_message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

fn message() -> Value {
    json!({"to": "+491700000001", "from": "100", "text": "at the limit"})
}

/// A port that nobody listens on.
async fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn more_than_the_inbox_can_hold_is_refused_whole() {
    let mut settings = Settings::new(unused_port().await);
    settings.http = "inbox_messages_max = 2".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let body = json!([message(), message(), message()]);
    let (status, problem) = client
        .request(Method::POST, "/v1/messages", Some(&body))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem:#}");
    assert_eq!(problem["type"], "urn:signalbox:problem:too-many");
    let (_, list) = client
        .request(Method::GET, "/v1/messages", None)
        .await
        .unwrap();
    assert_eq!(list["messages"], json!([]));

    // A stream has no such limit: it goes through in groups that fit.
    let line = format!("{}\n", message());
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/x-ndjson"
    );
    let answer = exchange(&gateway, &head, &line.repeat(100)).await;
    assert_eq!(answer.matches("\"id\":").count(), 100, "{answer}");
}

#[tokio::test]
async fn a_stream_that_stays_open_does_not_hold_up_the_end() {
    let home = Home::new(&Settings::new(unused_port().await));
    let gateway = GatewayProcess::start(&home);
    let address = gateway.ready["http"].as_str().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 202");
    let started = Instant::now();
    assert_eq!(gateway.terminate(), Some(0));
    assert!(started.elapsed() < PATIENCE / 3, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_goes_on_sending() {
    let port = unused_port().await;
    let home = Home::new(&Settings::new(port));
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let waiting = send(&mut client, &message()).await;
    assert_eq!(gateway.terminate(), Some(0));

    let smsc = Smsc::builder()
        .with(|settings| settings.smpp_address.set_port(port))
        .start()
        .await
        .unwrap();
    // More than any disk has left: to the store this is a disk that is nearly full.
    let mut settings = Settings::new(port);
    settings.store = "reserve = \"1TiB\"".into();
    home.configure(&settings);
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    wait_for_message(&mut client, &waiting, |view| view["state"] == "delivered").await;
    let (status, problem) = client
        .request(Method::POST, "/v1/messages", Some(&message()))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem:#}");
    let answer = exchange(&gateway, "GET /readyz HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    smsc.stop().await;
}

#[tokio::test]
async fn an_account_is_kept_to_its_rate() {
    let mut settings = Settings::new(unused_port().await);
    settings.account = "rate = \"2/min\"".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    send(&mut client, &message()).await;
    let (status, problem) = client
        .request(Method::POST, "/v1/messages", Some(&message()))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{problem:#}");
}

/// Messages that wait for a lost provider go out when it is back, each once.
#[tokio::test]
async fn what_waited_for_the_provider_is_sent_when_it_comes_back() {
    let port = unused_port().await;
    let home = Home::new(&Settings::new(port));
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(send(&mut client, &message()).await);
    }
    let smsc = Smsc::builder()
        .with(|settings| settings.smpp_address.set_port(port))
        .start()
        .await
        .unwrap();
    for id in &ids {
        let view = wait_for_message(&mut client, id, |view| view["state"] == "delivered").await;
        assert_eq!(view["recipients"][0]["duplicate_possible"], false);
    }
    assert_eq!(smsc.messages().len(), ids.len());
    smsc.stop().await;
}
