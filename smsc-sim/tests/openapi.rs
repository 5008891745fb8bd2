//! The description of the control API says what there is: each route with its methods, no more.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;

use support::program::Program;

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
