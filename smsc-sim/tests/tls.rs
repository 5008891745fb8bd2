//! SMPP over TLS: with the certificates that are made, with those of clients, and with what goes
//! wrong on purpose.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use serde_json::json;
use signalbox_codec::pdu::Bind;
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Pdu, encode_pdu};
use smsc_sim::{CertificateFlaw, Disconnect, Scenario, Smsc, TlsSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use support::file::TestFile;
use support::program::{Program, run};
use support::{Client, PATIENCE, smsc};

const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn generated(flaw: CertificateFlaw) -> TlsSettings {
    TlsSettings::generated(ANYWHERE, flaw).unwrap()
}

async fn with_tls(tls: &TlsSettings) -> Smsc {
    smsc(|settings| settings.tls = Some(tls.clone())).await
}

/// Shakes hands; `identity` is what the client shows.
async fn connect(
    address: SocketAddr,
    trust_pem: &str,
    identity: Option<&TlsSettings>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trust_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificates = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
            let certificates = certificates.map(Result::unwrap).collect();
            builder.with_client_auth_cert(certificates, key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    tokio::time::timeout(PATIENCE, handshake).await.unwrap()
}

/// Binds and returns the status.
async fn bind(stream: &mut TlsStream<TcpStream>) -> std::io::Result<CommandStatus> {
    let bind = Pdu::BindTransceiver(Bind {
        system_id: COctetStr::new(b"esme").unwrap(),
        interface_version: 0x34,
        ..Bind::default()
    });
    let mut octets = BytesMut::new();
    encode_pdu(&bind, CommandStatus::ESME_ROK, 1, &mut octets);
    stream.write_all(&octets).await?;
    let mut header = [0; 16];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut header))
        .await
        .unwrap()?;
    Ok(CommandStatus(u32::from_be_bytes(
        header[8..12].try_into().unwrap(),
    )))
}

#[tokio::test]
async fn a_client_binds_over_tls() {
    let tls = generated(CertificateFlaw::None);
    let smsc = with_tls(&tls).await;
    let mut stream = connect(smsc.tls_addr().unwrap(), &tls.trust_pem, None)
        .await
        .unwrap();
    assert_eq!(bind(&mut stream).await.unwrap(), CommandStatus::ESME_ROK);
    assert_eq!(smsc.sessions().len(), 1);
}

#[tokio::test]
async fn a_client_must_show_a_certificate_if_that_is_wanted() {
    let mut tls = generated(CertificateFlaw::None);
    let client = generated(CertificateFlaw::None);
    let stranger = generated(CertificateFlaw::None);
    tls.client_ca_pem = Some(client.trust_pem.clone());
    let smsc = with_tls(&tls).await;
    for (identity, allowed) in [
        (None, false),
        (Some(&stranger), false),
        (Some(&client), true),
    ] {
        // In TLS 1.3 the client learns that it was refused with what it reads next.
        let bound = match connect(smsc.tls_addr().unwrap(), &tls.trust_pem, identity).await {
            Ok(mut stream) => bind(&mut stream).await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(bound, allowed);
    }
}

#[tokio::test]
async fn certificates_are_wrong_on_purpose() {
    let table = [
        (CertificateFlaw::Expired, "expired"),
        (CertificateFlaw::WrongName, "not valid for name"),
    ];
    for (flaw, part) in table {
        let tls = generated(flaw);
        let smsc = with_tls(&tls).await;
        let refused = connect(smsc.tls_addr().unwrap(), &tls.trust_pem, None).await;
        let error = refused.expect_err("the client refuses").to_string();
        assert!(error.contains(part), "{flaw:?}: {error}");
    }
}

#[tokio::test]
async fn nothing_follows_the_half_of_a_response_but_the_reset() {
    let tls = generated(CertificateFlaw::None);
    let smsc = with_tls(&tls).await;
    let scenario = Scenario::from_json(&json!({"faults": [{"type": "reset_peer"}]})).unwrap();
    smsc.set_scenario(scenario);
    let stream = connect(smsc.tls_addr().unwrap(), &tls.trust_pem, None).await;
    let mut client = Client::over(stream.unwrap());
    let command_id = CommandId::BIND_TRANSCEIVER;
    client.try_bind(command_id, "esme", "secret").await;
    client.submit_many("491711", 50).await;
    client.expect_half_a_response_and_a_reset().await;
}

#[tokio::test]
async fn handshakes_stall_or_end_in_the_middle() {
    let tls = generated(CertificateFlaw::None);
    let soon = Duration::from_millis(300);
    for (fault, within, ends) in [("tls_close", PATIENCE, true), ("tls_stall", soon, false)] {
        let smsc = with_tls(&tls).await;
        let scenario = Scenario::from_json(&json!({"faults": [{"type": fault}]})).unwrap();
        smsc.set_scenario(scenario);
        let handshake = connect(smsc.tls_addr().unwrap(), &tls.trust_pem, None);
        let result = tokio::time::timeout(within, handshake).await;
        assert_eq!(
            result.is_ok_and(|handshake| handshake.is_err()),
            ends,
            "{fault}"
        );
    }
}

#[tokio::test]
async fn who_says_nothing_holds_up_neither_the_clock_nor_the_end() {
    let smsc = with_tls(&generated(CertificateFlaw::None)).await;
    let _silent = TcpStream::connect(smsc.tls_addr().unwrap()).await.unwrap();
    while smsc.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    smsc.clock().advance(Duration::from_secs(1)).await.unwrap();
    smsc.disconnect_all(Disconnect::Unbind);
    while !smsc.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    // Sessions have 5 s to follow the clock, and handshakes have as long.
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn the_program_makes_a_certificate_and_tells_what_to_trust() {
    let program = Program::start(&["--smpp-tls-port", "0"]);
    let address = program.ready["smpp_tls"].as_str().unwrap().parse().unwrap();
    let shown = program.main("GET", "tls", &json!({})).await;
    assert_eq!(shown["mutual"], false);
    let trust_pem = shown["trust_pem"].as_str().unwrap();
    let mut stream = connect(address, trust_pem, None).await.unwrap();
    assert_eq!(bind(&mut stream).await.unwrap(), CommandStatus::ESME_ROK);
}

#[tokio::test]
async fn a_virtual_smsc_has_tls_and_its_faults_of_its_own() {
    let program = Program::start(&[]);
    let client = generated(CertificateFlaw::None);
    let pair = generated(CertificateFlaw::None);
    let given = json!({"certificate_pem": pair.certificate_pem, "key_pem": pair.key_pem});
    let closing = json!({"faults": [{"type": "tls_close"}]});
    // Those who close in the middle leave no word.
    let refusals = ["expired", "not valid for name", "ertificate", ""];
    let table = [
        (json!({"tls": true}), None),
        (json!({"tls": {}}), None),
        (json!({"tls": given}), None),
        (json!({"tls": {"flaw": "expired"}}), Some(refusals[0])),
        (json!({"tls": {"flaw": "wrong_name"}}), Some(refusals[1])),
        (
            json!({"tls": {"client_ca_pem": client.trust_pem}}),
            Some(refusals[2]),
        ),
        (json!({"tls": true, "scenario": closing}), Some(refusals[3])),
    ];
    for (body, refusal) in table {
        let answer = program
            .http("POST", "/api/v1/smscs", &body.to_string())
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let address = answer.body["smpp_tls"].as_str().unwrap().parse().unwrap();
        let id = answer.body["id"].as_str().unwrap();
        let path = format!("/api/v1/smscs/{id}/tls");
        let shown = program.http("GET", &path, "").await.body;
        assert_eq!(shown["mutual"], body["tls"]["client_ca_pem"].is_string());
        let trust_pem = match body["tls"]["certificate_pem"].is_string() {
            true => pair.trust_pem.as_str(),
            false => shown["trust_pem"].as_str().unwrap(),
        };
        let bound = match connect(address, trust_pem, None).await {
            Ok(mut stream) => bind(&mut stream).await,
            Err(error) => Err(error),
        };
        match (bound, refusal) {
            (Ok(status), None) => assert_eq!(status, CommandStatus::ESME_ROK),
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
            (bound, _) => panic!("{body}: {bound:?}"),
        }
    }
    let main = program.http("GET", "/api/v1/smscs/main/tls", "").await;
    assert_eq!(main.status, 404, "{main:?}");
}

/// They would do nothing; an SMSC that only inherits them from one with TLS is none the worse.
#[tokio::test]
async fn faults_of_the_handshake_need_tls() {
    let file = TestFile::new("tls-fault.toml");
    std::fs::write(&file.0, "[[faults]]\ntoxicity = 1.0\ntype = 'tls_stall'\n").unwrap();
    let path = file.path();
    let output = run(&["--scenario", path]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected = format!("{path}:3:8: faults[0].type: 'tls_stall': this SMSC has no TLS port");
    assert!(said.contains(&expected), "{said}");

    let program = Program::start(&["--scenario", path, "--smpp-tls-port", "0"]);
    for (body, faults) in [(json!({}), 0), (json!({"tls": true}), 1)] {
        let given = body.to_string();
        let created = program.http("POST", "/api/v1/smscs", &given).await;
        let id = created.body["id"].as_str().unwrap();
        let path = format!("/api/v1/smscs/{id}/faults");
        let shown = program.http("GET", &path, "").await.body;
        assert_eq!(shown["faults"].as_array().unwrap().len(), faults, "{body}");
    }
}

#[test]
fn certificate_files_that_cannot_be_used_are_named() {
    let output = run(&[
        "--smpp-tls-port",
        "0",
        "--tls-cert",
        "/nowhere",
        "--tls-key",
        "/nowhere",
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("--tls-cert /nowhere: "), "{said}");
}
