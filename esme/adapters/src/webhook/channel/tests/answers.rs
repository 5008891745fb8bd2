//! What servers answer, how requests look, and servers that cannot be called.

use std::path::Path;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::webhook::encode::signature;
use crate::webhook::testing::inbound;

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
