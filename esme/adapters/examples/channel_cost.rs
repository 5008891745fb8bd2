//! What a message costs in each channel: CPU time of the thread that runs the channel, its links
//! or connections included. The peer runs in a thread of its own and does not count; the engine is
//! a loop that acknowledges and dispatches at once.
//!
//! `cargo run --release -p signalbox-adapters --features smpp,webhook --example channel_cost`

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use signalbox_adapters::smpp::{
    BindConfig, InboundConfig, PaceConfig, Profile, SmppChannel, SmppProviderConfig, SubmitConfig,
};
use signalbox_adapters::webhook::{Signer, WebhookChannel, WebhookConfig};
use signalbox_adapters::{ChannelHandle, ToChannel};
use signalbox_esme::{ClientConfig, Secret};
use signalbox_router::{
    CallbackEvent, Content, DeliveryId, Dispatch, Input, Kind, Message, MessageId, Priority,
    ProviderName, State, StateSet, Timestamp,
};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

const SMPP_MESSAGES: u32 = 500_000;
const CALLBACKS: u32 = 200_000;
const SECRET: &str = "whsec_c2lnbmFsYm94LWRlbW8tY2FsbGJhY2stc2VjcmV0";

fn main() {
    let runtime = single_thread();
    runtime.block_on(smpp());
    runtime.block_on(webhook());
}

fn single_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn smpp() {
    let (address_sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        single_thread().block_on(async {
            let smsc = smsc_sim::Smsc::builder()
                .seed(1)
                .start()
                .await
                .expect("the simulator");
            address_sender.send(smsc.addr()).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    let address = address.recv().expect("the simulator starts");
    let mut client = ClientConfig::new(address.ip().to_string(), "esme", Secret::new("password"));
    client.port = address.port();
    client.window_size = 1_000;
    let config = SmppProviderConfig {
        name: ProviderName::from("sim"),
        binds: vec![BindConfig {
            name: "main".to_owned(),
            client,
        }],
        profile: Profile::default(),
        pace: PaceConfig::default(),
        submit: SubmitConfig::default(),
        inbound: InboundConfig::default(),
    };
    let (sender, inbox) = mpsc::channel(64);
    let channel = SmppChannel::spawn(config, 1, sender).expect("settings in range");
    let text = "Your code is 123456. It is valid for ten minutes. Do not share it with anybody.";
    let message = message(
        "sms:+491711234567",
        Kind::Outgoing,
        Content::Text(text.to_owned()),
    );
    run(
        "smpp, submit and receipt",
        &channel.handle,
        inbox,
        &message,
        SMPP_MESSAGES,
    )
    .await;
}

async fn webhook() {
    let (address_sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        single_thread().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            address_sender
                .send(listener.local_addr())
                .expect("somebody waits");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let answer = service_fn(|_: Request<hyper::body::Incoming>| async {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), answer));
            }
        });
    });
    let address = address
        .recv()
        .expect("the server starts")
        .expect("it has an address");
    let config = WebhookConfig {
        signers: [(Arc::from("shop"), Signer::new(SECRET).expect("a secret"))].into(),
        ..WebhookConfig::default()
    };
    let (sender, inbox) = mpsc::channel(64);
    let channel = WebhookChannel::spawn(config, sender).expect("authorities");
    let event = CallbackEvent {
        state: State::Delivered,
        message: MessageId(7),
        recipient: 0,
        to: "sms:+491711234567".to_owned(),
        from: "ACME".to_owned(),
        at: Timestamp(1_800_000_000_000),
        provider: Some("sim".to_owned()),
        remote_ids: vec!["0123456789abcdef".to_owned()],
        error: None,
        duplicate_possible: false,
        metadata: vec![("order".to_owned(), "4711".to_owned())],
    };
    let url = format!("http://{address}/callback");
    let message = message(&url, Kind::Callback, Content::Event(Box::new(event)));
    run(
        "webhook, signed",
        &channel.handle,
        inbox,
        &message,
        CALLBACKS,
    )
    .await;
}

/// Uses all credit until `count` outcomes have come.
async fn run(
    name: &str,
    handle: &ChannelHandle,
    mut inbox: mpsc::Receiver<Vec<Input>>,
    message: &Message,
    count: u32,
) {
    let (mut sent, mut done) = (0, 0);
    let (started_at, cpu_before) = (Instant::now(), cpu_time());
    while done < count {
        let batch = inbox.recv().await.expect("the channel lives");
        let (mut credit, mut tokens) = (0, Vec::new());
        for input in batch {
            match input {
                Input::Credit { credit: more, .. } => credit += more,
                Input::Outcome { .. } => done += 1,
                Input::Receipt { token, .. } => tokens.push(token),
                _ => {}
            }
        }
        let more = credit.min(count - sent);
        let dispatches = (0..more).map(|number| {
            let id = MessageId(u128::from(sent + number));
            Dispatch {
                delivery: DeliveryId {
                    message: id,
                    recipient: 0,
                },
                message: Arc::new(Message {
                    id,
                    ..message.clone()
                }),
                parts_done: Vec::new(),
                attempt: 1,
            }
        });
        let dispatches: Vec<Dispatch> = dispatches.collect();
        sent += more;
        handle
            .send(ToChannel::Acknowledge(tokens))
            .expect("the channel lives");
        handle
            .send(ToChannel::Dispatch(dispatches))
            .expect("the channel lives");
    }
    let (wall, cpu) = (started_at.elapsed(), cpu_time() - cpu_before);
    println!(
        "{name}: {:.0}/s, {:.2} us CPU each",
        f64::from(count) / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / f64::from(count)
    );
}

/// CPU time of this thread. Linux.
fn cpu_time() -> Duration {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let ns = line.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(ns.expect("its first field is a number"))
}

fn message(to: &str, kind: Kind, content: Content) -> Message {
    Message {
        id: MessageId(0),
        kind,
        account: Arc::from("shop"),
        from: "ACME".to_owned(),
        to: vec![to.to_owned()],
        subject: String::new(),
        content,
        priority: Priority::Normal,
        accepted_at: Timestamp(0),
        not_before: Timestamp(0),
        expires_at: Timestamp(4_000_000_000_000),
        idempotency_key: String::new(),
        request_hash: 0,
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}
