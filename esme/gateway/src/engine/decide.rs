//! From an input to records in the store, and from a batch to the disk.

use std::sync::atomic::Ordering;
use std::time::Instant;

use signalbox_router::{Content, Input, Ledger as _, LedgerError, Message};
use signalbox_store::Condition;

use super::handle::Refusal;
use super::run::Engine;

/// Octets of a batch, roughly, after which it is committed: far below what the journal takes at
/// once.
const BATCH_OCTETS_MAX: usize = 16 << 20;

/// What an input without content, or a message besides its content, comes to in the journal.
const RECORD_OCTETS: usize = 512;

impl Engine {
    /// What was under way when the process last ended is decided before anything else: while the
    /// disk takes nothing, nothing else is done either.
    pub(super) fn recover(&mut self) {
        self.recovering = false;
        loop {
            let now = self.clock.now();
            let more = self.router.recover(now, &mut self.store, &mut self.effects);
            let more = self.settle(more, 0);
            let progress = self.records > 0;
            self.commit();
            match more {
                Some(true) if self.failing => self.recovering = true,
                Some(true) if progress => continue,
                Some(true) => {
                    tracing::error!("some messages under way at the last end are damaged");
                }
                Some(false) | None => {}
            }
            return;
        }
    }

    /// Lets the router decide about an input and gives its records to the store.
    pub(super) fn handle(&mut self, input: Input) {
        if self.broken {
            return;
        }
        let actions = self.effects.actions.len();
        self.batch_octets += weight(&input);
        self.incoming.count(&input);
        let now = self.clock.now();
        let result = self
            .router
            .handle(now, input, &mut self.store, &mut self.effects);
        self.settle(result, actions);
        if self.batch_octets > BATCH_OCTETS_MAX {
            self.commit();
        }
    }

    /// Gives the new records to the store, so that the next input sees them. When that fails, no
    /// action of this step is performed, those before it are, and the engine ends.
    fn settle<T>(&mut self, result: Result<T, LedgerError>, actions: usize) -> Option<T> {
        self.records += self.effects.records.len();
        let applied = self
            .effects
            .records
            .drain(..)
            .try_for_each(|record| self.store.apply(record));
        match (result, applied) {
            (Ok(value), Ok(())) => Some(value),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(
                    %error,
                    "an input was not carried out; stopping, so that the next start goes on from \
                     the disk"
                );
                self.effects.actions.truncate(actions);
                self.broken = true;
                None
            }
        }
    }

    /// Makes the batch durable and performs its actions.
    pub(super) fn commit(&mut self) {
        let started = Instant::now();
        let result = self.store.commit();
        let records = std::mem::take(&mut self.records);
        self.batch_octets = 0;
        match result {
            Ok(position) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the store can be written again");
                }
                self.shared.committed.store(position.0, Ordering::Release);
                if records > 0 {
                    metrics::histogram!("signalbox_store_commit_seconds")
                        .record(started.elapsed().as_secs_f64());
                    metrics::counter!("signalbox_store_records_total").increment(records as u64);
                }
                self.perform();
            }
            Err(error) => {
                // The store keeps the batch and tries again with the next commit, so dispatches
                // and acknowledgements stay until one succeeds. Callers are not kept waiting:
                // they are told that it is not decided.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the batch is not on the disk");
                }
                self.refuse_batch(&Refusal::Undecided(error.to_string()));
            }
        }
        self.tell_space();
        let ready = !self.failing && matches!(self.store.condition(), Condition::Ready);
        self.shared.store_ready.store(ready, Ordering::Release);
    }

    /// Says in the log when new messages begin and cease to be refused for lack of space.
    fn tell_space(&mut self) {
        let is_low = !self.failing && self.store.condition() == Condition::DiskFull;
        match (std::mem::replace(&mut self.is_disk_low, is_low), is_low) {
            (false, true) => tracing::warn!(
                "the disk has less free than [store] reserve: new messages are refused with 507, \
                 sending goes on"
            ),
            (true, false) if !self.failing => {
                tracing::info!("the disk has space again: new messages are taken");
            }
            _ => {}
        }
    }
}

/// Octets that an input comes to in the journal, roughly.
fn weight(input: &Input) -> usize {
    match input {
        Input::Submit { messages, .. } => messages.iter().map(message_weight).sum(),
        Input::Inbound { message, .. } => message_weight(message),
        _ => RECORD_OCTETS,
    }
}

fn message_weight(message: &Message) -> usize {
    let content = match &message.content {
        Content::Text(text) => text.len(),
        Content::Binary(octets) => octets.len(),
        Content::Event(_) => 0,
    };
    let pairs = message.metadata.iter().chain(&message.options);
    let pairs: usize = pairs.map(|(name, value)| name.len() + value.len()).sum();
    let to: usize = message.to.iter().map(|to| to.len() + RECORD_OCTETS).sum();
    content + pairs + to + message.subject.len() + message.callback_url.len() + RECORD_OCTETS
}
