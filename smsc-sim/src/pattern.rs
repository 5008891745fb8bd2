//! Patterns of rules, searches and `verify`: a glob, or a regular expression between slashes. Both
//! take time in proportion to the text, whatever is in it.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Size of a compiled pattern at most, in octets.
const COMPILED_OCTETS_MAX: usize = 256 * 1024;
/// Characters of a pattern at most.
const PATTERN_CHARACTERS_MAX: usize = 1_024;

/// A pattern over a text.
#[derive(Clone)]
pub(crate) enum Pattern {
    /// The whole text, which has no wildcards.
    Exact(String),
    /// What the text starts with: a glob whose only wildcard is a `*` at its end.
    Prefix(String),
    /// Anything else. Anchored at both ends if it was a glob.
    Regex(Regex),
}

impl Pattern {
    /// `*` is any text, `?` any character; `/…/` is a regular expression, which may match a part.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.chars().count() > PATTERN_CHARACTERS_MAX {
            return Err(format!("at most {PATTERN_CHARACTERS_MAX} characters"));
        }
        if let Some(inner) = text.strip_prefix('/') {
            let inner = inner
                .strip_suffix('/')
                .ok_or("a regular expression ends with a slash as it starts with one")?;
            return compile(inner).map(Self::Regex);
        }
        match text.find(['*', '?']) {
            None => Ok(Self::Exact(text.to_owned())),
            Some(at) if at + 1 == text.len() && text.ends_with('*') => {
                Ok(Self::Prefix(text[..at].to_owned()))
            }
            Some(_) => {
                let any = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
                compile(&format!("(?s)^{any}$")).map(Self::Regex)
            }
        }
    }

    /// As [`Pattern::new`], for an address: a `+` in front does not count, as the wire has none.
    pub(crate) fn of_address(text: &str) -> Result<Self, String> {
        Self::new(text.strip_prefix('+').unwrap_or(text))
    }

    /// Whether it matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => whole == text,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether it matches an address; its `+` does not count, and what is not UTF-8 never matches.
    pub(crate) fn matches_address(&self, address: &[u8]) -> bool {
        let digits = address.strip_prefix(b"+").unwrap_or(address);
        // Most rules are ruled out by the first digits: 100 instructions less than to read a text.
        match self {
            Self::Exact(whole) if whole.as_bytes() != digits => return false,
            Self::Prefix(prefix) if !digits.starts_with(prefix.as_bytes()) => return false,
            _ => {}
        }
        std::str::from_utf8(digits).is_ok_and(|text| self.matches(text))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(whole) => write!(f, "{whole:?}"),
            Self::Prefix(prefix) => write!(f, "\"{prefix}*\""),
            Self::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

fn compile(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression)
        .size_limit(COMPILED_OCTETS_MAX)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_and_regular_expressions() {
        let table = [
            ("STOP", "STOP", true),
            ("STOP", "STOP it", false),
            ("49171*", "4917112", true),
            ("49171*", "49172", false),
            ("*", "", true),
            ("4917?0", "491710", true),
            ("4917?0", "49170", false),
            ("*99", "1299", true),
            ("*99", "12991", false),
            ("a.c", "abc", false),
            ("*\n*", "a\nb", true),
            ("/^49(17[01])/", "49171", true),
            ("/17[01]$/", "49172", false),
            ("/(?i)stop/", "please Stop", true),
        ];
        for (pattern, text, expected) in table {
            let compiled = Pattern::new(pattern).unwrap();
            assert_eq!(compiled.matches(text), expected, "{pattern} {text:?}");
        }
    }

    #[test]
    fn a_plus_in_front_of_an_address_does_not_count() {
        for pattern in ["+49*", "49*"] {
            let compiled = Pattern::of_address(pattern).unwrap();
            assert!(compiled.matches_address(b"+4917") && compiled.matches_address(b"4917"));
            assert!(!compiled.matches_address(b"4417") && !compiled.matches_address(b"49\xFF"));
        }
    }

    #[test]
    fn patterns_that_cannot_be_are_refused() {
        let long = "x".repeat(PATTERN_CHARACTERS_MAX + 1);
        for pattern in ["/[/", "/unfinished", "/(a{1000}){1000}/", &long] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
