//! After a restart: deliveries that were dispatched and have no outcome. They were recorded as
//! dispatched before the wire, so these, and only these, may have been sent without our knowing.

use crate::config::UnknownOutcome;
use crate::effects::Event;
use crate::ids::{DeliveryId, PartId};
use crate::ledger::{Ledger, LedgerError};
use crate::router::{Former, Step};
use crate::state::{ErrorCode, PartState, Phase};
use crate::verdict::is_outstanding;

/// Most deliveries that one step of the recovery decides on.
pub const RECOVER_MAX: usize = 1_000;

impl<L: Ledger> Step<'_, L> {
    /// Decides on some of them; false if there are no more.
    pub(crate) fn recover(&mut self) -> Result<bool, LedgerError> {
        let dispatched = self.ledger.dispatched(RECOVER_MAX)?;
        for id in &dispatched {
            self.recover_delivery(*id)?;
        }
        Ok(!dispatched.is_empty())
    }

    /// Treats every part without an outcome as one of unknown outcome. A delivery whose number of
    /// parts was never reported stands for one part until the channel says more.
    fn recover_delivery(&mut self, delivery: DeliveryId) -> Result<(), LedgerError> {
        let Some(known) = self.ledger.delivery(delivery)? else {
            return Ok(());
        };
        let (message, mut state) = (known.message, known.state);
        if state.phase != Phase::Dispatched {
            return Ok(());
        }
        let former = Former::from(&state);
        let policy = if self.is_webhook(&state) {
            UnknownOutcome::Resend
        } else {
            self.router.config.unknown_after_restart
        };
        let error = ErrorCode::new(0, "restart");
        if state.parts.is_empty() {
            state.parts.push(PartState::default());
        }
        for (part, at) in (1..=u8::MAX).zip(0..state.parts.len()) {
            if is_outstanding(&state.parts[at]) {
                let part = PartId { delivery, part };
                self.mark_unknown(part, &message, &mut state, &error, policy, false);
            }
        }
        self.settle(delivery, &message, &mut state, true);
        self.change(
            delivery,
            &message,
            former,
            state,
            Event::OutcomeUnknown { error },
        )
    }
}
