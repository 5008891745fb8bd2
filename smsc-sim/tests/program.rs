//! The program from outside: ready line, control API, signals, load.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signalbox_codec::{CommandId, CommandStatus, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::capture::download_to_the_response;
use support::file::TestFile;
use support::program::{Program, command, run};
use support::{Client, submit_sm};

#[tokio::test]
async fn ready_line_then_silence_and_a_clean_end_on_sigterm() {
    let mut program = Program::start(&["--seed", "42", "--system-id", "SIM"]);
    assert_eq!(program.ready["event"], "ready");
    assert_eq!(program.ready["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(program.ready["pid"], program.child.id());
    assert_eq!(program.ready["seed"], 42);
    assert_eq!(program.ready["smpp_tls"], Value::Null);

    let mut client = Client::transceiver(program.smpp).await;
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    let unbind = client.read().await;
    assert_eq!(unbind.command_id(), CommandId::UNBIND);
    client.respond_unbind(&unbind).await;
    let mut rest = String::new();
    let stdout = program.child.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "one line is all");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn sigterm_ends_it_even_if_a_client_does_not_answer_the_unbind() {
    let mut program = Program::start(&[]);
    let _deaf = Client::transceiver(program.smpp).await;
    let pid = program.child.id().to_string();
    let asked = Instant::now();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_taken_port_is_one_line_that_names_it_and_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (setting, args) in [
        ("smpp-port", ["--smpp-port", &port, "--http-port", "0"]),
        ("http-port", ["--smpp-port", "0", "--http-port", &port]),
    ] {
        let output = run(&args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&port) && said.contains(setting), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn ports_come_from_the_environment_too() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for name in ["SMSC_PORT", "WEB_PORT"] {
        let other = if name == "SMSC_PORT" {
            "WEB_PORT"
        } else {
            "SMSC_PORT"
        };
        let output = command(&[])
            .env(name, &port)
            .env(other, "0")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&port), "{name}: {said}");
    }
}

#[tokio::test]
async fn messages_are_listed_filtered_and_cleared() {
    let program = Program::start(&["--id-style", "uuid"]);
    let mut client = Client::transceiver(program.smpp).await;
    for (to, text) in [("49171", "one"), ("49172", "two"), ("49171", "three")] {
        client.send(&submit_sm(to, text, 0)).await;
        assert_eq!(client.read().await.message_id().len(), 36);
    }
    let texts = |body: &Value| -> Vec<String> {
        let messages = body["messages"].as_array().unwrap();
        let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
        messages.iter().map(text).collect()
    };
    let body = program.main("GET", "messages", &Value::Null).await;
    assert_eq!(texts(&body), ["one", "two", "three"]);
    assert_eq!(body["messages"][0]["fields"]["destination_addr"], "49171");
    assert_eq!(body["messages"][0]["command_status"], "ESME_ROK");
    let hex = body["messages"][0]["hex"].as_str().unwrap();
    assert_eq!(&hex[8..16], "00000004");
    let body = program
        .main("GET", "messages?to=49171&limit=1", &Value::Null)
        .await;
    assert_eq!(texts(&body), ["three"]);
    let body = program
        .main("GET", "messages?from=nobody", &Value::Null)
        .await;
    assert_eq!(texts(&body).len(), 0);
    program.main("DELETE", "messages", &Value::Null).await;
    let body = program.main("GET", "messages", &Value::Null).await;
    assert_eq!(body["total"], 0);
}

#[tokio::test]
async fn messages_and_receipts_are_sent_on_request_and_their_status_comes_back() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    client.send(&submit_sm("49171", "hello", 0)).await;
    let id = client.read().await.message_id();

    let mo = json!({"from": "49171", "to": "100", "text": "Ж"});
    let reading = async {
        let pdu = client.try_read().await.unwrap();
        let Pdu::DeliverSm(sm) = pdu.pdu() else {
            panic!("{pdu:?}");
        };
        assert_eq!(
            (sm.data_coding, sm.short_message.as_octets()),
            (8, &[4, 0x16][..])
        );
        client.respond(&pdu, CommandStatus::ESME_RX_P_APPN).await;
    };
    let (answer, ()) = tokio::join!(program.main("POST", "mo", &mo), reading);
    assert_eq!(answer["command_status"], "ESME_RX_P_APPN");

    let receipt = json!({"state": "UNDELIV", "error_code": 34});
    let path = format!("messages/{id}/receipt");
    let (answer, pdu) = tokio::join!(program.main("POST", &path, &receipt), client.read());
    assert_eq!(answer["command_status"], "ESME_ROK");
    assert_eq!(pdu.receipt(), ("UNDELIV".to_owned(), id, 5));
}

#[tokio::test]
async fn behaviour_and_sessions_are_changed_and_shown() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    let change = json!({"submit_status": "ESME_RSYSERR", "rate_limit": null, "latency_ms": 1});
    let body = program.main("POST", "behaviour", &change).await;
    assert_eq!(
        (&body["latency_ms"], &body["rate_limit"]),
        (&json!(1), &Value::Null)
    );
    client.send(&submit_sm("49171", "hello", 1)).await;
    let status = client.read().await.header.command_status;
    assert_eq!(status, CommandStatus::ESME_RSYSERR);

    let sessions = program.main("GET", "sessions", &Value::Null).await;
    let session = &sessions["sessions"][0];
    assert_eq!(
        (&session["system_id"], &session["bind_type"]),
        (&json!("esme"), &json!("transceiver"))
    );
    let path = format!("sessions/{}?how=fin", session["id"]);
    program.main("DELETE", &path, &Value::Null).await;
    assert!(client.try_read().await.is_err());

    let metrics = program.http("GET", "/metrics", "").await;
    let text = metrics.body.as_str().unwrap();
    assert!(
        text.contains("smscsim_messages_refused_total{smsc=\"main\"} 1\n"),
        "{text}"
    );
    let version = program.http("GET", "/api/v1/version", "").await;
    assert_eq!(version.body["version"], env!("CARGO_PKG_VERSION"));
}

/// Asks with each body, and wants a problem of that status that names that field (or none).
async fn check_problems(method: &str, path: &str, table: &[(&str, u16, &str)]) {
    let program = Program::start(&[]);
    let path = format!("/api/v1/smscs/main/{path}");
    for (body, status, field) in table {
        let answer = program.http(method, &path, body).await;
        assert_eq!(answer.status, *status, "{method} {path} {body}: {answer:?}");
        assert_eq!(answer.content_type, "application/problem+json", "{body}");
        let named = answer.body["field"].as_str().unwrap_or_default();
        assert_eq!(named, *field, "{body}");
        assert_eq!(answer.body["status"], *status, "{body}");
    }
}

#[tokio::test]
async fn a_mobile_originated_message_waits_for_its_answer_as_long_as_is_said() {
    let program = Program::start(&[]);
    let _silent = Client::transceiver(program.smpp).await;
    let body = r#"{"from": "1", "to": "1", "text": "x", "within": "50ms"}"#;
    let answer = program.http("POST", "/api/v1/smscs/main/mo", body).await;
    assert_eq!(answer.status, 504, "{answer:?}");
}

#[tokio::test]
async fn problems_of_a_mobile_originated_message_name_their_field() {
    let too_large = format!("\"{}\"", "x".repeat(1024 * 1024));
    let table = [
        (r#"{"to": "1", "text": "x"}"#, 422, "from"),
        (r#"{"from": 7, "to": "1", "text": "x"}"#, 422, "from"),
        (r#"{"from": "1", "to": "1"}"#, 422, "text"),
        (r#"{"from": "1", "to": "1", "hex": "0g"}"#, 422, "hex"),
        (r#"{"from": "1", "to": "1", "hex": "0"}"#, 422, "hex"),
        (
            r#"{"from": "1", "to": "1", "hex": "00", "text": "x"}"#,
            422,
            "hex",
        ),
        (
            r#"{"from": "1", "to": "1", "text": "x", "txt": 1}"#,
            422,
            "txt",
        ),
        (
            r#"{"from": "1", "to": "1", "hex": "", "data_coding": 256}"#,
            422,
            "data_coding",
        ),
        (
            r#"{"from": "1", "to": "1", "text": "x", "data_coding": 8}"#,
            422,
            "data_coding",
        ),
        (
            r#"{"from": "1", "to": "123456789012345678901", "text": "x"}"#,
            422,
            "to",
        ),
        (r#"{"from": "1", "to": "1", "text": "x"}"#, 409, ""),
        ("[]", 400, ""),
        ("{", 400, ""),
        (&too_large, 413, ""),
    ];
    check_problems("POST", "mo", &table).await;
}

#[tokio::test]
async fn pages_of_other_sites_change_and_hear_nothing() {
    let program = Program::start(&[]);
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let table = [
        ("POST", "faults", "content-length: 0"),
        ("GET", "events", upgrade),
    ];
    for (method, path, headers) in table {
        let mut stream = TcpStream::connect(program.http).await.unwrap();
        let request = format!(
            "{method} /api/v1/smscs/main/{path} HTTP/1.1\r\nhost: {}\r\n\
             origin: http://elsewhere.example\r\n{headers}\r\n\r\n",
            program.http
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 403", "{path}");
    }
}

#[tokio::test]
async fn problems_of_behaviours_receipts_and_queries_name_their_field() {
    let behaviour = [
        (r#"{"latency_ms": -1}"#, 422, "latency_ms"),
        (r#"{"latency_ms": 31536000001}"#, 422, "latency_ms"),
        (r#"{"receipt_delay_ms": 1.5}"#, 422, "receipt_delay_ms"),
        (r#"{"rate_limit": "fast"}"#, 422, "rate_limit"),
        (r#"{"submit_status": "ESME_RNOPE"}"#, 422, "submit_status"),
        (r#"{"id_style": "roman"}"#, 422, "id_style"),
        (r#"{"mood": "bad"}"#, 422, "mood"),
    ];
    check_problems("POST", "behaviour", &behaviour).await;
    let receipt = [
        (r#"{"state": "FINE"}"#, 422, "state"),
        (
            r#"{"state": "DELIVRD", "error_code": 1000}"#,
            422,
            "error_code",
        ),
        (r#"{"state": "DELIVRD"}"#, 404, ""),
    ];
    check_problems("POST", "messages/1/receipt", &receipt).await;
    for (method, path, status, field) in [
        ("GET", "messages?limit=x", 422, "limit"),
        ("GET", "messages?limit=10001", 422, "limit"),
        ("GET", "messages?colour=red", 422, "colour"),
        ("DELETE", "sessions/1", 404, ""),
        ("DELETE", "sessions/1?how=softly", 422, "how"),
        ("GET", "nothing", 404, ""),
        ("PUT", "mo", 405, ""),
    ] {
        check_problems(method, path, &[("", status, field)]).await;
    }
}

#[test]
fn load_is_generated_and_reported() {
    let program = Program::start(&[]);
    let target = format!("smpp://load:pw@{}", program.smpp);
    let pid = program.child.id().to_string();
    let output = run(&[
        "load",
        "--target",
        &target,
        "--messages",
        "1001",
        "--binds",
        "2",
        "--receipts",
        "--json",
        "-",
        "--server-pid",
        &pid,
        "--duration",
        "30s",
    ]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_str(&said).expect(&said);
    for (name, expected) in [
        ("messages", 1001),
        ("accepted", 1001),
        ("receipts", 1001),
        ("unanswered", 0),
    ] {
        assert_eq!(report[name], expected, "{name}: {report}");
    }
    assert!(report["server_cpu_us_per_message"].is_number());
    drop(program);
    assert_eq!(run(&["load", "--target", &target]).status.code(), Some(3));
    assert_eq!(run(&["load", "--target", "ftp://a"]).status.code(), Some(2));
}

#[tokio::test]
async fn departures_from_the_specification_are_listed() {
    let program = Program::start(&["--conformance", "--capture-octets", "0"]);
    let mut client = Client::transceiver(program.smpp).await;
    client.send(&submit_sm("+491711", "hello", 0)).await;
    client.read().await;
    let report = program.main("GET", "conformance", &json!({})).await;
    let checks = report["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|c| c["result"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(
        (&failed[0]["check"], &failed[0]["section"]),
        (&json!("address_digits"), &json!("§5.2.8"))
    );
    let first = &failed[0]["first"];
    assert_eq!(first["system_id"], "esme");
    assert_eq!(&report["departures"][0], first);
    let other = Client::transceiver(program.smpp).await;
    other.unbind().await;
    // Its end is seen here a moment before it is seen there.
    while program.main("GET", "sessions", &Value::Null).await["sessions"][1].is_object() {}
    let path = "conformance?session=2";
    let other = program.main("GET", path, &json!({})).await;
    assert_eq!(other["departures"], json!([]), "it was there, and clean");
    assert!(
        first["pdu"].as_str().unwrap().starts_with("000000"),
        "{first}"
    );

    let unchecked = Program::start(&[]);
    let answer = unchecked
        .http("GET", "/api/v1/smscs/main/conformance", "")
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn output_that_nobody_reads_changes_nothing() {
    let unread = || {
        let (_, writer) = std::io::pipe().unwrap();
        writer
    };
    let [whole, spoiled] = ["whole.pcapng", "spoiled.pcapng"].map(TestFile::new);
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    client.submit_many("49171", 200).await;
    let all = json!({"count": {"at_least": 200}});
    program.main("POST", "verify", &all).await;
    let octets = download_to_the_response(&program).await;
    fs::write(&whole.0, &octets).unwrap();
    fs::write(&spoiled.0, &octets[..octets.len() - 3]).unwrap();
    let refusing = json!({"submit_status": "ESME_RSYSERR"});
    program.main("POST", "behaviour", &refusing).await;
    let smpp = program.smpp.to_string();
    let target = format!("smpp://load:pw@{}", program.smpp);
    let load = [
        "load",
        "--target",
        &target,
        "--messages",
        "5",
        "--fail-if",
        "p99>1us",
    ];
    let table = [
        &["capture", "decode", "/nowhere.pcapng"][..],
        &["capture", "decode", spoiled.path()],
        &["capture", "stats", spoiled.path()],
        &["replay", whole.path(), "--to", &smpp, "--speed", "0"],
        &load,
        &[&load[..], &["--json", "-"]].concat(),
    ];
    for args in table {
        let failed = command(args).stdout(unread()).stderr(unread()).status();
        assert_eq!(failed.unwrap().code(), Some(3), "{args:?}");
    }

    let mut program = Program::start_logging_to(unread().into(), &mut command(&[]));
    let client = Client::transceiver(program.smpp).await;
    drop(client);
    program.main("GET", "sessions", &Value::Null).await;
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

/// A name of another site that leads to this machine: its pages have the right Origin.
#[tokio::test]
async fn only_names_of_this_machine_and_allowed_ones_are_answered() {
    let plain = Program::start(&[]);
    let named = Program::start(&["--http-host", "sim.test"]);
    for (host, by_plain, by_named) in [
        ("localhost", "200", "200"),
        ("127.0.0.1:1", "200", "200"),
        ("sim.test:8081", "403", "200"),
        ("evil.example", "403", "403"),
    ] {
        for (program, status) in [(&plain, by_plain), (&named, by_named)] {
            let mut stream = TcpStream::connect(program.http).await.unwrap();
            let request = format!(
                "GET /api/v1/version HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(head, *format!("HTTP/1.1 {status}").as_bytes(), "{host}");
        }
    }
}
