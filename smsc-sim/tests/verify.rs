//! Waiting for messages, in the library and through the control API.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signalbox_codec::pdu::{ReplaceSm, ShortMessage};
use signalbox_codec::{COctetStr, CommandId, Pdu};
use smsc_sim::{Behaviour, Match, Smsc};

use support::program::Program;
use support::{Client, smsc, submit_sm};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

async fn send(client: &mut Client, to: &str, text: &str) {
    client.send(&submit_sm(to, text, 0)).await;
    client.read().await;
}

/// An SMSC that got `hello` to 49171, twice, and `bye` to 49172.
async fn with_messages() -> (Smsc, Client) {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    for (to, text) in [("49171", "hello"), ("49171", "hello"), ("49172", "bye")] {
        send(&mut client, to, text).await;
    }
    (smsc, client)
}

#[tokio::test]
async fn what_is_there_is_found_at_once() {
    let (smsc, _client) = with_messages().await;
    let asked = Instant::now();
    let hello = || Match::to("+49171").text("hello");
    assert_eq!(
        smsc.verify(hello())
            .within(LONG)
            .exactly(2)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        smsc.verify(hello())
            .within(LONG)
            .at_least(1)
            .await
            .unwrap()
            .len(),
        2
    );
    let part = Match::any().from("100").text_contains("ell");
    smsc.verify(part).within(LONG).await.unwrap();
    smsc.verify(hello())
        .within(LONG)
        .exactly(1)
        .await
        .unwrap_err();
    smsc.verify(hello())
        .within(LONG)
        .at_most(1)
        .await
        .unwrap_err();
    assert!(asked.elapsed() < LONG / 2, "too many are seen at once too");
}

/// An exact number is only believed when no more have come for a while.
#[tokio::test]
async fn one_too_many_right_after_an_exact_number_is_seen() {
    let (smsc, mut client) = with_messages().await;
    let wanted = smsc.verify(Match::to("49171")).within(LONG).exactly(2);
    let ((), refused) = tokio::join!(send(&mut client, "49171", "hello"), wanted);
    assert_eq!(refused.unwrap_err().matched, 3);
    let asked = Instant::now();
    let wanted = smsc.verify(Match::to("49171")).within(SHORT / 5).exactly(3);
    assert_eq!(wanted.await.unwrap().len(), 3);
    assert!(
        asked.elapsed() < LONG / 2,
        "the time may be over before that"
    );
}

#[tokio::test]
async fn what_comes_later_is_waited_for() {
    let (smsc, mut client) = with_messages().await;
    let wanted = smsc.verify(Match::to("49173")).within(LONG).exactly(1);
    let ((), found) = tokio::join!(send(&mut client, "49173", "late"), wanted);
    assert_eq!(found.unwrap()[0].text().as_deref(), Some("late"));
}

/// Messages that come while others are counted are neither left out nor counted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_come_all_the_time_are_counted_once() {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let sending = tokio::spawn(async move {
        for number in 0..3_000 {
            let to = if number % 3 == 0 { "49171" } else { "49172" };
            send(&mut client, to, "hi").await;
        }
    });
    let wanted = || Match::to("49171");
    smsc.verify(wanted())
        .within(LONG)
        .at_least(1_000)
        .await
        .unwrap();
    sending.await.unwrap();
    smsc.verify(wanted())
        .within(LONG)
        .exactly(1_000)
        .await
        .unwrap();
}

/// A message counts with the text that it was given by replace_sm, and no more with the one before.
#[tokio::test]
async fn a_message_replaced_while_it_waits_counts_with_its_text_of_then() {
    let behaviour = Behaviour {
        receipt_delay: LONG,
        ..Behaviour::default()
    };
    let smsc = smsc(|settings| settings.behaviour = behaviour).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    client.send(&submit_sm("49171", "first", 1)).await;
    let id = client.read().await.message_id();
    let replacing = async {
        // The other two are looking by then.
        send(&mut client, "49172", "other").await;
        let replace = ReplaceSm {
            message_id: COctetStr::new(id.as_bytes()).unwrap(),
            source_addr: COctetStr::new(b"100").unwrap(),
            short_message: ShortMessage::new(b"second").unwrap(),
            ..ReplaceSm::default()
        };
        client.send(&Pdu::ReplaceSm(replace)).await;
        let resp = client.read().await;
        assert_eq!(resp.command_id(), CommandId::REPLACE_SM_RESP);
        send(&mut client, "49173", "first").await;
    };
    let second = smsc.verify(Match::any().text("second")).within(LONG);
    let two = smsc.verify(Match::any().text("first")).within(SHORT);
    let (second, two, ()) = tokio::join!(second, two.at_least(2), replacing);
    assert_eq!(second.unwrap().len(), 1);
    assert_eq!(two.unwrap_err().matched, 1);
}

/// What was forgotten does not count, however many came after it.
#[tokio::test]
async fn messages_forgotten_while_it_waits_do_not_count() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    send(&mut client, "49171", "forgotten").await;
    let wanted = json!({"match": {"to": "49171"}, "count": {"exactly": 3}, "within": "20s"});
    let verifying = program.main("POST", "verify", &wanted);
    let acting = async {
        program.main("DELETE", "messages", &Value::Null).await;
        for _ in 0..3 {
            send(&mut client, "49171", "kept").await;
        }
    };
    let (body, ()) = tokio::join!(verifying, acting);
    assert_eq!(body["matched"], 3, "{body}");
}

#[tokio::test]
async fn none_is_only_sure_when_the_whole_time_is_over() {
    let (smsc, mut client) = with_messages().await;
    let asked = Instant::now();
    let nobody = || Match::to("49179");
    assert_eq!(
        smsc.verify(nobody()).within(SHORT).exactly(0).await,
        Ok(vec![])
    );
    assert!(asked.elapsed() >= SHORT);
    let wanted = smsc.verify(nobody()).within(LONG).exactly(0);
    let ((), refused) = tokio::join!(send(&mut client, "49179", "surprise"), wanted);
    assert_eq!(refused.unwrap_err().matched, 1);
    assert!(asked.elapsed() < LONG / 2, "one too many ends it at once");
}

#[tokio::test]
async fn a_state_is_waited_for_too() {
    let builder = Smsc::builder().virtual_clock(1_767_225_600_000);
    let delay = Duration::from_secs(3_600);
    let smsc = builder.with(|s| s.behaviour.receipt_delay = delay);
    let smsc = smsc.start().await.unwrap();
    let mut client = Client::transceiver(smsc.addr()).await;
    send(&mut client, "49171", "hello").await;
    let messages = smsc.messages();
    let enroute = messages[0].state.unwrap();
    assert_eq!(messages[0].state_name(), Some("ENROUTE"));
    smsc.clock().advance(delay).await.unwrap();
    let delivered = smsc.messages()[0].state.unwrap();
    let wanted = Match::any().state(delivered);
    smsc.verify(wanted).within(LONG).exactly(1).await.unwrap();
    let wanted = Match::any().state(enroute);
    smsc.verify(wanted).within(SHORT).exactly(0).await.unwrap();
}

#[tokio::test]
async fn a_refusal_names_what_comes_nearest() {
    let (smsc, _client) = with_messages().await;
    let wanted = Match::to("49172").text("hello").from("100");
    let refused = smsc.verify(wanted).within(SHORT).await.unwrap_err();
    assert_eq!((refused.matched, refused.nearest.len()), (0, 3));
    let said = format!("{refused:?}");
    for part in [
        "wanted at least 1 with to \"49172\", from \"100\", text \"hello\"; 0 came",
        "to: wanted \"49172\", found \"49171\"",
        "text: wanted \"hello\", found \"bye\"",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        refused
            .nearest
            .iter()
            .all(|miss| miss.differences.len() == 1)
    );
}

/// What does not match explains nothing when too many do.
#[tokio::test]
async fn a_refusal_of_too_many_names_those_that_are_too_many() {
    let (smsc, _client) = with_messages().await;
    let ids: Vec<String> = smsc
        .messages()
        .into_iter()
        .map(|message| message.id)
        .collect();
    let table = [
        (Match::to("49171"), Some(1), &ids[1..2]),
        (Match::any(), None, &ids[1..3]),
        (Match::any(), Some(0), &ids[..]),
    ];
    for (wanted, exactly, too_many) in table {
        let verify = smsc.verify(wanted).within(SHORT);
        let verify = match exactly {
            Some(count) => verify.exactly(count),
            None => verify.at_most(1),
        };
        let refused = verify.await.unwrap_err();
        let named: Vec<&str> = refused
            .too_many
            .iter()
            .map(|message| &*message.id)
            .collect();
        assert_eq!(
            (named, refused.nearest.len()),
            (too_many.iter().map(|id| &**id).collect(), 0)
        );
        let first = format!("too many: {} from 100 to", too_many[0]);
        assert!(refused.to_string().contains(&first), "{refused}");
    }
}

#[tokio::test]
async fn a_sequence_has_its_order() {
    let (smsc, _client) = with_messages().await;
    let (hello, bye) = (Match::any().text("hello"), Match::any().text("bye"));
    let good = [hello.clone(), bye.clone()];
    assert_eq!(smsc.verify_sequence(&good, SHORT).await.unwrap().len(), 2);
    let bad = [bye, hello];
    let refused = smsc.verify_sequence(&bad, SHORT).await.unwrap_err();
    assert!(refused.wanted.contains("number 2"), "{refused}");
}

#[tokio::test]
async fn the_control_api_answers_200_or_406() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    for text in ["one", "two", "three", "four"] {
        send(&mut client, "49171", text).await;
    }
    let table = [
        (
            "verify",
            json!({"match": {"to": "+49171", "text": "one"}}),
            200,
            1,
        ),
        (
            "verify",
            json!({"match": {"text~": "o"}, "count": {"exactly": 3}}),
            200,
            3,
        ),
        (
            "verify",
            json!({"count": {"at_most": 3}, "within": "50ms"}),
            406,
            4,
        ),
        (
            "verify",
            json!({"match": {"to": "1"}, "count": {"exactly": 0}, "within": "50ms"}),
            200,
            0,
        ),
        (
            "verify",
            json!({"match": {"text": "five"}, "within": "50ms"}),
            406,
            0,
        ),
        (
            "verify",
            json!({"match": [{"text": "two"}, {"text": "one"}]}),
            200,
            2,
        ),
        (
            "verify",
            json!({"match": [{"text": "*"}, {"text~": "o"}, {"text": "one"}], "within": "50ms"}),
            200,
            3,
        ),
        (
            "verify",
            json!({"match": [{"text~": "e"}, {"text": "one"}, {"text": "three"}],
                "within": "50ms"}),
            406,
            0,
        ),
        (
            "verify-sequence",
            json!({"matches": [{"text": "one"}, {"text": "four"}]}),
            200,
            2,
        ),
        (
            "verify-sequence",
            json!({"matches": [{"text": "two"}, {"text": "one"}], "within": "50ms"}),
            406,
            0,
        ),
    ];
    for (path, body, status, matched) in table {
        let path = format!("/api/v1/smscs/main/{path}");
        let answer = program.http("POST", &path, &body.to_string()).await;
        assert_eq!(
            (answer.status, &answer.body["matched"]),
            (status, &json!(matched)),
            "{body}"
        );
        let too_many = answer.body["too_many"].as_array().map_or(0, Vec::len);
        assert_eq!(too_many, usize::from(matched == 4), "{body}");
        let nearest = answer.body["nearest"].as_array().map_or(0, Vec::len);
        assert!(nearest <= 3 && (status == 406 || nearest == 0), "{body}");
    }
    for (body, field) in [
        (json!({"match": 1}), "match"),
        (json!({"match": {"colour": 1}}), "match.colour"),
        (json!({"match": [{}, {"colour": 1}]}), "match[1].colour"),
        (json!({"match": [{}, 1]}), "match[1]"),
        (json!({"match": []}), "match"),
        (json!({"count": {}}), "count"),
        (json!({"count": {"exactly": -1}}), "count.exactly"),
        (json!({"within": "1d"}), "within"),
        (json!({"match": {"state": "FINE"}}), "match.state"),
        (json!({"match": [{}], "in_order": 1}), "in_order"),
    ] {
        let path = "/api/v1/smscs/main/verify";
        let answer = program.http("POST", path, &body.to_string()).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (422, &json!(field)),
            "{body}"
        );
    }
    let shown = program
        .main("GET", "messages?text=three", &Value::Null)
        .await;
    assert_eq!(shown["messages"].as_array().unwrap().len(), 1);
}

/// Rules and `verify` say `to` and `from`; the words of the specification mean the same.
#[tokio::test]
async fn one_vocabulary_for_rules_and_verify() {
    let program = Program::start(&[]);
    for (to, from) in [("to", "from"), ("destination", "source")] {
        let rule = json!({"match": {to: "+49171", from: "100"}, "receipts": []});
        program.main("POST", "rules", &rule).await;
        let wanted = json!({"match": {to: "+49171", from: "100"}, "count": {"exactly": 0},
            "within": "0ms"});
        assert_eq!(program.main("POST", "verify", &wanted).await["matched"], 0);
    }
    let table = [
        (
            json!({"match": {"destinaton": "1"}}),
            "match.destinaton",
            Some("destination"),
        ),
        (json!({"match": {"form": "1"}}), "match.form", Some("from")),
        (
            json!({"match": {"state": "DELIVERD"}}),
            "match.state",
            Some("DELIVRD"),
        ),
        (
            json!({"count": {"exactl": 1}}),
            "count.exactl",
            Some("exactly"),
        ),
        (
            json!({"match": {}, "whithin": "5s"}),
            "whithin",
            Some("within"),
        ),
        (
            json!({"match": {"something_else": 1}}),
            "match.something_else",
            None,
        ),
        (
            json!({"match": {"to": "1", "destination": "1"}}),
            "match.destination",
            None,
        ),
    ];
    for (body, field, suggestion) in table {
        let answer = program
            .http("POST", "/api/v1/smscs/main/verify", &body.to_string())
            .await;
        let said = (answer.status, answer.body["field"].as_str());
        assert_eq!(said, (422, Some(field)), "{answer:?}");
        assert_eq!(answer.body["suggestion"].as_str(), suggestion, "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert_eq!(
            detail.contains("did you mean"),
            suggestion.is_some(),
            "{detail}"
        );
    }
}

/// `verify` and searches read patterns as rules do.
#[tokio::test]
async fn patterns_hold_in_verify_and_searches_as_in_rules() {
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    for (to, text) in [
        ("491701", "your CODE is 1"),
        ("491702", "why?"),
        ("441", "code*"),
    ] {
        send(&mut client, to, text).await;
    }
    let table = [
        ("to", "+4917*", 2),
        ("to", "4917??", 2),
        ("to", "4917?", 0),
        ("to", "/^4917/", 2),
        ("destination", "*1", 2),
        ("from", "1*", 3),
        ("system_id", "e*", 3),
        ("text", "/(?i)code/", 2),
        ("text", "*code*", 1),
        ("text", "why?", 1),
        ("text~", "*", 1),
        ("text~", "/", 0),
    ];
    for (field, pattern, expected) in table {
        let wanted = json!({"match": {field: pattern}, "count": {"exactly": expected},
            "within": "20ms"});
        let found = program.main("POST", "verify", &wanted).await;
        assert_eq!(found["matched"], expected, "{field} {pattern}");
        let octets = pattern.bytes().map(|octet| format!("%{octet:02X}"));
        let path = format!("messages?{field}={}", octets.collect::<String>());
        let found = program.main("GET", &path, &Value::Null).await;
        let found = found["messages"].as_array().unwrap().len();
        assert_eq!(found, expected, "{field} {pattern}");
    }
    for (method, path, body, field) in [
        (
            "POST",
            "verify",
            json!({"match": {"to": "/(/"}}),
            "match.to",
        ),
        (
            "POST",
            "verify-sequence",
            json!({"matches": [{"to": "/(/"}]}),
            "matches[0].to",
        ),
        ("GET", "messages?to=%2F(%2F", Value::Null, "to"),
    ] {
        let path = format!("/api/v1/smscs/main/{path}");
        let answer = program.http(method, &path, &body.to_string()).await;
        assert_eq!((answer.status, &answer.body["field"]), (422, &json!(field)));
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("unclosed group"), "{detail}");
    }
}

#[tokio::test]
async fn a_pattern_that_is_none_is_said_in_the_library_too() {
    let (smsc, _client) = with_messages().await;
    let found = smsc.verify(Match::to("+4917*").text("/^h/")).exactly(2);
    found.await.unwrap();
    let asked = Instant::now();
    let refused = smsc.verify(Match::any().text("/(/")).within(LONG).await;
    let said = refused.unwrap_err().to_string();
    assert!(
        said.contains("text: is no pattern: unclosed group"),
        "{said}"
    );
    let wanted = [Match::to("/(/")];
    smsc.verify_sequence(&wanted, LONG).await.unwrap_err();
    assert!(asked.elapsed() < LONG / 2, "no message can be like it");
}
