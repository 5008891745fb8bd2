//! Settings of the webhook channel. Plain values: the gateway reads them from its configuration.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::encode::Signer;

/// Settings of the webhook channel.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Most connections to one host and port, 1 to 10,000. Default 64.
    pub connections_max: usize,
    /// How long connecting may take, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// How long an answer may take. Default 10 s.
    pub timeout: Duration,
    /// Whether addresses of this machine are allowed. Default true: gateway and application often
    /// share a host.
    pub allow_loopback: bool,
    /// Whether link-local addresses and the metadata services of clouds are allowed. Default
    /// false.
    pub allow_link_local: bool,
    /// Authorities that are trusted with `https`: a PEM file; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// Keys by account. The callbacks of an account without one are not signed. Default none.
    pub signers: HashMap<Arc<str>, Signer>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            connections_max: 64,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            allow_loopback: true,
            allow_link_local: false,
            ca: None,
            signers: HashMap::new(),
        }
    }
}

/// The authorities for `https` cannot be read.
#[derive(Debug)]
pub struct WebhookConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for WebhookConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "authorities for callbacks: {}: {}",
            self.path.display(),
            self.reason
        )
    }
}

impl std::error::Error for WebhookConfigError {}
