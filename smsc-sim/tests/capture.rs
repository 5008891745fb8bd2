//! Captures: what Wireshark's own decoder sees in ours, and what is done with those of others.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signalbox_codec::{CommandId, CommandStatus};
use support::program::{Program, command, run};
use support::{Client, peers, submit_sm};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

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

/// A file that goes with its test.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str) -> Self {
        let name = format!("smsc-sim-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // It is not there when the test failed before.
        let _ = fs::remove_file(&self.0);
    }
}

/// A session with messages of each kind.
async fn talk(program: &Program) {
    let mut client = Client::transceiver(program.smpp).await;
    for (to, text) in [("49171", "one"), ("99900", "two"), ("99923", "refused")] {
        client.send(&submit_sm(to, text, 1)).await;
        client.read().await;
    }
    // The receipt for the first two.
    client.read().await;
    client.read().await;
    let long = "x".repeat(250);
    client.send(&submit_sm("49171", &long, 0)).await;
    client.read().await;
    let mo = json!({"from": "49171", "to": "100", "text": "Ж"});
    let reading = async {
        let pdu = client.try_read().await.unwrap();
        client.respond(&pdu, CommandStatus::ESME_ROK).await;
    };
    tokio::join!(program.main("POST", "mo", &mo), reading);
}

async fn download(program: &Program, query: &str) -> Vec<u8> {
    download_of(program, "main", query).await
}

/// Of a session whose last PDU is a submit_sm_resp. What a client has read is in the capture only
/// when the write of the server has returned.
async fn download_to_the_response(program: &Program) -> Vec<u8> {
    loop {
        let capture = download(program, "").await;
        if capture.windows(4).any(|four| four == [0x80, 0, 0, 4]) {
            return capture;
        }
    }
}

async fn download_of(program: &Program, smsc: &str, query: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(program.http).await.unwrap();
    let request = format!(
        "GET /api/v1/smscs/{smsc}/capture.pcapng{query} HTTP/1.1\r\nhost: localhost\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n");
    answer.split_off(body.unwrap() + 4)
}

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
        said.contains("on 1 connection") && said.contains(", 0 octets lost"),
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

#[tokio::test]
async fn a_client_is_played_again_and_other_answers_are_told() {
    let file = TestFile::new("client.pcapng");
    let program = Program::start(&["--seed", "7"]);
    talk(&program).await;
    fs::write(&file.0, download(&program, "").await).unwrap();
    let replay = |to: &str| {
        let output = run(&[
            "capture",
            "replay",
            file.path(),
            "--as",
            "client",
            "--to",
            to,
            "--speed",
            "0",
        ]);
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said)
    };
    let again = Program::start(&["--seed", "7"]);
    let (code, said) = replay(&again.smpp.to_string());
    assert_eq!(code, Some(0), "{said}");
    let same = Program::start(&["--seed", "7"]);
    let to = same.smpp.to_string();
    let short = run(&["replay", file.path(), "--to", &to, "--speed", "0"]);
    assert_eq!(short.status.code(), Some(0));
    assert_eq!(String::from_utf8(short.stdout).unwrap(), said);
    assert!(
        said.contains("5 requests sent: 5 answered as in the capture"),
        "{said}"
    );
    let refuse = json!({"submit_status": "ESME_RSYSERR"});
    again.main("POST", "behaviour", &refuse).await;
    let (code, said) = replay(&again.smpp.to_string());
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("ESME_ROK in the capture, ESME_RSYSERR here"),
        "{said}"
    );
}

/// A session in which the server asks nothing.
async fn ask_only(program: &Program) {
    let mut client = Client::transceiver(program.smpp).await;
    client.send(&submit_sm("49171", "one", 0)).await;
    client.read().await;
}

#[tokio::test]
async fn a_server_is_played_again() {
    let talkative = Program::start(&[]);
    talk(&talkative).await;
    play_server(&download(&talkative, "").await, "talkative.pcapng").await;
    let quiet = Program::start(&[]);
    ask_only(&quiet).await;
    play_server(&download(&quiet, "").await, "quiet.pcapng").await;
}

/// Although its client stays, and without waiting for what cannot come.
#[tokio::test]
async fn a_played_server_ends_with_its_last_response() {
    let program = Program::start(&[]);
    ask_only(&program).await;
    let file = TestFile::new("ends.pcapng");
    fs::write(&file.0, download_to_the_response(&program).await).unwrap();
    let (stream, playing) = played_server(&file, "0").await;
    let mut client = Client::over(stream);
    client
        .try_bind(CommandId::BIND_TRANSCEIVER, "esme", "secret")
        .await;
    client.send(&submit_sm("49171", "one", 0)).await;
    client.read().await;
    let output = tokio::time::timeout(Duration::from_secs(8), playing).await;
    let output = output.expect("it ends before its silence does").unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn a_replay_that_was_cut_short_is_none() {
    let program = Program::start(&[]);
    talk(&program).await;
    let file = TestFile::new("short.pcapng");
    fs::write(&file.0, download(&program, "").await).unwrap();
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap().to_string();
    let args = ["replay", file.path(), "--to", &to, "--speed", "0"];
    let mut command = command(&args);
    let playing = tokio::task::spawn_blocking(move || command.output().unwrap());
    let (mut stream, _) = server.accept().await.unwrap();
    let mut head = [0; 16];
    stream.read_exact(&mut head).await.unwrap();
    // The bind is answered, and that is all.
    let mut answer = [0, 0, 0, 17, 0x80, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    answer[7] = head[7];
    answer[12..16].copy_from_slice(&head[12..]);
    stream.write_all(&answer).await.unwrap();
    drop(stream);
    let output = playing.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("not sent"), "{said}");
}

async fn play_server(capture: &[u8], name: &str) {
    let file = TestFile::new(name);
    fs::write(&file.0, capture).unwrap();
    let (mut stream, playing) = played_server(&file, "0").await;
    let bind = [&[
        0_u8, 0, 0, 25, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 42, b'a', 0, b'b', 0, 0, 0x34, 0, 0, 0,
    ][..]]
    .concat();
    stream.write_all(&bind).await.unwrap();
    let mut head = [0; 16];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[4..8], [0x80, 0, 0, 9]);
    assert_eq!(
        head[8..],
        [0, 0, 0, 0, 0, 0, 0, 42],
        "our number, its answer"
    );
    drop(stream);
    let output = playing.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("1 requests of the other side answered"),
        "{said}"
    );
}

/// A connection to a captured server that is played at that speed.
async fn played_server(file: &TestFile, speed: &str) -> (TcpStream, JoinHandle<Output>) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let to = address.to_string();
    let args = [
        "capture",
        "replay",
        file.path(),
        "--as",
        "server",
        "--to",
        &to,
    ];
    let mut command = command(&args);
    command.args(["--speed", speed]);
    let playing = tokio::task::spawn_blocking(move || command.output().unwrap());
    loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            return (stream, playing);
        }
        tokio::task::yield_now().await;
    }
}

/// Binds, submits to `to`, and reads two more PDUs; how long the second took to come, too.
async fn submit_and_read_two<S>(client: &mut Client<S>, to: &str) -> (Vec<CommandId>, Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    client.send(&submit_sm(to, "hi", 1)).await;
    let sent = Instant::now();
    let mut commands = Vec::new();
    for _ in 0..2 {
        commands.push(client.read().await.command_id());
    }
    (commands, sent.elapsed())
}

/// The receipt comes before the response, which takes its time.
#[tokio::test]
async fn a_server_that_is_played_again_keeps_its_order_and_its_delays() {
    const FIRST: [CommandId; 2] = [CommandId::DELIVER_SM, CommandId::SUBMIT_SM_RESP];
    /// Of the response to the destination 11.
    const LATENCY: Duration = Duration::from_millis(100);
    let program = Program::start(&[]);
    let mut client = Client::transceiver(program.smpp).await;
    let (commands, _) = submit_and_read_two(&mut client, "99911").await;
    assert_eq!(commands, FIRST);
    let file = TestFile::new("order.pcapng");
    fs::write(&file.0, download_to_the_response(&program).await).unwrap();
    for (speed, at_least) in [("1", LATENCY * 9 / 10), ("0", Duration::ZERO)] {
        let (stream, playing) = played_server(&file, speed).await;
        let mut client = Client::over(stream);
        let bind = CommandId::BIND_TRANSCEIVER;
        let status = client.try_bind(bind, "esme", "secret").await;
        assert_eq!(status, CommandStatus::ESME_ROK);
        let (commands, time) = submit_and_read_two(&mut client, "99911").await;
        assert_eq!(commands, FIRST, "speed {speed}");
        assert!(time >= at_least, "speed {speed}: {time:?}");
        drop(client);
        playing.await.unwrap();
    }
}

#[tokio::test]
async fn a_replay_that_cannot_connect_names_the_address() {
    let file = TestFile::new("closed.pcapng");
    let program = Program::start(&[]);
    ask_only(&program).await;
    fs::write(&file.0, download(&program, "").await).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = free.local_addr().unwrap().to_string();
    drop(free);
    let output = run(&["replay", file.path(), "--to", &to]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("cannot connect to {to}")), "{said}");
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
