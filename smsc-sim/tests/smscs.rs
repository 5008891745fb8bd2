//! Virtual SMSCs of the control API: each has its own port, seed, clock, sessions and messages.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signalbox_codec::{CommandId, CommandStatus, Pdu};

use support::program::Program;
use support::{Client, submit_sm};

async fn create(program: &Program, body: Value) -> (String, SocketAddr) {
    let answer = program
        .http("POST", "/api/v1/smscs", &body.to_string())
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
    (text("id"), text("smpp").parse().unwrap())
}

#[tokio::test]
async fn tests_that_run_at_the_same_time_do_not_meet() {
    let program = Program::start(&["--seed", "1"]);
    let account = json!([{"system_id": "esme", "password": "secret"}]);
    let (first, first_address) = create(&program, json!({"name": "first", "seed": 7})).await;
    let (second, second_address) = create(
        &program,
        json!({"accounts": account, "clock": "2026-01-01T00:00:00Z"}),
    )
    .await;
    assert_eq!(first, "first");

    let mut client = Client::transceiver(first_address).await;
    client.send(&submit_sm("49171", "hello", 0)).await;
    assert!(client.read().await.header.command_status.is_ok());
    for (name, messages) in [(&*first, 1), (&*second, 0), ("main", 0)] {
        let path = format!("/api/v1/smscs/{name}/messages");
        let answer = program.http("GET", &path, "").await;
        assert_eq!(answer.body["total"], messages, "{name}");
    }
    let mut stranger = Client::connect(second_address).await;
    let status = stranger
        .try_bind(CommandId::BIND_TRANSCEIVER, "other", "")
        .await;
    assert_eq!(status, CommandStatus::ESME_RINVSYSID);
    let path = format!("/api/v1/smscs/{second}/clock");
    let advanced = program.http("POST", &path, r#"{"advance": "48h"}"#).await;
    assert_eq!(advanced.body["utc"], "2026-01-03T00:00:00Z");
    assert_eq!(advanced.body["mode"], "virtual");

    let listed = program.http("GET", "/api/v1/smscs", "").await;
    let names: Vec<&str> = listed.body["smscs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|smsc| smsc["id"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["main", &*first, &*second]);
    assert_eq!(listed.body["smscs"][1]["seed"], 7);
    let destroyed = program.http("DELETE", "/api/v1/smscs/first", "").await;
    assert_eq!(destroyed.status, 204);
    assert!(client.try_read().await.is_err(), "its sessions end");
    let gone = program
        .http("GET", "/api/v1/smscs/first/messages", "")
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn each_checks_its_own_clients_or_none() {
    let program = Program::start(&["--conformance", "--conformance-window", "1"]);
    let (checked, checked_address) = create(&program, json!({})).await;
    let (lenient, lenient_address) = create(&program, json!({"conformance_window": 2})).await;
    let (unchecked, unchecked_address) = create(&program, json!({"conformance": false})).await;
    let mut clients = Vec::new();
    for address in [checked_address, lenient_address, unchecked_address] {
        let mut client = Client::transceiver(address).await;
        client.submit_many("49171", 2).await;
        client.steps(4).await;
        clients.push(client);
    }
    let table = [
        ("main", 200, json!([])),
        (&*checked, 200, json!(["window"])),
        (&*lenient, 200, json!([])),
        (&*unchecked, 404, Value::Null),
    ];
    for (name, status, expected) in table {
        let path = format!("/api/v1/smscs/{name}/conformance");
        let answer = program.http("GET", &path, "").await;
        assert_eq!(answer.status, status, "{name}");
        let departures = answer.body["departures"].as_array();
        let checks = departures.map(|list| list.iter().map(|d| d["check"].clone()).collect());
        assert_eq!(checks.unwrap_or(Value::Null), expected, "{name}");
        let shown = program
            .http("GET", &format!("/api/v1/smscs/{name}"), "")
            .await;
        assert_eq!(shown.body["conformance"], status == 200, "{name}");
        let page = format!("/page/conformance?smsc={name}");
        let page = program.http("GET", &page, "").await.body;
        let is_checked = !page.as_str().unwrap().contains("are not checked");
        assert_eq!(is_checked, status == 200, "{name}");
    }
}

#[tokio::test]
async fn a_scenario_is_of_one_smsc_and_comes_back_with_a_reset() {
    let program = Program::start(&[]);
    let rule = json!({"match": {"destination": "49*"}, "respond": {"status": "ESME_RSYSERR"}});
    let scenario = json!({"rules": [rule]});
    let (name, address) = create(&program, json!({"scenario": scenario})).await;
    let mut client = Client::transceiver(address).await;
    let mut other = Client::transceiver(program.smpp).await;
    let reset = format!("/api/v1/smscs/{name}/reset");
    let put = format!("/api/v1/smscs/{name}/scenario");
    let refused = CommandStatus::ESME_RSYSERR;
    for (path, body, status) in [
        (None, "", refused),
        (Some(("PUT", &put)), "{}", CommandStatus::ESME_ROK),
        (Some(("POST", &reset)), "", refused),
    ] {
        if let Some((method, path)) = path {
            let answer = program.http(method, path, body).await;
            assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        }
        client.send(&submit_sm("49171", "hello", 0)).await;
        assert_eq!(client.read().await.header.command_status, status);
        other.send(&submit_sm("49171", "hello", 0)).await;
        assert!(other.read().await.header.command_status.is_ok());
    }
}

#[tokio::test]
async fn sixty_four_are_created_and_destroyed_in_a_second_and_leave_no_port() {
    let goal = support::goal(Duration::from_secs(1));
    let program = Program::start(&[]);
    let started = Instant::now();
    let mut created = Vec::new();
    for _ in 0..64 {
        created.push(create(&program, json!({})).await);
    }
    for (name, _) in &created {
        let path = format!("/api/v1/smscs/{name}");
        assert_eq!(program.http("DELETE", &path, "").await.status, 204);
    }
    let took = started.elapsed();
    assert!(took <= goal, "{took:?}");
    for (name, address) in created {
        TcpListener::bind(address).expect(&name);
    }
}

#[tokio::test]
async fn an_smsc_that_cannot_be_is_refused_and_main_stays() {
    let program = Program::start(&[]);
    create(&program, json!({"name": "there"})).await;
    let taken = program.smpp.port();
    let table = [
        (json!({"name": "there"}), 409, "name"),
        (json!({"name": "main"}), 409, "name"),
        (json!({"name": "a/b"}), 422, "name"),
        (json!({"name": "x".repeat(65)}), 422, "name"),
        (json!({"smpp_port": taken}), 409, "smpp_port"),
        (json!({"smpp_port": 65_536}), 422, "smpp_port"),
        (json!({"accounts": {}}), 422, "accounts"),
        (
            json!({"accounts": [{"system_id": "a", "password": ""}, {"system_id": "b"}]}),
            422,
            "accounts[1].password",
        ),
        (json!({"accounts": ["a"]}), 422, "accounts[0]"),
        (
            json!({"accounts": [{"system_id": "a", "password": "123456789"}]}),
            422,
            "accounts[0].password",
        ),
        (
            json!({"accounts": [{"system_id": "a", "password": "", "tps": 1}]}),
            422,
            "accounts[0].tps",
        ),
        (json!({"scenario": 1}), 422, "scenario"),
        (
            json!({"scenario": {"rules": [{"match": {"too": "1"}}]}}),
            422,
            "scenario.rules[0].match.too",
        ),
        (
            json!({"scenario": {"faults": [{"type": "queue_full"}, {"type": "tls_close"}]}}),
            409,
            "scenario.faults[1].type",
        ),
        (json!({"system_id": "x".repeat(16)}), 422, "system_id"),
        (json!({"colour": 1}), 422, "colour"),
        (json!({"tls": 1}), 422, "tls"),
        (json!({"tls": {"flaw": "expird"}}), 422, "tls.flaw"),
        (json!({"tls": {"colour": 1}}), 422, "tls.colour"),
        (json!({"tls": {"port": taken}}), 409, "tls.port"),
        (json!({"tls": {"certificate_pem": ""}}), 422, "tls.key_pem"),
        (json!({"tls": {"key_pem": ""}}), 422, "tls.certificate_pem"),
        (
            json!({"tls": {"certificate_pem": "", "key_pem": ""}}),
            422,
            "tls",
        ),
        (
            json!({"tls": {"certificate_pem": "", "key_pem": "", "flaw": "none"}}),
            422,
            "tls.flaw",
        ),
        (json!({"tls": {"client_ca_pem": "x"}}), 422, "tls"),
        (json!({"conformance": 1}), 422, "conformance"),
        (json!({"conformance_window": -1}), 422, "conformance_window"),
    ];
    for (body, status, field) in table {
        let answer = program
            .http("POST", "/api/v1/smscs", &body.to_string())
            .await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (status, &json!(field)),
            "{body}"
        );
    }
    for (method, path, status) in [
        ("DELETE", "/api/v1/smscs/main", 409),
        ("DELETE", "/api/v1/smscs/nobody", 404),
        ("GET", "/api/v1/smscs/nobody/messages", 404),
        ("GET", "/api/v1/smscs/main/nothing", 404),
        ("PUT", "/api/v1/smscs", 405),
        ("PUT", "/api/v1/smscs/main/clock", 405),
        ("GET", "/api/v1/smscs/main", 200),
        ("GET", "/readyz", 200),
    ] {
        let answer = program.http(method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn the_clock_is_set_and_things_are_reset() {
    let program = Program::start(&["--receipt-delay", "24h"]);
    let mut client = Client::transceiver(program.smpp).await;
    let stopped = program
        .main("POST", "clock", &json!({"mode": "virtual"}))
        .await;
    assert_eq!(stopped["fired"], 0);
    client.submit("49171", "hello").await;
    let id = client.read().await.message_id();
    let message = program
        .main("GET", &format!("messages/{id}"), &Value::Null)
        .await;
    assert_eq!(message["state"], "ENROUTE");
    let advanced = program
        .main("POST", "clock", &json!({"advance": "48h"}))
        .await;
    assert_eq!(advanced["fired"], 1);
    assert_eq!(advanced["events"][0]["what"], "delivery");
    assert_eq!(client.read().await.receipt().1, id);
    for (query, expected) in [
        ("state=DELIVRD", 1),
        ("state=ENROUTE", 0),
        ("text~=ell", 1),
        ("text~=elk", 0),
        ("to=%2B49171&from=100", 1),
        ("since=2099-01-01T00:00:00Z", 0),
    ] {
        let path = format!("messages?{query}");
        let found = program.main("GET", &path, &Value::Null).await;
        let found = found["messages"].as_array().unwrap().len();
        assert_eq!(found, expected, "{query}");
    }
    for (body, field) in [
        (json!({"to": 1}), "to"),
        (json!({"to": "yesterday"}), "to"),
        (json!({"advance": "soon"}), "advance"),
        (json!({"mode": "slow"}), "mode"),
        (json!({"advance": "1h", "to": 1}), "to"),
    ] {
        let path = "/api/v1/smscs/main/clock";
        let answer = program.http("POST", path, &body.to_string()).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (422, &json!(field)),
            "{body}"
        );
    }
    let year_ms: u64 = 365 * 86_400_000;
    let long = json!({"latency_ms": 7, "receipt_delay_ms": year_ms});
    program.main("POST", "behaviour", &long).await;
    let longer = json!({"receipt_delay_ms": year_ms + 1}).to_string();
    let path = "/api/v1/smscs/main/behaviour";
    assert_eq!(program.http("POST", path, &longer).await.status, 422);
    program.main("POST", "reset?what=all", &Value::Null).await;
    let body = program.main("GET", "messages", &Value::Null).await;
    assert_eq!(body["total"], 0);
    let body = program.main("GET", "behaviour", &Value::Null).await;
    assert_eq!(
        (&body["latency_ms"], &body["receipt_delay_ms"]),
        (&json!(0), &json!(86_400_000))
    );
    let body = program.main("GET", "clock", &Value::Null).await;
    assert_eq!(body["mode"], "real");
    let answer = program
        .http("POST", "/api/v1/smscs/main/reset?what=mesages", "")
        .await;
    assert_eq!(answer.body["field"], "what");
    assert_eq!(answer.body["suggestion"], "messages");
}

#[tokio::test]
async fn an_esme_that_listens_is_asked_to_bind() {
    let program = Program::start(&[]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let body = json!({"to": to, "password": "pw"});
    program.main("POST", "outbind", &body).await;
    let (stream, _) = listener.accept().await.unwrap();
    let mut client = Client::over(stream);
    let outbind = client.read().await;
    let Pdu::Outbind(fields) = outbind.pdu() else {
        panic!("{outbind:?}");
    };
    assert_eq!(
        (fields.system_id.to_latin1(), fields.password.to_latin1()),
        ("SMSC".into(), "pw".into())
    );
    let status = client
        .try_bind(CommandId::BIND_RECEIVER, "esme", "secret")
        .await;
    assert_eq!(status, CommandStatus::ESME_ROK);
    let mo = json!({"from": "49171", "to": "100", "text": "hi"});
    let (sent, read) = tokio::join!(program.main("POST", "mo", &mo), client.read());
    assert_eq!(sent["command_status"], "ESME_ROK");
    assert_eq!(read.command_id(), CommandId::DELIVER_SM);

    drop(listener);
    for (body, status) in [(body, 502), (json!({"to": "somewhere"}), 422)] {
        let path = "/api/v1/smscs/main/outbind";
        let answer = program.http("POST", path, &body.to_string()).await;
        assert_eq!(answer.status, status, "{body}");
    }
}

#[tokio::test]
async fn metrics_tell_the_smscs_apart() {
    let program = Program::start(&[]);
    let (_, address) = create(&program, json!({"name": "second"})).await;
    let _client = Client::transceiver(address).await;
    let answer = program.http("GET", "/metrics", "").await;
    let text = answer.body.as_str().unwrap();
    for line in [
        "smscsim_binds_total{smsc=\"main\"} 0",
        "smscsim_binds_total{smsc=\"second\"} 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    let types = text.matches("# TYPE smscsim_binds_total counter").count();
    assert_eq!(types, 1, "once for all SMSCs: {text}");
}

/// Takes what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_name_the_smsc() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let smsc = support::smsc(|settings| settings.name = "north".to_owned()).await;
    Client::transceiver(smsc.addr()).await.unbind().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let bound = text.lines().find(|line| line.contains(": bound ")).unwrap();
    assert!(bound.contains("smsc{name=north}"), "{bound}");
}
