//! How the life of a delivery is kept: the journal's own records about it, one behind the other,
//! as octets. What users see is made of them when they ask.
//!
//! ```text
//! row: entry entry …      entry: what 1 | length (varint) | payload of the record
//! ```
//! A life that was not over when it was written has more than one row; they are read as one.

use std::sync::Arc;

use signalbox_router::{
    Content, DeliveryId, DeliveryState, ErrorCode, Event, Kind, Message, MessageId, Phase, Record,
    State, Timestamp,
};

use super::timeline::TimelineEntry;
use super::{DeliveryView, HistoryError, PartView};
use crate::frame;
use crate::record::get_record;
use crate::wire::{Malformed, Reader, put_octets, put_u8};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The `Accepted` record of the message; in the row of its first recipient.
    Accepted = 1,
    /// Stands for it, empty, in the rows of the others.
    AcceptedElsewhere = 2,
    /// A `Changed` record of the delivery.
    Changed = 3,
    /// A `Changed` record of a callback about it.
    CallbackChanged = 4,
}

const WHATS: [What; 4] = [
    What::Accepted,
    What::AcceptedElsewhere,
    What::Changed,
    What::CallbackChanged,
];

/// Appends an entry; where its payload begins.
pub(super) fn put_entry(out: &mut Vec<u8>, what: What, payload: &[u8]) -> usize {
    put_u8(out, what as u8);
    put_octets(out, payload);
    out.len() - payload.len()
}

/// A message as it was accepted, with the first states of its deliveries.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) message: Arc<Message>,
    pub(super) states: Vec<DeliveryState>,
}

/// The `Accepted` record that the entries of a first recipient begin with; `None`: they do not.
pub(super) fn accepted_payload(entries: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut reader = Reader::new(entries);
    if reader.is_empty() || reader.u8("what")? != What::Accepted as u8 {
        return Ok(None);
    }
    reader.octets("entry").map(Some)
}

impl Accepted {
    /// From the entries of a first recipient.
    pub(super) fn of(entries: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(payload) = accepted_payload(entries)? else {
            return Ok(None);
        };
        match get_record(frame::Kind::Accepted, payload)? {
            Record::Accepted { message, states } => Ok(Some(Self { message, states })),
            _ => Ok(None),
        }
    }
}

/// What became of a delivery.
pub(super) struct Life {
    pub(super) view: DeliveryView,
    pub(super) timeline: Vec<TimelineEntry>,
    last_callback: Option<MessageId>,
}

impl Life {
    /// Reads the rows of a delivery, in order.
    pub(super) fn read<'a>(
        accepted: &Accepted,
        recipient: u16,
        rows: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, HistoryError> {
        let mut life = Self::begin(accepted, recipient);
        for row in rows {
            let mut reader = Reader::new(row);
            while !reader.is_empty() {
                let what = usize::from(reader.u8("what")?);
                let what = WHATS.get(what.wrapping_sub(1)).ok_or(Malformed {
                    field: "what",
                    reason: "not an entry",
                })?;
                let payload = reader.octets("entry")?;
                if matches!(what, What::Changed | What::CallbackChanged) {
                    life.change(*what, payload)?;
                }
            }
        }
        life.timeline.sort_by_key(|entry| entry.at);
        Ok(life)
    }

    fn begin(accepted: &Accepted, recipient: u16) -> Self {
        let Accepted { message, states } = accepted;
        let at = message.accepted_at;
        let to = message.to.get(usize::from(recipient));
        let mut life = Self {
            view: DeliveryView {
                id: DeliveryId {
                    message: message.id,
                    recipient,
                },
                kind: message.kind,
                account: message.account.to_string(),
                from: message.from.clone(),
                to: to.cloned().unwrap_or_default(),
                text: text_of(message).to_owned(),
                state: State::default(),
                provider: message.provider.as_deref().map(str::to_owned),
                parts: Vec::new(),
                error: None,
                duplicate_possible: false,
                accepted_at: at,
                changed_at: at,
            },
            timeline: vec![TimelineEntry::named(recipient, at, "accepted")],
            last_callback: None,
        };
        if let Some(state) = states.get(usize::from(recipient)) {
            if state.phase == Phase::Dispatched {
                // Accepted and dispatched in one is one record.
                let event = Event::Dispatched;
                let entry = TimelineEntry::of(recipient, at, &event, state);
                life.timeline.push(entry);
            }
            life.show(state);
        }
        life
    }

    fn change(&mut self, what: What, payload: &[u8]) -> Result<(), Malformed> {
        let Record::Changed {
            delivery,
            at,
            event,
            state,
        } = get_record(frame::Kind::Changed, payload)?
        else {
            return Ok(());
        };
        let recipient = self.view.id.recipient;
        self.view.changed_at = self.view.changed_at.max(at);
        let entry = match what {
            What::CallbackChanged => {
                TimelineEntry::of_callback(recipient, delivery.message, at, &event, &state)
            }
            _ => TimelineEntry::of(recipient, at, &event, &state),
        };
        // Journals of earlier versions tell of a callback in an event of its own too.
        let is_told = matches!(event, Event::CallbackMade { callback }
            if what == What::Changed && self.last_callback == Some(callback));
        if !is_told {
            self.timeline.push(entry);
        }
        if what == What::Changed {
            self.tell_callback(at, &state);
            self.show(&state);
        }
        Ok(())
    }

    /// A callback that was made with a change is told of in the state alone.
    fn tell_callback(&mut self, at: Timestamp, state: &DeliveryState) {
        if state.last_callback == self.last_callback {
            return;
        }
        self.last_callback = state.last_callback;
        if let Some(callback) = state.last_callback {
            let event = Event::CallbackMade { callback };
            let recipient = self.view.id.recipient;
            self.timeline
                .push(TimelineEntry::of(recipient, at, &event, state));
        }
    }

    fn show(&mut self, state: &DeliveryState) {
        let error = |error: &ErrorCode| (error.value(), error.name().to_owned());
        let view = &mut self.view;
        view.state = state.state;
        // What comes from outside keeps the provider that it came from.
        if view.kind != Kind::Inbound {
            view.provider = state.provider.as_ref().map(|name| name.as_str().to_owned());
        }
        let parts = state.parts.iter().map(|part| PartView {
            state: part.state,
            remote_id: part.remote_id.as_deref().map(str::to_owned),
            error: part.error.as_ref().map(error),
        });
        view.parts = parts.collect();
        view.error = state.error.as_ref().map(error);
        view.duplicate_possible = state.duplicate_possible;
    }
}

fn text_of(message: &Message) -> &str {
    match &message.content {
        Content::Text(text) => text,
        Content::Binary(_) | Content::Event(_) => "",
    }
}
