//! The channel against small HTTP servers on the loopback interface; the servers are here, what is
//! expected is in the modules.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use signalbox_router::{Message, MessageId, State};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::webhook::encode::Signer;
use crate::webhook::testing::callback;

mod answers;
mod endings;
mod pipelines;
mod slowness;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATIENCE: Duration = Duration::from_secs(20);
/// More answers on a kept connection than it takes until requests are pipelined.
const KEPT_ANSWERS: usize = 100;
const KEPT: &[u8] = b"HTTP/1.1 204 x\r\n\r\n";

/// What the server has seen.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<(HeaderMap, Bytes)>>,
}

struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.connections.fetch_add(1, Ordering::Relaxed);
                let (seen, tls) = (Arc::clone(&counted), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }
}

/// Answers by the path: `/200`, `/503` …, `/hang`, `/slow` (more than a second later), `/once`
/// (closes), `/long` (a large body).
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, seen: Arc<Seen>) {
    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            seen.requests.lock().unwrap().push((head.headers, body));
            let path = head.uri.path();
            if path == "/hang" {
                std::future::pending::<()>().await;
            }
            if path == "/slow" {
                tokio::time::sleep(Duration::from_millis(1_100)).await;
            }
            let octets = if path == "/long" { 100_000 } else { 2 };
            let mut response = Response::new(Full::new(Bytes::from(vec![b'x'; octets])));
            let headers = response.headers_mut();
            match path {
                "/once" => drop(headers.insert("connection", "close".parse().unwrap())),
                "/302" => drop(headers.insert("location", "/200".parse().unwrap())),
                "/429" => drop(headers.insert("retry-after", "3".parse().unwrap())),
                _ => {}
            }
            *response.status_mut() = path[1..].parse().unwrap_or_default();
            Ok::<_, Infallible>(response)
        }
    });
    // A client that goes is no failure of the server.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await,
    );
}

/// Requests on one connection, as they come.
struct Requests {
    stream: TcpStream,
    octets: Vec<u8>,
}

impl Requests {
    /// Waits until so many have come; false: the other side has closed before.
    async fn come(&mut self, count: usize) -> bool {
        while self.count() < count {
            if !matches!(self.stream.read_buf(&mut self.octets).await, Ok(1..)) {
                return false;
            }
        }
        true
    }

    fn count(&self) -> usize {
        let text = str::from_utf8(&self.octets).unwrap();
        text.matches("webhook-id: ").count()
    }

    async fn answer(&mut self, answer: &[u8]) {
        // Whoever has gone wants no answer.
        drop(self.stream.write_all(answer).await);
    }
}

/// A server that does the same with each connection; its URL.
async fn server<F: Future<Output = ()> + Send + 'static>(
    each: impl Fn(Requests) -> F + Send + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let octets = Vec::new();
            tokio::spawn(each(Requests { stream, octets }));
        }
    });
    (url, task)
}

struct Rig {
    channel: WebhookChannel,
    inbox: mpsc::Receiver<Vec<Input>>,
    messages: u128,
}

impl Rig {
    fn new(config: WebhookConfig) -> Self {
        let (sender, inbox) = mpsc::channel(1_024);
        let channel = WebhookChannel::spawn(config, sender).unwrap();
        Self {
            channel,
            inbox,
            messages: 0,
        }
    }

    fn dispatch(&mut self, messages: Vec<Message>) {
        let dispatches = messages.into_iter().map(|message| {
            self.messages += 1;
            let message = Message {
                id: MessageId(self.messages),
                ..message
            };
            Dispatch {
                delivery: DeliveryId {
                    message: message.id,
                    recipient: 0,
                },
                message: Arc::new(message),
                parts_done: Vec::new(),
                attempt: 1,
            }
        });
        self.channel
            .handle
            .send(ToChannel::Dispatch(dispatches.collect()))
            .unwrap();
    }

    /// The next so many outcomes with the numbers of their messages.
    async fn outcomes(&mut self, count: usize) -> Vec<(u128, Outcome)> {
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            let batch = timeout(PATIENCE, self.inbox.recv())
                .await
                .expect("in time")
                .unwrap();
            for input in batch {
                if let Input::Outcome { part, outcome, .. } = input {
                    outcomes.push((part.delivery.message.0, outcome));
                }
            }
        }
        outcomes
    }

    async fn outcome_of(&mut self, url: &str) -> Outcome {
        self.dispatch(vec![callback(url, State::Delivered)]);
        self.outcomes(1).await.remove(0).1
    }
}

fn signed() -> WebhookConfig {
    WebhookConfig {
        signers: [(Arc::from("shop"), Signer::new(SECRET).unwrap())].into(),
        timeout: Duration::from_millis(300),
        ..WebhookConfig::default()
    }
}

fn over_one_connection() -> WebhookConfig {
    WebhookConfig {
        connections_max: 1,
        ..signed()
    }
}
