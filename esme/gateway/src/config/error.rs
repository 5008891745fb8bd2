//! What is wrong with a configuration: where, which key, which value, what is allowed there.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Characters of a value that an error shows; the rest is cut.
const VALUE_CHARACTERS_MAX: usize = 60;

/// Where a value comes from. Sorts by file, line, column; the environment after all files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file. Line and column count from 1, the column in characters.
    File {
        /// Its path, as it was given or found.
        path: Arc<Path>,
        /// Line.
        line: u32,
        /// Column.
        column: u32,
    },
    /// An environment variable of this name.
    Environment(Arc<str>),
    /// The built-in default.
    Default,
}

impl Origin {
    /// The first character of a file.
    #[must_use]
    pub fn start_of(path: &Path) -> Self {
        Self::File {
            path: Arc::from(path),
            line: 1,
            column: 1,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One error of a configuration. Displays as one line:
/// `file:line:column: key: value: what is allowed (suggestion)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// Where.
    pub origin: Origin,
    /// The key with its tables (`provider.acme.pace`); empty when the file as a whole is meant.
    pub key: String,
    /// The value as it was written; empty when there is none or it is a secret.
    pub value: String,
    /// What is allowed there, or what is wrong.
    pub allowed: String,
    /// What was probably meant; empty when nothing is near.
    pub suggestion: String,
}

impl ConfigError {
    /// An error without a value and without a suggestion.
    pub(crate) fn new(origin: &Origin, key: &str, allowed: impl Into<String>) -> Self {
        Self {
            origin: origin.clone(),
            key: key.to_owned(),
            value: String::new(),
            allowed: allowed.into(),
            suggestion: String::new(),
        }
    }

    /// The same with the value, cut to a readable length.
    pub(crate) fn with_value(mut self, value: &str) -> Self {
        let mut characters = value.chars();
        self.value = characters.by_ref().take(VALUE_CHARACTERS_MAX).collect();
        if characters.next().is_some() {
            self.value.push('…');
        }
        self
    }

    /// The same with "did you mean", if one of `known` is near to `written`.
    pub(crate) fn with_nearest<'k>(
        mut self,
        written: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        if let Some(nearest) = nearest(written, known) {
            self.suggestion = format!("did you mean \"{nearest}\"?");
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        for part in [&self.key, &self.value] {
            if !part.is_empty() {
                write!(f, "{}: ", OneLine(part))?;
            }
        }
        write!(f, "{}", OneLine(&self.allowed))?;
        if !self.suggestion.is_empty() {
            write!(f, " ({})", OneLine(&self.suggestion))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Text without line breaks and other control characters, so that one error stays one line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

/// The word of `known` that is nearest to `written`, unless all are far.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&written, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= word.len().max(written.len()) / 3)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["listen", "admin_listen", "port"];
        for (written, expected) in [
            ("listn", Some("listen")),
            ("Listen", Some("listen")),
            ("adminlisten", Some("admin_listen")),
            ("prot", Some("port")),
            ("x", None),
            ("", None),
            ("system_id", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
    }

    #[test]
    fn an_error_is_one_short_line() {
        let error = ConfigError::new(&Origin::start_of(Path::new("a.toml")), "k", "a number")
            .with_value(&format!("\"a\nb{}\"", "x".repeat(100)));
        let line = error.to_string();
        assert!(line.starts_with("a.toml:1:1: k: \"a\\nbxxx"), "{line}");
        assert!(line.ends_with("x…: a number"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}
