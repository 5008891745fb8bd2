//! Entries of a timeline: what an event is called, and what of it users see.

use signalbox_router::{DeliveryState, ErrorCode, Event, MessageId, Timestamp};

/// Something that happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Position of the recipient.
    pub recipient: u16,
    /// When.
    pub at: Timestamp,
    /// What: `accepted`, `dispatched`, `part_sent`, `receipt`, `callback_delivered` and so on.
    pub event: String,
    /// The part that it is about; 0: the whole delivery.
    pub part: u8,
    /// Number of an error; 0: none.
    pub code: u32,
    /// The provider; empty: none.
    pub provider: String,
    /// More: a remote id, the name of an error, the id of a callback.
    pub detail: String,
}

impl TimelineEntry {
    pub(super) fn named(recipient: u16, at: Timestamp, event: &str) -> Self {
        Self {
            recipient,
            at,
            event: event.to_owned(),
            part: 0,
            code: 0,
            provider: String::new(),
            detail: String::new(),
        }
    }

    /// The entry of an event that led to `state`.
    pub(super) fn of(recipient: u16, at: Timestamp, event: &Event, state: &DeliveryState) -> Self {
        let mut entry = Self::named(recipient, at, name_of(event, state));
        if let Some(provider) = &state.provider {
            entry.provider = provider.as_str().to_owned();
        }
        match event {
            Event::PartSent {
                part, remote_id, ..
            } => {
                entry.part = *part;
                entry.detail = remote_id.as_deref().unwrap_or_default().to_owned();
            }
            Event::Receipt { part, state, error } => {
                entry.part = *part;
                entry.fail(error.as_ref());
                if entry.detail.is_empty() {
                    entry.detail = state.name().to_owned();
                }
            }
            Event::RetryScheduled { error, .. }
            | Event::Throttled { error }
            | Event::Rerouted { error, .. }
            | Event::OutcomeUnknown { error } => entry.fail(Some(error)),
            Event::Ended { error } => entry.fail(error.as_ref()),
            Event::CallbackMade { callback } => entry.detail = callback.to_string(),
            Event::Dispatched | Event::NotSent | Event::Unblocked => {}
        }
        entry
    }

    /// What happened to a callback, as an entry of the delivery that it is about.
    pub(super) fn of_callback(
        recipient: u16,
        callback: MessageId,
        at: Timestamp,
        event: &Event,
        state: &DeliveryState,
    ) -> Self {
        let mut entry = Self::of(recipient, at, event, state);
        entry.event.insert_str(0, "callback_");
        entry.detail = match entry.detail.as_str() {
            "" => callback.to_string(),
            detail => format!("{callback}: {detail}"),
        };
        entry
    }

    fn fail(&mut self, error: Option<&ErrorCode>) {
        if let Some(error) = error {
            self.code = error.value();
            self.detail = error.name().to_owned();
        }
    }
}

const fn name_of(event: &Event, state: &DeliveryState) -> &'static str {
    match event {
        Event::Dispatched => "dispatched",
        Event::PartSent { .. } => "part_sent",
        Event::RetryScheduled { .. } => "retry_scheduled",
        Event::Throttled { .. } => "throttled",
        Event::NotSent => "not_sent",
        Event::Rerouted { .. } => "rerouted",
        Event::OutcomeUnknown { .. } => "outcome_unknown",
        Event::Receipt { .. } => "receipt",
        Event::Ended { .. } => state.state.name(),
        Event::Unblocked => "unblocked",
        Event::CallbackMade { .. } => "callback_made",
    }
}
