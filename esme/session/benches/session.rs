//! What a session costs per message: two sessions without I/O, and two connections over loopback
//! TCP with windows of 1 to 1,000. CPU per side is printed beside the time, because wall time on a
//! shared machine says little.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a bench measures time and opens sockets"
)]

use std::fs;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use signalbox_codec::pdu::{Bind, BindResp, MessageIdResp, ShortMessage, Sm};
use signalbox_codec::{COctetStr, CommandStatus, Pdu};
use signalbox_session::driver::{DriverConfig, Owner, drive};
use signalbox_session::{BindType, Event, Role, Session, SessionConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Messages of one loopback run.
const MESSAGES: u64 = 200_000;

fn submit_sm() -> Pdu<'static> {
    Pdu::SubmitSm(Sm {
        source_addr: COctetStr::new(b"signalbox").expect("no NUL"),
        destination_addr: COctetStr::new(b"447700900000").expect("no NUL"),
        registered_delivery: 1,
        short_message: ShortMessage::new(&[b'a'; 140]).expect("140 octets fit"),
        ..Sm::default()
    })
}

fn submit_sm_resp() -> Pdu<'static> {
    Pdu::SubmitSmResp(MessageIdResp {
        message_id: COctetStr::new(b"0123456789abcdef"),
        ..MessageIdResp::default()
    })
}

fn config(role: Role, window_size: u32) -> SessionConfig {
    SessionConfig {
        window_size,
        inbound_window_size: window_size,
        ..SessionConfig::new(role)
    }
}

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
        match event {
            Event::BindRequested {
                sequence_number, ..
            } => {
                let resp = BindResp {
                    system_id: Some(COctetStr::EMPTY),
                    ..BindResp::default()
                };
                session
                    .respond_bind(now, sequence_number, CommandStatus::ESME_ROK, &resp)
                    .expect("asked");
            }
            Event::Request { header, .. } => session
                .respond(
                    now,
                    header.sequence_number,
                    CommandStatus::ESME_ROK,
                    &submit_sm_resp(),
                )
                .expect("asked"),
            _ => {}
        }
    }

    fn on_request(&mut self, _: Instant, _: &mut Session, (): ()) {}

    fn on_control(&mut self, _: Instant, _: &mut Session, (): ()) {}
}

/// Keeps its window full until all messages are answered.
struct Esme {
    sent: u64,
    answered: u64,
}

impl Owner for Esme {
    type Request = ();
    type Control = ();

    fn on_event(&mut self, _: Instant, _: &mut Session, event: Event<'_>) {
        match event {
            Event::Response { token, .. } => {
                black_box(token);
                self.answered += 1;
            }
            Event::RequestFailed { failure, .. } => panic!("{failure:?}"),
            _ => {}
        }
    }

    fn on_request(&mut self, _: Instant, _: &mut Session, (): ()) {}

    fn on_control(&mut self, _: Instant, _: &mut Session, (): ()) {}

    fn after_batch(&mut self, now: Instant, session: &mut Session) {
        while session.window_free() > 0 && self.sent < MESSAGES {
            session
                .request(now, self.sent, &submit_sm())
                .expect("the window is open");
            self.sent += 1;
        }
        if self.answered == MESSAGES {
            session.unbind(now);
        }
    }
}

/// One run over loopback; returns the time and the CPU nanoseconds of both sides.
fn loopback(window_size: u32) -> (Duration, u64, u64) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket can");
    let address = listener.local_addr().expect("bound");
    let smsc = thread::spawn(move || {
        block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let (stream, _) = listener.accept().await.expect("one connection");
            run(stream, config(Role::Smsc, window_size), Smsc).await;
        })
    });
    let esme = thread::spawn(move || {
        let started = Instant::now();
        let cpu_ns = block_on(async move {
            let stream = TcpStream::connect(address).await.expect("listening");
            let owner = Esme {
                sent: 0,
                answered: 0,
            };
            let owner = run(stream, config(Role::Esme, window_size), owner).await;
            assert_eq!(owner.answered, MESSAGES);
        });
        (started.elapsed(), cpu_ns)
    });
    let (elapsed, esme_ns) = esme.join().expect("the client ends");
    (elapsed, esme_ns, smsc.join().expect("the server ends"))
}

async fn run<O: Owner>(stream: TcpStream, config: SessionConfig, owner: O) -> O {
    stream.set_nodelay(true).expect("a TCP socket");
    let now = Instant::now();
    let mut session = Session::new(now, config);
    if session.role() == Role::Esme {
        session
            .bind(now, BindType::Transceiver, &Bind::default())
            .expect("fresh");
    }
    let (_requests, requests_end) = mpsc::channel(1);
    let (_control, control_end) = mpsc::unbounded_channel();
    let config = DriverConfig::default();
    drive(stream, session, owner, requests_end, control_end, config)
        .await
        .0
}

/// Runs on this thread; returns the CPU nanoseconds that it took.
fn block_on(future: impl Future<Output = ()>) -> u64 {
    let before = thread_cpu_ns();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future);
    thread_cpu_ns() - before
}

fn over_loopback(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loopback");
    group
        .throughput(Throughput::Elements(MESSAGES))
        .sample_size(10);
    for window_size in [1, 10, 100, 1_000] {
        group.bench_function(format!("window {window_size}"), |bencher| {
            bencher.iter_custom(|runs| {
                let mut total = Duration::ZERO;
                for _ in 0..runs {
                    let (elapsed, esme_ns, smsc_ns) = loopback(window_size);
                    total += elapsed;
                    println!(
                        "window {window_size}: {:.0} msg/s, CPU ns/msg: esme {}, smsc {}",
                        MESSAGES as f64 / elapsed.as_secs_f64(),
                        esme_ns / MESSAGES,
                        smsc_ns / MESSAGES,
                    );
                }
                total
            });
        });
    }
    group.finish();
}

/// Moves what `from` writes into `to` and answers every request.
fn exchange(now: Instant, from: &mut Session, to: &mut Session, wire: &mut BytesMut) {
    wire.clear();
    from.poll_transmit(wire);
    let mut rest: &[u8] = wire;
    loop {
        let step = to.handle_input(now, rest);
        match step.event {
            Some(Event::Request { header, .. }) => to
                .respond(
                    now,
                    header.sequence_number,
                    CommandStatus::ESME_ROK,
                    &submit_sm_resp(),
                )
                .expect("asked"),
            Some(Event::BindRequested {
                sequence_number, ..
            }) => to
                .respond_bind(
                    now,
                    sequence_number,
                    CommandStatus::ESME_ROK,
                    &BindResp::default(),
                )
                .expect("asked"),
            event => {
                black_box(event);
            }
        }
        if step.consumed == 0 {
            return;
        }
        rest = &rest[step.consumed..];
    }
}

fn without_io(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut group = criterion.benchmark_group("sans-io");
    for window_size in [1u32, 100] {
        let mut esme = Session::new(now, config(Role::Esme, window_size));
        let mut smsc = Session::new(now, config(Role::Smsc, window_size));
        let mut wire = BytesMut::new();
        esme.bind(now, BindType::Transceiver, &Bind::default())
            .expect("fresh");
        exchange(now, &mut esme, &mut smsc, &mut wire);
        exchange(now, &mut smsc, &mut esme, &mut wire);
        group.throughput(Throughput::Elements(u64::from(window_size)));
        group.bench_function(
            format!("submit and answer, window {window_size}"),
            |bencher| {
                bencher.iter(|| {
                    while esme.window_free() > 0 {
                        esme.request(now, 1, &submit_sm()).expect("open");
                    }
                    exchange(now, &mut esme, &mut smsc, &mut wire);
                    exchange(now, &mut smsc, &mut esme, &mut wire);
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, without_io, over_loopback);
criterion_main!(benches);
