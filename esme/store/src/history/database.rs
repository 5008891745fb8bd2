//! The tables of the history, and writing to them. The journal position that the rows stand for
//! is written in the same transaction.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use signalbox_router::{DeliveryId, DeliveryState, MessageId, Record, State, Timestamp};

use super::HistoryError;
use super::collect::{Changes, Due, ReceiptChange};
use super::entry::accepted_payload;
use super::terms::{self, Buckets, Terms};
use crate::frame;
use crate::index::remote_ids;
use crate::record::{AcceptedHead, get_record, put_receipt};

/// Raised with every change of the tables: an older database is made again from the journal.
const SCHEMA_VERSION: i64 = 4;

/// Message ids are keys, which sort by time. A delivery has a row for each time that it was
/// written, with what is in [`super::entry`]; how it is found is in [`super::terms`]. `open` has
/// those that are not delivered, with their state. A term whose `first` is NULL is of one id.
pub(super) const SCHEMA: &str = "
CREATE TABLE delivery (
    message BLOB NOT NULL, recipient INTEGER NOT NULL, position INTEGER NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (message, recipient, position)) WITHOUT ROWID;
CREATE TABLE term (
    bucket INTEGER NOT NULL, key BLOB NOT NULL, last BLOB NOT NULL, first BLOB,
    PRIMARY KEY (bucket, key, last)) WITHOUT ROWID;
CREATE TABLE bucket (
    number INTEGER PRIMARY KEY, start BLOB NOT NULL, last BLOB NOT NULL, terms INTEGER NOT NULL);
CREATE TABLE open (
    message BLOB NOT NULL, recipient INTEGER NOT NULL, state INTEGER NOT NULL,
    PRIMARY KEY (message, recipient)) WITHOUT ROWID;
CREATE INDEX open_by_state ON open (state, message);
CREATE TABLE callback (
    id BLOB PRIMARY KEY, message BLOB NOT NULL, recipient INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE receipt (
    provider TEXT NOT NULL, remote_id TEXT NOT NULL, receipt BLOB NOT NULL, orphan_at INTEGER,
    PRIMARY KEY (provider, remote_id)) WITHOUT ROWID;
CREATE INDEX receipt_by_time ON receipt (orphan_at) WHERE orphan_at IS NOT NULL;
CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1),
    read_from INTEGER NOT NULL, written_to INTEGER NOT NULL);
INSERT INTO progress VALUES (1, 0, 0);
";

/// Which part of the journal the rows stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Everything before it.
    pub(super) from: u64,
    /// Everything before it but for messages that were accepted from `from` on.
    pub(super) to: u64,
}

/// Opens the database. One that cannot be used (damaged, another version, ahead of `committed`) is
/// deleted and begun again.
pub(super) fn open(path: &Path, committed: u64) -> Result<(Connection, Progress), HistoryError> {
    match try_open(path) {
        Ok((db, progress)) if progress.to <= committed => return Ok((db, progress)),
        Ok(_) => {}
        Err(rusqlite::Error::SqliteFailure(error, _))
            if matches!(
                error.code,
                rusqlite::ErrorCode::CannotOpen
                    | rusqlite::ErrorCode::DatabaseBusy
                    | rusqlite::ErrorCode::DatabaseLocked
                    | rusqlite::ErrorCode::DiskFull
                    | rusqlite::ErrorCode::ReadOnly
                    | rusqlite::ErrorCode::PermissionDenied
            ) =>
        {
            return Err(rusqlite::Error::SqliteFailure(error, None).into());
        }
        Err(_) => {}
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        crate::disk::remove_if_there(&crate::disk::RealDisk, Path::new(&name))
            .map_err(|error| HistoryError::new(format!("{}: {error}", path.display())))?;
    }
    try_open(path).map_err(HistoryError::from)
}

fn try_open(path: &Path) -> Result<(Connection, Progress), rusqlite::Error> {
    let db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8000;",
    )?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        db.execute_batch("BEGIN")?;
        db.execute_batch(SCHEMA)?;
        db.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        db.execute_batch("COMMIT")?;
    } else if version != SCHEMA_VERSION {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let progress = db.query_row("SELECT read_from, written_to FROM progress", [], |row| {
        Ok(Progress {
            from: row.get::<_, i64>(0)? as u64,
            to: row.get::<_, i64>(1)? as u64,
        })
    })?;
    Ok((db, progress))
}

/// Rows in the table of open callbacks.
pub(super) fn count_callbacks(db: &Connection) -> Result<usize, rusqlite::Error> {
    db.query_row("SELECT count(*) FROM callback", [], |row| {
        row.get::<_, i64>(0)
    })
    .map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// What a callback whose acceptance is in the database is about.
pub(super) fn callback_of(
    db: &Connection,
    id: MessageId,
) -> Result<Option<DeliveryId>, rusqlite::Error> {
    let mut statement =
        db.prepare_cached("SELECT message, recipient FROM callback WHERE id = ?")?;
    statement
        .query_row([key(id)], |row| {
            Ok(DeliveryId {
                message: id_of(row.get(0)?),
                recipient: row.get(1)?,
            })
        })
        .optional()
}

/// Writes what is due, and the progress that it makes; how many rows of open callbacks came and
/// went.
pub(super) fn write(db: &mut Connection, due: &Due<'_>) -> Result<(usize, usize), HistoryError> {
    let transaction = db.transaction()?;
    let (mut added, mut removed) = (0, 0);
    {
        let mut writer = Writer::new(&transaction)?;
        for (id, changes) in &due.deliveries {
            writer.delivery(*id, changes)?;
        }
        writer.terms.write(&transaction)?;
        for (id, parent) in &due.callbacks {
            let row = params![key(*id), key(parent.message), parent.recipient];
            added += writer.callback.execute(row)?;
        }
        for id in due.callbacks_done {
            removed += writer.callback_done.execute([key(*id)])?;
        }
        for change in due.receipts {
            writer.receipts.write(change)?;
        }
    }
    transaction.execute(
        "UPDATE progress SET read_from = ?, written_to = ?",
        [due.from as i64, due.to as i64],
    )?;
    transaction.commit()?;
    Ok((added, removed))
}

/// Removes up to `limit` deliveries and orphans from before a time.
pub(super) fn purge(
    db: &mut Connection,
    before: Timestamp,
    limit: usize,
) -> Result<usize, rusqlite::Error> {
    let transaction = db.transaction()?;
    let first_kept = key(MessageId::new(before, 0));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    for bucket in Buckets::read(&transaction)?.before(MessageId::new(before, 0)) {
        transaction.execute("DELETE FROM term WHERE bucket = ?", [bucket.number])?;
        transaction.execute("DELETE FROM bucket WHERE number = ?", [bucket.number])?;
    }
    transaction.execute(
        "DELETE FROM open WHERE (message, recipient) IN (SELECT message, recipient FROM delivery \
         WHERE message < ?1 ORDER BY message, recipient, position LIMIT ?2)",
        params![first_kept, limit],
    )?;
    let deliveries = transaction.execute(
        "DELETE FROM delivery WHERE (message, recipient, position) IN (SELECT message, recipient, \
         position FROM delivery WHERE message < ?1 \
         ORDER BY message, recipient, position LIMIT ?2)",
        params![first_kept, limit],
    )?;
    let orphans = transaction.execute(
        "DELETE FROM receipt WHERE (provider, remote_id) IN (SELECT provider, remote_id \
         FROM receipt WHERE orphan_at < ?1 LIMIT ?2)",
        params![before.0 as i64, limit],
    )?;
    transaction.commit()?;
    Ok(deliveries + orphans)
}

struct Writer<'a> {
    terms: Terms<'a>,
    delivery: CachedStatement<'a>,
    open: CachedStatement<'a>,
    not_open: CachedStatement<'a>,
    callback: CachedStatement<'a>,
    callback_done: CachedStatement<'a>,
    receipts: ReceiptWriter<'a>,
    /// The message that was accepted last, and what it was accepted with.
    accepted: Option<(MessageId, AcceptedHead<'a>, &'a [u8])>,
}

impl<'a> Writer<'a> {
    fn new(db: &'a Connection) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            terms: Terms::new(Buckets::read(db)?),
            delivery: db.prepare_cached("INSERT OR REPLACE INTO delivery VALUES (?,?,?,?)")?,
            open: db.prepare_cached("INSERT OR REPLACE INTO open VALUES (?,?,?)")?,
            not_open: db.prepare_cached("DELETE FROM open WHERE message = ? AND recipient = ?")?,
            callback: db.prepare_cached("INSERT OR IGNORE INTO callback VALUES (?,?,?)")?,
            callback_done: db.prepare_cached("DELETE FROM callback WHERE id = ?")?,
            receipts: ReceiptWriter::new(db)?,
            accepted: None,
        })
    }

    fn delivery(&mut self, id: DeliveryId, changes: &'a Changes) -> Result<(), HistoryError> {
        self.delivery.execute(params![
            key(id.message),
            id.recipient,
            changes.position as i64,
            changes.entries
        ])?;
        if changes.accepted.is_some() {
            self.accepted(id, changes)?;
        }
        let state = match &changes.last {
            Some(last) => match get_record(frame::Kind::Changed, &changes.entries[last.clone()])? {
                Record::Changed { state, .. } => state,
                _ => return Ok(()),
            },
            None => match self.first_state(id)? {
                Some(state) if changes.accepted.is_some() => state,
                // Only its callbacks went on.
                _ => return Ok(()),
            },
        };
        if state.state != State::Delivered {
            let row = params![key(id.message), id.recipient, state.state as u8];
            self.open.execute(row)?;
        } else if changes.accepted.is_none() {
            self.not_open
                .execute(params![key(id.message), id.recipient])?;
        }
        if let (true, Some(provider)) = (changes.sent, &state.provider) {
            for (_, remote_id) in remote_ids(&state) {
                let pieces = [remote_id.as_bytes(), &[0], provider.as_str().as_bytes()];
                self.terms.add(id.message, terms::REMOTE, &pieces);
            }
        }
        Ok(())
    }

    /// Notes what a delivery is found by from the beginning.
    fn accepted(&mut self, id: DeliveryId, changes: &'a Changes) -> Result<(), HistoryError> {
        if let Some(payload) = accepted_payload(&changes.entries)? {
            let head = AcceptedHead::get(payload)?;
            if let Some(parent) = head.parent()? {
                self.terms.add(id.message, terms::PARENT, &[&key(parent)]);
            }
            for to in head.to() {
                self.terms
                    .add(id.message, terms::ADDRESS, &[to?.as_bytes()]);
            }
            self.accepted = Some((id.message, head, payload));
        }
        if let Some((message, head, _)) = &self.accepted
            && *message == id.message
        {
            let shared = [(terms::SENDER, head.from), (terms::ACCOUNT, head.account)];
            self.terms.add_shared(id.message, shared);
        }
        Ok(())
    }

    /// The state that a delivery was accepted with just now.
    fn first_state(&self, id: DeliveryId) -> Result<Option<DeliveryState>, HistoryError> {
        match &self.accepted {
            Some((message, _, payload)) if *message == id.message => {
                match get_record(frame::Kind::Accepted, payload)? {
                    Record::Accepted { mut states, .. } => {
                        let at = usize::from(id.recipient);
                        Ok((at < states.len()).then(|| states.swap_remove(at)))
                    }
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }
}

/// Writes the table of receipts that found no message yet, or never.
struct ReceiptWriter<'a> {
    park: CachedStatement<'a>,
    unpark: CachedStatement<'a>,
    orphan: CachedStatement<'a>,
    octets: Vec<u8>,
}

impl<'a> ReceiptWriter<'a> {
    fn new(db: &'a Connection) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            park: db.prepare_cached("INSERT OR REPLACE INTO receipt VALUES (?,?,?,NULL)")?,
            unpark: db
                .prepare_cached("DELETE FROM receipt WHERE provider = ? AND remote_id = ?")?,
            orphan: db.prepare_cached(
                "UPDATE receipt SET orphan_at = ?3 WHERE provider = ?1 AND remote_id = ?2",
            )?,
            octets: Vec::new(),
        })
    }

    fn write(&mut self, change: &ReceiptChange) -> Result<(), rusqlite::Error> {
        match change {
            ReceiptChange::Parked(receipt) => {
                let Some(first) = receipt.remote_ids.first() else {
                    return Ok(());
                };
                self.octets.clear();
                put_receipt(&mut self.octets, receipt);
                let row = params![receipt.provider.as_str(), &**first, self.octets];
                self.park.execute(row)?;
            }
            ReceiptChange::Matched {
                provider,
                remote_id,
            } => {
                let row = params![provider.as_str(), &**remote_id];
                self.unpark.execute(row)?;
            }
            ReceiptChange::Orphaned {
                provider,
                remote_id,
                at,
            } => {
                let row = params![provider.as_str(), &**remote_id, at.0 as i64];
                self.orphan.execute(row)?;
            }
        }
        Ok(())
    }
}

/// A message id as a key: sorts by time.
pub(super) const fn key(id: MessageId) -> [u8; 16] {
    id.0.to_be_bytes()
}

pub(super) const fn id_of(key: [u8; 16]) -> MessageId {
    MessageId(u128::from_be_bytes(key))
}
