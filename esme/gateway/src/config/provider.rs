//! Providers: operator accounts, their binds and their TLS. A profile holds the same keys as a
//! provider and stands under it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};
use signalbox_esme::Secret;

use super::codes::{LanguageCode, TlvTag, TlvValue};
use super::kinds::{AutoOr, Hex, Port, Rate, parse_duration, words};
use super::route::UnknownOutcome;
use super::setting::{Key, Leaf, settings};
use super::tree::{Node, Value};

words! {
    /// What `data_coding` 0 means at a provider.
    pub enum Alphabet {
        /// GSM 7-bit default alphabet, one septet per octet.
        Gsm7 = "gsm7",
        /// ASCII.
        Ia5 = "ia5",
        /// ISO 8859-1.
        Latin1 = "latin1",
        /// UCS-2, big-endian.
        Ucs2 = "ucs2",
        /// UTF-8.
        Utf8 = "utf8",
    }
}

words! {
    /// The coding that is tried first for a text.
    pub enum Encoding {
        /// The cheapest one that loses nothing.
        Auto = "auto",
        /// GSM 7-bit default alphabet.
        Gsm7 = "gsm7",
        /// ASCII (`data_coding` 1).
        Ia5 = "ia5",
        /// ISO 8859-1 (`data_coding` 3).
        Latin1 = "latin1",
        /// UCS-2 (`data_coding` 8).
        Ucs2 = "ucs2",
    }
}

words! {
    /// How a long text is sent.
    pub enum LongMessage {
        /// Segments with a user data header and a reference of 8 bits.
        Udh8 = "udh8",
        /// Segments with a user data header and a reference of 16 bits.
        Udh16 = "udh16",
        /// Segments with the `sar_*` parameters.
        Sar = "sar",
        /// One `message_payload`.
        Payload = "payload",
    }
}

words! {
    /// Messaging mode in `esm_class`.
    pub enum MessageMode {
        /// The provider's default.
        Default = "default",
        /// Datagram.
        Datagram = "datagram",
        /// Forward (transaction).
        Forward = "forward",
        /// Store and forward.
        StoreAndForward = "store_and_forward",
    }
}

words! {
    /// How the ids of receipts differ from those of responses.
    pub enum ReceiptId {
        /// All known forms are tried.
        Auto = "auto",
        /// They are the same.
        Same = "same",
        /// Receipts have hexadecimal ids, responses decimal ones.
        HexToDecimal = "hex_to_decimal",
        /// Receipts have decimal ids, responses hexadecimal ones.
        DecimalToHex = "decimal_to_hex",
    }
}

words! {
    /// What a bind may carry.
    pub enum BindType {
        /// Messages to phones.
        Transmitter = "transmitter",
        /// Receipts and messages from phones.
        Receiver = "receiver",
        /// Both.
        Transceiver = "transceiver",
    }
}

words! {
    /// Who shows a certificate.
    pub enum TlsMode {
        /// No TLS.
        Off = "off",
        /// The server.
        Single = "single",
        /// Both sides.
        Mutual = "mutual",
    }
}

/// What an answer of a provider means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusAction {
    /// `permanent`: the message has failed.
    Permanent,
    /// `retry`: it is tried again by the schedule of `[retry]`; `retry 60s`: after this time.
    Retry(Option<Duration>),
    /// `slow_down`: it goes back to the front of the queue, and the provider is slowed down.
    SlowDown,
    /// `next_route`: it goes to the next provider of its route.
    NextRoute,
    /// `park 30s`: back to the front of the queue; the provider gets nothing for this time.
    Park(Duration),
}

impl Leaf for StatusAction {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        let text = node.as_text()?;
        let (word, time) = match text.split_once(' ') {
            Some((word, time)) => (word, Some(parse_duration(time)?)),
            None => (text, None),
        };
        match (word, time) {
            ("permanent", None) => Some(Self::Permanent),
            ("retry", after) => Some(Self::Retry(after)),
            ("slow_down", None) => Some(Self::SlowDown),
            ("next_route", None) => Some(Self::NextRoute),
            ("park", Some(pause)) => Some(Self::Park(pause)),
            _ => None,
        }
    }

    fn allowed(_key: &Key<'_>) -> String {
        "one of permanent, retry, \"retry 60s\", slow_down, next_route, \"park 30s\"".to_owned()
    }

    fn schema(key: &Key<'_>) -> Json {
        json!({"type": "string", "title": Self::allowed(key)})
    }

    fn words() -> &'static [&'static str] {
        &["permanent", "retry", "slow_down", "next_route", "park 30s"]
    }
}

/// `interface_version` of a bind: 0x33, 0x34 or 0x50.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceVersion(pub u8);

impl Leaf for InterfaceVersion {
    const BARE: bool = true;

    fn parse(node: &Node, key: &Key<'_>) -> Option<Self> {
        let number = match node.as_text() {
            Some("3.3") => 0x33,
            Some("3.4") => 0x34,
            Some("5.0") => 0x50,
            _ => u8::parse(node, key)?,
        };
        [0x33, 0x34, 0x50].contains(&number).then_some(Self(number))
    }

    fn allowed(_key: &Key<'_>) -> String {
        "0x33, 0x34 or 0x50".to_owned()
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"enum": [0x33, 0x34, 0x50, "3.3", "3.4", "5.0"]})
    }
}

/// The oldest TLS version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl Leaf for TlsVersion {
    fn parse(node: &Node, _key: &Key<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Other => node.written.as_str(),
            _ => node.as_text()?,
        };
        match text {
            "1.2" => Some(Self::V1_2),
            "1.3" => Some(Self::V1_3),
            _ => None,
        }
    }

    fn allowed(_key: &Key<'_>) -> String {
        "\"1.2\" or \"1.3\"; no maintained Rust TLS library offers TLS 1.1 or older, so the peer \
         must allow 1.2: set tls.version_min = \"1.2\""
            .to_owned()
    }

    fn schema(_key: &Key<'_>) -> Json {
        json!({"enum": ["1.2", "1.3"]})
    }
}

settings! {
    /// `[provider.NAME.tls]` or `[provider.NAME.bind.NAME.tls]`: TLS of the connections.
    pub struct Tls {
        /// Who shows a certificate.
        mode: TlsMode = "off";
        /// The oldest version that is spoken.
        version_min: TlsVersion = "1.2";
        /// Our certificate and key, for `mutual`: PKCS#12 or PEM.
        identity: Option<PathBuf>;
        /// Opens that file (also `identity_password_file`, …).
        identity_password: Option<Secret> ["0" .. "1024"];
        /// Certificates that the server's must lead to: PEM. Not set: those of the system.
        ca: Option<PathBuf>;
        /// SHA-256 of certificates, as 64 hexadecimal digits each: the server's must be one of
        /// them, whoever issued it. None: it is checked by `ca`.
        pin_sha256: Vec<Hex<32>>;
        /// Name that the server's certificate must have. Not set: `host`.
        server_name: Option<String> ["1" .. "253"];
        /// Whether that name is checked.
        verify_host: bool = "true";
    }
}

settings! {
    /// `[provider.NAME.bind.NAME]`: one SMPP session. Every key may also stand in
    /// `[provider.NAME]`; it then holds for all binds that do not say otherwise.
    pub struct Bind {
        /// What the bind may carry.
        bind_type as "type": BindType = "transceiver";
        /// Host name or IP address of the SMSC. Every address of a name is tried.
        host: String ["1" .. "253"];
        /// Port of the SMSC (3550 is common with TLS).
        port: Port = "2775";
        /// Who binds.
        system_id: String ["1" .. "15"];
        /// Password (also `password_file`, `password_credential`). Not set: empty.
        password: Option<Secret> ["0" .. "8"];
        /// Kind of system; most operators want it empty.
        system_type: String ["0" .. "12"] = "";
        /// Version that we announce.
        interface_version: InterfaceVersion = "0x34";
        /// Addresses served, as a regular expression of the operator.
        address_range: Option<String> ["0" .. "40"];
        /// Send an empty `address_range` whatever it says.
        address_range_null: bool = "false";
        /// Type of number of `address_range`.
        addr_ton: u8 ["0" .. "255"] = "0";
        /// Numbering plan of `address_range`.
        addr_npi: u8 ["0" .. "255"] = "0";
        /// Our address of the connection. Not set: any.
        local_address: Option<IpAddr>;
        /// Our port of the connection. Not set: any.
        local_port: Option<Port>;
        /// Requests that may wait for a response at the same time.
        window_size: u32 ["1" .. "65535"] = "100";
        /// Requests of the SMSC that may wait for our response; more are answered "queue full".
        inbound_window_size: u32 ["1" .. "65535"] = "1000";
        /// How long connecting may take, TLS included.
        connect_timer: Duration ["100ms" .. "10m"] = "10s";
        /// How long the answer to the bind may take.
        session_init_timer: Duration ["100ms" .. "10m"] = "5s";
        /// How long an answer may take; then its outcome is unknown.
        response_timer: Duration ["100ms" .. "1h"] = "30s";
        /// Silence after which `enquire_link` is sent. 0: never.
        enquire_link_timer: Duration ["0s" .. "1d"] = "30s";
        /// Time without a message after which the session is unbound and bound again. 0: never.
        inactivity_timer: Duration ["0s" .. "7d"] = "0s";
        /// How long an orderly end waits for pending responses before it unbinds.
        drain_timer: Duration ["0s" .. "1h"] = "5s";
        /// Wait before the first new attempt to bind; it grows, and is spread by ±20 %.
        bind_retry_delay: Duration ["10ms" .. "1h"] = "1s";
        /// Longest wait; a wrong password or system id waits this long at once.
        bind_retry_delay_max: Duration ["10ms" .. "1d"] = "60s";
        /// Write many PDUs at once. Off: one write per PDU.
        bulk_sending: bool = "true";
        /// TLS.
        tls: Tls;
    }
}

settings! {
    /// `[provider.NAME]`: one operator account. All its binds share one pace.
    pub struct Provider and Bind {
        /// Profile whose settings stand under these: a file `providers/NAME.toml` beside this one,
        /// or one that comes with the program.
        profile: String = "standard";
        /// Binds by name, 1 to 255.
        bind: BTreeMap<String, Bind>;
        /// Most segments per time. Not set: as many as the windows allow.
        pace: Option<Rate> ["0.001/s" .. "1000000/s"];
        /// Segments that may go at once after a pause. Not set: those of 50 ms.
        pace_burst: Option<u32> ["1" .. "1000000"];
        /// Longest pause after "throttled" and "queue full".
        throttle_delay: Duration ["10ms" .. "1h"] = "30s";
        /// What `data_coding` 0 means there.
        default_alphabet: Alphabet = "gsm7";
        /// Coding that is tried first; what does not fit is sent in UCS-2.
        preferred_encoding: Encoding = "auto";
        /// Refuse what does not fit `preferred_encoding` instead.
        encoding_strict: bool = "false";
        /// Languages whose national GSM tables may be used: `tr`, `es`, `pt`, `hi`, …
        languages: Vec<LanguageCode>;
        /// Replace characters by similar ones (“ by ") rather than use UCS-2.
        transliterate: bool = "false";
        /// How a long text is sent.
        long_message: LongMessage = "udh8";
        /// Send short texts in `message_payload` too.
        payload_always: bool = "false";
        /// Most segments of a message; -1: no limit but the protocol's 255.
        segments_max: i32 ["-1" .. "255"] = "255";
        /// Most octets of a segment, its header included.
        segment_octets: u8 ["20" .. "140"] = "140";
        /// Type of number of senders; auto: from the form of the address.
        source_ton: AutoOr = "auto";
        /// Numbering plan of senders; auto: from the form of the address.
        source_npi: AutoOr = "auto";
        /// Type of number of recipients; auto: from the form of the address.
        destination_ton: AutoOr = "auto";
        /// Numbering plan of recipients; auto: from the form of the address.
        destination_npi: AutoOr = "auto";
        /// `registered_delivery` of messages that do not say: 1 asks for a receipt of the final
        /// state, 2 for one of failure, 0 for none.
        registered_delivery: u8 ["0" .. "255"] = "1";
        /// Bits of `registered_delivery` that are sent. 0: receipts are never asked for.
        registered_delivery_mask: u8 ["0" .. "255"] = "0xff";
        /// Highest `priority_flag`: HIGHEST is 2, HIGH 1, others 0, and none is higher than this.
        priority_max: u8 ["0" .. "3"] = "0";
        /// Messaging mode.
        message_mode: MessageMode = "default";
        /// `service_type` of messages.
        service_type: String ["0" .. "5"] = "";
        /// `protocol_id` of messages.
        protocol_id: u8 ["0" .. "255"] = "0";
        /// Tell the provider when a message expires (`validity_period`).
        validity: bool = "true";
        /// Stands between subject and text.
        subject_join: String ["0" .. "16"] = " ";
        /// Optional parameters of every message: `{ 0x1400 = "text:abc", 0x1401 = "hex:0102",
        /// 0x1402 = "u8:1" }`, also `u16:` and `u32:`.
        tlvs: BTreeMap<String, TlvValue>;
        /// Optional parameters without which a message is refused here.
        tlvs_required: Vec<TlvTag>;
        /// How ids of receipts differ from those of responses.
        receipt_id: ReceiptId = "auto";
        /// What happens to a message without an answer.
        unknown_outcome: UnknownOutcome = "hold_for_receipt";
        /// What answers mean, where it differs from the specification: by `command_status` as a
        /// number (`0x58`) or a name (`ESME_RTHROTTLED`).
        status: BTreeMap<String, StatusAction>;
        /// Time until the next attempt after a status that concerns the bind, not the message.
        bind_status_retry: Duration ["1s" .. "1d"] = "60s";
        /// Names of the `err` codes of receipts, as they stand there: `027 = "absent"`.
        receipt_error: BTreeMap<String, String>;
    }
}
