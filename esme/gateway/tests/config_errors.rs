//! Broken configurations and the exact lines that tell what is wrong with them.

#![allow(clippy::unwrap_used)] // Test code.

mod config_bench;

use std::path::Path;

use config_bench::Folder;
use signalbox::config;

/// A configuration without errors, to which each case adds some.
const GOOD: &str = r#"
[account.shop]
key_sha256 = "a3c2b1f0e4d5968778695a4b3c2d1e0fa3c2b1f0e4d5968778695a4b3c2d1e0f"
[provider.acme]
host = "smsc.example"
[provider.acme.bind.main]
system_id = "shop"
[route.10-default]
to = "sms"
provider = ["acme"]
"#;

struct Case {
    text: &'static str,
    expected: &'static [&'static str],
}

/// Text behind the bind, environment, expected lines.
type SecretCase = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

/// Each text is a whole file.
const WHOLE: &[Case] = &[
    Case {
        text: "[http]\nlisten = \"127.0.0.1:99999\"\nlistn = 1\n",
        expected: &[
            "2:10: http.listen: \"127.0.0.1:99999\": an IP address and a port \
             (\"127.0.0.1:8080\", \"[::]:8080\"; port 0: any free one)",
            "3:1: http.listn: unknown key (did you mean \"listen\"?)",
        ],
    },
    Case {
        text: "[htpp]\n[store]\nreserve = \"64 mib\"\n[retry]\nattempts_max = 0\ndelays = [\"1s\", 5]\n",
        expected: &[
            "1:2: htpp: unknown key (did you mean \"http\"?)",
            "3:11: store.reserve: \"64 mib\": a size from 0 to 1TiB \
             (\"512KiB\", \"64MiB\", \"1GB\")",
            "5:16: retry.attempts_max: 0: a whole number from 1 to 65535",
            "6:17: retry.delays: 5: a duration from 1ms to 7d \
             (\"500ms\", \"30s\", \"5m\", \"72h\", \"7d\")",
        ],
    },
    Case {
        text: "[http\n[store]\npath = \n",
        expected: &[
            "1:6: unclosed table, expected `]`",
            "3:8: string values must be quoted, expected literal string",
        ],
    },
    Case {
        text: "[store]\npath = \"a\"\npath = \"b\"\n",
        expected: &["3:1: path: duplicate key"],
    },
    Case {
        text: "http = 3\nprovider = \"acme\"\n",
        expected: &["1:8: http: 3: a table", "2:12: provider: \"acme\": a table"],
    },
    Case {
        text: "[provider.acme]\npace = \"fast\"\nlong_message = \"udh9\"\n\
               [provider.acme.bind.a]\nport = 65536\nwindow_size = 0\n",
        expected: &[
            "2:8: provider.acme.pace: \"fast\": a rate from 0.001/s to 1000000/s \
             (\"200/s\", \"90/min\")",
            "3:16: provider.acme.long_message: \"udh9\": one of udh8, udh16, sar, payload \
             (did you mean \"udh8\"?)",
            "4:1: provider.acme.bind.a.host: missing: a text of 1 to 253 characters",
            "4:1: provider.acme.bind.a.system_id: missing: a text of 1 to 15 characters",
            "5:8: provider.acme.bind.a.port: 65536: a port from 1 to 65535",
            "6:15: provider.acme.bind.a.window_size: 0: a whole number from 1 to 65535",
        ],
    },
    Case {
        text: "[provider.webhook]\nhost = \"h\"\n[provider.\"A b\".bind.x]\nhost = \"h\"\n\
               system_id = \"s\"\n",
        expected: &[
            "1:11: provider.webhook: 1 to 255 binds: a table [provider.webhook.bind.NAME] for \
             each; there are 0",
            "1:11: provider.webhook: another name: this one belongs to the callbacks",
            "3:11: provider: \"A b\": a name of 1 to 64 characters: a-z, 0-9, _ and -",
        ],
    },
    Case {
        text: "[account.a]\n[account.b]\nkey = \"12345678\"\nkey_sha256 = \"00\"\n\
               [account.c]\nkey = \"short\"\n",
        expected: &[
            "1:10: account.a: exactly one of key_sha256 and key (or key_file, key_credential) is \
             needed",
            "4:1: account.b.key_sha256: exactly one of key_sha256 and key (or key_file, \
             key_credential) is allowed",
            "4:14: account.b.key_sha256: \"00\": 64 hexadecimal digits",
            "6:7: account.c.key: a secret of 8 to 256 octets; this one has 5",
        ],
    },
    // What only the parts can judge is judged beside other errors of the same table.
    Case {
        text: "[account.b]\nkey = \"short\"\ncallback_secret = \"hunter2\"\n\
               [account.c]\nkey = \"12345678\"\n[account.d]\nkey = \"12345678\"\n",
        expected: &[
            "2:7: account.b.key: a secret of 8 to 256 octets; this one has 5",
            "3:19: account.b.callback_secret: whsec_ and base64",
            "6:10: account.d: the same key as account.c; each account needs its own",
        ],
    },
];

/// Each text is put behind the good one; lines count from there.
const BEHIND_GOOD: &[Case] = &[
    Case {
        text: r#"[account.twin]
key_sha256 = "a3c2b1f0e4d5968778695a4b3c2d1e0fa3c2b1f0e4d5968778695a4b3c2d1e0f"
"#,
        expected: &["1:10: account.twin: the same key as account.shop; each account needs its own"],
    },
    Case {
        text: "[account.b]\nkey = \"12345678\"\ncallback_secret = \"hunter2\"\n",
        expected: &["3:19: account.b.callback_secret: whsec_ and base64"],
    },
    Case {
        text: "[route.a]\nto = \"sms:+49\"\nprovider = [\"acne\", \"acme\"]\n",
        expected: &[
            "3:13: route.a.provider: \"acne\": there is no provider of this name \
             (did you mean \"acme\"?)",
        ],
    },
    Case {
        text: "[route.a]\nto = \"sms:49\"\nprovider = [\"acme\"]\n\
               [route.b]\nto = \"sms:+49\"\nprovider = []\n",
        expected: &[
            "5:6: route.b.to: \"sms:+49\": the same as route.a (FILE:2:6); one of them is never \
             taken",
            "6:12: route.b.provider: a list of 1 to 256 providers; there are 0",
        ],
    },
    Case {
        text: "[route.a]\nto = \"smss:+49\"\n[route.b]\nprovider = [\"acme\"]\n",
        expected: &[
            "1:8: route.a.provider: a list of 1 to 256 providers; there are 0",
            "2:6: route.a.to: \"smss:+49\": \"sms\", or \"sms:\" and the first digits of the \
             numbers (\"sms:+49151\") (did you mean \"sms\"?)",
            "3:1: route.b.to: missing: a text of 1 to 64 characters",
        ],
    },
    Case {
        text: "[inbound]\naccount = \"shp\"\n",
        expected: &[
            "2:11: inbound.account: \"shp\": there is no account of this name \
             (did you mean \"shop\"?)",
        ],
    },
    Case {
        text: "[provider.acme.tls]\nmode = \"single\"\nversion_min = \"1.1\"\n",
        expected: &[
            "3:15: provider.acme.bind.main.tls.version_min: \"1.1\": \"1.2\" or \"1.3\"; no \
             maintained Rust TLS library offers TLS 1.1 or older, so the peer must allow 1.2: \
             set tls.version_min = \"1.2\"",
        ],
    },
    Case {
        text: "[provider.b]\nhost = \"h\"\n[provider.b.bind.x]\nsystem_id = \"caf\u{e9}\"\n\
               [provider.b.bind.y]\nsystem_id = \"s\"\nbind_retry_delay = \"2m\"\n",
        expected: &[
            "4:13: provider.b.bind.x.system_id: at most 15 ASCII characters without NUL",
            "5:1: provider.b.bind.y.bind_retry_delay_max: at least bind_retry_delay",
        ],
    },
    Case {
        text: "[provider.acme.tls]\nmode = \"mutual\"\nca = 7\n",
        expected: &[
            "2:8: provider.acme.bind.main.tls.mode: \"mutual\": needs tls.identity: the file with \
             our certificate and key",
            "3:6: provider.acme.bind.main.tls.ca: 7: a path",
        ],
    },
    Case {
        text: "[provider.acme.tls]\nserver_name = \"x\"\n",
        expected: &[
            "2:1: provider.acme.bind.main.tls.server_name: has no effect without tls.mode: set it \
             to \"single\" or \"mutual\"",
        ],
    },
    Case {
        text: "[provider.b]\nprofile = \"standart\"\nhost = \"h\"\nsegments_max = 0\n\
               pac = 1\n[provider.b.bind.x]\nsystem_id = \"s\"\npasword = \"p\"\n",
        expected: &[
            "2:11: provider.b.profile: \"standart\": a profile: standard, hex-decimal-ids, \
             kannel-like, or the name of a file FOLDER/providers/NAME.toml \
             (did you mean \"standard\"?)",
            "4:16: provider.b.segments_max: 0: 1 to 255, or -1 for no limit",
            "5:1: provider.b.pac: unknown key (did you mean \"pace\"?)",
            "8:1: provider.b.bind.x.pasword: unknown key (did you mean \"password\"?)",
        ],
    },
    Case {
        text: "[provider.acme.status]\nESME_RTHROTLED = \"slow_down\"\n0x45 = \"rety\"\n\
               [provider.acme.tlvs]\n0x1400 = \"u8:256\"\nsurce_port = \"u16:1\"\n\
               5120 = \"u8:1\"\n",
        expected: &[
            "2:1: provider.acme.status: ESME_RTHROTLED: a number (0x…, not 0) or a name of the \
             specification",
            "3:8: provider.acme.status.0x45: \"rety\": one of permanent, retry, \"retry 60s\", \
             slow_down, next_route, \"park 30s\" (did you mean \"retry\"?)",
            "5:10: provider.acme.tlvs.0x1400: \"u8:256\": one of \"text:…\", \"hex:…\", \
             \"u8:…\", \"u16:…\", \"u32:…\"",
            "6:1: provider.acme.tlvs: surce_port: a number (0x…, not 0) or a name of the \
             specification",
            "7:1: provider.acme.tlvs: 5120: the same as 0x1400; only one of them is allowed",
        ],
    },
];

#[test]
fn every_error_of_a_file_is_one_line() {
    for Case { text, expected } in WHOLE {
        let folder = Folder::new();
        let path = folder.write("signalbox.toml", text);
        assert_eq!(lines(&folder, &path, &[], 0), *expected, "\n{text}");
    }
}

#[test]
fn errors_behind_a_good_part_are_reported_alone() {
    for Case { text, expected } in BEHIND_GOOD {
        let folder = Folder::new();
        let path = folder.write("signalbox.toml", &format!("{GOOD}{text}"));
        let good = GOOD.lines().count();
        assert_eq!(lines(&folder, &path, &[], good), *expected, "\n{text}");
    }
}

#[test]
fn files_that_cannot_be_read_are_lines_too() {
    let folder = Folder::new();
    let missing = folder.path("none.toml");
    assert_eq!(
        lines(&folder, &missing, &[], 0),
        ["1:1: the file does not exist"]
    );
    let latin1 = folder.path("latin1.toml");
    std::fs::write(&latin1, b"[http]\n# caf\xE9\n").unwrap();
    assert_eq!(
        lines(&folder, &latin1, &[], 0),
        ["1:1: the file is not UTF-8 text (line 2)"]
    );
    let directory = folder.path("");
    assert_eq!(
        lines(&folder, &directory, &[], 0),
        ["FOLDER/:1:1: this is a directory, not a file"]
    );
}

#[test]
fn errors_of_several_files_and_of_the_environment_are_sorted() {
    let folder = Folder::new();
    let path = folder.write(
        "signalbox.toml",
        &format!("{GOOD}[log]\nformat = \"xml\"\n"),
    );
    folder.write("conf.d/20-b.toml", "[log]\nlevel = 3\n");
    folder.write("conf.d/10-a.toml", "[store]\npath = \"\"\nnot toml\n");
    folder.write("conf.d/readme.txt", "not read");
    let environment = [
        ("SIGNALBOX__STORE__RESERV", "1MiB"),
        ("SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PORT", "0"),
        ("SIGNALBOX____X", "0"),
        ("SIGNALBOX_CONFIG", "not a key"),
    ];
    assert_eq!(
        lines(&folder, &path, &environment, GOOD.lines().count()),
        [
            "FOLDER/conf.d/10-a.toml:2:8: store.path: \"\": a path",
            "FOLDER/conf.d/10-a.toml:3:5: key with no value, expected `=`",
            "FOLDER/conf.d/20-b.toml:2:9: log.level: 3: a text of 1 to 1000 characters",
            "2:10: log.format: \"xml\": one of auto, text, json",
            "SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PORT: provider.acme.bind.main.port: \"0\": a port \
             from 1 to 65535",
            "SIGNALBOX__STORE__RESERV: store.reserv: unknown key (did you mean \"reserve\"?)",
            "SIGNALBOX____X: names of tables and a key, joined by \"__\" (SIGNALBOX____X)",
        ]
    );
}

#[test]
fn one_mistake_that_several_binds_inherit_is_one_line() {
    let folder = Folder::new();
    let text = "[provider.a]\nhost = \"h\"\nsystem_id = \"s\"\nprt = 1\n\
                [provider.a.bind.x]\n[provider.a.bind.y]\n";
    let path = folder.write("signalbox.toml", text);
    assert_eq!(
        lines(&folder, &path, &[], 0),
        ["4:1: provider.a.prt: unknown key (did you mean \"port\"?)"]
    );
}

#[test]
fn a_secret_is_given_in_exactly_one_form_and_never_repeated() {
    let folder = Folder::new();
    folder.write("pw", "from-file\n");
    let bind = "[provider.acme]\nhost = \"h\"\n[provider.acme.bind.main]\nsystem_id = \"s\"\n";
    let cases: &[SecretCase] = &[
        (
            "password = \"hunter2\"\npassword_file = \"pw\"\n",
            &[],
            &[
                "6:17: provider.acme.bind.main.password: given twice, also at FILE:5:12; exactly \
               one of password, password_file, password_credential or their environment \
               variables is allowed",
            ],
        ),
        (
            "password = \"hunter2\"\n",
            &[("SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PASSWORD", "hunter3")],
            &[
                "SIGNALBOX__PROVIDER__ACME__BIND__MAIN__PASSWORD: provider.acme.bind.main.password: \
               given twice, also at FILE:5:12; exactly one of password, password_file, \
               password_credential or their environment variables is allowed",
            ],
        ),
        (
            "password = 7\n",
            &[],
            &["5:12: provider.acme.bind.main.password: a text in quotes"],
        ),
        (
            "password_file = \"nowhere\"\n",
            &[],
            &[
                "5:17: provider.acme.bind.main.password_file: \"nowhere\": FOLDER/nowhere: the file \
               does not exist",
            ],
        ),
        (
            "password_credential = \"acme\"\n",
            &[],
            &[
                "5:23: provider.acme.bind.main.password_credential: \"acme\": \
               CREDENTIALS_DIRECTORY is not set, so there are no credentials",
            ],
        ),
        (
            "password_credential = \"../acme\"\n",
            &[("CREDENTIALS_DIRECTORY", "/nowhere")],
            &[
                "5:23: provider.acme.bind.main.password_credential: \"../acme\": the name of a \
               credential, without /",
            ],
        ),
    ];
    for (text, environment, expected) in cases {
        let path = folder.write("signalbox.toml", &format!("{bind}{text}"));
        let lines = lines(&folder, &path, environment, 0);
        assert_eq!(lines, *expected, "\n{text}");
        assert!(!lines.concat().contains("hunter"), "{lines:?}");
    }
}

#[test]
fn a_profile_is_checked_where_it_stands() {
    let folder = Folder::new();
    folder.write(
        "providers/odd.toml",
        "pace = \"x\"\n[bind]\n[status]\n1 = \"permanent\"\n0 = \"retry\"\n",
    );
    let path = folder.write(
        "signalbox.toml",
        &GOOD.replace("host =", "profile = \"odd\"\nhost ="),
    );
    assert_eq!(
        lines(&folder, &path, &[], 0),
        [
            "FOLDER/providers/odd.toml:1:8: provider.acme.pace: \"x\": a rate from 0.001/s to \
             1000000/s (\"200/s\", \"90/min\")",
            "FOLDER/providers/odd.toml:5:1: provider.acme.status: 0: a number (0x…, not 0) or a \
             name of the specification",
        ]
    );
}

#[test]
fn hostile_files_end_in_errors() {
    let folder = Folder::new();
    let deep = format!("x = {}{}", "[".repeat(2_000), "]".repeat(2_000));
    let long = format!("[http]\nlisten = \"{}\"\n", "x".repeat(100_000));
    let many: String = (0..5_000).map(|n| format!("[account.n{n}]\n")).collect();
    for text in [
        deep,
        long,
        many,
        "\0".to_owned(),
        "[[provider]]\n".to_owned(),
    ] {
        let path = folder.write("signalbox.toml", &text);
        let lines = lines(&folder, &path, &[], 0);
        assert!(!lines.is_empty());
        assert!(lines.iter().all(|line| line.len() < 500), "{lines:?}");
    }
}

/// The errors of a configuration, without the path of the main file, and with `FILE` and `FOLDER`
/// for paths; lines of the main file count from behind the first `lines_before`.
fn lines(
    folder: &Folder,
    path: &Path,
    environment: &[(&str, &str)],
    lines_before: usize,
) -> Vec<String> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    let errors = config::load(Some(path), environment)
        .err()
        .unwrap_or_default();
    let main = path.display().to_string();
    let root = folder.path("").display().to_string();
    let root = root.trim_end_matches('/');
    let shift = |text: &str| match text.split_once(':') {
        Some((line, rest)) => match line.parse::<usize>() {
            Ok(line) => format!("{}:{rest}", line.saturating_sub(lines_before).max(1)),
            Err(_) => text.to_owned(),
        },
        None => text.to_owned(),
    };
    let short = |error: &config::ConfigError| {
        let line = error.to_string();
        let line = match line.strip_prefix(&format!("{main}:")) {
            Some(rest) if !main.ends_with('/') => shift(rest),
            _ => line,
        };
        let parts: Vec<String> = line
            .split(&format!("{main}:"))
            .enumerate()
            .map(|(at, part)| {
                if at == 0 {
                    part.to_owned()
                } else {
                    format!("FILE:{}", shift(part))
                }
            })
            .collect();
        let line = if main.ends_with('/') {
            line
        } else {
            parts.concat()
        };
        line.replace(root, "FOLDER")
    };
    errors.iter().map(short).collect()
}
