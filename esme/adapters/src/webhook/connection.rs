//! One connection to an application: connect, requests and their answers, keep it for the next.
//! I/O only; it belongs to a worker of `channel.rs`. HTTP/1.1: requests are written by
//! `request.rs`, answers read by `response.rs`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::config::{WebhookConfig, WebhookConfigError};
use super::response::{Answer, Broken, ResponseReader};
use super::target::{Origin, denied};

/// Octets that are read at once, at least.
const READ_OCTETS: usize = 4 * 1024;
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

/// An open connection.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    input: BytesMut,
    reader: ResponseReader,
    is_open: bool,
}

/// Why there is no connection or no answer.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// The address must not be called.
    Denied(&'static str),
    /// The application cannot be reached, hung up, or sent what is no answer.
    Unreachable(String),
    /// No connection or no answer in time.
    TimedOut,
}

impl Connection {
    /// Connects to the first address that is allowed and answers.
    pub(super) async fn open(
        origin: &Origin,
        config: &WebhookConfig,
        tls: &TlsConnector,
    ) -> Result<Self, ConnectionError> {
        let opened = timeout(config.connect_timeout, open_stream(origin, config, tls)).await;
        Ok(Self {
            stream: opened.map_err(|_| ConnectionError::TimedOut)??,
            input: BytesMut::new(),
            reader: ResponseReader::default(),
            is_open: true,
        })
    }

    /// Whether the next request may use it.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends `count` requests with one write and hands over their answers in order: fewer when the
    /// application says that one is the last. Each may take `patience`.
    pub(super) async fn exchange(
        &mut self,
        requests: &[u8],
        count: usize,
        patience: Duration,
        mut take: impl FnMut(Answer),
    ) -> Result<(), ConnectionError> {
        // Until all is answered: whoever gives up in between leaves answers behind.
        self.is_open = false;
        let sent = timeout(patience, self.send(requests)).await;
        sent.map_err(|_| ConnectionError::TimedOut)?
            .map_err(|error| unreachable("no answer", &error))?;
        for _ in 0..count {
            let answered = timeout(patience, self.answer()).await;
            let answer = answered
                .unwrap_or(Err(ConnectionError::TimedOut))
                // The status counts, whatever becomes of the body.
                .or_else(|error| self.reader.closed().ok_or(error))?;
            let keep = answer.keep;
            take(answer);
            if !keep {
                return Ok(());
            }
        }
        // What was not asked for would be taken for the next answer.
        self.is_open = self.input.is_empty();
        Ok(())
    }

    async fn send(&mut self, requests: &[u8]) -> io::Result<()> {
        self.stream.write_all(requests).await?;
        self.stream.flush().await
    }

    async fn answer(&mut self) -> Result<Answer, ConnectionError> {
        loop {
            let buffered = self.reader.next(&mut self.input);
            let broken = |Broken| ConnectionError::Unreachable("no answer of HTTP/1".to_owned());
            if let Some(answer) = buffered.map_err(broken)? {
                return Ok(answer);
            }
            let octets = self.read().await;
            if octets.map_err(|error| unreachable("no answer", &error))? == 0 {
                let reason = "no answer: the connection was closed".to_owned();
                return Err(ConnectionError::Unreachable(reason));
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.input.reserve(READ_OCTETS);
        self.stream.read_buf(&mut self.input).await
    }

    /// Waits until the other side closes the connection, or says something unasked.
    pub(super) async fn closed(&mut self) {
        // However it ended: the next request opens another one.
        drop(self.read().await);
        self.is_open = false;
    }
}

async fn open_stream(
    origin: &Origin,
    config: &WebhookConfig,
    tls: &TlsConnector,
) -> Result<Box<dyn Stream>, ConnectionError> {
    let stream = connect(origin, config).await?;
    if !origin.tls {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(origin.host.clone())
        .map_err(|error| ConnectionError::Unreachable(error.to_string()))?;
    let secured = tls.connect(name, stream).await;
    Ok(Box::new(
        secured.map_err(|error| unreachable("TLS", &error))?,
    ))
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
