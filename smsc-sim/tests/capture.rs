//! Captures: what Wireshark's own decoder sees in ours, and what is done with those of others;
//! that they are played again is in `replay.rs`.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::capture::{download, download_of, talk};
use support::file::TestFile;
use support::program::{Program, command, run};
use support::{Client, peers, submit_sm};

/// Names of tshark, and of ours: a header field, or one below `fields`.
const FIELDS: [(&str, &str); 13] = [
    ("smpp.command_length", "command_length"),
    ("smpp.command_id", "command_id"),
    ("smpp.sequence_number", "sequence_number"),
    ("smpp.system_id", "system_id"),
    ("smpp.password", "password"),
    ("smpp.interface_version", "interface_version"),
    ("smpp.source_addr", "source_addr"),
    ("smpp.source_addr_ton", "source_addr_ton"),
    ("smpp.destination_addr", "destination_addr"),
    ("smpp.protocol_id", "protocol_id"),
    ("smpp.data_coding", "data_coding"),
    ("smpp.sm_length", "sm_length"),
    ("smpp.message_id", "message_id"),
];

/// Values of a field in all PDUs of a file that have it, as tshark sees them.
fn tshark(file: &Path, port: u16, field: &str) -> Vec<String> {
    let output = Command::new(peers::required(PathBuf::from("/usr/bin/tshark")))
        .arg("-r")
        .arg(file)
        .args(["-d", &format!("tcp.port=={port},smpp")])
        .args([
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "ip.check_checksum:TRUE",
        ])
        .args(["-T", "fields", "-E", "aggregator=\x1f", "-e", field])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .flat_map(|line| line.split('\x1f'))
        .map(str::to_owned)
        .collect()
}

fn decode(file: &Path) -> Vec<Value> {
    let output = run(&["capture", "decode", file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
        None => text.parse().unwrap(),
    }
}

#[tokio::test]
async fn tshark_sees_the_same_fields_and_nothing_to_complain_about() {
    let program = Program::start(&[]);
    talk(&program).await;
    let file = TestFile::new("tshark.pcapng");
    fs::write(&file.0, download(&program, "").await).unwrap();
    let (path, port) = (&file.0, program.smpp.port());
    let pdus = decode(path);
    assert_eq!(pdus.len(), 2 + 8 + 4 + 2, "{pdus:#?}");
    for (theirs, ours) in FIELDS {
        let expected: Vec<&Value> = pdus
            .iter()
            .filter_map(|pdu| pdu.get(ours).or_else(|| pdu["fields"].get(ours)))
            // tshark does not print what is empty.
            .filter(|value| *value != "")
            .collect();
        let seen = tshark(path, port, theirs);
        assert_eq!(
            seen.len(),
            expected.len(),
            "{theirs}: {seen:?} {expected:?}"
        );
        assert!(!seen.is_empty(), "{theirs}");
        for (seen, expected) in seen.iter().zip(expected) {
            match expected {
                Value::String(text) => assert_eq!(seen, text, "{theirs}"),
                value => assert_eq!(number(seen), value.as_u64().unwrap(), "{theirs}"),
            }
        }
    }
    let texts: Vec<String> = tshark(path, port, "smpp.message");
    assert_eq!(texts.len(), 7, "{texts:?}");

    // 1 is good; lost, repeated and early segments would be analysis flags.
    for field in ["ip.checksum.status", "tcp.checksum.status"] {
        let statuses = tshark(path, port, field);
        assert!(
            statuses.len() > 10 && statuses.iter().all(|is| is == "1"),
            "{statuses:?}"
        );
    }
    assert_eq!(tshark(path, port, "tcp.analysis.flags"), [""; 0]);
    assert_eq!(tshark(path, port, "_ws.malformed"), [""; 0]);
    let times = tshark(path, port, "frame.time_epoch");
    assert!(
        times.is_sorted() && times[0].parse::<f64>().unwrap() > 1.7e9,
        "{times:?}"
    );
}

#[tokio::test]
async fn a_capture_file_holds_everything_and_its_pcap_is_the_same() {
    let (file, pcap) = (TestFile::new("file.pcapng"), TestFile::new("file.pcap"));
    let mut program = Program::start(&["--capture", file.path(), "--capture-octets", "0"]);
    talk(&program).await;
    let pid = program.child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    let mut rest = String::new();
    program
        .child
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    program.child.wait().unwrap();

    let pdus = decode(&file.0);
    assert!(pdus.len() >= 16, "{}", pdus.len());
    let converted = Command::new(peers::required(PathBuf::from("/usr/bin/tshark")))
        .args(["-F", "pcap", "-r", file.path(), "-w", pcap.path()])
        .status();
    assert!(converted.unwrap().success());
    assert_eq!(decode(&pcap.0), pdus);

    let output = run(&["capture", "stats", file.path()]);
    let said = String::from_utf8(output.stdout).unwrap();
    for line in [
        "4  submit_sm",
        "3  deliver_sm",
        "1  bind_transceiver",
        "  submit_sm_resp: 3 ESME_ROK, 1 ESME_RINVDSTADR; p50 ",
        "  deliver_sm_resp: 3 ESME_ROK; p50 ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(
        said.contains("on 1 connection")
            && said.contains(", 0 octets lost, 0 segments repeated, 0 segments early"),
        "{said}"
    );
    let output = run(&["capture", "stats", "--json", file.path()]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (pointer, expected) in [
        ("/commands/submit_sm", 4),
        ("/commands/deliver_sm", 3),
        ("/responses/submit_sm_resp/statuses/ESME_RINVDSTADR", 1),
        ("/responses/submit_sm_resp/statuses/ESME_ROK", 3),
        ("/responses/deliver_sm_resp/statuses/ESME_ROK", 3),
        ("/connections", 1),
        ("/unanswered_requests", 0),
        ("/not_smpp_pieces", 0),
        ("/lost_octets", 0),
        ("/repeated_segments", 0),
        ("/early_segments", 0),
    ] {
        assert_eq!(json.pointer(pointer), Some(&json!(expected)), "{pointer}");
    }
    let pdus = said.split_once(" PDUs in ").unwrap().0;
    assert_eq!(json["pdus"].to_string(), pdus);
    for command in ["submit_sm_resp", "deliver_sm_resp"] {
        let answers = &json["responses"][command];
        let times = ["p50", "p99", "max"].map(|name| &answers[format!("response_time_{name}_us")]);
        assert!(times.iter().all(|time| time.as_u64() > Some(0)), "{json}");
    }
    assert!(json["elapsed_s"].as_f64() > Some(0.0), "{json}");
}

#[tokio::test]
async fn a_capture_that_is_cut_is_counted_up_to_there() {
    let program = Program::start(&[]);
    talk(&program).await;
    let capture = download(&program, "").await;
    let file = TestFile::new("cut.pcapng");
    let cut = capture.len() - 7;
    fs::write(&file.0, &capture[..cut]).unwrap();
    let output = run(&["capture", "stats", "--json", file.path()]);
    assert_eq!(output.status.code(), Some(3));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["commands"]["submit_sm"], 4, "{json}");
    let said = String::from_utf8(output.stderr).unwrap();
    let place = format!("at octet {cut}: the file ends in the middle");
    assert!(said.contains(&place), "{said}");
}

/// However often something comes, the file of a running program is not long behind.
#[tokio::test]
async fn a_capture_file_is_written_while_messages_come() {
    let file = TestFile::new("steady.pcapng");
    let program = Program::start(&["--capture", file.path()]);
    let head = fs::metadata(&file.0).unwrap().len();
    let mut client = Client::transceiver(program.smpp).await;
    let started = Instant::now();
    // Each exchange is a few hundred octets: not enough to fill a buffer soon.
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    while fs::metadata(&file.0).unwrap().len() == head {
        assert!(
            started.elapsed() < Duration::from_millis(1_500),
            "nothing yet"
        );
        pause.tick().await;
        client.send(&submit_sm("49171", "steady", 0)).await;
        client.read().await;
    }
}

#[test]
fn what_is_no_capture_says_where_and_why() {
    let file = TestFile::new("no.pcapng");
    let table: [(&[u8], &str); 4] = [
        (b"", "at octet 0: the file is empty"),
        (
            b"hello, world",
            "no pcap and no pcapng file starts like this",
        ),
        (
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a",
            "the file ends in the middle",
        ),
        (
            b"\x0a\x0d\x0d\x0a\xff\xff\xff\xff\x4d\x3c\x2b\x1a",
            "more than 16 MiB",
        ),
    ];
    for (octets, problem) in table {
        fs::write(&file.0, octets).unwrap();
        let output = run(&["capture", "decode", file.path()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.contains(problem) && said.contains(file.path()),
            "{said}"
        );
    }
}

/// However many SMSCs there are, their captures stay within one bound, also those that are idle.
#[tokio::test]
async fn captures_of_all_smscs_share_one_bound() {
    const TOTAL: usize = 64 * 1024;
    /// Heads of the files, and the headers of packets beyond what a record counts for.
    const FILES: usize = 8 * 1024;
    let program = Program::start(&["--capture-octets-total", &TOTAL.to_string()]);
    let mut smscs = vec![("main".to_owned(), program.smpp)];
    for count in 1..=4 {
        let (_, address) = smscs.last().unwrap();
        let mut client = Client::transceiver(*address).await;
        client.submit_many("99910", 2_000).await;
        for _ in 0..2_000 {
            client.read().await;
        }
        let mut octets = Vec::new();
        for (name, _) in &smscs {
            octets.push(download_of(&program, name, "").await.len());
        }
        let sum: usize = octets.iter().sum();
        assert!(sum <= TOTAL + FILES, "{octets:?}");
        assert!(octets[count - 1] > TOTAL / count / 2, "{octets:?}");
        let created = program.http("POST", "/api/v1/smscs", "").await.body;
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        smscs.push((text("id"), text("smpp").parse().unwrap()));
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let file = TestFile::new("enough.pcapng");
    let program = Program::start(&[]);
    talk(&program).await;
    fs::write(&file.0, download(&program, "").await).unwrap();
    for what in ["decode", "stats"] {
        let (_, unread) = std::io::pipe().unwrap();
        let mut command = command(&["capture", what, file.path()]);
        let output = command.stdout(unread).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(0), ""),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_session_that_nobody_knows_has_no_capture() {
    let program = Program::start(&[]);
    let client = Client::transceiver(program.smpp).await;
    for what in ["capture.pcapng", "capture.pcap", "pdus"] {
        let path = format!("/api/v1/smscs/main/{what}?session=");
        let known = program.http("GET", &format!("{path}1"), "").await;
        assert_eq!(known.status, 200, "{known:?}");
        let unknown = program.http("GET", &format!("{path}99"), "").await;
        assert_eq!(
            (unknown.status, &*unknown.content_type),
            (404, "application/problem+json")
        );
        assert_eq!(unknown.body["field"], "session", "{unknown:?}");
    }
    client.unbind().await;
    let ended = program
        .http("GET", "/api/v1/smscs/main/pdus?session=1", "")
        .await;
    assert_eq!(ended.status, 200, "it is still in the capture");
}
