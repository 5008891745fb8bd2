//! Whether the server's certificate is good: by its authorities, or by its fingerprint.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error as RustlsError, SignatureScheme,
};

use super::{TlsConfig, TlsError, files};

/// Verifies by authorities unless there are pins.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trust: Trust,
    verify_host: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Trust {
    Authorities(Arc<WebPkiServerVerifier>),
    Pins(Vec<[u8; 32]>),
}

impl ServerVerifier {
    pub(super) fn new(
        config: &TlsConfig,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let trust = if config.pin_sha256.is_empty() {
            let roots = Arc::new(files::read_roots(config.ca.as_deref())?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            Trust::Authorities(verifier.map_err(|error| TlsError::Other(error.to_string()))?)
        } else {
            Trust::Pins(config.pin_sha256.clone())
        };
        Ok(Self {
            trust,
            verify_host: config.verify_host,
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let verifier = match &self.trust {
            Trust::Authorities(verifier) => verifier,
            Trust::Pins(pins) => {
                let found: [u8; 32] = Sha256::digest(end_entity).into();
                return if pins.contains(&found) {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(CertificateError::ApplicationVerificationFailure.into())
                };
            }
        };
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is checked last: all else is in order.
            Err(RustlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.verify_host => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
