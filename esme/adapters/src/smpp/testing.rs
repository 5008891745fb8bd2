//! Values for the tests of this channel.

use std::sync::Arc;

use signalbox_router::{
    Content, DeliveryId, Dispatch, Kind, Message, MessageId, Priority, StateSet, Timestamp,
};

/// When all test messages were accepted; they expire an hour later.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A message of `ACME` to one number.
pub(crate) fn message(text: &str) -> Message {
    Message {
        id: MessageId(7),
        kind: Kind::Outgoing,
        account: Arc::from("shop"),
        from: "ACME".to_owned(),
        to: vec!["sms:+491711234567".to_owned()],
        subject: String::new(),
        content: Content::Text(text.to_owned()),
        priority: Priority::Normal,
        accepted_at: NOW,
        not_before: Timestamp(0),
        expires_at: NOW.plus_ms(3_600_000),
        idempotency_key: String::new(),
        request_hash: 0,
        callback_url: "".into(),
        callback_states: StateSet::NONE,
        parent: None,
        provider: None,
        metadata: Vec::new(),
        options: Vec::new(),
    }
}

/// A message with channel options.
pub(crate) fn message_with(options: &[(&str, &str)]) -> Message {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Message {
        options: options.iter().map(owned).collect(),
        ..message("hello")
    }
}

/// A first attempt.
pub(crate) fn dispatch(message: Message) -> Dispatch {
    Dispatch {
        delivery: DeliveryId {
            message: message.id,
            recipient: 0,
        },
        message: Arc::new(message),
        parts_done: Vec::new(),
        attempt: 1,
    }
}
