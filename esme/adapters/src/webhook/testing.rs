//! Values for the tests of this channel.

use std::sync::Arc;

use signalbox_router::{
    CallbackEvent, Content, Kind, Message, MessageId, Priority, State, StateSet, Timestamp,
};

const AT: Timestamp = Timestamp(1_800_000_000_000);

fn message(kind: Kind, content: Content) -> Message {
    Message {
        id: MessageId(9),
        kind,
        account: Arc::from("shop"),
        from: "+491711234567".to_owned(),
        to: vec!["sms:100".to_owned()],
        subject: String::new(),
        content,
        priority: Priority::Normal,
        accepted_at: AT,
        not_before: Timestamp(0),
        expires_at: AT.plus_ms(1_000),
        idempotency_key: String::new(),
        request_hash: 0,
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: Some(Arc::from("acme")),
        metadata: Vec::new(),
        options: Vec::new(),
    }
}

/// A callback about a message.
pub(crate) fn callback(url: &str, state: State) -> Message {
    let event = CallbackEvent {
        state,
        message: MessageId(42),
        recipient: 1,
        to: "sms:+491711234567".to_owned(),
        from: "ACME".to_owned(),
        at: AT,
        provider: Some("acme".to_owned()),
        remote_ids: vec!["7".to_owned(), "8".to_owned()],
        error: Some("UNDELIV".to_owned()),
        duplicate_possible: true,
        metadata: vec![("order".to_owned(), "\"5\"".to_owned())],
    };
    let message = message(Kind::Callback, Content::Event(Box::new(event)));
    Message {
        to: vec![url.to_owned()],
        ..message
    }
}

/// A message from a phone.
pub(crate) fn inbound(url: &str) -> Message {
    Message {
        callback_url: url.into(),
        options: vec![("sms.data_coding".to_owned(), "0".to_owned())],
        ..message(Kind::Inbound, Content::Text("hi\n".to_owned()))
    }
}
