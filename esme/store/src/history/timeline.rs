//! Entries of a timeline: what an event is called, and how entries are kept in a row.

use signalbox_router::{DeliveryId, DeliveryState, ErrorCode, Event, MessageId, Timestamp};

use crate::wire::{Malformed, Reader, put_str, put_u8, put_u64};

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
    pub(super) fn new(delivery: DeliveryId, at: Timestamp, event: &str) -> Self {
        Self {
            recipient: delivery.recipient,
            at,
            event: event.to_owned(),
            part: 0,
            code: 0,
            provider: String::new(),
            detail: String::new(),
        }
    }

    /// The entry of an event that led to `state`.
    pub(super) fn of(
        delivery: DeliveryId,
        at: Timestamp,
        event: &Event,
        state: &DeliveryState,
    ) -> Self {
        let mut entry = Self::new(delivery, at, name_of(event, state));
        let provider = state.provider.as_ref();
        entry.provider = provider.map_or_else(String::new, |name| name.as_str().to_owned());
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
                    state.name().clone_into(&mut entry.detail);
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
        parent: DeliveryId,
        callback: MessageId,
        at: Timestamp,
        event: &Event,
        state: &DeliveryState,
    ) -> Self {
        let mut entry = Self::of(parent, at, event, state);
        entry.event = format!("callback_{}", entry.event);
        entry.detail = match entry.detail.as_str() {
            "" => callback.to_string(),
            detail => format!("{callback}: {detail}"),
        };
        entry
    }

    fn fail(&mut self, error: Option<&ErrorCode>) {
        if let Some(error) = error {
            self.code = error.value;
            error.name.as_ref().clone_into(&mut self.detail);
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.at.0);
        put_str(out, &self.event);
        put_u8(out, self.part);
        put_u64(out, u64::from(self.code));
        put_str(out, &self.provider);
        put_str(out, &self.detail);
    }

    /// All entries of a row.
    pub(super) fn get_all(recipient: u16, octets: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut reader = Reader::new(octets);
        let mut entries = Vec::new();
        while !reader.is_empty() {
            entries.push(Self {
                recipient,
                at: Timestamp(reader.u64("timeline.at")?),
                event: reader.string("timeline.event")?,
                part: reader.u8("timeline.part")?,
                code: reader.u32("timeline.code")?,
                provider: reader.string("timeline.provider")?,
                detail: reader.string("timeline.detail")?,
            });
        }
        Ok(entries)
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
