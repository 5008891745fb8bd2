//! Receipts find their part by the provider's id, or wait until the response has brought it.
//!
//! A receipt that says what is known is only acknowledged; one that is not final is an entry in the
//! timeline; any other sets the state of its part, whatever the part was before: the later one
//! wins.

use crate::effects::{Action, Event, Record};
use crate::ids::{PartId, ProviderName, RemoteId};
use crate::input::{ParkedReceipt, Token};
use crate::ledger::{Ledger, LedgerError};
use crate::message::Message;
use crate::router::{Former, Step};
use crate::state::{ErrorCode, State};

impl<L: Ledger> Step<'_, L> {
    /// Applies a receipt or parks it; acknowledges it in any case. What only looks like a receipt
    /// and has none of our ids is a message.
    pub(crate) fn receipt(
        &mut self,
        receipt: ParkedReceipt,
        otherwise: Option<Box<Message>>,
        token: Token,
    ) -> Result<(), LedgerError> {
        let provider = receipt.provider.clone();
        let applied = match self.find_part(&receipt)? {
            Some(part) => self.apply_receipt(part, receipt.state, receipt.error.as_ref())?,
            None => false,
        };
        match otherwise {
            Some(message) if !applied => return self.inbound(*message, token),
            None if !applied => self.park(receipt)?,
            _ => {}
        }
        self.act(Action::Acknowledge { provider, token });
        Ok(())
    }

    /// The part that one of the receipt's candidate ids belongs to.
    pub(crate) fn find_part(
        &mut self,
        receipt: &ParkedReceipt,
    ) -> Result<Option<PartId>, LedgerError> {
        for remote_id in &receipt.remote_ids {
            if let Some(part) = self.ledger.by_remote_id(&receipt.provider, remote_id)? {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Applies the receipt that arrived before the id of its part.
    pub(crate) fn match_parked(
        &mut self,
        part: PartId,
        provider: &ProviderName,
        remote_id: &RemoteId,
    ) -> Result<(), LedgerError> {
        match self.ledger.parked(provider, remote_id)? {
            Some(receipt) => self.apply_parked(part, &receipt),
            None => Ok(()),
        }
    }

    /// Applies a parked receipt and ends its wait.
    pub(crate) fn apply_parked(
        &mut self,
        part: PartId,
        receipt: &ParkedReceipt,
    ) -> Result<(), LedgerError> {
        let applied = self.apply_receipt(part, receipt.state, receipt.error.as_ref())?;
        self.unpark(receipt, applied.then_some(part));
        Ok(())
    }

    /// Ends the wait of a parked receipt.
    pub(crate) fn unpark(&mut self, receipt: &ParkedReceipt, matched: Option<PartId>) {
        let Some(remote_id) = receipt.remote_ids.first().cloned() else {
            return;
        };
        let provider = receipt.provider.clone();
        let at = self.now;
        self.effects.records.push(Record::Unparked {
            provider,
            remote_id,
            matched,
            at,
        });
    }

    /// Applies a receipt to a part; false if the part is not known any more.
    fn apply_receipt(
        &mut self,
        part: PartId,
        reported: State,
        error: Option<&ErrorCode>,
    ) -> Result<bool, LedgerError> {
        let Some(delivery) = self.current(part.delivery)? else {
            return Ok(false);
        };
        let (message, mut state) = (delivery.message, delivery.state);
        let former = Former::from(&state);
        let at = part.part.checked_sub(1).map(usize::from);
        let Some(known) = at.and_then(|at| state.parts.get_mut(at)) else {
            return Ok(false);
        };
        let event = Event::Receipt {
            part: part.part,
            state: reported,
            error: error.cloned(),
        };
        let Some(reached) = final_state(reported) else {
            self.record(part.delivery, event, state);
            return Ok(true);
        };
        if known.state == reached {
            return Ok(true);
        }
        known.state = reached;
        known.error = error.filter(|_| reached != State::Delivered).cloned();
        self.settle(part.delivery, &message, &mut state, true);
        self.change(part.delivery, &message, former, state, event)?;
        Ok(true)
    }

    /// Parks a receipt. Of several for one id the last final one is kept, or else the last.
    fn park(&mut self, receipt: ParkedReceipt) -> Result<(), LedgerError> {
        let Some(first) = receipt.remote_ids.first() else {
            return Ok(());
        };
        let known = self.ledger.parked(&receipt.provider, first)?;
        if let Some(known) = known.filter(|known| known.remote_ids == receipt.remote_ids) {
            let adds_nothing = known.state == receipt.state
                || final_state(receipt.state).is_none() && final_state(known.state).is_some();
            if adds_nothing {
                return Ok(());
            }
        }
        self.effects.records.push(Record::Parked(receipt));
        Ok(())
    }
}

/// The final state that a receipt brings to a part, if it brings one. A refusal by the provider is
/// a failure to us ([`State::Rejected`] means refused by Signalbox itself).
const fn final_state(reported: State) -> Option<State> {
    match reported {
        State::Delivered => Some(State::Delivered),
        State::Failed | State::Rejected => Some(State::Failed),
        State::Expired => Some(State::Expired),
        State::Cancelled => Some(State::Cancelled),
        State::Accepted | State::Sent | State::Unknown => None,
    }
}
