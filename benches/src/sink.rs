//! Receiver of callbacks that costs as little as can be: it answers each request with 204 and
//! counts the events by their type.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const READ_OCTETS: usize = 64 * 1024;

/// Counters of a sink.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests in all.
    pub requests: AtomicU64,
    /// Requests whose body says `message.delivered`.
    pub delivered: AtomicU64,
    changed: Notify,
}

/// A listening sink.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it saw.
    pub counts: Arc<Counts>,
}

impl Sink {
    /// Listens on any free port of the loopback.
    ///
    /// # Errors
    /// The system's.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let accepting = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, Arc::clone(&accepting)));
            }
        });
        Ok(Self { address, counts })
    }

    /// Waits until so many `message.delivered` events have come.
    pub async fn wait_for_delivered(&self, count: u64) {
        loop {
            let changed = self.counts.changed.notified();
            if self.counts.delivered.load(Ordering::Acquire) >= count {
                return;
            }
            changed.await;
        }
    }
}

async fn answer_all(mut stream: TcpStream, counts: Arc<Counts>) {
    // A connection that breaks ends its counting; the run's own total shows what is missing.
    let _ = stream.set_nodelay(true);
    let mut octets = Vec::with_capacity(READ_OCTETS);
    let mut answers = Vec::new();
    loop {
        let mut whole = 0;
        let mut delivered = 0;
        answers.clear();
        while let Some(end) = request_end(&octets[whole..]) {
            let request = &octets[whole..whole + end];
            delivered += u64::from(contains(request, b"message.delivered"));
            answers.extend_from_slice(ANSWER);
            whole += end;
        }
        octets.drain(..whole);
        if !answers.is_empty() {
            let requests = (answers.len() / ANSWER.len()) as u64;
            counts.requests.fetch_add(requests, Ordering::Release);
            counts.delivered.fetch_add(delivered, Ordering::Release);
            counts.changed.notify_waiters();
            // One write for the requests of one read, as servers do that know pipelining.
            if stream.write_all(&answers).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut octets).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Where the first request ends, if it is complete.
fn request_end(octets: &[u8]) -> Option<usize> {
    let head = memmem::find(octets, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&octets[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let end = head + length.unwrap_or(0);
    (octets.len() >= end).then_some(end)
}

fn contains(octets: &[u8], word: &[u8]) -> bool {
    memmem::find(octets, word).is_some()
}
