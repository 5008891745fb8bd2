//! [`Message`] as octets: what every message has stands in a block in front.
//!
//! ```text
//! 0    16     17         18                19      21            29           37
//! | id | kind | priority | callback_states | flags | accepted_at | not_before | expires_at …
//! 45             53
//! … request_hash | parent, account, from, to, subject, content, …
//! ```

use signalbox_router::{
    CallbackEvent, Content, Kind, Message, MessageId, Priority, StateSet, Timestamp,
};

use super::state::{priority_of, state_of};
use crate::wire::{
    Block, Malformed, Reader, put_fixed_u64, put_id, put_octets, put_pairs, put_str, put_u8,
    put_u16, put_u64,
};

const KINDS: [Kind; 3] = [Kind::Outgoing, Kind::Inbound, Kind::Callback];

const CONTENT_TEXT: u8 = 0;
const CONTENT_BINARY: u8 = 1;
pub(super) const CONTENT_EVENT: u8 = 2;

const HAS_PARENT: u8 = 1 << 0;
const HAS_PROVIDER: u8 = 1 << 1;

/// Octets of the block in front.
const HEAD_OCTETS: usize = 53;

pub(crate) fn put_message(out: &mut Vec<u8>, message: &Message) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags =
        flag(message.parent.is_some(), HAS_PARENT) | flag(message.provider.is_some(), HAS_PROVIDER);
    Block::<HEAD_OCTETS>::new()
        .id(message.id)
        .u8(message.kind as u8)
        .u8(message.priority as u8)
        .u16(message.callback_states.0)
        .u8(flags)
        .u64(message.accepted_at.0)
        .u64(message.not_before.0)
        .u64(message.expires_at.0)
        .u64(message.request_hash)
        .put(out);
    if let Some(parent) = message.parent {
        put_id(out, parent);
    }
    put_str(out, &message.account);
    put_str(out, &message.from);
    put_strings(out, &message.to);
    put_str(out, &message.subject);
    put_content(out, &message.content);
    put_str(out, &message.idempotency_key);
    put_str(out, &message.callback_url);
    if let Some(provider) = &message.provider {
        put_str(out, provider);
    }
    put_pairs(out, &message.metadata);
    put_pairs(out, &message.options);
}

pub(crate) fn get_message(reader: &mut Reader<'_>) -> Result<Message, Malformed> {
    let head = Head::get(reader)?;
    Ok(Message {
        id: head.id,
        kind: head.kind,
        priority: head.priority,
        callback_states: head.callback_states,
        accepted_at: head.accepted_at,
        not_before: head.not_before,
        expires_at: head.expires_at,
        request_hash: head.request_hash,
        parent: head.parent,
        account: reader.shared("account")?,
        from: reader.string("from")?,
        to: get_strings(reader, "to")?,
        subject: reader.string("subject")?,
        content: get_content(reader)?,
        idempotency_key: reader.string("idempotency_key")?,
        callback_url: reader.shared("callback_url")?,
        provider: match head.has_provider {
            true => Some(reader.str("provider")?.into()),
            false => None,
        },
        metadata: reader.pairs("metadata")?,
        options: reader.pairs("options")?,
    })
}

/// What stands in front of the texts.
pub(super) struct Head {
    pub(super) id: MessageId,
    pub(super) kind: Kind,
    priority: Priority,
    callback_states: StateSet,
    accepted_at: Timestamp,
    not_before: Timestamp,
    expires_at: Timestamp,
    request_hash: u64,
    pub(super) parent: Option<MessageId>,
    has_provider: bool,
}

impl Head {
    pub(super) fn get(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let id = reader.id("id")?;
        let kind = KINDS.get(usize::from(reader.u8("kind")?));
        let kind = *kind.ok_or(Malformed {
            field: "kind",
            reason: "not a kind of message",
        })?;
        let priority = priority_of(reader.u8("priority")?)?;
        let callback_states = StateSet(reader.fixed_u16("callback_states")?);
        let flags = reader.u8("flags")?;
        Ok(Self {
            id,
            kind,
            priority,
            callback_states,
            accepted_at: Timestamp(reader.fixed_u64("accepted_at")?),
            not_before: Timestamp(reader.fixed_u64("not_before")?),
            expires_at: Timestamp(reader.fixed_u64("expires_at")?),
            request_hash: reader.fixed_u64("request_hash")?,
            parent: match flags & HAS_PARENT {
                0 => None,
                _ => Some(reader.id("parent")?),
            },
            has_provider: flags & HAS_PROVIDER != 0,
        })
    }
}

fn put_content(out: &mut Vec<u8>, content: &Content) {
    match content {
        Content::Text(text) => {
            put_u8(out, CONTENT_TEXT);
            put_str(out, text);
        }
        Content::Binary(octets) => {
            put_u8(out, CONTENT_BINARY);
            put_octets(out, octets);
        }
        Content::Event(event) => {
            put_u8(out, CONTENT_EVENT);
            put_callback_event(out, event);
        }
    }
}

fn get_content(reader: &mut Reader<'_>) -> Result<Content, Malformed> {
    match reader.u8("content")? {
        CONTENT_TEXT => Ok(Content::Text(reader.string("text")?)),
        CONTENT_BINARY => Ok(Content::Binary(reader.octets("binary")?.to_vec())),
        CONTENT_EVENT => Ok(Content::Event(Box::new(get_callback_event(reader)?))),
        _ => Err(Malformed {
            field: "content",
            reason: "not a kind of content",
        }),
    }
}

fn put_callback_event(out: &mut Vec<u8>, event: &CallbackEvent) {
    put_u8(out, event.state as u8);
    put_id(out, event.message);
    put_u16(out, event.recipient);
    put_str(out, &event.to);
    put_str(out, &event.from);
    put_fixed_u64(out, event.at.0);
    put_optional(out, event.provider.as_deref());
    put_strings(out, &event.remote_ids);
    put_optional(out, event.error.as_deref());
    put_u8(out, u8::from(event.duplicate_possible));
    put_pairs(out, &event.metadata);
}

fn get_callback_event(reader: &mut Reader<'_>) -> Result<CallbackEvent, Malformed> {
    Ok(CallbackEvent {
        state: state_of(reader.u8("event.state")?)?,
        message: reader.id("event.message")?,
        recipient: reader.fixed_u16("event.recipient")?,
        to: reader.string("event.to")?,
        from: reader.string("event.from")?,
        at: Timestamp(reader.fixed_u64("event.at")?),
        provider: get_optional(reader, "event.provider")?.map(str::to_owned),
        remote_ids: get_strings(reader, "event.remote_ids")?,
        error: get_optional(reader, "event.error")?.map(str::to_owned),
        duplicate_possible: reader.u8("event.duplicate_possible")? != 0,
        metadata: reader.pairs("event.metadata")?,
    })
}

fn put_strings(out: &mut Vec<u8>, strings: &[String]) {
    put_u64(out, strings.len() as u64);
    for string in strings {
        put_str(out, string);
    }
}

fn get_strings(reader: &mut Reader<'_>, field: &'static str) -> Result<Vec<String>, Malformed> {
    let count = reader.count(field)?;
    (0..count).map(|_| reader.string(field)).collect()
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    put_u8(out, u8::from(text.is_some()));
    if let Some(text) = text {
        put_str(out, text);
    }
}

fn get_optional<'a>(
    reader: &mut Reader<'a>,
    field: &'static str,
) -> Result<Option<&'a str>, Malformed> {
    match reader.u8(field)? {
        0 => Ok(None),
        _ => Ok(Some(reader.str(field)?)),
    }
}
