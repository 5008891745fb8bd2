//! Why there was no load.

use std::fmt;
use std::io;

use signalbox_session::CloseReason;

/// Why there was no load.
#[derive(Debug)]
pub enum LoadError {
    /// The target cannot be connected to.
    Connect {
        /// Host and port.
        target: String,
        /// What the system says.
        error: io::Error,
    },
    /// A session ended before the load did.
    Closed(CloseReason),
    /// CPU time cannot be read.
    Cpu(io::Error),
    /// A bind's task failed.
    Task(tokio::task::JoinError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { target, error } => write!(f, "cannot connect to {target}: {error}"),
            Self::Closed(reason) => write!(f, "a session ended early: {reason}"),
            Self::Cpu(error) => write!(f, "cannot read the CPU time: {error}"),
            Self::Task(error) => write!(f, "a bind's task failed: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}
