//! What the core needs to know of the past, as a question to its owner. The store answers it from
//! its index; tests answer it from a map.

use std::fmt;
use std::sync::Arc;

use crate::effects::Record;
use crate::ids::{DeliveryId, MessageId, PartId, ProviderName, Timestamp};
use crate::input::ParkedReceipt;
use crate::message::Message;
use crate::state::DeliveryState;

/// State that survives a restart. Everything that [`Ledger::apply`] was given is visible to the
/// next question at once, before it is on the disk; the owner makes sure that nobody outside sees
/// an effect of it before it is.
///
/// All indexes are derived from the last [`DeliveryState`] of each delivery:
/// - in the queue of `provider` while `phase` is `Queued`, ordered by priority (highest first),
///   `due_at`, `order`;
/// - in the list of deadlines while `deadline_at` is not 0;
/// - among those dispatched while `phase` is `Dispatched`;
/// - findable by (`provider`, remote id) for each part that has one, also for a bounded while after
///   the end, so that a second receipt is recognised.
pub trait Ledger {
    /// A delivery, if it is not done or was done only lately.
    fn delivery(&mut self, id: DeliveryId) -> Result<Option<Delivery>, LedgerError>;

    /// The message, under the same condition.
    fn message(&mut self, id: MessageId) -> Result<Option<Arc<Message>>, LedgerError>;

    /// The part that a provider knows by this id.
    fn by_remote_id(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<PartId>, LedgerError>;

    /// The message that an account made with this key, and the hash of its request.
    fn by_idempotency_key(
        &mut self,
        account: &str,
        key: &str,
    ) -> Result<Option<(MessageId, u64)>, LedgerError>;

    /// A parked receipt one of whose candidate ids is `remote_id`. A `Record::Parked` replaces the
    /// one with the same provider and first id.
    fn parked(
        &mut self,
        provider: &ProviderName,
        remote_id: &str,
    ) -> Result<Option<ParkedReceipt>, LedgerError>;

    /// Up to `max` queued deliveries of a provider that are due, best first. Only a look: a
    /// delivery leaves the queue when its state says so.
    fn claim(
        &mut self,
        provider: &ProviderName,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<DeliveryId>, LedgerError>;

    /// Whether anything is queued and due for the provider.
    fn has_queued(&mut self, provider: &ProviderName, now: Timestamp) -> Result<bool, LedgerError>;

    /// Up to `max` deliveries whose deadline is over.
    fn overdue(&mut self, now: Timestamp, max: usize) -> Result<Vec<DeliveryId>, LedgerError>;

    /// Up to `max` parked receipts whose deadline is over.
    fn overdue_parked(
        &mut self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<ParkedReceipt>, LedgerError>;

    /// Up to `max` deliveries that were dispatched before a restart and have no outcome; asked
    /// until it answers with none (each is changed by a record in between).
    fn dispatched(&mut self, max: usize) -> Result<Vec<DeliveryId>, LedgerError>;

    /// Takes a record.
    fn apply(&mut self, record: Record) -> Result<(), LedgerError>;
}

/// A delivery with its message.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The message.
    pub message: Arc<Message>,
    /// The state.
    pub state: DeliveryState,
}

/// The ledger could not answer: the disk failed or a record is damaged.
#[derive(Debug)]
pub struct LedgerError {
    /// What was asked, and what is wrong, for the operator.
    pub reason: String,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger cannot answer: {}", self.reason)
    }
}

impl std::error::Error for LedgerError {}
