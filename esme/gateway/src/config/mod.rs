//! The configuration: TOML files, provider profiles and environment become one typed [`Config`],
//! or a list of everything that is wrong, with line and column.
//!
//! | step | file |
//! |---|---|
//! | read files, profiles, environment; merge them | `source`, `tree` |
//! | declare keys: type, range, default, manual | `gateway`, `account`, `provider`, `route` |
//! | read values by these declarations | `setting`, `kinds`, `secret` |
//! | what keys must say to each other | `check` |
//! | settings of router, store and channels | `convert` |
//!
//! Precedence: environment, then `conf.d/*.toml` (the last name wins), the main file, the
//! provider's profile, the built-in default.

mod account;
mod check;
mod codes;
mod convert;
mod error;
mod gateway;
mod kinds;
mod provider;
mod route;
mod secret;
mod setting;
mod source;
mod tree;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
pub use signalbox_esme::Secret;

pub use self::account::{Account, CallbackEvent};
pub use self::codes::{LanguageCode, TlvTag, TlvValue, command_status, tag};
pub(crate) use self::error::nearest;
pub use self::error::{ConfigError, Origin};
pub use self::gateway::{Callback, Http, Inbound, Log, LogFormat, Retry, Store};
pub(crate) use self::kinds::parse_duration;
pub use self::kinds::{AutoOr, Hex, HttpUrl, Port, Rate, Size};
pub use self::provider::{
    Alphabet, Bind, BindType, Encoding, InterfaceVersion, LongMessage, MessageMode, Provider,
    ReceiptId, StatusAction, Tls, TlsMode, TlsVersion,
};
pub use self::route::{Route, UnknownOutcome};
pub use self::setting::Effective;

use self::setting::{Place, Reader, Section as _, settings};
use self::tree::Table;

/// Where the main file is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/signalbox/signalbox.toml";

settings! {
    /// The whole configuration.
    pub struct Config {
        /// The API's door.
        http: Http;
        /// The store.
        store: Store;
        /// The log.
        log: Log;
        /// Callbacks.
        callback: Callback;
        /// Retries.
        retry: Retry;
        /// Messages from phones.
        inbound: Inbound;
        /// Applications by name.
        account: BTreeMap<String, Account>;
        /// Operator accounts by name.
        provider: BTreeMap<String, Provider>;
        /// Routes by name.
        route: BTreeMap<String, Route>;
    }
}

/// A configuration with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every value in force with its origin, in the order of the declarations.
    pub effective: Vec<Effective>,
    /// What is allowed and probably not meant, such as a configuration without an account.
    pub warnings: Vec<ConfigError>,
}

/// Loads the configuration: see [`load_with_origins`].
pub fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, Vec<ConfigError>> {
    load_with_origins(path, environment).map(|loaded| loaded.config)
}

/// Loads the main file at `path` with everything around it; without a path only defaults and
/// environment count. `environment` is all of the process's (`SIGNALBOX__…`,
/// `CREDENTIALS_DIRECTORY`).
///
/// # Errors
/// Everything that is wrong, sorted by file, line and column, each once.
pub fn load_with_origins(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, Vec<ConfigError>> {
    let mut variables: Vec<(String, String)> = environment.collect();
    variables.sort();
    let credentials = variables
        .iter()
        .find(|(name, _)| name == "CREDENTIALS_DIRECTORY");
    let mut reader = Reader {
        credentials: credentials.map(|(_, folder)| PathBuf::from(folder)),
        ..Reader::default()
    };
    let mut table = path.map_or_else(Table::new, |path| {
        source::read_files(path, &mut reader.errors)
    });
    let folder = path.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    source::apply_environment(&mut table, &variables, &mut reader.errors);
    source::complete_providers(&mut table, folder, &mut reader.errors);
    let origin = path.map_or(Origin::Default, Origin::start_of);
    let place = Place {
        path: "",
        table: &table,
        origin: &origin,
    };
    let config = Config::read(&mut reader, &place);
    let warnings = check::check(&place, path, &mut reader.errors);
    check::check_parts(&mut reader, &table);
    check::check_keys(&mut reader, &table);
    let mut errors = reader.errors;
    errors.sort();
    // What stands where the syntax is broken is no news.
    errors.dedup_by(|later, earlier| {
        later == earlier || later.origin == earlier.origin && earlier.key.is_empty()
    });
    match config {
        Some(config) if errors.is_empty() => Ok(Loaded {
            config,
            effective: reader.effective,
            warnings,
        }),
        _ => Err(errors),
    }
}

/// The values in force as TOML, one dotted key per line with its origin behind it; secrets are
/// masked.
#[must_use]
pub fn show(loaded: &Loaded) -> String {
    let mut text = String::new();
    for Effective { key, value, origin } in &loaded.effective {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}  # {origin}");
    }
    text
}

/// The JSON Schema of the main file, for editors.
#[must_use]
pub fn schema() -> Json {
    let mut schema = Config::table_schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("signalbox.toml");
    schema
}
