//! What a user wrote as a tree of values with their places, whatever the notation.

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{InputError, InputErrors};

/// Tables and lists within each other; what is deeper reads as null.
const DEPTH_MAX: usize = 12;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// As written, or its first line.
    pub(crate) written: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// Keys with the place of each.
    Table(Vec<(String, (u32, u32), Node)>),
}

impl Node {
    /// What a table is called where this was written: JSON has no lines.
    pub(crate) const fn table_word(&self) -> &'static str {
        match self.line {
            0 => "an object",
            _ => "a table",
        }
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::from(*value),
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(entries) => entries
                .iter()
                .map(|(key, _, node)| (key.clone(), node.to_json()))
                .collect(),
        }
    }
}

/// Reads TOML; the result is a table.
///
/// # Errors
/// Every place where it is no TOML.
pub(crate) fn from_toml(source: &str, text: &str) -> Result<Node, InputErrors> {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(lines.table(table.into_inner(), (1, 1), DEPTH_MAX));
    }
    let errors = errors.into_iter().map(|error| {
        let (line, column) = lines.place(error.span().map_or(0, |span| span.start));
        InputError {
            line,
            column,
            problem: error.message().to_owned(),
            ..InputError::default()
        }
    });
    Err(InputErrors::new(source, errors.collect()))
}

/// Takes JSON; it has no places.
pub(crate) fn from_json(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, Some(float)) => Value::Float(float),
            (None, None) => Value::Null,
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(entries) => Value::Table(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), (0, 0), from_json(value)))
                .collect(),
        ),
    };
    let written = match json {
        Json::Array(_) | Json::Object(_) => String::new(),
        scalar => scalar.to_string(),
    };
    Node {
        value,
        written,
        line: 0,
        column: 0,
    }
}

/// A text and where its lines start.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    /// Line and column of an octet.
    fn place(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        (number(line), number(before.chars().count() + 1))
    }

    fn table(&self, table: DeTable<'_>, (line, column): (u32, u32), depth: usize) -> Node {
        let entries = table.into_iter().map(|(key, value)| {
            let place = self.place(key.span().start);
            (
                key.into_inner().into_owned(),
                place,
                self.node(value, depth - 1),
            )
        });
        Node {
            value: Value::Table(entries.collect()),
            written: String::new(),
            line,
            column,
        }
    }

    fn node(&self, value: Spanned<DeValue<'_>>, depth: usize) -> Node {
        let span = value.span();
        let (line, column) = self.place(span.start);
        let written = self.text.get(span).and_then(|text| text.lines().next());
        let written = written.unwrap_or_default().to_owned();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Null, Value::Integer),
            DeValue::Float(number) => number.as_str().parse().map_or(Value::Null, Value::Float),
            DeValue::Array(items) if depth > 0 => Value::List(
                items
                    .into_iter()
                    .map(|item| self.node(item, depth - 1))
                    .collect(),
            ),
            DeValue::Table(table) if depth > 0 => {
                return self.table(table, (line, column), depth);
            }
            DeValue::Array(_) | DeValue::Table(_) | DeValue::Datetime(_) => Value::Null,
        };
        Node {
            value,
            written,
            line,
            column,
        }
    }
}
