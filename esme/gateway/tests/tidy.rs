//! Keeps the promises that the architecture makes about the tree itself: sizes, arrows between
//! crates, purity, the top level. Each failure names the place and the rule.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
/// A test may carry a table of cases.
const TEST_FUNCTION_LINES_MAX: usize = 120;
const LINE_CHARACTERS_MAX: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Files that git tracks or would track, relative to the top.
fn files() -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(output.status.success(), "git ls-files: {output:?}");
    let list = String::from_utf8(output.stdout).unwrap();
    list.lines()
        .filter(|file| root().join(file).is_file())
        .map(str::to_owned)
        .collect()
}

fn rust_files() -> impl Iterator<Item = (String, String)> {
    files()
        .into_iter()
        .filter(|file| file.ends_with(".rs"))
        .map(|file| {
            let text = fs::read_to_string(root().join(&file)).unwrap();
            (file, text)
        })
}

fn assert_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn the_top_level_holds_only_what_was_agreed() {
    let agreed = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "esme",
        "smsc-sim",
        "codec",
        "fuzz",
        "benches",
        "config",
        "docs",
    ];
    let found: BTreeSet<String> = files()
        .iter()
        .map(|file| file.split('/').next().unwrap_or_default().to_owned())
        .filter(|name| !name.starts_with('.') && !agreed.contains(&name.as_str()))
        .collect();
    assert_none(
        "not agreed at the top level",
        &found.into_iter().collect::<Vec<_>>(),
    );
}

#[test]
fn files_and_lines_are_short_enough() {
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!(
                "{file}: {lines} lines, {FILE_LINES_MAX} are allowed"
            ));
        }
        for (number, line) in text.lines().enumerate() {
            // Strings of test vectors may be longer; the formatter leaves them alone too.
            let characters = line.chars().count();
            if characters > LINE_CHARACTERS_MAX && !line.contains('"') {
                found.push(format!("{file}:{}: {characters} characters", number + 1));
            }
        }
    }
    assert_none("too long", &found);
}

#[test]
fn functions_are_short_enough() {
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        let lines: Vec<&str> = text.lines().collect();
        let tests_from = lines
            .iter()
            .position(|line| *line == "mod tests {")
            .unwrap_or(lines.len());
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            if !is_function_head(code) {
                continue;
            }
            let close = format!("{}}}", &line[..line.len() - code.len()]);
            let head = lines[start..]
                .iter()
                .find(|line| line.ends_with(['{', ';', '}']));
            if head.is_some_and(|line| line.ends_with(';')) {
                continue;
            }
            let end = lines[start..].iter().position(|line| *line == close);
            let length = end.map_or(1, |end| end + 1);
            let test = file.contains("/tests") || start > tests_from;
            let lines_max = if test {
                TEST_FUNCTION_LINES_MAX
            } else {
                FUNCTION_LINES_MAX
            };
            if length > lines_max {
                found.push(format!(
                    "{file}:{}: {length} lines of {lines_max}",
                    start + 1
                ));
            }
        }
    }
    assert_none(
        &format!("functions over {FUNCTION_LINES_MAX} lines"),
        &found,
    );
}

fn is_function_head(code: &str) -> bool {
    let words = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "extern",
    ];
    let mut rest = code;
    while let Some((word, after)) = rest.split_once(' ') {
        if word == "fn" {
            let one_line = code.ends_with('}') && code.contains('{');
            return !code.ends_with(';') && !one_line;
        }
        if !words.contains(&word) {
            return false;
        }
        rest = after;
    }
    false
}

#[test]
fn every_file_says_what_it_is_for() {
    let found: Vec<String> = rust_files()
        .filter(|(_, text)| !text.trim_start_matches(['#', '!']).contains("//! "))
        .map(|(file, _)| file)
        .collect();
    assert_none("no `//!` at the top", &found);
}

/// The arrows of the architecture: which workspace crates each crate may depend on.
#[test]
fn crates_depend_on_each_other_only_along_the_arrows() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("signalbox-codec", &[][..]),
        ("signalbox-session", &["signalbox-codec"][..]),
        ("signalbox-router", &[][..]),
        (
            "signalbox-esme",
            &["signalbox-codec", "signalbox-session"][..],
        ),
        ("signalbox-store", &["signalbox-router"][..]),
        (
            "signalbox-adapters",
            &[
                "signalbox-codec",
                "signalbox-session",
                "signalbox-esme",
                "signalbox-router",
            ][..],
        ),
        ("smsc-sim", &["signalbox-codec", "signalbox-session"][..]),
    ]);
    let mut found = Vec::new();
    for (name, dependencies) in dependencies() {
        let Some(allowed) = allowed.get(name.as_str()) else {
            continue;
        };
        for (dependency, kind) in dependencies {
            let ours = dependency.starts_with("signalbox") || dependency == "smsc-sim";
            if kind == "normal" && ours && !allowed.contains(&dependency.as_str()) {
                found.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert_none("arrows that the architecture does not have", &found);
}

/// What pure crates never depend on, without features.
#[test]
fn pure_crates_stay_pure() {
    let never = [
        "tokio", "serde", "tracing", "metrics", "rand", "mio", "socket2",
    ];
    let mut found = Vec::new();
    for (name, dependencies) in dependencies() {
        let pure = ["signalbox-codec", "signalbox-session", "signalbox-router"];
        if !pure.contains(&name.as_str()) {
            continue;
        }
        for (dependency, kind) in dependencies {
            if kind == "normal" && never.contains(&dependency.as_str()) {
                found.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert_none("dependencies of pure crates", &found);

    let folders = ["codec/src/", "esme/router/src/", "esme/session/src/"];
    let words = [
        "Instant::now",
        "SystemTime",
        "std::net",
        "std::fs",
        "thread::spawn",
        "tokio::",
    ];
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        let pure = folders.iter().any(|folder| file.starts_with(folder))
            && !file.starts_with("esme/session/src/driver");
        if !pure {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none("clock, disk or network in a pure crate", &found);
}

/// In `codec`, PDUs know nothing of message content.
#[test]
fn pdus_do_not_know_message_content() {
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        if !file.starts_with("codec/src/pdu/") {
            continue;
        }
        for word in [
            "crate::text",
            "crate::segment",
            "crate::receipt",
            "crate::udh",
        ] {
            if text.contains(word) {
                found.push(format!("{file}: {word}"));
            }
        }
    }
    assert_none("message content in codec/src/pdu", &found);
}

/// The gateway names no SMPP type outside the tools, which exist to show them, and the conversion
/// of the configuration.
#[test]
fn the_engine_and_the_api_name_no_smpp_type() {
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        let inside = ["engine/", "api/"]
            .iter()
            .any(|folder| file.starts_with(&format!("esme/gateway/src/{folder}")));
        let words = ["signalbox_codec", "signalbox_session", "signalbox_esme"];
        if inside && words.iter().any(|word| text.contains(word)) {
            found.push(file);
        }
    }
    assert_none("SMPP types in engine or API", &found);
}

/// Adapters know neither each other nor the store.
#[test]
fn adapters_do_not_know_each_other() {
    let adapters = ["smpp", "webhook"];
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        for own in adapters {
            if !file.starts_with(&format!("esme/adapters/src/{own}/")) {
                continue;
            }
            for other in adapters.iter().filter(|other| **other != own) {
                if text.contains(&format!("crate::{other}")) {
                    found.push(format!("{file}: crate::{other}"));
                }
            }
        }
    }
    assert_none("adapters that know each other", &found);
}

/// Name of each workspace crate, with the name and kind of each of its dependencies that is not
/// optional.
fn dependencies() -> Vec<(String, Vec<(String, String)>)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tells the metadata");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("normal").to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let dependencies = dependencies
                .filter(|dependency| dependency["optional"] == false)
                .map(|dependency| (text(&dependency["name"]), text(&dependency["kind"])))
                .collect();
            (text(&package["name"]), dependencies)
        })
        .collect()
}
