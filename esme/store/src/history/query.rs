//! Reading the history: search, one message, orphans. A search goes through ranges of ids, newest
//! first: those of the rarest term that it names, or all; every delivery in them is made of its
//! records and compared with the filter.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};
use signalbox_router::{DeliveryId, MessageId, State, Timestamp};

use super::collect::Collected;
use super::database::{id_of, key};
use super::entry::{Accepted, Life};
use super::terms::{self, Buckets};
use super::{Filter, HistoryError, MessageView, Orphan, Page};
use crate::record::get_receipt;
use crate::wire::{Malformed, Reader};

/// Most deliveries of a page.
const LIMIT_MAX: usize = 1_000;

/// Deliveries of a page when none is asked for.
const LIMIT_DEFAULT: usize = 100;

/// Most deliveries whose text is looked through.
const TEXT_SCAN_MAX: usize = 1_000_000;

/// How far the time in an id and the time of acceptance may be apart.
const ID_SLACK_MS: u64 = 3_600_000;

/// Stands behind every octet of a text: the end of all that begin with the same.
const BEHIND_ALL_TEXT: u8 = 0xFF;

pub(super) fn find(db: &Connection, filter: &Filter) -> Result<Page, HistoryError> {
    let limit = match filter.limit {
        0 => LIMIT_DEFAULT,
        limit => limit.min(LIMIT_MAX),
    };
    let mut search = Search {
        db,
        filter,
        limit,
        ids: ids_of(filter),
        accepted: None,
        texts_left: TEXT_SCAN_MAX,
        page: Page::default(),
    };
    // Broken off or not: the page has what there is.
    let _ = match key_of(filter) {
        Some(key) => search.by_term(&key)?,
        None => match filter.state {
            Some(state) if state != State::Delivered => search.by_state(state)?,
            _ => search.range(search.ids)?,
        },
    };
    let mut page = search.page;
    if page.deliveries.len() > limit {
        page.deliveries.truncate(limit);
        page.next = page.deliveries.last().map(|last| last.id);
    }
    Ok(page)
}

/// Ids from the first to the second.
type Ids = (MessageId, MessageId);

/// Ids that can fit a filter by its times and its cursor.
fn ids_of(filter: &Filter) -> Ids {
    let (mut first, mut last) = (MessageId(0), MessageId(u128::MAX));
    if let Some(since) = filter.since {
        first = MessageId::new(Timestamp(since.0.saturating_sub(ID_SLACK_MS)), 0);
    }
    if let Some(until) = filter.until {
        last = MessageId::new(until.plus_ms(ID_SLACK_MS), 0);
    }
    if let Some(cursor) = filter.cursor {
        last = last.min(cursor.message);
    }
    (first, last)
}

/// Keys of the term to look for, from the first up to but not the second: of what a filter names,
/// the rarest.
fn key_of(filter: &Filter) -> Option<(Vec<u8>, Vec<u8>)> {
    let exact = |kind: u8, octets: &[u8]| {
        let from = [&[kind], octets].concat();
        let to = [&from[..], &[0]].concat();
        (from, to)
    };
    let text = |kind, text: &String| exact(kind, text.as_bytes());
    if let Some(remote_id) = &filter.remote_id {
        // With an octet 0 behind it stands the provider.
        let from = [&[terms::REMOTE], remote_id.as_bytes(), &[0]].concat();
        return Some(match &filter.provider {
            Some(provider) => exact(terms::REMOTE, &[&from[1..], provider.as_bytes()].concat()),
            None => {
                let to = [&from[..], &[BEHIND_ALL_TEXT]].concat();
                (from, to)
            }
        });
    }
    let parent = |parent: MessageId| exact(terms::PARENT, &key(parent));
    let prefix = |prefix: &String| {
        let from = [&[terms::ADDRESS], prefix.as_bytes()].concat();
        let to = [&from[..], &[BEHIND_ALL_TEXT]].concat();
        (from, to)
    };
    let has_state = filter.state.is_some_and(|state| state != State::Delivered);
    filter
        .parent
        .map(parent)
        .or_else(|| filter.to.as_ref().map(|to| text(terms::ADDRESS, to)))
        .or_else(|| filter.to_prefix.as_ref().map(prefix))
        .or_else(|| filter.from.as_ref().map(|from| text(terms::SENDER, from)))
        .or_else(|| {
            let account = filter.account.as_ref().filter(|_| !has_state);
            account.map(|account| text(terms::ACCOUNT, account))
        })
}

struct Search<'a> {
    db: &'a Connection,
    filter: &'a Filter,
    limit: usize,
    ids: Ids,
    /// The message looked at last.
    accepted: Option<Accepted>,
    texts_left: usize,
    page: Page,
}

type Step = Result<ControlFlow<()>, HistoryError>;

impl Search<'_> {
    /// Deliveries of messages that have a term.
    fn by_term(&mut self, (from, to): &(Vec<u8>, Vec<u8>)) -> Step {
        let mut statement = self.db.prepare_cached(
            "SELECT last, first FROM term WHERE bucket = ? AND key >= ? AND key < ?",
        )?;
        let (first, last) = self.ids;
        for bucket in Buckets::read(self.db)?.between(first, last) {
            let spans = statement.query_map(params![bucket.number, from, to], |row| {
                let last = row.get(0)?;
                let first = row.get::<_, Option<_>>(1)?.unwrap_or(last);
                Ok((id_of(last), id_of(first)))
            })?;
            let mut spans: Vec<(MessageId, MessageId)> = spans.collect::<Result<_, _>>()?;
            spans.sort_unstable_by(|a, b| b.cmp(a));
            // Spans that overlap are gone through as one.
            let mut open: Option<Ids> = None;
            for (span_last, span_first) in spans {
                let span = (span_first.max(first), span_last.min(last));
                open = match open {
                    _ if span.0 > span.1 => open,
                    Some(known) if span.1 >= known.0 => Some((span.0.min(known.0), known.1)),
                    Some(known) if self.range(known)?.is_break() => {
                        return Ok(ControlFlow::Break(()));
                    }
                    _ => Some(span),
                };
            }
            if let Some(known) = open
                && self.range(known)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Deliveries in a state other than delivered.
    fn by_state(&mut self, state: State) -> Step {
        let mut statement = self.db.prepare_cached(
            "SELECT DISTINCT message FROM open WHERE state = ? AND message >= ? AND message <= ? \
             ORDER BY message DESC",
        )?;
        let (first, last) = self.ids;
        let mut rows = statement.query(params![state as u8, key(first), key(last)])?;
        while let Some(row) = rows.next()? {
            let id = id_of(row.get(0)?);
            if self.range((id, id))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// All deliveries with ids of a range, newest first.
    fn range(&mut self, (first, last): Ids) -> Step {
        let mut statement = self.db.prepare_cached(
            "SELECT message, recipient, entries FROM delivery WHERE message >= ? AND message <= ? \
             ORDER BY message DESC, recipient DESC, position DESC",
        )?;
        let mut rows = statement.query(params![key(first), key(last)])?;
        let mut current: Option<DeliveryId> = None;
        // Of the current delivery, the last row first.
        let mut entries: Vec<Vec<u8>> = Vec::new();
        while let Some(row) = rows.next()? {
            let id = DeliveryId {
                message: id_of(row.get(0)?),
                recipient: row.get(1)?,
            };
            if let Some(current) = current.filter(|current| *current != id) {
                if self.delivery(current, &entries)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                entries.clear();
            }
            current = Some(id);
            entries.push(row.get(2)?);
        }
        match current {
            Some(current) => self.delivery(current, &entries),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Looks at one delivery; breaks when the page is full.
    fn delivery(&mut self, id: DeliveryId, entries: &[Vec<u8>]) -> Step {
        if self.filter.cursor.is_some_and(|cursor| id >= cursor) {
            return Ok(ControlFlow::Continue(()));
        }
        let known = self.accepted.as_ref().map(|known| known.message.id);
        if known != Some(id.message) {
            self.accepted = match (id.recipient, entries.last()) {
                (0, Some(first)) => Accepted::of(first)?,
                _ => stored_accepted(self.db, id.message)?,
            };
        }
        let Some(accepted) = &self.accepted else {
            return Ok(ControlFlow::Continue(()));
        };
        let rows = entries.iter().rev().map(Vec::as_slice);
        let life = Life::read(accepted, id.recipient, rows)?;
        if !fits(self.filter, accepted, &life) {
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(text) = &self.filter.text_contains {
            if self.texts_left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            self.texts_left -= 1;
            if !life.view.text.contains(text.as_str()) {
                return Ok(ControlFlow::Continue(()));
            }
        }
        self.page.deliveries.push(life.view);
        Ok(match self.page.deliveries.len() > self.limit {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }
}

/// Whether all holds that a filter asks for, but for the text.
fn fits(filter: &Filter, accepted: &Accepted, life: &Life) -> bool {
    let view = &life.view;
    let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|it| it == value);
    let provider = |value: &str| is(&filter.provider, value);
    let has_remote_id = |remote_id: &String| {
        let mut sent = life
            .timeline
            .iter()
            .filter(|entry| entry.event == "part_sent");
        sent.any(|entry| entry.detail == *remote_id && provider(&entry.provider))
    };
    let prefix = filter.to_prefix.as_ref();
    is(&filter.to, &view.to)
        && prefix.is_none_or(|prefix| view.to.starts_with(prefix.as_str()))
        && is(&filter.from, &view.from)
        && is(&filter.account, &view.account)
        && filter.kind.is_none_or(|kind| kind == view.kind)
        && filter.state.is_none_or(|state| state == view.state)
        && match &filter.remote_id {
            Some(remote_id) => has_remote_id(remote_id),
            None => filter.provider.is_none() || view.provider.as_deref().is_some_and(provider),
        }
        && (filter.parent.is_none() || filter.parent == accepted.message.parent)
        && filter.since.is_none_or(|since| view.accepted_at >= since)
        && filter.until.is_none_or(|until| view.accepted_at < until)
}

fn stored_accepted(db: &Connection, id: MessageId) -> Result<Option<Accepted>, HistoryError> {
    let mut statement = db.prepare_cached(
        "SELECT entries FROM delivery WHERE message = ? AND recipient = 0 \
         ORDER BY position LIMIT 1",
    )?;
    let mut rows = statement.query([key(id)])?;
    match rows.next()? {
        Some(row) => Ok(Accepted::of(row.get_ref(0)?.as_blob().unwrap_or_default())?),
        None => Ok(None),
    }
}

/// A message, from what is in the database and what is collected of it.
pub(super) fn message(
    db: &Connection,
    collected: &Collected,
    id: MessageId,
) -> Result<Option<MessageView>, HistoryError> {
    let collected = |recipient| {
        let changes = collected.get(DeliveryId {
            message: id,
            recipient,
        });
        changes.map(|changes| &changes.entries)
    };
    let mut accepted = match collected(0) {
        Some(entries) => Accepted::of(entries)?,
        None => None,
    };
    let mut rows: Vec<(u16, Vec<u8>)> = Vec::new();
    if accepted.is_none() {
        let mut statement = db.prepare_cached(
            "SELECT recipient, entries FROM delivery WHERE message = ? \
             ORDER BY recipient, position",
        )?;
        let stored = statement.query_map([key(id)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows = stored.collect::<Result<_, _>>()?;
        accepted = match rows.first() {
            Some((0, entries)) => Accepted::of(entries)?,
            _ => None,
        };
    }
    let Some(accepted) = accepted else {
        return Ok(None);
    };
    let mut view = MessageView {
        message: (*accepted.message).clone(),
        deliveries: Vec::new(),
        timeline: Vec::new(),
    };
    let mut rows = rows.as_slice();
    for recipient in (0..=u16::MAX).take(view.message.to.len()) {
        let own = rows.partition_point(|(of, _)| *of <= recipient);
        let (of_this, rest) = rows.split_at(own);
        rows = rest;
        let stored = of_this.iter().map(|(_, entries)| entries);
        let entries = stored.chain(collected(recipient)).map(Vec::as_slice);
        let life = Life::read(&accepted, recipient, entries)?;
        view.deliveries.push(life.view);
        view.timeline.extend(life.timeline);
    }
    view.timeline.sort_by_key(|entry| entry.at);
    Ok(Some(view))
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

impl From<Malformed> for HistoryError {
    fn from(malformed: Malformed) -> Self {
        Self::new(format!("a row of the history: {malformed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_term_is_looked_for() {
        let some = |text: &str| Some(text.to_owned());
        let all = Filter {
            to: some("to"),
            to_prefix: some("t"),
            from: some("from"),
            account: some("account"),
            state: Some(State::Sent),
            provider: some("acme"),
            remote_id: some("1"),
            parent: Some(MessageId(1)),
            ..Filter::default()
        };
        type Without = fn(&mut Filter);
        let rows: [(Without, &[u8], &[u8]); 8] = [
            (|_| {}, b"r1\0acme", b"r1\0acme\0"),
            (|filter| filter.provider = None, b"r1\0", b"r1\0\xFF"),
            (|filter| filter.remote_id = None, b"p\0", b"p\0"),
            (|filter| filter.parent = None, b"ato", b"ato\0"),
            (|filter| filter.to = None, b"at", b"at\xFF"),
            (|filter| filter.to_prefix = None, b"sfrom", b"sfrom\0"),
            (|filter| filter.from = None, b"", b""),
            (|filter| filter.state = None, b"caccount", b"caccount\0"),
        ];
        let mut filter = all;
        for (without, from, to) in rows {
            without(&mut filter);
            let key = key_of(&filter).unwrap_or_default();
            assert!(
                key.0.starts_with(from) && key.1.starts_with(to),
                "{filter:?}: {key:?}"
            );
            assert_eq!(key.0.is_empty(), from.is_empty(), "{filter:?}: {key:?}");
        }
    }
}
