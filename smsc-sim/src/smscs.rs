//! The SMSCs of one process: `main`, and virtual ones that tests create and destroy, each on a
//! port of its own and with its own seed, clock, sessions and messages.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use crate::builder::StartError;
use crate::control::Control;
use crate::settings::Settings;
use crate::smsc::Smsc;

/// Name of the SMSC that the program was started with.
pub(crate) const MAIN: &str = "main";
/// Virtual SMSCs at the same time; one more is refused.
pub(crate) const VIRTUAL_MAX: usize = 1_000;
/// Characters of a name.
pub(crate) const NAME_CHARACTERS_MAX: usize = 64;

/// All SMSCs of a process.
#[derive(Clone, Debug)]
pub(crate) struct Smscs {
    main: Arc<Main>,
    others: Arc<Mutex<Others>>,
}

#[derive(Debug)]
struct Main {
    control: Control,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
}

#[derive(Debug, Default)]
struct Others {
    by_name: BTreeMap<String, Smsc>,
    /// Names given out so far.
    last_number: u64,
}

/// Why there is no other SMSC, or why it stays.
#[derive(Debug)]
pub(crate) enum SmscsError {
    /// The name has other characters than letters, digits, `-` and `_`, or too many.
    Name,
    /// There is one of this name.
    Taken,
    /// There are [`VIRTUAL_MAX`].
    TooMany,
    /// It did not start.
    Start(StartError),
}

impl fmt::Display for SmscsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(
                f,
                "1 to {NAME_CHARACTERS_MAX} letters, digits, - and _ are allowed"
            ),
            Self::Taken => f.write_str("there is an SMSC of this name"),
            Self::TooMany => write!(f, "there are {VIRTUAL_MAX} SMSCs, which is the limit"),
            Self::Start(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for SmscsError {}

/// An SMSC as a list shows it.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// Where it listens for SMPP.
    pub(crate) address: SocketAddr,
    /// Where it listens for SMPP over TLS.
    pub(crate) tls_address: Option<SocketAddr>,
    /// Access to it.
    pub(crate) control: Control,
}

impl Smscs {
    /// Only `main`.
    pub(crate) fn new(main: Control, address: SocketAddr, tls_address: Option<SocketAddr>) -> Self {
        let main = Main {
            control: main,
            address,
            tls_address,
        };
        Self {
            main: Arc::new(main),
            others: Arc::default(),
        }
    }

    /// `main`.
    pub(crate) fn main(&self) -> Listed {
        Listed {
            name: MAIN.to_owned(),
            address: self.main.address,
            tls_address: self.main.tls_address,
            control: self.main.control.clone(),
        }
    }

    /// The one of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Control> {
        if name == MAIN {
            return Some(self.main.control.clone());
        }
        let others = self.others();
        others.by_name.get(name).map(|smsc| smsc.control().clone())
    }

    /// All, `main` first and the others by name.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let others = self.others();
        let shown = others.by_name.iter().map(|(name, smsc)| listed(name, smsc));
        std::iter::once(self.main()).chain(shown).collect()
    }

    /// Starts another one; without a name it gets one.
    pub(crate) async fn create(
        &self,
        name: Option<String>,
        settings: Settings,
    ) -> Result<Listed, SmscsError> {
        let name = self.free_name(name)?;
        let settings = Settings {
            name: name.clone(),
            ..settings
        };
        let smsc = Smsc::start(settings).await.map_err(SmscsError::Start)?;
        let mut others = self.others();
        // Somebody else may have been faster.
        if others.by_name.contains_key(&name) {
            return Err(SmscsError::Taken);
        }
        let listed = listed(&name, &smsc);
        others.by_name.insert(name, smsc);
        self.share_capture(&others);
        Ok(listed)
    }

    /// Closes the sessions and the port of one, and waits until that is done; false when there is
    /// none of this name. `main` stays.
    pub(crate) async fn destroy(&self, name: &str) -> bool {
        let smsc = {
            let mut others = self.others();
            let smsc = others.by_name.remove(name);
            self.share_capture(&others);
            smsc
        };
        match smsc {
            Some(smsc) => {
                smsc.close().await;
                true
            }
            None => false,
        }
    }

    /// Unbinds all sessions of all but `main`, and stops them.
    pub(crate) async fn stop_others(&self) {
        let others = std::mem::take(&mut self.others().by_name);
        let mut stopping: JoinSet<()> = others.into_values().map(Smsc::end).collect();
        while stopping.join_next().await.is_some() {}
    }

    /// Closes all but `main`.
    pub(crate) fn drop_others(&self) {
        self.others().by_name.clear();
    }

    /// Gives each capture its share of what all may keep together.
    fn share_capture(&self, others: &Others) {
        let settings = self.main.control.settings();
        let octets_max = settings.capture_octets_of_each(1 + others.by_name.len());
        self.main.control.limit_capture(octets_max);
        for smsc in others.by_name.values() {
            smsc.control().limit_capture(octets_max);
        }
    }

    fn free_name(&self, name: Option<String>) -> Result<String, SmscsError> {
        let mut others = self.others();
        if others.by_name.len() >= VIRTUAL_MAX {
            return Err(SmscsError::TooMany);
        }
        let Some(name) = name else {
            return Ok(others.next_name());
        };
        let is_allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        if !(1..=NAME_CHARACTERS_MAX).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(SmscsError::Name);
        }
        if name == MAIN || others.by_name.contains_key(&name) {
            return Err(SmscsError::Taken);
        }
        Ok(name)
    }

    /// No invariant spans two statements under this lock, so a panic elsewhere does not spoil it.
    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Others {
    /// A name that nobody has.
    fn next_name(&mut self) -> String {
        loop {
            self.last_number += 1;
            let name = format!("smsc-{}", self.last_number);
            if !self.by_name.contains_key(&name) {
                return name;
            }
        }
    }
}

fn listed(name: &str, smsc: &Smsc) -> Listed {
    Listed {
        name: name.to_owned(),
        address: smsc.addr(),
        tls_address: smsc.tls_addr(),
        control: smsc.control().clone(),
    }
}
