//! Sessions that are worth a capture, and how a capture is got.

use serde_json::json;
use signalbox_codec::CommandStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::program::Program;
use super::{Client, submit_sm};

/// A session with messages of each kind, at the end one from a phone.
pub(crate) async fn talk(program: &Program) {
    let mut client = submit_each_kind(program).await;
    let mo = json!({"from": "49171", "to": "100", "text": "Ж"});
    let reading = async {
        let pdu = client.try_read().await.unwrap();
        client.respond(&pdu, CommandStatus::ESME_ROK).await;
    };
    tokio::join!(program.main("POST", "mo", &mo), reading);
}

/// A session in which all that the server says follows from what its client asks.
pub(crate) async fn submit_each_kind(program: &Program) -> Client {
    let mut client = Client::transceiver(program.smpp).await;
    for (to, text) in [("49171", "one"), ("99900", "two"), ("99923", "refused")] {
        client.send(&submit_sm(to, text, 1)).await;
        client.read().await;
    }
    // The receipt for the first two.
    client.read().await;
    client.read().await;
    let long = "x".repeat(250);
    client.send(&submit_sm("49171", &long, 0)).await;
    client.read().await;
    client
}

pub(crate) async fn download(program: &Program, query: &str) -> Vec<u8> {
    download_of(program, "main", query).await
}

/// Of a session whose last PDU is a submit_sm_resp. What a client has read is in the capture only
/// when the write of the server has returned.
pub(crate) async fn download_to_the_response(program: &Program) -> Vec<u8> {
    loop {
        let capture = download(program, "").await;
        if capture.windows(4).any(|four| four == [0x80, 0, 0, 4]) {
            return capture;
        }
    }
}

pub(crate) async fn download_of(program: &Program, smsc: &str, query: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(program.http).await.unwrap();
    let request = format!(
        "GET /api/v1/smscs/{smsc}/capture.pcapng{query} HTTP/1.1\r\nhost: localhost\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n");
    answer.split_off(body.unwrap() + 4)
}

/// A session in which the server asks nothing.
pub(crate) async fn ask_only(program: &Program) {
    let mut client = Client::transceiver(program.smpp).await;
    client.send(&submit_sm("49171", "one", 0)).await;
    client.read().await;
}
