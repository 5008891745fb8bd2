//! Reading the history: search, one message, orphans.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use signalbox_router::{
    Content, DeliveryId, DeliveryState, ErrorCode, Kind, Message, MessageId, State, Timestamp,
};

use super::collect::Collected;
use super::database::{id_of, key, put_remote_key, text_of};
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

/// A message, from what is collected of it or from its rows and what came after them.
pub(super) fn message(
    db: &Connection,
    collected: &Collected,
    id: MessageId,
) -> Result<Option<MessageView>, HistoryError> {
    let changes = |recipient| {
        collected.get(DeliveryId {
            message: id,
            recipient,
        })
    };
    let accepted = changes(0).and_then(|changes| changes.accepted.as_ref());
    let mut view = match accepted {
        Some((message, _)) => MessageView {
            message: (**message).clone(),
            deliveries: Vec::new(),
            timeline: Vec::new(),
        },
        None => match stored(db, id)? {
            Some(view) => view,
            None => return Ok(None),
        },
    };
    for recipient in 0..view.message.to.len() {
        let Some(changes) = u16::try_from(recipient).ok().and_then(changes) else {
            continue;
        };
        if changes.accepted.is_some() {
            let delivery = new_view(&view.message, recipient as u16);
            view.deliveries.push(delivery);
        }
        let Some(delivery) = view.deliveries.get_mut(recipient) else {
            continue;
        };
        delivery.changed_at = delivery.changed_at.max(changes.changed_at);
        if let Some(state) = &changes.state {
            delivery.state = state.state;
            delivery.provider = state.provider.as_ref().map(|name| name.as_str().to_owned());
            show_details(delivery, state);
        }
        let entries = TimelineEntry::get_all(recipient as u16, &changes.timeline)?;
        view.timeline.extend(entries);
    }
    view.timeline.sort_by_key(|entry| entry.at);
    Ok(Some(view))
}

fn stored(db: &Connection, id: MessageId) -> Result<Option<MessageView>, HistoryError> {
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
            let mut body = get_message(&mut Reader::new(&body))?;
            if let Content::Text(text) = &mut body.content {
                text.clone_from(&delivery.text);
            }
            message = Some(body);
        }
        deliveries.push(delivery);
    }
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
    if filter.state.is_some_and(|state| state != State::Delivered) {
        // As the index says it, so that it is used.
        conditions.sql.push_str(" AND state <> 2");
    }
    conditions.add("parent = ?", filter.parent.map(blob));
    if let Some(remote_id) = &filter.remote_id {
        conditions.add_remote_id(filter.provider.as_deref(), remote_id);
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

    /// A part's remote id, of one provider or (`None`) of any.
    fn add_remote_id(&mut self, provider: Option<&str>, remote_id: &str) {
        let mut from = Vec::new();
        put_remote_key(&mut from, provider.unwrap_or_default(), remote_id);
        let mut to = from.clone();
        to.push(if provider.is_some() { 0 } else { u8::MAX });
        let number = self.values.len() + 1;
        let range = format!("remote >= ?{number} AND remote < ?{}", number + 1);
        // A union right behind IN would keep the key from being used.
        self.sql.push_str(&format!(
            " AND (message, recipient) IN (SELECT message, recipient FROM (\
             SELECT message, recipient FROM delivery WHERE {range} \
             UNION ALL SELECT message, recipient FROM remote WHERE {range}))"
        ));
        self.values.extend([Value::from(from), Value::from(to)]);
    }
}

fn view(row: &Row<'_>) -> Result<DeliveryView, HistoryError> {
    let details: Vec<u8> = row.get(11)?;
    let details = get_state(&mut Reader::new(&details))?;
    let mut view = DeliveryView {
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
        parts: Vec::new(),
        error: None,
        duplicate_possible: false,
        accepted_at: Timestamp(row.get::<_, i64>(9)? as u64),
        changed_at: Timestamp(row.get::<_, i64>(10)? as u64),
    };
    show_details(&mut view, &details);
    Ok(view)
}

/// A delivery of which nothing but its message is known.
fn new_view(message: &Message, recipient: u16) -> DeliveryView {
    let to = message.to.get(usize::from(recipient));
    DeliveryView {
        id: DeliveryId {
            message: message.id,
            recipient,
        },
        kind: message.kind,
        account: message.account.to_string(),
        from: message.from.clone(),
        to: to.cloned().unwrap_or_default(),
        text: text_of(message).to_owned(),
        state: State::default(),
        provider: None,
        parts: Vec::new(),
        error: None,
        duplicate_possible: false,
        accepted_at: message.accepted_at,
        changed_at: message.accepted_at,
    }
}

/// What has no column of its own.
fn show_details(view: &mut DeliveryView, details: &DeliveryState) {
    let error = |error: &ErrorCode| (error.value, error.name.to_string());
    let parts = details.parts.iter().map(|part| PartView {
        state: part.state,
        remote_id: part.remote_id.as_deref().map(str::to_owned),
        error: part.error.as_ref().map(error),
    });
    view.parts = parts.collect();
    view.error = details.error.as_ref().map(error);
    view.duplicate_possible = details.duplicate_possible;
}

impl From<Malformed> for HistoryError {
    fn from(malformed: Malformed) -> Self {
        Self {
            reason: format!("a row of the history: {malformed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::SCHEMA;
    use super::*;

    #[test]
    fn what_has_an_index_is_not_looked_for_one_by_one() {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch(SCHEMA).expect("a schema");
        let some = |text: &str| Some(text.to_owned());
        let mut filters = vec![Filter::default(); 6];
        filters[0].to = some("sms:+49170");
        filters[1].from = some("ACME");
        filters[2].state = Some(State::Sent);
        filters[3].remote_id = some("1");
        (filters[4].remote_id, filters[4].provider) = (some("1"), some("acme"));
        filters[5].parent = Some(MessageId(1));
        for filter in filters {
            let (conditions, values) = conditions(&filter);
            let sql = format!(
                "EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM delivery WHERE {conditions} \
                 ORDER BY message DESC, recipient DESC LIMIT 100"
            );
            let mut statement = db.prepare(&sql).expect("a statement");
            let steps = statement.query_map(params_from_iter(values), |row| row.get(3));
            let steps: Vec<String> = steps
                .expect("a plan")
                .collect::<Result<_, _>>()
                .expect("its steps");
            let scans = steps.iter().any(|step| step.starts_with("SCAN delivery"));
            assert!(!scans, "{filter:?}: {steps:?}");
        }
    }
}
