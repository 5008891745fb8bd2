//! Measures every PDU and every operation on text beside rusmpp, and writes `benches/RESULTS.md`
//! with `benches/results.svg`: `cargo bench -p signalbox-codec --bench report`. Instructions are
//! counted by valgrind where it is installed.
//!
//! Times are the shortest of many short samples: another load of the machine makes a sample
//! longer and never shorter.

#![allow(missing_docs, clippy::unwrap_used)] // Bench code.
// It measures time and runs valgrind.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod operations;
mod output;
#[path = "../samples/mod.rs"]
mod samples;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use operations::{Operation, operations};

/// Samples of each operation.
const SAMPLES: usize = 400;
/// How long a sample is, about.
const SAMPLE: Duration = Duration::from_micros(40);

/// What was found out about one operation.
struct Row {
    operation: String,
    nanoseconds: f64,
    /// The same of rusmpp, where it has it.
    rusmpp_nanoseconds: Option<f64>,
    instructions: Option<u64>,
    allocations: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, count] = &arguments[..]
        && flag == "--repeat"
    {
        return repeat(name, count.parse().unwrap());
    }
    let has_valgrind = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    let mut rows = Vec::new();
    for mut operation in operations() {
        (operation.ours)();
        let counted = allocation_counter::measure(|| (operation.ours)());
        let row = Row {
            nanoseconds: shortest(&mut operation.ours),
            rusmpp_nanoseconds: operation.rusmpp.as_mut().map(|theirs| shortest(theirs)),
            instructions: has_valgrind.then(|| instructions(&operation.name)),
            allocations: counted.count_total,
            operation: operation.name,
        };
        println!("{:32} {:8.1} ns", row.operation, row.nanoseconds);
        rows.push(row);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches");
    output::write(&folder, &rows);
}

/// Nanoseconds of one call.
fn shortest(operation: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < SAMPLE {
        operation();
        calls += 1;
    }
    let mut shortest = Duration::MAX;
    for _ in 0..SAMPLES {
        let start = Instant::now();
        for _ in 0..calls {
            operation();
        }
        shortest = shortest.min(start.elapsed());
    }
    shortest.as_secs_f64() * 1e9 / f64::from(calls)
}

fn repeat(name: &str, count: u32) {
    let mut all = operations();
    let found = all.iter_mut().find(|operation| operation.name == name);
    let Operation { ours, .. } = black_box(found.unwrap());
    for _ in 0..count {
        ours();
    }
}

/// Instructions of one call: those of many calls, less those of few.
fn instructions(name: &str) -> u64 {
    const CALLS: (u64, u64) = (20, 60);
    let count = |calls: u64| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().unwrap())
            .args(["--repeat", name, &calls.to_string()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let collected = said.split("Collected : ").nth(1).expect(&said);
        collected
            .split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    (count(CALLS.1) - count(CALLS.0)) / (CALLS.1 - CALLS.0)
}
