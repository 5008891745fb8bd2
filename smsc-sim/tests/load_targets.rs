//! What the load generator speaks besides plain SMPP: TLS with what it trusts and shows, and the
//! gateway's HTTP API.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use serde_json::{Value, json};
use smsc_sim::load::{self, ClientTls, LoadError, LoadSettings, Pace, Progress, Schedule, Trust};
use smsc_sim::{CertificateFlaw, TlsSettings};
use support::program::run;
use support::smsc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn settings(target: &str, messages: u64) -> LoadSettings {
    let mut settings = LoadSettings::new(target.parse().unwrap());
    settings.pace = Pace::Open(Schedule::new(1_000, Duration::ZERO));
    settings.messages_max = Some(messages);
    settings
}

#[tokio::test]
async fn a_target_over_tls_is_trusted_by_its_authority_its_name_and_shown_a_certificate() {
    let mut server = TlsSettings::generated(ANYWHERE, CertificateFlaw::None).unwrap();
    let ours = TlsSettings::generated(ANYWHERE, CertificateFlaw::None).unwrap();
    server.client_ca_pem = Some(ours.trust_pem.clone());
    let smsc = smsc(|settings| settings.tls = Some(server.clone())).await;
    let identity = Some(format!("{}{}", ours.certificate_pem, ours.key_pem));
    let trusted = || Trust::Authorities(server.trust_pem.clone());
    let stranger = || Trust::Authorities(ours.trust_pem.clone());
    let elsewhere = Some("elsewhere.example".to_owned());
    let table = [
        (trusted(), None, &identity, true),
        (Trust::Anybody, elsewhere.clone(), &identity, true),
        (stranger(), None, &identity, false),
        (trusted(), elsewhere, &identity, false),
        (trusted(), None, &None, false),
    ];
    for (trust, server_name, identity_pem, bound) in table {
        let mut settings = settings(&format!("smpps://u:p@{}", smsc.tls_addr().unwrap()), 20);
        settings.tls = ClientTls {
            trust,
            server_name,
            identity_pem: identity_pem.clone(),
        };
        let shown = format!("{:?}", settings.tls);
        let report = load::run(settings, &mut |_| {}).await;
        let accepted = if bound { 20 } else { 0 };
        assert_eq!(report.accepted(), accepted, "{shown}: {report}");
        assert_eq!(report.error().is_none(), bound, "{shown}: {report}");
    }
}

/// What the double of the gateway was sent: content type, and each line.
type Seen = Arc<Mutex<Vec<(String, Vec<Value>)>>>;

/// Takes messages as the gateway does, and refuses every message whose number ends in 9.
async fn take(State(seen): State<Seen>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    if headers[header::AUTHORIZATION] != "Bearer the-key" {
        return (StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let refused = |line: &Value| line["to"].as_str().unwrap().ends_with('9');
    let answers: String = lines
        .iter()
        .map(|line| match refused(line) {
            true => json!({"title": "Too many", "status": 429}).to_string() + "\n",
            false => json!({"id": "0190", "state": "accepted"}).to_string() + "\n",
        })
        .collect();
    let single = headers[header::CONTENT_TYPE] == "application/json";
    let status = match single && refused(&lines[0]) {
        true => StatusCode::TOO_MANY_REQUESTS,
        false => StatusCode::ACCEPTED,
    };
    for line in lines.iter().filter(|line| !refused(line)) {
        if line.get("callback_url").is_some() {
            tokio::spawn(call_back(line.clone()));
        }
    }
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    seen.lock().unwrap().push((content_type, lines));
    (status, answers)
}

async fn gateway() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let router = Router::new()
        .route("/v1/messages", post(take))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, seen)
}

#[tokio::test]
async fn an_interrupt_ends_a_load_of_http_and_keeps_what_was_answered() {
    let (address, _) = gateway().await;
    let settings = settings(&format!("http://the-key@{address}"), 60_000);
    let interrupt = Notify::new();
    let started = Instant::now();
    let mut first_second = |_: &Progress| interrupt.notify_one();
    let report = load::run_until(&interrupt, settings, &mut first_second).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{report}");
    let error = report.error().expect("it ended early");
    assert!(matches!(error, LoadError::Interrupted), "{error}");
    assert!(report.answered() > 100, "{report}");
}

#[tokio::test]
async fn a_gateway_gets_single_messages_or_as_many_as_the_window_allows() {
    for (window_size, content_type) in [(1, "application/json"), (25, "application/x-ndjson")] {
        let (address, seen) = gateway().await;
        let mut settings = settings(&format!("http://the-key@{address}"), 200);
        settings.window_size = window_size;
        settings.pace = Pace::Closed;
        settings.binds = 2;
        let report = load::run(settings, &mut |_| {}).await;
        let json = report.to_json();
        assert_eq!((report.answered(), report.accepted()), (200, 180), "{json}");
        assert_eq!(json["refused"], json!({"HTTP 429": 20}));
        assert!(json["latency_p99_us"].as_f64().unwrap() > 0.0, "{json}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 200 / window_size as usize);
        let (first_type, lines) = &seen[0];
        assert_eq!(first_type, content_type);
        assert_eq!(lines[0]["from"], "12345");
        assert_eq!(lines[0]["text"].as_str().map(str::len), Some(140));
    }
}

#[tokio::test]
async fn a_gateway_that_knows_no_such_key_refuses_all() {
    let (address, _) = gateway().await;
    let report = load::run(settings(&format!("http://x@{address}"), 5), &mut |_| {}).await;
    assert_eq!(report.to_json()["refused"], json!({"HTTP 401": 5}));
    assert!(report.errors_percent() > 99.0);
}

/// Tells how a message ended, as the gateway does: that it was sent, a stranger's end, and that it
/// was delivered.
async fn call_back(message: Value) {
    let url = message["callback_url"].as_str().unwrap();
    let authority = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let to = format!("sms:{}", message["to"].as_str().unwrap());
    for (kind, to) in [
        ("message.sent", &*to),
        ("message.failed", "sms:+4930"),
        ("message.delivered", &*to),
    ] {
        let body = json!({"type": kind, "data": {"to": to}}).to_string();
        let mut stream = TcpStream::connect(authority).await.unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    }
}

#[tokio::test]
async fn receipts_of_a_gateway_are_its_callbacks() {
    for window_size in [1, 25] {
        let (address, _) = gateway().await;
        let mut settings = settings(&format!("http://the-key@{address}"), 50);
        settings.window_size = window_size;
        settings.receipts = true;
        let report = load::run(settings, &mut |_| {}).await;
        let json = report.to_json();
        assert_eq!((report.accepted(), report.receipts()), (45, 45), "{json}");
        assert_eq!(json["receipts_missing"], 0, "{json}");
        assert_eq!(json["receipts_unexpected"], 45, "{json}");
        assert!(json["receipt_p50_us"].as_f64() > Some(0.0), "{json}");
    }
}

/// Answers one message, closes the connection, and calls back when it is gone.
async fn answer_once_and_close(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    let message: Value = loop {
        let mut octets = [0; 1024];
        let read = stream.read(&mut octets).await.unwrap();
        assert!(read > 0, "the request ended early: {request}");
        request += std::str::from_utf8(&octets[..read]).unwrap();
        let body = request.split_once("\r\n\r\n").map(|(_, body)| body);
        if let Some(message) = body.and_then(|body| serde_json::from_str(body).ok()) {
            break message;
        }
    };
    let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(answer).await.unwrap();
    stream.shutdown().await.unwrap();
    let rest = stream.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(rest, 0, "the load is done with this connection");
    call_back(message).await;
}

#[tokio::test]
async fn a_gateway_may_close_its_connections_while_receipts_are_waited_for() {
    let listener = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = listener.local_addr().unwrap();
    let gateway = tokio::spawn(answer_once_and_close(listener));
    let mut settings = settings(&format!("http://the-key@{address}"), 1);
    settings.window_size = 1;
    settings.receipts = true;
    settings.callback_address = Some(ANYWHERE);
    let report = load::run(settings, &mut |_| {}).await;
    gateway.await.unwrap();
    assert_eq!((report.accepted(), report.receipts()), (1, 1));
}

#[tokio::test]
async fn a_gateway_that_closes_a_connection_before_the_end_is_told() {
    let listener = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(answer_once_and_close(listener));
    let mut settings = settings(&format!("http://the-key@{address}"), 2);
    settings.window_size = 1;
    settings.receipts = true;
    settings.callback_address = Some(ANYWHERE);
    let report = load::run(settings, &mut |_| {}).await;
    let refused = report.error().unwrap();
    assert!(matches!(refused, LoadError::HttpClosed), "{refused}");
    assert_eq!(report.accepted(), 1, "what was measured is kept");
}

/// As over SMPP, a message without an answer has no receipt that could be missing.
#[tokio::test]
async fn no_receipt_is_missing_of_a_message_that_a_gateway_has_not_answered() {
    for (response_timer, answers) in [(Duration::from_millis(100), false), (LONG, true)] {
        let listener = TcpListener::bind(ANYWHERE).await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let read = stream.read(&mut [0; 1024]).await.unwrap();
            assert!(read > 0);
            if answers {
                // Half an answer, and the end.
                stream.write_all(b"HTTP/1.1 202 Acc").await.unwrap();
                return None;
            }
            Some(stream)
        });
        let mut settings = settings(&format!("http://the-key@{address}"), 1);
        settings.receipts = true;
        settings.response_timer = response_timer;
        settings.callback_address = Some(ANYWHERE);
        let report = load::run(settings, &mut |_| {}).await;
        drop(gateway.await.unwrap());
        let json = report.to_json();
        assert_eq!((&json["unanswered"], report.unsent()), (&json!(1), 0));
        assert_eq!(json["receipts_missing"], 0, "{json}");
    }
}

#[tokio::test]
async fn callbacks_that_cannot_be_received_are_said_to_be_so() {
    let (address, _) = gateway().await;
    let mut settings = settings(&format!("http://the-key@{address}"), 1);
    settings.receipts = true;
    settings.callback_address = Some(address);
    let report = load::run(settings, &mut |_| {}).await;
    let refused = report.error().unwrap();
    assert!(matches!(refused, LoadError::Callbacks { .. }), "{refused}");
    let said = format!("cannot listen for callbacks on {address}: ");
    assert!(refused.to_string().starts_with(&said), "{refused}");
}

#[test]
fn options_need_their_kind_of_target_and_files_are_named() {
    let table = [
        (
            "smpp://u:p@127.0.0.1:1 --insecure",
            "need smpps:// or https://",
        ),
        ("smpps://u:p@127.0.0.1:1 --ca /nowhere", "--ca /nowhere: "),
        (
            "smpp://u:p@127.0.0.1:1 --receipts --callback-address 127.0.0.1:0",
            "--callback-address needs http:// or https://",
        ),
        (
            "smpps://u:p@127.0.0.1:1 --insecure --identity /nowhere",
            "--identity /nowhere: ",
        ),
    ];
    for (args, part) in table {
        let args: Vec<&str> = ["load", "--target"]
            .into_iter()
            .chain(args.split(' '))
            .collect();
        let output = run(&args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(part), "{said}");
    }
}
