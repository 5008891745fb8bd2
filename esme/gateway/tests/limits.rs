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

/// The disk takes nothing any more, although the reserve let work in: who asks is told that it is
/// not decided, and once there is room again everything that was accepted goes its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_really_full_loses_nothing_and_recovers() {
    let smsc = Smsc::builder().start().await.unwrap();
    let mut settings = Settings::new(smsc.addr().port());
    settings.store = "reserve = \"0\"".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start_on_small_disk(&home, 16 << 20);
    let mut client = gateway.client().await;
    let mut accepted = vec![send(&mut client, &message()).await];
    let filler = gateway.sees(&home.store()).join("filler");
    let error = std::fs::write(&filler, vec![0; 32 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);

    // A page that is already there may still take some.
    let mut refused = 0;
    for _ in 0..200 {
        let (status, answer) = client
            .request(Method::POST, "/v1/messages", Some(&message()))
            .await
            .unwrap();
        match status {
            StatusCode::ACCEPTED => accepted.push(answer["id"].as_str().unwrap().to_owned()),
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::INSUFFICIENT_STORAGE => refused += 1,
            _ => panic!("{status}: {answer:#}"),
        }
    }
    assert!(refused > 0, "the disk took {} messages", accepted.len());

    std::fs::remove_file(&filler).unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, answer) = client
            .request(Method::POST, "/v1/messages", Some(&message()))
            .await
            .unwrap();
        if status == StatusCode::ACCEPTED {
            accepted.push(answer["id"].as_str().unwrap().to_owned());
            break;
        }
        assert!(Instant::now() < until, "{status}: {answer:#}");
    }
    for id in &accepted {
        wait_for_message(&mut client, id, |view| view["state"] == "delivered").await;
    }
    assert_eq!(gateway.terminate(), Some(0));
    smsc.stop().await;
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
    let silent = json!({"to": "+99900000030", "from": "100", "text": "no response"});
    let mut ids = Vec::new();
    for _ in 0..2 * WINDOW {
        ids.push(send(&mut client, &silent).await);
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
