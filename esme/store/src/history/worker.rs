//! The history's thread: reads behind the journal, writes what it collected, answers questions.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use signalbox_router::{MessageId, Timestamp};

use super::collect::Collected;
use super::tail::Tail;
use super::{Filter, HistoryConfig, HistoryError, MessageView, Orphan, Page, database, query};
use crate::disk::{Disk as _, RealDisk};
use crate::store::{Position, Watch};

/// How often the journal is looked at when nobody asks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A question. Its answer goes to `reply`; an asker who has gone is no error.
#[derive(Debug)]
pub(super) enum Command {
    Find {
        filter: Box<Filter>,
        seen: Position,
        reply: Reply<Page>,
    },
    Message {
        id: MessageId,
        seen: Position,
        reply: Reply<Option<MessageView>>,
    },
    Orphans {
        limit: usize,
        seen: Position,
        reply: Reply<Vec<Orphan>>,
    },
    Purge {
        before: Timestamp,
        limit: usize,
        reply: Reply<usize>,
    },
    Position {
        reply: Reply<Position>,
    },
}

type Reply<T> = SyncSender<Result<T, HistoryError>>;

pub(super) struct Worker {
    config: HistoryConfig,
    watch: Watch,
    db: Connection,
    tail: Tail,
    collected: Collected,
    collecting_since: Instant,
    /// Everything before this position of the journal is in the database.
    written: u64,
    /// Rows in the table of open callbacks.
    stored_callbacks: usize,
}

impl Worker {
    pub(super) fn open(config: HistoryConfig, watch: Watch) -> Result<Self, HistoryError> {
        let (db, progress) = database::open(&config.database, watch.committed().0)?;
        let written = progress.from;
        let stored_callbacks = database::count_callbacks(&db)?;
        let tail = Tail::new(config.store.clone(), watch.salt, written);
        Ok(Self {
            config,
            watch,
            db,
            tail,
            collected: Collected::new(written, progress.to),
            collecting_since: Instant::now(),
            written,
            stored_callbacks,
        })
    }

    /// Until nobody can ask any more.
    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            match inbox.recv_timeout(LOOK_EVERY) {
                Ok(command) => self.answer(command),
                Err(RecvTimeoutError::Timeout) => {
                    // Tried again at the next look; whoever asks gets the error as the answer.
                    let _ = self.look();
                }
                Err(RecvTimeoutError::Disconnected) => {
                    // What cannot be written is read from the journal at the next start.
                    let _ = self.write(true);
                    return;
                }
            }
        }
    }

    fn answer(&mut self, command: Command) {
        match command {
            Command::Find {
                filter,
                seen,
                reply,
            } => {
                let page = self.see(seen).and_then(|()| query::find(&self.db, &filter));
                let _ = reply.send(page);
            }
            Command::Message { id, seen, reply } => {
                let message = self
                    .read_to(seen)
                    .and_then(|()| query::message(&self.db, &self.collected, id));
                let _ = reply.send(message);
            }
            Command::Orphans { limit, seen, reply } => {
                let orphans = self
                    .see(seen)
                    .and_then(|()| query::orphans(&self.db, limit));
                let _ = reply.send(orphans);
            }
            Command::Purge {
                before,
                limit,
                reply,
            } => {
                let purged = database::purge(&mut self.db, before, limit);
                let _ = reply.send(purged.map_err(HistoryError::from));
            }
            Command::Position { reply } => {
                let position = self.look().map(|()| Position(self.written));
                let _ = reply.send(position);
            }
        }
    }

    /// Brings everything before a position into the database.
    fn see(&mut self, seen: Position) -> Result<(), HistoryError> {
        if self.written < seen.0 {
            self.read()?;
            self.write(true)?;
        }
        Ok(())
    }

    /// Reads everything before a position; it is in the database or collected.
    fn read_to(&mut self, seen: Position) -> Result<(), HistoryError> {
        match self.tail.position < seen.0 {
            true => self.read(),
            false => Ok(()),
        }
    }

    /// Reads what is new; writes what was collected for long enough.
    fn look(&mut self) -> Result<(), HistoryError> {
        self.read()?;
        let collect = Duration::from_millis(self.config.collect_ms);
        if self.collecting_since.elapsed() >= collect {
            self.write(false)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), HistoryError> {
        let committed = self.watch.committed().0;
        let max = self.config.collect_messages_max;
        while self.tail.position < committed {
            let before = self.tail.position;
            let Self {
                db,
                tail,
                collected,
                stored_callbacks,
                ..
            } = self;
            tail.read(committed, &mut |kind, payload, location| {
                let position = location.position;
                collected.take(kind, payload, position, |id| match stored_callbacks {
                    0 => Ok(None),
                    _ => Ok(database::callback_of(db, id)?),
                })?;
                Ok(match collected.is_full(max, location.end()) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                })
            })?;
            if self.collected.is_full(max, self.tail.position) {
                self.write(false)?;
            }
            if self.tail.position == before {
                // Nothing readable is left before `committed`: segments were taken away.
                self.tail.position = committed;
            }
        }
        Ok(())
    }

    fn check_space(&self) -> Result<(), HistoryError> {
        let min = self.config.free_octets_min;
        // Unknown free space is no reason to wait: a failed write will tell.
        let free = RealDisk.free_octets(&self.config.store).unwrap_or(u64::MAX);
        if free >= min {
            return Ok(());
        }
        Err(HistoryError {
            reason: format!("the disk has {free} octets free, and it waits for {min}"),
            disk_full: true,
        })
    }

    /// Writes what is old, or all.
    fn write(&mut self, all: bool) -> Result<(), HistoryError> {
        self.collecting_since = Instant::now();
        let position = self.tail.position;
        if position == self.written {
            return Ok(());
        }
        self.check_space()?;
        let due = self.collected.due(all, position);
        let from = due.from;
        let (added, removed) = database::write(&mut self.db, &due)?;
        self.stored_callbacks = (self.stored_callbacks + added).saturating_sub(removed);
        self.written = from;
        self.collected.written(all, position);
        Ok(())
    }
}
