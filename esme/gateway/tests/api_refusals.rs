//! Requests that the HTTP API refuses, and by what name.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use axum::http::StatusCode;
use serde_json::{Value, json};
use support::KEY;
use support::rig::rig;

/// Each message is refused with 422 and the name of its field, and leaves no trace.
async fn assert_refused(cases: impl IntoIterator<Item = (Value, &str)>) {
    let mut rig = rig().await;
    for (body, field) in cases {
        let (status, problem) = rig.post(&body).await;
        let wanted = StatusCode::UNPROCESSABLE_ENTITY;
        assert_eq!(status, wanted, "{problem:#} for {body}");
        assert_eq!(problem["field"], field, "{problem:#} for {body}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
        assert!(
            problem["type"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("urn:signalbox:"))
        );
    }
    let (_, list) = rig.get("/v1/messages").await;
    assert_eq!(
        list["messages"],
        json!([]),
        "a refused message left a trace"
    );
}

#[tokio::test]
async fn every_wrong_field_is_refused_by_its_name() {
    assert_refused([
        (json!({"text": "x"}), "to"),
        (json!({"to": [], "text": "x"}), "to"),
        (json!({"to": "abc", "text": "x"}), "to"),
        (json!({"to": ["+49123", 7], "text": "x"}), "to[1]"),
        (json!({"to": "+49123456789012345678901", "text": "x"}), "to"),
        (json!({"to": "fax:+49123", "text": "x"}), "to"),
        (json!({"to": "email:a@b.example", "text": "x"}), "to"),
        (
            json!({"to": "+49123", "text": "x", "from": "averyveryverylongsender"}),
            "from",
        ),
        (
            json!({"to": "+49123", "text": "x", "from": "+123456789012345678901"}),
            "from",
        ),
        (
            json!({"to": "+49123", "text": "x", "from": "Grüße"}),
            "from",
        ),
        (json!({"to": "+49123", "text": "x", "from": "A\nB"}), "from"),
        (json!({"to": "+49123"}), "text"),
        (json!({"to": "+49123", "text": 5}), "text"),
        (
            json!({"to": "+49123", "text": "x", "content": {"text": "y"}}),
            "text",
        ),
        (
            json!({"to": "+49123", "content": {"base64": "?"}}),
            "content.base64",
        ),
        (
            json!({"to": "+49123", "content": {"txt": "?", "text": "a"}}),
            "content.txt",
        ),
        (
            json!({"to": "+49123", "text": "x", "priority": "urgent"}),
            "priority",
        ),
        (
            json!({"to": "+49123", "text": "x", "expires_in": "soon"}),
            "expires_in",
        ),
        (
            json!({"to": "+49123", "text": "x", "expires_in": 0}),
            "expires_in",
        ),
        (
            json!({"to": "+49123", "text": "x", "expires_at": "2001-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (
            json!({"to": "+49123", "text": "x", "not_before": "tomorrow"}),
            "not_before",
        ),
        (
            json!({"to": "+49123", "text": "x", "callback_url": "ftp://x"}),
            "callback_url",
        ),
        (
            json!({"to": "+49123", "text": "x", "metadata": {"a": []}}),
            "metadata.a",
        ),
        (
            json!({"to": "+49123", "text": "x", "metadata": 7}),
            "metadata",
        ),
        (
            json!({"to": "+49123", "text": "x", "failover": ["+49124"]}),
            "failover",
        ),
        (json!({"to": "+49123", "txt": "x", "text": "x"}), "txt"),
    ])
    .await;
}

#[tokio::test]
async fn every_wrong_wish_for_sms_is_refused_by_its_name() {
    assert_refused([
        (
            json!({"to": "+49123", "text": "x", "sms": {"data_coding": 256}}),
            "sms.data_coding",
        ),
        (
            json!({"to": "+49123", "sms": {"binary_hex": "abc"}}),
            "sms.binary_hex",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"udh_hex": "0500034201"}}),
            "sms.udh_hex",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"udh_hex": "0000"}}),
            "sms.udh_hex",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"q": "00"}}}),
            "sms.tlvs.q",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"0x0424": "41"}}}),
            "sms.tlvs.0x0424",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"524": "0001"}}}),
            "sms.tlvs.524",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"0x20e": "02"}}}),
            "sms.tlvs.0x20e",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"0x020F": "01"}}}),
            "sms.tlvs.0x020F",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"0x1400": "01", "5120": "02"}}}),
            "sms.tlvs.5120",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"tlvs": {"5120": "00".repeat(65_536)}}}),
            "sms.tlvs.5120",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"data_coding": 0, "flash": true}}),
            "sms.flash",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"service_type": "a\nb"}}),
            "sms.service_type",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"validity_period": "000000000000000R"}}),
            "sms.validity_period",
        ),
        (
            json!({"to": "+49123", "text": "x",
                "sms": {"schedule_delivery_time": "261301000000000+"}}),
            "sms.schedule_delivery_time",
        ),
        (
            json!({"to": "+49123", "text": "x", "sms": {"flsh": true}}),
            "sms.flsh",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_request_gets_the_right_status() {
    let rig = rig().await;
    let auth = format!("Authorization: Bearer {KEY}");
    let json_head =
        format!("POST /v1/messages HTTP/1.1\r\n{auth}\r\nContent-Type: application/json");
    let deep = "[".repeat(40);
    let long = format!("[{}{{}}]", "{},".repeat(10_000));
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let cases = [
        ("POST /v1/messages HTTP/1.1".to_owned(), "{}", "401"),
        (
            "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer no".to_owned(),
            "{}",
            "401",
        ),
        (format!("PUT /v1/messages HTTP/1.1\r\n{auth}"), "", "405"),
        (format!("GET /v2/messages HTTP/1.1\r\n{auth}"), "", "404"),
        (
            format!("GET /v1/messages/zzz HTTP/1.1\r\n{auth}"),
            "",
            "404",
        ),
        (json_head.clone(), "{", "400"),
        (json_head.clone(), &deep, "400"),
        (json_head.clone(), &long, "400"),
        (json_head.clone(), "\u{0}", "400"),
        (json_head.clone(), "7", "422"),
        (json_head, &large, "413"),
        (
            format!("POST /v1/messages HTTP/1.1\r\n{auth}\r\nContent-Type: text/xml"),
            "<a/>",
            "415",
        ),
        (
            format!(
                "POST /v1/messages HTTP/1.1\r\n{auth}\r\nContent-Type: \
                 application/x-www-form-urlencoded"
            ),
            "to=%2B49123&text=x",
            "400",
        ),
    ];
    for (head, body, status) in cases {
        let answer = rig.raw(&head, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{head}: {answer}"
        );
        assert!(
            answer.contains("application/problem+json"),
            "{head}: {answer}"
        );
        assert!(!answer.contains("\"field\":\"\""), "{head}: {answer}");
    }
    let unknown = format!("GET /v1/messages/zzz HTTP/1.1\r\n{auth}");
    let answer = rig.raw(&unknown, "").await;
    assert!(answer.contains("no message with id zzz"), "{answer}");
}

#[tokio::test]
async fn json_that_curl_calls_a_form_is_json() {
    let rig = rig().await;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: \
         application/x-www-form-urlencoded"
    );
    let body = json!({"to": "+49123", "text": "x"}).to_string();
    let answer = rig.raw(&head, &body).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}
