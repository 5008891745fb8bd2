//! What is wrong with something that a user wrote: the place, the key, the value, what is allowed
//! and what was probably meant.

use std::error::Error;
use std::fmt;

/// Characters of a value that an error shows.
const SHOWN_MAX: usize = 60;

/// One error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputError {
    /// Line, from 1; 0 where there are no lines (JSON).
    pub line: u32,
    /// Column in characters, from 1; 0 where there are no lines.
    pub column: u32,
    /// The key with the tables around it (`rules[2].respond.status`).
    pub key: String,
    /// The value as it was written; empty when there is none.
    pub value: String,
    /// What is wrong, or what is allowed.
    pub problem: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl InputError {
    /// With a value, cut to a readable length.
    pub(crate) fn with_value(mut self, written: &str) -> Self {
        self.value = written.chars().take(SHOWN_MAX).collect();
        if self.value.len() < written.len() {
            self.value.push('…');
        }
        self
    }

    /// With the word that is nearest to what was written, unless all are far.
    pub(crate) fn with_nearest<'w>(
        mut self,
        written: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Self {
        self.suggestion = nearest(written, words).map(str::to_owned);
        self
    }
}

/// The word that is nearest to what was written; `None` when all are far.
pub(crate) fn nearest<'w>(
    written: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    let lower = written.to_lowercase();
    let distance = |word: &str| strsim::damerau_levenshtein(&lower, &word.to_lowercase());
    let near = words.into_iter().map(|word| (distance(word), word)).min();
    near.filter(|(distance, word)| distance * 3 <= word.len().max(written.len()))
        .map(|(_, word)| word)
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        for part in [&self.key, &self.value] {
            if !part.is_empty() {
                write!(f, "{}: ", one_line(part))?;
            }
        }
        f.write_str(&self.problem)?;
        match &self.suggestion {
            Some(word) => write!(f, " (did you mean \"{word}\"?)"),
            None => Ok(()),
        }
    }
}

/// Without line breaks and other control characters, so that one error stays one line.
fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = escaped.is_none().then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Everything that is wrong with one file or one request; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputErrors {
    /// The file; empty for a request.
    pub source: String,
    /// The errors, in the order of their lines and columns.
    pub errors: Vec<InputError>,
}

impl InputErrors {
    /// What is wrong with `source`.
    pub(crate) fn new(source: &str, mut errors: Vec<InputError>) -> Self {
        errors.sort_by_key(|error| (error.line, error.column));
        Self {
            source: source.to_owned(),
            errors,
        }
    }

    /// The same, of what stands behind the key `path` of a request.
    pub(crate) fn below(mut self, path: &str) -> Self {
        for error in &mut self.errors {
            error.key = match error.key.as_str() {
                "" => path.to_owned(),
                key => format!("{path}.{key}"),
            };
        }
        self
    }
}

impl fmt::Display for InputErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            if !self.source.is_empty() {
                write!(f, "{}:", self.source)?;
                f.write_str(if error.line > 0 { "" } else { " " })?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl Error for InputErrors {}
