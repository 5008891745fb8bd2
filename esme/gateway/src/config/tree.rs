//! The configuration as a tree of values, each with its origin: what all files and the environment
//! say together, before anything is known about keys and types.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};

/// Tables and lists within each other; more is refused.
const DEPTH_MAX: usize = 16;

/// Endings of a secret's key that say where the secret is: in a file, in a systemd credential.
pub(crate) const SECRET_ENDINGS: [&str; 2] = ["_file", "_credential"];

/// A table: its entries by key.
pub(crate) type Table = BTreeMap<String, Entry>;

/// One entry of a table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Where the key stands.
    pub(crate) key: Origin,
    /// The value.
    pub(crate) node: Node,
    /// Where the value stood that this one replaced.
    pub(crate) replaced: Option<Origin>,
}

/// A value with its origin.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The value.
    pub(crate) value: Value,
    /// The value as it was written; for tables and lists the first line is enough to find it.
    pub(crate) written: String,
    /// Where it stands.
    pub(crate) origin: Origin,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A TOML string.
    Text(String),
    /// Text without a type, from the environment or a default: the key decides how it is read.
    Plain(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array.
    List(Vec<Node>),
    /// A TOML table.
    Table(Table),
    /// A float, a date, or an integer beyond 64 bits: no key takes one.
    Other,
}

impl Node {
    /// Text whose type the key decides.
    pub(crate) fn plain(text: &str, origin: Origin) -> Self {
        let written = format!("{text:?}");
        Self {
            value: Value::Plain(text.to_owned()),
            written,
            origin,
        }
    }

    /// The entries, if it is a table.
    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            _ => None,
        }
    }
}

/// The entries of a table inside a table; `None` when there is none.
pub(crate) fn sub_table<'t>(table: &'t Table, key: &str) -> Option<&'t Table> {
    table.get(key)?.node.as_table()
}

/// Reads one file's text. Every syntax error is reported; what could be read is returned.
pub(crate) fn parse(path: &Path, text: &str, errors: &mut Vec<ConfigError>) -> Table {
    let source = Source::new(path, text);
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    for error in syntax_errors {
        let span = error.span().unwrap_or_default();
        // Of these errors the parser points at the key; of others at any piece of the file.
        let key = if error.message() == "duplicate key" {
            text.get(span.clone()).unwrap_or("")
        } else {
            ""
        };
        let origin = source.origin(span.start);
        errors.push(ConfigError::new(&origin, key, error.message()));
    }
    source.table(table.into_inner(), DEPTH_MAX, errors)
}

/// Puts `over` onto `base`: tables are merged, other values are replaced.
pub(crate) fn merge(base: &mut Table, over: Table) {
    for (key, entry) in over {
        match base.entry(key) {
            MapEntry::Vacant(place) => {
                place.insert(entry);
            }
            MapEntry::Occupied(mut place) => {
                let below = place.get_mut();
                match (&mut below.node.value, entry.node.value) {
                    (Value::Table(below), Value::Table(over)) => merge(below, over),
                    (_, value) => {
                        let replaced = Some(below.node.origin.clone());
                        let node = Node {
                            value,
                            ..entry.node
                        };
                        *below = Entry {
                            key: entry.key,
                            node,
                            replaced,
                        };
                    }
                }
            }
        }
    }
}

/// Fills the gaps of `table` from `under`. A secret is one thing in all its forms: `password` in
/// the table leaves no gap for `password_file`.
pub(crate) fn underlay(table: &mut Table, under: Table) {
    for (key, entry) in under {
        let secret = secret_name(&key);
        if let Some(above) = table.get_mut(&key) {
            if let (Value::Table(above), Value::Table(under)) =
                (&mut above.node.value, entry.node.value)
            {
                underlay(above, under);
            }
        } else if !table.keys().any(|key| secret_name(key) == secret) {
            table.insert(key, entry);
        }
    }
}

/// The name of a secret without the ending that tells its form.
fn secret_name(key: &str) -> &str {
    SECRET_ENDINGS
        .iter()
        .find_map(|ending| key.strip_suffix(ending))
        .unwrap_or(key)
}

/// The text of a file, with what is needed to tell line and column of an octet.
struct Source<'s> {
    path: Arc<Path>,
    text: &'s str,
    line_starts: Vec<usize>,
}

impl<'s> Source<'s> {
    fn new(path: &Path, text: &'s str) -> Self {
        let breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, octet)| *octet == b'\n');
        let line_starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        Self {
            path: Arc::from(path),
            text,
            line_starts,
        }
    }

    fn origin(&self, offset: usize) -> Origin {
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1);
        let before = self
            .text
            .get(self.line_starts[line - 1]..offset)
            .unwrap_or("");
        let column = before.chars().count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Origin::File {
            path: Arc::clone(&self.path),
            line: number(line),
            column: number(column),
        }
    }

    fn table(&self, table: DeTable<'_>, depth: usize, errors: &mut Vec<ConfigError>) -> Table {
        let entries = table.into_iter().map(|(key, value)| {
            let origin = self.origin(key.span().start);
            let node = self.node(value, depth, errors);
            (
                key.into_inner().into_owned(),
                Entry {
                    key: origin,
                    node,
                    replaced: None,
                },
            )
        });
        entries.collect()
    }

    fn node(
        &self,
        value: Spanned<DeValue<'_>>,
        depth: usize,
        errors: &mut Vec<ConfigError>,
    ) -> Node {
        let span = value.span();
        let origin = self.origin(span.start);
        let slice = self.text.get(span).unwrap_or("");
        let written = slice.lines().next().unwrap_or("").to_owned();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other, Value::Integer),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
            DeValue::Array(_) | DeValue::Table(_) if depth == 0 => {
                let allowed = format!("at most {DEPTH_MAX} tables and lists within each other");
                errors.push(ConfigError::new(&origin, "", allowed));
                Value::Other
            }
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| self.node(item, depth - 1, errors))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table, depth - 1, errors)),
        };
        Node {
            value,
            written,
            origin,
        }
    }
}
