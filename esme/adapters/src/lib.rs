//! Channels behind the router: SMPP, webhook.
