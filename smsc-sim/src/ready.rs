//! How the program says that it is ready: one line of JSON on stdout, and where else a parent
//! process wants it.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use smsc_sim::Smsc;

use crate::print_line;

/// Where else the ready line goes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReadyArgs {
    /// Write the ready line to this file too; it appears whole, and goes at the end. One of an
    /// earlier run goes before the ports are opened.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Append the ready line to this open file descriptor too: a pipe or a file, but no socket,
    /// other than as stdout (1, which gets it in any case) or stderr (2).
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

/// The ready line of a simulator that listens.
pub(crate) fn line(smsc: &Smsc, seed: u64) -> serde_json::Result<String> {
    serde_json::to_string(&Ready {
        event: "ready",
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        smpp: smsc.addr(),
        smpp_tls: smsc.tls_addr(),
        http: smsc.http_addr(),
        seed,
    })
}

impl ReadyArgs {
    /// Before the ports are opened: nobody may believe the file of an earlier run.
    ///
    /// # Errors
    /// The file that cannot be removed, or that is none.
    pub(crate) fn forget_earlier(&self) -> Result<(), String> {
        self.at_file(|path| match fs::metadata(path) {
            Ok(found) if !found.is_file() => Err(io::Error::other("this is no file")),
            Ok(_) => fs::remove_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
    }

    /// Says that it is ready. The line on stdout comes last: who has read it finds the others.
    ///
    /// # Errors
    /// Which option names what cannot be written, or that nobody reads stdout.
    pub(crate) fn tell(&self, line: &str) -> Result<(), Box<dyn Error>> {
        if let Some(fd) = self.ready_fd {
            write_to(fd, line).map_err(|error| format!("--ready-fd {fd}: {error}"))?;
        }
        self.at_file(|path| write_whole(path, line))?;
        Ok(print_line(&line)?)
    }

    /// Removes the file, unless another process has written its own there.
    ///
    /// # Errors
    /// The file that cannot be read or removed.
    pub(crate) fn take_back(&self, line: &str) -> Result<(), String> {
        self.at_file(|path| match fs::read(path) {
            Ok(found) if found == format!("{line}\n").as_bytes() => fs::remove_file(path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn at_file(&self, act: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), String> {
        let Some(path) = &self.ready_file else {
            return Ok(());
        };
        act(path).map_err(|error| format!("--ready-file {}: {error}", path.display()))
    }
}

/// Under another name first, so that nobody reads a part of it.
fn write_whole(path: &Path, line: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    fs::write(&unfinished, format!("{line}\n"))?;
    fs::rename(&unfinished, path)
}

/// A descriptor beyond the standard ones can be had without unsafe code only by opening anew what
/// it stands for, at an offset of its own: hence the append.
fn write_to(fd: u32, line: &str) -> io::Result<()> {
    match fd {
        // It gets the line in any case.
        1 => Ok(()),
        2 => writeln!(io::stderr().lock(), "{line}"),
        _ => {
            let path = format!("/dev/fd/{fd}");
            if fs::metadata(&path)?.file_type().is_socket() {
                return Err(io::Error::other(
                    "this is a socket; wanted: a pipe or a file, or use --ready-file",
                ));
            }
            let mut file = fs::OpenOptions::new().append(true).open(path)?;
            writeln!(file, "{line}")
        }
    }
}
