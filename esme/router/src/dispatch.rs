//! Credit comes in and deliveries go out, best first. Credit is what a provider's channel can take;
//! nothing else decides when a due delivery leaves.

use crate::effects::{Action, Event};
use crate::ids::{DeliveryId, ProviderName, Timestamp};
use crate::input::Dispatch;
use crate::ledger::{Delivery, Ledger, LedgerError};
use crate::router::Step;
use crate::state::{DeliveryState, PartState, Phase, State};

/// Most deliveries of one provider that leave in one step; [`crate::Router::work_left`] tells of
/// more.
pub const DISPATCH_MAX: usize = 1_000;

impl<L: Ledger> Step<'_, L> {
    /// Adds credit (saturating) and uses it for what is queued.
    pub(crate) fn grant(&mut self, provider: ProviderName, credit: u32) -> Result<(), LedgerError> {
        if credit == 0 {
            return Ok(());
        }
        let unused = self.router.credit.entry(provider.clone()).or_default();
        *unused = unused.saturating_add(credit);
        self.dispatch_queued(&provider)
    }

    /// Hands over what is due to each provider that has credit.
    pub(crate) fn dispatch_all(&mut self) -> Result<(), LedgerError> {
        let providers: Vec<ProviderName> = self.router.credit.keys().cloned().collect();
        providers
            .iter()
            .try_for_each(|provider| self.dispatch_queued(provider))
    }

    /// Hands over what is due to a provider, as far as its credit goes.
    fn dispatch_queued(&mut self, provider: &ProviderName) -> Result<(), LedgerError> {
        let credit = self
            .router
            .credit
            .get(provider)
            .map_or(0, |credit| *credit as usize);
        if credit == 0 {
            return Ok(());
        }
        let due = self
            .ledger
            .claim(provider, self.now, credit.min(DISPATCH_MAX))?;
        self.router.work_left |= due.len() == DISPATCH_MAX && credit > DISPATCH_MAX;
        for id in due {
            let Some(delivery) = self.ledger.delivery(id)? else {
                continue;
            };
            if delivery.message.expires_at <= self.now {
                // The next tick ends it; it must not take the place of one that can leave.
                self.router.work_left = true;
                continue;
            }
            self.take_credit(provider);
            self.dispatch(id, delivery, provider);
        }
        Ok(())
    }

    fn dispatch(&mut self, id: DeliveryId, delivery: Delivery, provider: &ProviderName) {
        let Delivery { message, mut state } = delivery;
        let dispatch = Dispatch {
            delivery: id,
            message,
            parts_done: parts_taken(&state),
            attempt: state.attempts.saturating_add(1),
        };
        state.phase = Phase::Dispatched;
        state.deadline_at = Timestamp(0);
        for part in state
            .parts
            .iter_mut()
            .filter(|part| part.state == State::Accepted)
        {
            *part = PartState::default();
        }
        self.record(id, Event::Dispatched, state);
        self.act(Action::Dispatch {
            provider: provider.clone(),
            dispatch,
        });
    }

    /// Takes one credit if there is one and nothing is queued that would have to go first.
    pub(crate) fn take_free_credit(
        &mut self,
        provider: &ProviderName,
    ) -> Result<bool, LedgerError> {
        if !self.router.credit.contains_key(provider) {
            return Ok(false);
        }
        let known = self
            .backlog
            .iter()
            .find(|(name, _)| name == provider)
            .map(|(_, has)| *has);
        let has_queued = match known {
            Some(has_queued) => has_queued,
            None => {
                let has_queued = self.ledger.has_queued(provider, self.now)?;
                self.backlog.push((provider.clone(), has_queued));
                has_queued
            }
        };
        if has_queued {
            self.router.work_left = true;
            return Ok(false);
        }
        self.take_credit(provider);
        Ok(true)
    }

    fn take_credit(&mut self, provider: &ProviderName) {
        let Some(credit) = self.router.credit.get_mut(provider) else {
            return;
        };
        *credit -= 1;
        if *credit == 0 {
            self.router.credit.remove(provider);
        }
    }
}

/// Numbers of the parts that are not to be sent again.
fn parts_taken(state: &DeliveryState) -> Vec<u8> {
    (1..=u8::MAX)
        .zip(&state.parts)
        .filter(|(_, part)| part.state != State::Accepted)
        .map(|(number, _)| number)
        .collect()
}
