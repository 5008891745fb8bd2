//! PyPI smpplib and npm smpp as clients: bind, submit, receipts, long message, UCS-2, a message
//! from a phone, unbind.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use smsc_sim::Smsc;

use support::{peers, smsc};

/// Checks what a client saw against what the SMSC kept. `text` is its first one; the second is long
/// and the last is Russian.
fn check(smsc: &Smsc, seen: &Value, system_id: &str, text: &str) {
    let messages = smsc.messages();
    assert!(
        messages
            .iter()
            .all(|message| message.system_id == system_id)
    );
    let texts: Vec<String> = messages.iter().map(|m| m.text().unwrap()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert_eq!(texts[0], text);
    assert_eq!(format!("{}{}", texts[1], texts[2]), "long ".repeat(60));
    assert!(messages[1].esm_class & 0x40 != 0 && texts[1].len() == 153);
    assert_eq!(
        (texts[3].as_str(), messages[3].data_coding),
        ("Привет, мир", 8)
    );

    let ids: Vec<Value> = messages.iter().map(|m| m.id.clone().into()).collect();
    assert_eq!(seen["message_ids"], json!(ids));
    let receipts: Vec<Value> = ids.iter().map(|id| json!([id, "DELIVRD"])).collect();
    assert_eq!(seen["receipts"], json!(receipts));
    assert_eq!(seen["received"], json!(["from a phone"]));
    assert_eq!(seen["unbound"], "unbind_resp");
}

/// The checks that the client has failed.
fn departures(smsc: &Smsc) -> Vec<String> {
    let report = smsc.conformance().expect("clients are checked");
    let checks = report["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["result"] == "failed");
    failed
        .map(|check| check["check"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn smpplib_is_served() {
    let smsc = smsc(|settings| settings.conformance = true).await;
    let mut command = Command::new(peers::installed("venv/bin/python"));
    command.arg(peers::file("smpplib_client.py"));
    command.args(["127.0.0.1", &smsc.addr().port().to_string()]);
    let seen = peers::run_script(&smsc, 4, &mut command).await;
    check(&smsc, &seen, "smpplib", "hello from smpplib");
    assert_eq!(departures(&smsc), ["sequence_start"]);
}

#[tokio::test]
async fn npm_smpp_is_served() {
    let smsc = smsc(|settings| settings.conformance = true).await;
    let mut command = Command::new("node");
    command.arg(peers::file("smpp_client.js"));
    command.arg(peers::installed("node_modules/smpp").parent().unwrap());
    command.args(["127.0.0.1", &smsc.addr().port().to_string()]);
    let seen = peers::run_script(&smsc, 4, &mut command).await;
    check(&smsc, &seen, "npm-smpp", "hello from npm smpp");
    assert_eq!(departures(&smsc), ["interface_version"], "it says v5.0");
}
