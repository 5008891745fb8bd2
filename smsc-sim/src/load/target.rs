//! `smpp://SYSTEM_ID:PASSWORD@HOST:PORT`.

use std::fmt;
use std::str::FromStr;

/// Port of SMPP when none is named.
const PORT_DEFAULT: u16 = 2775;

/// Where to and who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who binds.
    pub system_id: String,
    /// Its password.
    pub password: String,
    /// Name or address; an IPv6 address stands in brackets in the text.
    pub host: String,
    /// Port; default 2775.
    pub port: u16,
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
            "{part} {problem}; wanted: smpp://SYSTEM_ID:PASSWORD@HOST:PORT"
        )
    }
}

impl std::error::Error for TargetError {}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = |part, problem| TargetError { part, problem };
        let rest = text
            .strip_prefix("smpp://")
            .ok_or_else(|| wrong("the scheme", "is not smpp"))?;
        let (account, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (system_id, password) = account.split_once(':').unwrap_or((account, ""));
        let bracketed = place
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => place
                .split_once(':')
                .map_or((place, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(wrong("the host", "is missing"));
        }
        if system_id.len() > 15 || system_id.contains('\0') {
            return Err(wrong("the system_id", "has more than 15 octets or a NUL"));
        }
        if password.len() > 8 || password.contains('\0') {
            return Err(wrong("the password", "has more than 8 octets or a NUL"));
        }
        let port = port.map_or(Ok(PORT_DEFAULT), str::parse);
        Ok(Self {
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
            ("http://h", Err("the scheme")),
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
