//! TLS under a bind: settings, and the handshake. rustls with ring; files are read anew for every
//! connection, so that a changed certificate is used by the next one.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ClientConfig as RustlsConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::secret::Secret;

mod error;
mod files;
mod verifier;

pub use error::TlsError;

use self::files::Identity;
use self::verifier::ServerVerifier;

/// Who proves itself by a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// The server.
    Single,
    /// The server and we.
    Mutual,
}

/// Oldest version of TLS that is spoken. TLS 1.1 and older are in no maintained Rust library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Settings of TLS for one bind.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Who proves itself. Default single.
    pub mode: TlsMode,
    /// Oldest version. Default 1.2.
    pub version_min: TlsVersion,
    /// PEM file of the authorities that are trusted. Default: the system's bundle.
    pub ca: Option<PathBuf>,
    /// SHA-256 of certificates (whole, DER); if there are any, the server's certificate must be
    /// one of them, and nothing else of it is checked. Default none.
    pub pin_sha256: Vec<[u8; 32]>,
    /// Name that the certificate must have. Default: the host.
    pub server_name: Option<String>,
    /// Whether the name is checked. Default true.
    pub verify_host: bool,
    /// Our certificate and key: PKCS#12, or PEM with both. Needed by mode mutual.
    pub identity: Option<PathBuf>,
    /// Password of the PKCS#12 file. Default empty.
    pub identity_password: Secret,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            mode: TlsMode::Single,
            version_min: TlsVersion::Tls12,
            ca: None,
            pin_sha256: Vec::new(),
            server_name: None,
            verify_host: true,
            identity: None,
            identity_password: Secret::default(),
        }
    }
}

/// Shakes hands over a connection.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    config: &TlsConfig,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let name = config.server_name.as_deref().unwrap_or(host).to_owned();
    let server_name =
        ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name.clone()))?;
    let config = config.clone();
    // A PKCS#12 file may want a million rounds of hashing.
    let (rustls, subject) = spawn_blocking(move || rustls_config(&config))
        .await
        .expect("reading certificates does not panic")?;
    TlsConnector::from(Arc::new(rustls))
        .connect(server_name, stream)
        .await
        .map_err(|error| TlsError::of_handshake(&error, &name, subject))
}

/// Reads the files. Returns the subject of our certificate beside the settings.
fn rustls_config(config: &TlsConfig) -> Result<(RustlsConfig, Option<String>), TlsError> {
    let provider = Arc::new(ring::default_provider());
    let versions = match config.version_min {
        TlsVersion::Tls12 => &[&TLS13, &TLS12][..],
        TlsVersion::Tls13 => &[&TLS13][..],
    };
    let verifier = ServerVerifier::new(config, &provider)?;
    let builder = RustlsConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| TlsError::Other(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    if config.mode == TlsMode::Single {
        return Ok((builder.with_no_client_auth(), None));
    }
    let path = config.identity.as_ref().ok_or(TlsError::NoIdentity)?;
    let Identity {
        certificates,
        key,
        subject,
    } = files::read_identity(path, &config.identity_password)?;
    let rustls = builder
        .with_client_auth_cert(certificates, key)
        .map_err(|error| TlsError::File {
            path: path.clone(),
            problem: format!("the key does not fit the certificate: {error}"),
        })?;
    Ok((rustls, Some(subject)))
}
