//! [`Message`] as octets.

use signalbox_router::{
    CallbackEvent, Content, Kind, Message, MessageId, Priority, StateSet, Timestamp,
};

use super::state::{priority_of, state_of};
use crate::wire::{
    Fields, Malformed, Reader, put_fixed_u64, put_id, put_octets, put_pairs, put_str, put_u8,
    put_u64,
};

pub(super) const KINDS: [Kind; 3] = [Kind::Outgoing, Kind::Inbound, Kind::Callback];

pub(super) const CONTENT_TEXT: u8 = 0;
const CONTENT_BINARY: u8 = 1;
pub(super) const CONTENT_EVENT: u8 = 2;

pub(crate) fn put_message(out: &mut Vec<u8>, message: &Message) {
    let mut fields = Fields::new();
    fields.id(message.id);
    fields.u8(message.kind as u8);
    fields.put_str(out, &message.account);
    fields.put_str(out, &message.from);
    fields.u64(message.to.len() as u64);
    for to in &message.to {
        fields.put_str(out, to);
    }
    fields.put_str(out, &message.subject);
    put_content(out, &message.content);
    fields.u8(message.priority as u8);
    fields.u64(message.accepted_at.0);
    fields.u64(message.not_before.0);
    fields.u64(message.expires_at.0);
    fields.put_str(out, &message.idempotency_key);
    put_fixed_u64(out, message.request_hash);
    fields.put_str(out, &message.callback_url);
    fields.u64(u64::from(message.callback_states.0));
    fields.u8(u8::from(message.parent.is_some()));
    if let Some(parent) = message.parent {
        fields.id(parent);
    }
    fields.u8(u8::from(message.provider.is_some()));
    if let Some(provider) = &message.provider {
        fields.put_str(out, provider);
    }
    put_pairs(out, &mut fields, &message.metadata);
    put_pairs(out, &mut fields, &message.options);
    fields.put(out);
}

pub(crate) fn get_message(reader: &mut Reader<'_>) -> Result<Message, Malformed> {
    Ok(Message {
        id: reader.id("id")?,
        kind: KINDS
            .get(usize::from(reader.u8("kind")?))
            .copied()
            .ok_or(Malformed {
                field: "kind",
                reason: "not a kind of message",
            })?,
        account: reader.shared("account")?,
        from: reader.string("from")?,
        to: get_strings(reader, "to")?,
        subject: reader.string("subject")?,
        content: get_content(reader)?,
        priority: get_priority(reader)?,
        accepted_at: Timestamp(reader.u64("accepted_at")?),
        not_before: Timestamp(reader.u64("not_before")?),
        expires_at: Timestamp(reader.u64("expires_at")?),
        idempotency_key: reader.string("idempotency_key")?,
        request_hash: reader.fixed_u64("request_hash")?,
        callback_url: reader.string("callback_url")?,
        callback_states: StateSet(reader.u16("callback_states")?),
        parent: get_parent(reader)?,
        provider: get_optional(reader, "provider")?.map(Into::into),
        metadata: reader.pairs("metadata")?,
        options: reader.pairs("options")?,
    })
}

fn get_priority(reader: &mut Reader<'_>) -> Result<Priority, Malformed> {
    priority_of(reader.u8("priority")?)
}

fn get_parent(reader: &mut Reader<'_>) -> Result<Option<MessageId>, Malformed> {
    match reader.u8("parent")? {
        0 => Ok(None),
        _ => Ok(Some(reader.id("parent")?)),
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
    put_u64(out, u64::from(event.recipient));
    put_str(out, &event.to);
    put_str(out, &event.from);
    put_u64(out, event.at.0);
    put_optional(out, event.provider.as_deref());
    put_strings(out, &event.remote_ids);
    put_optional(out, event.error.as_deref());
    put_u8(out, u8::from(event.duplicate_possible));
    let mut fields = Fields::new();
    put_pairs(out, &mut fields, &event.metadata);
    fields.put(out);
}

fn get_callback_event(reader: &mut Reader<'_>) -> Result<CallbackEvent, Malformed> {
    Ok(CallbackEvent {
        state: state_of(reader.u8("event.state")?)?,
        message: reader.id("event.message")?,
        recipient: reader.u16("event.recipient")?,
        to: reader.string("event.to")?,
        from: reader.string("event.from")?,
        at: Timestamp(reader.u64("event.at")?),
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
