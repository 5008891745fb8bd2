//! What the control API and the command line say of requests that cannot be meant so.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::net::TcpListener;

use serde_json::{Value, json};

use support::program::{Program, run};

const MAIN: &str = "/api/v1/smscs/main/";

/// What is answered to each is of that status and about that field, and its detail, which holds
/// these words, names the field too.
async fn check(program: &Program, table: &[(&str, &str, &str, u16, &str, &str)]) {
    for (method, path, body, status, field, words) in table {
        let answer = program.http(method, &format!("{MAIN}{path}"), body).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert_eq!(answer.status, *status, "{method} {path} {body}: {answer:?}");
        assert_eq!(
            answer.body["field"].as_str().unwrap_or_default(),
            *field,
            "{answer:?}"
        );
        assert!(
            detail.contains(words) && detail.contains(field),
            "{path} {body}: {detail}"
        );
        let twice = format!("{field}: {field}: ");
        assert!(!detail.contains(&twice), "{detail}");
    }
}

#[tokio::test]
async fn a_detail_names_its_field_and_an_unknown_name_comes_before_a_missing_one() {
    let program = Program::start(&[]);
    let table = [
        (
            "POST",
            "verify",
            r#"{"match":{"too":"1"}}"#,
            422,
            "match.too",
            "did you mean \"to\"?",
        ),
        (
            "POST",
            "verify-sequence",
            r#"{"match":[{}]}"#,
            422,
            "match",
            "\"matches\"",
        ),
        ("POST", "verify-sequence", "{}", 422, "matches", "missing"),
        (
            "POST",
            "mo",
            r#"{"form":"1","to":"1"}"#,
            422,
            "form",
            "\"from\"",
        ),
        ("POST", "mo", r#"{"to":"1"}"#, 422, "from", "missing"),
        ("POST", "outbind", r#"{"too":"1"}"#, 422, "too", "\"to\""),
        ("POST", "outbind", "{}", 422, "to", "missing"),
        (
            "POST",
            "messages/1/receipt",
            r#"{"stat":"1"}"#,
            422,
            "stat",
            "\"state\"",
        ),
        (
            "POST",
            "rules",
            r#"{"match":{"too":"1"}}"#,
            422,
            "match.too",
            "unknown key",
        ),
        (
            "POST",
            "rules",
            r#"{"match":5}"#,
            422,
            "match",
            "wanted: an object",
        ),
        (
            "POST",
            "faults",
            r#"{"type":"drop_response","stream":"up"}"#,
            422,
            "stream",
            "down",
        ),
        (
            "POST",
            "rules",
            r#"{"fault":{"type":"bind_refuse"}}"#,
            422,
            "fault.type",
            "before",
        ),
        (
            "POST",
            "mo",
            r#"{"to":"1","to":"2"}"#,
            400,
            "",
            "\"to\" is there twice",
        ),
        (
            "PUT",
            "scenario",
            r#"{"rules":[{"id":"a","id":"b"}]}"#,
            400,
            "",
            "\"id\" is there",
        ),
        ("PUT", "scenario", "[[1]]", 422, "", "wanted: an object"),
        (
            "PUT",
            "scenario",
            "[[rules]]\nid = 'a'",
            400,
            "",
            "application/toml",
        ),
    ];
    check(&program, &table).await;
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    check(
        &program,
        &[("POST", "mo", &large, 413, "", "1048576 octets")],
    )
    .await;
}

#[tokio::test]
async fn what_would_do_nothing_and_what_stands_deep_is_named_by_its_path() {
    let program = Program::start(&[]);
    let table = [
        (
            "POST",
            "faults",
            r#"{"type":"queue_full","attributes":{"foo":1}}"#,
            422,
            "attributes.foo",
            "unknown key; none is taken here",
        ),
        (
            "POST",
            "faults",
            r#"{"type":"tls_stall"}"#,
            409,
            "type",
            "has no TLS port",
        ),
        (
            "PUT",
            "scenario",
            r#"{"faults":[{"type":"tls_close"}]}"#,
            409,
            "faults[0].type",
            "has no TLS port",
        ),
        (
            "POST",
            "mo",
            r#"{"from":"1","to":"1","text":"x","system_id":"nobody"}"#,
            409,
            "system_id",
            "bound as \"nobody\"",
        ),
        (
            "POST",
            "mo",
            r#"{"from":"1","to":"1","text":"x","within":"31s"}"#,
            422,
            "within",
            "more than 30 s",
        ),
        (
            "POST",
            "verify-sequence",
            r#"{"matches":[{},{"zz":1}]}"#,
            422,
            "matches[1].zz",
            "no such field",
        ),
    ];
    check(&program, &table).await;
}

#[tokio::test]
async fn an_error_of_json_has_no_place_and_nothing_that_is_not_known() {
    let program = Program::start(&[]);
    let path = format!("{MAIN}faults");
    let answer = program.http("POST", &path, r#"{"bogus":1}"#).await;
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{answer:?}");
    for error in errors {
        let members = error.as_object().unwrap();
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        assert!(
            !names.contains(&"line") && !names.contains(&"suggestion"),
            "{error}"
        );
        assert!(members.values().all(|value| !value.is_null()), "{error}");
    }
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_refused_everywhere() {
    let program = Program::start(&["--conformance"]);
    for path in [
        "sessions",
        "clock",
        "faults",
        "scenario",
        "behaviour",
        "rates",
        "messages/1",
    ] {
        let path = format!("{path}?colour=red");
        check(
            &program,
            &[("GET", &path, "", 422, "colour", "no such parameter")],
        )
        .await;
    }
    let table = [
        (
            "DELETE",
            "messages?to=1",
            "",
            422,
            "to",
            "no such parameter",
        ),
        (
            "DELETE",
            "faults?type=x",
            "",
            422,
            "type",
            "no such parameter",
        ),
        ("DELETE", "sessions/1?hou=fin", "", 422, "hou", "\"how\""),
        ("POST", "reset?wat=all", "", 422, "wat", "\"what\""),
        ("GET", "conformance?session=999", "", 404, "session", "999"),
        ("GET", "messages?to=1&to=2", "", 422, "to", "twice"),
        (
            "GET",
            "messages?tlvs.0x1401=a&tlvs.0x1401=b",
            "",
            422,
            "tlvs.0x1401",
            "twice",
        ),
        ("GET", "events?after=0&after=0", "", 422, "after", "twice"),
        ("POST", "reset?what=all&what=all", "", 422, "what", "twice"),
    ];
    check(&program, &table).await;
    for path in ["/api/v1/smscs?x=1", "/api/v1/smscs/main?x=1"] {
        assert_eq!(program.http("GET", path, "").await.status, 422, "{path}");
    }
    for path in [
        "/api/v1/smscs",
        "/api/v1/smscs/main",
        "/api/v1/smscs/main/sessions?",
    ] {
        assert_eq!(program.http("GET", path, "").await.status, 200, "{path}");
    }
}

/// As Toxiproxy's own clients write it.
#[tokio::test]
async fn a_fault_in_the_json_of_toxiproxy_is_taken() {
    let program = Program::start(&[]);
    let toxic = json!({"name": "l", "type": "latency", "stream": "downstream", "toxicity": 1.0,
        "attributes": {"latency": 100, "jitter": 0}});
    program.main("POST", "faults", &toxic).await;
    let shown = program.main("GET", "faults", &Value::Null).await;
    assert_eq!(shown["faults"][0]["name"], "l");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_in_the_words_of_the_request() {
    let program = Program::start(&[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let body = json!({"smpp_port": port}).to_string();
    let answer = program.http("POST", "/api/v1/smscs", &body).await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert_eq!(
        (answer.status, &answer.body["field"]),
        (409, &json!("smpp_port"))
    );
    assert!(
        detail.contains(&port.to_string()) && !detail.contains("smpp_address"),
        "{detail}"
    );
}

#[test]
fn options_of_tls_that_would_do_nothing_are_refused() {
    let no_pem = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let table: [(&[&str], &str); 2] = [
        (&["--tls-flaw", "expired"], "--smpp-tls-port"),
        (&["--smpp-tls-port", "0", "--tls-client-ca", no_pem], no_pem),
    ];
    for (options, words) in table {
        let ports = ["--smpp-port", "0", "--http-port", "0"];
        let output = run(&[&ports[..], options].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_path_that_is_asked_with_another_method_names_its_own() {
    let program = Program::start(&[]);
    let table = [
        ("PUT", "/api/v1/smscs", "GET, HEAD, POST"),
        ("PATCH", "/api/v1/smscs/main", "GET, HEAD, DELETE"),
        ("PUT", "/api/v1/smscs/main/mo", "POST"),
        ("DELETE", "/api/v1/smscs/main/capture.pcap", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ];
    for (method, path, names) in table {
        let answer = program.http(method, path, "").await;
        assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        assert_eq!(answer.content_type, "application/problem+json");
        let detail = format!("this path has no {method}; wanted: {names}");
        assert_eq!(answer.body["detail"], detail, "{path}");
        let names: Vec<&str> = names.split(", ").collect();
        assert_eq!(answer.body["allow"], json!(names), "{path}");
    }
}
