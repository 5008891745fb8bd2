//! Entries of a timeline: what an event is called, and how entries are kept in a row.

use std::borrow::Cow;

use signalbox_router::{DeliveryState, ErrorCode, Event, MessageId, Timestamp};

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

/// An entry about to be encoded, of borrowed pieces.
pub(super) struct Note<'a> {
    pub(super) at: Timestamp,
    /// What stands before the event's name.
    prefix: &'static str,
    event: &'static str,
    part: u8,
    code: u32,
    provider: &'a str,
    detail: Cow<'a, str>,
}

impl<'a> Note<'a> {
    pub(super) const fn named(at: Timestamp, event: &'static str) -> Self {
        Self {
            at,
            prefix: "",
            event,
            part: 0,
            code: 0,
            provider: "",
            detail: Cow::Borrowed(""),
        }
    }

    /// The entry of an event that led to `state`.
    pub(super) fn of(at: Timestamp, event: &'a Event, state: &'a DeliveryState) -> Self {
        let mut note = Self::named(at, name_of(event, state));
        note.provider = state.provider.as_ref().map_or("", |name| name.as_str());
        match event {
            Event::PartSent {
                part, remote_id, ..
            } => {
                note.part = *part;
                note.detail = Cow::Borrowed(remote_id.as_deref().unwrap_or_default());
            }
            Event::Receipt { part, state, error } => {
                note.part = *part;
                note.fail(error.as_ref());
                if note.detail.is_empty() {
                    note.detail = Cow::Borrowed(state.name());
                }
            }
            Event::RetryScheduled { error, .. }
            | Event::Throttled { error }
            | Event::Rerouted { error, .. }
            | Event::OutcomeUnknown { error } => note.fail(Some(error)),
            Event::Ended { error } => note.fail(error.as_ref()),
            Event::CallbackMade { callback } => note.detail = Cow::Owned(callback.to_string()),
            Event::Dispatched | Event::NotSent | Event::Unblocked => {}
        }
        note
    }

    /// What happened to a callback, as an entry of the delivery that it is about.
    pub(super) fn of_callback(
        callback: MessageId,
        at: Timestamp,
        event: &'a Event,
        state: &'a DeliveryState,
    ) -> Self {
        let mut note = Self::of(at, event, state);
        note.prefix = "callback_";
        note.detail = Cow::Owned(match &*note.detail {
            "" => callback.to_string(),
            detail => format!("{callback}: {detail}"),
        });
        note
    }

    fn fail(&mut self, error: Option<&'a ErrorCode>) {
        if let Some(error) = error {
            self.code = error.value;
            self.detail = Cow::Borrowed(&error.name);
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.at.0);
        put_u64(out, (self.prefix.len() + self.event.len()) as u64);
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(self.event.as_bytes());
        put_u8(out, self.part);
        put_u64(out, u64::from(self.code));
        put_str(out, self.provider);
        put_str(out, &self.detail);
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
