//! Callbacks: a change of state becomes a message to the application, on the webhook channel.
//!
//! The callbacks about one delivery go out in order: while one is not done the next is `Blocked`,
//! and the first names it as its successor. Callbacks about different recipients of one message do
//! not wait for each other.

use std::sync::Arc;

use crate::effects::Event;
use crate::ids::{DeliveryId, MessageId, Timestamp};
use crate::ledger::{Delivery, Ledger, LedgerError};
use crate::message::{CallbackEvent, Content, Kind, Message, Priority, StateSet};
use crate::router::{Former, Step};
use crate::state::{DeliveryState, Phase, State};
use crate::verdict::recipient;

/// Most callbacks of a chain that are followed to its end. A chain is only longer than one when a
/// crash cut the records of a change; behind the limit the order is given up.
const CHAIN_MAX: usize = 16;

impl<L: Ledger> Step<'_, L> {
    /// Makes the callback for the state that a delivery has reached, if its message wants one, and
    /// notes it as the delivery's last.
    pub(crate) fn make_callback(
        &mut self,
        about: DeliveryId,
        message: &Message,
        state: &mut DeliveryState,
    ) -> Result<(), LedgerError> {
        let wanted = message.kind == Kind::Outgoing
            && !message.callback_url.is_empty()
            && message.callback_states.contains(state.state);
        if !wanted {
            return Ok(());
        }
        let id = MessageId::new(self.now, self.router.random.next_u128());
        let expires_at = self.now.plus_ms(self.router.config.callback_expiry_ms);
        let callback = Message {
            id,
            kind: Kind::Callback,
            account: message.account.clone(),
            from: String::new(),
            to: vec![message.callback_url.to_string()],
            subject: String::new(),
            content: Content::Event(Box::new(event(about, message, state, self.now))),
            priority: Priority::Normal,
            accepted_at: self.now,
            not_before: Timestamp(0),
            expires_at,
            idempotency_key: String::new(),
            request_hash: 0,
            callback_url: Arc::default(),
            callback_states: StateSet::NONE,
            parent: Some(message.id),
            provider: None,
            metadata: Vec::new(),
            options: Vec::new(),
        };
        let webhook = self.router.webhook.clone();
        let first = if self.link_to_last(state.last_callback, id)? {
            DeliveryState {
                phase: Phase::Blocked,
                provider: Some(webhook),
                due_at: self.now,
                order: self.router.next_order(self.now),
                deadline_at: expires_at,
                ..DeliveryState::default()
            }
        } else {
            self.first_state(&callback, webhook)?
        };
        self.accept(callback, vec![first]);
        state.last_callback = Some(id);
        Ok(())
    }

    /// Names `callback` as the successor of the last one that is not done; false if all are.
    fn link_to_last(
        &mut self,
        last: Option<MessageId>,
        callback: MessageId,
    ) -> Result<bool, LedgerError> {
        let mut next = last;
        let mut end: Option<(DeliveryId, Delivery)> = None;
        for _ in 0..CHAIN_MAX {
            let Some(message) = next else { break };
            let id = DeliveryId {
                message,
                recipient: 0,
            };
            let Some(delivery) = self.current(id)? else {
                break;
            };
            next = delivery.state.successor.as_deref().copied();
            if delivery.state.phase != Phase::Done {
                end = Some((id, delivery));
            }
        }
        let Some((id, mut delivery)) = end else {
            return Ok(false);
        };
        delivery.state.successor = Some(Box::new(callback));
        self.record(id, Event::CallbackMade { callback }, delivery.state);
        Ok(true)
    }

    /// Lets the successor of a callback go.
    pub(crate) fn unblock(&mut self, successor: MessageId) -> Result<(), LedgerError> {
        let id = DeliveryId {
            message: successor,
            recipient: 0,
        };
        let Some(delivery) = self.current(id)? else {
            return Ok(());
        };
        let mut state = delivery.state;
        if state.phase != Phase::Blocked {
            return Ok(());
        }
        let former = Former::from(&state);
        state.phase = Phase::Queued;
        state.due_at = self.now;
        self.router.work_left |= self.router.credit.contains_key(&self.router.webhook);
        self.change(id, &delivery.message, former, state, Event::Unblocked)
    }
}

fn event(
    about: DeliveryId,
    message: &Message,
    state: &DeliveryState,
    at: Timestamp,
) -> CallbackEvent {
    let went_well = matches!(
        state.state,
        State::Accepted | State::Sent | State::Delivered
    );
    let error = state.error.as_ref().filter(|_| !went_well);
    let remote_ids = state
        .parts
        .iter()
        .filter_map(|part| part.remote_id.as_deref());
    CallbackEvent {
        state: state.state,
        message: message.id,
        recipient: about.recipient,
        to: recipient(message, about).to_owned(),
        from: message.from.clone(),
        at,
        provider: state
            .provider
            .as_ref()
            .map(|provider| provider.as_str().to_owned()),
        remote_ids: remote_ids.map(str::to_owned).collect(),
        error: error.map(|error| error.name().to_owned()),
        duplicate_possible: state.duplicate_possible,
        metadata: message.metadata.clone(),
    }
}
