//! Settings of the router core. The fields' documentation is their manual.

use crate::ids::ProviderName;

/// Most providers of one route; those behind it are never reached.
pub const ROUTE_PROVIDERS_MAX: usize = 256;

/// Settings of a [`crate::Router`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    /// Where messages go. An address without a route makes the whole message
    /// [`crate::SubmitResult::NoRoute`]. Default: none.
    pub routes: Vec<Route>,
    /// Milliseconds to wait before attempt 2, 3, … of a delivery at one provider; the last one
    /// repeats until the message expires. Each is spread by ±20 %. Range: 1 ms to 7 days, an empty
    /// list means one second. Default: 1 s, 5 s, 30 s, 2 min, 10 min, 30 min, 1 h.
    pub retry_delays_ms: Vec<u64>,
    /// The same for the webhook channel (callbacks and inbound messages). The number of attempts
    /// has no limit there but the expiry. Default: 1 s, 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 6 h.
    pub webhook_retry_delays_ms: Vec<u64>,
    /// Attempts of a delivery at one provider that may end in a temporary failure; then it has
    /// failed. Throttled and unwritten attempts do not count. Range: 1 to 65,535. Default: 100.
    pub attempts_max: u16,
    /// Milliseconds to wait for the receipt of a delivery that the provider took, or may have
    /// taken. Afterwards its state stays as it is (`sent` or `unknown`). Range: 1 s to 30 days.
    /// Default: 259,200,000 (72 h).
    pub receipt_timeout_ms: u64,
    /// Milliseconds that a receipt with an unknown id waits for its message; afterwards it is an
    /// orphan. Range: 1 s to 30 days. Default: 259,200,000 (72 h).
    pub parked_receipt_timeout_ms: u64,
    /// Milliseconds after which a callback is given up. Range: 1 s to 30 days.
    /// Default: 259,200,000 (3 days).
    pub callback_expiry_ms: u64,
    /// What happens to deliveries that were dispatched and had no outcome when the process ended.
    /// Default: [`UnknownOutcome::Resend`], because most of them never left; all are marked
    /// `duplicate_possible`.
    pub unknown_after_restart: UnknownOutcome,
}

impl Default for RouterConfig {
    fn default() -> Self {
        const SECOND: u64 = 1_000;
        const MINUTE: u64 = 60 * SECOND;
        const HOUR: u64 = 60 * MINUTE;
        Self {
            routes: Vec::new(),
            retry_delays_ms: vec![
                SECOND,
                5 * SECOND,
                30 * SECOND,
                2 * MINUTE,
                10 * MINUTE,
                30 * MINUTE,
                HOUR,
            ],
            webhook_retry_delays_ms: vec![
                SECOND,
                5 * SECOND,
                30 * SECOND,
                2 * MINUTE,
                10 * MINUTE,
                HOUR,
                3 * HOUR,
                6 * HOUR,
            ],
            attempts_max: 100,
            receipt_timeout_ms: 72 * HOUR,
            parked_receipt_timeout_ms: 72 * HOUR,
            callback_expiry_ms: 72 * HOUR,
            unknown_after_restart: UnknownOutcome::Resend,
        }
    }
}

/// A rule that leads addresses to providers. Of all routes that fit, the one with the longest
/// prefix is taken; of two with the same prefix, the one whose name comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name, as in the configuration (`10-default`).
    pub name: String,
    /// Scheme of the addresses, without the colon (`sms`).
    pub scheme: String,
    /// Beginning of the addresses behind the scheme (`+49151`); a leading `+` is ignored here and
    /// in the address. Empty: all addresses of the scheme.
    pub prefix: String,
    /// Providers in the order in which they are tried, 1 to [`ROUTE_PROVIDERS_MAX`]. A route
    /// without a provider is as good as none.
    pub providers: Vec<ProviderName>,
    /// What happens to a delivery that was written to the provider and never answered.
    /// Default: [`UnknownOutcome::HoldForReceipt`].
    pub unknown_outcome: UnknownOutcome,
}

/// What happens to a delivery whose outcome is unknown. The webhook channel always resends: its
/// receivers know a repeated callback by its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnknownOutcome {
    /// Nothing is sent again; a receipt may tell until `receipt_timeout_ms`.
    #[default]
    HoldForReceipt,
    /// It is sent again by the retry schedule and marked `duplicate_possible`; out of attempts, it
    /// is held.
    Resend,
    /// It goes to the next provider of the route and is marked `duplicate_possible`. It is held
    /// when there is none, or when it has several parts (some may be with the first provider).
    NextRoute,
}
