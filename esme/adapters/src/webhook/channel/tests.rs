//! The channel against a small HTTP server on the loopback interface.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
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
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::webhook::encode::{Signer, signature};
use crate::webhook::pool::JOBS_MAX;
use crate::webhook::testing::{callback, inbound};

mod endings;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATIENCE: Duration = Duration::from_secs(20);

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

#[tokio::test]
async fn callbacks_are_signed_and_share_a_connection() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(signed());
    for _ in 0..3 {
        assert_eq!(
            rig.outcome_of(&server.url("/200")).await,
            Outcome::Delivered
        );
    }
    rig.dispatch(vec![inbound(&server.url("/204"))]);
    assert_eq!(rig.outcomes(1).await[0].1, Outcome::Delivered);
    assert_eq!(server.connections(), 1);
    let requests = server.seen.requests.lock().unwrap();
    for (number, (headers, body)) in requests.iter().enumerate() {
        let text = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(
            text("webhook-id"),
            MessageId(number as u128 + 1).to_string()
        );
        assert_eq!(text("content-type"), "application/json");
        assert_eq!(text("host"), server.address.to_string());
        let (id, timestamp) = (text("webhook-id"), text("webhook-timestamp"));
        assert_eq!(
            text("webhook-signature"),
            signature(SECRET, id, timestamp, body).unwrap()
        );
    }
    let last = str::from_utf8(&requests[3].1).unwrap();
    assert!(last.contains("inbound.received"), "{last}");
}

#[tokio::test]
async fn answers_become_outcomes() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        signers: Default::default(),
        ..signed()
    });
    let rows = [
        ("/200", "delivered"),
        ("/302", "rejected 302"),
        ("/410", "rejected 410"),
        ("/404", "rejected 404"),
        ("/429", "retry 429 after 3000"),
        ("/503", "retry 503"),
        ("/hang", "retry 0"),
        ("/200", "delivered"),
    ];
    for (path, expected) in rows {
        let in_short = match rig.outcome_of(&server.url(path)).await {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Rejected { error } => format!("rejected {}", error.value()),
            Outcome::RetryAfter {
                error,
                after_ms: None,
            } => format!("retry {}", error.value()),
            Outcome::RetryAfter {
                error,
                after_ms: Some(after_ms),
            } => {
                format!("retry {} after {after_ms}", error.value())
            }
            other => format!("{other:?}"),
        };
        assert_eq!(in_short, expected, "{path}");
    }
    let requests = server.seen.requests.lock().unwrap();
    assert!(
        requests
            .iter()
            .all(|(headers, _)| !headers.contains_key("webhook-signature"))
    );
}

#[tokio::test]
async fn a_connection_that_cannot_be_kept_is_replaced() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(signed());
    for path in ["/once", "/once", "/long", "/200"] {
        assert_eq!(
            rig.outcome_of(&server.url(path)).await,
            Outcome::Delivered,
            "{path}"
        );
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_by_name() {
    let shut = WebhookConfig {
        allow_loopback: false,
        ..signed()
    };
    let mut rig = Rig::new(shut);
    let rows = [
        ("http://127.0.0.1:9/", "this machine"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("ftp://example/", "only http and https"),
        ("nonsense", "only http and https"),
    ];
    for (url, words) in rows {
        match rig.outcome_of(url).await {
            Outcome::Rejected { error } => {
                assert!(error.name().contains(words), "{}", error.name())
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut rig = Rig::new(signed());
    match rig.outcome_of(&format!("http://127.0.0.1:{port}/")).await {
        Outcome::RetryAfter {
            error,
            after_ms: None,
        } => {
            assert!(error.name().contains("refused"), "{}", error.name());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_callbacks_over_few_connections_each_once() {
    const COUNT: usize = 3_000;
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 5,
        ..signed()
    });
    let url = server.url("/200");
    rig.dispatch(
        (0..COUNT)
            .map(|_| callback(&url, State::Delivered))
            .collect(),
    );
    let outcomes = rig.outcomes(COUNT).await;
    let numbers: HashSet<u128> = outcomes.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers.len(), COUNT);
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Delivered)
    );
    assert!(
        server.connections() <= 5,
        "{} connections",
        server.connections()
    );
    assert_eq!(server.seen.requests.lock().unwrap().len(), COUNT);
}

#[tokio::test]
async fn slow_callback_does_not_stall() {
    let (slow, quick) = (Server::start(None).await, Server::start(None).await);
    let patient = WebhookConfig {
        connections_max: 4,
        timeout: Duration::from_secs(60),
        ..signed()
    };
    let mut rig = Rig::new(patient);
    let hanging = callback(&slow.url("/hang"), State::Sent);
    rig.dispatch(vec![hanging; 100]);
    assert_eq!(rig.outcome_of(&quick.url("/200")).await, Outcome::Delivered);
    assert!(slow.connections() <= 4);
}

/// Nothing is known of the server yet, and its first answer is far away.
#[tokio::test]
async fn a_server_without_a_sign_does_not_keep_all_credit() {
    const CONNECTIONS_MAX: usize = 4;
    // Each connection has one, and as many may wait.
    const KEPT_MAX: usize = CONNECTIONS_MAX * 2;
    let (slow, quick) = (Server::start(None).await, Server::start(None).await);
    let mut rig = Rig::new(WebhookConfig {
        connections_max: CONNECTIONS_MAX,
        timeout: Duration::from_secs(60),
        ..signed()
    });
    let hanging = callback(&slow.url("/hang"), State::Sent);
    rig.dispatch(vec![hanging; CREDIT as usize]);
    let returned = rig.outcomes(CREDIT as usize - KEPT_MAX).await;
    let is_later = |outcome: &Outcome| matches!(outcome, Outcome::RetryAfter { .. });
    assert!(returned.iter().all(|(_, outcome)| is_later(outcome)));
    assert_eq!(rig.outcome_of(&quick.url("/200")).await, Outcome::Delivered);
}

#[tokio::test]
async fn a_slow_answer_gives_back_what_waits() {
    // The first is quick; then the worker has a batch of which one is answered, and one may wait.
    const RETURNED: usize = 100 - 1 - JOBS_MAX - 1;
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 1,
        timeout: Duration::from_secs(60),
        ..signed()
    });
    let mut callbacks = vec![callback(&server.url("/slow"), State::Sent); 100];
    callbacks[0] = callback(&server.url("/200"), State::Sent);
    rig.dispatch(callbacks);
    let outcomes = rig.outcomes(2 + RETURNED).await;
    let later = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::RetryAfter { .. }));
    assert_eq!(later.count(), RETURNED);
}

#[tokio::test]
async fn a_server_that_does_not_answer_gets_little() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 2,
        ..signed()
    });
    let hanging = callback(&server.url("/hang"), State::Sent);
    rig.dispatch(vec![hanging.clone(); 100]);
    let outcomes = rig.outcomes(100).await;
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::RetryAfter { .. }))
    );
    let tried = server.seen.requests.lock().unwrap().len();
    assert!(tried <= 6, "{tried} of 100 were tried");
    assert_eq!(
        rig.outcome_of(&server.url("/200")).await,
        Outcome::Delivered
    );
}

#[tokio::test]
async fn drain_gives_back_what_waits_and_ends() {
    let server = Server::start(None).await;
    let mut rig = Rig::new(WebhookConfig {
        connections_max: 1,
        ..signed()
    });
    let url = server.url("/200");
    rig.dispatch((0..200).map(|_| callback(&url, State::Delivered)).collect());
    rig.channel.handle.send(ToChannel::Drain).unwrap();
    let outcomes = rig.outcomes(200).await;
    assert!(
        outcomes
            .iter()
            .any(|(_, outcome)| *outcome == Outcome::NotSent)
    );
    timeout(PATIENCE, rig.channel.task)
        .await
        .expect("it ends")
        .unwrap();
}

/// Answers the first request that it finds in what it reads, and forgets the rest, or (`closes`)
/// closes the connection then. `forgotten` counts how often there was a rest.
async fn serve_without_pipelining(
    listener: TcpListener,
    forgotten: Arc<AtomicUsize>,
    closes: bool,
) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let forgotten = Arc::clone(&forgotten);
        tokio::spawn(async move {
            let mut octets = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut octets).await {
                let text = str::from_utf8(&octets[..count]).unwrap();
                let has_rest = text.matches("webhook-id").count() > 1;
                forgotten.fetch_add(usize::from(has_rest), Ordering::Relaxed);
                if has_rest && closes {
                    return;
                }
                stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn what_a_server_forgets_of_a_pipeline_is_sent_again_one_by_one() {
    const COUNT: usize = 400;
    for closes in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let forgotten = Arc::new(AtomicUsize::new(0));
        let server = serve_without_pipelining(listener, Arc::clone(&forgotten), closes);
        let server = tokio::spawn(server);
        let mut rig = Rig::new(WebhookConfig {
            connections_max: 1,
            ..signed()
        });
        rig.dispatch(vec![callback(&url, State::Delivered); COUNT]);
        let outcomes = rig.outcomes(COUNT).await;
        let delivered = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == Outcome::Delivered);
        assert_eq!(delivered.count(), COUNT, "closes: {closes}");
        assert_eq!(
            forgotten.load(Ordering::Relaxed),
            1,
            "closes: {closes}, tried once"
        );
        server.abort();
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[tokio::test]
async fn https_with_an_authority_of_ones_own() {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let certificates = CertificateDer::pem_file_iter(fixture("server.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            certificates.collect::<Result<_, _>>().unwrap(),
            PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap(),
        )
        .unwrap();
    let server = Server::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = format!("https://localhost:{}/200", server.address.port());
    let mut trusting = Rig::new(WebhookConfig {
        ca: Some(fixture("ca.pem")),
        ..signed()
    });
    assert_eq!(trusting.outcome_of(&url).await, Outcome::Delivered);
    let mut other = Rig::new(signed());
    match other.outcome_of(&url).await {
        Outcome::RetryAfter { error, .. } => {
            assert!(error.name().contains("certificate"), "{}", error.name());
        }
        other => panic!("{other:?}"),
    }
    let missing = WebhookConfig {
        ca: Some(fixture("nothing.pem")),
        ..signed()
    };
    let (sender, _inbox) = mpsc::channel(1);
    let error = WebhookChannel::spawn(missing, sender).unwrap_err();
    assert!(error.to_string().contains("nothing.pem"), "{error}");
}
