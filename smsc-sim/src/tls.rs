//! TLS on a port of its own: the certificates that are shown, those that clients must show, and the
//! handshake with what goes wrong with it on purpose.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::fault::HandshakeFault;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a handshake that stalls on purpose is kept open.
const STALL_MAX: Duration = Duration::from_secs(120);
/// Name in a certificate that is meant for another host.
const WRONG_NAME: &str = "another-host.invalid";

/// TLS of an SMSC.
#[derive(Clone)]
pub struct TlsSettings {
    /// Where SMPP over TLS is listened on.
    pub address: SocketAddr,
    /// The certificate that is shown, and those that vouch for it, in PEM.
    pub certificate_pem: String,
    /// Its private key, in PEM.
    pub key_pem: String,
    /// What clients have to trust, in PEM: an authority made at the start, or the certificate.
    pub trust_pem: String,
    /// Authorities of the certificates that clients must show, in PEM; `None`: they show none.
    pub client_ca_pem: Option<String>,
}

/// What is wrong with a certificate that is made at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateFlaw {
    /// Nothing.
    #[default]
    None,
    /// It is over since 2001.
    Expired,
    /// It is for another host.
    WrongName,
}

impl CertificateFlaw {
    /// All of them by their names.
    pub const NAMED: [(&str, Self); 3] = [
        ("none", Self::None),
        ("expired", Self::Expired),
        ("wrong_name", Self::WrongName),
    ];
}

impl TlsSettings {
    /// With a certificate of a file, as PEM.
    #[must_use]
    pub fn new(address: SocketAddr, certificate_pem: String, key_pem: String) -> Self {
        Self {
            address,
            trust_pem: certificate_pem.clone(),
            certificate_pem,
            key_pem,
            client_ca_pem: None,
        }
    }

    /// With a certificate for `localhost` and the address, made now together with an authority.
    ///
    /// # Errors
    /// What the system's random numbers or the address did not allow.
    pub fn generated(address: SocketAddr, flaw: CertificateFlaw) -> Result<Self, String> {
        make(address, flaw).map_err(|error| format!("a certificate cannot be made: {error}"))
    }

    /// The certificates and the key, ready for connections.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let certificates = certificates(&self.certificate_pem, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(|error| format!("the private key: {error}"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.client_ca_pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates_of_ca(pem)? {
                    roots
                        .add(certificate)
                        .map_err(|error| format!("the client CA: {error}"))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| format!("the client CA: {error}"))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(certificates, key)
            .map_err(|error| format!("the private key does not fit the certificate: {error}"))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for TlsSettings {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("address", &self.address)
            .field("mutual", &self.client_ca_pem.is_some())
            .finish_non_exhaustive()
    }
}

/// Shakes hands with a client, or does what goes wrong with that.
pub(crate) async fn shake_hands(
    acceptor: &TlsAcceptor,
    mut stream: TcpStream,
    fault: Option<HandshakeFault>,
) -> io::Result<TlsStream<TcpStream>> {
    match fault {
        None => {
            let handshake = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
            handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
        Some(HandshakeFault::Stall) => {
            let hello = tokio::time::timeout(STALL_MAX, wait_for_end(&mut stream)).await;
            hello.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
        Some(HandshakeFault::Close) => {
            let mut octets = [0; 64];
            let hello = tokio::time::timeout(HANDSHAKE_MAX, stream.read(&mut octets)).await;
            let _read = hello.unwrap_or(Ok(0))?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}

/// Reads until the client closes.
async fn wait_for_end<T>(stream: &mut TcpStream) -> io::Result<T> {
    let mut octets = [0; 1_024];
    while stream.read(&mut octets).await? > 0 {}
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(format!("there is no {what}")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("the {what}: {error}")),
    }
}

fn certificates_of_ca(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates(pem, "client CA")
}

fn make(address: SocketAddr, flaw: CertificateFlaw) -> Result<TlsSettings, rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name
        .push(DnType::CommonName, "smsc-sim test authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);

    let names = match flaw {
        CertificateFlaw::WrongName => vec![WRONG_NAME.to_owned()],
        CertificateFlaw::None | CertificateFlaw::Expired => vec![
            "localhost".to_owned(),
            IpAddr::from([127, 0, 0, 1]).to_string(),
            address.ip().to_string(),
        ],
    };
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "smsc-sim");
    if flaw == CertificateFlaw::Expired {
        leaf.not_before = rcgen::date_time_ymd(2000, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    Ok(TlsSettings {
        address,
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        trust_pem: ca_certificate.pem(),
        client_ca_pem: None,
    })
}
