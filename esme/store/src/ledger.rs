//! The store as the router's ledger.

use std::sync::Arc;

use signalbox_router::{
    Delivery, DeliveryId, Ledger, LedgerError, Message, MessageId, ParkedReceipt, PartId,
    ProviderName, Record, Timestamp,
};

use crate::error::StoreError;
use crate::frame::Location;
use crate::record::{get_accepted_message, kind_of, put_record};
use crate::store::Store;

impl Store {
    /// The message's body from memory or from the journal; `None` for a record that is damaged,
    /// whose message is then given up.
    fn body(
        &mut self,
        id: MessageId,
        location: Location,
    ) -> Result<Option<Arc<Message>>, StoreError> {
        let decoded = self.journal.read(location).and_then(|payload| {
            get_accepted_message(&payload).map_err(|malformed| StoreError::Malformed {
                path: "journal".into(),
                reason: malformed.to_string(),
            })
        });
        match decoded {
            Ok(message) => {
                let message = Arc::new(message);
                self.index.keep_body(&message);
                Ok(Some(message))
            }
            Err(StoreError::Malformed { .. }) => {
                self.index.lose(id);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn find_delivery(&mut self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        // Nearly always the message is in memory with its body.
        if let Some(hot) = self.index.in_memory(id.message)
            && let (Some(message), Some(state)) = (&hot.body, hot.state(id))
        {
            return Ok(Some(Delivery {
                message: Arc::clone(message),
                state: state.clone(),
            }));
        }
        let Some(hot) = self.index.message(id.message)? else {
            return Ok(None);
        };
        let (state, location) = (hot.state(id).cloned(), hot.location);
        let Some(state) = state else {
            return Ok(None);
        };
        let message = match hot.body.clone() {
            None => self.body(id.message, location)?,
            known => known,
        };
        Ok(message.map(|message| Delivery { message, state }))
    }

    fn find_message(&mut self, id: MessageId) -> Result<Option<Arc<Message>>, StoreError> {
        let Some(hot) = self.index.message(id)? else {
            return Ok(None);
        };
        if let Some(message) = &hot.body {
            return Ok(Some(Arc::clone(message)));
        }
        let location = hot.location;
        self.body(id, location)
    }

    /// Passes an answer on; an index that cannot be read is not asked again.
    fn answer<T>(&mut self, result: Result<T, StoreError>) -> Result<T, LedgerError> {
        result.map_err(|error| {
            self.distrust_index(&error);
            error.into()
        })
    }
}

impl Ledger for Store {
    fn delivery(&mut self, id: DeliveryId) -> Result<Option<Delivery>, LedgerError> {
        let result = self.find_delivery(id);
        self.answer(result)
    }

    fn message(&mut self, id: MessageId) -> Result<Option<Arc<Message>>, LedgerError> {
        let result = self.find_message(id);
        self.answer(result)
    }

    fn by_remote_id(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<PartId>, LedgerError> {
        let result = self.index.by_remote_id(provider, remote_id);
        self.answer(result)
    }

    fn by_idempotency_key(
        &mut self,
        account: &str,
        key: &str,
    ) -> Result<Option<(MessageId, u64)>, LedgerError> {
        let result = self.index.by_idempotency_key(account, key);
        self.answer(result)
    }

    fn parked(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<ParkedReceipt>, LedgerError> {
        Ok(self.index.parked().get(provider, remote_id).cloned())
    }

    fn claim(
        &mut self,
        provider: &ProviderName,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<DeliveryId>, LedgerError> {
        let result = self.index.claim(provider, now, max);
        self.answer(result)
    }

    fn has_queued(&mut self, provider: &ProviderName, now: Timestamp) -> Result<bool, LedgerError> {
        let result = self.index.claim(provider, now, 1);
        self.answer(result).map(|claimed| !claimed.is_empty())
    }

    fn overdue(&mut self, now: Timestamp, max: usize) -> Result<Vec<DeliveryId>, LedgerError> {
        let result = self.index.overdue(now, max);
        self.answer(result)
    }

    fn overdue_parked(
        &mut self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<ParkedReceipt>, LedgerError> {
        Ok(self.index.overdue_parked(now, max))
    }

    fn dispatched(&mut self, max: usize) -> Result<Vec<DeliveryId>, LedgerError> {
        Ok(self.index.dispatched(max))
    }

    fn apply(&mut self, mut record: Record) -> Result<(), LedgerError> {
        let location = self
            .journal
            .append(kind_of(&record), |payload| put_record(payload, &record))?;
        let result = self.index.apply(&mut record, location);
        // A change of a message that was lost to damage is kept for the history.
        self.answer(result).map(|_known| ())
    }
}
