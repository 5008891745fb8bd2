//! What a provider's channel says of itself, for operators.

use signalbox_router::{Outcome, Timestamp};

use super::config::SmppProviderConfig;

/// Status of a provider. The figures are those of the last turn of its task.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderStatus {
    /// Its binds by name, in the order of the configuration.
    pub binds: Vec<(String, BindStatus)>,
    /// What it has done.
    pub counters: Counters,
    /// Parts on the wire.
    pub in_flight: u32,
    /// What limits it.
    pub limiter: Limiter,
    /// Segments per second allowed; infinite when nothing limits them.
    pub rate: f64,
}

/// Status of a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindStatus {
    /// Whether it is bound.
    pub bound: bool,
    /// Since when it is so; 0 before the first attempt has ended.
    pub since: Timestamp,
    /// The SMSC's name for itself when bound; otherwise why not.
    pub detail: String,
}

/// What a provider's channel has done since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Parts handed to a link.
    pub submitted: u64,
    /// Parts that the provider took.
    pub accepted: u64,
    /// Parts that the provider or we refused for good, or for this provider.
    pub rejected: u64,
    /// Parts that may be tried again.
    pub retried: u64,
    /// Parts that were answered with a wish to slow down.
    pub throttled: u64,
    /// Parts without an answer.
    pub unknown: u64,
    /// Parts given back unsent.
    pub not_sent: u64,
}

impl Counters {
    /// Counts what became of a part.
    pub(super) const fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Accepted { .. } | Outcome::Delivered => &mut self.accepted,
            Outcome::RetryAfter { .. } => &mut self.retried,
            Outcome::Throttled { .. } => &mut self.throttled,
            Outcome::NotSent => &mut self.not_sent,
            Outcome::NextRoute { .. } | Outcome::Rejected { .. } => &mut self.rejected,
            Outcome::Unknown { .. } => &mut self.unknown,
        };
        *counter += 1;
    }
}

/// What keeps messages from going faster at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limiter {
    /// No bind that can send.
    #[default]
    LinkDown,
    /// The provider asked to slow down.
    ClosedLoop,
    /// The configured pace.
    Pace,
    /// The windows of all binds are full.
    Window,
    /// There is nothing to send.
    EmptyQueue,
}

impl Limiter {
    /// Name, as in the metric `signalbox_limiter`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkDown => "link_down",
            Self::ClosedLoop => "closed_loop",
            Self::Pace => "pace",
            Self::Window => "window",
            Self::EmptyQueue => "empty_queue",
        }
    }
}

impl ProviderStatus {
    pub(super) fn new(config: &SmppProviderConfig) -> Self {
        let bind = |name: &String| (name.clone(), BindStatus::down(Timestamp(0), String::new()));
        Self {
            binds: config
                .binds
                .iter()
                .map(|config| bind(&config.name))
                .collect(),
            counters: Counters::default(),
            in_flight: 0,
            limiter: Limiter::LinkDown,
            rate: config.pace.segments_per_second.unwrap_or(f64::INFINITY),
        }
    }

    /// Number of binds that are bound.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.binds.iter().filter(|(_, bind)| bind.bound).count()
    }
}

impl BindStatus {
    pub(super) const fn bound(since: Timestamp, system_id: String) -> Self {
        Self {
            bound: true,
            since,
            detail: system_id,
        }
    }

    pub(super) const fn down(since: Timestamp, reason: String) -> Self {
        Self {
            bound: false,
            since,
            detail: reason,
        }
    }

    /// Takes the status of a moment. Another attempt that failed changes the reason, and not since
    /// when the bind is down.
    pub(super) fn change(&mut self, to: Self) {
        let stays_down = !self.bound && !to.bound && self.since != Timestamp(0);
        let since = if stays_down { self.since } else { to.since };
        *self = Self { since, ..to };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_is_down_since_it_went_down_whatever_is_tried() {
        let down = |at| BindStatus::down(Timestamp(at), format!("reason {at}"));
        let bound = |at| BindStatus::bound(Timestamp(at), "SMSC".into());
        let mut status = BindStatus::down(Timestamp(0), String::new());
        for (to, since) in [
            (down(5), 5),
            (down(6), 5),
            (down(7), 5),
            (bound(8), 8),
            (down(9), 9),
            (down(10), 9),
        ] {
            let detail = to.detail.clone();
            status.change(to);
            assert_eq!((status.since, &status.detail), (Timestamp(since), &detail));
        }
    }
}
