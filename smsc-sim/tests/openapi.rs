//! The description of the control API says what there is: each route with its methods, no more, and
//! what it answers.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use signalbox_codec::pdu::SubmitMulti;
use signalbox_codec::{CommandStatus, Pdu};

use support::program::Program;
use support::schema::departures;
use support::{Client, named};

const PREFIX: &str = "/api/v1/smscs/{smsc}";
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// The paths that the program routes below an SMSC, and those beside.
fn routed() -> BTreeSet<String> {
    let source = include_str!("../src/api/mod.rs");
    let routes = source.split(".route(").skip(1);
    let first_string = |route: &str| route.split('"').nth(1).unwrap().to_owned();
    routes
        .filter(|route| route.trim_start().starts_with('"'))
        .map(first_string)
        .map(|path| match path.as_str() {
            "/metrics" | "/readyz" | "/openapi.json" | "/inject_mo" => path,
            path if path.starts_with("/api/") => path.to_owned(),
            below => format!("{PREFIX}{below}"),
        })
        .collect()
}

#[tokio::test]
async fn each_route_is_described_and_each_description_is_routed() {
    let program = Program::start(&[]);
    let described = program.http("GET", "/openapi.json", "").await;
    assert_eq!(described.status, 200);
    assert_eq!(described.body["openapi"], "3.1.0");
    let paths = described.body["paths"].as_object().unwrap();
    let missing: Vec<String> = routed()
        .into_iter()
        .filter(|path| !paths.contains_key(path))
        .collect();
    assert_eq!(missing, [""; 0], "src/api/openapi.json lacks them");

    for (path, operations) in paths {
        let path = path.replace("{smsc}", "main");
        let path = path.replace("{id}", "1");
        for method in METHODS {
            let is_described = operations.get(method.to_lowercase()).is_some();
            let answer = program.http(method, &path, "").await;
            let is_routed = answer.status != 405;
            let is_there =
                answer.status != 404 || answer.body["detail"] != "there is nothing at this path";
            assert!(is_there, "{method} {path}: {answer:?}");
            assert_eq!(is_routed, is_described, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere() {
    let description: Value = serde_json::from_str(include_str!("../src/api/openapi.json")).unwrap();
    let mut found = 0;
    let mut rest = vec![&description];
    while let Some(value) = rest.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(description.pointer(pointer).is_some(), "{reference}");
            found += 1;
        }
        match value {
            Value::Object(fields) => rest.extend(fields.values()),
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
    assert!(found > 20, "{found}");
}

/// Asks, and compares the answer with what is described of it.
async fn check(program: &Program, described: &Value, (method, path, body): (&str, &str, Value)) {
    let asked = path.split('?').next().unwrap();
    let operation = described["paths"].as_object().unwrap().iter();
    let is_asked = |template: &str| {
        let template = template.replace("{smsc}", "main").replace("{id}", "");
        asked == template || template.ends_with('/') && asked.starts_with(&template)
    };
    let mut operations = operation.filter(|(template, _)| is_asked(template));
    let operation = &operations.next_back().unwrap().1[method.to_lowercase()];
    let answer = program.http(method, path, &body.to_string()).await;
    let responses = &operation["responses"];
    let mut response = &responses[answer.status.to_string()];
    if response.is_null() {
        response = &responses["default"];
    }
    if let Some(reference) = response.get("$ref").and_then(Value::as_str) {
        response = described.pointer(&reference[1..]).unwrap();
    }
    let schema = &response["content"][&*answer.content_type]["schema"];
    assert!(!schema.is_null(), "{method} {path}: {answer:?}");
    let found = departures(described, schema, &answer.body);
    assert_eq!(found, [""; 0], "{method} {path}: {}", answer.body);
}

#[tokio::test]
async fn answers_are_as_they_are_described() {
    let program = Program::start(&["--conformance"]);
    let described = program.http("GET", "/openapi.json", "").await.body;
    let mut client = Client::transceiver(program.smpp).await;
    client.submit("+49171", "to one").await;
    let one = client.read().await.message_id();
    let receipt = client.read().await;
    client.respond(&receipt, CommandStatus::ESME_ROK).await;
    let recipients = named(&["49171", "99923"]);
    let multi = Pdu::SubmitMulti(SubmitMulti {
        registered_delivery: 1,
        dest_addresses: recipients.as_dest_addresses(),
        ..SubmitMulti::default()
    });
    client.send(&multi).await;
    client.read().await;
    let all = program.main("GET", "messages", &Value::Null).await;
    let many = all["messages"][1]["id"].as_str().unwrap();
    let below = [
        (
            "POST",
            "rules".to_owned(),
            json!({"match": {"to": "1"}, "respond": {"delay": "1ms"}}),
        ),
        (
            "POST",
            "faults".to_owned(),
            json!({"type": "latency", "attributes": {"latency": 1}}),
        ),
        ("GET", format!("messages/{one}"), Value::Null),
        ("GET", format!("messages/{many}"), Value::Null),
        ("GET", "messages/none".to_owned(), Value::Null),
        ("POST", "verify".to_owned(), json!({})),
        (
            "POST",
            "verify".to_owned(),
            json!({"match": {"to": "1"}, "within": "0ms"}),
        ),
        ("POST", "verify".to_owned(), json!({"colour": 1})),
        (
            "POST",
            "verify-sequence".to_owned(),
            json!({"matches": [{}]}),
        ),
        ("GET", "messages".to_owned(), Value::Null),
        ("GET", "sessions".to_owned(), Value::Null),
        ("GET", "events".to_owned(), Value::Null),
        ("GET", "rates".to_owned(), Value::Null),
        ("GET", "pdus?hex=1".to_owned(), Value::Null),
        ("GET", "scenario".to_owned(), Value::Null),
        ("GET", "rules".to_owned(), Value::Null),
        ("GET", "faults".to_owned(), Value::Null),
        ("GET", "conformance".to_owned(), Value::Null),
        ("GET", "behaviour".to_owned(), Value::Null),
        ("POST", "behaviour".to_owned(), json!({"latency_ms": 1})),
        ("GET", "clock".to_owned(), Value::Null),
        ("POST", "clock".to_owned(), json!({"mode": "virtual"})),
        ("POST", "clock".to_owned(), json!({"advance": "1h"})),
    ];
    for (method, path, body) in below {
        let path = format!("/api/v1/smscs/main/{path}");
        check(&program, &described, (method, &path, body)).await;
    }
    for (method, path, body) in [
        ("GET", "/api/v1/version", Value::Null),
        ("GET", "/api/v1/smscs", Value::Null),
        ("POST", "/api/v1/smscs", json!({"id": "other"})),
        ("GET", "/api/v1/smscs/main", Value::Null),
    ] {
        check(&program, &described, (method, path, body)).await;
    }
}
