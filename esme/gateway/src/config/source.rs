//! Finds and reads what a configuration consists of: the main file, `conf.d/*.toml` beside it,
//! provider profiles, and the environment. The only file of the configuration that touches the
//! disk, besides secrets.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::codes::CODED_TABLES;
use super::error::{ConfigError, Origin};
use super::provider::Bind;
use super::setting::Section as _;
use super::tree::{self, Entry, Node, Table, Value};

/// Largest configuration, profile or secret file.
pub(crate) const FILE_OCTETS_MAX: u64 = 4 << 20;
/// Most files in `conf.d`.
const FILES_MAX: usize = 10_000;
/// Beginning of the names of environment variables that override keys.
const ENVIRONMENT_PREFIX: &str = "SIGNALBOX__";
/// Most tables in a variable's name.
const ENVIRONMENT_PARTS_MAX: usize = 16;

/// The profile of providers that name none.
const PROFILE_DEFAULT: &str = "standard";

/// Profiles that come with the program, by name.
pub(crate) const PROFILES: [(&str, &str); 3] = [
    (
        "standard",
        include_str!("../../../../config/providers/standard.toml"),
    ),
    (
        "hex-decimal-ids",
        include_str!("../../../../config/providers/hex-decimal-ids.toml"),
    ),
    (
        "kannel-like",
        include_str!("../../../../config/providers/kannel-like.toml"),
    ),
];

/// Reads a text file of bounded length. The error is what is wrong, in words.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let mut octets = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets))
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "the file does not exist".to_owned(),
            io::ErrorKind::IsADirectory => "this is a directory, not a file".to_owned(),
            _ => format!("the file cannot be read: {error}"),
        })?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        return Err(format!("the file has more than {FILE_OCTETS_MAX} octets"));
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|octet| **octet == b'\n').count() + 1;
        format!("the file is not UTF-8 text (line {line})")
    })
}

/// The main file and the files beside it, merged by name: what comes later replaces.
pub(crate) fn read_files(path: &Path, errors: &mut Vec<ConfigError>) -> Table {
    let mut table = read_file(path, errors);
    let folder = path.with_file_name("conf.d");
    for path in files_of(&folder, errors) {
        let over = read_file(&path, errors);
        tree::merge(&mut table, over);
    }
    table
}

fn read_file(path: &Path, errors: &mut Vec<ConfigError>) -> Table {
    match read_text(path) {
        Ok(text) => tree::parse(path, &text, errors),
        Err(problem) => {
            errors.push(ConfigError::new(&Origin::start_of(path), "", problem));
            Table::new()
        }
    }
}

/// The `*.toml` files of a folder in the order of their names; none when there is no such folder.
fn files_of(folder: &Path, errors: &mut Vec<ConfigError>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                let problem = format!("the folder cannot be read: {error}");
                errors.push(ConfigError::new(&Origin::start_of(folder), "", problem));
            }
            return files;
        }
    };
    for entry in entries {
        match entry {
            Ok(entry) => files.push(entry.path()),
            Err(error) => {
                let problem = format!("the folder cannot be read: {error}");
                errors.push(ConfigError::new(&Origin::start_of(folder), "", problem));
                break;
            }
        }
    }
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    if files.len() > FILES_MAX {
        let problem = format!("the folder has more than {FILES_MAX} files");
        errors.push(ConfigError::new(&Origin::start_of(folder), "", problem));
        files.truncate(FILES_MAX);
    }
    files
}

/// Lays the variables `SIGNALBOX__TABLE__KEY` over the files.
pub(crate) fn apply_environment(
    table: &mut Table,
    variables: &[(String, String)],
    errors: &mut Vec<ConfigError>,
) {
    for (name, value) in variables {
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let parts: Vec<&str> = key.split("__").collect();
        let origin = Origin::Environment(Arc::from(name.as_str()));
        if parts.len() > ENVIRONMENT_PARTS_MAX || parts.iter().any(|part| part.is_empty()) {
            let allowed = format!("names of tables and a key, joined by \"__\" ({name})");
            errors.push(ConfigError::new(&origin, "", allowed));
            continue;
        }
        let node = Node::plain(value, origin.clone());
        let over = nest(table, &parts, node, &origin);
        tree::merge(table, over);
    }
}

/// A tree with one leaf. The names are those of `table` where they differ only in case and in `-`,
/// which a variable's name cannot hold.
fn nest(table: &Table, parts: &[&str], leaf: Node, origin: &Origin) -> Table {
    let Some((first, rest)) = parts.split_first() else {
        return Table::new();
    };
    let wanted = first.to_lowercase();
    let same = table
        .keys()
        .find(|key| key.to_lowercase().replace('-', "_") == wanted);
    let name = same.cloned().unwrap_or(wanted);
    let node = if rest.is_empty() {
        leaf
    } else {
        let empty = Table::new();
        let below = tree::sub_table(table, &name).unwrap_or(&empty);
        let value = Value::Table(nest(below, rest, leaf, origin));
        Node {
            value,
            written: String::new(),
            origin: origin.clone(),
        }
    };
    Table::from([(
        name,
        Entry {
            key: origin.clone(),
            node,
            replaced: None,
        },
    )])
}

/// Puts each provider's profile under its own settings, and the provider's settings of binds under
/// those of its binds.
pub(crate) fn complete_providers(table: &mut Table, folder: &Path, errors: &mut Vec<ConfigError>) {
    let Some(Value::Table(providers)) = table.get_mut("provider").map(|e| &mut e.node.value) else {
        return;
    };
    for (name, entry) in providers {
        let Value::Table(provider) = &mut entry.node.value else {
            continue;
        };
        let chosen = provider.get("profile").map(|entry| entry.node.clone());
        let chosen = chosen.unwrap_or_else(|| Node::plain(PROFILE_DEFAULT, Origin::Default));
        if let Some(profile) = chosen.as_text() {
            let key = format!("provider.{name}.profile");
            let mut profile = read_profile(profile, folder, &chosen, &key, errors);
            drop_overridden(&mut profile, provider);
            tree::underlay(provider, profile);
        }
        hand_down(provider);
    }
}

/// Reads a profile: the file `providers/NAME.toml` beside the main file, else the one that comes
/// with the program.
fn read_profile(
    name: &str,
    folder: &Path,
    node: &Node,
    key: &str,
    errors: &mut Vec<ConfigError>,
) -> Table {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let path = folder.join("providers").join(format!("{name}.toml"));
    if name.chars().all(plain) && path.is_file() {
        return read_file(&path, errors);
    }
    if let Some((_, text)) = PROFILES.iter().find(|(known, _)| *known == name) {
        let path = PathBuf::from(format!("built-in/providers/{name}.toml"));
        return tree::parse(&path, text, errors);
    }
    let known = PROFILES.map(|(name, _)| name);
    let allowed = format!(
        "a profile: {}, or the name of a file {}",
        known.join(", "),
        folder.join("providers").join("NAME.toml").display()
    );
    let error = ConfigError::new(&node.origin, key, allowed);
    errors.push(error.with_value(&node.written).with_nearest(name, known));
    Table::new()
}

/// Drops codes of a profile that the provider has too, be it in another spelling (`0x58` for
/// `ESME_RTHROTTLED`).
fn drop_overridden(profile: &mut Table, provider: &Table) {
    for (table, code) in CODED_TABLES {
        let own = tree::sub_table(provider, table).into_iter().flatten();
        let own: Vec<u32> = own.filter_map(|(key, _)| code(key)).collect();
        if let Some(Value::Table(codes)) = profile.get_mut(table).map(|e| &mut e.node.value) {
            codes.retain(|key, _| code(key).is_none_or(|code| !own.contains(&code)));
        }
    }
}

/// Moves settings of binds that stand in the provider's table into each of its binds.
fn hand_down(provider: &mut Table) {
    let mut shared = Table::new();
    for name in Bind::key_names() {
        if let Some((name, entry)) = provider.remove_entry(&name) {
            shared.insert(name, entry);
        }
    }
    let Some(Value::Table(binds)) = provider.get_mut("bind").map(|e| &mut e.node.value) else {
        return;
    };
    for entry in binds.values_mut() {
        if let Value::Table(bind) = &mut entry.node.value {
            tree::underlay(bind, shared.clone());
        }
    }
}
