//! Identifiers and time as the core knows them. Nothing here is made up inside the core: ids and
//! `now` come in from the owner, so that every run can be repeated.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use smol_str::SmolStr;

/// Milliseconds since the Unix epoch. 0 means "not set" where a field says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This time plus `delay_ms`, saturating.
    #[must_use]
    pub const fn plus_ms(self, delay_ms: u64) -> Self {
        Self(self.0.saturating_add(delay_ms))
    }

    /// Milliseconds from `earlier` to this time, 0 when `earlier` is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A message's id: a UUID, version 7, so that ids sort by time of acceptance.
///
/// Aligned like a `u64`: the 16 octets that a `u128` asks for make everything that holds an id
/// larger, and its allocations slower.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(8))]
pub struct MessageId(pub u128);

impl MessageId {
    /// Builds a UUIDv7 from the time and 74 random bits (the rest of `random` is not used).
    #[must_use]
    pub const fn new(now: Timestamp, random: u128) -> Self {
        let time = (now.0 as u128 & 0xFFFF_FFFF_FFFF) << 80;
        let random_a = (random & 0xFFF) << 64;
        let random_b = (random >> 12) & 0x3FFF_FFFF_FFFF_FFFF;
        Self(time | (0x7 << 76) | random_a | (0b10 << 62) | random_b)
    }

    /// Reads the form with dashes, or 32 hexadecimal digits. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let octets = text.as_bytes();
        let dashed = octets.len() == 36;
        if !dashed && octets.len() != 32 {
            return None;
        }
        let mut value = 0u128;
        for (at, octet) in octets.iter().enumerate() {
            if dashed && matches!(at, 8 | 13 | 18 | 23) {
                if *octet != b'-' {
                    return None;
                }
                continue;
            }
            let digit = char::from(*octet).to_digit(16)?;
            value = (value << 4) | u128::from(digit);
        }
        Some(Self(value))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut at = 0;
        for octet in self.0.to_be_bytes() {
            if matches!(at, 8 | 13 | 18 | 23) {
                at += 1;
            }
            text[at] = DIGITS[usize::from(octet >> 4)];
            text[at + 1] = DIGITS[usize::from(octet & 0xF)];
            at += 2;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One recipient of one message: the unit that is routed, dispatched and has a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The message.
    pub message: MessageId,
    /// Position of the recipient in the message's `to`, from 0.
    pub recipient: u16,
}

/// One part (segment) of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Number of the part, from 1 (as in `sar_segment_seqnum`).
    pub part: u8,
}

/// A provider's id of a part, as it came in the response. Up to 23 octets, which most providers
/// keep to, take no memory of their own; longer ones are shared by their copies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteId(SmolStr);

impl Deref for RemoteId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RemoteId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RemoteId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for RemoteId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl fmt::Debug for RemoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Name of a provider: a place that deliveries can be dispatched to. For SMS the name of the
/// operator account in the configuration; [`ProviderName::WEBHOOK`] is the callback channel.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(pub Arc<str>);

impl ProviderName {
    /// Name of the provider that carries callbacks and inbound messages to applications.
    /// Configurations cannot use it.
    pub const WEBHOOK: &'static str = "webhook";

    /// The callback channel.
    #[must_use]
    pub fn webhook() -> Self {
        Self(Arc::from(Self::WEBHOOK))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProviderName {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl fmt::Debug for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
