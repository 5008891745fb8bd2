//! SIGTERM: what is refused from then on, what may still end, and what does not hold up the end.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use smsc_sim::Smsc;
use support::{
    GatewayProcess, Home, KEY, PATIENCE, Settings, exchange, send, unused_port, wait_for_message,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A message that the simulated SMSC takes and never answers.
fn silent() -> Value {
    json!({"to": "+99900000030", "from": "100", "text": "no response"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_windows_empty_nothing_is_taken_and_readiness_says_so() {
    let smsc = Smsc::builder().start().await.unwrap();
    let mut settings = Settings::new(smsc.addr().port());
    settings.provider = "drain_timer = \"1h\"".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let id = send(&mut client, &silent()).await;
    assert!(smsc.wait_for_messages(1, PATIENCE).await.is_ok());

    gateway.ask_to_end();
    let until = Instant::now() + PATIENCE;
    let refused = |answer: &str| answer.starts_with("HTTP/1.1 503");
    while !refused(&exchange(&gateway, "GET /readyz HTTP/1.1", "").await) {
        assert!(Instant::now() < until, "it is still ready");
    }
    let (status, problem) = client
        .request(Method::POST, "/v1/messages", Some(&silent()))
        .await
        .unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem:#}");
    assert_eq!(problem["type"], "urn:signalbox:problem:stopping");
    wait_for_message(&mut client, &id, |view| view["state"] == "accepted").await;

    // With the link goes the last thing that is waited for.
    smsc.stop().await;
    assert_eq!(gateway.ended(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_by_itself_is_cut_off() {
    let smsc = Smsc::builder().start().await.unwrap();
    let mut settings = Settings::new(smsc.addr().port());
    settings.provider = "drain_timer = \"1h\"".into();
    settings.http = "drain_timeout = \"200ms\"".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    send(&mut client, &silent()).await;
    assert!(smsc.wait_for_messages(1, PATIENCE).await.is_ok());
    let started = Instant::now();
    assert_eq!(gateway.terminate(), Some(0));
    assert!(started.elapsed() < PATIENCE / 3, "{:?}", started.elapsed());
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

/// An SMSC that takes messages and never answers must not hold up the end. What it was sent is
/// unknown from then on and waits for its receipt; the rest goes out after the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_smsc_does_not_hold_up_the_end() {
    const WINDOW: usize = 10;
    let smsc = Smsc::builder().start().await.unwrap();
    let port = smsc.addr().port();
    let mut settings = Settings::new(port);
    settings.bind = format!("window_size = {WINDOW}");
    settings.provider = "drain_timer = \"200ms\"".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let mut ids = Vec::new();
    for _ in 0..2 * WINDOW {
        ids.push(send(&mut client, &silent()).await);
    }
    let received = smsc.wait_for_messages(WINDOW as u64, PATIENCE).await;
    assert_eq!(received.map(|messages| messages.len()), Ok(WINDOW));
    let started = Instant::now();
    assert_eq!(gateway.terminate(), Some(0));
    assert!(started.elapsed() < PATIENCE / 3, "{:?}", started.elapsed());
    assert_eq!(
        smsc.messages().len(),
        WINDOW,
        "nothing left after the end began"
    );

    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let mut unknown = 0;
    for id in &ids {
        let view = wait_for_message(&mut client, id, |view| view["state"].is_string()).await;
        unknown += usize::from(view["state"] == "unknown");
    }
    assert_eq!(unknown, WINDOW);
    let received = smsc.wait_for_messages(2 * WINDOW as u64, PATIENCE).await;
    assert_eq!(received.map(|messages| messages.len()), Ok(2 * WINDOW));
}
