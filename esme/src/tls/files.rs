//! Certificates and keys from PEM and PKCS#12 files. Blocks: PKCS#12 hashes passwords for long.

use std::fs;
use std::path::{Path, PathBuf};

use p12_keystore::error::Error as Pkcs12Error;
use p12_keystore::{Certificate, KeyStore, Pkcs12ImportPolicy};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::TlsError;
use crate::secret::Secret;

/// Where systems keep the authorities that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Largest file that is read: a bundle of all public authorities has a quarter of that.
const FILE_OCTETS_MAX: u64 = 1024 * 1024;

/// Our certificate.
pub(super) struct Identity {
    /// Ours first, then those that vouch for it.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) subject: String,
}

/// The trusted authorities: of the file, or of the system.
pub(super) fn read_roots(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let path = match ca {
        Some(path) => path.to_owned(),
        None => SYSTEM_BUNDLES
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .ok_or_else(|| problem(Path::new("tls.ca"), "not set, and the system has no bundle"))?,
    };
    let octets = read(&path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&octets) {
        let certificate = certificate.map_err(|error| problem(&path, error))?;
        // A bundle may hold some that nobody can use; the others still count.
        drop(roots.add(certificate));
    }
    if roots.is_empty() {
        return Err(problem(&path, "no certificate in this file"));
    }
    Ok(roots)
}

/// PEM if it looks so, else PKCS#12.
pub(super) fn read_identity(path: &Path, password: &Secret) -> Result<Identity, TlsError> {
    let octets = read(path)?;
    if octets.windows(11).any(|window| window == b"-----BEGIN ") {
        read_pem(path, &octets)
    } else {
        read_pkcs12(path, &octets, password)
    }
}

fn read_pem(path: &Path, octets: &[u8]) -> Result<Identity, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(octets)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| problem(path, error))?;
    let first = certificates
        .first()
        .ok_or_else(|| problem(path, "no certificate in this file"))?;
    let subject = subject_of(first);
    let key = PrivateKeyDer::from_pem_slice(octets).map_err(|_| {
        let encrypted = b"ENCRYPTED PRIVATE KEY";
        let path = path.to_owned();
        if octets.windows(encrypted.len()).any(|w| w == encrypted) {
            TlsError::EncryptedKey { path }
        } else {
            TlsError::NoPrivateKey { path }
        }
    })?;
    Ok(Identity {
        certificates,
        key,
        subject,
    })
}

fn read_pkcs12(path: &Path, octets: &[u8], password: &Secret) -> Result<Identity, TlsError> {
    let store = KeyStore::from_pkcs12(octets, password.expose(), Pkcs12ImportPolicy::Relaxed)
        .map_err(|error| match error {
            Pkcs12Error::MacError(_) | Pkcs12Error::Pkcs5Error(_) | Pkcs12Error::UnpadError => {
                TlsError::WrongPassword {
                    path: path.to_owned(),
                }
            }
            error => problem(path, format!("neither PEM nor PKCS#12: {error}")),
        })?;
    let (_, chain) = store
        .private_key_chain()
        .ok_or_else(|| TlsError::NoPrivateKey {
            path: path.to_owned(),
        })?;
    let certificates: Vec<_> = chain
        .certs()
        .iter()
        .map(|certificate| CertificateDer::from(certificate.as_der().to_vec()))
        .collect();
    let subject = certificates
        .first()
        .map(subject_of)
        .ok_or_else(|| problem(path, "no certificate in this file"))?;
    let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
    Ok(Identity {
        certificates,
        key: key.into(),
        subject,
    })
}

fn subject_of(certificate: &CertificateDer<'_>) -> String {
    Certificate::from_der(certificate)
        .map(|certificate| certificate.subject().to_owned())
        .unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let octets = fs::metadata(path)
        .map_err(|error| problem(path, error))?
        .len();
    if octets > FILE_OCTETS_MAX {
        let text = format!("{octets} octets, at most {FILE_OCTETS_MAX} are read");
        return Err(problem(path, text));
    }
    fs::read(path).map_err(|error| problem(path, error))
}

fn problem(path: &Path, problem: impl ToString) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
