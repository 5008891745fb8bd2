//! The tools line by line: exact answers, bad lines, and lines that nobody meant.

#![allow(clippy::unwrap_used)] // Test code.

use std::io;

use signalbox::tools::{
    Input, LINE_OCTETS_MAX, pdu_decode, pdu_encode, receipt_parse, text_decode, text_plan,
};

type Tool = fn(&[u8], &mut Vec<u8>) -> io::Result<bool>;

const TOOLS: [(&str, Tool); 9] = [
    ("pdu decode --json", |input, output| {
        pdu_decode::run(true, Input::Lines(input), output)
    }),
    ("pdu decode", |input, output| {
        pdu_decode::run(false, Input::Lines(input), output)
    }),
    ("pdu encode", |input, output| {
        pdu_encode::run(false, Input::Lines(input), output, io::sink())
    }),
    ("text plan --json", |input, output| {
        text_plan::run(true, Input::Lines(input), output)
    }),
    ("text plan", |input, output| {
        text_plan::run(false, Input::Lines(input), output)
    }),
    ("text decode --json", |input, output| {
        text_decode::run(true, Input::Lines(input), output)
    }),
    ("text decode", |input, output| {
        text_decode::run(false, Input::Lines(input), output)
    }),
    ("receipt parse --json", |input, output| {
        receipt_parse::run(true, Input::Lines(input), output)
    }),
    ("receipt parse", |input, output| {
        receipt_parse::run(false, Input::Lines(input), output)
    }),
];

fn run(name: &str, input: &[u8]) -> (String, bool) {
    let (_, tool) = TOOLS.iter().find(|tool| tool.0 == name).unwrap();
    let mut output = Vec::new();
    let good = tool(input, &mut output).unwrap();
    (String::from_utf8(output).unwrap(), good)
}

#[test]
fn answers_are_exactly_these() {
    let cases: &[Case<'_>] = &[
        (
            "pdu decode --json",
            "00000010000000150000000000000001",
            r#"{"command_length":16,"command_id":21,"command":"enquire_link","command_status":0,"sequence_number":1,"fields":{},"tlvs":[],"deviations":[]}"#,
            true,
        ),
        (
            "pdu decode --json",
            "0x0000001D 80000004 00000000 00000000 3100 001e 0002 4100 1400 00 01 ff",
            r#"{"command_length":29,"command_id":2147483652,"command":"submit_sm_resp","command_status":0,"sequence_number":0,"fields":{"message_id":"1"},"tlvs":[{"tag":30,"name":"receipted_message_id","value_hex":"4100"},{"tag":5120,"name":null,"value_hex":"ff"}],"deviations":["sequence_number"]}"#,
            true,
        ),
        (
            "pdu decode --json",
            "000000",
            r#"{"error":{"kind":"incomplete","field":"command_length","offset":3,"command_status":2,"recoverable":true,"detail":"the PDU ends after 3 octets"}}"#,
            false,
        ),
        (
            "pdu decode --json",
            "xyz",
            r#"{"error":{"kind":"hex","field":null,"offset":0,"command_status":2,"recoverable":true,"detail":"no pair of hexadecimal digits at character 0"}}"#,
            false,
        ),
        (
            "pdu encode",
            r#"{"command":"submit_sm_resp","sequence_number":7,"fields":{"message_id":"1"}}"#,
            "00000012800000040000000000000007\
             3100",
            true,
        ),
        (
            "pdu encode",
            r#"{"command":"submit_sm","fields":{"sorce_addr":"1"}}"#,
            r#"{"error":{"kind":"field","field":"sorce_addr","offset":null,"detail":"sorce_addr: this PDU has no such field, or it is named twice"}}"#,
            false,
        ),
        (
            "pdu encode",
            r#"{"command":"enquire_link","command_length":17}"#,
            r#"{"error":{"kind":"field","field":"command_length","offset":null,"detail":"17 is not 16; it need not be given"}}"#,
            false,
        ),
        (
            "text plan --json",
            r#"{"text":"hi €"}"#,
            r#"{"encoding":"gsm7","data_coding":0,"septets":5,"octets":5,"segments":[{"udh_hex":"","short_message_hex":"6869201b65"}],"changed":[]}"#,
            true,
        ),
        (
            "text plan --json",
            r#"{"text":"“q”","transliterate":true}"#,
            r#"{"encoding":"gsm7","data_coding":0,"septets":3,"octets":3,"segments":[{"udh_hex":"","short_message_hex":"227122"}],"changed":[{"offset":0,"from":"“","to":"\""},{"offset":4,"from":"”","to":"\""}]}"#,
            true,
        ),
        (
            "text plan --json",
            r#"{"text":"x","languages":["xx"]}"#,
            r#"{"error":{"kind":"field","field":"languages","offset":null,"detail":"\"xx\" is none of tr, es, pt, bn, gu, hi, kn, ml, or, pa, ta, te, ur"}}"#,
            false,
        ),
        (
            "text plan",
            "日本",
            "ucs2, data_coding 8, 4 octets, segments: 1",
            true,
        ),
        (
            "text decode --json",
            r#"{"data_coding":8,"hex":"00410022"}"#,
            r#"{"text":"A\""}"#,
            true,
        ),
        ("text decode", "0 0x48690a", "Hi\\n", true),
        (
            "text decode --json",
            r#"{"data_coding":8,"hex":"004"}"#,
            r#"{"error":{"kind":"field","field":"hex","offset":null,"detail":"must be pairs of hexadecimal digits; wrong at character 3"}}"#,
            false,
        ),
        (
            "pdu decode --json",
            "0000001000000015000000000000000100000010000000150000000000000002",
            r#"{"command_length":16,"command_id":21,"command":"enquire_link","command_status":0,"sequence_number":1,"fields":{},"tlvs":[],"deviations":["octets_after_pdu"]}"#,
            true,
        ),
    ];
    assert_answers(cases);
}

#[test]
fn answers_to_receipts_are_exactly_these() {
    assert_answers(&[
        (
            "receipt parse --json",
            "id:7 stat:DELIVRD",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":"DELIVRD","err":null,"text":null,"state":"delivered","final":true}"#,
            true,
        ),
        (
            "receipt parse --json",
            "id: stat:",
            r#"{"error":{"kind":"not_a_receipt","field":null,"offset":null,"detail":"the text is no delivery receipt"}}"#,
            false,
        ),
        (
            "receipt parse",
            "id:7 sub:001 stat:ENROUTE err:000 text:hello",
            "id=7 stat=ENROUTE state=enroute (not final) err=000 sub=1 text=\"hello\"",
            true,
        ),
        (
            "receipt parse --json",
            "id:7 stat:WEIRD err:001",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":"WEIRD","err":"001","text":null,"state":"unknown","final":false}"#,
            true,
        ),
        (
            "receipt parse",
            "id:7 stat:WEIRD",
            "id=7 stat=WEIRD state=unknown (not final)",
            true,
        ),
        (
            "receipt parse --json",
            "id:7 err:001",
            r#"{"id":"7","sub":null,"dlvrd":null,"submit_date":null,"done_date":null,"stat":null,"err":"001","text":null,"state":null,"final":null}"#,
            true,
        ),
    ]);
}

/// Tool, line, the answer to it, and whether it is a good one.
type Case<'c> = (&'c str, &'c str, &'c str, bool);

fn assert_answers(cases: &[Case<'_>]) {
    for (tool, line, expected, good) in cases {
        let answer = run(tool, line.as_bytes());
        assert_eq!(answer, (format!("{expected}\n"), *good), "{tool}: {line}");
    }
}

#[test]
fn a_pdu_for_people_shows_octets_beside_fields_and_marks_deviations() {
    let pdu = "0000003f00000004000000000000000000010034363730313133333131310001013436373039373731\
               333337004000000000000001000803240103747b7374";
    let (table, good) = run("pdu decode", pdu.as_bytes());
    assert!(good);
    for row in [
        "    4  00000004                          command_id               submit_sm",
        "   19  343637303131333331313100          source_addr              \"46701133111\"",
        "   55  03240103747b7374                  short_message            \"\\x03$\\x01\\x03t{st\"",
        "   12! 00000000                          sequence_number          0",
        "   ! sequence_number is outside 1 to 0x7FFFFFFF (SMPP v3.4 §5.1.4)",
        "   45  40                                esm_class                64 (message, default mode, user data header)",
        "                                         4 octets of header (single shift Portuguese), 4 of text",
    ] {
        assert!(table.lines().any(|line| line == row), "{row}\n{table}");
    }
}

/// Whatever the line, there is one answer for it, in its place, and no panic.
#[test]
fn no_line_stops_a_tool() {
    let long = "x".repeat(LINE_OCTETS_MAX + 1);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut lines: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "\"x\"",
        "{\"text\":7}",
        "{\"text\":null}",
        "-",
        "{\"command\":\"submit_sm\",\"fields\":7}",
        "{\"command\":\"x\"}",
        "{\"command_id\":-1}",
        "{\"command_id\":4,\"command\":\"deliver_sm\"}",
        "{\"command\":\"submit_sm\",\"fields\":{\"source_addr\":\"\\u0000\"}}",
        "{\"command\":\"submit_sm\",\"fields\":{\"source_addr\":\"€\"}}",
        "{\"command\":\"submit_multi\",\"fields\":{\"dest_addresses\":[7]}}",
        "{\"command\":\"submit_sm\",\"tlvs\":[{\"tag\":70000}]}",
        "{\"text\":\"x\",\"segments_max\":0,\"segment_octets\":1}",
        "{\"text\":\"x\",\"unknown\":1}",
        "{\"data_coding\":256,\"hex\":\"\"}",
        "{\"hex\":\"00\",\"udh_hex\":\"ff\"}",
        "00000000000000000000000000000000",
        "ffffffff000000040000000000000001",
        "id:",
        "stat:",
        "8 d8",
        "8 d800",
        "300 00",
        long.as_str(),
        deep.as_str(),
    ]
    .iter()
    .map(|line| line.as_bytes().to_vec())
    .collect();
    lines.push(vec![0xFF, 0xFE, 0x00]);
    lines.push(b"last".to_vec());
    let input = lines.join(&b'\n');
    for (name, tool) in TOOLS {
        let mut output = Vec::new();
        assert!(!tool(&input, &mut output).unwrap(), "{name}");
        if name != "pdu decode" {
            let answers = output.iter().filter(|octet| **octet == b'\n').count();
            assert_eq!(answers, lines.len(), "{name}");
        }
    }
}

const OVERLONG: &str = r#""command":"submit_sm","sequence_number":1,"fields":{"destination_addr":"1234567890123456789012345"}"#;

#[test]
fn a_deviation_is_encoded_and_reported_unless_the_line_names_it() {
    let encode = |is_strict, line: &str| {
        let (mut output, mut reports) = (Vec::new(), Vec::new());
        let line = Input::Lines(line.as_bytes());
        let good = pdu_encode::run(is_strict, line, &mut output, &mut reports).unwrap();
        let [output, reports] = [output, reports].map(|said| String::from_utf8(said).unwrap());
        (output, reports, good)
    };
    let unnamed = format!("{{{OVERLONG}}}");
    let (octets, reports, good) = encode(false, &unnamed);
    assert!(good && octets.starts_with("0000003a00000004"), "{octets}");
    assert_eq!(
        reports,
        "line 1: destination_addr at octet 22: 25 octets, at most 20 are allowed \
         (overlong_string, SMPP v3.4 §3.1.2)\n"
    );
    let (error, reports, good) = encode(true, &unnamed);
    assert!(!good);
    assert_eq!(reports, "");
    for part in [
        r#""kind":"deviation""#,
        r#""field":"destination_addr""#,
        r#""offset":22"#,
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let named = format!(r#"{{{OVERLONG},"deviations":["overlong_string"]}}"#);
    for is_strict in [false, true] {
        assert_eq!(
            encode(is_strict, &named),
            (octets.clone(), String::new(), true)
        );
    }
}

#[test]
fn arguments_are_answered_like_lines() {
    let arguments = ["hello".to_owned(), "two\nlines".to_owned()];
    let input: Input<'_, &[u8]> = Input::Arguments(&arguments);
    let mut output = Vec::new();
    assert!(text_plan::run(false, input, &mut output).unwrap());
    let answers = "gsm7, data_coding 0, 5 septets, segments: 1\n\
                   gsm7, data_coding 0, 9 septets, segments: 1\n";
    assert_eq!(String::from_utf8(output).unwrap(), answers);
}
