//! What an application gets: the JSON body and its signature. Pure.
//!
//! ```json
//! {"type":"message.delivered","timestamp":"2026-01-02T03:04:05.678Z","data":{"id":"…", …}}
//! ```
//!
//! Signature (Standard Webhooks 1.0): `v1,` and the base64 of HMAC-SHA256 over
//! `webhook-id.webhook-timestamp.body`, with the octets behind `whsec_` as the key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use sha2::Sha256;
use signalbox_router::{CallbackEvent, Content, Message, Rfc3339};

/// Start of a secret in its written form.
const SECRET_PREFIX: &str = "whsec_";
/// Digits of a SHA-256 in base64.
const SIGNATURE_DIGITS: usize = 44;
/// Start of the names of the short message channel's options.
const SMS_PREFIX: &str = "sms.";

/// Signs the callbacks of one account. Holds the key in the form that costs least per message.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// Reads `whsec_…` (the prefix may be left out). `None` when the rest is no base64 or empty.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let encoded = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
        let key = BASE64.decode(encoded).ok().filter(|key| !key.is_empty())?;
        Hmac::new_from_slice(&key).ok().map(Self)
    }

    /// Appends the value of the header `webhook-signature`.
    pub fn sign(&self, id: &[u8], timestamp: &[u8], body: &[u8], out: &mut Vec<u8>) {
        let mut mac = self.0.clone();
        for piece in [id, b".", timestamp, b".", body] {
            mac.update(piece);
        }
        let mut digits = [0; SIGNATURE_DIGITS];
        BASE64
            .encode_slice(mac.finalize().into_bytes(), &mut digits)
            .expect("a SHA-256 has as many digits");
        out.extend_from_slice(b"v1,");
        out.extend_from_slice(&digits);
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Value of the header `webhook-signature`, for those who check it; `None` when the secret has not
/// the form `whsec_` and base64.
#[must_use]
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let mut value = Vec::new();
    Signer::new(secret)?.sign(id.as_bytes(), timestamp.as_bytes(), body, &mut value);
    String::from_utf8(value).ok()
}

/// Appends the JSON of a message that goes to an application.
pub fn write_body(message: &Message, out: &mut Vec<u8>) {
    let written = match &message.content {
        Content::Event(event) => write(event_payload(event), out),
        Content::Text(_) | Content::Binary(_) => write(inbound_payload(message), out),
    };
    written.expect("strings and numbers have a form in JSON, and a Vec takes all");
}

fn write(payload: impl Serialize, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(out, &payload)
}

#[derive(Serialize)]
struct Payload<'a, T> {
    r#type: EventType<'a>,
    #[serde(serialize_with = "as_text")]
    timestamp: Rfc3339,
    data: T,
}

enum EventType<'a> {
    Message(&'a str),
    Inbound,
}

#[derive(Serialize)]
struct EventData<'a> {
    id: Shown<signalbox_router::MessageId>,
    recipient: u16,
    to: &'a str,
    from: &'a str,
    state: &'static str,
    provider: Option<&'a str>,
    remote_ids: &'a [String],
    error: Option<&'a str>,
    duplicate_possible: bool,
    metadata: Pairs<'a>,
}

#[derive(Serialize)]
struct InboundData<'a> {
    id: Shown<signalbox_router::MessageId>,
    from: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_hex: Option<Shown<Hex<'a>>>,
    provider: Option<&'a str>,
    sms: SmsPairs<'a>,
}

fn event_payload(event: &CallbackEvent) -> Payload<'_, EventData<'_>> {
    Payload {
        r#type: EventType::Message(event.state.name()),
        timestamp: Rfc3339(event.at),
        data: EventData {
            id: Shown(event.message),
            recipient: event.recipient,
            to: &event.to,
            from: &event.from,
            state: event.state.name(),
            provider: event.provider.as_deref(),
            remote_ids: &event.remote_ids,
            error: event.error.as_deref(),
            duplicate_possible: event.duplicate_possible,
            metadata: Pairs(&event.metadata),
        },
    }
}

fn inbound_payload(message: &Message) -> Payload<'_, InboundData<'_>> {
    let (text, binary_hex) = match &message.content {
        Content::Text(text) => (Some(text.as_str()), None),
        Content::Binary(octets) => (None, Some(Shown(Hex(octets)))),
        Content::Event(_) => (None, None),
    };
    Payload {
        r#type: EventType::Inbound,
        timestamp: Rfc3339(message.accepted_at),
        data: InboundData {
            id: Shown(message.id),
            from: &message.from,
            to: message.to.first().map_or("", String::as_str),
            text,
            binary_hex,
            provider: message.provider.as_deref(),
            sms: SmsPairs(&message.options),
        },
    }
}

impl Serialize for EventType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Message(state) => serializer.collect_str(&format_args!("message.{state}")),
            Self::Inbound => serializer.serialize_str("inbound.received"),
        }
    }
}

/// Something that is written as it is shown.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

struct Pairs<'a>(&'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The options `sms.…`, without the prefix.
struct SmsPairs<'a>(&'a [(String, String)]);

impl Serialize for SmsPairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0 {
            if let Some(name) = name.strip_prefix(SMS_PREFIX) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// As RFC 3339 has it.
fn as_text<S: Serializer>(time: &Rfc3339, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use signalbox_router::{Kind, State};

    use signalbox_router::Timestamp;

    use super::*;
    use crate::webhook::testing::{callback, inbound};

    fn body(message: &Message) -> String {
        let mut out = Vec::new();
        write_body(message, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event() {
        let message = callback("http://localhost/", State::Failed);
        assert_eq!(
            body(&message),
            r#"{"type":"message.failed","timestamp":"2027-01-15T08:00:00.000Z","data":{"#
                .to_owned()
                + r#""id":"00000000-0000-0000-0000-00000000002a","recipient":1,"#
                + r#""to":"sms:+491711234567","from":"ACME","state":"failed","provider":"acme","#
                + r#""remote_ids":["7","8"],"error":"UNDELIV","duplicate_possible":true,"#
                + r#""metadata":{"order":"\"5\""}}}"#
        );
    }

    #[test]
    fn a_message_from_a_phone() {
        let mut message = inbound("http://localhost/");
        assert_eq!(message.kind, Kind::Inbound);
        let text = body(&message);
        assert!(text.contains(r#""type":"inbound.received""#), "{text}");
        assert!(
            text.contains(r#""from":"+491711234567","to":"sms:100","text":"hi\n""#),
            "{text}"
        );
        assert!(
            text.ends_with(r#""provider":"acme","sms":{"data_coding":"0"}}}"#),
            "{text}"
        );
        message.content = Content::Binary(vec![0, 0xFF]);
        assert!(body(&message).contains(r#""binary_hex":"00ff""#));
    }

    /// Computed with Python's hmac module; id and timestamp are those of the specification's
    /// example.
    #[test]
    fn the_signature() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (id, timestamp) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(secret, id, timestamp, body).as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        assert_eq!(signature("whsec_?", id, timestamp, body), None);
        assert_eq!(signature("whsec_", id, timestamp, body), None);
        assert_eq!(format!("{:?}", Signer::new(secret).unwrap()), "***");
    }

    #[test]
    fn times() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59.000Z"),
        ];
        for (ms, text) in rows {
            assert_eq!(Rfc3339(Timestamp(ms)).to_string(), text);
        }
    }
}
