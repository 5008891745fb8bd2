//! What happens at the limits: nothing is half accepted, nothing accepted is lost, and sending goes
//! on while new work is refused.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use smsc_sim::Smsc;
use support::{
    GatewayProcess, Home, KEY, PATIENCE, Settings, exchange, send, unused_port, wait_for_message,
};
use tokio::time::Instant;

fn message() -> Value {
    json!({"to": "+491700000001", "from": "100", "text": "at the limit"})
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

/// Whoever is no stream is not kept waiting for room in the inbox.
#[tokio::test]
async fn a_full_inbox_tells_when_to_come_back() {
    let mut settings = Settings::new(unused_port().await);
    settings.http = "inbox_messages_max = 1".into();
    let home = Home::new(&settings);
    let gateway = GatewayProcess::start(&home);
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json"
    );
    for body in [message(), json!([message()])] {
        let body = body.to_string();
        let until = Instant::now() + PATIENCE;
        loop {
            let post = || exchange(&gateway, &head, &body);
            let answers = <[String; 4]>::from(tokio::join!(post(), post(), post(), post()));
            let is_taken = |answer: &&String| answer.starts_with("HTTP/1.1 202");
            if let Some(refused) = answers.iter().find(|answer| !is_taken(answer)) {
                assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
                assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
                assert!(
                    refused.contains("urn:signalbox:problem:inbox-full"),
                    "{refused}"
                );
                break;
            }
            assert!(Instant::now() < until, "four at a time all had room");
        }
    }
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
    // Too small for the store to take space ahead.
    let gateway = GatewayProcess::start_on_small_disk(&home, 4 << 20);
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

    // A line that is wrong is told so whatever becomes of those beside it.
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/x-ndjson"
    );
    let lines = format!("{}\n{{broken\n", message());
    let answer = exchange(&gateway, &head, &lines).await;
    for (kind, line) in [("rate", 1), ("body", 2)] {
        let problem = answer.lines().find(|answer| answer.contains(kind)).unwrap();
        assert!(problem.contains(&format!("\"line\":{line}")), "{answer}");
    }
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
