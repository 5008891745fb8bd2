//! Accounts: who may use the API, and where their events go.

use signalbox_esme::Secret;

use super::kinds::{Hex, HttpUrl, Rate, words};
use super::setting::settings;

words! {
    /// Events that a callback can tell.
    pub enum CallbackEvent {
        /// The provider took the message.
        Sent = "sent",
        /// The recipient has it.
        Delivered = "delivered",
        /// It cannot be delivered.
        Failed = "failed",
        /// Its time ran out.
        Expired = "expired",
        /// It was refused.
        Rejected = "rejected",
        /// It went out and nothing is known since.
        Unknown = "unknown",
        /// It was taken back.
        Cancelled = "cancelled",
    }
}

settings! {
    /// `[account.NAME]`: an application that uses the API.
    pub struct Account {
        /// SHA-256 of the API key, as 64 hexadecimal digits: `printf %s KEY | sha256sum`. Exactly
        /// one of `key_sha256` and `key` is set.
        key_sha256: Option<Hex<32>>;
        /// The API key itself (also `key_file`, `key_credential`).
        key: Option<Secret> ["8" .. "256"];
        /// Where events about the account's messages go, unless a message says otherwise, and
        /// where messages from phones go.
        callback_url: Option<HttpUrl>;
        /// Signs callbacks by Standard Webhooks: `whsec_` and base64 of 24 to 64 octets (also
        /// `callback_secret_file`, `callback_secret_credential`). Not set: callbacks have no
        /// signature.
        callback_secret: Option<Secret> ["1" .. "256"];
        /// Events that make a callback. A list takes the place of the default, which is all but
        /// `sent`; `[]` makes none.
        callback_events: Vec<CallbackEvent> = "delivered,failed,expired,rejected,unknown,cancelled";
        /// Most messages per time that the account may hand in; more are refused with 429.
        rate: Option<Rate> ["0.001/s" .. "10000000/s"];
    }
}
