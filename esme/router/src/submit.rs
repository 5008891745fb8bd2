//! Messages come in: from applications (dedup, route, accept) and from outside.

use std::collections::HashMap;
use std::sync::Arc;

use crate::effects::{Action, Record, SubmitResult};
use crate::ids::{DeliveryId, MessageId, ProviderName, Timestamp};
use crate::input::{Dispatch, Token};
use crate::ledger::{Ledger, LedgerError};
use crate::message::Message;
use crate::router::Step;
use crate::state::{DeliveryState, Phase};

/// Which message holds an idempotency key, and the hash of its request.
type Holder = (MessageId, u64);

impl<L: Ledger> Step<'_, L> {
    /// Accepts or refuses each message by itself.
    pub(crate) fn submit(
        &mut self,
        token: Token,
        messages: Vec<Message>,
    ) -> Result<(), LedgerError> {
        let former = former_with_same_key(&messages);
        let mut holders: Vec<Option<Holder>> = vec![None; former.len()];
        let mut results = Vec::with_capacity(messages.len());
        for (at, message) in messages.into_iter().enumerate() {
            let in_this_submit = former.get(at).copied().flatten().and_then(|at| holders[at]);
            let holder = match in_this_submit {
                None if message.idempotency_key.is_empty() => None,
                None => self
                    .ledger
                    .by_idempotency_key(&message.account, &message.idempotency_key)?,
                holder => holder,
            };
            let own = (message.id, message.request_hash);
            let result = match holder {
                Some((message, hash)) if hash == own.1 => SubmitResult::Repeated { message },
                Some((message, _)) => SubmitResult::KeyConflict { message },
                None => self.accept_outgoing(message)?,
            };
            if let Some(known) = holders.get_mut(at) {
                let accepted = matches!(result, SubmitResult::Accepted { .. });
                *known = holder.or_else(|| accepted.then_some(own));
            }
            results.push(result);
        }
        self.act(Action::Reply { token, results });
        Ok(())
    }

    /// Accepts a message if there is a route for each recipient, and none of it otherwise.
    fn accept_outgoing(&mut self, message: Message) -> Result<SubmitResult, LedgerError> {
        // All routes first: credit is taken only for a message that is accepted.
        let mut providers = Vec::with_capacity(message.to.len());
        for to in &message.to {
            let route = self.router.table.route(to);
            let Some(provider) = route.and_then(|route| route.providers.first()) else {
                return Ok(SubmitResult::NoRoute { to: to.clone() });
            };
            providers.push(provider.clone());
        }
        let mut states = Vec::with_capacity(message.to.len());
        for provider in providers {
            states.push(self.first_state(&message, provider)?);
        }
        let result = SubmitResult::Accepted {
            message: message.id,
            states: states.iter().map(|state| state.state).collect(),
        };
        self.accept(message, states);
        Ok(result)
    }

    /// Stores a message from outside and passes it on, or keeps it until it is fetched.
    pub(crate) fn inbound(&mut self, message: Message, token: Token) -> Result<(), LedgerError> {
        let from = message.provider.clone().unwrap_or_else(|| Arc::from(""));
        let state = if message.callback_url.is_empty() {
            DeliveryState {
                phase: Phase::Parked,
                priority: message.priority,
                order: self.router.next_order(self.now),
                deadline_at: message.expires_at,
                ..DeliveryState::default()
            }
        } else {
            let webhook = self.router.webhook.clone();
            self.first_state(&message, webhook)?
        };
        self.accept(message, vec![state]);
        self.act(Action::Acknowledge {
            provider: ProviderName(from),
            token,
        });
        Ok(())
    }

    /// First state of a delivery to a provider. It leaves at once if it is due and the provider has
    /// credit and nothing that came before it; the credit is taken then.
    pub(crate) fn first_state(
        &mut self,
        message: &Message,
        provider: ProviderName,
    ) -> Result<DeliveryState, LedgerError> {
        let due_at = message.not_before.max(self.now);
        let sendable = due_at == self.now && self.now < message.expires_at;
        let leaves = sendable && self.take_free_credit(&provider)?;
        let (phase, deadline_at) = if leaves {
            (Phase::Dispatched, Timestamp(0))
        } else {
            (Phase::Queued, message.expires_at)
        };
        Ok(DeliveryState {
            phase,
            provider: Some(provider),
            priority: message.priority,
            due_at,
            order: self.router.next_order(self.now),
            deadline_at,
            ..DeliveryState::default()
        })
    }

    /// Records a message and hands over those of its deliveries that leave at once.
    pub(crate) fn accept(&mut self, message: Message, states: Vec<DeliveryState>) {
        let message = Arc::new(message);
        for (recipient, state) in (0..=u16::MAX).zip(&states) {
            let Some(provider) = state.provider.as_ref() else {
                continue;
            };
            if state.phase != Phase::Dispatched {
                continue;
            }
            let dispatch = Dispatch {
                delivery: DeliveryId {
                    message: message.id,
                    recipient,
                },
                message: Arc::clone(&message),
                parts_done: Vec::new(),
                attempt: 1,
            };
            self.act(Action::Dispatch {
                provider: provider.clone(),
                dispatch,
            });
        }
        self.effects
            .records
            .push(Record::Accepted { message, states });
    }
}

/// For each message the position of the last one before it with the same account and key. Empty
/// when there is nothing to compare.
fn former_with_same_key(messages: &[Message]) -> Vec<Option<usize>> {
    let keyed = messages
        .iter()
        .filter(|message| !message.idempotency_key.is_empty())
        .count();
    if keyed < 2 {
        return Vec::new();
    }
    let mut last = HashMap::with_capacity(keyed);
    let former = messages.iter().enumerate().map(|(at, message)| {
        if message.idempotency_key.is_empty() {
            return None;
        }
        last.insert((&*message.account, message.idempotency_key.as_str()), at)
    });
    former.collect()
}
