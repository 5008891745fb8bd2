//! Routes: which addresses go to which providers.

use super::kinds::words;
use super::setting::settings;

words! {
    /// What happens to a message that was written to a provider and never answered.
    pub enum UnknownOutcome {
        /// Nothing is sent again; a receipt may still tell.
        HoldForReceipt = "hold_for_receipt",
        /// It is sent again and marked as a possible duplicate.
        Resend = "resend",
        /// It goes to the next provider and is marked as a possible duplicate.
        NextRoute = "next_route",
    }
}

settings! {
    /// `[route.NAME]`: leads addresses to providers. The longest prefix wins; of two routes with
    /// the same prefix the one whose name comes first, which is refused as a mistake here.
    pub struct Route {
        /// Scheme of the addresses and, behind a colon, how they begin: `sms`, `sms:+49151`.
        to: String ["1" .. "64"];
        /// Providers in the order in which they are tried, 1 to 256.
        provider: Vec<String>;
        /// What happens to a message without an answer. Not set: what its first provider says.
        unknown_outcome: Option<UnknownOutcome>;
    }
}
