//! The program as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_smsc-sim");

/// A running simulator; killed when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) smpp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) ready: Value,
}

/// An answer of the control API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_command(&mut command(args))
    }

    /// With an environment of its own.
    pub(crate) fn start_command(command: &mut Command) -> Self {
        Self::start_logging_to(Stdio::null(), command)
    }

    pub(crate) fn start_logging_to(log: Stdio, command: &mut Command) -> Self {
        let mut child = command
            .args(["--smpp-port", "0", "--http-port", "0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect(&line);
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        Self {
            smpp: address("smpp"),
            http: address("http"),
            child,
            ready,
        }
    }

    /// Resident memory.
    pub(crate) fn resident_octets(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kib: u64 = line
            .split_ascii_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        kib * 1024
    }

    pub(crate) async fn http(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        tokio::time::timeout(PATIENCE, reading)
            .await
            .unwrap()
            .unwrap();
        // A file is no text; whoever wants its octets reads them by itself.
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let content_type = lines.find_map(|line| line.strip_prefix("content-type: "));
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: serde_json::from_str(body).unwrap_or_else(|_| body.into()),
        }
    }

    /// An answer under `/api/v1/smscs/main/` that has to be 2xx.
    pub(crate) async fn main(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/api/v1/smscs/main/{path}");
        let answer = self.http(method, &path, &body.to_string()).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.body
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .env_remove("SMSC_PORT")
        .env_remove("WEB_PORT")
        .env_remove("FAILED_SUBMITS");
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}
