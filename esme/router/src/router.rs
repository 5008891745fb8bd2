//! The router and one step of it: what all decisions share. The decisions themselves stand in the
//! files named after their theme.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Route, RouterConfig};
use crate::effects::{Action, Effects, Event, Record};
use crate::ids::{DeliveryId, MessageId, ProviderName, Timestamp};
use crate::input::{Input, ParkedReceipt};
use crate::ledger::{Delivery, Ledger, LedgerError};
use crate::message::{Kind, Message};
use crate::random::Random;
use crate::route::RouteTable;
use crate::state::{DeliveryState, Phase, State};
use crate::throttled::Throttled;

/// Orders that fit into one millisecond before they run ahead of the clock.
const ORDERS_PER_MS_BITS: u32 = 20;

/// The router core. The owner:
/// 1. calls [`Router::recover`] after a start until it answers `false`;
/// 2. calls [`Router::handle`] for one input after the other and gives the new records to
///    [`Ledger::apply`] after each call (also after each `recover`), before the next one;
/// 3. makes the records of a batch durable, then performs the actions of the batch;
/// 4. sends [`Input::Tick`] every 100 ms or so, and at once while [`Router::work_left`].
#[derive(Debug)]
pub struct Router {
    pub(crate) config: RouterConfig,
    pub(crate) table: RouteTable,
    /// Unused credit; a provider without any has no entry.
    pub(crate) credit: BTreeMap<ProviderName, u32>,
    pub(crate) random: Random,
    pub(crate) throttled: Throttled,
    pub(crate) webhook: ProviderName,
    pub(crate) work_left: bool,
    last_order: u64,
}

impl Router {
    /// A router without credit. The seed must differ from start to start, as the ids of callbacks
    /// come from it and the time.
    #[must_use]
    pub fn new(config: RouterConfig, seed: u64) -> Self {
        Self {
            table: RouteTable::new(&config.routes),
            config,
            credit: BTreeMap::new(),
            random: Random::new(seed),
            throttled: Throttled::default(),
            webhook: ProviderName::webhook(),
            work_left: false,
            last_order: 0,
        }
    }

    /// Takes other settings. Deliveries stay with the provider that they have; waits that have
    /// begun keep their end.
    pub fn reconfigure(&mut self, config: RouterConfig) {
        self.table = RouteTable::new(&config.routes);
        self.config = config;
    }

    /// The route that an address with scheme takes.
    #[must_use]
    pub fn route(&self, to: &str) -> Option<&Route> {
        self.table.route(to)
    }

    /// Whether a limit ended a step early, or a delivery became due for a provider that has credit:
    /// an [`Input::Tick`] should follow without waiting. Each such tick gets something done.
    #[must_use]
    pub const fn work_left(&self) -> bool {
        self.work_left
    }

    /// Decides on one input. Records and actions are added to `effects`.
    ///
    /// # Errors
    /// The ledger's; nothing of this call is left in `effects` then, but credit may be lost. The
    /// owner should stop and start again from the disk.
    pub fn handle<L: Ledger>(
        &mut self,
        now: Timestamp,
        input: Input,
        ledger: &mut L,
        effects: &mut Effects,
    ) -> Result<(), LedgerError> {
        self.step(now, ledger, effects, |step| match input {
            Input::Submit { token, messages } => step.submit(token, messages),
            Input::Cancel {
                token,
                message,
                account,
            } => step.cancel(token, message, &account),
            Input::Credit { provider, credit } => step.grant(provider, credit),
            Input::Down { provider } => {
                step.router.credit.remove(&provider);
                Ok(())
            }
            Input::Outcome {
                provider,
                part,
                parts_total,
                outcome,
            } => step.outcome(&provider, part, parts_total, outcome),
            Input::Receipt {
                provider,
                remote_ids,
                state,
                error,
                otherwise,
                token,
            } => {
                let deadline_at = now.plus_ms(step.router.config.parked_receipt_timeout_ms);
                let receipt = ParkedReceipt {
                    provider,
                    remote_ids,
                    state,
                    error,
                    at: now,
                    deadline_at,
                };
                step.receipt(receipt, otherwise, token)
            }
            Input::Inbound { message, token } => step.inbound(*message, token),
            Input::Tick => step.tick(),
        })
    }

    /// Decides, after a start, on deliveries that were dispatched before it and have no outcome.
    /// To be called, its records applied, until it answers that there is no more.
    ///
    /// # Errors
    /// The ledger's, as for [`Router::handle`].
    pub fn recover<L: Ledger>(
        &mut self,
        now: Timestamp,
        ledger: &mut L,
        effects: &mut Effects,
    ) -> Result<bool, LedgerError> {
        self.step(now, ledger, effects, |step| step.recover())
    }

    /// Runs one step; takes its effects back if it fails.
    fn step<L: Ledger, T>(
        &mut self,
        now: Timestamp,
        ledger: &mut L,
        effects: &mut Effects,
        decide: impl FnOnce(&mut Step<'_, L>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let (first_record, first_action) = (effects.records.len(), effects.actions.len());
        let mut step = Step {
            router: self,
            now,
            ledger,
            effects,
            first_record,
            backlog: Vec::new(),
        };
        let decided = decide(&mut step);
        if decided.is_err() {
            effects.records.truncate(first_record);
            effects.actions.truncate(first_action);
        }
        decided
    }

    /// The next place in the order of acceptance. It starts from the clock, so that it goes on
    /// after a restart without asking what came before.
    pub(crate) fn next_order(&mut self, now: Timestamp) -> u64 {
        let from_clock = now.0 << ORDERS_PER_MS_BITS;
        self.last_order = from_clock.max(self.last_order + 1);
        self.last_order
    }
}

/// One call of the router at work.
pub(crate) struct Step<'a, L> {
    pub(crate) router: &'a mut Router,
    pub(crate) now: Timestamp,
    pub(crate) ledger: &'a mut L,
    pub(crate) effects: &'a mut Effects,
    /// Where the records of this call begin; the ledger does not have them yet.
    first_record: usize,
    /// Providers asked about in this call, and whether they had something queued.
    pub(crate) backlog: Vec<(ProviderName, bool)>,
}

/// What a delivery was before a change.
#[derive(Clone, Copy)]
pub(crate) struct Former {
    state: State,
    phase: Phase,
}

impl From<&DeliveryState> for Former {
    fn from(state: &DeliveryState) -> Self {
        Self {
            state: state.state,
            phase: state.phase,
        }
    }
}

impl<L: Ledger> Step<'_, L> {
    /// A delivery with the changes of this call.
    pub(crate) fn current(&mut self, id: DeliveryId) -> Result<Option<Delivery>, LedgerError> {
        let recent = self.effects.records.iter().skip(self.first_record).rev();
        let changed = recent.into_iter().find_map(|record| match record {
            Record::Changed {
                delivery, state, ..
            } if *delivery == id => Some((None, state)),
            Record::Accepted { message, states } if message.id == id.message => {
                let state = states.get(usize::from(id.recipient))?;
                Some((Some(message), state))
            }
            _ => None,
        });
        let Some((message, state)) = changed else {
            return self.ledger.delivery(id);
        };
        let state = state.clone();
        let message = match message {
            Some(message) => Some(Arc::clone(message)),
            None => self.message_of(id.message)?,
        };
        Ok(message.map(|message| Delivery { message, state }))
    }

    fn message_of(&mut self, id: MessageId) -> Result<Option<Arc<Message>>, LedgerError> {
        let recent = self.effects.records.iter().skip(self.first_record);
        let accepted = recent.into_iter().find_map(|record| match record {
            Record::Accepted { message, .. } if message.id == id => Some(Arc::clone(message)),
            _ => None,
        });
        match accepted {
            Some(message) => Ok(Some(message)),
            None => self.ledger.message(id),
        }
    }

    /// Records a change of a delivery. A new state makes a callback if the message asks for one;
    /// the end of a callback lets the next one go.
    ///
    /// The callback is recorded first: if the disk keeps only the beginning of these records, the
    /// event comes again and is told twice, rather than never.
    pub(crate) fn change(
        &mut self,
        id: DeliveryId,
        message: &Message,
        former: Former,
        mut state: DeliveryState,
        event: Event,
    ) -> Result<(), LedgerError> {
        if state.state != former.state {
            self.make_callback(id, message, &mut state)?;
        }
        let ended = state.phase == Phase::Done && former.phase != Phase::Done;
        let successor = state.successor.as_deref().copied();
        let successor = successor.filter(|_| ended && message.kind == Kind::Callback);
        self.record(id, event, state);
        successor.map_or(Ok(()), |successor| self.unblock(successor))
    }

    pub(crate) fn record(&mut self, delivery: DeliveryId, event: Event, state: DeliveryState) {
        self.effects.records.push(Record::Changed {
            delivery,
            at: self.now,
            event,
            state,
        });
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.effects.actions.push(action);
    }
}
