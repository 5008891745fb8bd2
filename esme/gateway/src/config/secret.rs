//! Secrets: where they may come from. Their content is never shown, neither in errors nor by
//! `config show`.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use signalbox_esme::Secret;

use super::error::{ConfigError, Origin};
use super::setting::{Effective, Key, Leaf as _, Place, Reader, Setting};
use super::source::read_text;
use super::tree::{Entry, SECRET_ENDINGS, Value};

/// The secret `password` is exactly one of `password`, `password_file` (a file's content),
/// `password_credential` (the file of that name in `$CREDENTIALS_DIRECTORY`), or one of these as
/// environment variable. One line break at the end of a file is not part of it.
impl Setting for Option<Secret> {
    fn read(reader: &mut Reader, place: &Place<'_>, key: &Key<'_>) -> Option<Self> {
        let mut given: Vec<(String, &Entry)> = forms(key)
            .filter_map(|form| place.table.get_key_value(&form))
            .map(|(form, entry)| (form.clone(), entry))
            .collect();
        let Some((form, entry)) = given.pop() else {
            return Some(None);
        };
        if !given.is_empty() || entry.replaced.is_some() {
            refuse_second(
                reader,
                place,
                key,
                given.iter().map(|(_, entry)| *entry).chain([entry]),
            );
            return None;
        }
        let origin = entry.node.origin.clone();
        let path = place.key(&form);
        let inline = form == key.name;
        let value = if inline {
            "\"***\"".to_owned()
        } else {
            entry.node.written.clone()
        };
        reader.effective.push(Effective {
            key: path.clone(),
            value,
            origin: origin.clone(),
        });
        let secret = if inline {
            entry
                .node
                .as_text()
                .map(str::to_owned)
                .ok_or_else(|| "a text in quotes".to_owned())
        } else {
            file_of(reader, entry, &form).and_then(|file| from_file(&file))
        };
        let fits = secret.and_then(|secret| fitting(secret, key));
        match fits {
            Ok(secret) => Some(Some(secret)),
            Err(problem) => {
                let error = ConfigError::new(&origin, &path, problem);
                let shown = if inline { "" } else { &entry.node.written };
                reader.errors.push(error.with_value(shown));
                None
            }
        }
    }

    fn schema(key: &Key<'_>) -> Vec<(String, Json)> {
        let schema = json!({"type": "string", "description": key.about});
        forms(key).map(|form| (form, schema.clone())).collect()
    }
}

/// The keys that a secret may be given by.
fn forms(key: &Key<'_>) -> impl Iterator<Item = String> {
    let name = key.name.to_owned();
    [""].into_iter()
        .chain(SECRET_ENDINGS)
        .map(move |ending| format!("{name}{ending}"))
}

/// Reports the last of several places that all give the secret.
fn refuse_second<'e>(
    reader: &mut Reader,
    place: &Place<'_>,
    key: &Key<'_>,
    given: impl Iterator<Item = &'e Entry>,
) {
    let mut origins: Vec<Origin> = given
        .flat_map(|entry| entry.replaced.iter().chain([&entry.node.origin]))
        .cloned()
        .collect();
    origins.sort();
    if let Some((last, others)) = origins.split_last() {
        let others: Vec<String> = others.iter().map(Origin::to_string).collect();
        let allowed = format!(
            "given twice, also at {}; exactly one of {} or their environment variables is allowed",
            others.join(", "),
            forms(key).collect::<Vec<_>>().join(", ")
        );
        reader
            .errors
            .push(ConfigError::new(last, &place.key(key.name), allowed));
    }
}

/// The file that a `_file` or `_credential` key names.
fn file_of(reader: &Reader, entry: &Entry, form: &str) -> Result<PathBuf, String> {
    let any = Key {
        name: form,
        about: "",
        default: None,
        limits: None,
    };
    if !form.ends_with("_credential") {
        return PathBuf::parse(&entry.node, &any).ok_or_else(|| PathBuf::allowed(&any));
    }
    let plain = |name: &&str| !name.is_empty() && !name.contains('/') && *name != "..";
    let (Value::Text(name) | Value::Plain(name)) = &entry.node.value else {
        return Err("the name of a credential".to_owned());
    };
    let name = Some(name.as_str())
        .filter(plain)
        .ok_or("the name of a credential, without /")?;
    let folder = reader.credentials.as_ref();
    folder
        .map(|folder| folder.join(name))
        .ok_or_else(|| "CREDENTIALS_DIRECTORY is not set, so there are no credentials".to_owned())
}

fn from_file(path: &Path) -> Result<String, String> {
    let mut text = read_text(path).map_err(|problem| format!("{}: {problem}", path.display()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Checks the length; the error never repeats the secret.
fn fitting(secret: String, key: &Key<'_>) -> Result<Secret, String> {
    let (min, max) = key.limits.unwrap_or(("1", "4096"));
    let limit = |text: &str, otherwise: usize| text.parse().unwrap_or(otherwise);
    let octets = secret.len();
    if (limit(min, 1)..=limit(max, usize::MAX)).contains(&octets) && !secret.contains('\0') {
        Ok(Secret::new(secret))
    } else {
        Err(format!(
            "a secret of {min} to {max} octets; this one has {octets}"
        ))
    }
}
