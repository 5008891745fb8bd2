//! Octets that no ESME should send: the connection that sends them is closed or answered, the
//! process hardly grows, and the others do not notice. Inputs of the kind that made known servers
//! allocate what was declared or stop accepting.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::time::Duration;

use bytes::BytesMut;
use signalbox_codec::{CommandId, CommandStatus, Pdu, encode_pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::program::Program;
use support::{Client, PATIENCE, smsc, submit_sm};

/// Growth of the process that one input may cause.
const GROWTH_OCTETS_MAX: u64 = 1024 * 1024;
/// Times that each input is sent.
const ROUNDS: usize = 5;
/// Tries: an allocator may take a piece of memory once, and what an input leaks it leaks each time.
const TRIES: usize = 3;

/// What has to come back.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// The connection ends, whatever was said before.
    Closed,
    /// The first answer has this command_status, and the session lives.
    Answered(CommandStatus),
    /// No answer, and the session lives.
    Ignored,
}

struct Case {
    name: &'static str,
    bound: bool,
    octets: Vec<u8>,
    outcome: Outcome,
}

fn case(name: &'static str, bound: bool, octets: Vec<u8>, outcome: Outcome) -> Case {
    Case {
        name,
        bound,
        octets,
        outcome,
    }
}

fn pdu(command_length: u32, command_id: u32, body: &[u8]) -> Vec<u8> {
    let mut octets = command_length.to_be_bytes().to_vec();
    octets.extend(command_id.to_be_bytes());
    octets.extend(0u32.to_be_bytes());
    octets.extend(77u32.to_be_bytes());
    octets.extend(body);
    octets
}

fn framed(command_id: u32, body: &[u8]) -> Vec<u8> {
    pdu(16 + u32::try_from(body.len()).unwrap(), command_id, body)
}

/// Noise that repeats, with a first length that is out of range.
fn noise(octets: usize) -> Vec<u8> {
    let mut state = 7u64;
    let next = std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8 | 0x80
    });
    next.take(octets).collect()
}

fn submit_with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = BytesMut::new();
    let submit = submit_sm("49171", "hello", 0);
    encode_pdu(&submit, CommandStatus::ESME_ROK, 77, &mut out);
    let mut octets = out.to_vec();
    change(&mut octets);
    let length = u32::try_from(octets.len()).unwrap();
    octets[..4].copy_from_slice(&length.to_be_bytes());
    octets
}

/// What cannot be cut into PDUs.
fn broken_streams() -> Vec<Case> {
    use Outcome::Closed;
    let big_bind = [vec![b'x'; 1_000], vec![0, 0, 0, 0x34, 0, 0, 0]].concat();
    let a_gibibyte = [pdu(1 << 30, 4, &[]), vec![0; 64 * 1024]].concat();
    vec![
        case("length 0", false, pdu(0, 4, &[]), Closed),
        case("length 2", false, vec![0, 0, 0, 2, 0], Closed),
        case("length 15", false, pdu(15, 0x15, &[]), Closed),
        case("length 0 when bound", true, pdu(0, 4, &[]), Closed),
        case("length 0x7fffffff", true, pdu(0x7FFF_FFFF, 4, &[]), Closed),
        case("length 0x80000000", true, pdu(0x8000_0000, 4, &[]), Closed),
        case("length 0xffffffff", true, pdu(u32::MAX, 4, &[]), Closed),
        case("length 1 GiB and data", true, a_gibibyte, Closed),
        case("length over the cap", true, pdu(70_001, 4, &[]), Closed),
        case(
            "length 257 before the bind",
            false,
            pdu(257, 9, &[]),
            Closed,
        ),
        case(
            "system_id of 1,000 octets",
            false,
            framed(9, &big_bind),
            Closed,
        ),
        case(
            "HTTP",
            false,
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            Closed,
        ),
        case(
            "TLS hello",
            false,
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
            Closed,
        ),
        case(
            "SSH banner",
            false,
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            Closed,
        ),
        case("SMTP", false, b"EHLO example.org\r\n".to_vec(), Closed),
        case("512 KiB of noise", false, noise(512 * 1024), Closed),
        case(
            "512 KiB of noise when bound",
            true,
            noise(512 * 1024),
            Closed,
        ),
    ]
}

/// PDUs that are wrong, or come at the wrong time.
fn bad_pdus() -> Vec<Case> {
    use Outcome::{Answered, Ignored};
    let bind = b"esme\0secret\0\0\x34\0\0\0";
    vec![
        case(
            "unknown command_id",
            true,
            framed(0x0001_0299, b"?"),
            Answered(CommandStatus::ESME_RINVCMDID),
        ),
        case(
            "submit_sm before the bind",
            false,
            submit_with(|_| {}),
            Answered(CommandStatus::ESME_RINVBNDSTS),
        ),
        case(
            "submit_sm that is a header only",
            true,
            framed(4, &[]),
            Answered(CommandStatus::ESME_RINVCMDLEN),
        ),
        case(
            "sm_length beyond the PDU",
            true,
            submit_with(|octets| {
                let at = octets.len() - 6;
                octets[at] = 200;
            }),
            Answered(CommandStatus::ESME_RINVMSGLEN),
        ),
        case(
            "second bind",
            true,
            framed(9, bind),
            Answered(CommandStatus::ESME_RALYBND),
        ),
        case(
            "response that nobody asked for",
            true,
            framed(0x8000_0004, b"1\0"),
            Ignored,
        ),
        case("generic_nack", true, framed(0x8000_0000, &[]), Ignored),
    ]
}

async fn attack(address: std::net::SocketAddr, case: &Case) {
    let mut client = if case.bound {
        Client::transceiver(address).await
    } else {
        Client::connect(address).await
    };
    // The simulator may close before it has read everything.
    client.try_send_octets(&case.octets).await;
    match case.outcome {
        Outcome::Closed => {
            while let Ok(nack) = client.try_read().await {
                assert_eq!(nack.command_id(), CommandId::GENERIC_NACK, "{}", case.name);
            }
        }
        Outcome::Answered(status) => {
            let answer = client.read().await;
            assert_eq!(answer.header.command_status, status, "{}", case.name);
            assert_eq!(answer.header.sequence_number, 77, "{}", case.name);
            still_lives(&mut client, case.name).await;
        }
        Outcome::Ignored => still_lives(&mut client, case.name).await,
    }
}

async fn still_lives(client: &mut Client, name: &str) {
    let number = client.send(&Pdu::EnquireLink).await;
    let answer = client.read().await;
    assert_eq!(answer.command_id(), CommandId::ENQUIRE_LINK_RESP, "{name}");
    assert_eq!(answer.header.sequence_number, number, "{name}");
}

#[tokio::test]
async fn hostile_octets_cost_one_connection_and_no_memory() {
    // What the rings keep is bounded by its own settings.
    let program = Program::start(&["--record", "100", "--capture-octets", "65536"]);
    let mut honest = Client::transceiver(program.smpp).await;
    for case in broken_streams().into_iter().chain(bad_pdus()) {
        attack(program.smpp, &case).await;
        let mut growths = Vec::new();
        for _ in 0..TRIES {
            growths.push(growth_by(&program, &case, &mut honest).await);
            if growths.last() < Some(&GROWTH_OCTETS_MAX) {
                break;
            }
        }
        let least = growths.iter().min();
        assert!(
            least < Some(&GROWTH_OCTETS_MAX),
            "{}: {growths:?}",
            case.name
        );
    }
    honest.unbind().await;
}

/// Octets that the process is larger after some rounds of attacks, while others are served.
async fn growth_by(program: &Program, case: &Case, honest: &mut Client) -> u64 {
    let before = program.resident_octets();
    for _ in 0..ROUNDS {
        attack(program.smpp, case).await;
        honest.send(&submit_sm("49171", "hello", 0)).await;
        let answer = tokio::time::timeout(PATIENCE, honest.read()).await;
        let answer = answer.expect(case.name);
        assert!(answer.header.command_status.is_ok(), "{}", case.name);
    }
    program.resident_octets().saturating_sub(before)
}

#[tokio::test]
async fn a_bind_in_single_octets_is_a_bind() {
    let smsc = smsc(|_| {}).await;
    let mut client = Client::connect(smsc.addr()).await;
    for octet in framed(9, b"esme\0secret\0\0\x34\0\0\0") {
        client.send_octets(&[octet]).await;
        tokio::task::yield_now().await;
    }
    let resp = client.read().await;
    assert_eq!(resp.command_id(), CommandId::BIND_TRANSCEIVER_RESP);
    assert!(resp.header.command_status.is_ok());
}

#[tokio::test]
async fn idle_connections_are_closed_by_the_session_init_timer() {
    const CONNECTIONS: usize = 2_000;
    let timer = Duration::from_secs(3);
    let smsc = smsc(|s| s.session.session_init_timer = timer).await;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(TcpStream::connect(smsc.addr()).await.unwrap());
    }
    let mut honest = Client::transceiver(smsc.addr()).await;
    honest.send(&submit_sm("49171", "hello", 0)).await;
    assert!(honest.read().await.header.command_status.is_ok());
    for mut stream in idle {
        let closed = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        assert!(closed.expect("closed by the timer").is_err());
    }
    honest.unbind().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let smsc = smsc(|s| s.connections_max = 1).await;
    let mut client = Client::transceiver(smsc.addr()).await;
    let mut refused = TcpStream::connect(smsc.addr()).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, refused.read_u8()).await;
    assert!(closed.expect("closed at once").is_err());
    client.send(&submit_sm("49171", "hello", 0)).await;
    assert!(client.read().await.header.command_status.is_ok());
    client.unbind().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_held_back_and_costs_bounded_memory() {
    // What the rings keep is bounded by its own settings.
    let program = Program::start(&["--record", "0", "--capture-octets", "0"]);
    let mut deaf = Client::transceiver(program.smpp).await.into_stream();
    let mut out = BytesMut::new();
    for number in 0..1_000 {
        let submit = submit_sm("49171", "hello", 0);
        encode_pdu(&submit, CommandStatus::ESME_ROK, number, &mut out);
    }
    let before = program.resident_octets();
    let stuck = Duration::from_secs(1);
    let mut written = 0;
    while written < 64 * 1024 * 1024
        && let Ok(result) = tokio::time::timeout(stuck, deaf.write_all(&out)).await
    {
        result.unwrap();
        written += out.len();
    }
    let growth = program.resident_octets().saturating_sub(before);
    assert!(written < 64 * 1024 * 1024, "the peer was not held back");
    assert!(growth < 4 * 1024 * 1024, "{growth} octets");
    let mut honest = Client::transceiver(program.smpp).await;
    honest.send(&submit_sm("49171", "hello", 0)).await;
    assert!(honest.read().await.header.command_status.is_ok());
}
