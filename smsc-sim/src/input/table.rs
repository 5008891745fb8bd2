//! Takes the keys of one table by name and collects everything that is wrong with it.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;

use super::error::InputError;
use super::tree::{Node, Value};
use crate::duration::parse_duration;

/// What is allowed behind a key: in words, and the words themselves where there is a choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed<'a> {
    pub(crate) text: &'a str,
    pub(crate) words: &'a [&'a str],
}

impl<'a> Allowed<'a> {
    pub(crate) const fn text(text: &'a str) -> Self {
        Self { text, words: &[] }
    }
}

/// A table that is being read. [`Table::end`] reports the keys that nobody took.
#[derive(Debug)]
pub(crate) struct Table<'n, 'e> {
    path: String,
    node: &'n Node,
    entries: &'n [(String, (u32, u32), Node)],
    known: Vec<&'static str>,
    /// Keys that are passed over.
    passed_over: Vec<&'static str>,
    pub(crate) errors: &'e mut Vec<InputError>,
}

impl<'n, 'e> Table<'n, 'e> {
    /// `node` as a table at `path`; `None` after it was reported that it is none.
    pub(crate) fn new(
        path: impl Into<String>,
        node: &'n Node,
        errors: &'e mut Vec<InputError>,
    ) -> Option<Self> {
        let path = path.into();
        let Value::Table(entries) = &node.value else {
            let wanted = format!("wanted: {}", node.table_word());
            errors.push(problem(&path, node, wanted));
            return None;
        };
        Some(Self {
            path,
            node,
            entries,
            known: Vec::new(),
            passed_over: Vec::new(),
            errors,
        })
    }

    /// The value behind a key; null counts as absent.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known(key);
        let (_, _, node) = self.entries.iter().find(|(name, ..)| name == key)?;
        // A date or a depth that cannot be read is no absence.
        (!matches!(node.value, Value::Null) || node.line > 0).then_some(node)
    }

    /// Whether the key is there, without taking it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, ..)| name == key)
    }

    /// What `parse` makes of the value behind a key.
    pub(crate) fn parse<T>(
        &mut self,
        key: &'static str,
        allowed: Allowed<'_>,
        parse: impl FnOnce(&'n Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        let value = parse(node);
        if value.is_none() {
            let path = self.path_of(key);
            let error = problem(&path, node, format!("wanted: {}", allowed.text));
            let written = match &node.value {
                Value::Text(text) => text,
                _ => "",
            };
            let words = allowed.words.iter().copied();
            self.errors.push(error.with_nearest(written, words));
        }
        value
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<&'n str> {
        self.parse(key, Allowed::text("a text"), |node| match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// What `parse` makes of a text.
    pub(crate) fn parse_text<T>(
        &mut self,
        key: &'static str,
        allowed: Allowed<'_>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.parse(key, allowed, |node| match &node.value {
            Value::Text(text) => parse(text),
            _ => None,
        })
    }

    /// What `parse` makes of a list of texts.
    pub(crate) fn texts<T>(
        &mut self,
        key: &'static str,
        allowed: Allowed<'_>,
        parse: impl FnOnce(Vec<String>) -> Option<T>,
    ) -> Option<T> {
        self.parse(key, allowed, |node| match &node.value {
            Value::List(items) => {
                let text = |item: &Node| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                };
                items
                    .iter()
                    .map(text)
                    .collect::<Option<_>>()
                    .and_then(parse)
            }
            _ => None,
        })
    }

    /// A word of a choice.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choice: &[(&'static str, T)],
    ) -> Option<T> {
        let words: Vec<&str> = choice.iter().map(|(word, _)| *word).collect();
        let allowed = Allowed {
            text: &format!("one of {}", words.join(", ")),
            words: &words,
        };
        self.parse_text(key, allowed, |text| {
            let found = choice.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value)
        })
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let text = format!("a whole number from {} to {}", range.start(), range.end());
        self.parse(key, Allowed::text(&text), |node| match node.value {
            Value::Integer(number) if range.contains(&number) => Some(number),
            _ => None,
        })
    }

    /// A number.
    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let text = format!("a number from {} to {}", range.start(), range.end());
        self.parse(key, Allowed::text(&text), |node| {
            let number = match node.value {
                Value::Integer(number) => number as f64,
                Value::Float(number) => number,
                _ => return None,
            };
            range.contains(&number).then_some(number)
        })
    }

    /// true or false.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.parse(key, Allowed::text("true or false"), |node| {
            match node.value {
                Value::Boolean(value) => Some(value),
                _ => None,
            }
        })
    }

    /// A time such as 50ms.
    pub(crate) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parse_text(key, Allowed::text(DURATION_ALLOWED), time)
    }

    /// A time such as 50ms, or a number of `unit`, as Toxiproxy writes times.
    pub(crate) fn time(
        &mut self,
        key: &'static str,
        (unit, unit_name): (Duration, &str),
    ) -> Option<Duration> {
        let text = format!("{DURATION_ALLOWED}, or a whole number of {unit_name}");
        self.parse(key, Allowed::text(&text), |node| match &node.value {
            Value::Text(text) => time(text),
            Value::Integer(number) => {
                let time = unit.checked_mul(u32::try_from(*number).ok()?);
                time.filter(|time| *time <= DURATION_MAX)
            }
            _ => None,
        })
    }

    /// What `read` makes of each entry of the table behind a key, whatever the keys in it.
    pub(crate) fn entries<R>(
        &mut self,
        key: &'static str,
        entries_max: usize,
        mut read: impl FnMut(&str, &Node) -> Result<R, String>,
    ) -> Option<Vec<R>> {
        let text = format!("{} with at most {entries_max} keys", self.node.table_word());
        let entries = self.parse(key, Allowed::text(&text), |node| match &node.value {
            Value::Table(entries) if entries.len() <= entries_max => Some(entries),
            _ => None,
        })?;
        let path = self.path_of(key);
        let read = entries.iter().filter_map(|(name, _, node)| {
            let error = |text| problem(&format!("{path}.{name}"), node, text);
            read(name, node)
                .map_err(|text| self.errors.push(error(text)))
                .ok()
        });
        Some(read.collect())
    }

    /// What `read` makes of the table behind a key.
    pub(crate) fn table<R>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'n, '_>) -> R,
    ) -> Option<R> {
        let node = self.get(key)?;
        let path = self.path_of(key);
        read_table(path, node, self.errors, read)
    }

    /// What `read` makes of each table of the list behind a key; `None` when there is no list.
    pub(crate) fn list<R>(
        &mut self,
        key: &'static str,
        items_max: usize,
        mut read: impl FnMut(&mut Table<'n, '_>) -> R,
    ) -> Option<Vec<R>> {
        let text = format!(
            "a list of at most {items_max}, each {}",
            self.node.table_word()
        );
        let items = self.parse(key, Allowed::text(&text), |node| match &node.value {
            Value::List(items) if items.len() <= items_max => Some(items),
            _ => None,
        })?;
        let path = self.path_of(key);
        let read = items.iter().enumerate().filter_map(|(at, node)| {
            read_table(format!("{path}[{at}]"), node, self.errors, &mut read)
        });
        Some(read.collect())
    }

    /// The one of two words for the same that is there; both at once are reported.
    pub(crate) fn either(&mut self, key: &'static str, alias: &'static str) -> &'static str {
        self.known(key);
        self.known(alias);
        match (self.has(key), self.has(alias)) {
            (true, true) => {
                self.report(alias, format!("{key} says the same: one of them is enough"));
                key
            }
            (false, true) => alias,
            (_, false) => key,
        }
    }

    /// Takes a key as known without reading it.
    pub(crate) fn known(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }

    /// Passes over a key that answers have and that is not to be written, so that an answer can be
    /// sent back. Returns what is there.
    pub(crate) fn pass_over(&mut self, key: &'static str) -> Option<&'n Value> {
        self.passed_over.push(key);
        let entry = self.entries.iter().find(|(name, ..)| name == key);
        entry.map(|(_, _, node)| &node.value)
    }

    /// Reports a problem with a key, or with the table when the key is not there.
    pub(crate) fn report(&mut self, key: &str, text: impl Into<String>) {
        let error = self.error(key, text);
        self.errors.push(error);
    }

    /// The same as an error that is not reported.
    pub(crate) fn error(&self, key: &str, text: impl Into<String>) -> InputError {
        let entry = self.entries.iter().find(|(name, ..)| name == key);
        let node = entry.map_or(self.node, |(_, _, node)| node);
        problem(&self.path_of(key), node, text)
    }

    /// The table as it was written, without what is passed over.
    pub(crate) fn written(&self) -> Json {
        let mut written = self.node.to_json();
        if let Json::Object(fields) = &mut written {
            fields.retain(|name, _| !self.passed_over.contains(&name.as_str()));
        }
        written
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn end(self) {
        for (name, (line, column), _) in self.entries {
            let name_read = name.as_str();
            if !self.known.contains(&name_read) && !self.passed_over.contains(&name_read) {
                let problem = match self.known.is_empty() {
                    true => "unknown key; none is taken here".to_owned(),
                    false => format!("unknown key; there are {}", self.known.join(", ")),
                };
                let error = InputError {
                    line: *line,
                    column: *column,
                    key: self.path_of(name),
                    problem,
                    ..InputError::default()
                };
                let known = self.known.iter().copied();
                self.errors.push(error.with_nearest(name, known));
            }
        }
    }
}

/// Longest time that is taken.
const DURATION_MAX: Duration = Duration::from_secs(365 * 86_400);
/// What is allowed for a time.
const DURATION_ALLOWED: &str = "a whole number with ms, s, m, h or d in quotes, at most \"365d\"";

/// A time of at most 365 days.
pub(crate) fn time(text: &str) -> Option<Duration> {
    parse_duration(text).filter(|time| *time <= DURATION_MAX)
}

/// Reads `node` as a table.
pub(crate) fn read_table<'n, R>(
    path: impl Into<String>,
    node: &'n Node,
    errors: &mut Vec<InputError>,
    read: impl FnOnce(&mut Table<'n, '_>) -> R,
) -> Option<R> {
    let mut table = Table::new(path, node, errors)?;
    let value = read(&mut table);
    table.end();
    Some(value)
}

fn problem(path: &str, node: &Node, text: impl Into<String>) -> InputError {
    InputError {
        line: node.line,
        column: node.column,
        key: path.to_owned(),
        problem: text.into(),
        ..InputError::default()
    }
    .with_value(&node.written)
}
