//! An application takes a message back.

use std::sync::Arc;

use crate::effects::{Action, CancelResult, Event};
use crate::ids::{DeliveryId, MessageId, Timestamp};
use crate::input::Token;
use crate::ledger::{Ledger, LedgerError};
use crate::message::Message;
use crate::router::{Former, Step};
use crate::state::{Phase, State};

impl<L: Ledger> Step<'_, L> {
    /// Ends every delivery that has not left; one whose first parts have left is stopped before the
    /// others.
    pub(crate) fn cancel(
        &mut self,
        token: Token,
        id: MessageId,
        account: &Arc<str>,
    ) -> Result<(), LedgerError> {
        let message = self.ledger.message(id)?;
        let result = match message.filter(|message| message.account == *account) {
            None => CancelResult::NotFound,
            Some(message) => self.cancel_message(&message)?,
        };
        self.act(Action::CancelReply { token, result });
        Ok(())
    }

    fn cancel_message(&mut self, message: &Message) -> Result<CancelResult, LedgerError> {
        let (mut cancelled, mut left) = (0, 0);
        for (recipient, _) in (0..=u16::MAX).zip(&message.to) {
            if self.cancel_delivery(DeliveryId {
                message: message.id,
                recipient,
            })? {
                cancelled += 1;
            } else {
                left += 1;
            }
        }
        Ok(match cancelled {
            0 => CancelResult::TooLate,
            cancelled => CancelResult::Cancelled { cancelled, left },
        })
    }

    fn cancel_delivery(&mut self, id: DeliveryId) -> Result<bool, LedgerError> {
        let Some(delivery) = self.current(id)? else {
            return Ok(false);
        };
        let mut state = delivery.state;
        if !matches!(state.phase, Phase::Queued | Phase::Blocked | Phase::Parked) {
            return Ok(false);
        }
        let former = Former::from(&state);
        state.state = State::Cancelled;
        state.phase = Phase::Done;
        state.deadline_at = Timestamp(0);
        self.change(
            id,
            &delivery.message,
            former,
            state,
            Event::Ended { error: None },
        )?;
        Ok(true)
    }
}
