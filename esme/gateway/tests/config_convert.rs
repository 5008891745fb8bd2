//! From the configuration to the settings of router, store and channels.

#![allow(clippy::unwrap_used)] // Test code.

mod config_bench;

use std::path::Path;

use config_bench::Folder;
use signalbox::config::{self, Config};
use signalbox_adapters::smpp::{Action, InboundConfig, PaceConfig, Profile, SubmitConfig};
use signalbox_codec::{CommandStatus, Tag};
use signalbox_esme::{ClientConfig, Secret, TlsConfig};
use signalbox_router::{RouterConfig, State, StateSet, UnknownOutcome};
use signalbox_store::StoreConfig;

fn load(text: &str) -> Config {
    let path = Folder::new();
    config::load(
        Some(&path.write("signalbox.toml", text)),
        std::iter::empty(),
    )
    .unwrap()
}

const MINIMAL: &str = "[provider.acme.bind.main]\nhost = \"smsc.example\"\nsystem_id = \"shop\"\n";

/// The defaults are written twice, here in words and there as values; they must not drift apart.
#[test]
fn defaults_are_those_of_the_parts() {
    let config = load(MINIMAL);
    assert_eq!(config.router(), RouterConfig::default());
    assert_eq!(
        config.store.config(),
        StoreConfig::new("/var/lib/signalbox")
    );
    let [provider] = config.smpp_providers(0).try_into().unwrap();
    assert_eq!(provider.name.as_str(), "acme");
    assert_eq!(provider.submit, SubmitConfig::default());
    assert_eq!(provider.inbound, InboundConfig::default());
    assert_eq!(provider.pace, PaceConfig::default());
    let [bind] = provider.binds.try_into().unwrap();
    assert_eq!(bind.name, "main");
    let address_range_null = bind.client.address_range_null;
    let plain = ClientConfig {
        address_range_null,
        ..ClientConfig::new("smsc.example", "shop", Secret::default())
    };
    assert_eq!(format!("{:?}", bind.client), format!("{plain:?}"));
    let tls = load(&format!("{MINIMAL}tls.mode = \"single\"\n"));
    let client = tls.provider["acme"].bind["main"].client(0);
    assert_eq!(
        format!("{:?}", client.tls),
        format!("{:?}", Some(TlsConfig::default()))
    );
}

/// The standard profile writes the channel's own table out.
#[test]
fn the_standard_profile_is_the_built_in_table() {
    let [provider] = load(MINIMAL).smpp_providers(0).try_into().unwrap();
    let written = provider.profile;
    let built_in = Profile::default();
    assert!(written.statuses.len() > 50);
    for status in (1..0x600).map(CommandStatus) {
        assert_eq!(written.action(status), built_in.action(status), "{status}");
        let is_bind = built_in.action(status)
            == Action::Retry {
                after_ms: Some(60_000),
            };
        let is_named = status.name().is_some();
        assert_eq!(
            written.statuses.contains_key(&status.0),
            is_named && !is_bind,
            "{status}"
        );
    }
}

#[test]
fn every_setting_of_the_sample_arrives() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/signalbox.toml");
    let config = config::load(Some(&sample), std::iter::empty()).unwrap();
    let [acme, backup] = config.smpp_providers(7).try_into().unwrap();
    assert_eq!(acme.pace.segments_per_second, Some(200.0));
    assert_eq!(
        (&*acme.inbound.account, &*acme.inbound.callback_url),
        ("shop", "https://shop.example/signalbox")
    );
    let names: Vec<&str> = backup.binds.iter().map(|bind| bind.name.as_str()).collect();
    assert_eq!(names, ["in", "out"]);
    assert_ne!(
        backup.binds[0].client.jitter_seed,
        backup.binds[1].client.jitter_seed
    );
    assert_eq!(backup.binds[0].client.port, 3551);
    assert!(backup.binds.iter().all(|bind| bind.client.tls.is_some()));
    let router = config.router();
    assert_eq!(router.routes[1].prefix, "+49");
    assert_eq!(
        router.routes[0].unknown_outcome,
        UnknownOutcome::HoldForReceipt
    );
    let shop = &config.account["shop"];
    let wished = StateSet::NONE
        .with(State::Delivered)
        .with(State::Failed)
        .with(State::Expired);
    assert_eq!(shop.callback_states(), wished);
}

#[test]
fn settings_arrive_where_they_belong() {
    let config = load(
        "[account.a]\nkey = \"a long enough key\"\n\
         [provider.acme]\nhost = \"h\"\nsystem_id = \"s\"\nsegments_max = -1\nsource_ton = 5\n\
         unknown_outcome = \"resend\"\nreceipt_id = \"decimal_to_hex\"\ndefault_alphabet = \"latin1\"\n\
         tlvs = { 0x1400 = \"u8:7\" }\nlong_message = \"sar\"\n\
         [provider.acme.status]\n0x45 = \"park 30s\"\nESME_RSYSERR = \"retry 1m\"\n\
         [provider.acme.receipt_error]\n027 = \"absent\"\n\
         [provider.acme.bind.x]\naddress_range = \"^49\"\nlocal_port = 4000\n\
         [route.a]\nto = \"sms\"\nprovider = [\"acme\"]\n",
    );
    let key = config.account["a"].key_hash().unwrap();
    assert_eq!(key[..4], [0x4d, 0x34, 0x36, 0xb2]);
    let [acme] = config.smpp_providers(0).try_into().unwrap();
    assert_eq!(acme.submit.segments_max, 255);
    assert_eq!(
        (acme.submit.source.ton, acme.submit.source.npi),
        (Some(5), None)
    );
    assert_eq!(acme.submit.tlvs, [(Tag(0x1400), vec![7])]);
    assert_eq!(acme.submit.default_alphabet.name(), "latin1");
    assert_eq!(acme.inbound.default_alphabet.name(), "latin1");
    assert_eq!(format!("{:?}", acme.inbound.receipt_id), "DecimalToHex");
    assert_eq!(format!("{:?}", acme.submit.long_message), "Sar");
    assert_eq!(
        acme.profile.statuses[&0x45],
        Action::ParkRoute { pause_ms: 30_000 }
    );
    assert_eq!(
        acme.profile.statuses[&0x08],
        Action::Retry {
            after_ms: Some(60_000)
        }
    );
    assert_eq!(acme.profile.receipt_errors["027"], "absent");
    let client = &acme.binds[0].client;
    assert_eq!(
        (client.address_range.as_str(), client.address_range_null),
        ("^49", false)
    );
    assert_eq!(client.local_port, 4_000);
    assert_eq!(
        config.router().routes[0].unknown_outcome,
        UnknownOutcome::Resend
    );
}
