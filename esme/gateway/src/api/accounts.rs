//! Who may call: accounts by the hash of their key. Keys themselves are not kept.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use signalbox_router::{StateSet, Timestamp};

use super::problem::Problem;
use super::rate::Bucket;

/// An account as the API sees it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// SHA-256 of its key.
    pub key_sha256: [u8; 32],
    /// Where events go when a message does not say; empty: nowhere.
    pub callback_url: Arc<str>,
    /// Which states make a callback.
    pub callback_states: StateSet,
    /// Messages per second that it may hand in; `None`: no limit.
    pub messages_per_second: Option<f64>,
}

/// An account with what it has used of its rate.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) account: Account,
    bucket: Option<Bucket>,
}

impl Caller {
    fn new(account: Account) -> Self {
        let bucket = account.messages_per_second.map(Bucket::new);
        Self { account, bucket }
    }

    /// Whether so many messages may come in now.
    ///
    /// # Errors
    /// A problem with status 429; none of the messages may.
    pub(super) fn take(&self, now: Timestamp, messages: usize) -> Result<(), Problem> {
        match &self.bucket {
            Some(bucket) if !bucket.take(now, messages) => Err(Problem::too_many()),
            _ => Ok(()),
        }
    }
}

/// All accounts.
///
/// Looking a hash up in a map takes a time that depends on the hash, not on the key, so the time
/// tells nothing that helps to guess a key.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    by_key: HashMap<[u8; 32], Arc<Caller>>,
}

impl Accounts {
    /// Collects accounts.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        let by_key = accounts
            .into_iter()
            .map(|account| (account.key_sha256, Arc::new(Caller::new(account))))
            .collect();
        Self { by_key }
    }

    /// The account that a request's key belongs to.
    ///
    /// # Errors
    /// A problem with status 401.
    pub(super) fn of_request(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Problem> {
        let value = headers
            .get(header::AUTHORIZATION)
            .map(axum::http::HeaderValue::as_bytes);
        let key = value.and_then(|value| match value.split_first_chunk::<7>() {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(key),
            _ => None,
        });
        let hash: [u8; 32] = Sha256::digest(key.ok_or_else(Problem::unauthorized)?).into();
        self.by_key
            .get(&hash)
            .map(Arc::clone)
            .ok_or_else(Problem::unauthorized)
    }
}
