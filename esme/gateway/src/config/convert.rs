//! From the configuration to the settings of router, store and channels: their types know nothing
//! of files, and this file knows nothing but how the two correspond.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use signalbox_adapters::{smpp, webhook};
use signalbox_codec::Tag;
use signalbox_codec::segment;
use signalbox_codec::text::{self, PreferredEncoding};
use signalbox_esme as esme;
use signalbox_router as router;
use signalbox_store::StoreConfig;

use super::codes;
use super::{
    Account, Alphabet, AutoOr, Bind, BindType, CallbackEvent, Config, Encoding, LongMessage,
    MessageMode, Provider, ReceiptId, Route, Secret, StatusAction, Store, Tls, TlsMode, TlsVersion,
    UnknownOutcome,
};

/// Milliseconds; durations of the configuration are bounded, so nothing is cut.
fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Config {
    /// Settings of the router core.
    #[must_use]
    pub fn router(&self) -> router::RouterConfig {
        router::RouterConfig {
            routes: self
                .route
                .iter()
                .map(|(name, route)| self.one_route(name, route))
                .collect(),
            retry_delays_ms: self.retry.delays.iter().copied().map(ms).collect(),
            webhook_retry_delays_ms: self.callback.retry_delays.iter().copied().map(ms).collect(),
            attempts_max: self.retry.attempts_max,
            receipt_timeout_ms: ms(self.retry.receipt_timeout),
            parked_receipt_timeout_ms: ms(self.retry.parked_receipt_timeout),
            callback_expiry_ms: ms(self.callback.expiry),
            unknown_after_restart: self.retry.unknown_after_restart.into(),
        }
    }

    fn one_route(&self, name: &str, route: &Route) -> router::Route {
        let (scheme, prefix) = route.to.split_once(':').unwrap_or((&route.to, ""));
        let first = route
            .provider
            .first()
            .and_then(|name| self.provider.get(name));
        let of_provider = first.map(|provider| provider.unknown_outcome);
        let unknown = route.unknown_outcome.or(of_provider);
        router::Route {
            name: name.to_owned(),
            scheme: scheme.to_owned(),
            prefix: prefix.to_owned(),
            providers: route
                .provider
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            unknown_outcome: unknown.unwrap_or(UnknownOutcome::HoldForReceipt).into(),
        }
    }

    /// Settings of the SMPP channels, one for each provider. `seed` spreads their reconnects.
    #[must_use]
    pub fn smpp_providers(&self, seed: u64) -> Vec<smpp::SmppProviderConfig> {
        let numbered = (0_u64..).zip(&self.provider);
        numbered
            .map(|(number, (name, provider))| smpp::SmppProviderConfig {
                name: name.as_str().into(),
                binds: provider.binds(seed.wrapping_add(number << 8)),
                profile: provider.profile(),
                pace: provider.pace(),
                submit: provider.submit(),
                inbound: self.inbound(provider),
            })
            .collect()
    }

    /// Settings of the webhook channel.
    #[must_use]
    pub fn webhook(&self) -> webhook::WebhookConfig {
        let signers = self.account.iter().filter_map(|(name, account)| {
            let secret = account.callback_secret.as_ref()?;
            Some((
                Arc::from(name.as_str()),
                webhook::Signer::new(secret.expose())?,
            ))
        });
        webhook::WebhookConfig {
            connections_max: self.callback.connections_max,
            connect_timeout: self.callback.connect_timeout,
            timeout: self.callback.timeout,
            allow_loopback: self.callback.allow_loopback,
            allow_link_local: self.callback.allow_link_local,
            ca: self.callback.ca.clone(),
            signers: signers.collect(),
        }
    }

    fn inbound(&self, provider: &Provider) -> smpp::InboundConfig {
        // Who is alone gets them without being named.
        let only = self
            .account
            .keys()
            .next()
            .filter(|_| self.account.len() == 1);
        let account = self
            .inbound
            .account
            .as_ref()
            .or(only)
            .map_or("", String::as_str);
        let url = self
            .account
            .get(account)
            .and_then(|account| account.callback_url.clone());
        smpp::InboundConfig {
            default_alphabet: provider.default_alphabet.into(),
            receipt_id: provider.receipt_id.into(),
            account: Arc::from(account),
            callback_url: url.map(|url| url.0.into()).unwrap_or_default(),
            expires_in_ms: ms(self.callback.expiry),
        }
    }
}

impl Store {
    /// Settings of the store.
    #[must_use]
    pub fn config(&self) -> StoreConfig {
        let octets = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        StoreConfig {
            path: self.path.clone(),
            segment_octets: self.segment.0,
            reserve_octets: self.reserve.0,
            checkpoint_octets: self.checkpoint.0,
            hot_entries_max: self.hot_entries_max,
            body_cache_octets: octets(self.body_cache.0),
            page_cache_octets: self.page_cache.0,
            linger_entries_max: self.linger_entries_max,
            linger_ms: ms(self.linger),
            idempotency_ms: ms(self.idempotency),
            parked_max: self.parked_max,
            retention_ms: ms(self.retention),
        }
    }
}

impl Account {
    /// SHA-256 of the API key; `None` when there is neither, which loading refuses.
    #[must_use]
    pub fn key_hash(&self) -> Option<[u8; 32]> {
        let of_key = |key: &Secret| Sha256::digest(key.expose().as_bytes()).into();
        self.key_sha256
            .as_ref()
            .map(|hash| hash.0)
            .or_else(|| self.key.as_ref().map(of_key))
    }

    /// The states that make a callback.
    #[must_use]
    pub fn callback_states(&self) -> router::StateSet {
        let states = self
            .callback_events
            .iter()
            .map(|event| router::State::from(*event));
        states.fold(router::StateSet::NONE, router::StateSet::with)
    }
}

impl Provider {
    fn binds(&self, seed: u64) -> Vec<smpp::BindConfig> {
        let numbered = (0_u64..).zip(&self.bind);
        numbered
            .map(|(number, (name, bind))| smpp::BindConfig {
                name: name.clone(),
                client: bind.client(seed.wrapping_add(number)),
            })
            .collect()
    }

    fn profile(&self) -> smpp::Profile {
        let statuses: BTreeMap<u32, smpp::Action> = self
            .status
            .iter()
            .filter_map(|(key, action)| Some((codes::command_status(key)?, (*action).into())))
            .collect();
        smpp::Profile {
            name: self.profile.clone(),
            statuses,
            receipt_errors: self.receipt_error.clone(),
            bind_status_retry_ms: ms(self.bind_status_retry),
        }
    }

    fn pace(&self) -> smpp::PaceConfig {
        smpp::PaceConfig {
            segments_per_second: self.pace.map(super::Rate::per_second),
            burst: self.pace_burst,
            throttle_delay: self.throttle_delay,
        }
    }

    fn submit(&self) -> smpp::SubmitConfig {
        let number = |setting: AutoOr| match setting {
            AutoOr::Auto => None,
            AutoOr::Number(number) => Some(number),
        };
        let tlvs = self.tlvs.iter();
        smpp::SubmitConfig {
            default_alphabet: self.default_alphabet.into(),
            preferred_encoding: self.preferred_encoding.into(),
            encoding_strict: self.encoding_strict,
            languages: self.languages.iter().map(|language| language.0).collect(),
            transliterate: self.transliterate,
            long_message: self.long_message.into(),
            payload_always: self.payload_always,
            segments_max: u8::try_from(self.segments_max).unwrap_or(segment::SEGMENTS_MAX),
            segment_octets: self.segment_octets,
            source: smpp::Numbering {
                ton: number(self.source_ton),
                npi: number(self.source_npi),
            },
            destination: smpp::Numbering {
                ton: number(self.destination_ton),
                npi: number(self.destination_npi),
            },
            registered_delivery: self.registered_delivery,
            registered_delivery_mask: self.registered_delivery_mask,
            priority_max: self.priority_max,
            message_mode: self.message_mode.into(),
            service_type: self.service_type.clone(),
            protocol_id: self.protocol_id,
            validity: self.validity,
            tlvs: tlvs
                .filter_map(|(key, value)| Some((Tag(codes::tag(key)?), value.0.clone())))
                .collect(),
            tlvs_required: self.tlvs_required.iter().map(|tag| Tag(tag.0)).collect(),
            subject_join: self.subject_join.clone(),
        }
    }
}

impl Bind {
    /// Settings of one bind; `jitter_seed` differs from bind to bind.
    #[must_use]
    pub fn client(&self, jitter_seed: u64) -> esme::ClientConfig {
        esme::ClientConfig {
            host: self.host.clone(),
            port: self.port.0,
            bind_type: self.bind_type.into(),
            system_id: self.system_id.clone(),
            password: self.password.clone().unwrap_or_default(),
            system_type: self.system_type.clone(),
            interface_version: self.interface_version.0,
            addr_ton: self.addr_ton,
            addr_npi: self.addr_npi,
            address_range: self.address_range.clone().unwrap_or_default(),
            address_range_null: self.address_range_null,
            local_address: self.local_address,
            local_port: self.local_port.map_or(0, |port| port.0),
            window_size: self.window_size,
            inbound_window_size: self.inbound_window_size,
            connect_timer: self.connect_timer,
            session_init_timer: self.session_init_timer,
            enquire_link_timer: self.enquire_link_timer,
            response_timer: self.response_timer,
            inactivity_timer: self.inactivity_timer,
            drain_timer: self.drain_timer,
            bind_retry_delay: self.bind_retry_delay,
            bind_retry_delay_max: self.bind_retry_delay_max,
            jitter_seed,
            bulk_sending: self.bulk_sending,
            tls: self.tls.config(),
        }
    }
}

impl Tls {
    fn config(&self) -> Option<esme::TlsConfig> {
        let mode = match self.mode {
            TlsMode::Off => return None,
            TlsMode::Single => esme::TlsMode::Single,
            TlsMode::Mutual => esme::TlsMode::Mutual,
        };
        Some(esme::TlsConfig {
            mode,
            version_min: match self.version_min {
                TlsVersion::V1_2 => esme::TlsVersion::Tls12,
                TlsVersion::V1_3 => esme::TlsVersion::Tls13,
            },
            ca: self.ca.clone(),
            pin_sha256: self.pin_sha256.iter().map(|hash| hash.0).collect(),
            server_name: self.server_name.clone(),
            verify_host: self.verify_host,
            identity: self.identity.clone(),
            identity_password: self.identity_password.clone().unwrap_or_default(),
        })
    }
}

/// Words of the configuration to values of the same meaning.
macro_rules! corresponds {
    ($from:ty => $to:ty { $($ours:ident => $theirs:expr),+ $(,)? }) => {
        impl From<$from> for $to {
            fn from(word: $from) -> Self {
                match word {
                    $(<$from>::$ours => $theirs,)+
                }
            }
        }
    };
}

corresponds!(UnknownOutcome => router::UnknownOutcome {
    HoldForReceipt => Self::HoldForReceipt,
    Resend => Self::Resend,
    NextRoute => Self::NextRoute,
});
corresponds!(CallbackEvent => router::State {
    Sent => Self::Sent,
    Delivered => Self::Delivered,
    Failed => Self::Failed,
    Expired => Self::Expired,
    Rejected => Self::Rejected,
    Unknown => Self::Unknown,
    Cancelled => Self::Cancelled,
});
corresponds!(Alphabet => text::Encoding {
    Gsm7 => Self::Gsm7,
    Ia5 => Self::Ia5,
    Latin1 => Self::Latin1,
    Ucs2 => Self::Ucs2,
    Utf8 => Self::Utf8,
});
corresponds!(Encoding => PreferredEncoding {
    Auto => Self::Auto,
    Gsm7 => Self::Only(text::Encoding::Gsm7),
    Ia5 => Self::Only(text::Encoding::Ia5),
    Latin1 => Self::Only(text::Encoding::Latin1),
    Ucs2 => Self::Only(text::Encoding::Ucs2),
});
corresponds!(LongMessage => segment::LongMessage {
    Udh8 => Self::Udh8,
    Udh16 => Self::Udh16,
    Sar => Self::Sar,
    Payload => Self::Payload,
});
corresponds!(MessageMode => smpp::MessageMode {
    Default => Self::Default,
    Datagram => Self::Datagram,
    Forward => Self::Forward,
    StoreAndForward => Self::StoreAndForward,
});
corresponds!(ReceiptId => smpp::ReceiptId {
    Auto => Self::Auto,
    Same => Self::Same,
    HexToDecimal => Self::HexToDecimal,
    DecimalToHex => Self::DecimalToHex,
});
corresponds!(BindType => esme::BindType {
    Transmitter => Self::Transmitter,
    Receiver => Self::Receiver,
    Transceiver => Self::Transceiver,
});

impl From<StatusAction> for smpp::Action {
    fn from(action: StatusAction) -> Self {
        match action {
            StatusAction::Permanent => Self::Permanent,
            StatusAction::Retry(after) => Self::Retry {
                after_ms: after.map(ms),
            },
            StatusAction::SlowDown => Self::SlowDown,
            StatusAction::NextRoute => Self::NextRoute,
            StatusAction::Park(pause) => Self::ParkRoute {
                pause_ms: ms(pause),
            },
        }
    }
}
