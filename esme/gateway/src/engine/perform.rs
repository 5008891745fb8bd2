//! The actions of a batch, performed once its records are on the disk.

use std::sync::atomic::Ordering;

use signalbox_adapters::ToChannel;
use signalbox_router::{Action, ProviderName};

use super::handle::{Refusal, Submitted};
use super::run::{Engine, Outbound, answer};

impl Engine {
    /// Answers callers and sends each channel what is its, in one message each.
    pub(super) fn perform(&mut self) {
        let mut actions = std::mem::take(&mut self.effects.actions);
        for action in actions.drain(..) {
            match action {
                Action::Reply { token, results } => {
                    if let Some(waiting) = self.waiting.submits.remove(&token) {
                        answer(waiting.reply, Ok(Submitted { results }));
                    }
                }
                Action::CancelReply { token, result } => {
                    if let Some(reply) = self.waiting.cancels.remove(&token) {
                        answer(reply, Ok(result));
                    }
                }
                Action::Dispatch { provider, dispatch } => {
                    self.outbound_of(provider).dispatches.push(dispatch);
                }
                Action::Acknowledge { provider, token } => {
                    self.outbound_of(provider).acknowledged.push(token);
                }
            }
        }
        self.effects.actions = actions;
        self.send_outbound();
        if self.broken {
            // The input that failed left its caller without an answer.
            self.refuse_batch(&Refusal::Stopping);
        }
    }

    fn outbound_of(&mut self, provider: ProviderName) -> &mut Outbound {
        // The providers are those of the configuration, so a list is enough.
        let known = self.outbound.iter().position(|(name, _)| *name == provider);
        let at = known.unwrap_or_else(|| {
            self.outbound.push((provider, Outbound::default()));
            self.outbound.len() - 1
        });
        &mut self.outbound[at].1
    }

    fn send_outbound(&mut self) {
        for (provider, outbound) in &mut self.outbound {
            let dispatches = std::mem::take(&mut outbound.dispatches);
            let acknowledged = std::mem::take(&mut outbound.acknowledged);
            let Some(channel) = self.channels.get(provider) else {
                tracing::error!(%provider, "no channel serves this provider");
                continue;
            };
            let mut sent = true;
            if !acknowledged.is_empty() {
                sent &= channel.send(ToChannel::Acknowledge(acknowledged)).is_ok();
            }
            if !dispatches.is_empty() {
                sent &= channel.send(ToChannel::Dispatch(dispatches)).is_ok();
            }
            // What it had is in the store as dispatched, and decided at the next start.
            if !sent && self.shared.stopping.load(Ordering::Acquire) {
                tracing::debug!(%provider, "the channel has ended before the engine");
            } else if !sent {
                tracing::error!(%provider, "the channel has ended");
            }
        }
    }

    /// Tells everybody who still waits why there is no result.
    pub(super) fn refuse_batch(&mut self, refusal: &Refusal) {
        for (_, waiting) in self.waiting.submits.drain() {
            answer(waiting.reply, Err(refusal.clone()));
        }
        for (_, reply) in self.waiting.cancels.drain() {
            answer(reply, Err(refusal.clone()));
        }
    }
}
