//! The history: every delivery with its timeline, searchable. Written behind the journal by a
//! thread of its own, which reads the journal's files from its own position: it never slows the
//! store, catches up after a restart, and can be deleted and made again.
//!
//! Callbacks have no entries of their own: their fate is in the timeline of what they are about.

mod collect;
mod database;
mod entry;
mod query;
mod tail;
mod terms;
mod timeline;
mod worker;

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use signalbox_router::{DeliveryId, Kind, Message, MessageId, ParkedReceipt, State, Timestamp};

use crate::store::{Position, Watch};
pub use timeline::TimelineEntry;
use worker::{Command, Worker};

/// Questions that may wait for the history's thread; the next asker waits for a place.
const COMMANDS_MAX: usize = 64;

/// Settings of the history.
#[derive(Clone, Debug)]
pub struct HistoryConfig {
    /// Directory of the store whose journal is read.
    pub store: PathBuf,
    /// File of the database. Default `history.sqlite` in the store's directory.
    pub database: PathBuf,
    /// How long the events of a message are collected before they are written, ms, and at most
    /// twice as long: a message that is done sooner costs one row. A search that must see them
    /// writes them at once. Default 1,000.
    pub collect_ms: u64,
    /// Nothing is written while less than this is free on the disk: the journal has it meanwhile.
    /// Default 0: only a failed write counts.
    pub free_octets_min: u64,
    /// Most messages held back; half of it is written together. Default 20,000.
    pub collect_messages_max: usize,
}

impl HistoryConfig {
    /// The defaults, for the store in a directory.
    #[must_use]
    pub fn new(store: impl Into<PathBuf>) -> Self {
        let store = store.into();
        let database = store.join("history.sqlite");
        Self {
            store,
            database,
            collect_ms: 1_000,
            free_octets_min: 0,
            collect_messages_max: 20_000,
        }
    }
}

/// What to look for; all that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Recipient's address, whole, with scheme.
    pub to: Option<String>,
    /// What the recipient's address begins with.
    pub to_prefix: Option<String>,
    /// Sender's address, whole.
    pub from: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Outgoing or inbound.
    pub kind: Option<Kind>,
    /// State of the delivery.
    pub state: Option<State>,
    /// Provider that has or had it.
    pub provider: Option<String>,
    /// The provider's id of a part.
    pub remote_id: Option<String>,
    /// The message that it is about.
    pub parent: Option<MessageId>,
    /// Accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Accepted before this time.
    pub until: Option<Timestamp>,
    /// What the text contains, letter for letter. At most the newest million deliveries that fit
    /// the rest are looked through.
    pub text_contains: Option<String>,
    /// Go on behind this delivery: [`Page::next`] of the page before.
    pub cursor: Option<DeliveryId>,
    /// Deliveries per page, 1 to 1,000; 0 means 100.
    pub limit: usize,
}

/// Deliveries found, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The deliveries.
    pub deliveries: Vec<DeliveryView>,
    /// Cursor of the next page; `None`: this is the last.
    pub next: Option<DeliveryId>,
}

/// A delivery as users see it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryView {
    /// Its id.
    pub id: DeliveryId,
    /// Outgoing or inbound.
    pub kind: Kind,
    /// Account of the message.
    pub account: String,
    /// Sender.
    pub from: String,
    /// Recipient, with scheme.
    pub to: String,
    /// Text of the message, if it is text.
    pub text: String,
    /// State.
    pub state: State,
    /// Provider that has or had it.
    pub provider: Option<String>,
    /// Parts.
    pub parts: Vec<PartView>,
    /// Reason of the last failure: number and name.
    pub error: Option<(u32, String)>,
    /// A copy may have been sent twice.
    pub duplicate_possible: bool,
    /// When the message was accepted.
    pub accepted_at: Timestamp,
    /// When the last event was.
    pub changed_at: Timestamp,
}

/// A part as users see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartView {
    /// State.
    pub state: State,
    /// The provider's id.
    pub remote_id: Option<String>,
    /// Code of its failure: number and name.
    pub error: Option<(u32, String)>,
}

/// A message with its deliveries and everything that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageView {
    /// The message as it was accepted.
    pub message: Message,
    /// One per recipient, in order.
    pub deliveries: Vec<DeliveryView>,
    /// What happened to them, in the order of time.
    pub timeline: Vec<TimelineEntry>,
}

/// A receipt that never found its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The receipt.
    pub receipt: ParkedReceipt,
    /// When its time was over.
    pub orphan_at: Timestamp,
}

/// Why the history could not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    /// What is wrong, for the operator.
    pub reason: String,
    /// It waits for space on the disk; what it has not read stays in the journal.
    pub disk_full: bool,
}

impl HistoryError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            disk_full: false,
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the history cannot answer: {}", self.reason)
    }
}

impl std::error::Error for HistoryError {}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            reason: error.to_string(),
            disk_full: error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
        }
    }
}

impl From<crate::StoreError> for HistoryError {
    fn from(error: crate::StoreError) -> Self {
        Self::new(error.to_string())
    }
}

/// The history's thread. Questions block the asker until they are answered; each names the
/// position that it must have seen, so that what was written is found.
#[derive(Debug)]
pub struct History {
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl History {
    /// Opens the database, or makes it again when it is missing, damaged, of another version, or
    /// ahead of the journal; then goes on reading in the background.
    pub fn start(config: HistoryConfig, watch: Watch) -> Result<Self, HistoryError> {
        let (commands, inbox) = sync_channel(COMMANDS_MAX);
        let worker = Worker::open(config, watch)?;
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || worker.run(&inbox))
            .map_err(|error| HistoryError::new(error.to_string()))?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
        })
    }

    /// Deliveries that fit a filter.
    pub fn find(&self, filter: Filter, seen: Position) -> Result<Page, HistoryError> {
        self.ask(|reply| Command::Find {
            filter: Box::new(filter),
            seen,
            reply,
        })
    }

    /// A message with all that happened to it.
    pub fn message(
        &self,
        id: MessageId,
        seen: Position,
    ) -> Result<Option<MessageView>, HistoryError> {
        self.ask(|reply| Command::Message { id, seen, reply })
    }

    /// The newest receipts that never found a message, up to `limit`.
    pub fn orphans(&self, limit: usize, seen: Position) -> Result<Vec<Orphan>, HistoryError> {
        self.ask(|reply| Command::Orphans { limit, seen, reply })
    }

    /// Removes up to `limit` deliveries and orphans from before a time; how many were removed.
    pub fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, HistoryError> {
        self.ask(|reply| Command::Purge {
            before,
            limit,
            reply,
        })
    }

    /// How far the journal is in the database: for [`crate::Store::retire`].
    pub fn position(&self) -> Result<Position, HistoryError> {
        self.ask(|reply| Command::Position { reply })
    }

    fn ask<T>(
        &self,
        command: impl FnOnce(SyncSender<Result<T, HistoryError>>) -> Command,
    ) -> Result<T, HistoryError> {
        let (reply, answer): (_, Receiver<_>) = sync_channel(1);
        let ended = || HistoryError::new("its thread has ended");
        let commands = self.commands.as_ref().ok_or_else(ended)?;
        commands.send(command(reply)).map_err(|_| ended())?;
        answer.recv().map_err(|_| ended())?
    }
}

impl Drop for History {
    /// Writes what was collected and waits for the thread.
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}
