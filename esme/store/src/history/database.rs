//! The tables of the history, and writing to them. The journal position that the rows stand for
//! is written in the same transaction.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use signalbox_router::{Content, DeliveryId, DeliveryState, Message, MessageId, Timestamp};

use super::HistoryError;
use super::collect::{Changes, Due, ReceiptChange};
use crate::index::remote_ids;
use crate::record::{put_body, put_receipt, put_state};

/// Raised with every change of the tables: an older database is made again from the journal.
const SCHEMA_VERSION: i64 = 2;

/// Keys are message ids, which sort by time, so that every index gives the newest first. The first
/// remote id of a delivery stands in its row; others, and those that came later, in a table.
/// Most deliveries end as delivered (2), which no index tells.
pub(super) const SCHEMA: &str = "
CREATE TABLE delivery (
    message BLOB NOT NULL, recipient INTEGER NOT NULL, kind INTEGER NOT NULL,
    account TEXT NOT NULL, sender TEXT NOT NULL, address TEXT NOT NULL, text TEXT NOT NULL,
    state INTEGER NOT NULL, provider TEXT, parent BLOB,
    accepted_at INTEGER NOT NULL, changed_at INTEGER NOT NULL,
    details BLOB NOT NULL, body BLOB, timeline BLOB NOT NULL, remote BLOB,
    PRIMARY KEY (message, recipient)) WITHOUT ROWID;
CREATE INDEX delivery_by_address ON delivery (address);
CREATE INDEX delivery_by_sender ON delivery (sender);
CREATE INDEX delivery_by_state ON delivery (state) WHERE state <> 2;
CREATE INDEX delivery_by_parent ON delivery (parent) WHERE parent IS NOT NULL;
CREATE INDEX delivery_by_remote ON delivery (remote) WHERE remote IS NOT NULL;
CREATE TABLE remote (
    remote BLOB NOT NULL, message BLOB NOT NULL, recipient INTEGER NOT NULL,
    PRIMARY KEY (remote, message, recipient)) WITHOUT ROWID;
CREATE INDEX remote_by_message ON remote (message, recipient);
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
        crate::disk::remove_if_there(&crate::disk::RealDisk, Path::new(&name)).map_err(
            |error| HistoryError {
                reason: format!("{}: {error}", path.display()),
            },
        )?;
    }
    try_open(path).map_err(HistoryError::from)
}

fn try_open(path: &Path) -> Result<(Connection, Progress), rusqlite::Error> {
    let db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000;",
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
pub(super) fn write(db: &mut Connection, due: &Due<'_>) -> Result<(usize, usize), rusqlite::Error> {
    let transaction = db.transaction()?;
    let (mut added, mut removed) = (0, 0);
    {
        let mut writer = Writer::new(&transaction)?;
        for (id, changes) in &due.deliveries {
            match &changes.accepted {
                Some((message, _)) => writer.insert(*id, message, changes)?,
                None => writer.update(*id, changes)?,
            }
        }
        for (id, parent) in &due.callbacks {
            let row = params![key(*id), key(parent.message), parent.recipient];
            added += writer.callback.execute(row)?;
        }
        for id in due.callbacks_done {
            removed += writer.callback_done.execute([key(*id)])?;
        }
        for change in due.receipts {
            writer.receipt(change)?;
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
    transaction.execute(
        "DELETE FROM remote WHERE (message, recipient) IN (SELECT message, recipient FROM delivery \
         WHERE message < ?1 ORDER BY message, recipient LIMIT ?2)",
        params![first_kept, limit],
    )?;
    let deliveries = transaction.execute(
        "DELETE FROM delivery WHERE (message, recipient) IN (SELECT message, recipient \
         FROM delivery WHERE message < ?1 ORDER BY message, recipient LIMIT ?2)",
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
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
    note: CachedStatement<'a>,
    remote: CachedStatement<'a>,
    callback: CachedStatement<'a>,
    callback_done: CachedStatement<'a>,
    park: CachedStatement<'a>,
    unpark: CachedStatement<'a>,
    orphan: CachedStatement<'a>,
    details: Vec<u8>,
    body: Vec<u8>,
    remote_key: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(db: &'a Connection) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            insert: db.prepare_cached(
                "INSERT OR REPLACE INTO delivery VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            )?,
            update: db.prepare_cached(
                "UPDATE delivery SET state = ?3, provider = ?4, changed_at = ?5, details = ?6, \
                 timeline = CAST(timeline || ?7 AS BLOB) WHERE message = ?1 AND recipient = ?2",
            )?,
            note: db.prepare_cached(
                "UPDATE delivery SET changed_at = max(changed_at, ?3), \
                 timeline = CAST(timeline || ?4 AS BLOB) WHERE message = ?1 AND recipient = ?2",
            )?,
            remote: db.prepare_cached("INSERT OR IGNORE INTO remote VALUES (?,?,?)")?,
            callback: db.prepare_cached("INSERT OR IGNORE INTO callback VALUES (?,?,?)")?,
            callback_done: db.prepare_cached("DELETE FROM callback WHERE id = ?")?,
            park: db.prepare_cached("INSERT OR REPLACE INTO receipt VALUES (?,?,?,NULL)")?,
            unpark: db
                .prepare_cached("DELETE FROM receipt WHERE provider = ? AND remote_id = ?")?,
            orphan: db.prepare_cached(
                "UPDATE receipt SET orphan_at = ?3 WHERE provider = ?1 AND remote_id = ?2",
            )?,
            details: Vec::new(),
            body: Vec::new(),
            remote_key: Vec::new(),
        })
    }

    fn insert(
        &mut self,
        id: DeliveryId,
        message: &Message,
        changes: &Changes,
    ) -> Result<(), rusqlite::Error> {
        let unknown = DeliveryState::default();
        let state = changes.state.as_ref().unwrap_or(&unknown);
        self.encode_details(state);
        self.body.clear();
        // The body stands in the row of the first recipient.
        if id.recipient == 0 {
            put_body(&mut self.body, message);
        }
        let text = text_of(message);
        let mut remote_ids = remote_ids(state);
        let first = match (&state.provider, remote_ids.next()) {
            (Some(provider), Some((_, remote_id))) => {
                put_remote_key(&mut self.remote_key, provider.as_str(), remote_id);
                Some(&self.remote_key)
            }
            _ => None,
        };
        self.insert.execute(params![
            key(id.message),
            id.recipient,
            message.kind as u8,
            &*message.account,
            message.from,
            message
                .to
                .get(usize::from(id.recipient))
                .map_or("", String::as_str),
            text,
            state.state as u8,
            state.provider.as_ref().map(|name| name.as_str()),
            message.parent.map(key),
            message.accepted_at.0 as i64,
            changes.changed_at.0 as i64,
            self.details,
            (id.recipient == 0).then_some(&self.body),
            changes.timeline,
            first,
        ])?;
        self.remote_ids(id, state, 1)
    }

    fn update(&mut self, id: DeliveryId, changes: &Changes) -> Result<(), rusqlite::Error> {
        let at = changes.changed_at.0 as i64;
        let Some(state) = &changes.state else {
            self.note
                .execute(params![key(id.message), id.recipient, at, changes.timeline])?;
            return Ok(());
        };
        self.encode_details(state);
        self.update.execute(params![
            key(id.message),
            id.recipient,
            state.state as u8,
            state.provider.as_ref().map(|name| name.as_str()),
            at,
            self.details,
            changes.timeline,
        ])?;
        match changes.sent {
            true => self.remote_ids(id, state, 0),
            false => Ok(()),
        }
    }

    fn encode_details(&mut self, state: &DeliveryState) {
        self.details.clear();
        put_state(&mut self.details, state);
    }

    /// The remote ids but for the first `known`.
    fn remote_ids(
        &mut self,
        id: DeliveryId,
        state: &DeliveryState,
        known: usize,
    ) -> Result<(), rusqlite::Error> {
        let Some(provider) = &state.provider else {
            return Ok(());
        };
        for (_, remote_id) in remote_ids(state).skip(known) {
            put_remote_key(&mut self.remote_key, provider.as_str(), remote_id);
            let row = params![self.remote_key, key(id.message), id.recipient];
            self.remote.execute(row)?;
        }
        Ok(())
    }

    fn receipt(&mut self, change: &ReceiptChange) -> Result<(), rusqlite::Error> {
        match change {
            ReceiptChange::Parked(receipt) => {
                let Some(first) = receipt.remote_ids.first() else {
                    return Ok(());
                };
                self.details.clear();
                put_receipt(&mut self.details, receipt);
                let row = params![receipt.provider.as_str(), &**first, self.details];
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

/// The message's text, if it is text.
pub(super) fn text_of(message: &Message) -> &str {
    match &message.content {
        Content::Text(text) => text,
        Content::Binary(_) | Content::Event(_) => "",
    }
}

/// A remote id as a key: all providers' uses of it stand together.
pub(super) fn put_remote_key(out: &mut Vec<u8>, provider: &str, remote_id: &str) {
    out.clear();
    out.extend_from_slice(remote_id.as_bytes());
    out.push(0);
    out.extend_from_slice(provider.as_bytes());
}

/// A message id as a key: sorts by time.
pub(super) const fn key(id: MessageId) -> [u8; 16] {
    id.0.to_be_bytes()
}

pub(super) const fn id_of(key: [u8; 16]) -> MessageId {
    MessageId(u128::from_be_bytes(key))
}
