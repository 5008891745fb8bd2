//! Counters of what comes from providers. Each is looked up by its name once, as receipts are many.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{Counter, counter};
use signalbox_router::{Input, State};

/// One counter for each provider, and for each state of its receipts: as many as the configuration
/// has providers.
#[derive(Default)]
pub(super) struct Incoming {
    inbound: HashMap<Arc<str>, Counter>,
    receipts: HashMap<(Arc<str>, State), Counter>,
}

impl Incoming {
    pub(super) fn count(&mut self, input: &Input) {
        match input {
            Input::Inbound { message, .. } => {
                let provider = message.provider.clone().unwrap_or_default();
                let known = self.inbound.entry(provider).or_insert_with_key(|provider| {
                    counter!("signalbox_inbound_total", "provider" => Arc::clone(provider))
                });
                known.increment(1);
            }
            Input::Receipt {
                provider, state, ..
            } => {
                let key = (Arc::clone(&provider.0), *state);
                let known = self
                    .receipts
                    .entry(key)
                    .or_insert_with_key(|(provider, state)| {
                        let labels = [
                            ("provider", provider.to_string()),
                            ("state", state.name().to_owned()),
                        ];
                        counter!("signalbox_receipts_total", &labels)
                    });
                known.increment(1);
            }
            _ => {}
        }
    }
}
