//! Why a load could not begin or ended early.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use signalbox_session::CloseReason;

/// Why a load could not begin or ended early.
#[derive(Debug)]
pub enum LoadError {
    /// The target cannot be connected to.
    Connect {
        /// Host and port.
        target: String,
        /// What the system says.
        error: io::Error,
    },
    /// A certificate, a key or a name cannot be used.
    Tls(String),
    /// Callbacks cannot be received there.
    Callbacks {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// HTTP was not spoken as it should be.
    Http(hyper::Error),
    /// The server closed a connection before the load ended.
    HttpClosed,
    /// A request was not answered for so long.
    HttpNoResponse(Duration),
    /// The answer of a stream of messages is not a line of JSON for each, with its id or status.
    HttpLine,
    /// A session ended before the load did.
    Closed(CloseReason),
    /// Somebody ended it.
    Interrupted,
    /// CPU time cannot be read.
    Cpu(io::Error),
    /// A bind's task failed.
    Task(tokio::task::JoinError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { target, error } => write!(f, "cannot connect to {target}: {error}"),
            Self::Tls(problem) => write!(f, "TLS: {problem}"),
            Self::Callbacks { address, error } => {
                write!(f, "cannot listen for callbacks on {address}: {error}")
            }
            Self::Http(error) => write!(f, "HTTP: {error}"),
            Self::HttpClosed => write!(f, "the server closed a connection early"),
            Self::HttpNoResponse(timer) => {
                write!(f, "a request was not answered within {timer:?}")
            }
            Self::HttpLine => write!(
                f,
                "the answer to NDJSON is not one line of JSON with id or status per message"
            ),
            Self::Closed(reason) => write!(f, "a session ended early: {reason}"),
            Self::Interrupted => f.write_str(
                "interrupted: what had not come by then counts as unanswered or missing",
            ),
            Self::Cpu(error) => write!(f, "cannot read the CPU time: {error}"),
            Self::Task(error) => write!(f, "a bind's task failed: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<hyper::Error> for LoadError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}
