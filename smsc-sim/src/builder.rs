//! Starting an SMSC: its settings step by step, and why it did not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::behaviour::Behaviour;
use crate::input::InputErrors;
use crate::scenario::{Rule, Scenario};
use crate::settings::Settings;
use crate::smsc::Smsc;

/// Settings of an SMSC that is about to start.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Settings,
    rules: Vec<Rule>,
}

impl Builder {
    /// Key of everything that looks random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// system_id in bind responses.
    #[must_use]
    pub fn system(mut self, system_id: &str) -> Self {
        system_id.clone_into(&mut self.settings.system_id);
        self
    }

    /// Lets this account bind, and from then on only those that are named.
    #[must_use]
    pub fn account(mut self, system_id: &str, password: &str) -> Self {
        let account = (system_id.to_owned(), password.to_owned());
        self.settings.accounts.push(account);
        self
    }

    /// How messages are treated at the start.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.settings.behaviour = behaviour;
        self
    }

    /// A clock that stands at this time, ms since 1970, until it is moved.
    #[must_use]
    pub const fn virtual_clock(mut self, unix_ms: u64) -> Self {
        self.settings.virtual_clock_unix_ms = Some(unix_ms);
        self
    }

    /// One more rule, behind those that were named before and in front of those of a scenario.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Rules and faults from the start.
    #[must_use]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.settings.scenario = scenario;
        self
    }

    /// Changes any other setting.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] names the setting and the address or value that is at fault.
    pub async fn start(self) -> Result<Smsc, StartError> {
        let mut settings = self.settings;
        let rules = Scenario::of_rules(self.rules).map_err(StartError::Rules)?;
        settings.scenario = rules.followed_by(settings.scenario);
        Smsc::start(settings).await
    }
}

/// Why an SMSC did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Listen {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The capture file cannot be written.
    CaptureFile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A setting has a value that cannot be.
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Rules or faults that cannot be.
    Rules(
        /// What is wrong with them.
        InputErrors,
    ),
    /// The certificates or the key cannot be used.
    Tls(
        /// What is wrong with them.
        String,
    ),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen {
                setting,
                address,
                error,
            } => write!(f, "cannot listen on {address} ({setting}): {error}"),
            Self::CaptureFile { path, error } => {
                write!(f, "cannot write the capture to {}: {error}", path.display())
            }
            Self::Setting { setting, problem } => write!(f, "{setting}: {problem}"),
            Self::Rules(errors) => write!(f, "{errors}"),
            Self::Tls(problem) => write!(f, "tls: {problem}"),
        }
    }
}

impl std::error::Error for StartError {}
