//! From the states of the parts to the state of the delivery.
//!
//! ```text
//! parts                                         delivery             phase
//! one failed, expired or cancelled              the same             Done      \ from any phase:
//! all delivered                                 delivered            Done      / the later wins
//! (nothing below leaves Done)
//! one without outcome                           accepted             Dispatched
//! one refused here, none taken                  accepted or failed   Queued at the next provider
//! one refused here, one taken                   failed               Done
//! one to be sent again                          accepted             Queued
//! all taken, one of unknown outcome             unknown              AwaitingReceipt
//! all taken                                     sent                 AwaitingReceipt, or Done if
//!                                                                    no receipt is expected
//! ```
//! So an expired or cancelled delivery that the provider has nevertheless delivered (a late
//! response, then a receipt) ends as delivered, and a failure overturns a success.
//!
//! Inside a delivery that is not done a part in [`State::Accepted`] with an error waits to be sent
//! again, and one in [`State::Rejected`] was refused by this provider but may suit another.

use crate::ids::{DeliveryId, Timestamp};
use crate::ledger::Ledger;
use crate::message::Message;
use crate::router::Step;
use crate::state::{DeliveryState, PartState, Phase, State};

/// What the parts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The delivery has reached this state.
    Final(State),
    /// Nothing changes.
    AsItIs,
    /// This provider does not take it.
    Refused,
    /// Some parts go again.
    Again,
    /// The provider has, or may have, all parts.
    Taken { unknown: bool },
}

impl<L: Ledger> Step<'_, L> {
    /// Brings the delivery in line with its parts.
    pub(crate) fn settle(
        &mut self,
        id: DeliveryId,
        message: &Message,
        state: &mut DeliveryState,
        receipt_expected: bool,
    ) {
        match verdict(state) {
            Verdict::AsItIs => {}
            Verdict::Final(reached) => end(state, reached),
            Verdict::Refused => self.reroute(id, message, state),
            Verdict::Again => self.queue_again(message, state),
            Verdict::Taken { unknown } => {
                state.state = if unknown { State::Unknown } else { State::Sent };
                if !unknown {
                    state.error = None;
                }
                if receipt_expected || unknown {
                    state.phase = Phase::AwaitingReceipt;
                    state.deadline_at = self.now.plus_ms(self.router.config.receipt_timeout_ms);
                } else {
                    state.phase = Phase::Done;
                    state.deadline_at = Timestamp(0);
                }
            }
        }
    }

    /// Puts the delivery into the queue of the route's next provider, without its past.
    fn reroute(&mut self, id: DeliveryId, message: &Message, state: &mut DeliveryState) {
        let to = recipient(message, id);
        let next =
            self.router
                .table
                .next_provider(to, state.route_position, state.provider.as_ref());
        let Some((position, provider)) = next else {
            end(state, State::Failed);
            return;
        };
        state.route_position = position;
        state.provider = Some(provider.clone());
        state.parts.clear();
        state.attempts = 0;
        state.due_at = self.now;
        self.queue_again(message, state);
    }

    fn queue_again(&mut self, message: &Message, state: &mut DeliveryState) {
        state.state = State::Accepted;
        state.phase = Phase::Queued;
        state.deadline_at = message.expires_at;
        let has_credit = state
            .provider
            .as_ref()
            .is_some_and(|provider| self.router.credit.contains_key(provider));
        self.router.work_left |= has_credit && state.due_at <= self.now;
    }
}

/// Whether the part was handed to the channel and nothing is known since.
pub(crate) fn is_outstanding(part: &PartState) -> bool {
    part.state == State::Accepted && part.error.is_none()
}

/// Whether the provider has the part, or may have it.
pub(crate) fn is_taken(part: &PartState) -> bool {
    matches!(part.state, State::Sent | State::Delivered | State::Unknown)
}

/// Address of a recipient.
pub(crate) fn recipient(message: &Message, id: DeliveryId) -> &str {
    message
        .to
        .get(usize::from(id.recipient))
        .map_or("", String::as_str)
}

fn verdict(state: &DeliveryState) -> Verdict {
    let parts = &state.parts;
    let any = |wanted: State| parts.iter().any(|part| part.state == wanted);
    let failure = [State::Failed, State::Expired, State::Cancelled]
        .into_iter()
        .find(|s| any(*s));
    if let Some(failure) = failure {
        Verdict::Final(failure)
    } else if parts.is_empty() || parts.iter().all(|part| part.state == State::Delivered) {
        if parts.is_empty() {
            Verdict::AsItIs
        } else {
            Verdict::Final(State::Delivered)
        }
    } else if state.phase == Phase::Done || parts.iter().any(is_outstanding) {
        Verdict::AsItIs
    } else if any(State::Rejected) {
        let taken = parts.iter().any(is_taken);
        if taken {
            Verdict::Final(State::Failed)
        } else {
            Verdict::Refused
        }
    } else if any(State::Accepted) {
        Verdict::Again
    } else {
        Verdict::Taken {
            unknown: any(State::Unknown),
        }
    }
}

/// Ends a delivery because of its parts. A refusal that no other provider can mend is a failure.
fn end(state: &mut DeliveryState, reached: State) {
    for part in state
        .parts
        .iter_mut()
        .filter(|part| part.state == State::Rejected)
    {
        part.state = State::Failed;
    }
    state.state = reached;
    state.phase = Phase::Done;
    state.deadline_at = Timestamp(0);
    if reached == State::Delivered {
        state.error = None;
        return;
    }
    let cause = state.parts.iter().find(|part| part.state == reached);
    if let Some(error) = cause.and_then(|part| part.error.clone()) {
        state.error = Some(error);
    }
}
