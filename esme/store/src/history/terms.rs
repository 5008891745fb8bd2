//! What deliveries are found by: terms (an address, a remote id, a sender) with the ids of the
//! messages that have them.
//!
//! A term covers a span of ids, `first` to `last`: what stands between is looked at when it is
//! searched for. A sender or an account that many messages share has one term per
//! [`SPAN_DELIVERIES`].
//!
//! Terms come in no order, and a table of all would be written all over with every batch. So they
//! stand in buckets by id: a bucket that has [`BUCKET_TERMS`] is followed by another, and only the
//! last is written to, but for what comes late. A search looks into each.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use signalbox_router::MessageId;

use super::database::{id_of, key};

/// Terms of a bucket: some three MiB, which a few large batches fill. With more, each batch writes
/// more pages anew; with less, a search looks into more buckets.
const BUCKET_TERMS: u64 = 60_000;

/// Deliveries that a term which many have covers, at most, but for those of one message.
const SPAN_DELIVERIES: usize = 256;

/// Terms by kind: the first octet of the key.
pub(super) const ADDRESS: u8 = b'a';
pub(super) const ACCOUNT: u8 = b'c';
pub(super) const PARENT: u8 = b'p';
pub(super) const REMOTE: u8 = b'r';
pub(super) const SENDER: u8 = b's';

/// The buckets, oldest first. One begins where the one before ends.
pub(super) struct Buckets(Vec<Bucket>);

#[derive(Clone, Copy)]
pub(super) struct Bucket {
    pub(super) number: i64,
    /// Ids from here on.
    pub(super) start: MessageId,
    /// The largest id in it.
    last: MessageId,
    terms: u64,
}

impl Buckets {
    pub(super) fn read(db: &Connection) -> Result<Self, rusqlite::Error> {
        let mut statement =
            db.prepare_cached("SELECT number, start, last, terms FROM bucket ORDER BY start")?;
        let buckets = statement.query_map([], |row| {
            Ok(Bucket {
                number: row.get(0)?,
                start: id_of(row.get(1)?),
                last: id_of(row.get(2)?),
                terms: row.get::<_, i64>(3)? as u64,
            })
        })?;
        let buckets: Vec<Bucket> = buckets.collect::<Result<_, _>>()?;
        Ok(Self(match buckets.is_empty() {
            true => vec![Bucket::new(0, MessageId(0))],
            false => buckets,
        }))
    }

    /// The buckets with ids of a range, newest first.
    pub(super) fn between(&self, from: MessageId, to: MessageId) -> impl Iterator<Item = Bucket> {
        let end_of = |at: usize| self.0.get(at + 1).map(|next| next.start);
        let all = self.0.iter().enumerate().rev();
        all.filter(move |(at, bucket)| {
            bucket.start <= to && end_of(*at).is_none_or(|end| end > from)
        })
        .map(|(_, bucket)| *bucket)
    }

    /// Buckets of which nothing is from `kept` on.
    pub(super) fn before(&self, kept: MessageId) -> impl Iterator<Item = Bucket> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        pairs
            .filter(move |(_, next)| next.start <= kept)
            .map(|(bucket, _)| *bucket)
    }

    fn of(&self, id: MessageId) -> usize {
        self.0.partition_point(|bucket| bucket.start <= id).max(1) - 1
    }

    fn last_mut(&mut self) -> &mut Bucket {
        self.0.last_mut().expect("there is always one")
    }
}

impl Bucket {
    const fn new(number: i64, start: MessageId) -> Self {
        Self {
            number,
            start,
            last: start,
            terms: 0,
        }
    }
}

/// Terms to be written, of deliveries in the order of their ids.
pub(super) struct Terms<'a> {
    buckets: Buckets,
    keys: Vec<u8>,
    terms: Vec<Term>,
    /// Of the span that is open: the terms that many have.
    shared: HashMap<(u8, &'a str), (MessageId, MessageId)>,
    shared_deliveries: usize,
    shared_last: MessageId,
}

struct Term {
    bucket: usize,
    /// Where the key stands among the keys.
    key: (usize, usize),
    first: MessageId,
    last: MessageId,
}

impl<'a> Terms<'a> {
    pub(super) fn new(mut buckets: Buckets) -> Self {
        let newest = *buckets.last_mut();
        if newest.terms >= BUCKET_TERMS {
            let start = MessageId(newest.last.0.saturating_add(1));
            buckets.0.push(Bucket::new(newest.number + 1, start));
        }
        Self {
            buckets,
            keys: Vec::new(),
            terms: Vec::new(),
            shared: HashMap::new(),
            shared_deliveries: 0,
            shared_last: MessageId(0),
        }
    }

    /// Notes a term that few messages have.
    pub(super) fn add(&mut self, id: MessageId, kind: u8, pieces: &[&[u8]]) {
        let start = self.keys.len();
        self.keys.push(kind);
        for piece in pieces {
            self.keys.extend_from_slice(piece);
        }
        self.push(start, id, id);
    }

    /// Notes terms that many messages have.
    pub(super) fn add_shared(&mut self, id: MessageId, terms: [(u8, &'a str); 2]) {
        let another = id != self.shared_last;
        let full = self.shared_deliveries >= SPAN_DELIVERIES;
        let beyond = self.buckets.of(id) != self.buckets.of(self.shared_last);
        if another && (full || beyond) {
            self.end_span();
        }
        self.shared_deliveries += 1;
        self.shared_last = id;
        for term in terms {
            self.shared.entry(term).or_insert((id, id)).1 = id;
        }
    }

    fn end_span(&mut self) {
        let mut shared = std::mem::take(&mut self.shared);
        for ((kind, text), (first, last)) in shared.drain() {
            let start = self.keys.len();
            self.keys.push(kind);
            self.keys.extend_from_slice(text.as_bytes());
            self.push(start, first, last);
        }
        self.shared = shared;
        self.shared_deliveries = 0;
    }

    fn push(&mut self, start: usize, first: MessageId, last: MessageId) {
        let bucket = self.buckets.of(last);
        let known = &mut self.buckets.0[bucket];
        known.terms += 1;
        known.last = known.last.max(last);
        self.terms.push(Term {
            bucket,
            key: (start, self.keys.len()),
            first,
            last,
        });
    }

    /// Writes them in the order of the table.
    pub(super) fn write(mut self, db: &Connection) -> Result<(), rusqlite::Error> {
        self.end_span();
        let Self {
            mut buckets,
            keys,
            mut terms,
            ..
        } = self;
        let key_of = |term: &Term| &keys[term.key.0..term.key.1];
        terms.sort_unstable_by(|a, b| {
            let by_key = || key_of(a).cmp(key_of(b));
            a.bucket
                .cmp(&b.bucket)
                .then_with(by_key)
                .then(a.last.cmp(&b.last))
        });
        let mut insert = db.prepare_cached("INSERT OR REPLACE INTO term VALUES (?,?,?,?)")?;
        for term in &terms {
            let number = buckets.0[term.bucket].number;
            let first = (term.first != term.last).then(|| key(term.first));
            insert.execute(params![number, key_of(term), key(term.last), first])?;
        }
        let newest = buckets.last_mut();
        let mut bucket = db.prepare_cached("INSERT OR REPLACE INTO bucket VALUES (?,?,?,?)")?;
        bucket.execute(params![
            newest.number,
            key(newest.start),
            key(newest.last),
            newest.terms as i64
        ])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::SCHEMA;
    use super::*;

    fn database() -> Connection {
        let db = Connection::open_in_memory().expect("a database");
        db.execute_batch(SCHEMA).expect("a schema");
        db
    }

    fn rows(db: &Connection) -> Vec<(i64, String, u128, Option<u128>)> {
        let mut statement = db.prepare("SELECT * FROM term").expect("a statement");
        let rows = statement.query_map([], |row| {
            let key: Vec<u8> = row.get(1)?;
            let first: Option<[u8; 16]> = row.get(3)?;
            let first = first.map(|first| id_of(first).0);
            Ok((
                row.get(0)?,
                String::from_utf8_lossy(&key).into_owned(),
                id_of(row.get(2)?).0,
                first,
            ))
        });
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    fn write(db: &Connection, ids: std::ops::Range<u128>) {
        let mut terms = Terms::new(Buckets::read(db).expect("buckets"));
        for id in ids.map(MessageId) {
            terms.add(id, ADDRESS, &[b"x"]);
            terms.add_shared(id, [(SENDER, "me"), (ACCOUNT, "shop")]);
        }
        terms.write(db).expect("written");
    }

    #[test]
    fn what_many_have_takes_a_term_per_span() {
        let db = database();
        let deliveries = SPAN_DELIVERIES as u128;
        write(&db, 1..deliveries * 2 + 2);
        let rows = rows(&db);
        let of = |key: &str| -> Vec<_> {
            let own = rows.iter().filter(|row| row.1 == key);
            own.map(|row| (row.2, row.3)).collect()
        };
        let spans = [
            (deliveries, Some(1)),
            (deliveries * 2, Some(deliveries + 1)),
        ];
        let spans = [&spans[..], &[(deliveries * 2 + 1, None)]].concat();
        assert_eq!(of("sme"), spans);
        assert_eq!(of("cshop"), spans);
        assert_eq!(of("ax").len(), SPAN_DELIVERIES * 2 + 1);
    }

    #[test]
    fn a_full_bucket_is_followed_by_another_and_takes_only_what_is_late() {
        let db = database();
        write(&db, 10..12);
        let full = [BUCKET_TERMS as i64];
        db.execute("UPDATE bucket SET terms = ?", full)
            .expect("updated");
        // 11 is the largest id so far: 12 begins the next bucket, and no span crosses that border.
        write(&db, 9..14);
        let rows = rows(&db);
        let of = |key: &str, bucket| -> Vec<_> {
            let own = rows.iter().filter(|row| row.1 == key && row.0 == bucket);
            own.map(|row| (row.2, row.3)).collect()
        };
        assert_eq!(of("ax", 0), [(9, None), (10, None), (11, None)]);
        assert_eq!(of("ax", 1), [(12, None), (13, None)]);
        assert_eq!(of("sme", 0), [(11, Some(9))]);
        assert_eq!(of("sme", 1), [(13, Some(12))]);
        let buckets = Buckets::read(&db).expect("buckets");
        let between = |from, to| -> Vec<i64> {
            let found = buckets.between(MessageId(from), MessageId(to));
            found.map(|bucket| bucket.number).collect()
        };
        assert_eq!(between(0, u128::MAX), [1, 0]);
        assert_eq!(between(0, 11), [0]);
        assert_eq!(between(12, 12), [1]);
        let before = |kept| buckets.before(MessageId(kept)).count();
        assert_eq!((before(11), before(12), before(u128::MAX)), (0, 1, 1));
    }
}
