//! Whether the messages that came are those that a test expects, and what came instead. Waiting
//! for them is in [`crate::wait`].

use std::fmt;
use std::time::Duration;

use crate::filter::{BadPattern, Difference, Filter, Match};
use crate::message::Message;

/// Messages that a refusal names because they come nearest.
const NEAREST_MAX: usize = 3;
/// Messages that a refusal names because they are too many.
const TOO_MANY_MAX: usize = 3;
/// How long no more messages come before an exact number is believed.
pub(crate) const QUIET: Duration = Duration::from_millis(100);

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
    /// At most three others that come nearest, the nearest first; none when too many came.
    pub nearest: Vec<Miss>,
    /// When too many came: the first three at most beyond the number that was wanted.
    pub too_many: Vec<Message>,
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

    /// After how long without another one that many messages are enough; `None`: only when the
    /// whole time is over. A number without upper limit is reached at once, an exact one above 0
    /// when no more come, and whether there are few enough is sure at the end only.
    pub(crate) fn settles_after(self, matched: u64) -> Option<Duration> {
        match self.at_most {
            _ if matched < self.at_least => None,
            None => Some(Duration::ZERO),
            Some(at_most) if at_most == self.at_least && at_most > 0 => Some(QUIET),
            Some(_) => None,
        }
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
        for message in &self.too_many {
            write_message(f, "too many", message)?;
        }
        for miss in &self.nearest {
            write_message(f, "near", &miss.message)?;
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

fn write_message(f: &mut fmt::Formatter<'_>, why: &str, message: &Message) -> fmt::Result {
    let text = message.text().unwrap_or_default();
    let (from, to, id) = (&message.from, &message.to, &message.id);
    write!(f, "\n  {why}: {id} from {from} to {to} {text:?}")
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for VerifyError {}

/// What is said of a pattern that is none: no message can be like it.
pub(crate) fn unreadable(
    wanted: &Match,
    BadPattern { field, problem }: &BadPattern,
) -> VerifyError {
    VerifyError {
        wanted: format!("{wanted}, but {field}: {problem}"),
        matched: 0,
        nearest: Vec::new(),
        too_many: Vec::new(),
    }
}

/// One message for each of `wanted`; `Err` is the first that has none.
pub(crate) fn sequence(
    messages: &[Message],
    wanted: &[Filter],
    in_order: bool,
) -> Result<Vec<Message>, usize> {
    let places = match in_order {
        true => places_in_order(messages, wanted),
        false => places_in_any_order(messages, wanted),
    };
    let found = places?.into_iter().map(|place| messages[place].clone());
    Ok(found.collect())
}

fn places_in_order(messages: &[Message], wanted: &[Filter]) -> Result<Vec<usize>, usize> {
    let mut rest = messages.iter().enumerate();
    let place = |(number, wanted): (usize, &Filter)| {
        let next = rest.find(|(_, message)| wanted.matches(message));
        next.map(|(place, _)| place).ok_or(number)
    };
    wanted.iter().enumerate().map(place).collect()
}

/// A message may be what several want, so one that has a message gives it up where it finds another
/// (Kuhn's matching).
fn places_in_any_order(messages: &[Message], wanted: &[Filter]) -> Result<Vec<usize>, usize> {
    let candidates = |wanted_one: &Filter| -> Vec<usize> {
        let places = messages.iter().enumerate();
        let places = places.filter(|(_, message)| wanted_one.matches(message));
        // As many as there are wanted: whatever the others take, one is left.
        places.map(|(place, _)| place).take(wanted.len()).collect()
    };
    let mut takers = vec![None; messages.len()];
    let mut all = Vec::with_capacity(wanted.len());
    for (number, wanted) in wanted.iter().enumerate() {
        all.push(candidates(wanted));
        if !take(number, &all, &mut takers) {
            return Err(number);
        }
    }
    let mut places = vec![0; wanted.len()];
    for (place, taker) in takers.iter().enumerate() {
        if let Some(number) = taker {
            places[*number] = place;
        }
    }
    Ok(places)
}

/// Finds one of its candidates for `number`: the earliest that is free, else one whose taker finds
/// another. Without recursion, as a chain of takers may be as long as what is wanted.
fn take(number: usize, candidates: &[Vec<usize>], takers: &mut [Option<usize>]) -> bool {
    let mut asked = vec![false; takers.len()];
    // Who looks for a message, and which of its candidates it asks for next.
    let mut chain = vec![(number, 0)];
    while let Some((seeker, next)) = chain.last_mut() {
        let own = &candidates[*seeker];
        if *next == 0
            && let Some(free) = own.iter().position(|place| takers[*place].is_none())
        {
            takers[own[free]] = Some(*seeker);
            chain.pop();
            for (seeker, next) in chain {
                takers[candidates[seeker][next - 1]] = Some(seeker);
            }
            return true;
        }
        let Some(place) = own.get(*next).copied() else {
            chain.pop();
            continue;
        };
        *next += 1;
        if let Some(taker) = takers[place]
            && !std::mem::replace(&mut asked[place], true)
        {
            chain.push((taker, 0));
        }
    }
    false
}

/// What is said when more than `at_most` came that are as wanted: `words` is what was wanted.
pub(crate) fn excess(
    words: String,
    matched: u64,
    at_most: u64,
    wanted: &Filter,
    messages: &[Message],
) -> VerifyError {
    let matching = messages.iter().filter(|message| wanted.matches(message));
    let beyond = matching.skip(usize::try_from(at_most).unwrap_or(usize::MAX));
    VerifyError {
        wanted: words,
        matched,
        nearest: Vec::new(),
        too_many: beyond.take(TOO_MANY_MAX).cloned().collect(),
    }
}

/// What is said when other messages came: `words` is what was wanted.
pub(crate) fn refusal(
    words: String,
    matched: u64,
    wanted: &Filter,
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
        too_many: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_settles_at_once_after_quiet_or_at_the_end() {
        let at_least = Count {
            at_least: 2,
            at_most: None,
        };
        let range = Count {
            at_least: 1,
            at_most: Some(2),
        };
        let table = [
            (at_least, 1, None, false),
            (at_least, 2, Some(Duration::ZERO), false),
            (at_least, 9, Some(Duration::ZERO), false),
            (Count::exactly(2), 1, None, false),
            (Count::exactly(2), 2, Some(QUIET), false),
            (Count::exactly(2), 3, Some(QUIET), true),
            (Count::exactly(0), 0, None, false),
            (Count::exactly(0), 1, None, true),
            (Count::at_most(2), 0, None, false),
            (Count::at_most(2), 3, None, true),
            (range, 1, None, false),
            (range, 3, None, true),
        ];
        for (count, matched, settles_after, exceeded) in table {
            assert_eq!(
                count.settles_after(matched),
                settles_after,
                "{count} {matched}"
            );
            assert_eq!(count.is_exceeded(matched), exceeded, "{count} {matched}");
        }
    }
}
