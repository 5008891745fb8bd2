//! Load on the gateway's API: a stream of NDJSON lines, or single POSTs over several connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;

/// Lines in one piece of a stream.
const LINES_PER_PIECE: u64 = 256;

/// Text of every message: as long as one part can be.
const TEXT: &str = "The quick brown fox jumps over the lazy dog and runs on through the wide \
                    field until it reaches the river, where it stops to drink water.";

/// What a load needs to know.
#[derive(Clone, Debug)]
pub struct Target {
    /// The gateway.
    pub address: SocketAddr,
    /// Key of the account.
    pub key: String,
}

/// One message as the API takes it.
#[must_use]
pub fn message_json(number: u64) -> String {
    let to = 491_700_000_000 + number % 1_000_000;
    format!(r#"{{"to":"+{to}","from":"100","text":"{TEXT}"}}"#)
}

/// Sends `count` messages as one NDJSON stream; returns how many were accepted.
///
/// # Errors
/// When the connection breaks.
pub async fn send_stream(target: &Target, count: u64) -> io::Result<u64> {
    let (mut sender, connection) = connect(target.address).await?;
    let driving = tokio::spawn(connection);
    let request = request(target, "application/x-ndjson")
        .body(LineBody { next: 0, count })
        .map_err(io::Error::other)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let mut body = response.into_body();
    let mut accepted = 0;
    let mut partial = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            partial.extend_from_slice(&data);
            let whole = partial
                .iter()
                .rposition(|octet| *octet == b'\n')
                .map_or(0, |end| end + 1);
            accepted += partial[..whole]
                .split(|octet| *octet == b'\n')
                .filter(|line| memmem::find(line, b"\"id\":").is_some())
                .count() as u64;
            partial.drain(..whole);
        }
    }
    drop(sender);
    driving.abort();
    Ok(accepted)
}

/// Sends `count` messages as single POSTs over `connections` keep-alive connections; returns how
/// many were accepted.
///
/// # Errors
/// When a connection breaks.
pub async fn send_singly(target: &Target, count: u64, connections: u64) -> io::Result<u64> {
    let tasks: Vec<_> = (0..connections)
        .map(|first| tokio::spawn(post_each(target.clone(), first, count, connections)))
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.map_err(io::Error::other)??;
    }
    Ok(accepted)
}

async fn post_each(target: Target, first: u64, count: u64, step: u64) -> io::Result<u64> {
    let (mut sender, connection) = connect(target.address).await?;
    let driving = tokio::spawn(connection);
    let mut accepted = 0;
    let mut number = first;
    while number < count {
        let request = request(&target, "application/json")
            .body(Full::new(Bytes::from(message_json(number))))
            .map_err(io::Error::other)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        accepted += u64::from(response.status() == hyper::StatusCode::ACCEPTED);
        response
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?;
        number += step;
    }
    driving.abort();
    Ok(accepted)
}

async fn connect<B>(
    address: SocketAddr,
) -> io::Result<(
    http1::SendRequest<B>,
    impl Future<Output = Result<(), hyper::Error>>,
)>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)
}

fn request(target: &Target, content_type: &str) -> hyper::http::request::Builder {
    hyper::Request::post("/v1/messages")
        .header("host", target.address.to_string())
        .header("authorization", format!("Bearer {}", target.key))
        .header("content-type", content_type)
}

/// A body of numbered messages, made as it is read.
struct LineBody {
    next: u64,
    count: u64,
}

impl Body for LineBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.next >= self.count {
            return Poll::Ready(None);
        }
        let end = (self.next + LINES_PER_PIECE).min(self.count);
        let mut piece = String::with_capacity(LINES_PER_PIECE as usize * 220);
        for number in self.next..end {
            piece.push_str(&message_json(number));
            piece.push('\n');
        }
        self.next = end;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }
}
