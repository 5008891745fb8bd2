//! The clock of a running SMSC, for the library.

use std::time::Duration;

use crate::clock::{ClockError, ClockMode, Forward, SmscTime};
use crate::control::Control;
use crate::registry::Fired;

/// The clock of an SMSC.
#[derive(Clone, Copy, Debug)]
pub struct ClockControl<'a>(&'a Control);

impl<'a> ClockControl<'a> {
    pub(crate) const fn new(control: &'a Control) -> Self {
        Self(control)
    }

    /// What moves it.
    #[must_use]
    pub fn mode(&self) -> ClockMode {
        self.0.clock().0
    }

    /// What it shows, ms since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.0.clock().1.unix_ms()
    }

    /// Sets what moves it; what it shows stays.
    pub async fn set_mode(&self, mode: ClockMode) {
        let set = self.0.set_clock(Some(mode), None).await;
        set.expect("the time stays the same");
    }

    /// Moves it forward, and answers when the sessions have done what came due by that.
    ///
    /// # Errors
    /// More than 100 years.
    pub async fn advance(&self, by: Duration) -> Result<Vec<Fired>, ClockError> {
        self.0.set_clock(None, Some(Forward::By(by))).await
    }

    /// Moves it forward to a time, ms since 1970, and answers when the sessions have done what came
    /// due by that.
    ///
    /// # Errors
    /// That time is in the past, or more than 100 years away.
    pub async fn advance_to(&self, unix_ms: u64) -> Result<Vec<Fired>, ClockError> {
        let to = Forward::To(SmscTime::from_unix_ms(unix_ms));
        self.0.set_clock(None, Some(to)).await
    }
}
