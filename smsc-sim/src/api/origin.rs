//! Keeps pages of other sites away: a browser lets them send requests to, and open WebSockets with,
//! whatever listens on its machine, and says in Origin who asks (RFC 6454 §7). A site whose name
//! leads to this machine (DNS rebinding) has the right Origin and gives itself away in Host
//! (RFC 9110 §7.2).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Names that mean this machine.
const OUR_NAMES: [&str; 2] = ["localhost", "localhost.localdomain"];
/// Allows any name.
const ANY: &str = "*";

/// What may stand in Host.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    /// Where the API is listened on.
    listens_on: IpAddr,
    allowed: Arc<[String]>,
}

impl Hosts {
    /// Names of this machine, the address that is listened on, and `allowed`.
    pub(super) fn new(listens_on: SocketAddr, allowed: &[String]) -> Self {
        Self {
            listens_on: listens_on.ip(),
            allowed: allowed.into(),
        }
    }

    /// Whether a host, with or without a port, is one of them. Who listens on all addresses does
    /// not know them, and no name leads to a literal one.
    fn allows(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let is_ours = match address.parse::<IpAddr>() {
            Ok(address) => {
                let is_any = self.listens_on.is_unspecified();
                is_any || address.is_loopback() || address == self.listens_on
            }
            Err(_) => OUR_NAMES.iter().any(|our| our.eq_ignore_ascii_case(name)),
        };
        let is_same = |allowed: &String| allowed == ANY || allowed.eq_ignore_ascii_case(name);
        is_ours || self.allowed.iter().any(is_same)
    }
}

/// Answers 403 to pages that do not come from here. Who is no browser says no Origin, and may leave
/// out Host.
pub(super) async fn only_our_pages(
    State(hosts): State<Hosts>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(HOST);
    if let Some(host) = host
        && !host.to_str().is_ok_and(|host| hosts.allows(host))
    {
        let detail = format!("Host {host:?} is no name of this machine; --http-host allows it");
        let problem = Problem::body(StatusCode::FORBIDDEN, detail);
        return problem.about("host").into_response();
    }
    if is_foreign(request.headers()) {
        let detail = "pages of other sites may not ask this";
        return Problem::body(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

/// A port follows the last colon; an address of IPv6 with a port stands in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => {
            let is_address = name.contains(':') && !name.ends_with(']');
            if is_address { host } else { name }
        }
        _ => host,
    }
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let site = origin.to_str().ok();
    let site = site.and_then(|origin| origin.split_once("://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    site.map(|(_, site)| site) != host || host.is_none()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn hosts_are_this_machine_or_what_was_allowed() {
        let one = Hosts::new(([192, 168, 0, 7], 8081).into(), &["sim.test".to_owned()]);
        let all = Hosts::new(([0, 0, 0, 0], 8081).into(), &[]);
        let any = Hosts::new(([127, 0, 0, 1], 8081).into(), &["*".to_owned()]);
        let table = [
            ("127.0.0.1:8081", true, true, true),
            ("localhost:8081", true, true, true),
            ("LOCALHOST", true, true, true),
            ("[::1]:8081", true, true, true),
            ("[::1]", true, true, true),
            ("192.168.0.7:80", true, true, true),
            ("192.168.0.8:80", false, true, true),
            ("sim.test:8081", true, false, true),
            ("evil.example:8081", false, false, true),
            ("localhost.evil.example", false, false, true),
            ("", false, false, true),
        ];
        for (host, by_one, by_all, by_any) in table {
            let seen = [one.allows(host), all.allows(host), any.allows(host)];
            assert_eq!(seen, [by_one, by_all, by_any], "{host}");
        }
    }

    #[test]
    fn only_pages_from_here_and_those_who_are_no_pages_may_ask() {
        let host = "127.0.0.1:8081";
        let table = [
            (None, false),
            (Some("http://127.0.0.1:8081"), false),
            (Some("https://127.0.0.1:8081"), false),
            (Some("http://127.0.0.1:9999"), true),
            (Some("http://elsewhere.example"), true),
            (Some("null"), true),
            (Some(""), true),
        ];
        for (origin, foreign) in table {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_foreign(&headers), foreign, "{origin:?}");
        }
    }
}
