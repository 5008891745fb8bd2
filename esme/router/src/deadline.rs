//! Time passed: due deliveries go, waits end.

use crate::effects::Event;
use crate::ids::{DeliveryId, Timestamp};
use crate::ledger::{Ledger, LedgerError};
use crate::router::{Former, Step};
use crate::state::{Phase, State};

/// Most overdue deliveries that one tick ends; [`crate::Router::work_left`] tells of more.
pub const OVERDUE_MAX: usize = 256;

/// Most parked receipts that one tick gives up; [`crate::Router::work_left`] tells of more.
pub const OVERDUE_PARKED_MAX: usize = 256;

impl<L: Ledger> Step<'_, L> {
    /// Dispatches what is due and ends what is overdue, each up to its limit.
    pub(crate) fn tick(&mut self) -> Result<(), LedgerError> {
        self.router.work_left = false;
        self.dispatch_all()?;
        let overdue = self.ledger.overdue(self.now, OVERDUE_MAX)?;
        self.router.work_left |= overdue.len() == OVERDUE_MAX;
        for id in overdue {
            self.end_wait(id)?;
        }
        self.end_parking()
    }

    /// A delivery that has not left expires; one that has keeps its state and is done.
    fn end_wait(&mut self, id: DeliveryId) -> Result<(), LedgerError> {
        let Some(delivery) = self.current(id)? else {
            return Ok(());
        };
        let mut state = delivery.state;
        let former = Former::from(&state);
        match state.phase {
            Phase::Queued | Phase::Blocked | Phase::Parked => state.state = State::Expired,
            Phase::AwaitingReceipt => {}
            Phase::Dispatched | Phase::Done => return Ok(()),
        }
        state.phase = Phase::Done;
        state.deadline_at = Timestamp(0);
        let error = state.error.clone();
        self.change(id, &delivery.message, former, state, Event::Ended { error })
    }

    /// Parked receipts whose time is over are orphans, unless a crash between two records kept them
    /// from a part that is known by now.
    fn end_parking(&mut self) -> Result<(), LedgerError> {
        let overdue = self.ledger.overdue_parked(self.now, OVERDUE_PARKED_MAX)?;
        self.router.work_left |= overdue.len() == OVERDUE_PARKED_MAX;
        for receipt in overdue {
            match self.find_part(&receipt)? {
                Some(part) => self.apply_parked(part, &receipt)?,
                None => self.unpark(&receipt, None),
            }
        }
        Ok(())
    }
}
