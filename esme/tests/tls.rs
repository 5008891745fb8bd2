//! Binds over TLS: who is trusted, and one line for each thing that goes wrong.

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::{Peer, Smsc, Tested};
use sha2::{Digest, Sha256};
use signalbox_codec::CommandStatus;
use signalbox_esme::{ClientConfig, Secret, TlsConfig, TlsMode, TlsVersion};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls-files")
        .join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(name)).expect("a fixture")
}

/// A server with that certificate; one that wants ours when `mutual`.
fn acceptor(
    name: &str,
    mutual: bool,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("versions of ring");
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(certificate("ca.pem")).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("one root");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(file(name)).expect("a fixture");
    let server = builder
        .with_single_cert(vec![certificate(name)], key)
        .expect("they fit");
    TlsAcceptor::from(Arc::new(server))
}

fn config(smsc: &Smsc, change: impl Fn(&mut TlsConfig)) -> ClientConfig {
    let mut tls = TlsConfig {
        ca: Some(file("ca.pem")),
        server_name: Some("localhost".to_owned()),
        ..TlsConfig::default()
    };
    change(&mut tls);
    ClientConfig {
        tls: Some(tls),
        ..smsc.config()
    }
}

/// Binds with these settings against that server; the reason if it does not come to that.
async fn bind(acceptor: TlsAcceptor, change: impl Fn(&mut TlsConfig)) -> Result<(), String> {
    let smsc = Smsc::start().await;
    let mut tested = Tested::spawn(config(&smsc, change));
    let server = tokio::spawn(async move {
        let stream = smsc.accept().await.stream;
        if let Ok(stream) = acceptor.accept(stream).await {
            let mut peer = Peer { stream };
            peer.answer_bind(CommandStatus::ESME_ROK).await;
            peer.is_closed().await;
        }
    });
    let result = match tested.next().await {
        signalbox_esme::LinkEvent::Bound { .. } => Ok(()),
        signalbox_esme::LinkEvent::Down { reason, .. } => Err(reason.to_string()),
        other => panic!("{other:?}"),
    };
    tested.link.disconnect();
    server.abort();
    result
}

type Change = fn(&mut TlsConfig);

#[tokio::test]
async fn good_servers_are_bound_to() {
    let cases: &[(&str, bool, Change)] = &[
        ("by authority", false, |_| ()),
        ("TLS 1.3 only", false, |tls| {
            tls.version_min = TlsVersion::Tls13
        }),
        ("any host", false, |tls| {
            tls.server_name = Some("other.example".to_owned());
            tls.verify_host = false;
        }),
        ("by fingerprint alone", false, |tls| {
            tls.ca = None;
            tls.server_name = Some("other.example".to_owned());
            tls.pin_sha256 = vec![Sha256::digest(certificate("localhost.pem")).into()];
        }),
        ("mutual, PKCS#12", true, |tls| {
            tls.mode = TlsMode::Mutual;
            tls.identity = Some(file("client.p12"));
            tls.identity_password = Secret::new("fixture");
        }),
        ("mutual, PEM", true, |tls| {
            tls.mode = TlsMode::Mutual;
            tls.identity = Some(file("client.pem"));
        }),
    ];
    for (name, mutual, change) in cases {
        let acceptor = acceptor("localhost.pem", *mutual, &[&TLS13, &TLS12]);
        assert_eq!(bind(acceptor, change).await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_line() {
    let cases: &[(&str, Change)] = &[
        ("the server's certificate is not trusted by tls.ca", |tls| {
            tls.ca = Some(file("client.pem"));
        }),
        (
            "host name other.example is not in the certificate: ",
            |tls| {
                tls.server_name = Some("other.example".to_owned());
            },
        ),
        ("the server's certificate is not in tls.pin_sha256", |tls| {
            tls.pin_sha256 = vec![[7; 32]];
        }),
        ("\"not a name\" cannot be a server's name", |tls| {
            tls.server_name = Some("not a name".to_owned());
        }),
        ("tls.mode mutual needs tls.identity", |tls| {
            tls.mode = TlsMode::Mutual;
        }),
        ("client.p12: the file password is wrong", |tls| {
            tls.mode = TlsMode::Mutual;
            tls.identity = Some(file("client.p12"));
            tls.identity_password = Secret::new("wrong");
        }),
        (
            "client-encrypted.pem: the private key is encrypted",
            |tls| {
                tls.mode = TlsMode::Mutual;
                tls.identity = Some(file("client-encrypted.pem"));
            },
        ),
        ("ca.pem: no private key in this file", |tls| {
            tls.mode = TlsMode::Mutual;
            tls.identity = Some(file("ca.pem"));
        }),
        ("no-key.p12: no private key in this file", |tls| {
            tls.mode = TlsMode::Mutual;
            tls.identity = Some(file("no-key.p12"));
            tls.identity_password = Secret::new("fixture");
        }),
        ("README.md: neither PEM nor PKCS#12: ", |tls| {
            tls.mode = TlsMode::Mutual;
            tls.identity = Some(file("README.md"));
        }),
        ("README.md: no certificate in this file", |tls| {
            tls.ca = Some(file("README.md"));
        }),
        ("missing.pem: No such file or directory", |tls| {
            tls.ca = Some(file("missing.pem"));
        }),
    ];
    for (expected, change) in cases {
        let acceptor = acceptor("localhost.pem", false, &[&TLS13, &TLS12]);
        let reason = bind(acceptor, change).await.expect_err(expected);
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(reason.lines().count(), 1);
    }
}

#[tokio::test]
async fn servers_that_do_not_fit_are_told_apart() {
    let expired = acceptor("expired.pem", false, &[&TLS13, &TLS12]);
    assert_eq!(
        bind(expired, |_| ()).await,
        Err("the server's certificate expired on 2021-01-01".to_owned())
    );
    let old = acceptor("localhost.pem", false, &[&TLS12]);
    assert_eq!(
        bind(old, |tls| tls.version_min = TlsVersion::Tls13).await,
        Err("the server speaks no version of TLS from tls.version_min on".to_owned())
    );
    // With TLS 1.2 the server refuses within the handshake; it wants a certificate.
    let wants_ours = acceptor("localhost.pem", true, &[&TLS12]);
    let reason = bind(wants_ours, |_| ()).await.expect_err("no identity");
    assert!(
        reason.starts_with("the server refused the handshake ("),
        "{reason}"
    );
}

#[tokio::test]
async fn a_port_without_tls_is_told() {
    let smsc = Smsc::start().await;
    let mut tested = Tested::spawn(config(&smsc, |_| ()));
    let mut peer = smsc.accept().await;
    peer.stream
        .write_all(b"220 mail.example ESMTP\r\n")
        .await
        .expect("open");
    assert_eq!(
        tested.expect_down().await.0,
        "the server speaks no TLS on this port"
    );
    let mut tested = Tested::spawn(config(&smsc, |tls| {
        tls.mode = TlsMode::Mutual;
        tls.identity = Some(file("client.pem"));
    }));
    // It closes once it has seen the hello.
    let mut peer = smsc.accept().await;
    let mut hello = [0; 64];
    tokio::io::AsyncReadExt::read(&mut peer.stream, &mut hello)
        .await
        .expect("a hello");
    peer.stream.shutdown().await.expect("open");
    assert_eq!(
        tested.expect_down().await.0,
        "the server closed during the handshake, probably because it does not trust our \
         certificate (subject CN=client)"
    );
}
