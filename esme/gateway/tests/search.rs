//! `GET /v1/messages?…`: every filter, pages, and what other accounts do not see; receipts that
//! belong to no message.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use signalbox::client::Client;
use smsc_sim::{ReceiptState, Rule, RuleReceipt};
use support::rig::{Rig, rig, rig_with};
use support::{PATIENCE, send};
use tokio::time::Instant;

const NUMBERS: [&str; 3] = ["+491700000001", "+491700000002", "+441700000003"];

/// A message to each of [`NUMBERS`]; their ids.
async fn send_all(rig: &mut Rig) -> Vec<String> {
    let mut ids = Vec::new();
    for to in NUMBERS {
        let body = json!({"to": to, "from": "100", "text": "x", "not_before": "2099-01-01T00:00:00Z",
            "expires_at": "2099-01-02T00:00:00Z"});
        ids.push(send(&mut rig.client, &body).await);
    }
    ids
}

fn ids(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn each_filter_leaves_out_what_it_names() {
    let mut rig = rig().await;
    let sent = send_all(&mut rig).await;
    for (query, found) in [
        ("", &[0, 1, 2][..]),
        ("to=%2B491700000002", &[1]),
        ("to=sms:%2B4917*", &[0, 1]),
        ("to=%2B4417*", &[2]),
        ("state=accepted", &[0, 1, 2]),
        ("state=delivered", &[]),
        ("provider=sim", &[0, 1, 2]),
        ("provider=nobody", &[]),
        ("remote_id=none", &[]),
        ("text~=y", &[]),
        (
            "since=2001-01-01T00:00:00Z&until=2099-01-01T00:00:00Z",
            &[0, 1, 2],
        ),
        ("since=2099-01-01T00:00:00Z", &[]),
        ("until=2001-01-01T00:00:00Z", &[]),
    ] {
        let (status, page) = rig.get(&format!("/v1/messages?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page:#}");
        let mut found: Vec<&str> = found.iter().map(|at| sent[*at].as_str()).collect();
        let mut listed = ids(&page);
        found.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, found, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_by_the_cursor() {
    let mut rig = rig().await;
    let mut sent = send_all(&mut rig).await;
    let (_, first) = rig.get("/v1/messages?limit=2").await;
    let cursor = first["cursor"].as_str().unwrap();
    let (_, second) = rig
        .get(&format!("/v1/messages?limit=2&cursor={cursor}"))
        .await;
    assert_eq!((ids(&first).len(), ids(&second).len()), (2, 1));
    assert_eq!(second["cursor"], Value::Null);
    let mut listed = [ids(&first), ids(&second)].concat();
    listed.sort_unstable();
    sent.sort_unstable();
    assert_eq!(listed, sent);
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_refused_by_its_name() {
    let mut rig = rig().await;
    for (path, field) in [
        ("/v1/messages?limit=0", "limit"),
        ("/v1/messages?limit=1001", "limit"),
        ("/v1/messages?state=gone", "state"),
        ("/v1/messages?since=soon", "since"),
        ("/v1/messages?until=soon", "until"),
        ("/v1/messages?cursor=7", "cursor"),
        ("/v1/messages?colour=red", "colour"),
        ("/v1/receipts/orphans?to=1", "to"),
    ] {
        let (status, problem) = rig.get(path).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(problem["field"], field, "{path}");
    }
}

#[tokio::test]
async fn an_account_neither_sees_nor_cancels_what_another_one_sent() {
    let mut rig = rig_with(|settings| {
        settings.tables = "[account.other]\nkey = \"other-key\"".into();
    })
    .await;
    let sent = send_all(&mut rig).await;
    let path = format!("/v1/messages/{}", sent[0]);
    let mut other = Client::connect(&rig.gateway.http(), "other-key")
        .await
        .unwrap();
    let (_, page) = other
        .request(Method::GET, "/v1/messages", None)
        .await
        .unwrap();
    assert_eq!(ids(&page), [""; 0]);
    for method in [Method::GET, Method::DELETE] {
        let (status, _) = other.request(method.clone(), &path, None).await.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
    }
    let (status, view) = rig.get(&path).await;
    assert_eq!(
        (status, &view["state"]),
        (StatusCode::OK, &json!("accepted"))
    );
}

#[tokio::test]
async fn a_receipt_of_an_unknown_id_is_listed_once_it_has_waited() {
    let mut rig = rig_with(|settings| {
        settings.tables = "[retry]\nparked_receipt_timeout = \"1s\"".into();
    })
    .await;
    let receipt = RuleReceipt::new(ReceiptState::Undeliverable).id_format("unknown");
    rig.smsc.add_rule(Rule::any().receipt(receipt)).unwrap();
    send(&mut rig.client, &json!({"to": NUMBERS[0], "text": "x"})).await;
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, page) = rig.get("/v1/receipts/orphans").await;
        assert_eq!(status, StatusCode::OK, "{page:#}");
        if let [orphan] = &page["receipts"].as_array().unwrap()[..] {
            assert_eq!(
                (&orphan["provider"], &orphan["state"]),
                (&json!("sim"), &json!("failed"))
            );
            assert!(orphan["remote_ids"][0].is_string(), "{orphan:#}");
            assert!(
                orphan["arrived_at"].as_str() < orphan["orphan_at"].as_str(),
                "{orphan:#}"
            );
            return;
        }
        assert!(Instant::now() < until, "{page:#}");
    }
}
