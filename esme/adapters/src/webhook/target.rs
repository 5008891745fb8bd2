//! Where a callback goes: its URL taken apart, and the addresses that are never called. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use signalbox_router::{Dispatch, Kind};

use super::config::WebhookConfig;

/// Metadata services of clouds that have no link-local address.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xFD00, 0x0EC2, 0, 0, 0, 0, 0, 0x254)),
];

/// A server: what connections are pooled by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    /// `https`.
    pub(super) tls: bool,
    /// Name or address, without brackets.
    pub(super) host: String,
    /// Port.
    pub(super) port: u16,
}

/// A URL, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The server.
    pub(super) origin: Origin,
    /// Begin of a request to it: request line and the fields that are always the same.
    pub(super) head: Box<[u8]>,
}

/// The URL that a dispatch goes to.
pub(super) fn url(dispatch: &Dispatch) -> &str {
    match dispatch.message.kind {
        Kind::Inbound => &dispatch.message.callback_url,
        Kind::Outgoing | Kind::Callback => dispatch.to(),
    }
}

impl Target {
    /// Takes a URL apart. User names and passwords in it are not supported.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "callback_url: not a URL")?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("callback_url: only http and https are possible"),
        };
        let authority = uri.authority().ok_or("callback_url: has no host")?;
        if authority.as_str().contains('@') {
            return Err("callback_url: user names and passwords are not supported");
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err("callback_url: has no host");
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            origin: Origin {
                tls,
                host: host.to_ascii_lowercase(),
                port,
            },
            head: head(authority.as_str(), path),
        })
    }
}

/// No part of a URL that was parsed has a line end or other control characters.
fn head(authority: &str, path: &str) -> Box<[u8]> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         user-agent: signalbox\r\n"
    );
    head.into_bytes().into()
}

/// Why an address must not be called, if so. Asked after the name was resolved, of the very address
/// that is connected to.
pub(super) fn denied(address: IpAddr, config: &WebhookConfig) -> Option<&'static str> {
    let address = address.to_canonical();
    let link_local = METADATA.contains(&address)
        || match address {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
    if link_local && !config.allow_link_local {
        return Some("callback_url: a link-local address, and allow_link_local is off");
    }
    if (address.is_loopback() || address.is_unspecified()) && !config.allow_loopback {
        return Some("callback_url: an address of this machine, and allow_loopback is off");
    }
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_multicast() || broadcast {
        return Some("callback_url: not the address of one host");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        type Row = (
            &'static str,
            Result<(bool, &'static str, u16, &'static str, &'static str), ()>,
        );
        let rows: [Row; 11] = [
            (
                "http://a.example/x?y=1",
                Ok((false, "a.example", 80, "a.example", "/x?y=1")),
            ),
            (
                "https://A.example",
                Ok((true, "a.example", 443, "A.example", "/")),
            ),
            (
                "http://127.0.0.1:8080/",
                Ok((false, "127.0.0.1", 8080, "127.0.0.1:8080", "/")),
            ),
            (
                "http://[::1]:99/a",
                Ok((false, "::1", 99, "[::1]:99", "/a")),
            ),
            ("ftp://a.example/", Err(())),
            ("a.example/x", Err(())),
            ("/x", Err(())),
            ("http://u:p@a.example/", Err(())),
            ("http://a b/", Err(())),
            ("http://a/\r\nx: y", Err(())),
            ("", Err(())),
        ];
        for (url, expected) in rows {
            let target = Target::parse(url).map_err(|_| ());
            let expected = expected.map(|(tls, host, port, authority, path)| {
                let host = host.to_owned();
                (Origin { tls, host, port }, head(authority, path))
            });
            assert_eq!(
                target.map(|target| (target.origin, target.head)),
                expected,
                "{url}"
            );
        }
        assert!(head("a:1", "/x?y").starts_with(b"POST /x?y HTTP/1.1\r\nhost: a:1\r\n"));
    }

    #[test]
    fn addresses() {
        let shut = WebhookConfig {
            allow_loopback: false,
            ..WebhookConfig::default()
        };
        let open = WebhookConfig {
            allow_link_local: true,
            ..WebhookConfig::default()
        };
        let standard = WebhookConfig::default();
        let rows = [
            ("203.0.113.5", true, true, true),
            ("10.0.0.1", true, true, true),
            ("2001:db8::1", true, true, true),
            ("127.0.0.1", true, true, false),
            ("::1", true, true, false),
            ("::ffff:127.0.0.1", true, true, false),
            ("0.0.0.0", true, true, false),
            ("169.254.169.254", true, false, false),
            ("::ffff:169.254.169.254", true, false, false),
            ("fe80::1", true, false, false),
            ("fd00:ec2::254", true, false, false),
            ("100.100.100.200", true, false, false),
            ("255.255.255.255", false, false, false),
            ("224.0.0.1", false, false, false),
            ("ff02::1", false, false, false),
        ];
        for (text, in_open, in_standard, in_shut) in rows {
            let address: IpAddr = text.parse().unwrap();
            for (config, allowed) in [(&open, in_open), (&standard, in_standard), (&shut, in_shut)]
            {
                assert_eq!(
                    denied(address, config).is_none(),
                    allowed,
                    "{text}, {config:?}"
                );
            }
        }
    }
}
