//! How the program says that it is ready: one line of JSON on stdout, and where else a parent
//! process wants it.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use smsc_sim::Smsc;

use crate::print_line;

/// Where else the ready line goes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReadyArgs {
    /// Write the ready line to this file too; it appears whole.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Write the ready line to this open file descriptor too.
    #[arg(long, value_name = "FD")]
    ready_fd: Option<u32>,
}

/// The one line on stdout that says that every listener is open.
#[derive(Serialize)]
struct Ready {
    event: &'static str,
    version: &'static str,
    pid: u32,
    smpp: SocketAddr,
    smpp_tls: Option<SocketAddr>,
    http: Option<SocketAddr>,
    seed: u64,
}

impl ReadyArgs {
    /// Says that it is ready. The line on stdout comes last: who has read it finds the others.
    ///
    /// # Errors
    /// Which option names what cannot be written.
    pub(crate) fn tell(&self, smsc: &Smsc, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
        let line = serde_json::to_string(&Ready {
            event: "ready",
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            smpp: smsc.addr(),
            smpp_tls: smsc.tls_addr(),
            http: smsc.http_addr(),
            seed,
        })?;
        if let Some(path) = &self.ready_file {
            let shown = path.display();
            write_whole(path, &line).map_err(|error| format!("--ready-file {shown}: {error}"))?;
        }
        if let Some(fd) = self.ready_fd {
            write_to(fd, &line).map_err(|error| format!("--ready-fd {fd}: {error}"))?;
        }
        Ok(print_line(&line)?)
    }
}

/// Under another name first, so that nobody reads a part of it.
fn write_whole(path: &Path, line: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    fs::write(&unfinished, format!("{line}\n"))?;
    fs::rename(&unfinished, path)
}

fn write_to(fd: u32, line: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(format!("/dev/fd/{fd}"))?;
    writeln!(file, "{line}")
}
