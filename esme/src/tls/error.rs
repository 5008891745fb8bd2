//! Why TLS did not come to be, in one line each.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use signalbox_codec::time::DateTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as RustlsError};

/// Why TLS did not come to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// A file cannot be used.
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The password of a PKCS#12 file is wrong.
    WrongPassword {
        /// Which file.
        path: PathBuf,
    },
    /// The private key of a PEM file is encrypted.
    EncryptedKey {
        /// Which file.
        path: PathBuf,
    },
    /// A file holds no private key.
    NoPrivateKey {
        /// Which file.
        path: PathBuf,
    },
    /// Mode mutual without an identity.
    NoIdentity,
    /// This name cannot be in a certificate.
    ServerName(String),
    /// The server's certificate is over.
    Expired {
        /// Its last day, `YYYY-MM-DD`; empty if not known.
        on: String,
    },
    /// Nobody whom we trust vouches for the server's certificate.
    NotTrusted,
    /// The server's certificate is not one of `pin_sha256`.
    NotPinned,
    /// The certificate is for others.
    HostName {
        /// The name that was wanted.
        wanted: String,
        /// What rustls says of the names that are there.
        found: String,
    },
    /// The server sent an alert.
    Refused {
        /// Which.
        alert: String,
        /// Subject of our certificate, if one was shown.
        subject: Option<String>,
    },
    /// The server closed during the handshake.
    Closed {
        /// Subject of our certificate, if one was shown.
        subject: Option<String>,
    },
    /// What came is no TLS.
    NotTls,
    /// No version of TLS that both speak.
    Version,
    /// The handshake was not over within connect_timer.
    HandshakeTimedOut,
    /// Something else.
    Other(String),
}

impl TlsError {
    /// What an error of the handshake means.
    pub(crate) fn of_handshake(error: &io::Error, wanted: &str, subject: Option<String>) -> Self {
        let inner = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<RustlsError>());
        match inner {
            Some(RustlsError::InvalidCertificate(certificate)) => match certificate {
                CertificateError::Expired => Self::Expired { on: String::new() },
                CertificateError::ExpiredContext { not_after, .. } => Self::Expired {
                    on: date(not_after.as_secs()),
                },
                CertificateError::UnknownIssuer => Self::NotTrusted,
                CertificateError::ApplicationVerificationFailure => Self::NotPinned,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::HostName {
                    wanted: wanted.to_owned(),
                    found: certificate.to_string(),
                },
                other => Self::Other(format!("the server's certificate: {other}")),
            },
            Some(RustlsError::InvalidMessage(_)) => Self::NotTls,
            Some(
                RustlsError::AlertReceived(AlertDescription::ProtocolVersion)
                | RustlsError::PeerIncompatible(_),
            ) => Self::Version,
            Some(RustlsError::AlertReceived(alert)) => Self::Refused {
                alert: format!("{alert:?}"),
                subject,
            },
            Some(other) => Self::Other(other.to_string()),
            None if is_closed(error.kind()) => Self::Closed { subject },
            None => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = |f: &mut fmt::Formatter<'_>, subject: &Option<String>| match subject {
            Some(subject) => write!(
                f,
                ", probably because it does not trust our certificate (subject {subject})"
            ),
            None => Ok(()),
        };
        match self {
            Self::File { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::WrongPassword { path } => {
                write!(f, "{}: the file password is wrong", path.display())
            }
            Self::EncryptedKey { path } => write!(
                f,
                "{}: the private key is encrypted; give it as PKCS#12 or decrypt it",
                path.display()
            ),
            Self::NoPrivateKey { path } => {
                write!(f, "{}: no private key in this file", path.display())
            }
            Self::NoIdentity => f.write_str("tls.mode mutual needs tls.identity"),
            Self::ServerName(name) => write!(f, "\"{name}\" cannot be a server's name"),
            Self::Expired { on } if on.is_empty() => {
                f.write_str("the server's certificate has expired")
            }
            Self::Expired { on } => write!(f, "the server's certificate expired on {on}"),
            Self::NotTrusted => f.write_str("the server's certificate is not trusted by tls.ca"),
            Self::NotPinned => f.write_str("the server's certificate is not in tls.pin_sha256"),
            Self::HostName { wanted, found } => {
                write!(f, "host name {wanted} is not in the certificate: {found}")
            }
            Self::Refused { alert, subject } => {
                write!(f, "the server refused the handshake ({alert})")?;
                ours(f, subject)
            }
            Self::Closed { subject } => {
                f.write_str("the server closed during the handshake")?;
                ours(f, subject)
            }
            Self::NotTls => f.write_str("the server speaks no TLS on this port"),
            Self::Version => {
                f.write_str("the server speaks no version of TLS from tls.version_min on")
            }
            Self::HandshakeTimedOut => {
                f.write_str("the TLS handshake was not over within connect_timer")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Error for TlsError {}

fn is_closed(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Unix seconds as `YYYY-MM-DD`, UTC.
fn date(seconds: u64) -> String {
    let date = i64::try_from(seconds)
        .ok()
        .and_then(DateTime::from_unix_seconds);
    let Some(digits) = date.map(DateTime::digits) else {
        return format!("second {seconds} of Unix time");
    };
    let text = String::from_utf8_lossy(&digits);
    format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_known_seconds() {
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_767_225_599, "2025-12-31"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(date(seconds), expected);
        }
    }
}
