//! How a key of the configuration is declared and read. `settings!` makes of one declaration the
//! typed struct, its documentation, the reader with its checks and the JSON Schema, so that
//! nothing is written twice.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::error::{ConfigError, Origin};
use super::tree::{Node, Table, Value};

/// Most entries of one list.
const LIST_ENTRIES_MAX: usize = 10_000;

/// A key as it was declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'k> {
    /// Name in its table.
    pub(crate) name: &'k str,
    /// Its manual.
    pub(crate) about: &'k str,
    /// Value when it is not set, written as in the environment.
    pub(crate) default: Option<&'k str>,
    /// Smallest and largest value, written as in the environment.
    pub(crate) limits: Option<(&'k str, &'k str)>,
}

impl Key<'_> {
    /// " from … to …", or nothing.
    pub(crate) fn range(&self) -> String {
        self.limits
            .map_or_else(String::new, |(min, max)| format!(" from {min} to {max}"))
    }
}

/// One value in force: what `config show` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Key with its tables.
    pub key: String,
    /// The value as TOML; stars for a secret.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Collects what the readers find.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Everything that is wrong.
    pub(crate) errors: Vec<ConfigError>,
    /// Every value in force.
    pub(crate) effective: Vec<Effective>,
    /// Directory of systemd credentials.
    pub(crate) credentials: Option<PathBuf>,
}

/// A table that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    /// Names of the tables down to this one, joined by dots; empty at the top.
    pub(crate) path: &'p str,
    /// Its entries.
    pub(crate) table: &'p Table,
    /// Where it stands.
    pub(crate) origin: &'p Origin,
}

impl Place<'_> {
    /// A key of this table with its path.
    pub(crate) fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// A value of one TOML value or one environment variable.
pub(crate) trait Leaf: Sized {
    /// The value, `None` when it is not allowed.
    fn parse(node: &Node, key: &Key<'_>) -> Option<Self>;
    /// What is allowed, in words.
    fn allowed(key: &Key<'_>) -> String;
    /// JSON Schema of what is allowed.
    fn schema(key: &Key<'_>) -> Json;
    /// Whether a value without a type is a number or a boolean in TOML, without quotes.
    const BARE: bool = false;
    /// All words that are allowed, where there is a choice.
    fn words() -> &'static [&'static str] {
        &[]
    }
}

/// What can stand behind a key: a value, an optional one, a list, a table, a secret.
pub(crate) trait Setting: Sized {
    /// Reads it; `None` after it recorded what is wrong.
    fn read(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>) -> Option<Self>;
    /// JSON Schema of the keys it takes: name and schema.
    fn schema(key: &Key<'_>) -> Vec<(String, Json)>;
}

/// A table with declared keys, made by `settings!`.
pub(crate) trait Section: Sized {
    /// Reads the table.
    fn read(reader: &mut Reader, place: &Place<'_>) -> Option<Self>;
    /// JSON Schemas of its keys.
    fn properties() -> Vec<(String, Json)>;

    /// Names of its keys.
    fn key_names() -> Vec<String> {
        Self::properties()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    /// JSON Schema of the table. It does not say which keys must be set, since they may come from
    /// another file, a profile, or the table above.
    fn table_schema() -> Json {
        let properties: serde_json::Map<String, Json> = Self::properties().into_iter().collect();
        json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// Records keys that the table does not have.
pub(crate) fn refuse_unknown(reader: &mut Reader, place: &Place<'_>, known: &[String]) {
    for (name, entry) in place.table {
        if !known.contains(name) {
            let error = ConfigError::new(&entry.key, &place.key(name), "unknown key");
            reader
                .errors
                .push(error.with_nearest(name, known.iter().map(String::as_str)));
        }
    }
}

/// Reads one value and records what is wrong with it.
pub(crate) fn read_leaf<T: Leaf>(
    reader: &mut Reader,
    path: &str,
    node: &Node,
    key: &Key<'_>,
) -> Option<T> {
    let value = T::parse(node, key);
    if value.is_none() {
        let error = ConfigError::new(&node.origin, path, T::allowed(key));
        let written = node.as_text().unwrap_or_default();
        let words = T::words().iter().copied();
        reader
            .errors
            .push(error.with_value(&node.written).with_nearest(written, words));
    }
    value
}

/// JSON Schema of a key, with its manual and default.
fn documented(mut schema: Json, key: &Key<'_>) -> Vec<(String, Json)> {
    if !key.about.is_empty() {
        schema["description"] = json!(key.about);
    }
    if let Some(default) = key.default {
        schema["default"] = json!(default);
    }
    vec![(key.name.to_owned(), schema)]
}

fn default_node(key: &Key<'_>) -> Option<Node> {
    key.default
        .map(|default| Node::plain(default, Origin::Default))
}

fn show(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>, value: String, origin: &Origin) {
    let key = place.key(key.name);
    reader.effective.push(Effective {
        key,
        value,
        origin: origin.clone(),
    });
}

/// A value as TOML.
fn as_toml<T: Leaf>(node: &Node) -> String {
    match &node.value {
        Value::Plain(text) if T::BARE && text != "auto" => text.clone(),
        _ => node.written.clone(),
    }
}

/// A required value, or one with a default.
impl<T: Leaf> Setting for T {
    fn read(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>) -> Option<Self> {
        let set = place.table.get(key.name).map(|entry| entry.node.clone());
        let Some(node) = set.or_else(|| default_node(key)) else {
            let allowed = format!("missing: {}", Self::allowed(key));
            reader.errors.push(ConfigError::new(
                place.origin,
                &place.key(key.name),
                allowed,
            ));
            return None;
        };
        show(reader, place, key, as_toml::<T>(&node), &node.origin);
        read_leaf(reader, &place.key(key.name), &node, key)
    }

    fn schema(key: &Key<'_>) -> Vec<(String, Json)> {
        documented(<Self as Leaf>::schema(key), key)
    }
}

/// A value that may be absent.
impl<T: Leaf> Setting for Option<T> {
    fn read(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>) -> Option<Self> {
        if place.table.contains_key(key.name) {
            <T as Setting>::read(reader, place, key).map(Some)
        } else {
            Some(None)
        }
    }

    fn schema(key: &Key<'_>) -> Vec<(String, Json)> {
        documented(T::schema(key), key)
    }
}

/// A list; in the environment its items are separated by commas.
impl<T: Leaf> Setting for Vec<T> {
    fn read(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>) -> Option<Self> {
        let set = place.table.get(key.name).map(|entry| entry.node.clone());
        let Some(node) = set.or_else(|| default_node(key)) else {
            return Some(Self::new());
        };
        let path = place.key(key.name);
        let items = match &node.value {
            Value::List(items) => items.clone(),
            Value::Plain(text) => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                items
                    .map(|item| Node::plain(item, node.origin.clone()))
                    .collect()
            }
            _ => {
                let allowed = format!("a list of {}", T::allowed(key));
                let error = ConfigError::new(&node.origin, &path, allowed);
                reader.errors.push(error.with_value(&node.written));
                return None;
            }
        };
        let shown: Vec<String> = items.iter().map(as_toml::<T>).collect();
        show(
            reader,
            place,
            key,
            format!("[{}]", shown.join(", ")),
            &node.origin,
        );
        if items.len() > LIST_ENTRIES_MAX {
            let allowed = format!("a list of at most {LIST_ENTRIES_MAX} entries");
            reader
                .errors
                .push(ConfigError::new(&node.origin, &path, allowed));
            return None;
        }
        let values: Vec<Option<T>> = items
            .iter()
            .map(|item| read_leaf(reader, &path, item, key))
            .collect();
        values.into_iter().collect()
    }

    fn schema(key: &Key<'_>) -> Vec<(String, Json)> {
        let items = T::schema(key);
        documented(json!({"type": "array", "items": items}), key)
    }
}

/// A table whose keys are free: names of accounts, providers, …
impl<T: Setting> Setting for BTreeMap<String, T> {
    fn read(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>) -> Option<Self> {
        let Some(entry) = place.table.get(key.name) else {
            return Some(Self::new());
        };
        let path = place.key(key.name);
        let Some(table) = entry.node.as_table() else {
            let error = ConfigError::new(&entry.node.origin, &path, "a table");
            reader.errors.push(error.with_value(&entry.node.written));
            return None;
        };
        let below = Place {
            path: &path,
            table,
            origin: &entry.node.origin,
        };
        let values: Vec<Option<(String, T)>> = table
            .keys()
            .map(|name| {
                let value = T::read(reader, &below, &Key { name, ..*key })?;
                Some((name.clone(), value))
            })
            .collect();
        values.into_iter().collect()
    }

    fn schema(key: &Key<'_>) -> Vec<(String, Json)> {
        let any = T::schema(&Key {
            about: "",
            default: None,
            ..*key
        });
        let any = any
            .into_iter()
            .next()
            .map_or(Json::Bool(true), |(_, schema)| schema);
        documented(json!({"type": "object", "additionalProperties": any}), key)
    }
}

/// Reads a table with declared keys that stands in another table. Absent, it has its defaults.
pub(crate) fn read_section<T: Section>(
    reader: &mut Reader,
    place: &Place<'_>,
    key: &Key<'_>,
) -> Option<T> {
    let path = place.key(key.name);
    let empty = Table::new();
    let (table, origin) = match place.table.get(key.name) {
        None => (&empty, place.origin),
        Some(entry) => match entry.node.as_table() {
            Some(table) => (table, &entry.node.origin),
            None => {
                let error = ConfigError::new(&entry.node.origin, &path, "a table");
                reader.errors.push(error.with_value(&entry.node.written));
                return None;
            }
        },
    };
    T::read(
        reader,
        &Place {
            path: &path,
            table,
            origin,
        },
    )
}

/// Declares a table of the configuration:
/// `/// manual` `name: Type [min .. max] = default;` for each key. A key whose name in Rust differs
/// is `name as "key": …`. `and Other` also knows the keys of another table (which
/// [`super::source`] moves there).
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident $(and $other:ty)? {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $(as $key:literal)? : $type:ty
                    $([$min:literal .. $max:literal])? $(= $default:literal)? ;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                $(#[doc = concat!(" Range: ", $min, " to ", $max, ".")])?
                $(#[doc = concat!(" Default: `", $default, "`.")])?
                pub $field: $type,
            )+
        }

        impl $name {
            const KEYS: &'static [$crate::config::setting::Key<'static>] = &[
                $($crate::config::setting::Key {
                    name: $crate::config::setting::settings!(@name $field $($key)?),
                    about: concat!($($doc),+).trim_ascii(),
                    default: $crate::config::setting::settings!(@option $($default)?),
                    limits: $crate::config::setting::settings!(@option $(($min, $max))?),
                }),+
            ];
        }

        impl $crate::config::setting::Section for $name {
            fn read(
                reader: &mut $crate::config::setting::Reader,
                place: &$crate::config::setting::Place<'_>,
            ) -> Option<Self> {
                let known = <Self as $crate::config::setting::Section>::key_names();
                $crate::config::setting::refuse_unknown(reader, place, &known);
                let mut keys = Self::KEYS.iter();
                $(
                    let $field = keys.next().and_then(|key| {
                        <$type as $crate::config::setting::Setting>::read(reader, place, key)
                    });
                )+
                Some(Self { $($field: $field?),+ })
            }

            fn properties() -> Vec<(String, serde_json::Value)> {
                let mut keys = Self::KEYS.iter();
                let mut properties = Vec::new();
                $(
                    properties.extend(keys.next().into_iter().flat_map(
                        <$type as $crate::config::setting::Setting>::schema,
                    ));
                )+
                $(properties.extend(<$other as $crate::config::setting::Section>::properties());)?
                properties
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn read(
                reader: &mut $crate::config::setting::Reader,
                place: &$crate::config::setting::Place<'_>,
                key: &$crate::config::setting::Key<'_>,
            ) -> Option<Self> {
                $crate::config::setting::read_section(reader, place, key)
            }

            fn schema(key: &$crate::config::setting::Key<'_>) -> Vec<(String, serde_json::Value)> {
                let schema = <Self as $crate::config::setting::Section>::table_schema();
                vec![(key.name.to_owned(), schema)]
            }
        }
    };
    (@name $field:ident $key:literal) => { $key };
    (@name $field:ident) => { stringify!($field) };
    (@option $value:expr) => { Some($value) };
    (@option) => { None };
}

pub(crate) use settings;
