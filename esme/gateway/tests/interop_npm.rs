//! The gateway as a client of somebody else's SMPP server: npm `smpp`.

mod support;

use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use support::{GatewayProcess, Home, Settings, send, wait_for_message};

/// The peer's process and what it tells.
struct Peer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start() -> (Self, u16) {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let peers: PathBuf = top.join("target/peers");
        assert!(
            peers.join("node_modules/smpp").exists(),
            "npm smpp is not installed: run smsc-sim/tests/peers/install"
        );
        let mut child = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smsc.js"))
            .env("PEERS", peers)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut peer = Self {
            child,
            lines: BufReader::new(stdout).lines(),
        };
        let port = peer.next("ready")["port"].as_u64().expect("a port");
        (peer, u16::try_from(port).expect("a port"))
    }

    /// The next event, which must be of this kind.
    fn next(&mut self, event: &str) -> Value {
        let line = self
            .lines
            .next()
            .expect("the peer speaks")
            .expect("stdout can be read");
        let value: Value = serde_json::from_str(&line).expect("the peer speaks JSON");
        assert_eq!(value["event"], event, "{value:#}");
        value
    }

    /// The next submit_sm; acknowledgements of receipts in between are checked and passed over.
    fn next_submit(&mut self) -> Value {
        loop {
            let line = self
                .lines
                .next()
                .expect("the peer speaks")
                .expect("stdout can be read");
            let value: Value = serde_json::from_str(&line).expect("the peer speaks JSON");
            match value["event"].as_str() {
                Some("submit_sm") => return value,
                Some("deliver_sm_resp") => assert_eq!(value["status"], 0, "{value:#}"),
                _ => panic!("unexpected {value:#}"),
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Already ended is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn delivered(view: &Value) -> bool {
    view["state"] == "delivered"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_through_npm_smpp_and_come_back_as_receipts() {
    let (mut peer, port) = Peer::start();
    let home = Home::new(&Settings::new(port));
    let gateway = GatewayProcess::start(&home);
    let mut client = gateway.client().await;
    let bind = peer.next("bind");
    assert_eq!(bind["command"], "bind_transceiver");
    assert_eq!(
        (&bind["system_id"], &bind["password"]),
        (&json!("shop"), &json!("secret"))
    );

    let short = json!({"to": "+491700000001", "from": "100", "text": "hello €"});
    let id = send(&mut client, &short).await;
    let submit = peer.next_submit();
    assert_eq!(submit["text"], "hello €");
    assert_eq!(submit["data_coding"], 0);
    let view = wait_for_message(&mut client, &id, delivered).await;
    assert_eq!(view["recipients"][0]["parts"][0]["remote_id"], submit["id"]);

    let cyrillic = json!({"to": "+491700000002", "from": "ACME", "text": "Привет, мир"});
    let id = send(&mut client, &cyrillic).await;
    let submit = peer.next_submit();
    assert_eq!(
        (&submit["data_coding"], &submit["text"]),
        (&json!(8), &json!("Привет, мир"))
    );
    wait_for_message(&mut client, &id, delivered).await;

    let text = "0123456789".repeat(40);
    let id = send(
        &mut client,
        &json!({"to": "+491700000003", "from": "100", "text": text}),
    )
    .await;
    let mut joined = String::new();
    for part in 1..=3 {
        let submit = peer.next_submit();
        let udh = submit["udh"].as_str().expect("a part has a header");
        // The peer takes the header's length off: element 00 of 3 octets, reference, total, number.
        let end = format!("03{part:02x}");
        assert!(udh.starts_with("0003") && udh.ends_with(&end), "{udh}");
        joined.push_str(submit["text"].as_str().expect("text"));
    }
    assert_eq!(joined, text);
    let view = wait_for_message(&mut client, &id, delivered).await;
    assert_eq!(
        view["recipients"][0]["parts"].as_array().map(Vec::len),
        Some(3)
    );

    assert_eq!(gateway.terminate(), Some(0));
    while peer
        .lines
        .next()
        .is_some_and(|line| !line.expect("readable").contains("unbind"))
    {}
}
