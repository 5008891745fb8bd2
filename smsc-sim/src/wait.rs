//! Waiting for messages that a test expects.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::control::Control;
use crate::filter::{Filter, Match};
use crate::message::Message;
use crate::record::Place;
use crate::verify::{Count, VerifyError, excess, refusal, sequence, unreadable};

/// How often messages are looked at again when their state counts, which changes without a sign.
const STATE_INTERVAL: Duration = Duration::from_millis(20);
/// How long is waited unless it is said.
pub(crate) const WITHIN_DEFAULT: Duration = Duration::from_secs(5);

/// What a test waits for. Awaited, it gives the messages, oldest first.
#[derive(Debug)]
pub struct Verify<'a> {
    control: &'a Control,
    wanted: Match,
    count: Count,
    within: Duration,
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

    /// That many: done when they are there and no more have come for 100 ms (or until the time is
    /// over), and failed as soon as there are more. For 0 the whole time is waited.
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
        Box::pin(async move {
            let wanted = read(&self.wanted)?;
            verify(self.control, &wanted, self.count, self.within).await
        })
    }
}

/// Waits until as many messages are there as are wanted.
pub(crate) async fn verify(
    control: &Control,
    wanted: &Filter,
    count: Count,
    within: Duration,
) -> Result<Vec<Message>, VerifyError> {
    let deadline = Instant::now() + within;
    let mut progress = Progress::default();
    let mut changed = Instant::now();
    loop {
        let news = control.news();
        let before = progress.matched;
        progress.look(control, wanted);
        let now = Instant::now();
        if progress.matched != before {
            changed = now;
        }
        let settled = count.settles_after(progress.matched);
        let settled = settled.map(|quiet| changed + quiet);
        if count.is_exceeded(progress.matched) || settled.is_some_and(|at| at <= now) {
            break;
        }
        let again = settled.unwrap_or(deadline).min(deadline);
        let again = match wanted.wanted().state {
            Some(_) => again.min(now + STATE_INTERVAL),
            None => again,
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
        let words = format!("{count} with {}", wanted.wanted());
        let messages = control.messages(usize::MAX, |_| true);
        return Err(match count.at_most {
            Some(at_most) if matched > at_most => {
                excess(words, matched, at_most, wanted, &messages)
            }
            _ => refusal(words, matched, wanted, &messages),
        });
    }
    Ok(control.messages(usize::MAX, |message| wanted.matches(message)))
}

/// Waits until there is a message for each of `wanted`, in their order if that counts. `Err` is
/// about the first that has none.
pub(crate) async fn verify_sequence(
    control: &Control,
    wanted: &[Filter],
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
            let filter = &wanted[missing];
            let words = format!("number {number} of the sequence with {}", filter.wanted());
            return Err(refusal(words, 0, filter, &messages));
        }
        let again = deadline.min(Instant::now() + STATE_INTERVAL);
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep_until(again) => {}
        }
    }
}

/// What is wanted, with its patterns read.
///
/// # Errors
/// One of them is none.
pub(crate) fn read(wanted: &Match) -> Result<Filter, VerifyError> {
    let filter = wanted.clone().read();
    filter.map_err(|bad| unreadable(wanted, &bad))
}

/// The messages counted so far.
#[derive(Default)]
struct Progress {
    seen: Option<Place>,
    matched: u64,
}

impl Progress {
    /// Counts the messages that came since the last look; all of them when their state counts, or
    /// when some were forgotten or changed meanwhile.
    fn look(&mut self, control: &Control, wanted: &Filter) {
        let after = self.seen.filter(|_| wanted.wanted().state.is_none());
        let counted = control.count_after(after, |message| wanted.matches(message));
        if counted.are_all {
            self.matched = 0;
        }
        self.matched += counted.matched;
        self.seen = Some(counted.place);
    }
}
