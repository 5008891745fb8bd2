//! The few fields of a record that its reader needs when it keeps the octets as they are: nothing
//! is copied. The layouts are those of [`super::message`] and [`super::event`].

use signalbox_router::{DeliveryId, Kind, MessageId, Phase, Timestamp};

use super::message::{CONTENT_EVENT, Head};
use super::state::phase_of;
use super::{event, get_delivery};
use crate::wire::{Malformed, Reader};

/// Head of an `Accepted` record.
#[derive(Debug)]
pub(crate) struct AcceptedHead<'a> {
    pub(crate) id: MessageId,
    pub(crate) kind: Kind,
    /// The message that it is about.
    parent: Option<MessageId>,
    pub(crate) account: &'a str,
    pub(crate) from: &'a str,
    pub(crate) recipients: usize,
    to: Reader<'a>,
    /// Behind the addresses.
    rest: Reader<'a>,
}

impl<'a> AcceptedHead<'a> {
    pub(crate) fn get(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let head = Head::get(&mut reader)?;
        let account = reader.str("account")?;
        let from = reader.str("from")?;
        let recipients = reader.count("to")?;
        let to = reader.clone();
        for _ in 0..recipients {
            reader.octets("to")?;
        }
        reader.octets("subject")?;
        Ok(Self {
            id: head.id,
            kind: head.kind,
            parent: head.parent,
            account,
            from,
            recipients,
            to,
            rest: reader,
        })
    }

    /// Addresses of the recipients.
    pub(crate) fn to(&self) -> impl Iterator<Item = Result<&'a str, Malformed>> + use<'a> {
        let mut reader = self.to.clone();
        (0..self.recipients).map(move |_| reader.str("to"))
    }

    /// What a callback is about.
    pub(crate) fn about(&self) -> Result<Option<DeliveryId>, Malformed> {
        let mut reader = self.rest.clone();
        if reader.u8("content")? != CONTENT_EVENT {
            return Ok(None);
        }
        reader.u8("event.state")?;
        Ok(Some(DeliveryId {
            message: reader.id("event.message")?,
            recipient: reader.fixed_u16("event.recipient")?,
        }))
    }

    /// The message that it is about, unless it is a callback.
    pub(crate) fn parent(&self) -> Result<Option<MessageId>, Malformed> {
        let callback = self.rest.clone().u8("content")? == CONTENT_EVENT;
        Ok(self.parent.filter(|_| !callback))
    }
}

/// Head of a `Changed` record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangedHead {
    pub(crate) delivery: DeliveryId,
    pub(crate) at: Timestamp,
    /// The event can have given remote ids to parts.
    pub(crate) sent: bool,
    pub(crate) phase: Phase,
}

impl ChangedHead {
    pub(crate) fn get(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let delivery = get_delivery(&mut reader)?;
        let at = Timestamp(reader.fixed_u64("at")?);
        let sent = event::skip_event(&mut reader)?;
        reader.u8("flags")?;
        let phase = phase_of(reader.u8("state")?)?;
        Ok(Self {
            delivery,
            at,
            sent,
            phase,
        })
    }
}
