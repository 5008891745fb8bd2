//! What can go wrong with the store, and whose fault it is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use signalbox_router::LedgerError;

/// Why the store could not do something.
#[derive(Debug)]
pub enum StoreError {
    /// The operating system refused a call.
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// Another process has the store.
    Locked {
        /// The directory.
        path: PathBuf,
        /// Id of the process that has it, as it wrote it down.
        holder: String,
    },
    /// A file is of a version (or a record of a kind) that this program does not know.
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Where in it, in octets.
        offset: u64,
        /// What was found.
        found: String,
    },
    /// Octets with a right checksum that make no sense, or a file that is not what its name says.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk is full: the batch is kept and written when there is space.
    DiskFull {
        /// The directory.
        path: PathBuf,
    },
    /// The store takes no more changes until [`crate::Store::retry_probe`] succeeds.
    ReadOnly {
        /// Why.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn malformed(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                doing,
                path,
                source,
            } => write!(f, "{doing} {}: {source}", path.display()),
            Self::Locked { path, holder } => write!(
                f,
                "the store {} is in use by process {holder}; stop it or choose another path",
                path.display()
            ),
            Self::UnknownVersion {
                path,
                offset,
                found,
            } => write!(
                f,
                "{} at octet {offset}: {found} is not known to this version of the program",
                path.display()
            ),
            Self::Malformed { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::DiskFull { path } => {
                write!(
                    f,
                    "the disk of {} is full; the batch waits for space",
                    path.display()
                )
            }
            Self::ReadOnly { reason } => write!(f, "the store is read-only: {reason}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self {
            reason: error.to_string(),
        }
    }
}
