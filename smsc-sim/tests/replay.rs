//! Captured sessions that are played again, from either side.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;
use signalbox_codec::{CommandId, CommandStatus};
use support::capture::{ask_only, download, download_to_the_response, submit_each_kind, talk};
use support::file::TestFile;
use support::program::{Program, command, run};
use support::{Client, submit_sm};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

#[tokio::test]
async fn a_client_is_played_again_and_other_answers_are_told() {
    let file = TestFile::new("client.pcapng");
    let program = Program::start(&["--seed", "7"]);
    submit_each_kind(&program).await.unbind().await;
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
        said.contains("6 requests sent: 6 answered as in the capture"),
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

/// A message from a phone is in the capture, and nobody sends one here.
#[tokio::test]
async fn a_played_client_does_not_wait_long_for_what_nobody_can_force() {
    let file = TestFile::new("unforced.pcapng");
    let program = Program::start(&["--seed", "7"]);
    talk(&program).await;
    fs::write(&file.0, download(&program, "").await).unwrap();
    let again = Program::start(&["--seed", "7"]);
    let to = again.smpp.to_string();
    let started = Instant::now();
    let output = run(&["replay", file.path(), "--to", &to, "--speed", "0"]);
    let time_s = started.elapsed().as_secs_f64();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // 2 s after the last PDU, and not only after the 10 s that a response may take.
    assert!((2.0..8.0).contains(&time_s), "{time_s}");
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
