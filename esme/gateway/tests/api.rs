//! The HTTP API as a caller sees it, with a simulated SMSC behind it.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use support::rig::rig;
use support::{KEY, PATIENCE, send, wait_for_message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

fn delivered(view: &Value) -> bool {
    view["state"] == "delivered"
}

#[tokio::test]
async fn a_message_is_followed_from_accepted_to_delivered() {
    let mut rig = rig().await;
    let body = json!({
        "to": ["+491700000001", "sms:+491700000002"],
        "from": "100",
        "text": "two recipients",
        "metadata": {"order": "4711"},
    });
    let id = send(&mut rig.client, &body).await;
    let view = wait_for_message(&mut rig.client, &id, delivered).await;
    assert_eq!(view["recipients"].as_array().map(Vec::len), Some(2));
    for recipient in view["recipients"].as_array().unwrap() {
        assert_eq!(recipient["state"], "delivered");
        assert_eq!(recipient["provider"], "sim");
        assert_eq!(recipient["duplicate_possible"], false);
        assert!(recipient["parts"][0]["remote_id"].is_string());
    }
    assert_eq!(view["metadata"]["order"], "4711");
    let times: Vec<&str> = view["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(view["timeline"][0]["event"], "accepted");

    let remote_id = view["recipients"][0]["parts"][0]["remote_id"]
        .as_str()
        .unwrap();
    for query in [
        "to=%2B491700000001".to_owned(),
        "to=+491700000001".to_owned(),
        "from=100&state=delivered".to_owned(),
        format!("provider=sim&remote_id={remote_id}"),
        "text~=two%20rec".to_owned(),
    ] {
        let (status, list) = rig.get(&format!("/v1/messages?{query}")).await;
        assert_eq!(status, 200, "{list:#}");
        assert_eq!(list["messages"][0]["id"], id.as_str(), "{query}: {list:#}");
    }
    for query in ["to=%2B491700000009", "state=failed", "from=200"] {
        let (_, list) = rig.get(&format!("/v1/messages?{query}")).await;
        assert_eq!(list["messages"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn a_failure_shows_its_code() {
    let mut rig = rig().await;
    let refused = json!({"to": "+999000000023", "from": "100", "text": "x"});
    let undeliverable = json!({"to": "+999000000001", "from": "100", "text": "x"});
    let id = send(&mut rig.client, &refused).await;
    let view = wait_for_message(&mut rig.client, &id, |view| view["state"] == "failed").await;
    assert_eq!(
        view["recipients"][0]["error"], "ESME_RINVDSTADR",
        "{view:#}"
    );
    let id = send(&mut rig.client, &undeliverable).await;
    let view = wait_for_message(&mut rig.client, &id, |view| view["state"] == "failed").await;
    assert!(
        view["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["event"] == "receipt"),
        "{view:#}"
    );
}

#[tokio::test]
async fn the_same_key_gives_the_same_message_and_another_body_a_conflict() {
    let mut rig = rig().await;
    let body = json!({"to": "+491700000001", "text": "once", "idempotency_key": "k1"});
    let (status, first) = rig.post(&body).await;
    assert_eq!(status, 202);
    let (status, again) = rig.post(&body).await;
    assert_eq!((status, &again), (StatusCode::ACCEPTED, &first));
    let other = json!({"to": "+491700000001", "text": "other", "idempotency_key": "k1"});
    let (status, problem) = rig.post(&other).await;
    assert_eq!(status, 409, "{problem:#}");
    assert_eq!(problem["field"], "idempotency_key");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json\r\nIdempotency-Key: k1"
    );
    let unkeyed = json!({"to": "+491700000001", "text": "other"}).to_string();
    let answer = rig.raw(&head, &unkeyed).await;
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    // For several messages the header would protect none.
    let stream = head.replace("application/json", "application/x-ndjson");
    for (head, body) in [(&head, format!("[{unkeyed}]")), (&stream, unkeyed)] {
        let answer = rig.raw(head, &body).await;
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
        assert!(answer.contains(r#""field":"Idempotency-Key""#), "{answer}");
    }
    let id = first["id"].as_str().unwrap();
    wait_for_message(&mut rig.client, id, delivered).await;
    assert_eq!(rig.smsc.messages().len(), 1);
}

#[tokio::test]
async fn arrays_and_streams_refuse_only_what_is_wrong() {
    let mut rig = rig().await;
    let array = json!([
        {"to": "+491700000001", "text": "a"},
        {"to": "nobody", "text": "b"},
        {"to": "+491700000003", "text": "c"},
    ]);
    let (status, answers) = rig.post(&array).await;
    assert_eq!(status, 202);
    assert!(
        answers[0]["id"].is_string() && answers[2]["id"].is_string(),
        "{answers:#}"
    );
    assert_eq!(answers[1]["field"], "to");

    let lines = "{\"to\":\"+491700000001\",\"text\":\"a\"}\n{broken\n\n\
                 {\"to\":\"+491700000002\",\"text\":\"b\"}";
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/x-ndjson"
    );
    let answer = rig.raw(&head, lines).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let answers: Vec<Value> = answer
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let answers: Vec<&Value> = answers.iter().filter(|answer| answer.is_object()).collect();
    assert_eq!(answers.len(), 3, "{answer}");
    assert!(
        answers[0]["id"].is_string() && answers[2]["id"].is_string(),
        "{answer}"
    );
    assert_eq!(answers[1]["type"], "urn:signalbox:problem:body");
    assert_eq!(answers[1]["line"], 2, "{answer}");
}

#[tokio::test]
async fn a_stream_that_expects_100_continue_gets_it_before_the_answer() {
    let rig = rig().await;
    let address = rig.gateway.ready["http"].as_str().unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let line = "{\"to\":\"+491700000001\",\"text\":\"a\"}\n";
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        line.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(interim, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(line.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(answer.contains("\"state\":\"accepted\""), "{answer}");
}

#[tokio::test]
async fn what_waits_can_be_cancelled_and_what_has_left_cannot() {
    let mut rig = rig().await;
    let later = json!({"to": "+491700000001", "text": "x", "not_before": "2099-01-01T00:00:00Z",
        "expires_at": "2099-01-02T00:00:00Z"});
    let id = send(&mut rig.client, &later).await;
    let path = format!("/v1/messages/{id}");
    let (status, answer) = rig
        .client
        .request(Method::DELETE, &path, None)
        .await
        .unwrap();
    assert_eq!(
        (status, &answer["cancelled"]),
        (StatusCode::OK, &json!(1)),
        "{answer:#}"
    );
    let view = wait_for_message(&mut rig.client, &id, |view| view["state"] == "cancelled").await;
    assert_eq!(view["recipients"][0]["state"], "cancelled");

    let id = send(
        &mut rig.client,
        &json!({"to": "+491700000001", "text": "y"}),
    )
    .await;
    wait_for_message(&mut rig.client, &id, delivered).await;
    let path = format!("/v1/messages/{id}");
    let (status, _) = rig
        .client
        .request(Method::DELETE, &path, None)
        .await
        .unwrap();
    assert_eq!(status, 409);
    let path = "/v1/messages/00000000-0000-7000-8000-000000000000";
    let (status, _) = rig
        .client
        .request(Method::DELETE, path, None)
        .await
        .unwrap();
    assert_eq!(status, 404);
}

#[tokio::test]
async fn operators_see_life_readiness_and_metrics() {
    let rig = rig().await;
    for (path, word) in [
        ("/livez", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "signalbox_build_info"),
    ] {
        let answer = rig.raw(&format!("GET {path} HTTP/1.1"), "").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(word),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_message_from_a_phone_is_kept_and_listed() {
    let mut rig = rig().await;
    let sent = send(
        &mut rig.client,
        &json!({"to": "+491700000001", "text": "bind"}),
    )
    .await;
    wait_for_message(&mut rig.client, &sent, delivered).await;
    for message in smsc_sim::Mo::text("+491700000042", "100", "STOP").unwrap() {
        let status = rig.smsc.inject_mo(&message).await.unwrap();
        assert!(status.is_ok(), "{status}");
    }
    let (status, list) = rig.get("/v1/inbound").await;
    assert_eq!(status, 200);
    let first = &list["messages"][0];
    assert_eq!(
        (&first["from"], &first["to"]),
        (&json!("+491700000042"), &json!("sms:100"))
    );
    assert_eq!(first["text"], "STOP");
    assert_eq!(first["remote_ids"], json!([]));
    let metrics = rig.raw("GET /metrics HTTP/1.1", "").await;
    for line in [
        "# HELP signalbox_inbound_total Messages from phones",
        "signalbox_inbound_total{provider=\"sim\"} 1",
        "signalbox_receipts_total{provider=\"sim\",state=\"delivered\"} 1",
        "signalbox_requests_total{status=\"202\"} 1",
    ] {
        assert!(
            metrics.lines().any(|shown| shown == line),
            "{line}: {metrics}"
        );
    }
}

/// Names of metrics in the first column of the table that documents them.
fn documented_metrics() -> BTreeSet<String> {
    let (_, table) = include_str!("../../../docs/gateway.md")
        .split_once("## Metrics")
        .unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    names.map(|name| format!("signalbox_{name}")).collect()
}

#[tokio::test]
async fn metrics_are_those_that_are_documented() {
    let mut rig = rig().await;
    let body = json!({"to": "+491700000001", "text": "x", "callback_url": "http://127.0.0.1:9/"});
    let id = send(&mut rig.client, &body).await;
    wait_for_message(&mut rig.client, &id, delivered).await;
    for message in smsc_sim::Mo::text("+491700000042", "100", "STOP").unwrap() {
        assert!(rig.smsc.inject_mo(&message).await.unwrap().is_ok());
    }
    let documented = documented_metrics();
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = rig.raw("GET /metrics HTTP/1.1", "").await;
        let types = answer
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        let shown = types.filter_map(|line| line.split(' ').next());
        let shown: BTreeSet<String> = shown.map(str::to_owned).collect();
        // Nobody listens at the callback_url.
        let mut lines = answer.lines();
        let tried = "signalbox_callbacks_total{outcome=\"retried\"} ";
        let tries = lines.find_map(|line| line.strip_prefix(tried));
        if shown == documented && tries != Some("0") {
            return;
        }
        let missing: Vec<_> = documented.symmetric_difference(&shown).collect();
        assert!(
            Instant::now() < until,
            "in one and not in the other: {missing:?}, or no callback: {answer}"
        );
    }
}
