//! From an address to a route: the longest prefix of its scheme wins.

use std::collections::BTreeMap;

use crate::config::{ROUTE_PROVIDERS_MAX, Route};
use crate::ids::ProviderName;

/// The routes, ready for lookups whose cost does not grow with their number.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    schemes: BTreeMap<String, Scheme>,
}

/// The routes of one scheme.
#[derive(Debug, Default)]
struct Scheme {
    /// Lengths of prefixes that occur, longest first.
    lengths: Vec<usize>,
    by_prefix: BTreeMap<String, Route>,
}

impl RouteTable {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let mut table = Self::default();
        for route in routes.iter().filter(|route| !route.providers.is_empty()) {
            let prefix = without_plus(&route.prefix).to_owned();
            let scheme = table.schemes.entry(route.scheme.clone()).or_default();
            scheme.lengths.push(prefix.len());
            let rival = scheme.by_prefix.get(&prefix);
            if rival.is_none_or(|rival| route.name < rival.name) {
                scheme.by_prefix.insert(prefix, route.clone());
            }
        }
        for scheme in table.schemes.values_mut() {
            scheme.lengths.sort_unstable_by(|a, b| b.cmp(a));
            scheme.lengths.dedup();
        }
        table
    }

    /// The route of an address with scheme (`sms:+491…`).
    pub(crate) fn route(&self, to: &str) -> Option<&Route> {
        let (scheme, address) = to.split_once(':')?;
        let scheme = self.schemes.get(scheme)?;
        let address = without_plus(address);
        scheme
            .lengths
            .iter()
            .filter_map(|length| address.get(..*length))
            .find_map(|prefix| scheme.by_prefix.get(prefix))
    }

    /// The provider that an address goes to after the one at `position`, which is `present`, and
    /// its position.
    pub(crate) fn next_provider(
        &self,
        to: &str,
        position: u8,
        present: Option<&ProviderName>,
    ) -> Option<(u8, &ProviderName)> {
        let providers = &self.route(to)?.providers;
        (0..=u8::MAX)
            .zip(providers.iter().take(ROUTE_PROVIDERS_MAX))
            .find(|(next, provider)| *next > position && Some(*provider) != present)
    }
}

fn without_plus(address: &str) -> &str {
    address.strip_prefix('+').unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::UnknownOutcome;

    fn route(name: &str, scheme: &str, prefix: &str, providers: &[&str]) -> Route {
        Route {
            name: name.into(),
            scheme: scheme.into(),
            prefix: prefix.into(),
            providers: providers
                .iter()
                .map(|name| ProviderName::from(*name))
                .collect(),
            unknown_outcome: UnknownOutcome::default(),
        }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_name() {
        let table = RouteTable::new(&[
            route("90-all", "sms", "", &["a"]),
            route("20-de", "sms", "+49", &["b"]),
            route("10-de", "sms", "49", &["c"]),
            route("30-mobile", "sms", "49151", &["d"]),
            route("40-empty", "sms", "4915123", &[]),
            route("50-mail", "email", "", &["e"]),
        ]);
        for (to, name) in [
            ("sms:+4915199", Some("30-mobile")),
            ("sms:4915199", Some("30-mobile")),
            ("sms:+49152", Some("10-de")),
            ("sms:+4915123", Some("30-mobile")),
            ("sms:+1", Some("90-all")),
            ("sms:", Some("90-all")),
            ("sms:+4é", Some("90-all")),
            ("email:a@example", Some("50-mail")),
            ("xmpp:a@example", None),
            ("+4915199", None),
        ] {
            assert_eq!(
                table.route(to).map(|route| route.name.as_str()),
                name,
                "{to}"
            );
        }
    }

    #[test]
    fn the_next_provider_is_another_one_behind_the_present() {
        let table = RouteTable::new(&[route("r", "sms", "", &["a", "a", "b"])]);
        let [a, b] = ["a", "b"].map(ProviderName::from);
        assert_eq!(table.next_provider("sms:1", 0, Some(&a)), Some((2, &b)));
        assert_eq!(table.next_provider("sms:1", 2, Some(&b)), None);
        assert_eq!(table.next_provider("email:1", 0, Some(&a)), None);
    }
}
