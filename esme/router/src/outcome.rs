//! What an outcome does to its part. What the parts make of the delivery is in `verdict`.
//!
//! ```text
//! outcome      part      then
//! Accepted     sent      the remote id is stored; a receipt parked under it is applied
//! Delivered    delivered
//! RetryAfter   waits     an attempt; after the schedule, or failed when they are used up
//! Throttled    waits     not an attempt; old place in the queue, unless it comes again and again
//! NotSent      waits     not an attempt; old place in the queue
//! NextRoute    rejected  failed if a part was taken or there is no other provider
//! Rejected     failed
//! Unknown      unknown   or waits, or rejected: policy of the route
//! ```
//! An outcome is heard while its part has none. Good news about a part that is not known to be
//! taken is heard in every phase: a response that comes after the response timer, or after a
//! restart.

use crate::config::UnknownOutcome;
use crate::effects::Event;
use crate::ids::{PartId, ProviderName};
use crate::input::Outcome;
use crate::ledger::{Ledger, LedgerError};
use crate::message::Message;
use crate::retry::retry_delay_ms;
use crate::router::{Former, Step};
use crate::state::{DeliveryState, ErrorCode, PartState, Phase, State};
use crate::verdict::{is_outstanding, is_taken, recipient};

impl<L: Ledger> Step<'_, L> {
    /// Takes the outcome of a part. One that is not heard leaves no trace.
    pub(crate) fn outcome(
        &mut self,
        provider: &ProviderName,
        part: PartId,
        parts_total: u8,
        outcome: Outcome,
    ) -> Result<(), LedgerError> {
        let Some(delivery) = self.current(part.delivery)? else {
            return Ok(());
        };
        let (message, mut state) = (delivery.message, delivery.state);
        let numbered = (1..=parts_total).contains(&part.part);
        let ours = state.provider.as_ref() == Some(provider);
        if !numbered || !ours || !is_heard(&state, part.part, &outcome) {
            return Ok(());
        }
        let former = Former::from(&state);
        fit_parts(&mut state, parts_total);
        let receipt_expected = !matches!(
            outcome,
            Outcome::Accepted {
                receipt_expected: false,
                ..
            }
        );
        let remote_id = match &outcome {
            Outcome::Accepted { remote_id, .. } => remote_id.clone(),
            _ => None,
        };
        if !matches!(outcome, Outcome::Throttled { .. } | Outcome::NotSent) {
            self.router.throttled.forget(part.delivery);
        }
        let event = self.mark_part(part, parts_total, &message, &mut state, outcome);
        self.settle(part.delivery, &message, &mut state, receipt_expected);
        self.change(part.delivery, &message, former, state, event)?;
        match remote_id {
            Some(remote_id) => self.match_parked(part, provider, &remote_id),
            None => Ok(()),
        }
    }

    fn mark_part(
        &mut self,
        part: PartId,
        parts_total: u8,
        message: &Message,
        state: &mut DeliveryState,
        outcome: Outcome,
    ) -> Event {
        let at = usize::from(part.part - 1);
        match outcome {
            Outcome::Accepted { remote_id, .. } => {
                state.parts[at] = PartState {
                    state: State::Sent,
                    remote_id: remote_id.clone(),
                    error: None,
                };
                Event::PartSent {
                    part: part.part,
                    parts_total,
                    remote_id,
                }
            }
            Outcome::Delivered => {
                state.parts[at].state = State::Delivered;
                state.parts[at].error = None;
                if state
                    .parts
                    .iter()
                    .all(|part| part.state == State::Delivered)
                {
                    Event::Ended { error: None }
                } else {
                    Event::Receipt {
                        part: part.part,
                        state: State::Delivered,
                        error: None,
                    }
                }
            }
            Outcome::RetryAfter { error, after_ms } => self.mark_retry(state, at, error, after_ms),
            Outcome::Throttled { error } => {
                wait(state, at, error.clone());
                let delay_ms = self.router.throttled.delay_ms(part.delivery, parts_total);
                self.let_others_go_first(state, delay_ms);
                Event::Throttled { error }
            }
            Outcome::NotSent => {
                wait(state, at, ErrorCode::new(0, "not sent"));
                Event::NotSent
            }
            Outcome::NextRoute { error } => match self.refuse(part, message, state, &error) {
                Some(provider) => Event::Rerouted { error, provider },
                None => fail(state, at, error),
            },
            Outcome::Rejected { error } => fail(state, at, error),
            Outcome::Unknown { error } => {
                let policy = self.unknown_policy(part, message, state);
                self.mark_unknown(part, message, state, &error, policy, true);
                Event::OutcomeUnknown { error }
            }
        }
    }

    fn let_others_go_first(&self, state: &mut DeliveryState, delay_ms: u64) {
        if delay_ms > 0 {
            state.due_at = state.due_at.max(self.now.plus_ms(delay_ms));
        }
    }

    /// Lets a part wait for the next attempt, or fail after the last one.
    fn mark_retry(
        &mut self,
        state: &mut DeliveryState,
        at: usize,
        error: ErrorCode,
        after_ms: Option<u64>,
    ) -> Event {
        if !self.wait_for_retry(state, after_ms) {
            return fail(state, at, error);
        }
        wait(state, at, error.clone());
        state.error = Some(error.clone());
        let retry_at = state.due_at;
        Event::RetryScheduled { error, retry_at }
    }

    /// Marks a part of unknown outcome by the policy. With `delayed` a resend counts as an attempt
    /// and waits by the schedule; otherwise it is due at once.
    pub(crate) fn mark_unknown(
        &mut self,
        part: PartId,
        message: &Message,
        state: &mut DeliveryState,
        error: &ErrorCode,
        policy: UnknownOutcome,
        delayed: bool,
    ) {
        let at = usize::from(part.part - 1);
        state.error = Some(error.clone());
        let again = match policy {
            UnknownOutcome::HoldForReceipt => false,
            UnknownOutcome::Resend => {
                let again = !delayed || self.wait_for_retry(state, None);
                if again {
                    wait(state, at, error.clone());
                }
                again
            }
            UnknownOutcome::NextRoute => {
                state.parts.len() == 1 && self.refuse(part, message, state, error).is_some()
            }
        };
        if again {
            state.duplicate_possible = true;
        } else {
            let known = &mut state.parts[at];
            known.state = State::Unknown;
            known.error = Some(error.clone());
        }
    }

    fn unknown_policy(
        &self,
        part: PartId,
        message: &Message,
        state: &DeliveryState,
    ) -> UnknownOutcome {
        if self.is_webhook(state) {
            return UnknownOutcome::Resend;
        }
        let route = self.router.table.route(recipient(message, part.delivery));
        route.map_or_else(UnknownOutcome::default, |route| route.unknown_outcome)
    }

    pub(crate) fn is_webhook(&self, state: &DeliveryState) -> bool {
        state.provider.as_ref() == Some(&self.router.webhook)
    }

    /// Counts an attempt and moves `due_at` to the next one; false when there is none left. Several
    /// parts that fail together are one attempt.
    fn wait_for_retry(&mut self, state: &mut DeliveryState, wish_ms: Option<u64>) -> bool {
        let webhook = self.is_webhook(state);
        if state.due_at <= self.now {
            state.attempts = state.attempts.saturating_add(1);
        }
        let router = &mut *self.router;
        if !webhook && state.attempts >= router.config.attempts_max {
            return false;
        }
        let schedule = if webhook {
            &router.config.webhook_retry_delays_ms
        } else {
            &router.config.retry_delays_ms
        };
        let delay_ms = retry_delay_ms(schedule, state.attempts, wish_ms, &mut router.random);
        state.due_at = state.due_at.max(self.now.plus_ms(delay_ms));
        true
    }

    /// Marks a part as refused by this provider; answers with the next one, if the delivery can go
    /// there.
    fn refuse(
        &self,
        part: PartId,
        message: &Message,
        state: &mut DeliveryState,
        error: &ErrorCode,
    ) -> Option<ProviderName> {
        if state.parts.iter().any(is_taken) {
            return None;
        }
        let to = recipient(message, part.delivery);
        let present = state.provider.as_ref();
        let (_, next) = self
            .router
            .table
            .next_provider(to, state.route_position, present)?;
        state.error = Some(error.clone());
        let known = &mut state.parts[usize::from(part.part - 1)];
        known.state = State::Rejected;
        known.error = Some(error.clone());
        Some(next.clone())
    }
}

/// Whether the outcome says something about the part that is not known yet.
fn is_heard(state: &DeliveryState, number: u8, outcome: &Outcome) -> bool {
    let good = matches!(outcome, Outcome::Accepted { .. } | Outcome::Delivered);
    let part = number
        .checked_sub(1)
        .and_then(|at| state.parts.get(usize::from(at)));
    let unknown = part.is_some_and(|part| part.state == State::Unknown);
    let open = part.is_none_or(is_outstanding);
    let waits = part.is_some_and(|part| part.state == State::Accepted);
    match state.phase {
        Phase::Dispatched => open || good && (unknown || waits),
        Phase::AwaitingReceipt => open || unknown,
        Phase::Queued | Phase::Done => good && (open || unknown || waits),
        Phase::Blocked | Phase::Parked => false,
    }
}

/// Makes room for the parts that the channel speaks of. It may come to another number with another
/// attempt, as long as none of the parts that vanish was taken.
fn fit_parts(state: &mut DeliveryState, parts_total: u8) {
    let total = usize::from(parts_total);
    let surplus = state.parts.get(total..).unwrap_or_default();
    let needed = surplus.iter().any(|part| part.state != State::Accepted);
    if !needed {
        state.parts.resize(total, PartState::default());
    }
}

/// Lets a part wait for the next attempt.
fn wait(state: &mut DeliveryState, at: usize, error: ErrorCode) {
    let part = &mut state.parts[at];
    part.state = State::Accepted;
    part.error = Some(error);
}

fn fail(state: &mut DeliveryState, at: usize, error: ErrorCode) -> Event {
    let part = &mut state.parts[at];
    part.state = State::Failed;
    part.error = Some(error.clone());
    Event::Ended { error: Some(error) }
}
