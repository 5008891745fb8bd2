//! What the keys of a configuration must say to each other: names that exist, things that belong
//! together. It works on the tree, so that it speaks of lines, and beside other errors.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use signalbox_adapters::webhook::Signer;
use signalbox_esme::Secret;
use signalbox_router::ProviderName;

use super::codes::CODED_TABLES;
use super::error::{ConfigError, Origin};
use super::setting::{Key, Place, Reader, Section, Setting as _};
use super::tree::{Entry, Node, Table, Value, sub_table};
use super::{Account, Bind};

/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 64;
/// Tables whose keys are names.
const NAMED_TABLES: [&str; 3] = ["account", "provider", "route"];
/// Events that tell how a message ended.
const LAST_EVENTS: [&str; 5] = ["delivered", "failed", "expired", "rejected", "cancelled"];
/// Schemes of addresses that a route may lead.
const SCHEMES: [&str; 1] = ["sms"];

/// Checks everything; returns the warnings.
pub(crate) fn check(
    place: &Place<'_>,
    path: Option<&Path>,
    errors: &mut Vec<ConfigError>,
) -> Vec<ConfigError> {
    let table = place.table;
    for kind in NAMED_TABLES {
        check_names(kind, entries(table, kind), errors);
    }
    for (name, entry) in entries(table, "provider") {
        check_provider(name, entry, errors);
    }
    for (name, entry) in entries(table, "account") {
        check_account(name, entry, errors);
    }
    check_routes(table, errors);
    check_inbound(table, errors);
    warnings(place, path)
}

/// The entries of a table by name; none when it is missing or no table.
fn entries<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = (&'t String, &'t Entry)> {
    sub_table(table, key).into_iter().flatten()
}

fn text<'t>(table: &'t Table, key: &str) -> Option<(&'t str, &'t Node)> {
    let node = &table.get(key)?.node;
    Some((node.as_text()?, node))
}

fn check_names<'t>(
    path: &str,
    names: impl Iterator<Item = (&'t String, &'t Entry)>,
    errors: &mut Vec<ConfigError>,
) {
    for (name, entry) in names {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        let length = name.chars().count();
        if !(1..=NAME_CHARACTERS_MAX).contains(&length) || !name.chars().all(known) {
            let allowed =
                format!("a name of 1 to {NAME_CHARACTERS_MAX} characters: a-z, 0-9, _ and -");
            let error = ConfigError::new(&entry.key, path, allowed);
            errors.push(error.with_value(&format!("{name:?}")));
        }
    }
}

fn check_provider(name: &str, entry: &Entry, errors: &mut Vec<ConfigError>) {
    let path = format!("provider.{name}");
    if name == ProviderName::WEBHOOK {
        let allowed = "another name: this one belongs to the callbacks";
        errors.push(ConfigError::new(&entry.key, &path, allowed));
    }
    let Some(provider) = entry.node.as_table() else {
        return;
    };
    check_names(&format!("{path}.bind"), entries(provider, "bind"), errors);
    let binds = entries(provider, "bind").count();
    if !(1..=255).contains(&binds) {
        let allowed =
            format!("1 to 255 binds: a table [{path}.bind.NAME] for each; there are {binds}");
        errors.push(ConfigError::new(&entry.key, &path, allowed));
    }
    if let Some(entry) = provider.get("segments_max")
        && matches!(&entry.node.value, Value::Integer(0))
    {
        let allowed = "1 to 255, or -1 for no limit";
        let error = ConfigError::new(&entry.node.origin, &format!("{path}.segments_max"), allowed);
        errors.push(error.with_value(&entry.node.written));
    }
    for (table, code) in CODED_TABLES {
        check_codes(
            &format!("{path}.{table}"),
            entries(provider, table),
            code,
            errors,
        );
    }
    for (name, entry) in entries(provider, "bind") {
        if let Some(bind) = entry.node.as_table() {
            check_tls(&format!("{path}.bind.{name}.tls"), bind, errors);
        }
    }
}

/// Checks keys that are numbers or names of the specification.
fn check_codes<'t>(
    path: &str,
    entries: impl Iterator<Item = (&'t String, &'t Entry)>,
    code: impl Fn(&str) -> Option<u32>,
    errors: &mut Vec<ConfigError>,
) {
    let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
    for (key, entry) in entries {
        let problem = match code(key) {
            None => "a number (0x…, not 0) or a name of the specification".to_owned(),
            Some(code) => match seen.insert(code, key) {
                None => continue,
                Some(other) => format!("the same as {other}; only one of them is allowed"),
            },
        };
        errors.push(ConfigError::new(&entry.key, path, problem).with_value(key));
    }
}

fn check_tls(path: &str, bind: &Table, errors: &mut Vec<ConfigError>) {
    let Some(tls) = sub_table(bind, "tls") else {
        return;
    };
    let Some((mode, node)) = text(tls, "mode") else {
        if let Some((key, entry)) = tls.first_key_value() {
            let allowed = "has no effect without tls.mode: set it to \"single\" or \"mutual\"";
            errors.push(ConfigError::new(
                &entry.key,
                &format!("{path}.{key}"),
                allowed,
            ));
        }
        return;
    };
    if mode == "mutual" && !tls.contains_key("identity") {
        let allowed = "needs tls.identity: the file with our certificate and key";
        let error = ConfigError::new(&node.origin, &format!("{path}.mode"), allowed);
        errors.push(error.with_value(&node.written));
    }
}

/// Lets the parts judge what only they can: the client library each bind, the webhook channel the
/// secret of each account. What can be read is judged, whatever is wrong beside it.
pub(crate) fn check_parts(reader: &mut Reader, table: &Table) {
    for (name, entry) in entries(table, "account") {
        let path = format!("account.{name}");
        check_callback_secret(reader, &path, entry);
    }
    for (provider_name, provider) in entries(table, "provider") {
        let Some(provider) = provider.node.as_table() else {
            continue;
        };
        for (name, entry) in entries(provider, "bind") {
            let path = format!("provider.{provider_name}.bind.{name}");
            check_client(reader, &path, entry);
        }
    }
}

fn check_callback_secret(reader: &mut Reader, path: &str, entry: &Entry) {
    let key = Key {
        name: "callback_secret",
        about: "",
        default: None,
        limits: None,
    };
    let secret = read_alone(reader, path, entry, |reader, place| {
        Option::<Secret>::read(reader, place, &key)
    });
    let Some(secret) = secret.flatten() else {
        return;
    };
    if Signer::new(secret.expose()).is_none() {
        let given = entry.node.as_table().into_iter().flatten();
        let mut given = given.filter(|(name, _)| name.starts_with(key.name));
        let origin = given
            .next()
            .map_or(&entry.key, |(_, entry)| &entry.node.origin);
        let key = format!("{path}.{}", key.name);
        let error = ConfigError::new(origin, &key, "whsec_ and base64");
        reader.errors.push(error);
    }
}

fn check_client(reader: &mut Reader, path: &str, entry: &Entry) {
    let Some(bind) = read_alone(reader, path, entry, <Bind as Section>::read) else {
        return;
    };
    let Err(error) = bind.client(0).check() else {
        return;
    };
    let value = entry.node.as_table().and_then(|bind| bind.get(error.field));
    let origin = value.map_or(&entry.node.origin, |value| &value.node.origin);
    let key = format!("{path}.{}", error.field);
    reader
        .errors
        .push(ConfigError::new(origin, &key, error.allowed));
}

/// Reads of a table by itself, without a word of what is wrong: that has been said.
fn read_alone<T>(
    reader: &Reader,
    path: &str,
    entry: &Entry,
    read: impl FnOnce(&mut Reader, &Place<'_>) -> Option<T>,
) -> Option<T> {
    let mut silent = Reader {
        credentials: reader.credentials.clone(),
        ..Reader::default()
    };
    let place = Place {
        path,
        table: entry.node.as_table()?,
        origin: &entry.node.origin,
    };
    read(&mut silent, &place)
}

fn check_account(name: &str, entry: &Entry, errors: &mut Vec<ConfigError>) {
    let Some(account) = entry.node.as_table() else {
        return;
    };
    let path = format!("account.{name}");
    let given = ["key", "key_file", "key_credential"]
        .iter()
        .any(|key| account.contains_key(*key));
    let hash = account.get("key_sha256");
    match (given, hash) {
        (false, None) => {
            let allowed =
                "exactly one of key_sha256 and key (or key_file, key_credential) is needed";
            errors.push(ConfigError::new(&entry.key, &path, allowed));
        }
        (true, Some(hash)) => {
            let allowed =
                "exactly one of key_sha256 and key (or key_file, key_credential) is allowed";
            errors.push(ConfigError::new(
                &hash.key,
                &format!("{path}.key_sha256"),
                allowed,
            ));
        }
        _ => {}
    }
}

/// Two accounts with one key would be one: a key names its account.
pub(crate) fn check_keys(reader: &mut Reader, table: &Table) {
    let mut names: BTreeMap<[u8; 32], &str> = BTreeMap::new();
    for (name, entry) in entries(table, "account") {
        let path = format!("account.{name}");
        let account = read_alone(reader, &path, entry, <Account as Section>::read);
        let Some(hash) = account.as_ref().and_then(Account::key_hash) else {
            continue;
        };
        if let Some(other) = names.insert(hash, name) {
            let problem = format!("the same key as account.{other}; each account needs its own");
            reader
                .errors
                .push(ConfigError::new(&entry.key, &path, problem));
        }
    }
}

fn check_routes(table: &Table, errors: &mut Vec<ConfigError>) {
    let providers: Vec<&str> = entries(table, "provider")
        .map(|(name, _)| name.as_str())
        .collect();
    let mut prefixes: BTreeMap<(String, String), (&str, &Origin)> = BTreeMap::new();
    for (name, entry) in entries(table, "route") {
        let Some(route) = entry.node.as_table() else {
            continue;
        };
        let path = format!("route.{name}");
        check_route_providers(&path, entry, route, &providers, errors);
        let Some((to, node)) = text(route, "to") else {
            continue;
        };
        let key = format!("{path}.to");
        let (scheme, prefix) = to.split_once(':').unwrap_or((to, ""));
        let digits = prefix.strip_prefix('+').unwrap_or(prefix);
        if !SCHEMES.contains(&scheme) || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            let allowed =
                "\"sms\", or \"sms:\" and the first digits of the numbers (\"sms:+49151\")";
            let error = ConfigError::new(&node.origin, &key, allowed).with_value(&node.written);
            errors.push(error.with_nearest(scheme, SCHEMES));
            continue;
        }
        let prefix = (scheme.to_owned(), digits.to_owned());
        if let Some((other, origin)) = prefixes.insert(prefix, (name, &node.origin)) {
            let allowed =
                format!("the same as route.{other} ({origin}); one of them is never taken");
            errors.push(ConfigError::new(&node.origin, &key, allowed).with_value(&node.written));
        }
    }
}

fn check_route_providers(
    path: &str,
    entry: &Entry,
    route: &Table,
    providers: &[&str],
    errors: &mut Vec<ConfigError>,
) {
    let key = format!("{path}.provider");
    let (origin, names): (&Origin, Vec<(&str, &Node)>) = match route.get("provider") {
        None => (&entry.key, Vec::new()),
        Some(entry) => match &entry.node.value {
            Value::List(items) => {
                let names = items
                    .iter()
                    .filter_map(|item| Some((item.as_text()?, item)));
                (&entry.node.origin, names.collect())
            }
            Value::Plain(text) => {
                let names = text.split(',').map(|name| (name.trim(), &entry.node));
                (&entry.node.origin, names.collect())
            }
            _ => return,
        },
    };
    if !(1..=signalbox_router::ROUTE_PROVIDERS_MAX).contains(&names.len()) {
        let allowed = format!(
            "a list of 1 to {} providers; there are {}",
            signalbox_router::ROUTE_PROVIDERS_MAX,
            names.len()
        );
        errors.push(ConfigError::new(origin, &key, allowed));
    }
    for (name, node) in names {
        if !providers.contains(&name) {
            let error = ConfigError::new(&node.origin, &key, "there is no provider of this name");
            let error = error.with_value(&format!("{name:?}"));
            errors.push(error.with_nearest(name, providers.iter().copied()));
        }
    }
}

fn check_inbound(table: &Table, errors: &mut Vec<ConfigError>) {
    let Some((account, node)) =
        sub_table(table, "inbound").and_then(|inbound| text(inbound, "account"))
    else {
        return;
    };
    let accounts = || entries(table, "account").map(|(name, _)| name.as_str());
    if !accounts().any(|name| name == account) {
        let error = ConfigError::new(
            &node.origin,
            "inbound.account",
            "there is no account of this name",
        );
        errors.push(
            error
                .with_value(&node.written)
                .with_nearest(account, accounts()),
        );
    }
}

/// What is allowed and probably not meant.
fn warnings(place: &Place<'_>, path: Option<&Path>) -> Vec<ConfigError> {
    let mut warnings = Vec::new();
    for (kind, consequence) in [
        ("account", "there is none, so nobody can use the API"),
        ("provider", "there is none, so nothing can be sent"),
        ("route", "there is none, so every message is rejected"),
    ] {
        if entries(place.table, kind).next().is_none() {
            warnings.push(ConfigError::new(place.origin, kind, consequence));
        }
    }
    let several = entries(place.table, "account").nth(1).is_some();
    let inbound = sub_table(place.table, "inbound").and_then(|table| table.get("account"));
    if several && inbound.is_none() {
        let problem = "not set, and there are several: messages from phones belong to none of them";
        warnings.push(ConfigError::new(place.origin, "inbound.account", problem));
    }
    for (name, entry) in entries(place.table, "account") {
        let Some(account) = entry.node.as_table() else {
            continue;
        };
        let signed = account.keys().any(|key| key.starts_with("callback_secret"));
        if let Some(url) = account.get("callback_url").filter(|_| !signed) {
            let key = format!("account.{name}.callback_url");
            let problem = "no callback_secret is set: the callbacks are not signed";
            warnings.push(ConfigError::new(&url.key, &key, problem));
        }
    }
    warnings.extend(callbacks_without_an_end(place.table));
    warnings.extend(binds_without_password(place.table));
    if let Some(path) = path
        && let Ok(metadata) = std::fs::metadata(path)
        && metadata.permissions().mode() & 0o044 != 0
        && let Some((key, node)) = inline_secret(place.table, "")
        && matches!(node.origin, Origin::File { .. })
    {
        let problem = "a secret in a file that others on this machine can read; `chmod 600` it, or \
                       give the secret by a file of its own";
        warnings.push(ConfigError::new(&node.origin, &key, problem));
    }
    warnings
}

/// Lists of events that most likely were meant to be added to the default.
fn callbacks_without_an_end(table: &Table) -> Vec<ConfigError> {
    let mut warnings = Vec::new();
    for (name, entry) in entries(table, "account") {
        let Some(set) = entry
            .node
            .as_table()
            .and_then(|keys| keys.get("callback_events"))
        else {
            continue;
        };
        let events: Vec<&str> = match &set.node.value {
            Value::List(items) => items.iter().filter_map(Node::as_text).collect(),
            Value::Plain(text) => text.split(',').map(str::trim).collect(),
            _ => continue,
        };
        let is_meant = events.iter().all(|event| event.is_empty());
        if !is_meant && !events.iter().any(|event| LAST_EVENTS.contains(event)) {
            let key = format!("account.{name}.callback_events");
            let problem = format!(
                "the list takes the place of the default, and without {} no callback tells how a \
                 message ended",
                LAST_EVENTS.join(", ")
            );
            let warning = ConfigError::new(&set.key, &key, problem);
            warnings.push(warning.with_value(&set.node.written));
        }
    }
    warnings
}

/// Binds whose password was most likely forgotten.
fn binds_without_password(table: &Table) -> Vec<ConfigError> {
    let mut warnings = Vec::new();
    for (name, entry) in entries(table, "provider") {
        let provider = entry.node.as_table().into_iter();
        for (bind, entry) in provider.flat_map(|provider| entries(provider, "bind")) {
            let settings = entry.node.as_table();
            if settings.is_some_and(|keys| !keys.keys().any(|key| key.starts_with("password"))) {
                let key = format!("provider.{name}.bind.{bind}.password");
                let problem = "not set, so it is empty; `password = \"\"` says that this is meant";
                warnings.push(ConfigError::new(&entry.key, &key, problem));
            }
        }
    }
    warnings
}

/// The first secret that stands in a file itself.
fn inline_secret<'t>(table: &'t Table, path: &str) -> Option<(String, &'t Node)> {
    table.iter().find_map(|(name, entry)| {
        let key = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let is_secret = matches!(name.as_str(), "password" | "key" | "callback_secret")
            || name.ends_with("_password");
        match &entry.node.value {
            Value::Table(below) => inline_secret(below, &key),
            Value::Text(_) if is_secret => Some((key, &entry.node)),
            _ => None,
        }
    })
}
