//! Programs under test: started, awaited until ready, measured, stopped.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Ticks of `/proc/PID/stat` in a second. Linux reports these times in hundredths on every
/// architecture that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program that printed its ready line. Killed when dropped.
pub struct Program {
    child: Child,
    /// The ready line.
    pub ready: Value,
    /// From start to ready line.
    pub start_time: Duration,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time of user and system, in seconds.
    pub cpu_s: f64,
    /// Resident memory, in KiB.
    pub resident_kib: u64,
}

impl Program {
    /// Starts a program and waits for one line of JSON on its stdout.
    ///
    /// # Errors
    /// When it cannot be started or ends without that line.
    pub async fn start(path: &Path, arguments: &[&str]) -> io::Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(path)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no stdout"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let ready = serde_json::from_str(&line).map_err(|_| {
            io::Error::other(format!(
                "{} printed no ready line: {line:?}",
                path.display()
            ))
        })?;
        Ok(Self {
            child,
            ready,
            start_time: started.elapsed(),
        })
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// A string of the ready line.
    #[must_use]
    pub fn ready_text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_default()
    }

    /// What it has used.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn usage(&self) -> io::Result<Usage> {
        usage(self.pid())
    }
}

/// What a process has used, by `/proc`.
///
/// # Errors
/// When there is no such process.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; fields are counted after it, from `state` (3).
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let cpu_s = (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS_PER_SECOND;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    Ok(Usage {
        cpu_s,
        resident_kib,
    })
}

/// Folder of the programs that cargo built beside this one.
///
/// # Errors
/// When the system does not tell where this program is.
pub fn programs() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().map(Path::to_path_buf).unwrap_or_default())
}
