//! `signalbox receipt parse` line by line: exact answers, what is unknown or unreadable, and the
//! time that the longest line takes.

#![allow(clippy::unwrap_used)] // Test code.

use std::time::{Duration, Instant};

use signalbox::tools::{Input, LINE_OCTETS_MAX, receipt_parse};

fn run(as_json: bool, line: &str) -> (String, bool) {
    let mut output = Vec::new();
    let good = receipt_parse::run(as_json, Input::Lines(&mut line.as_bytes()), &mut output);
    (String::from_utf8(output).unwrap(), good.unwrap())
}

#[test]
fn answers_to_receipts_are_exactly_these() {
    let cases = [
        (
            true,
            "id:7 stat:DELIVRD",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":"DELIVRD","err":null,"text":null,"state":"delivered","final":true}"#,
            true,
        ),
        (
            true,
            "id: stat:",
            r#"{"error":{"kind":"not_a_receipt","field":null,"offset":null,"detail":"the text is no delivery receipt"}}"#,
            false,
        ),
        (
            false,
            "id:7 sub:001 stat:ENROUTE err:000 text:hello",
            "id=7 stat=ENROUTE state=enroute (not final) err=000 sub=1 text=\"hello\"",
            true,
        ),
        (
            true,
            "id:7 stat:WEIRD err:001",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":"WEIRD","err":"001","text":null,"state":"unknown","final":false,"stat_known":false}"#,
            true,
        ),
        (
            false,
            "id:7 stat:WEIRD",
            "id=7 stat=WEIRD state=!unknown (no known stat, not final)",
            true,
        ),
        (
            false,
            "id:7 submit date:9913452500 done date:2402290830 stat:UNKNOWN",
            "id=7 stat=UNKNOWN state=unknown (not final) submit_date=!\"9913452500\" done_date=2024-02-29T08:30:00",
            true,
        ),
        (
            true,
            "id:7 done date:never stat:DELIVRD",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":"DELIVRD","err":null,"text":null,"state":"delivered","final":true,"done_date_text":"never"}"#,
            true,
        ),
        (
            false,
            "id:7 stat:DELIVRD text:my done date:2402290830 or stat:x",
            "id=7 stat=DELIVRD state=delivered (final) text=\"my done date:2402290830 or stat:x\"",
            true,
        ),
        (
            false,
            "id:7 done date:never done date:2402290830 stat:DELIVRD",
            "id=7 stat=DELIVRD state=delivered (final) done_date=2024-02-29T08:30:00",
            true,
        ),
        (
            true,
            "done date:tomorrow",
            r#"{"error":{"kind":"not_a_receipt","field":null,"offset":null,"detail":"the text is no delivery receipt"}}"#,
            false,
        ),
        (
            true,
            "id:7 err:001",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":null,"err":"001","text":null,"state":null,"final":null}"#,
            true,
        ),
    ];
    for (as_json, line, expected, good) in cases {
        let answer = run(as_json, line);
        assert_eq!(answer, (format!("{expected}\n"), good), "{line}");
    }
}

/// The state, for which fields behind the text are read at all, is looked for once and not at each
/// of them.
#[test]
fn the_longest_receipt_takes_no_longer_than_its_octets() {
    const MUCH: Duration = Duration::from_secs(5);
    let head = "id:7 ";
    let tail = " stat:DELIVRD";
    let texts = (LINE_OCTETS_MAX - head.len() - tail.len()) / "text:".len();
    let line = format!("{head}{}{tail}", "text:".repeat(texts));
    let started = Instant::now();
    let (answer, good) = run(true, &line);
    assert!(good && answer.contains(r#""state":"delivered""#));
    assert!(started.elapsed() < MUCH, "{:?}", started.elapsed());
}
