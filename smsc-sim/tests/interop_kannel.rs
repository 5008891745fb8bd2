//! Debian's Kannel as a client: its HTTP door in, SMPP to the simulator, receipts and a message
//! from a phone back to its callbacks, unbind at its end.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use smsc_sim::{Mo, Smsc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use support::{PATIENCE, peers, smsc};

/// Between two looks at something that Kannel does not announce.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Both boxes of Kannel; ended when dropped.
struct Kannel {
    bearerbox: Child,
    smsbox: Child,
    sendsms: SocketAddr,
    configuration: std::path::PathBuf,
}

impl Kannel {
    async fn start(smpp: SocketAddr, callback: SocketAddr) -> Self {
        let ports: Vec<u16> = free_ports(3);
        let values = BTreeMap::from([
            ("@ADMIN_PORT@", ports[0]),
            ("@SMSBOX_PORT@", ports[1]),
            ("@SENDSMS_PORT@", ports[2]),
            ("@SMPP_PORT@", smpp.port()),
            ("@CALLBACK_PORT@", callback.port()),
        ]);
        let mut text = std::fs::read_to_string(peers::file("kannel.conf")).unwrap();
        for (name, port) in values {
            text = text.replace(name, &port.to_string());
        }
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let configuration = folder.join(format!("kannel-{}.conf", ports[0]));
        std::fs::write(&configuration, text).unwrap();
        let start = |program: &str| {
            Command::new(peers::required(format!("/usr/sbin/{program}").into()))
                .args(["-v", "4"])
                .arg(&configuration)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let bearerbox = start("bearerbox");
        reachable(ports[1]).await;
        let smsbox = start("smsbox");
        Self {
            bearerbox,
            smsbox,
            sendsms: reachable(ports[2]).await,
            configuration,
        }
    }

    /// Sends a message through Kannel's HTTP door. It answers 503 until its boxes know each other.
    async fn send(&self, parameters: &str) {
        let path = format!("/cgi-bin/sendsms?username=u&password=p&from=100&{parameters}");
        let sending = async {
            loop {
                let answer = get(self.sendsms, &path).await;
                match answer.split(' ').nth(1) {
                    Some("202") => return,
                    Some("503") => tokio::time::sleep(RETRY_PAUSE).await,
                    _ => panic!("{answer}"),
                }
            }
        };
        let sent = tokio::time::timeout(PATIENCE, sending).await;
        sent.expect("Kannel takes messages in time");
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for child in [&mut self.smsbox, &mut self.bearerbox] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        std::fs::remove_file(&self.configuration).unwrap();
    }
}

/// The whole answer to a GET.
async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Kannel cannot be told to take any free port: these were free a moment ago. They lie below those
/// that the system gives to whoever asks for any, so that no other test takes them meanwhile.
fn free_ports(count: usize) -> Vec<u16> {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_000).filter(is_free).take(count).collect()
}

/// Waits until somebody listens on a port.
async fn reachable(port: u16) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let trying = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE, trying).await;
    reached.expect("Kannel listens in time");
    address
}

/// The path of the next callback.
async fn callback(listener: &TcpListener) -> String {
    let reading = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4_096];
        let octets = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let request = String::from_utf8_lossy(&request[..octets]).into_owned();
        request.split(' ').nth(1).unwrap().to_owned()
    };
    let called = tokio::time::timeout(PATIENCE, reading).await;
    called.expect("Kannel calls back in time")
}

async fn all_sessions_gone(smsc: &Smsc) {
    let gone = async {
        while !smsc.sessions().is_empty() {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("Kannel unbinds");
}

#[tokio::test]
async fn kannel_is_served() {
    let smsc = smsc(|_| {}).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callback_address = listener.local_addr().unwrap();
    let mut kannel = Kannel::start(smsc.addr(), callback_address).await;

    // Type 1 is delivered, 2 is failed.
    let dlr = format!("dlr-mask=3&dlr-url=http%3A%2F%2F{callback_address}%2Fdlr%3Ftype%3D%25d");
    kannel.send(&format!("to=491711&text=hello&{dlr}")).await;
    assert_eq!(callback(&listener).await, "/dlr?type=1");
    kannel.send(&format!("to=99901&text=lost&{dlr}")).await;
    assert_eq!(callback(&listener).await, "/dlr?type=2");
    let long = "long+".repeat(60);
    kannel.send(&format!("to=491711&text={long}")).await;
    kannel
        .send("to=491711&coding=2&charset=UTF-8&text=%D0%9F%D1%80")
        .await;

    let messages = smsc.wait_for_messages(5, PATIENCE).await.unwrap();
    let texts: Vec<String> = messages.iter().map(|m| m.text().unwrap()).collect();
    assert_eq!(&texts[..2], ["hello", "lost"]);
    assert_eq!(
        format!("{}{}", texts[2], texts[3]).trim_end(),
        "long ".repeat(60).trim_end()
    );
    assert!(messages[2].esm_class & 0x40 != 0);
    assert_eq!((texts[4].as_str(), messages[4].data_coding), ("Пр", 8));

    let mo = Mo::text("+491711", "100", "STOP").unwrap().remove(0);
    let (result, path) = tokio::join!(smsc.inject_mo(&mo), callback(&listener));
    assert!(result.unwrap().is_ok());
    assert_eq!(path, "/mo?from=%2B491711&to=100&text=STOP");

    let pid = kannel.bearerbox.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    all_sessions_gone(&smsc).await;
    assert!(kannel.bearerbox.wait().unwrap().success());
}
