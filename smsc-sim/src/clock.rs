//! The SMSC's own time. It goes with the machine's clock, or stands still until it is moved:
//! responses, receipts, validity, schedules and rates follow it; the timers of sessions stay on the
//! machine's clock, so that moving it ends no connection. Pure: the machine's time comes in.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant};

/// How far the clock may be moved at once: 100 years.
pub(crate) const ADVANCE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A point in time on the SMSC's clock, ns since 1970 (UTC), up to the year 2554.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SmscTime {
    unix_ns: u64,
}

impl SmscTime {
    /// The time that many ms after 1970.
    pub(crate) const fn from_unix_ms(unix_ms: u64) -> Self {
        Self {
            unix_ns: unix_ms.saturating_mul(1_000_000),
        }
    }

    /// ms since 1970.
    pub(crate) const fn unix_ms(self) -> u64 {
        self.unix_ns / 1_000_000
    }

    /// The time from `earlier` to here; zero when that is later.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.unix_ns.saturating_sub(earlier.unix_ns))
    }

    /// That much earlier, not before 1970.
    pub(crate) fn before(self, duration: Duration) -> Self {
        Self {
            unix_ns: self.unix_ns.saturating_sub(nanos(duration)),
        }
    }
}

impl Add<Duration> for SmscTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self {
            unix_ns: self.unix_ns.saturating_add(nanos(duration)),
        }
    }
}

/// What moves the SMSC's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The machine's clock.
    Real,
    /// Only who asks it to advance.
    Virtual,
}

impl ClockMode {
    /// Its name in the control API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Virtual => "virtual",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Real, Self::Virtual]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// How far the clock is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// By that much, 100 years at most.
    By(Duration),
    /// To that time, which is not in the past.
    To(SmscTime),
}

/// Why the clock was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockError {
    /// The time wanted is in the past.
    Backwards {
        /// What the clock shows, ms since 1970.
        now_unix_ms: u64,
    },
    /// The time wanted is more than 100 years away.
    TooFar,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards { now_unix_ms } => write!(
                f,
                "the clock only goes forward; it shows {now_unix_ms} ms since 1970"
            ),
            Self::TooFar => f.write_str("at most 100 years are possible at once"),
        }
    }
}

impl std::error::Error for ClockError {}

/// How the SMSC's time follows from the machine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    mode: ClockMode,
    /// What the clock showed when it was last set.
    shown: SmscTime,
    /// When that was, on the machine's clock.
    set_at: Instant,
}

impl Clock {
    /// A clock that shows `shown` at `now`.
    pub(crate) const fn new(now: Instant, mode: ClockMode, shown: SmscTime) -> Self {
        Self {
            mode,
            shown,
            set_at: now,
        }
    }

    /// What moves it.
    pub(crate) const fn mode(&self) -> ClockMode {
        self.mode
    }

    /// What it shows at `now`.
    #[inline]
    pub(crate) fn at(&self, now: Instant) -> SmscTime {
        match self.mode {
            ClockMode::Real => self.shown + now.saturating_duration_since(self.set_at),
            ClockMode::Virtual => self.shown,
        }
    }

    /// When it shows `due`, on the machine's clock; `None`: not by itself.
    pub(crate) fn when(&self, due: SmscTime) -> Option<Instant> {
        match self.mode {
            ClockMode::Real => self.set_at.checked_add(due.since(self.shown)),
            ClockMode::Virtual => (due <= self.shown).then_some(self.set_at),
        }
    }

    /// The clock after a change at `now`: it never goes back.
    ///
    /// # Errors
    /// The time wanted is in the past or too far away.
    pub(crate) fn changed(
        &self,
        now: Instant,
        mode: Option<ClockMode>,
        forward: Option<Forward>,
    ) -> Result<Self, ClockError> {
        let shown = self.at(now);
        let wanted = match forward {
            None => shown,
            Some(Forward::By(duration)) => shown + duration,
            Some(Forward::To(time)) if time < shown => {
                let now_unix_ms = shown.unix_ms();
                return Err(ClockError::Backwards { now_unix_ms });
            }
            Some(Forward::To(time)) => time,
        };
        if wanted.since(shown) > ADVANCE_MAX {
            return Err(ClockError::TooFar);
        }
        Ok(Self::new(now, mode.unwrap_or(self.mode), wanted))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SmscTime = SmscTime::from_unix_ms(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_real_clock_goes_with_the_machine_and_a_virtual_one_stands() {
        let start = Instant::now();
        let table = [
            (ClockMode::Real, 1_001_000),
            (ClockMode::Virtual, 1_000_000),
        ];
        for (mode, unix_ms) in table {
            let clock = Clock::new(start, mode, START);
            assert_eq!(clock.at(start + SECOND).unix_ms(), unix_ms, "{mode:?}");
        }
    }

    #[test]
    fn what_is_due_comes_by_itself_only_on_a_real_clock() {
        let start = Instant::now();
        let real = Clock::new(start, ClockMode::Real, START);
        assert_eq!(real.when(START + SECOND), Some(start + SECOND));
        assert_eq!(real.when(START.before(SECOND)), Some(start));
        let stopped = Clock::new(start, ClockMode::Virtual, START);
        assert_eq!(stopped.when(START + SECOND), None);
        assert_eq!(stopped.when(START), Some(start));
    }

    #[test]
    fn changes_keep_what_is_shown_and_never_go_back() {
        let start = Instant::now();
        let later = start + SECOND;
        let clock = Clock::new(start, ClockMode::Real, START);
        let stopped = clock.changed(later, Some(ClockMode::Virtual), None);
        let stopped = stopped.expect("no time is wanted");
        assert_eq!(stopped.at(later + SECOND), START + SECOND);
        let day = Duration::from_secs(24 * 3_600);
        let advanced = stopped.changed(later, None, Some(Forward::By(day)));
        let advanced = advanced.expect("a day is allowed");
        assert_eq!(advanced.at(later), START + SECOND + day);
        let real = advanced.changed(later, Some(ClockMode::Real), None);
        let real = real.expect("no time is wanted");
        assert_eq!(real.at(later + SECOND), START + SECOND + day + SECOND);

        let error = |forward| clock.changed(start, None, Some(forward)).err();
        let now_unix_ms = START.unix_ms();
        assert_eq!(
            error(Forward::To(START.before(SECOND))),
            Some(ClockError::Backwards { now_unix_ms })
        );
        let too_far = Forward::By(ADVANCE_MAX + SECOND);
        assert_eq!(error(too_far), Some(ClockError::TooFar));
    }
}
