//! Measures what idle binds cost a running simulator: resident memory of its process per bind, and
//! how soon enquire_link is answered on all of them.
//! `idle_binds 127.0.0.1:2775 PID [BINDS]`; both processes need as many file descriptors.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use signalbox_codec::pdu::Bind;
use signalbox_codec::{COctetStr, CommandStatus, HEADER_OCTETS, Pdu, encode_pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Over how long the enquire_links of all binds are spread.
const SPREAD: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("wanted: ADDRESS PID [BINDS]")?;
    let pid = args.next().ok_or("wanted: ADDRESS PID [BINDS]")?;
    let binds: u32 = args.next().map_or(Ok(10_000), |binds| binds.parse())?;
    let before = resident_octets(&pid)?;
    let mut streams = Vec::new();
    for _ in 0..binds {
        streams.push(bound(&address).await?);
    }
    let octets = resident_octets(&pid)?.saturating_sub(before);
    let kib_each = octets as f64 / 1024.0 / f64::from(binds);
    println!("{binds} binds: {kib_each:.1} KiB each");

    let start = Instant::now();
    let mut asking = Vec::new();
    for (at, stream) in (0..).zip(streams) {
        asking.push(tokio::spawn(enquire(stream, start + SPREAD * at / binds)));
    }
    let mut latencies = Vec::new();
    for asked in asking {
        latencies.push(asked.await??);
    }
    latencies.sort_unstable();
    let quantile = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let (p50, p99, max) = (quantile(50), quantile(99), quantile(100));
    println!("enquire_link spread over {SPREAD:?}: p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?}");
    Ok(())
}

async fn bound(address: &str) -> Result<TcpStream, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let bind = Bind {
        system_id: COctetStr::new(b"idle").ok_or("there is a NUL in it")?,
        interface_version: 0x34,
        ..Bind::default()
    };
    let mut octets = BytesMut::new();
    let pdu = Pdu::BindTransceiver(bind);
    encode_pdu(&pdu, CommandStatus::ESME_ROK, 1, &mut octets);
    stream.write_all(&octets).await?;
    let command_length = stream.read_u32().await? as usize;
    let mut rest = vec![0; command_length.saturating_sub(4)];
    stream.read_exact(&mut rest).await?;
    Ok(stream)
}

async fn enquire(mut stream: TcpStream, due: Instant) -> std::io::Result<Duration> {
    tokio::time::sleep_until(due.into()).await;
    let mut octets = BytesMut::new();
    encode_pdu(&Pdu::EnquireLink, CommandStatus::ESME_ROK, 2, &mut octets);
    let sent = Instant::now();
    stream.write_all(&octets).await?;
    stream.read_exact(&mut [0; HEADER_OCTETS]).await?;
    Ok(sent.elapsed())
}

fn resident_octets(pid: &str) -> Result<usize, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    Ok(kib.ok_or("the kernel tells no VmRSS")?.parse::<usize>()? * 1024)
}
