//! What happens at the limits: nothing is half accepted, nothing accepted is lost, and sending goes
//! on while new work is refused.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use smsc_sim::Smsc;
use support::{GatewayProcess, Home, KEY, Settings, exchange, send, wait_for_message};
use tokio::net::TcpListener;

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
async fn a_full_inbox_accepts_nothing_of_a_request() {
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
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem:#}");
    assert_eq!(problem["type"], "urn:signalbox:problem:inbox-full");
    let (_, list) = client
        .request(Method::GET, "/v1/messages", None)
        .await
        .unwrap();
    assert_eq!(list["messages"], json!([]));

    let head = format!("POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}");
    let answer = exchange(&gateway, &head, &body.to_string()).await;
    assert!(answer.contains("retry-after: 1"), "{answer}");

    send(&mut client, &message()).await;
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
