//! What a link costs per message, from submit to the batch with its response, over loopback TCP
//! against a driver that answers at once. Prints messages per second and CPU per thread, because
//! wall time on a shared machine says little. No criterion: one run is long enough to be a mean.

use std::fs;
use std::thread;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use signalbox_codec::pdu::{BindResp, MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandId, CommandStatus, Encode, Pdu};
use signalbox_esme::{ClientConfig, Link, LinkEvent, Outgoing, Secret};
use signalbox_session::driver::{DriverConfig, Owner, drive};
use signalbox_session::{Event, Role, Session, SessionConfig};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::mpsc;

const MESSAGES: u64 = 500_000;

/// Nanoseconds of CPU that this thread has used.
fn thread_cpu_ns() -> u64 {
    fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|stat| stat.split(' ').next()?.parse().ok())
        .unwrap_or(0)
}

/// Answers whatever it is asked.
struct Smsc;

impl Owner for Smsc {
    type Request = ();
    type Control = ();

    fn on_event(&mut self, now: Instant, session: &mut Session, event: Event<'_>) {
        let status = CommandStatus::ESME_ROK;
        match event {
            Event::BindRequested {
                sequence_number, ..
            } => session
                .respond_bind(now, sequence_number, status, &BindResp::default())
                .expect("asked"),
            Event::Request { header, .. } => {
                let resp = Pdu::SubmitSmResp(MessageIdResp {
                    message_id: COctetStr::new(b"0123456789abcdef"),
                    ..MessageIdResp::default()
                });
                session
                    .respond(now, header.sequence_number, status, &resp)
                    .expect("asked");
            }
            _ => {}
        }
    }

    fn on_request(&mut self, _: Instant, _: &mut Session, (): ()) {}

    fn on_control(&mut self, _: Instant, _: &mut Session, (): ()) {}
}

fn smsc(listener: std::net::TcpListener) -> u64 {
    let before = thread_cpu_ns();
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::from_std(listener).expect("a listener");
        let (stream, _) = listener.accept().await.expect("one connection");
        stream.set_nodelay(true).expect("a TCP socket");
        let mut config = SessionConfig::new(Role::Smsc);
        config.inbound_window_size = 65_535;
        let session = Session::new(Instant::now(), config);
        let (_requests, requests_end) = mpsc::channel(1);
        let (_control, control_end) = mpsc::unbounded_channel();
        let driver = DriverConfig::default();
        drive(stream, session, Smsc, requests_end, control_end, driver).await;
    });
    thread_cpu_ns() - before
}

async fn esme(config: ClientConfig, body: Bytes) {
    let window = u64::from(config.window_size);
    let (sender, mut events) = mpsc::unbounded_channel();
    let link = Link::spawn(0, config, sender).expect("settings in range");
    let (mut submitted, mut answered) = (0u64, 0u64);
    while answered < MESSAGES {
        let batch = events.recv().await.expect("the link runs");
        for event in batch.events {
            match event {
                LinkEvent::Bound { .. } => {}
                LinkEvent::Response { .. } => answered += 1,
                other => panic!("{other:?}"),
            }
        }
        while submitted < MESSAGES && submitted - answered < window {
            let outgoing = Outgoing {
                command_id: CommandId::SUBMIT_SM,
                body: body.clone(),
            };
            link.try_submit(submitted, outgoing).expect("room");
            submitted += 1;
        }
    }
    link.unbind();
    while events.recv().await.is_some() {}
}

fn main() {
    let submit_sm = Pdu::SubmitSm(Sm {
        destination_addr: COctetStr::new(b"447700900000").expect("no NUL"),
        short_message: ShortMessage::new(&[b'a'; 140]).expect("140 octets fit"),
        ..Sm::default()
    });
    let mut body = BytesMut::with_capacity(submit_sm.body_octets());
    submit_sm.encode_body(&mut body);
    let body = body.freeze();
    for window_size in [10, 100, 1_000] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can");
        let mut config = ClientConfig::new("127.0.0.1", "bench", Secret::default());
        config.port = listener.local_addr().expect("bound").port();
        config.window_size = window_size;
        let smsc = thread::spawn(move || smsc(listener));
        let (started, before) = (Instant::now(), thread_cpu_ns());
        // The link's task and its user share this thread: its CPU is that of both.
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime
            .expect("a runtime")
            .block_on(esme(config, body.clone()));
        let (elapsed, esme_ns) = (started.elapsed(), thread_cpu_ns() - before);
        let smsc_ns = smsc.join().expect("the server ends");
        println!(
            "window {window_size}: {:.0} msg/s, CPU ns/msg: link and user {}, smsc {}",
            MESSAGES as f64 / elapsed.as_secs_f64(),
            esme_ns / MESSAGES,
            smsc_ns / MESSAGES,
        );
    }
}
