//! Whether the messages that came are those that a test expects, and what came instead. Waiting
//! for them is in [`crate::wait`].

use std::fmt;

use crate::filter::{Difference, Match};
use crate::message::Message;

/// Messages that a refusal names because they come nearest.
const NEAREST_MAX: usize = 3;
/// How many messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Not fewer.
    pub(crate) at_least: u64,
    /// Not more; `None`: any number.
    pub(crate) at_most: Option<u64>,
}

/// Other messages came than were wanted. Its `Debug` is its `Display`, so that `unwrap` in a test
/// shows what came instead.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyError {
    /// What was wanted, in words.
    pub wanted: String,
    /// How many such messages came.
    pub matched: u64,
    /// At most three others that come nearest, the nearest first.
    pub nearest: Vec<Miss>,
}

/// A message that is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The message.
    pub message: Message,
    /// In what it differs.
    pub differences: Vec<Difference>,
}

impl Count {
    /// That many.
    pub(crate) const fn exactly(count: u64) -> Self {
        Self {
            at_least: count,
            at_most: Some(count),
        }
    }

    /// That many or fewer.
    pub(crate) const fn at_most(count: u64) -> Self {
        Self {
            at_least: 0,
            at_most: Some(count),
        }
    }

    pub(crate) const fn is_exceeded(self, matched: u64) -> bool {
        match self.at_most {
            Some(at_most) => matched > at_most,
            None => false,
        }
    }

    /// Whether nothing that comes can be missed by not waiting. Only an exact number above 0 is
    /// over when it is reached.
    pub(crate) const fn is_settled(self, matched: u64) -> bool {
        let may_end_early = match self.at_most {
            Some(at_most) => at_most == self.at_least && at_most > 0,
            None => true,
        };
        may_end_early && matched >= self.at_least
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_most {
            Some(at_most) if at_most == self.at_least => write!(f, "exactly {at_most}"),
            Some(at_most) if self.at_least == 0 => write!(f, "at most {at_most}"),
            Some(at_most) => write!(f, "{} to {at_most}", self.at_least),
            None => write!(f, "at least {}", self.at_least),
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wanted {}; {} came", self.wanted, self.matched)?;
        for miss in &self.nearest {
            let message = &miss.message;
            let text = message.text().unwrap_or_default();
            let (from, to, id) = (&message.from, &message.to, &message.id);
            write!(f, "\n  near: {id} from {from} to {to} {text:?}")?;
            for difference in &miss.differences {
                let Difference {
                    field,
                    wanted,
                    found,
                } = difference;
                write!(f, "\n    {field}: wanted {wanted:?}, found {found:?}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for VerifyError {}

/// One message for each of `wanted`; `Err` is the first that has none.
pub(crate) fn sequence(
    messages: &[Message],
    wanted: &[Match],
    in_order: bool,
) -> Result<Vec<Message>, usize> {
    let mut taken = vec![false; messages.len()];
    let mut start = 0;
    let mut found = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        let mut rest = messages.iter().enumerate().skip(start);
        let next = rest.find(|(at, message)| !taken[*at] && wanted.matches(message));
        let (at, message) = next.ok_or(number)?;
        taken[at] = true;
        start = if in_order { at + 1 } else { 0 };
        found.push(message.clone());
    }
    Ok(found)
}

/// What is said when other messages came: `words` is what was wanted.
pub(crate) fn refusal(
    words: String,
    matched: u64,
    wanted: &Match,
    messages: &[Message],
) -> VerifyError {
    let mut misses: Vec<Miss> = messages
        .iter()
        .rev()
        .map(|message| Miss {
            message: message.clone(),
            differences: wanted.differences(message),
        })
        .filter(|miss| !miss.differences.is_empty())
        .collect();
    misses.sort_by_key(|miss| miss.differences.len());
    misses.truncate(NEAREST_MAX);
    VerifyError {
        wanted: words,
        matched,
        nearest: misses,
    }
}
