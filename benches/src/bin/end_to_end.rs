//! The main job at full load, with the real programs: HTTP in, journal, SMPP to the simulator,
//! receipt, callback. Prints one table row per run.
//!
//! `cargo build --release -p signalbox -p smsc-sim -p signalbox-benches` first, then
//! `target/release/end_to_end`.

use std::io;
use std::time::Instant;

use clap::Parser;
use signalbox_benches::load::{Target, send_singly, send_stream};
use signalbox_benches::process::{Program, Usage, programs};
use signalbox_benches::sink::Sink;

/// Messages sent before anything is measured.
const WARM_UP: u64 = 5_000;

/// End-to-end run of gateway and simulator.
#[derive(Debug, Parser)]
struct Arguments {
    /// Messages of the NDJSON run
    #[arg(long, default_value_t = 200_000)]
    stream: u64,
    /// Messages of the run with single POSTs
    #[arg(long, default_value_t = 100_000)]
    single: u64,
    /// Connections of the run with single POSTs
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// Window of the bind
    #[arg(long, default_value_t = 1_000)]
    window: u32,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let programs = programs()?;
    let smsc = Program::start(
        &programs.join("smsc-sim"),
        &["--smpp-port", "0", "--http-port", "0", "--seed", "1"],
    )
    .await?;
    let sink = Sink::start().await?;
    let config = folder.path().join("signalbox.toml");
    let store = folder.path().join("store");
    std::fs::write(
        &config,
        configuration(&smsc, &sink, &store, arguments.window)?,
    )?;
    let config = config.display().to_string();
    let gateway =
        Program::start(&programs.join("signalbox"), &["run", "--config", &config]).await?;
    let idle = gateway.usage()?;
    println!(
        "ready after {} ms, idle memory {:.1} MB",
        gateway.start_time.as_millis(),
        idle.resident_kib as f64 / 1024.0
    );
    let target = Target {
        address: gateway
            .ready_text("http")
            .parse()
            .map_err(io::Error::other)?,
        key: "bench-key".into(),
    };

    measure(&arguments, &gateway, &sink, &target).await
}

/// Runs both loads and prints a row for each.
async fn measure(
    arguments: &Arguments,
    gateway: &Program,
    sink: &Sink,
    target: &Target,
) -> io::Result<()> {
    println!("| run | messages | accepted/s | receipt and callback/s | CPU µs/msg | memory MB |");
    println!("|---|---|---|---|---|---|");
    // The first messages warm caches, connections and the allocator.
    let mut done = WARM_UP;
    send_stream(target, WARM_UP).await?;
    sink.wait_for_delivered(done).await;
    for (load, count) in [
        (Load::Stream, arguments.stream),
        (Load::Single, arguments.single),
    ] {
        let before = gateway.usage()?;
        let started = Instant::now();
        let accepted = match load {
            Load::Stream => send_stream(target, count).await?,
            Load::Single => send_singly(target, count, arguments.connections).await?,
        };
        let accepting_s = started.elapsed().as_secs_f64();
        if accepted != count {
            return Err(io::Error::other(format!(
                "{accepted} of {count} messages accepted"
            )));
        }
        done += count;
        sink.wait_for_delivered(done).await;
        let whole_s = started.elapsed().as_secs_f64();
        row(
            load.name(),
            count,
            accepting_s,
            whole_s,
            before,
            gateway.usage()?,
        );
    }
    Ok(())
}

/// How messages are handed in.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// One NDJSON stream.
    Stream,
    /// A POST each.
    Single,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Stream => "NDJSON stream",
            Self::Single => "single POSTs",
        }
    }
}

fn row(name: &str, count: u64, accepting_s: f64, whole_s: f64, before: Usage, after: Usage) {
    let count_f = count as f64;
    println!(
        "| {name} | {count} | {:.0} | {:.0} | {:.1} | {:.0} |",
        count_f / accepting_s,
        count_f / whole_s,
        (after.cpu_s - before.cpu_s) * 1e6 / count_f,
        after.resident_kib as f64 / 1024.0
    );
}

fn configuration(
    smsc: &Program,
    sink: &Sink,
    store: &std::path::Path,
    window: u32,
) -> io::Result<String> {
    let smpp = smsc.ready_text("smpp");
    let (_, port) = smpp
        .rsplit_once(':')
        .ok_or_else(|| io::Error::other("no SMPP port"))?;
    Ok(format!(
        r#"
[http]
listen = "127.0.0.1:0"
[store]
path = "{}"
[account.bench]
key = "bench-key"
callback_url = "http://{}/callback"
callback_secret = "whsec_c2lnbmFsYm94LWJlbmNobWFyay1zZWNyZXQ="
[provider.sim]
host = "127.0.0.1"
[provider.sim.bind.main]
type = "transceiver"
port = {port}
system_id = "bench"
password = "bench"
window_size = {window}
[route.10-default]
to = "sms"
provider = ["sim"]
"#,
        store.display(),
        sink.address
    ))
}
