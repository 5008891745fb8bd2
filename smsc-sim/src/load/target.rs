//! Where the load goes and as whom: `smpp://SYSTEM_ID:PASSWORD@HOST:PORT`, `smpps://` over TLS, or
//! the HTTP API of the gateway as `http://KEY@HOST:PORT`, `https://` over TLS.

use std::fmt;
use std::str::FromStr;

/// Octets of a system_id at most, without its NUL. SMPP v3.4 §5.2.1.
const SYSTEM_ID_OCTETS_MAX: usize = 15;
/// Octets of a password at most, without its NUL. SMPP v3.4 §5.2.2.
const PASSWORD_OCTETS_MAX: usize = 8;

/// What is spoken to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// SMPP, port 2775.
    Smpp,
    /// SMPP over TLS, port 3550.
    Smpps,
    /// HTTP, port 8080.
    Http,
    /// HTTP over TLS, port 443.
    Https,
}

impl Scheme {
    /// All of them by their names, with the port when none is named.
    const NAMED: [(&str, Self, u16); 4] = [
        ("smpp", Self::Smpp, 2775),
        ("smpps", Self::Smpps, 3550),
        ("http", Self::Http, 8080),
        ("https", Self::Https, 443),
    ];

    /// Whether TLS is spoken below.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Smpps | Self::Https)
    }

    /// Whether it is the HTTP API of the gateway.
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// Where to and who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is spoken.
    pub scheme: Scheme,
    /// Who binds; empty with HTTP.
    pub system_id: String,
    /// Its password; with HTTP the key.
    pub password: String,
    /// Name or address; an IPv6 address stands in brackets in the text.
    pub host: String,
    /// Port; default 2775, with TLS 3550; 8080 and 443 with HTTP.
    pub port: u16,
}

impl Target {
    /// Host and port; an IPv6 address in brackets.
    pub(super) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

/// What is wrong with the text of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetError {
    part: &'static str,
    problem: &'static str,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, problem } = self;
        write!(
            f,
            "{part} {problem}; wanted: smpp://SYSTEM_ID:PASSWORD@HOST:PORT or http://KEY@HOST:PORT, \
             with TLS smpps:// or https://"
        )
    }
}

impl std::error::Error for TargetError {}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = |part, problem| TargetError { part, problem };
        let (name, rest) = text.split_once("://").unwrap_or(("", text));
        let (_, scheme, port_default) = *Scheme::NAMED
            .iter()
            .find(|(known, ..)| *known == name)
            .ok_or_else(|| wrong("the scheme", "is not smpp, smpps, http or https"))?;
        let (account, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (system_id, password) = if scheme.is_http() {
            ("", account)
        } else {
            account.split_once(':').unwrap_or((account, ""))
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let bracketed = place
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => place
                .split_once(':')
                .map_or((place, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains('/') {
            return Err(wrong("the host", "is missing or has a path behind it"));
        }
        if system_id.len() > SYSTEM_ID_OCTETS_MAX || system_id.contains('\0') {
            return Err(wrong("the system_id", "has more than 15 octets or a NUL"));
        }
        if scheme.is_http() && !password.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(wrong("the key", "has characters that HTTP does not take"));
        }
        let too_long = !scheme.is_http() && password.len() > PASSWORD_OCTETS_MAX;
        if too_long || password.contains('\0') {
            return Err(wrong("the password", "has more than 8 octets or a NUL"));
        }
        let port = port.map_or(Ok(port_default), str::parse);
        Ok(Self {
            scheme,
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            host: host.to_owned(),
            port: port.map_err(|_| wrong("the port", "is no number from 0 to 65535"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_what_they_mean() {
        let table = [
            ("smpp://u:p@h:1", Ok(("u", "p", "h", 1))),
            ("smpp://u:p@127.0.0.1", Ok(("u", "p", "127.0.0.1", 2775))),
            ("smpp://u:p@q@[::1]:9", Ok(("u", "p@q", "::1", 9))),
            ("smpp://h", Ok(("", "", "h", 2775))),
            ("smpps://u:p@h", Ok(("u", "p", "h", 3550))),
            ("http://h", Ok(("", "", "h", 8080))),
            ("http://a:long-key@h:1/", Ok(("", "a:long-key", "h", 1))),
            ("https://key@[::1]", Ok(("", "key", "::1", 443))),
            ("ftp://h", Err("the scheme")),
            ("h:2775", Err("the scheme")),
            ("http://h/v1/messages", Err("the host")),
            ("http://k\ny@h", Err("the key")),
            ("smpp://u:p@", Err("the host")),
            ("smpp://u:p@h:x", Err("the port")),
            ("smpp://u:123456789@h", Err("the password")),
            ("smpp://1234567890123456:p@h", Err("the system_id")),
        ];
        for (text, expected) in table {
            let parsed: Result<Target, TargetError> = text.parse();
            let seen = match &parsed {
                Ok(t) => Ok((&*t.system_id, &*t.password, &*t.host, t.port)),
                Err(error) => Err(error.part),
            };
            assert_eq!(seen, expected, "{text}");
        }
    }
}
