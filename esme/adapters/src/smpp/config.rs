//! Settings of one provider. Plain values: the gateway reads them from its configuration files.

use std::sync::Arc;

use signalbox_codec::Tag;
use signalbox_codec::segment::{LongMessage, SEGMENTS_MAX, USER_DATA_OCTETS};
use signalbox_codec::text::{Encoding, Language, PreferredEncoding};
use signalbox_router::ProviderName;

use super::pace::PaceConfig;
use super::profile::Profile;
/// Most binds of one provider.
pub const BINDS_MAX: usize = 255;

/// Settings of a provider.
#[derive(Clone, Debug)]
pub struct SmppProviderConfig {
    /// Name; remote ids are scoped by it.
    pub name: ProviderName,
    /// Its binds, 1 to [`BINDS_MAX`]: transceivers, or transmitters and receivers, in any mix.
    pub binds: Vec<BindConfig>,
    /// What its codes mean.
    pub profile: Profile,
    /// How fast it may be fed, all binds together.
    pub pace: PaceConfig,
    /// How messages are written.
    pub submit: SubmitConfig,
    /// How what it sends is read.
    pub inbound: InboundConfig,
}

/// One bind of a provider.
#[derive(Clone, Debug)]
pub struct BindConfig {
    /// Name, for logs and status.
    pub name: String,
    /// Where and how to bind, and the limits of the session.
    pub client: signalbox_esme::ClientConfig,
}

/// How messages become submit_sm.
#[derive(Clone, Debug, PartialEq)]
pub struct SubmitConfig {
    /// What `data_coding` 0 means at this provider. Default GSM 7-bit.
    pub default_alphabet: Encoding,
    /// Coding of texts. Default: the cheapest that loses nothing.
    pub preferred_encoding: PreferredEncoding,
    /// A text that does not fit the preferred coding is refused; otherwise it goes as UCS-2.
    /// Default off.
    pub encoding_strict: bool,
    /// Languages whose national tables may be used. Default none.
    pub languages: Vec<Language>,
    /// Replace characters by similar ones rather than use UCS-2. Default off.
    pub transliterate: bool,
    /// How a message of several segments is carried. Default: header with 8-bit reference.
    pub long_message: LongMessage,
    /// Every message goes in message_payload, also short ones. Default off.
    pub payload_always: bool,
    /// Most segments of a message, 1 to 255; one with more is refused. Default 255.
    pub segments_max: u8,
    /// User data octets of a segment, header included, 20 to 140. Default 140.
    pub segment_octets: u8,
    /// TON and NPI of senders.
    pub source: Numbering,
    /// TON and NPI of recipients.
    pub destination: Numbering,
    /// Receipts that are asked for when the message does not say. Default 1: final success or
    /// failure. SMPP v3.4 §5.2.17.
    pub registered_delivery: u8,
    /// Bits of registered_delivery that may be set. Default 0xFF.
    pub registered_delivery_mask: u8,
    /// Highest priority_flag, 0 to 3. Default 0.
    pub priority_max: u8,
    /// Message mode. Default [`MessageMode::Default`].
    pub message_mode: MessageMode,
    /// service_type, at most 5 octets. Default empty.
    pub service_type: String,
    /// protocol_id. Default 0.
    pub protocol_id: u8,
    /// Tell the provider when a message expires (validity_period). Default on.
    pub validity: bool,
    /// Optional parameters of every message. Default none.
    pub tlvs: Vec<(Tag, Vec<u8>)>,
    /// Optional parameters that a message must have; without them it is refused. Default none.
    pub tlvs_required: Vec<Tag>,
    /// Stands between subject and text. Default a space.
    pub subject_join: String,
}

impl Default for SubmitConfig {
    fn default() -> Self {
        Self {
            default_alphabet: Encoding::Gsm7,
            preferred_encoding: PreferredEncoding::Auto,
            encoding_strict: false,
            languages: Vec::new(),
            transliterate: false,
            long_message: LongMessage::Udh8,
            payload_always: false,
            segments_max: SEGMENTS_MAX,
            segment_octets: USER_DATA_OCTETS,
            source: Numbering::default(),
            destination: Numbering::default(),
            registered_delivery: 1,
            registered_delivery_mask: 0xFF,
            priority_max: 0,
            message_mode: MessageMode::Default,
            service_type: String::new(),
            protocol_id: 0,
            validity: true,
            tlvs: Vec::new(),
            tlvs_required: Vec::new(),
            subject_join: " ".to_owned(),
        }
    }
}

/// TON and NPI of an address. SMPP v3.4 §5.2.5, §5.2.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// Type of number; `None`: from the form of the address: 5 for letters, 1 for `+` and digits,
    /// 2 for digits. Default `None`.
    pub ton: Option<u8>,
    /// Numbering plan; `None`: 0 for letters, 1 for digits. Default `None`.
    pub npi: Option<u8>,
}

/// Message mode of esm_class. SMPP v3.4 §5.2.12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageMode {
    /// What the provider does by default, usually store and forward.
    #[default]
    Default = 0,
    /// One attempt.
    Datagram = 1,
    /// Response only after the attempt.
    Forward = 2,
    /// Store and forward.
    StoreAndForward = 3,
}

/// How what the provider sends is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundConfig {
    /// What `data_coding` 0 means. Default GSM 7-bit.
    pub default_alphabet: Encoding,
    /// How ids in receipts relate to ids in responses. Default [`ReceiptId::Auto`].
    pub receipt_id: ReceiptId,
    /// Account that messages from phones belong to. Default empty.
    pub account: Arc<str>,
    /// Where messages from phones are sent to; empty: they wait to be fetched. Default empty.
    pub callback_url: Arc<str>,
    /// How long a message from a phone may wait for its application. Default 3 days.
    pub expires_in_ms: u64,
}

impl Default for InboundConfig {
    fn default() -> Self {
        Self {
            default_alphabet: Encoding::Gsm7,
            receipt_id: ReceiptId::Auto,
            account: Arc::from(""),
            callback_url: Arc::default(),
            expires_in_ms: 3 * 24 * 60 * 60 * 1_000,
        }
    }
}

/// How the id in a receipt relates to the id in the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptId {
    /// All known forms are tried.
    #[default]
    Auto,
    /// The same.
    Same,
    /// Hexadecimal in the receipt, decimal in the response.
    HexToDecimal,
    /// Decimal in the receipt, hexadecimal in the response.
    DecimalToHex,
}
