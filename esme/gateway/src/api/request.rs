//! One object of `POST /v1/messages` to a message, or to the problem that names its field.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use signalbox_router::{
    Content, Kind, Message, MessageId, Priority, RECIPIENTS_MAX, StateSet, Timestamp, parse_rfc3339,
};

use super::fields::Fields;
use super::problem::Problem;
use super::sms_options::is_printable;

use crate::config::parse_duration;

/// Longest text. 255 parts of 153 septets.
pub(super) const TEXT_CHARACTERS_MAX: usize = 39_015;
/// Longest address, with its scheme.
const ADDRESS_CHARACTERS_MAX: usize = 256;
/// Longest binary content, in octets.
const BINARY_OCTETS_MAX: usize = 65_535;
/// Longest sender of a short message: source_addr, SMPP v3.4 §5.2.8.
const SMS_SENDER_OCTETS_MAX: usize = 20;
const SUBJECT_CHARACTERS_MAX: usize = 1_000;
const KEY_CHARACTERS_MAX: usize = 255;
const URL_CHARACTERS_MAX: usize = 2_048;
const METADATA_ENTRIES_MAX: usize = 64;
/// Longest life of a message.
const VALIDITY_MS_MAX: u64 = 7 * 24 * 3_600_000;

/// All fields that a message may have.
const FIELDS: &[&str] = &[
    "to",
    "from",
    "text",
    "content",
    "subject",
    "priority",
    "expires_in",
    "expires_at",
    "not_before",
    "idempotency_key",
    "callback_url",
    "metadata",
    "sms",
    "failover",
    "resend_max",
    "application",
    "carrier",
    "cost_max",
    "speed_min",
];

/// Fields of the interface that this version refuses, rather than to pass them over in silence.
const FIELDS_NOT_YET: &[&str] = &[
    "failover",
    "resend_max",
    "application",
    "carrier",
    "cost_max",
    "speed_min",
];

/// What a request does not say itself.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) account: Arc<str>,
    pub(super) callback_url: Arc<str>,
    pub(super) callback_states: StateSet,
    pub(super) validity_ms: u64,
    pub(super) now: Timestamp,
    /// The `Idempotency-Key` header, for a request of one message.
    pub(super) idempotency_key: String,
}

/// Reads one message, an object of JSON.
pub(super) fn message(raw: &[u8], defaults: &Defaults) -> Result<Message, Problem> {
    let mut fields = Fields::parse(raw)?;
    for name in FIELDS_NOT_YET {
        if fields.take(name).is_some() {
            return Err(fields.problem(name, "not available in this version"));
        }
    }
    let to = recipients(&mut fields)?;
    let options = super::sms_options::take(&mut fields)?;
    let content = content(&mut fields, &options)?;
    let (not_before, expires_at) = times(&mut fields, defaults)?;
    let idempotency_key = match fields.string("idempotency_key", KEY_CHARACTERS_MAX)? {
        Some(key) => key,
        None => defaults.idempotency_key.clone(),
    };
    let from = fields
        .string("from", ADDRESS_CHARACTERS_MAX)?
        .unwrap_or_default();
    if to.iter().any(|to| to.starts_with("sms:")) {
        check_sms_sender(&from).map_err(|detail| fields.problem("from", detail))?;
    }
    let message = Message {
        id: MessageId(uuid::Uuid::now_v7().as_u128()),
        kind: Kind::Outgoing,
        account: Arc::clone(&defaults.account),
        from,
        to,
        subject: fields
            .string("subject", SUBJECT_CHARACTERS_MAX)?
            .unwrap_or_default(),
        content,
        priority: priority(&mut fields)?,
        accepted_at: defaults.now,
        not_before,
        expires_at,
        request_hash: if idempotency_key.is_empty() {
            0
        } else {
            hash(raw)
        },
        idempotency_key,
        callback_url: callback_url(&mut fields, defaults)?,
        callback_states: defaults.callback_states,
        parent: None,
        provider: None,
        metadata: fields.strings("metadata", METADATA_ENTRIES_MAX)?,
        options,
    };
    fields.end(FIELDS)?;
    Ok(message)
}

fn recipients(fields: &mut Fields) -> Result<Vec<String>, Problem> {
    let list = match fields.take("to") {
        None => return Err(fields.missing("to", FIELDS, "an address or a list of addresses")),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    if list.is_empty() || list.len() > RECIPIENTS_MAX {
        let detail = format!(
            "{} recipients where 1 to {RECIPIENTS_MAX} must be",
            list.len()
        );
        return Err(fields.problem("to", detail));
    }
    let many = list.len() > 1;
    let mut to = Vec::with_capacity(list.len());
    for (position, value) in list.into_iter().enumerate() {
        let field = if many {
            format!("to[{position}]")
        } else {
            "to".to_owned()
        };
        let Value::String(address) = value else {
            return Err(fields.problem(&field, format!("{value} where an address must be")));
        };
        to.push(address_of(&address).map_err(|detail| fields.problem(&field, detail))?);
    }
    Ok(to)
}

/// An address with its scheme. A bare number is a phone number.
fn address_of(text: &str) -> Result<String, String> {
    if text.len() > ADDRESS_CHARACTERS_MAX {
        return Err(format!("longer than {ADDRESS_CHARACTERS_MAX} octets"));
    }
    let (scheme, rest) = text.split_once(':').unwrap_or(("sms", text));
    match scheme {
        "sms" | "tel" => {
            let number: String = rest.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            let digits = number.strip_prefix('+').unwrap_or(&number);
            let valid = (1..=20).contains(&digits.len())
                && digits.bytes().all(|octet| octet.is_ascii_digit());
            if !valid {
                return Err(format!(
                    "`{text}` is no phone number: 1 to 20 digits, `+` in front"
                ));
            }
            Ok(format!("sms:{number}"))
        }
        "email" | "xmpp" | "apns" | "fcm" | "uri" | "user" | "group" if !rest.is_empty() => {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "`{text}` is no address: a phone number, with or without sms: in front"
        )),
    }
}

/// Whether a submit_sm can carry the sender. The `+` of a number is not among its octets: it
/// becomes the type of number.
fn check_sms_sender(from: &str) -> Result<(), String> {
    if !is_printable(from) {
        return Err("not printable ASCII, which is all that SMS can carry".to_owned());
    }
    let is_number = |text: &str| {
        let digit = |octet: u8| octet.is_ascii_digit() || matches!(octet, b'*' | b'#');
        text.bytes().all(digit)
    };
    let number = from.strip_prefix('+').filter(|digits| is_number(digits));
    if number.unwrap_or(from).len() > SMS_SENDER_OCTETS_MAX {
        let detail = format!("longer than {SMS_SENDER_OCTETS_MAX} octets, which SMS cannot carry");
        return Err(detail);
    }
    Ok(())
}

fn content(fields: &mut Fields, options: &[(String, String)]) -> Result<Content, Problem> {
    let text = fields.string("text", TEXT_CHARACTERS_MAX)?;
    let content = fields.take("content");
    let binary = options.iter().find(|(name, _)| name == "sms.binary_hex");
    match (text, content, binary) {
        (Some(text), None, None) => Ok(Content::Text(text)),
        (None, Some(value), None) => content_object(value),
        (None, None, Some((_, hex))) => Ok(Content::Binary(
            super::sms_options::octets_of_hex(hex).unwrap_or_default(),
        )),
        (None, None, None) => {
            Err(fields.missing("text", FIELDS, "give text, content or sms.binary_hex"))
        }
        _ => Err(fields.problem("text", "give only one of text, content and sms.binary_hex")),
    }
}

fn content_object(value: Value) -> Result<Content, Problem> {
    let mut fields = Fields::new(value, "content")?;
    let kind = fields.string("type", 255)?;
    let text = fields.string("text", TEXT_CHARACTERS_MAX)?;
    let base64 = fields.string("base64", BINARY_OCTETS_MAX * 2)?;
    let content = match (text, base64) {
        (Some(text), None) => {
            if kind
                .as_deref()
                .is_some_and(|kind| !kind.starts_with("text/plain"))
            {
                return Err(fields.problem("type", "text can only be text/plain here"));
            }
            Content::Text(text)
        }
        (None, Some(base64)) => {
            let octets = base64::engine::general_purpose::STANDARD
                .decode(base64.as_bytes())
                .map_err(|error| fields.problem("base64", format!("no base64: {error}")))?;
            if octets.len() > BINARY_OCTETS_MAX {
                let detail = format!("more than {BINARY_OCTETS_MAX} octets");
                return Err(fields.problem("base64", detail));
            }
            Content::Binary(octets)
        }
        _ => return Err(fields.problem("text", "give either text or base64")),
    };
    fields.end(&["type", "text", "base64"])?;
    Ok(content)
}

fn priority(fields: &mut Fields) -> Result<Priority, Problem> {
    let Some(text) = fields.string("priority", 16)? else {
        return Ok(Priority::Normal);
    };
    match text.as_str() {
        "lowest" => Ok(Priority::Lowest),
        "low" => Ok(Priority::Low),
        "normal" => Ok(Priority::Normal),
        "high" => Ok(Priority::High),
        "highest" => Ok(Priority::Highest),
        _ => {
            let detail = format!("`{text}` where lowest, low, normal, high or highest must be");
            Err(fields.problem("priority", detail))
        }
    }
}

fn times(fields: &mut Fields, defaults: &Defaults) -> Result<(Timestamp, Timestamp), Problem> {
    let not_before = time(fields, "not_before")?.unwrap_or_default();
    let start = defaults.now.max(not_before);
    let in_ms = match fields.take("expires_in") {
        None => None,
        Some(value) => Some(duration_ms(&value).ok_or_else(|| {
            let detail = format!("{value} where seconds or a duration such as \"2h\" must be");
            fields.problem("expires_in", detail)
        })?),
    };
    let expires_at = match (time(fields, "expires_at")?, in_ms) {
        (Some(_), Some(_)) => {
            return Err(fields.problem("expires_at", "give only one of expires_in, expires_at"));
        }
        (Some(at), None) => at,
        (None, Some(ms)) => defaults.now.plus_ms(ms),
        (None, None) => start.plus_ms(defaults.validity_ms),
    };
    if expires_at <= start || expires_at.since_ms(start) > VALIDITY_MS_MAX {
        let field = if in_ms.is_some() {
            "expires_in"
        } else {
            "expires_at"
        };
        let detail = if expires_at <= start {
            "before the message may be sent"
        } else {
            "more than 7 days after the message may be sent"
        };
        return Err(fields.problem(field, detail));
    }
    Ok((not_before, expires_at))
}

fn time(fields: &mut Fields, field: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = fields.string(field, 64)? else {
        return Ok(None);
    };
    match parse_rfc3339(&text) {
        Some(at) => Ok(Some(at)),
        None => {
            let detail = format!("`{text}` where a time such as 2026-11-22T01:02:03Z must be");
            Err(fields.problem(field, detail))
        }
    }
}

fn duration_ms(value: &Value) -> Option<u64> {
    match value {
        Value::Number(seconds) => seconds.as_u64()?.checked_mul(1_000),
        Value::String(text) => {
            parse_duration(text).and_then(|duration| u64::try_from(duration.as_millis()).ok())
        }
        _ => None,
    }
}

fn callback_url(fields: &mut Fields, defaults: &Defaults) -> Result<Arc<str>, Problem> {
    let Some(url) = fields.string("callback_url", URL_CHARACTERS_MAX)? else {
        return Ok(Arc::clone(&defaults.callback_url));
    };
    let valid = url.is_empty()
        || url.parse::<axum::http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
    if !valid {
        return Err(fields.problem("callback_url", format!("`{url}` is no http or https URL")));
    }
    Ok(url.into())
}

/// Tells one request from another; 64 bits are plenty for requests with the same key.
fn hash(raw: &[u8]) -> u64 {
    let digest = Sha256::digest(raw);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}
