//! The web page: its pieces over HTTP, and the whole of it in Chromium.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::program::Program;
use support::{Client, peers};

/// Longest time that the browser may take for everything.
const BROWSER_MAX: Duration = Duration::from_secs(120);
/// Messages per second that twenty tabs have to bear, and for how many seconds.
const RATE: usize = 1_000;
const SECONDS: usize = 4;

#[tokio::test]
async fn pieces_are_escaped_and_protected_and_unknown_names_are_told() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    client.submit("49171", "<b>&\"").await;
    let id = client.read().await.message_id();
    let table = [
        ("/", 200, "smsc-sim"),
        ("/?smsc=main", 200, "data-smsc=\"main\""),
        ("/?smsc=nobody", 404, "<a href=\"/\">"),
        ("/?smsc=%3Cb%3E", 404, "&#60;b&#62;"),
        ("/page/messages?to=/(/", 200, "unclosed group"),
        ("/page/messages?to=4917*", 200, "DELIVRD"),
        (
            "/page/pdu?hex=00000010000000150000000000000001ab",
            200,
            "1 octet follows the PDU",
        ),
        ("/page/pdu?hex=", 200, "Wanted: pairs"),
        (&format!("/page/message?id={id}"), 200, "message ESME_ROK"),
        ("/page/messages?to=49171", 200, "&#60;b&#62;&#38;&#34;"),
        ("/page/messages?to=1", 200, ""),
        ("/page/sessions", 200, "transceiver"),
        ("/page/message?id=none", 200, "no longer kept"),
        (&format!("/page/message?id={id}"), 200, "destination_addr"),
        ("/page/wire", 200, "submit_sm_resp"),
        ("/page/wire?session=77", 200, "Nothing is kept"),
        ("/page/wire?session=x", 200, "is a number"),
        ("/page/conformance", 200, "--conformance"),
        ("/page/pdu?hex=zz", 200, "hexadecimal digits"),
        (
            "/page/pdu?hex=00000010000000150000000000000001",
            200,
            "enquire_link",
        ),
        ("/assets/page.js", 200, "WebSocket"),
        ("/assets/../Cargo.toml", 404, ""),
    ];
    for (path, status, holds) in table {
        let answer = program.http("GET", path, "").await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let body = answer.body.as_str().unwrap_or_default();
        assert!(body.contains(holds), "{path}: {body}");
    }
}

/// The states of the rows that the page keeps come with a search: it answers with as many.
#[tokio::test]
async fn a_search_answers_with_as_many_messages_as_the_page_keeps() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    client.submit_many("49171", 250).await;
    let all = json!({"count": {"at_least": 250}});
    program.main("POST", "verify", &all).await;
    let page = program.http("GET", "/", "").await;
    let page = page.body.as_str().unwrap().to_owned();
    let rows_max = page.split("data-rows-max=\"").nth(1).unwrap();
    let rows_max: usize = rows_max.split('"').next().unwrap().parse().unwrap();
    let found = program.http("GET", "/page/messages", "").await;
    let found = found.body.as_str().unwrap().matches("data-id=").count();
    assert_eq!((found, rows_max), (200, 200));
}

/// Runs the script, and sends messages once all its tabs are open.
async fn browse(program: &Program) -> Value {
    let url = format!("http://{}/", program.http);
    let folder = std::env::var("PAGE_SCREENSHOTS").unwrap_or_else(|_| "-".to_owned());
    let mut child = Command::new("node")
        .arg(peers::file("page.js"))
        .args([&url, &folder])
        .env("NODE_PATH", peers::installed("node_modules"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut client = Client::transceiver(program.smpp).await;
    client.submit("99900", "the one that is looked for").await;
    client.read().await;
    client.submit("49171", "another").await;
    client.read().await;
    // Not as the specification wants it: an address that is no name has digits only.
    client.submit("+49172", "with a plus").await;
    client.read().await;
    let pid = child.id().to_string();
    let reading = tokio::task::spawn_blocking(move || {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        (line, stdout, child)
    });
    // The page sends a message from a phone meanwhile.
    let answering = async {
        loop {
            let Some(pdu) = client.read_within(BROWSER_MAX).await else {
                continue;
            };
            if pdu.command_id() == signalbox_codec::CommandId::DELIVER_SM {
                client
                    .respond(&pdu, signalbox_codec::CommandStatus::ESME_ROK)
                    .await;
            }
        }
    };
    let (line, mut stdout, mut child) = tokio::select! {
        read = tokio::time::timeout(BROWSER_MAX, reading) => match read {
            Ok(read) => read.unwrap(),
            Err(_) => {
                Command::new("kill").arg(pid).status().unwrap();
                panic!("the browser took more than {BROWSER_MAX:?}");
            }
        },
        () = answering => unreachable!("it goes on for ever"),
    };
    assert_eq!(line, "tabs\n");
    let started = Instant::now();
    for second in 0..SECONDS {
        client.submit_many("49171", RATE).await;
        let next = Duration::from_secs(second as u64 + 1);
        tokio::time::sleep(next.saturating_sub(started.elapsed())).await;
    }
    let ending = tokio::task::spawn_blocking(move || {
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert!(child.wait().unwrap().success());
        rest
    });
    let rest = tokio::time::timeout(BROWSER_MAX, ending).await;
    let rest = rest.expect("the browser comes to an end").unwrap();
    serde_json::from_str(&rest).expect(&rest)
}

#[tokio::test]
async fn a_person_can_use_it_and_twenty_tabs_follow_a_thousand_messages_a_second() {
    peers::required("/usr/bin/chromium".into());
    let program = Program::start(&["--conformance"]);
    let seen = browse(&program).await;
    assert_eq!(
        seen["problems"],
        json!([]),
        "nothing is refused by the policy, nothing fails"
    );
    for (window, width) in seen["widths"].as_object().unwrap() {
        let (wanted, _) = window.split_once('-').unwrap();
        assert_eq!(width.to_string(), wanted, "nothing sticks out");
    }
    let scrolling = &seen["scrolling"];
    assert_eq!(scrolling, &json!([]), "no table is read by scrolling");
    assert_eq!(
        (&seen["filtered"], &seen["state"]),
        (&json!("99900"), &json!("DELIVRD"))
    );
    let fields = seen["fields"].as_array().unwrap();
    assert_eq!(fields[0], "command_length");
    assert_eq!(fields.last().unwrap(), "short_message");
    // The octets of destination_addr: its digits and the NUL.
    assert_eq!(seen["lit"], "393939303000");
    assert!(seen["odd"].to_string().contains("octets"), "{seen}");
    assert_eq!(seen["chosen"], 1);
    let departure = seen["departure"].as_str().unwrap();
    assert!(
        departure.contains("§5.2.8") && departure.contains("address_digits"),
        "{departure}"
    );
    let checks = seen["checks"].as_str().unwrap();
    assert!(checks.contains("48 checks: 1 failed, "), "{checks}");
    assert!(
        !checks.contains(" 0 clean"),
        "as soon as it is seen: {checks}"
    );
    assert_eq!(seen["switches"], 27);
    assert_eq!(seen["injected"], "answered ESME_ROK");
    assert_eq!(seen["sessions"], 1);
    assert_eq!(seen["inForce"], json!(["Stop it"]));
    let two = ["latency, latency=77ms, up, 50 %", "latency, latency=88ms"];
    assert_eq!(seen["twoFaults"], json!(two));
    assert_eq!(seen["catalogueOn"], 0, "neither is the catalogue's");
    let focus = ["fault-3", "latency, latency=200ms"];
    assert_eq!(seen["faultFocus"], json!(focus), "the next one has it");
    let [first, rule] = ["Rule first", "Remove rule first"];
    assert_eq!(seen["ruleFocus"], json!([first, first, rule, "rule-field"]));
    assert_eq!(seen["ruleIds"], json!(["second", "first"]));
    assert!(
        seen["letters"].to_string().contains("latency_ms: "),
        "{seen}"
    );
    assert!(seen["asked"].to_string().contains("replaces"), "{seen}");
    assert_eq!(seen["afterNo"], 1, "who says no keeps the rules");
    assert_eq!(seen["brokenWords"], json!([]));
    assert_eq!(seen["faults"], json!(["no response"]));
    assert!(seen["rules"].to_string().contains("4917*"), "{seen}");
    let profiles = seen["profiles"].as_array().unwrap();
    assert!(
        profiles.len() >= 6 && profiles.iter().all(|said| said == "done"),
        "{seen}"
    );
    assert_eq!(seen["shownAgain"], "DELIVRD");
    assert_eq!((&seen["tabs"], &seen["rows"]), (&json!(20), &json!(200)));

    let behaviour = program.main("GET", "behaviour", &Value::Null).await;
    assert_eq!(behaviour["submit_status"], "ESME_RSYSERR");
    let clock = program.main("GET", "clock", &Value::Null).await;
    assert_eq!(clock["mode"], "virtual");
}
