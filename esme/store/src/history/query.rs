//! Reading the history: search, one message, orphans.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use signalbox_router::{DeliveryId, Kind, MessageId, State, Timestamp};

use super::database::{id_of, key};
use super::timeline::TimelineEntry;
use super::{DeliveryView, Filter, HistoryError, MessageView, Orphan, Page, PartView};
use crate::record::{get_message, get_receipt, get_state};
use crate::wire::{Malformed, Reader};

/// Most deliveries of a page.
const LIMIT_MAX: usize = 1_000;

/// Deliveries of a page when none is asked for.
const LIMIT_DEFAULT: usize = 100;

/// Most deliveries whose text is looked through.
const TEXT_SCAN_MAX: usize = 1_000_000;

/// How far the time in an id and the time of acceptance may be apart.
const ID_SLACK_MS: u64 = 3_600_000;

const COLUMNS: &str = "message, recipient, kind, account, sender, address, text, state, provider, \
                       accepted_at, changed_at, details";

pub(super) fn find(db: &Connection, filter: &Filter) -> Result<Page, HistoryError> {
    let limit = match filter.limit {
        0 => LIMIT_DEFAULT,
        limit => limit.min(LIMIT_MAX),
    };
    let (conditions, mut values) = conditions(filter);
    let order = "ORDER BY message DESC, recipient DESC LIMIT";
    let mut sql = format!(
        "SELECT {COLUMNS} FROM delivery WHERE {conditions} {order} {}",
        limit + 1
    );
    if let Some(text) = &filter.text_contains {
        sql = format!(
            "SELECT {COLUMNS} FROM (SELECT {COLUMNS} FROM delivery WHERE {conditions} {order} \
             {TEXT_SCAN_MAX}) WHERE instr(text, ?) > 0 {order} {}",
            limit + 1
        );
        values.push(text.clone().into());
    }
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        deliveries.push(view(row)?);
    }
    let mut next = None;
    if deliveries.len() > limit {
        deliveries.truncate(limit);
        next = deliveries.last().map(|last| last.id);
    }
    Ok(Page { deliveries, next })
}

pub(super) fn message(db: &Connection, id: MessageId) -> Result<Option<MessageView>, HistoryError> {
    let sql = format!(
        "SELECT {COLUMNS}, timeline, body FROM delivery WHERE message = ? ORDER BY recipient"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([key(id)])?;
    let mut message = None;
    let mut deliveries = Vec::new();
    let mut timeline = Vec::new();
    while let Some(row) = rows.next()? {
        let delivery = view(row)?;
        let octets: Vec<u8> = row.get(12)?;
        timeline.extend(TimelineEntry::get_all(delivery.id.recipient, &octets)?);
        if let Some(body) = row.get::<_, Option<Vec<u8>>>(13)? {
            message = Some(get_message(&mut Reader::new(&body))?);
        }
        deliveries.push(delivery);
    }
    timeline.sort_by_key(|entry| entry.at);
    Ok(message.map(|message| MessageView {
        message,
        deliveries,
        timeline,
    }))
}

pub(super) fn orphans(db: &Connection, limit: usize) -> Result<Vec<Orphan>, HistoryError> {
    let mut statement = db.prepare_cached(
        "SELECT receipt, orphan_at FROM receipt WHERE orphan_at IS NOT NULL \
         ORDER BY orphan_at DESC LIMIT ?",
    )?;
    let limit = limit.clamp(1, LIMIT_MAX) as i64;
    let mut rows = statement.query(params![limit])?;
    let mut orphans = Vec::new();
    while let Some(row) = rows.next()? {
        let octets: Vec<u8> = row.get(0)?;
        orphans.push(Orphan {
            receipt: get_receipt(&mut Reader::new(&octets))?,
            orphan_at: Timestamp(row.get::<_, i64>(1)? as u64),
        });
    }
    Ok(orphans)
}

/// The conditions of a filter but for the text, and their values.
fn conditions(filter: &Filter) -> (String, Vec<Value>) {
    let mut conditions = Conditions {
        sql: "1".to_owned(),
        values: Vec::new(),
    };
    let text = |text: &Option<String>| text.clone().map(Value::from);
    let blob = |id: MessageId| Value::from(key(id).to_vec());
    conditions.add("address = ?", text(&filter.to));
    conditions.add("address >= ?", text(&filter.to_prefix));
    let after = filter
        .to_prefix
        .as_ref()
        .map(|prefix| format!("{prefix}{}", char::MAX));
    conditions.add("address < ?", after.map(Value::from));
    conditions.add("sender = ?", text(&filter.from));
    conditions.add("account = ?", text(&filter.account));
    conditions.add("kind = ?", filter.kind.map(|kind| Value::from(kind as i64)));
    conditions.add(
        "state = ?",
        filter.state.map(|state| Value::from(state as i64)),
    );
    conditions.add("parent = ?", filter.parent.map(blob));
    if let Some(remote_id) = &filter.remote_id {
        // The provider is optional here, but without it every provider's ids are looked through.
        let of = "(message, recipient) IN (SELECT message, recipient FROM remote WHERE ";
        match &filter.provider {
            Some(provider) => {
                conditions.add(&format!("{of} provider = ?"), Some(provider.clone().into()));
                conditions.add("remote_id = ?)", Some(remote_id.clone().into()));
            }
            None => conditions.add(
                &format!("{of} remote_id = ?)"),
                Some(remote_id.clone().into()),
            ),
        }
    } else {
        conditions.add("provider = ?", text(&filter.provider));
    }
    if let Some(since) = filter.since {
        let first = Timestamp(since.0.saturating_sub(ID_SLACK_MS));
        conditions.add("message >= ?", Some(blob(MessageId::new(first, 0))));
        conditions.add("accepted_at >= ?", Some(Value::from(since.0 as i64)));
    }
    if let Some(until) = filter.until {
        let last = until.plus_ms(ID_SLACK_MS);
        conditions.add("message < ?", Some(blob(MessageId::new(last, 0))));
        conditions.add("accepted_at < ?", Some(Value::from(until.0 as i64)));
    }
    if let Some(cursor) = filter.cursor {
        conditions.add("(message, recipient) < (?,", Some(blob(cursor.message)));
        conditions.sql.push_str(" ?)");
        conditions
            .values
            .push(Value::from(i64::from(cursor.recipient)));
    }
    (conditions.sql, conditions.values)
}

struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, sql: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.sql.push_str(" AND ");
            self.sql.push_str(sql);
            self.values.push(value);
        }
    }
}

fn view(row: &Row<'_>) -> Result<DeliveryView, HistoryError> {
    let details: Vec<u8> = row.get(11)?;
    let details = get_state(&mut Reader::new(&details))?;
    let error = |error: &signalbox_router::ErrorCode| (error.value, error.name.to_string());
    let parts = details.parts.iter().map(|part| PartView {
        state: part.state,
        remote_id: part.remote_id.as_deref().map(str::to_owned),
        error: part.error.as_ref().map(error),
    });
    Ok(DeliveryView {
        id: DeliveryId {
            message: id_of(row.get(0)?),
            recipient: row.get(1)?,
        },
        kind: match row.get::<_, u8>(2)? {
            0 => Kind::Outgoing,
            1 => Kind::Inbound,
            _ => Kind::Callback,
        },
        account: row.get(3)?,
        from: row.get(4)?,
        to: row.get(5)?,
        text: row.get(6)?,
        state: State::from_number(row.get(7)?).unwrap_or_default(),
        provider: row.get(8)?,
        parts: parts.collect(),
        error: details.error.as_ref().map(error),
        duplicate_possible: details.duplicate_possible,
        accepted_at: Timestamp(row.get::<_, i64>(9)? as u64),
        changed_at: Timestamp(row.get::<_, i64>(10)? as u64),
    })
}

impl From<Malformed> for HistoryError {
    fn from(malformed: Malformed) -> Self {
        Self {
            reason: format!("a row of the history: {malformed}"),
        }
    }
}
