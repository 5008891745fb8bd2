//! Waiting for messages that a test expects, and saying what came instead.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::control::Control;
use crate::filter::{Difference, Match};
use crate::message::Message;
use crate::record::Place;

/// Messages that a refusal names because they come nearest.
const NEAREST_MAX: usize = 3;
/// How often messages are looked at again when their state counts, which changes without a sign.
const STATE_INTERVAL: Duration = Duration::from_millis(20);
/// How long is waited unless it is said.
pub(crate) const WITHIN_DEFAULT: Duration = Duration::from_secs(5);

/// How many messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Not fewer.
    pub(crate) at_least: u64,
    /// Not more; `None`: any number.
    pub(crate) at_most: Option<u64>,
}

/// What a test waits for. Awaited, it gives the messages, oldest first.
#[derive(Debug)]
pub struct Verify<'a> {
    control: &'a Control,
    wanted: Match,
    count: Count,
    within: Duration,
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

impl<'a> Verify<'a> {
    /// At least one message like this, within 5 s.
    pub(crate) fn new(control: &'a Control, wanted: Match) -> Self {
        Self {
            control,
            wanted,
            count: Count {
                at_least: 1,
                at_most: None,
            },
            within: WITHIN_DEFAULT,
        }
    }

    /// How long to wait.
    #[must_use]
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// That many: done as soon as they are there, and failed as soon as there are more. For 0 the
    /// whole time is waited.
    #[must_use]
    pub const fn exactly(mut self, count: u64) -> Self {
        self.count = Count::exactly(count);
        self
    }

    /// That many or more.
    #[must_use]
    pub const fn at_least(mut self, count: u64) -> Self {
        self.count.at_least = count;
        self.count.at_most = None;
        self
    }

    /// That many or fewer: the whole time is waited.
    #[must_use]
    pub const fn at_most(mut self, count: u64) -> Self {
        self.count = Count::at_most(count);
        self
    }
}

impl<'a> IntoFuture for Verify<'a> {
    type Output = Result<Vec<Message>, VerifyError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { verify(self.control, &self.wanted, self.count, self.within).await })
    }
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

    const fn is_exceeded(self, matched: u64) -> bool {
        match self.at_most {
            Some(at_most) => matched > at_most,
            None => false,
        }
    }

    /// Whether nothing that comes can be missed by not waiting. Only an exact number above 0 is
    /// over when it is reached.
    const fn is_settled(self, matched: u64) -> bool {
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

/// Waits until as many messages are there as are wanted.
pub(crate) async fn verify(
    control: &Control,
    wanted: &Match,
    count: Count,
    within: Duration,
) -> Result<Vec<Message>, VerifyError> {
    let deadline = Instant::now() + within;
    let mut progress = Progress::default();
    loop {
        let news = control.news();
        progress.look(control, wanted);
        if count.is_exceeded(progress.matched) || count.is_settled(progress.matched) {
            break;
        }
        let again = match wanted.state {
            Some(_) => deadline.min(Instant::now() + STATE_INTERVAL),
            None => deadline,
        };
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep_until(again) => {}
        }
        if Instant::now() >= deadline {
            progress.look(control, wanted);
            break;
        }
    }
    let matched = progress.matched;
    if matched < count.at_least || count.is_exceeded(matched) {
        let words = format!("{count} with {wanted}");
        return Err(refusal(
            words,
            matched,
            wanted,
            &control.messages(usize::MAX, |_| true),
        ));
    }
    Ok(control.messages(usize::MAX, |message| wanted.matches(message)))
}

/// Waits until there is a message for each of `wanted`, in their order if that counts. `Err` is
/// about the first that has none.
pub(crate) async fn verify_sequence(
    control: &Control,
    wanted: &[Match],
    in_order: bool,
    within: Duration,
) -> Result<Vec<Message>, VerifyError> {
    let deadline = Instant::now() + within;
    loop {
        let news = control.news();
        let messages = control.messages(usize::MAX, |_| true);
        let missing = match sequence(&messages, wanted, in_order) {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        if Instant::now() >= deadline {
            let number = missing + 1;
            let words = format!("number {number} of the sequence with {}", wanted[missing]);
            return Err(refusal(words, 0, &wanted[missing], &messages));
        }
        let again = deadline.min(Instant::now() + STATE_INTERVAL);
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep_until(again) => {}
        }
    }
}

/// The messages counted so far.
#[derive(Default)]
struct Progress {
    seen: Option<Place>,
    matched: u64,
}

impl Progress {
    /// Counts the messages that came since the last look; all of them when their state counts or
    /// they were forgotten meanwhile.
    fn look(&mut self, control: &Control, wanted: &Match) {
        let after = self.seen.filter(|_| wanted.state.is_none());
        let counted = control.count_after(after, |message| wanted.matches(message));
        if counted.are_all {
            self.matched = 0;
        }
        self.matched += counted.matched;
        self.seen = Some(counted.place);
    }
}

/// One message for each of `wanted`; `Err` is the first that has none.
fn sequence(messages: &[Message], wanted: &[Match], in_order: bool) -> Result<Vec<Message>, usize> {
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

fn refusal(words: String, matched: u64, wanted: &Match, messages: &[Message]) -> VerifyError {
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
