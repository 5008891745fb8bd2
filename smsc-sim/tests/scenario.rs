//! Scenarios over the wire: what a client sees of each rule, and the control API for them.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use serde_json::{Value, json};
use signalbox_codec::{CommandId, CommandStatus, Pdu, Tag};
use smsc_sim::{ReceiptState, Rule, RuleReceipt, Scenario, Smsc, StartError};

use support::file::TestFile;
use support::program::{Program, run};
use support::{Client, smsc, submit_sm};

/// A text that is sent, and what comes back.
type Message = (&'static str, &'static [&'static str]);

/// Scenarios, and the messages that are sent one after the other.
const STEPS: &[(&str, &[Message])] = &[
    ("", &[("a", &["resp", "+DELIVRD"])]),
    (
        "[[rules]]\nrespond = { status = 'ESME_RTHROTTLED' }\ntimes = 1",
        &[
            ("a", &["resp ESME_RTHROTTLED"]),
            ("b", &["resp", "+DELIVRD"]),
        ],
    ),
    (
        "[[rules]]\nreceipts = [{ state = 'DELIVRD', before_response = true }]",
        &[("a", &["+DELIVRD", "resp"])],
    ),
    (
        "[[rules]]\nreceipts = [{ state = 'ENROUTE' }, { state = 'UNDELIV', after = '20ms' }]",
        &[("a", &["resp", "+ENROUTE", "+UNDELIV"])],
    ),
    (
        "[[rules]]\nmatch = { text = 'dead' }\nfault = { type = 'disconnect' }",
        &[("a", &["resp", "+DELIVRD"]), ("dead", &["eof"])],
    ),
    (
        "[[rules]]\nmatch = { text = '/(?i)^stop/' }\nmo = { text = 'Bye' }\nreceipts = []",
        &[
            ("Stop it", &["resp", "mo Bye"]),
            ("go", &["resp", "+DELIVRD"]),
        ],
    ),
    (
        "[[rules]]\nfault = { type = 'unbind_after', attributes = { messages = 1 } }",
        &[("a", &["resp", "+DELIVRD", "unbind"])],
    ),
];

#[tokio::test]
async fn each_scenario_does_what_it_says() {
    for (toml, messages) in STEPS {
        let scenario = Scenario::from_toml("test", toml).unwrap();
        let smsc = smsc(|settings| settings.scenario = scenario).await;
        let mut client = Client::transceiver(smsc.addr()).await;
        for (text, steps) in *messages {
            client.submit("491711", text).await;
            assert_eq!(&client.steps(steps.len()).await, steps, "{toml}: {text}");
        }
    }
}

#[tokio::test]
async fn a_rule_overrides_a_magic_destination_and_no_rule_leaves_it() {
    let toml = "[[rules]]\nmatch = { destination = '+99901' }\nrespond = { delay = '1ms' }";
    let scenario = Scenario::from_toml("test", toml).unwrap();
    let smsc = smsc(|settings| settings.scenario = scenario).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    for (destination, receipt) in [("99901", "+DELIVRD"), ("99902", "+EXPIRED")] {
        client.submit(destination, "a").await;
        assert_eq!(client.steps(2).await, ["resp", receipt], "{destination}");
    }
}

#[tokio::test]
async fn receipts_come_in_the_form_that_was_asked_for() {
    let table = [
        ("tlv = false", false, Some("id:")),
        ("text_format = 'none'", true, None),
        (
            "text_format = 'short', tlv = false",
            false,
            Some("stat:DELIVRD err:000"),
        ),
        ("text_format = 'lower_case'", true, Some("stat:delivrd")),
        ("id_format = 'padded_hex'", true, Some("id:0000")),
    ];
    for (form, has_tlvs, part) in table {
        let toml = format!("[[rules]]\nreceipts = [{{ state = 'DELIVRD', {form} }}]");
        let scenario = Scenario::from_toml("test", &toml).unwrap();
        let smsc = smsc(|settings| settings.scenario = scenario).await;
        let mut client = Client::transceiver(smsc.addr()).await;
        client.submit("491711", "a").await;
        client.read().await;
        let receipt = client.read().await;
        let Pdu::DeliverSm(sm) = receipt.pdu() else {
            panic!("{form}: {receipt:?} is no deliver_sm");
        };
        assert_eq!(
            sm.tlvs.get(Tag::MESSAGE_STATE).is_some(),
            has_tlvs,
            "{form}"
        );
        let text = String::from_utf8(sm.short_message.as_octets().to_vec()).unwrap();
        match part {
            Some(part) => assert!(text.contains(part), "{form}: {text}"),
            None => assert_eq!(text, "", "{form}"),
        }
    }
}

#[tokio::test]
async fn rules_and_scenarios_are_changed_while_sessions_are_bound() {
    let program = Program::start(&["--profile", "healthy"]);
    let mut client = Client::transceiver(program.smpp).await;
    let rule = json!({"id": "full", "match": {"destination": "+4917*"},
        "respond": {"status": "ESME_RMSGQFUL"}, "times": 1});
    let added = program.main("POST", "rules", &rule).await;
    assert_eq!(added, rule);
    client.submit("491711", "a").await;
    assert_eq!(client.steps(1).await, ["resp ESME_RMSGQFUL"]);
    let shown = program.main("GET", "scenario", &json!({})).await;
    assert_eq!(shown["rules"][0]["applied"], 1);
    let listed = program.main("GET", "rules", &json!({})).await;
    assert_eq!(listed["rules"], shown["rules"]);
    let throttling = json!({"profile": "throttling(5)"});
    let taken = program.main("PUT", "scenario", &throttling).await;
    assert_eq!(taken["faults"][0]["attributes"]["tps"], 5, "{taken}");
    program
        .main("PUT", "scenario", &json!({"rules": [rule]}))
        .await;
    let (off, on) = (json!({"enabled": false}), json!({"enabled": true}));
    let switched = program.main("POST", "rules/full", &off).await;
    assert_eq!(switched["enabled"], false);
    client.submit("491711", "a").await;
    assert_eq!(client.steps(2).await, ["resp", "+DELIVRD"], "it is off");
    let switched = program.main("POST", "rules/full", &on).await;
    assert_eq!(switched, rule);
    client.submit("491711", "a").await;
    assert_eq!(client.steps(1).await, ["resp ESME_RMSGQFUL"], "it is on");
    for (id, body, status) in [
        ("nobody", &off, 404),
        ("full", &json!({}), 422),
        ("full", &json!({"enabled": 1}), 422),
    ] {
        let path = format!("/api/v1/smscs/main/rules/{id}");
        let answer = program.http("POST", &path, &body.to_string()).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    program.main("DELETE", "rules/full", &json!({})).await;
    client.submit("491711", "a").await;
    assert_eq!(client.steps(2).await, ["resp", "+DELIVRD"]);

    let machine = json!({"rules": [{"state": "m", "new_state": "seen", "receipts": []}]});
    program.main("PUT", "scenario", &machine).await;
    client.submit("491711", "a").await;
    assert_eq!(client.steps(1).await, ["resp"]);
    let shown = program.main("GET", "scenario", &json!({})).await;
    assert_eq!(shown["states"], json!({"m": "seen"}));

    let path = "/api/v1/smscs/main/scenario";
    let wrong = json!({"rules": [{"respond": {"status": "ESME_RTHROTLED"}}], "rulse": []});
    let answer = program.http("PUT", path, &wrong.to_string()).await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (422, "application/problem+json")
    );
    let errors = answer.body["errors"].as_array().unwrap();
    let found: Vec<_> = errors
        .iter()
        .map(|e| (&e["key"], &e["suggestion"]))
        .collect();
    let expected = [
        (&json!("rules[0].respond.status"), &json!("ESME_RTHROTTLED")),
        (&json!("rulse"), &json!("rules")),
    ];
    assert_eq!(found, expected);
    let answer = program
        .http("DELETE", "/api/v1/smscs/main/rules/nobody", "")
        .await;
    assert_eq!(answer.status, 404);
}

/// Who still has the id of an earlier rule must not hit another one.
/// What `GET scenario` answers can be put back as it is.
#[tokio::test]
async fn a_scenario_that_was_shown_can_be_put_back() {
    let program = Program::start(&[]);
    let machine = json!({
        "rules": [{"match": {"to": "4917*"}, "times": 3}, {"id": "second", "enabled": false,
            "state": "line", "required_state": "up", "new_state": "down"}],
        "faults": [{"type": "slow_bind", "attributes": {"delay": "1ms"}}],
        "lists": [{"name": "friends", "members": ["49171"]}],
    });
    program.main("PUT", "scenario", &machine).await;
    let latency = json!({"type": "latency", "attributes": {"latency": "1ms"}});
    program.main("POST", "faults", &latency).await;
    let mut client = Client::transceiver(program.smpp).await;
    client.submit("49171", "counted").await;
    client.read().await;
    let mut shown = program.main("GET", "scenario", &json!({})).await;
    assert_eq!(shown["rules"][0]["applied"], 1, "{shown}");
    let put = program.main("PUT", "scenario", &shown).await;
    shown["rules"][0]["applied"] = 0.into();
    let faults = |scenario: &Value| {
        let mut faults = scenario["faults"].as_array().unwrap().clone();
        for fault in &mut faults {
            fault.as_object_mut().unwrap().remove("id");
        }
        faults
    };
    assert_eq!((faults(&put), 2), (faults(&shown), faults(&shown).len()));
    let rule = program.main("POST", "rules", &json!({"applied": 7})).await;
    assert_eq!(rule.get("applied"), None, "{rule}");
    for part in ["rules", "lists", "states"] {
        assert_eq!(put[part], shown[part], "{part}");
    }
}

#[tokio::test]
async fn rules_of_another_scenario_have_other_numbers_until_the_reset() {
    let program = Program::start(&["--failed-submits"]);
    let unnamed = json!({"rules": [{}, {"id": "named"}]});
    for number in [1, 2] {
        let taken = program.main("PUT", "scenario", &unnamed).await;
        assert_eq!(taken["rules"][0]["id"], format!("rule-{number}"), "{taken}");
        assert_eq!(taken["rules"][1]["id"], "named");
    }
    program.main("POST", "reset?what=rules", &json!({})).await;
    let first = program.main("GET", "rules", &json!({})).await;
    let added = program.main("POST", "rules", &json!({})).await;
    assert_eq!(added["id"], "rule-3");
    program.main("POST", "reset?what=rules", &json!({})).await;
    let again = program.main("GET", "rules", &json!({})).await;
    assert_eq!(again, first);
}

#[test]
fn a_wrong_scenario_file_is_a_list_of_all_errors_and_exit_code_1() {
    let file = TestFile::new("wrong.toml");
    std::fs::write(&file.0, "[[rules]]\nmacth = {}\ntimes = 0\n").unwrap();
    let path = file.path();
    let output = run(&["--scenario", path]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("{path}:2:1: rules[0].macth: unknown key")),
        "{said}"
    );
    assert!(
        said.contains(&format!("{path}:3:9: rules[0].times: 0: wanted")),
        "{said}"
    );
}

#[tokio::test]
async fn the_same_seed_and_messages_give_the_same_fate() {
    let toml = "
        [[rules]]
        match = { chance = 0.3 }
        respond = { status = 'ESME_RTHROTTLED', delay = { uniform = { min = '0s', max = '9ms' } } }";
    let mut fates = Vec::new();
    for seed in [7, 7, 8] {
        let scenario = Scenario::from_toml("test", toml).unwrap();
        let smsc = smsc(|settings| {
            settings.scenario = scenario;
            settings.seed = seed;
        })
        .await;
        let mut client = Client::transceiver(smsc.addr()).await;
        for _ in 0..40 {
            client.send(&submit_sm("491711", "a", 0)).await;
        }
        let mut fate: Vec<(u32, CommandStatus)> = Vec::new();
        for _ in 0..40 {
            let header = client.read().await.header;
            fate.push((header.sequence_number, header.command_status));
        }
        fate.sort_unstable();
        fates.push(fate);
    }
    assert_eq!(fates[0], fates[1]);
    assert_ne!(fates[0], fates[2]);
}

#[test]
fn the_samples_are_scenarios() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let read = Scenario::from_toml(&path.display().to_string(), &text);
        read.unwrap_or_else(|errors| panic!("{errors}"));
        count += 1;
    }
    assert_eq!(count, 2);
}

#[tokio::test]
async fn rules_written_in_rust_do_what_they_say() {
    let smsc = Smsc::in_memory()
        .rule(
            Rule::to("+4912*")
                .respond(CommandStatus::ESME_RTHROTTLED)
                .times(2),
        )
        .rule(
            Rule::to("49*").text("/(?i)^stop/").answer("Bye").receipt(
                RuleReceipt::new(ReceiptState::Undeliverable)
                    .error_code(27)
                    .before_response(),
            ),
        )
        .start()
        .await
        .unwrap();
    let mut client = Client::over(smsc.connect().await);
    let bound = client.try_bind(CommandId::BIND_TRANSCEIVER, "esme", "");
    assert_eq!(bound.await, CommandStatus::ESME_ROK);
    let throttled = "resp ESME_RTHROTTLED";
    for steps in [&[throttled][..], &[throttled], &["resp", "+DELIVRD"]] {
        client.submit("491234", "hi").await;
        assert_eq!(client.steps(steps.len()).await, steps);
    }
    client.submit("491711", "Stop it").await;
    assert_eq!(client.steps(3).await, ["+UNDELIV", "resp", "mo Bye"]);

    smsc.add_rule(Rule::any().no_receipts()).unwrap();
    client.submit("491711", "Stop it").await;
    client.submit("491711", "again").await;
    assert_eq!(client.steps(2).await, ["resp", "resp"]);
    let refused = smsc.add_rule(Rule::any().chance(2.0)).unwrap_err();
    assert!(
        refused.to_string().starts_with("match.chance: 2"),
        "{refused}"
    );
    let refused = Smsc::in_memory().rule(Rule::to("/[/")).start().await;
    assert!(matches!(refused, Err(StartError::Rules(_))));
}

#[tokio::test]
async fn lists_are_shown_as_they_were_put() {
    let program = Program::start(&[]);
    let lists = json!([{"name": "friends", "members": ["+491711", "100"]}]);
    let scenario = json!({"lists": lists});
    let put = program.main("PUT", "scenario", &scenario).await;
    assert_eq!(put["lists"], lists);
    let shown = program.main("GET", "scenario", &json!(null)).await;
    assert_eq!(shown["lists"], lists);
}
