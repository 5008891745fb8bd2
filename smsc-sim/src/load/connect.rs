//! Connections to a target: TCP, and TLS over it with what it trusts and shows.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
};

use super::error::LoadError;
use super::target::Target;

/// How a target proves itself over TLS, and how we do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The target's certificate is vouched for by one of these authorities, in PEM.
    Authorities(String),
    /// Whatever certificate the target shows, whoever it is for.
    #[default]
    Anybody,
}

/// Settings of TLS. Default: trusts anybody, shows nothing.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// Whom we trust.
    pub trust: Trust,
    /// Name that the certificate must have; `None`: the host of the target.
    pub server_name: Option<String>,
    /// Our certificate, those that vouch for it and our key, in PEM; `None`: we show none.
    pub identity_pem: Option<String>,
}

impl fmt::Debug for ClientTls {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("trust", &self.trust)
            .field("server_name", &self.server_name)
            .field("mutual", &self.identity_pem.is_some())
            .finish()
    }
}

/// What both kinds of connection can.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens connections to one target.
pub(super) struct Dialer {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// Reads the certificates if the target speaks TLS.
    pub(super) fn new(target: &Target, tls: &ClientTls) -> Result<Self, LoadError> {
        let tls = if target.scheme.is_tls() {
            let name = tls
                .server_name
                .clone()
                .unwrap_or_else(|| target.host.clone());
            let server_name = ServerName::try_from(name.clone())
                .map_err(|_| LoadError::Tls(format!("{name:?} cannot be a server's name")))?;
            let config = client_config(tls).map_err(LoadError::Tls)?;
            Some((TlsConnector::from(Arc::new(config)), server_name))
        } else {
            None
        };
        Ok(Self {
            target: target.clone(),
            tls,
        })
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, LoadError> {
        let refused = |error| self.refused(error);
        let stream = self.connect_tcp().await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                Ok(Box::new(stream.map_err(refused)?))
            }
        }
    }

    /// The address of this machine that the target sees.
    pub(super) async fn local_ip(&self) -> Result<IpAddr, LoadError> {
        let stream = self.connect_tcp().await;
        let address = stream.and_then(|stream| stream.local_addr());
        address
            .map(|address| address.ip())
            .map_err(|error| self.refused(error))
    }

    async fn connect_tcp(&self) -> io::Result<TcpStream> {
        TcpStream::connect((self.target.host.as_str(), self.target.port)).await
    }

    fn refused(&self, error: io::Error) -> LoadError {
        LoadError::Connect {
            target: self.target.authority(),
            error,
        }
    }
}

fn client_config(tls: &ClientTls) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match &tls.trust {
        Trust::Anybody => Arc::new(AcceptsAnybody(Arc::clone(&provider))),
        Trust::Authorities(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(pem, "the trusted authorities")? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("the trusted authorities: {error}"))?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| format!("the trusted authorities: {error}"))?
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some(pem) = &tls.identity_pem else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| format!("the private key of our certificate: {error}"))?;
    builder
        .with_client_auth_cert(certificates(pem, "our certificate")?, key)
        .map_err(|error| format!("our private key does not fit our certificate: {error}"))
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("{what}: there is no certificate"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// Takes every certificate whose key signed the handshake.
#[derive(Debug)]
struct AcceptsAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptsAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
