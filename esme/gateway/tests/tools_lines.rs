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
        "   55  03240103747b7374                  short_message            \"t{st\"",
        "   12! 00000000                          sequence_number          0",
        "   ! sequence_number is outside 1 to 0x7FFFFFFF (SMPP v3.4 §5.1.4)",
        "   45  40                                esm_class                64 (message, default mode, user data header)",
        "                                         4 octets of header (single shift Portuguese), 4 of text",
    ] {
        assert!(table.lines().any(|line| line == row), "{row}\n{table}");
    }
}

fn framed(command_id: &str, body: &str) -> String {
    let octets = 16 + body.len() / 2;
    format!("{octets:08x}{command_id}0000000000000001{body}")
}

#[test]
fn values_that_the_specification_forbids_are_marked() {
    // service_type to destination_addr, and all of a submit_sm between esm_class and short_message.
    let sm = |esm_class: &str, flags: &str, data_coding: &str, rest: &str| {
        let body = format!("0001013100010132 00{esm_class}00{flags}{data_coding}00{rest}");
        framed("00000004", &body.replace(' ', ""))
    };
    let plain = "0000000000";
    for (pdu, said) in [
        (
            sm("40", plain, "00", "06050003070304"),
            "! a part that cannot be (3GPP TS 23.040 §9.2.3.24)",
        ),
        (
            sm("40", plain, "00", "0109"),
            "! user data header: length 9, but 0 octets follow (3GPP TS 23.040 §9.2.3.24)",
        ),
        (
            sm("00", plain, "08", "03004100"),
            "! 3 octets are no whole number of 2-octet UCS-2 units (SMPP v3.4 §5.2.19)",
        ),
        (
            sm("00", plain, "00", "0141 0424000141"),
            "! short_message has 1 octet besides message_payload (SMPP v3.4 §5.3.2.32)",
        ),
        (
            sm("00", "0400000000", "00", "00"),
            "! reserved value 4 (SMPP v3.4 §5.2.14)",
        ),
        (
            sm("00", "0000000002", "00", "00"),
            "! reserved value 2 (SMPP v3.4 §5.2.18)",
        ),
        (
            sm("04", plain, "00", "00"),
            "! reserved message type in 4 (SMPP v3.4 §5.2.12)",
        ),
        (
            sm("00", plain, "45", "00"),
            "! reserved value 69 (SMPP v3.4 §5.2.19)",
        ),
        (
            sm("00", plain, "00", "00020a00020001020a00020001"),
            "! the parameter stands there twice (SMPP v3.4 §3.2.4)",
        ),
        (
            sm(
                "00",
                "00003236303233303030303030303030302b000000",
                "00",
                "00",
            ),
            "! time names a date or time of day that does not exist (SMPP v3.4 §7.1.1)",
        ),
        (
            framed("80000001", ""),
            "! the response to a success has no body (SMPP v3.4 §4.1.4)",
        ),
        (
            framed("80000005", ""),
            "! the response to a success has no body (SMPP v3.4 §4.6.2)",
        ),
        (
            framed("80000103", ""),
            "! the response to a success has no body (SMPP v3.4 §4.7.2)",
        ),
        (
            framed("80000112", ""),
            "! the response to a success has no body (SMPP v5.0 §4.6.1.3)",
        ),
        (
            framed("80000004", "3100042800020101"),
            "! an optional parameter has another length (SMPP v5.0 §4.8.4)",
        ),
    ] {
        let (table, good) = run("pdu decode", pdu.as_bytes());
        assert!(good, "{table}");
        assert!(
            table.lines().any(|line| line.trim() == said),
            "{said}\n{table}"
        );
    }
}

#[test]
fn wishes_that_cannot_be_met_are_told_by_their_field() {
    for (tool, line, field) in [
        (
            "text plan --json",
            r#"{"text":"x","reference":300}"#,
            "reference",
        ),
        (
            "text plan --json",
            r#"{"text":"x","segment_octets":3}"#,
            "segment_octets",
        ),
        (
            "text plan --json",
            r#"{"text":"x","segments_max":0}"#,
            "segments_max",
        ),
        (
            "text plan --json",
            r#"{"text":"x","preferred_encoding":"utf8"}"#,
            "preferred_encoding",
        ),
        (
            "text plan --json",
            r#"{"text":"x","text":"y"}"#,
            "\\\"text\\\" is given twice",
        ),
        ("text decode", "0x45 41", "reserved (SMPP v3.4 §5.2.19)"),
        ("text decode", "4 41", "announces octets that are no text"),
        (
            "pdu encode",
            r#"{"command":"submit_sm","fields":{"destination_addr":"äö"}}"#,
            "name it in deviations",
        ),
        (
            "pdu encode",
            r#"{"command":"submit_sm","deviations":["mising_nul"]}"#,
            "did you mean \\\"missing_nul\\\"?",
        ),
        (
            "pdu encode",
            r#"{"command":"submit_sm","tlvs":[{"tag":"0x14000"}]}"#,
            "\"field\":\"tag\"",
        ),
        (
            "pdu encode",
            r#"{"command":"submit_sm","command_status":"ESME_X"}"#,
            "\"field\":\"command_status\"",
        ),
    ] {
        let (answer, good) = run(tool, line.as_bytes());
        assert!(!good && answer.contains(field), "{tool} {line}: {answer}");
    }
    let line = r#"{"text":"x","long_message":"udh16","reference":300}"#;
    assert!(run("text plan --json", line.as_bytes()).1);
    let line = r#"{"command":"submit_sm_resp","command_status":"ESME_RTHROTTLED","tlvs":[{"tag":"0x1400","value_hex":"01"}]}"#;
    let (octets, good) = run("pdu encode", line.as_bytes());
    assert!(good);
    assert_eq!(octets, "00000016800000040000005800000001001400000101\n");
}

#[test]
fn what_encoding_does_not_reproduce_is_told() {
    let cut = framed("00000004", &format!("{}1400000501", "00".repeat(17)));
    let (line, _) = run("pdu decode --json", cut.as_bytes());
    assert!(line.contains("tlv_overrun"), "{line}");
    for (is_strict, said) in [(false, "line 1: tlv_overrun is named"), (true, "")] {
        let (mut output, mut reports) = (Vec::new(), Vec::new());
        let line = Input::Lines(line.as_bytes());
        let good = pdu_encode::run(is_strict, line, &mut output, &mut reports).unwrap();
        let reports = String::from_utf8(reports).unwrap();
        assert_eq!(good, !is_strict);
        assert!(reports.starts_with(said), "{reports}");
    }
    let without_nul = framed("80000004", "616263");
    let (line, _) = run("pdu decode --json", without_nul.as_bytes());
    assert_eq!(
        run("pdu encode", line.as_bytes()),
        (format!("{without_nul}\n"), true)
    );
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
