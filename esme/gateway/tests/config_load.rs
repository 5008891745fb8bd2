//! Configurations that load: values, precedence, secrets, samples, and what is shown of them.

#![allow(clippy::unwrap_used)] // Test code.

mod config_bench;

use std::path::Path;
use std::time::Duration;

use config_bench::Folder;
use signalbox::config::{
    self, Alphabet, AutoOr, BindType, CallbackEvent, Config, InterfaceVersion, Loaded, LogFormat,
    LongMessage, Rate, ReceiptId, Size, StatusAction, TlsMode, TlsVersion, UnknownOutcome,
};

const MINIMAL: &str = "[provider.acme.bind.main]\nhost = \"smsc.example\"\nsystem_id = \"shop\"\n";

fn load(path: Option<&Path>, environment: &[(&str, &str)]) -> Loaded {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    match config::load_with_origins(path, environment) {
        Ok(loaded) => loaded,
        Err(errors) => panic!("{errors:#?}"),
    }
}

fn load_text(text: &str) -> Config {
    let folder = Folder::new();
    load(Some(&folder.write("signalbox.toml", text)), &[]).config
}

#[test]
fn nothing_at_all_gives_the_defaults_and_warnings() {
    let Loaded {
        config, warnings, ..
    } = load(None, &[]);
    assert_eq!(config.http.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.http.admin_listen, None);
    assert_eq!(config.store.path, Path::new("/var/lib/signalbox"));
    assert_eq!(config.store.reserve, Size(64 << 20));
    assert_eq!(config.log.format, LogFormat::Auto);
    assert_eq!(config.retry.delays.len(), 7);
    assert_eq!(config.retry.delays[6], Duration::from_secs(3_600));
    assert_eq!(config.retry.unknown_after_restart, UnknownOutcome::Resend);
    let warned: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.key.as_str())
        .collect();
    assert_eq!(warned, ["account", "provider", "route"]);
}

#[test]
fn a_bind_without_a_password_is_told() {
    for (password, told) in [
        ("", true),
        ("password = \"\"", false),
        ("password = \"x\"", false),
    ] {
        let folder = Folder::new();
        let file = folder.write("signalbox.toml", &format!("{MINIMAL}{password}"));
        let warnings = load(Some(&file), &[]).warnings;
        let key = "provider.acme.bind.main.password";
        let found = warnings
            .iter()
            .any(|warning| warning.key == key && warning.allowed.starts_with("not set"));
        assert_eq!(found, told, "{password}");
    }
}

#[test]
fn callbacks_that_never_tell_an_end_are_told() {
    for (events, told) in [
        ("[\"sent\"]", true),
        ("[\"sent\", \"unknown\"]", true),
        ("[\"sent\", \"failed\"]", false),
        ("[]", false),
    ] {
        let folder = Folder::new();
        let text = format!("[account.shop]\nkey = \"12345678\"\ncallback_events = {events}\n");
        let file = folder.write("signalbox.toml", &text);
        for (variables, told) in [
            (&[][..], told),
            (
                &[("SIGNALBOX__ACCOUNT__SHOP__CALLBACK_EVENTS", "sent")][..],
                true,
            ),
        ] {
            let warnings = load(Some(&file), variables).warnings;
            let found = warnings.iter().any(|warning| {
                warning.key == "account.shop.callback_events"
                    && warning
                        .allowed
                        .contains("delivered, failed, expired, rejected, cancelled")
            });
            assert_eq!(found, told, "{events} {variables:?}");
        }
    }
}

#[test]
fn the_defaults_of_a_provider_are_those_of_the_manual() {
    let config = load_text(MINIMAL);
    let provider = &config.provider["acme"];
    let bind = &provider.bind["main"];
    assert_eq!((bind.port.0, bind.bind_type), (2775, BindType::Transceiver));
    assert_eq!(bind.interface_version, InterfaceVersion(0x34));
    assert_eq!((bind.window_size, bind.system_type.as_str()), (100, ""));
    assert_eq!(bind.password, None);
    assert_eq!(bind.response_timer, Duration::from_secs(30));
    assert_eq!(bind.enquire_link_timer, Duration::from_secs(30));
    assert_eq!(bind.session_init_timer, Duration::from_secs(5));
    assert_eq!(bind.bind_retry_delay_max, Duration::from_secs(60));
    assert!(bind.bulk_sending);
    assert_eq!(
        (bind.tls.mode, bind.tls.version_min),
        (TlsMode::Off, TlsVersion::V1_2)
    );
    assert_eq!(provider.default_alphabet, Alphabet::Gsm7);
    assert_eq!(provider.long_message, LongMessage::Udh8);
    assert_eq!(
        (provider.registered_delivery_mask, provider.priority_max),
        (0xFF, 0)
    );
    assert_eq!(
        (provider.segments_max, provider.source_ton),
        (255, AutoOr::Auto)
    );
    assert_eq!(
        (provider.pace, provider.receipt_id),
        (None, ReceiptId::Auto)
    );
    assert_eq!(provider.throttle_delay, Duration::from_secs(30));
    assert_eq!(provider.subject_join, " ");
}

#[test]
fn every_kind_of_value_is_read() {
    let config = load_text(
        r#"
[http]
listen = "[::1]:0"
[store]
path = "data"
segment = 1_048_576
[account.shop]
key = "a long enough key"
callback_events = ["sent"]
rate = "90/min"
[provider.acme]
interface_version = 0x50
pace = "0.5/s"
segments_max = -1
destination_ton = 1
source_npi = "auto"
tlvs = { 0x1400 = "text:abc", source_port = "u16:0x1234", receipted_message_id = "text:7" }
tlvs_required = [0x1401, "user_message_reference"]
languages = ["tr", "hi"]
tls = { mode = "mutual", version_min = 1.3, identity = "id.p12" }
[provider.acme.status]
0x45 = "retry 5m"
ESME_RINVDSTADR = "next_route"
1025 = "park 30s"
[provider.acme.bind.main]
type = "receiver"
host = "smsc.example"
system_id = "shop"
local_address = "192.0.2.1"
local_port = 4000
inactivity_timer = "5m"
[route.10-de]
to = "sms:+49"
provider = ["acme"]
unknown_outcome = "next_route"
"#,
    );
    assert_eq!(config.http.listen, "[::1]:0".parse().unwrap());
    assert!(config.store.path.is_absolute() && config.store.path.ends_with("data"));
    assert_eq!(config.store.segment, Size(1 << 20));
    let account = &config.account["shop"];
    assert_eq!(account.callback_events, [CallbackEvent::Sent]);
    assert_eq!(account.rate, Some(Rate { per_1000_s: 1_500 }));
    let provider = &config.provider["acme"];
    assert_eq!(provider.pace.map(Rate::per_second), Some(0.5));
    assert_eq!(provider.segments_max, -1);
    assert_eq!(provider.destination_ton, AutoOr::Number(1));
    assert_eq!(provider.source_npi, AutoOr::Auto);
    assert_eq!(provider.tlvs["0x1400"].0, b"abc");
    assert_eq!(provider.tlvs["source_port"].0, [0x12, 0x34]);
    assert_eq!(provider.tlvs["receipted_message_id"].0, b"7\0");
    let tags: Vec<u16> = provider.tlvs_required.iter().map(|tag| tag.0).collect();
    assert_eq!(tags, [0x1401, 0x0204]);
    let languages: Vec<&str> = provider.languages.iter().map(|one| one.0.code()).collect();
    assert_eq!(languages, ["tr", "hi"]);
    assert_eq!(
        provider.status["0x45"],
        StatusAction::Retry(Some(Duration::from_secs(300)))
    );
    assert_eq!(provider.status["ESME_RINVDSTADR"], StatusAction::NextRoute);
    assert_eq!(
        provider.status["1025"],
        StatusAction::Park(Duration::from_secs(30))
    );
    let bind = &provider.bind["main"];
    assert_eq!(bind.bind_type, BindType::Receiver);
    assert_eq!(bind.interface_version, InterfaceVersion(0x50));
    assert_eq!(bind.local_port.map(|port| port.0), Some(4_000));
    assert_eq!(
        (bind.tls.mode, bind.tls.version_min),
        (TlsMode::Mutual, TlsVersion::V1_3)
    );
    assert!(bind.tls.identity.as_ref().unwrap().ends_with("id.p12"));
    assert_eq!(
        config.route["10-de"].unknown_outcome,
        Some(UnknownOutcome::NextRoute)
    );
}

#[test]
fn the_environment_is_over_conf_d_over_the_file_over_the_profile() {
    let folder = Folder::new();
    folder.write("providers/mine.toml", "pace = \"1/s\"\nservice_type = \"A\"\nprotocol_id = 1\npriority_max = 1\n[status]\n0x45 = \"retry\"\n");
    let text = format!(
        "{MINIMAL}[provider.acme]\nprofile = \"mine\"\npace = \"2/s\"\nservice_type = \"B\"\n\
         protocol_id = 2\nport = 1\n[provider.acme.status]\n0x46 = \"retry\"\n"
    );
    let path = folder.write("signalbox.toml", &text);
    folder.write(
        "conf.d/1.toml",
        "[provider.acme]\npace = \"3/s\"\nservice_type = \"C\"\n",
    );
    folder.write(
        "conf.d/2.toml",
        "[provider.acme]\npace = \"4/s\"\n[provider.new.bind.x]\nhost=\"n\"\nsystem_id=\"n\"\n",
    );
    let environment = [
        ("SIGNALBOX__PROVIDER__ACME__PACE", "5/s"),
        ("SIGNALBOX__PROVIDER__ACME__BIND__MAIN__SYSTEM_ID", "007"),
        ("SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PASSWORD", "1e3"),
        ("SIGNALBOX__ROUTE__10_DE__TO", "sms:+49"),
        ("SIGNALBOX__ROUTE__10_DE__PROVIDER", "acme, new"),
        ("SIGNALBOX__PROVIDER__NEW__TLS__MODE", "single"),
    ];
    folder.write("conf.d/3.toml", "[route.10-de]\nto = \"sms:1\"\n");
    let Loaded {
        config, effective, ..
    } = load(Some(&path), &environment);
    let acme = &config.provider["acme"];
    assert_eq!(acme.pace, Some(Rate { per_1000_s: 5_000 }));
    assert_eq!(
        (
            acme.service_type.as_str(),
            acme.protocol_id,
            acme.priority_max
        ),
        ("C", 2, 1)
    );
    assert_eq!(acme.status.keys().collect::<Vec<_>>(), ["0x45", "0x46"]);
    let bind = &acme.bind["main"];
    assert_eq!((bind.port.0, bind.system_id.as_str()), (1, "007"));
    assert_eq!(
        bind.password.as_ref().map(config::Secret::expose),
        Some("1e3")
    );
    assert_eq!(config.provider["new"].bind["x"].tls.mode, TlsMode::Single);
    assert_eq!(config.route["10-de"].to, "sms:+49");
    assert_eq!(config.route["10-de"].provider, ["acme", "new"]);
    let origin = |key: &str| {
        let found = effective.iter().find(|one| one.key == key);
        found.map(|one| {
            one.origin
                .to_string()
                .replace(&folder.path("").display().to_string(), "")
        })
    };
    for (key, expected) in [
        ("provider.acme.pace", "SIGNALBOX__PROVIDER__ACME__PACE"),
        ("provider.acme.service_type", "conf.d/1.toml:3:16"),
        ("provider.acme.protocol_id", "signalbox.toml:8:15"),
        ("provider.acme.priority_max", "providers/mine.toml:4:16"),
        ("provider.acme.bind.main.port", "signalbox.toml:9:8"),
        ("provider.acme.bind.main.window_size", "default"),
    ] {
        assert_eq!(origin(key).as_deref(), Some(expected), "{key}");
    }
}

#[test]
fn a_secret_comes_from_any_of_its_forms_and_is_never_shown() {
    let folder = Folder::new();
    for (file, content) in [
        ("pw", "s3cret\n"),
        ("crlf", "s3cret\r\n"),
        ("bare", "s3cret"),
    ] {
        folder.write(file, content);
    }
    let credentials = folder.path("").display().to_string();
    let variable = "SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PASSWORD";
    let variable_file = "SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PASSWORD_FILE";
    let file = folder.path("pw").display().to_string();
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("password = \"s3cret\"", &[]),
        ("password_file = \"pw\"", &[]),
        ("password_file = \"crlf\"", &[]),
        ("password_file = \"bare\"", &[]),
        (
            "password_credential = \"pw\"",
            &[("CREDENTIALS_DIRECTORY", &credentials)],
        ),
        ("", &[(variable, "s3cret")]),
        ("", &[(variable_file, &file)]),
    ];
    for (text, environment) in cases {
        let path = folder.write("signalbox.toml", &format!("{MINIMAL}{text}\n"));
        let loaded = load(Some(&path), environment);
        let bind = &loaded.config.provider["acme"].bind["main"];
        assert_eq!(
            bind.password.as_ref().map(config::Secret::expose),
            Some("s3cret"),
            "{text}"
        );
        let shown = format!("{loaded:?}{}", config::show(&loaded));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn a_bind_keeps_its_own_form_of_an_inherited_secret() {
    let config = load_text(
        "[provider.a]\nhost = \"h\"\nsystem_id = \"s\"\npassword_file = \"nowhere\"\n\
         [provider.a.bind.x]\npassword = \"mine\"\n",
    );
    let bind = &config.provider["a"].bind["x"];
    assert_eq!(
        bind.password.as_ref().map(config::Secret::expose),
        Some("mine")
    );
}

#[test]
fn what_is_shown_is_toml_that_loads_again() {
    let folder = Folder::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/signalbox.toml");
    let loaded = load(Some(&sample), &[]);
    let shown = config::show(&loaded);
    assert!(
        shown.contains("route.10-default.provider = [\"acme\", \"backup\"]  # "),
        "{shown}"
    );
    assert!(
        shown.contains("provider.acme.bind.main.password = \"***\"  # "),
        "{shown}"
    );
    // Stars are no secret that could sign.
    let shown = shown.replace("callback_secret = \"***\"", "callback_secret = \"AAAA\"");
    let again = load(Some(&folder.write("signalbox.toml", &shown)), &[]);
    let values = |loaded: &Loaded| -> Vec<(String, String)> {
        let pairs = loaded
            .effective
            .iter()
            .map(|one| (one.key.clone(), one.value.clone()));
        pairs.collect()
    };
    assert_eq!(values(&loaded), values(&again));
}

#[test]
fn the_schema_knows_every_key_that_is_shown() {
    let schema = config::schema();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/signalbox.toml");
    for one in load(Some(&sample), &[]).effective {
        let mut at = &schema;
        for name in one.key.split('.') {
            at = match &at["properties"][name] {
                serde_json::Value::Null => &at["additionalProperties"],
                below => below,
            };
        }
        assert!(at.is_object(), "{}", one.key);
    }
    let bind = &schema["properties"]["provider"]["additionalProperties"]["properties"]["bind"];
    let bind = &bind["additionalProperties"];
    assert_eq!(bind["additionalProperties"], false);
    assert_eq!(bind["properties"]["password_file"]["type"], "string");
    assert_eq!(bind["properties"]["window_size"]["maximum"], 65_535);
    assert!(
        bind["properties"]["host"]["description"]
            .as_str()
            .unwrap()
            .contains("SMSC")
    );
}

#[test]
fn every_sample_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let mut mains = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            load(Some(&path), &[]);
            mains += 1;
        }
    }
    assert!(mains > 0);
    let mut profiles = 0;
    for entry in std::fs::read_dir(folder.join("providers")).unwrap() {
        let name = entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        // Once as a file beside the main file, once from the program itself.
        let text = format!("{MINIMAL}[provider.acme]\nprofile = \"{name}\"\n");
        load_text(&text);
        let own = Folder::new();
        let profile =
            std::fs::read_to_string(folder.join("providers").join(format!("{name}.toml")));
        own.write(&format!("providers/{name}.toml"), &profile.unwrap());
        load(Some(&own.write("signalbox.toml", &text)), &[]);
        profiles += 1;
    }
    assert!(profiles >= 3);
}

/// The sample that the README runs as it is: nothing beside it is needed.
#[test]
fn the_local_sample_loads_as_it_is() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/local.toml");
    let config = config::load(Some(&sample), std::iter::empty()).unwrap();
    assert!(config.account.contains_key("local"));
    assert!(config.provider.contains_key("sim"));
    assert!(config.route.contains_key("10-default"));
}
