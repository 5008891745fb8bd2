//! Settings of one bind, and whether they can be.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use signalbox_codec::COctetStr;
use signalbox_codec::pdu::Bind;
use signalbox_session::driver::DriverConfig;
use signalbox_session::{BindType, Role, SessionConfig};

use crate::secret::Secret;
use crate::tls::TlsConfig;

/// Settings of one bind of a provider.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Name or address of the SMSC. All addresses of a name are tried, in their order.
    pub host: String,
    /// Its port. Default 2775.
    pub port: u16,
    /// What the bind may carry. Default transceiver.
    pub bind_type: BindType,
    /// Who we are; at most 15 octets.
    pub system_id: String,
    /// At most 8 octets. SMPP v3.4 §5.2.2.
    pub password: Secret,
    /// At most 12 octets. Default empty.
    pub system_type: String,
    /// 0x33, 0x34 or 0x50. Default 0x34.
    pub interface_version: u8,
    /// Type of number of `address_range`. Default 0.
    pub addr_ton: u8,
    /// Numbering plan of `address_range`. Default 0.
    pub addr_npi: u8,
    /// Addresses to be served, as a regular expression; at most 40 octets. Default empty.
    pub address_range: String,
    /// Sends no address_range whatever is set there. Default true.
    pub address_range_null: bool,
    /// Address of ours to connect from. Default any.
    pub local_address: Option<IpAddr>,
    /// Port of ours to connect from; 0: any. Default 0.
    pub local_port: u16,
    /// Requests that may wait for a response, 1 to 65,535. Default 100.
    pub window_size: u32,
    /// Requests of the SMSC that may wait for our response, 1 to 65,535. Default 1,000.
    pub inbound_window_size: u32,
    /// How long connecting to one address, TLS included, may take. Default 10 s.
    pub connect_timer: Duration,
    /// How long the bind may take. Default 5 s.
    pub session_init_timer: Duration,
    /// Silence after which an enquire_link is sent; zero: never. Default 30 s.
    pub enquire_link_timer: Duration,
    /// How long a response may take. Default 30 s.
    pub response_timer: Duration,
    /// Time without a message after which we unbind and bind again; zero: never. Default zero.
    pub inactivity_timer: Duration,
    /// How long an orderly end waits for pending responses before it unbinds. Default 5 s.
    pub drain_timer: Duration,
    /// First pause before a new attempt; it doubles. Default 1 s.
    pub bind_retry_delay: Duration,
    /// Longest pause, and the one after a wrong password. Default 60 s.
    pub bind_retry_delay_max: Duration,
    /// Start of the pseudo-random jitter of ±20 %. Give each bind another one.
    pub jitter_seed: u64,
    /// Puts many PDUs into one write. Default true.
    pub bulk_sending: bool,
    /// TLS; `None`: plain. Default plain.
    pub tls: Option<TlsConfig>,
}

impl ClientConfig {
    /// Defaults for a bind.
    #[must_use]
    pub fn new(host: impl Into<String>, system_id: impl Into<String>, password: Secret) -> Self {
        let session = SessionConfig::new(Role::Esme);
        Self {
            host: host.into(),
            port: 2775,
            bind_type: BindType::Transceiver,
            system_id: system_id.into(),
            password,
            system_type: String::new(),
            interface_version: 0x34,
            addr_ton: 0,
            addr_npi: 0,
            address_range: String::new(),
            address_range_null: true,
            local_address: None,
            local_port: 0,
            window_size: session.window_size,
            inbound_window_size: session.inbound_window_size,
            connect_timer: Duration::from_secs(10),
            session_init_timer: session.session_init_timer,
            enquire_link_timer: session.enquire_link_timer,
            response_timer: session.response_timer,
            inactivity_timer: session.inactivity_timer,
            drain_timer: Duration::from_secs(5),
            bind_retry_delay: Duration::from_secs(1),
            bind_retry_delay_max: Duration::from_secs(60),
            jitter_seed: 0,
            bulk_sending: true,
            tls: None,
        }
    }

    /// Whether the settings can be.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let strings = [
            ("system_id", self.system_id.as_str(), 15),
            ("password", self.password.expose(), 8),
            ("system_type", &self.system_type, 12),
            ("address_range", &self.address_range, 40),
        ];
        for (field, value, octets_max) in strings {
            if value.len() > octets_max || !value.is_ascii() || value.contains('\0') {
                let allowed = format!("at most {octets_max} ASCII characters without NUL");
                return Err(ConfigError { field, allowed });
            }
        }
        let limits = [
            ("window_size", self.window_size),
            ("inbound_window_size", self.inbound_window_size),
        ];
        for (field, value) in limits {
            if !(1..=65_535).contains(&value) {
                let allowed = format!("1 to 65535, not {value}");
                return Err(ConfigError { field, allowed });
            }
        }
        let timers = [
            ("connect_timer", self.connect_timer),
            ("session_init_timer", self.session_init_timer),
            ("response_timer", self.response_timer),
            ("bind_retry_delay", self.bind_retry_delay),
        ];
        for (field, value) in timers {
            if value.is_zero() {
                let allowed = "above zero".to_owned();
                return Err(ConfigError { field, allowed });
            }
        }
        if self.bind_retry_delay_max < self.bind_retry_delay {
            return Err(ConfigError {
                field: "bind_retry_delay_max",
                allowed: "at least bind_retry_delay".to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn bind(&self) -> Bind<'_> {
        Bind {
            system_id: checked(&self.system_id),
            password: checked(self.password.expose()),
            system_type: checked(&self.system_type),
            interface_version: self.interface_version,
            addr_ton: self.addr_ton,
            addr_npi: self.addr_npi,
            address_range: if self.address_range_null {
                COctetStr::EMPTY
            } else {
                checked(&self.address_range)
            },
            ..Bind::default()
        }
    }

    pub(crate) fn session(&self) -> SessionConfig {
        SessionConfig {
            window_size: self.window_size,
            inbound_window_size: self.inbound_window_size,
            response_timer: self.response_timer,
            enquire_link_timer: self.enquire_link_timer,
            session_init_timer: self.session_init_timer,
            inactivity_timer: self.inactivity_timer,
            ..SessionConfig::new(Role::Esme)
        }
    }

    pub(crate) fn driver(&self) -> DriverConfig {
        DriverConfig {
            one_write_per_pdu: !self.bulk_sending,
            ..DriverConfig::default()
        }
    }
}

/// A string that [`ClientConfig::check`] has seen.
fn checked(text: &str) -> COctetStr<'_> {
    COctetStr::new(text.as_bytes()).expect("check() refuses a NUL")
}

/// A setting out of its range. The value is not repeated: it may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field of [`ClientConfig`].
    pub field: &'static str,
    /// What it may be.
    pub allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.allowed)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_out_of_range_is_named() {
        let good = ClientConfig::new("smsc", "esme", Secret::new("password"));
        assert_eq!(good.check(), Ok(()));
        type Change = fn(&mut ClientConfig);
        let cases: &[(&str, Change)] = &[
            ("system_id", |c| c.system_id = "s".repeat(16)),
            ("system_id", |c| c.system_id = "a\0b".to_owned()),
            ("password", |c| c.password = Secret::new("123456789")),
            ("system_type", |c| c.system_type = "s".repeat(13)),
            ("address_range", |c| c.address_range = "ü".to_owned()),
            ("window_size", |c| c.window_size = 0),
            ("inbound_window_size", |c| c.inbound_window_size = 65_536),
            ("response_timer", |c| c.response_timer = Duration::ZERO),
            ("bind_retry_delay_max", |c| {
                c.bind_retry_delay_max = Duration::ZERO;
            }),
        ];
        for (field, change) in cases {
            let mut config = good.clone();
            change(&mut config);
            assert_eq!(config.check().map_err(|error| error.field), Err(*field));
        }
        assert!(!format!("{good:?}").contains("password\""), "{good:?}");
    }
}
