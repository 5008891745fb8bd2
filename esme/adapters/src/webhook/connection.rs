//! One connection to an application: connect, one request at a time, keep it for the next. I/O
//! only; it belongs to a worker of `channel.rs`. HTTP/1.1 by hyper, whose connection is polled in
//! the worker's own task: a request costs no other task's wake-up.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::config::{WebhookConfig, WebhookConfigError};
use super::target::{Origin, denied};

/// Octets of an answer's body that are read so that the connection can be used again; with more it
/// is closed.
const RESPONSE_OCTETS_MAX: usize = 64 * 1024;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// Where systems keep the authorities that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl Stream for TcpStream {}
impl Stream for tokio_rustls::client::TlsStream<TcpStream> {}

/// HTTP on a stream; it has to be polled for anything to move.
type Http = Pin<Box<http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>>>;

/// An open connection.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Gone once it has ended.
    http: Option<Http>,
}

/// Why there is no connection or no answer.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// The address must not be called.
    Denied(&'static str),
    /// The application cannot be reached, or hung up.
    Unreachable(String),
}

/// What counts of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Vec<u8>>,
}

impl Connection {
    /// Connects to the first address that is allowed and answers.
    pub(super) async fn open(
        origin: &Origin,
        config: &WebhookConfig,
        tls: &TlsConnector,
    ) -> Result<Self, ConnectionError> {
        let stream = connect(origin, config).await?;
        let stream: Box<dyn Stream> = if origin.tls {
            let name = ServerName::try_from(origin.host.clone())
                .map_err(|error| ConnectionError::Unreachable(error.to_string()))?;
            let secured = tls.connect(name, stream).await;
            Box::new(secured.map_err(|error| unreachable("TLS", &error))?)
        } else {
            Box::new(stream)
        };
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, http) = handshake.map_err(|error| unreachable("HTTP", &error))?;
        Ok(Self {
            sender,
            http: Some(Box::pin(http)),
        })
    }

    /// Whether the next request may use it.
    pub(super) fn is_open(&self) -> bool {
        self.http.is_some() && !self.sender.is_closed()
    }

    /// Sends a request and reads the answer.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, ConnectionError> {
        let Self { sender, http } = self;
        let failed = |error: hyper::Error| unreachable("no answer", &error);
        drive(http, sender.ready()).await.map_err(failed)?;
        let response = drive(http, sender.send_request(request))
            .await
            .map_err(failed)?;
        let answer = Answer {
            status: response.status().as_u16(),
            retry_after: response
                .headers()
                .get(hyper::header::RETRY_AFTER)
                .map(|value| value.as_bytes().to_vec()),
        };
        if !drive(http, drain(response)).await {
            *http = None;
        }
        Ok(answer)
    }

    /// Waits until the other side closes the connection.
    pub(super) async fn closed(&mut self) {
        if let Some(http) = &mut self.http {
            // However it ended: the next request opens another one.
            drop(http.as_mut().await);
        }
        self.http = None;
    }
}

/// Runs a future on a connection together with the connection itself.
async fn drive<F: Future>(http: &mut Option<Http>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Some(connection) = http
            && connection.as_mut().poll(context).is_ready()
        {
            *http = None;
        }
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(output),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Reads the rest of an answer; false when it is too long or broken.
async fn drain(response: Response<Incoming>) -> bool {
    let mut body = response.into_body();
    let mut octets = 0;
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => octets += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return false,
        }
        if octets > RESPONSE_OCTETS_MAX {
            return false;
        }
    }
    true
}

/// The address that is checked is the one that is connected to, so a name that resolves to another
/// address the next time gains nothing.
async fn connect(origin: &Origin, config: &WebhookConfig) -> Result<TcpStream, ConnectionError> {
    let resolved = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await;
    let addresses = resolved.map_err(|error| unreachable("name", &error))?;
    let mut last = ConnectionError::Unreachable("the name has no address".to_owned());
    for address in addresses.take(ADDRESSES_MAX) {
        match connect_to(address, config).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(
    address: SocketAddr,
    config: &WebhookConfig,
) -> Result<TcpStream, ConnectionError> {
    if let Some(reason) = denied(address.ip(), config) {
        return Err(ConnectionError::Denied(reason));
    }
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| unreachable("connect", &error))?;
    stream
        .set_nodelay(true)
        .map_err(|error| unreachable("connect", &error))?;
    Ok(stream)
}

/// TLS as all connections use it.
pub(super) fn tls_connector(ca: Option<&Path>) -> Result<TlsConnector, WebhookConfigError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the ring provider has the default versions")
        .with_root_certificates(roots(ca)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A system without a bundle has no authorities: `https` fails there, `http` does not need any.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, WebhookConfigError> {
    let mut roots = RootCertStore::empty();
    let system = || {
        SYSTEM_BUNDLES
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
    };
    let Some(path) = ca.map(Path::to_owned).or_else(system) else {
        return Ok(roots);
    };
    let problem = |reason: String| WebhookConfigError {
        path: path.clone(),
        reason,
    };
    let certificates =
        CertificateDer::pem_file_iter(&path).map_err(|error| problem(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| problem(error.to_string()))?;
        // A bundle may hold some that nobody can use; the others still count.
        drop(roots.add(certificate));
    }
    if roots.is_empty() && ca.is_some() {
        return Err(problem("no certificate in this file".to_owned()));
    }
    Ok(roots)
}

fn unreachable(what: &str, error: &dyn std::error::Error) -> ConnectionError {
    let detail = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    ConnectionError::Unreachable(format!("{what}: {detail}"))
}
