//! What the demo prints.

use serde_json::Value;

use super::application::Callbacks;
use super::sample::Sample;
use crate::output::outln;

/// Characters of a text that are shown.
const TEXT_CHARACTERS_SHOWN: usize = 44;

pub(super) fn heading(http: &str, smpp: &str) {
    outln!(
        "Signalbox {}: a gateway and a simulated SMSC",
        env!("CARGO_PKG_VERSION")
    );
    outln!("  HTTP API   http://{http}");
    outln!("  simulator  smpp://{smpp}");
    outln!("");
}

/// Prints a message; returns whether it is in the expected state.
pub(super) fn message(number: usize, sample: &Sample, view: &Value) -> bool {
    let good = view["state"] == sample.expected.name();
    let mark = if good { "ok" } else { "NOT AS EXPECTED" };
    outln!("{number:>2}  {}  ({mark})", sample.shows);
    outln!(
        "    {} -> {}  \"{}\"",
        sample.from,
        sample.to,
        shortened(sample.text)
    );
    outln!("    {}", timeline(view));
    good
}

/// Prints the message from a phone; returns whether the application has it.
pub(super) fn inbound(number: usize, view: &Value) -> bool {
    let good = view["state"] == "delivered";
    let mark = if good { "ok" } else { "NOT AS EXPECTED" };
    let text = |name: &str| view[name].as_str().unwrap_or("?").to_owned();
    outln!("{number:>2}  a message from a phone to the application  ({mark})");
    outln!(
        "    {} -> {}  \"{}\"",
        without_scheme(&text("from")),
        without_scheme(&text("to")),
        shortened(&text("text"))
    );
    outln!("    {}", timeline(view));
    good
}

pub(super) fn callbacks(callbacks: &Callbacks) {
    outln!("");
    outln!(
        "{} callbacks arrived at the application, {} with a valid signature",
        callbacks.total,
        callbacks.signed
    );
}

pub(super) fn result(good: usize, count: usize, signed: bool) {
    let verdict = if good == count && signed {
        "all as expected"
    } else {
        "NOT all as expected"
    };
    outln!("{good} of {count} messages: {verdict}");
}

pub(super) fn invitation(http: &str, smpp: &str, key: &str) {
    outln!("");
    outln!("It goes on running; Ctrl-C stops it. Try, in another terminal:");
    outln!("  curl -s http://{http}/v1/messages -H 'Authorization: Bearer {key}' \\");
    outln!("       -d '{{\"to\": \"+491700000001\", \"from\": \"100\", \"text\": \"hi\"}}'");
    outln!("  signalbox send --url http://{http} --key {key} --to +491700000001 --text hi");
    outln!("  or bind your own SMPP client to smpp://{smpp} (any system_id and password)");
}

/// One line: the events with milliseconds since acceptance.
fn timeline(view: &Value) -> String {
    let entries = view["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    let start = entries.first().and_then(at_ms).unwrap_or_default();
    let words: Vec<String> = entries
        .iter()
        .map(|entry| {
            let ms = at_ms(entry).unwrap_or(start).saturating_sub(start);
            format!("{} +{ms} ms", event(entry))
        })
        .collect();
    words.join(" · ")
}

/// An event in few words: its name, its part if there are several, what went wrong.
fn event(entry: &Value) -> String {
    let mut words = entry["event"].as_str().unwrap_or("?").to_owned();
    if let Some(part) = entry["part"].as_u64().filter(|part| *part > 1) {
        words.push_str(&format!(" {part}"));
    }
    let failed = entry["code"].as_u64().is_some();
    if let Some(reason) = entry["detail"].as_str().filter(|_| failed) {
        words.push_str(&format!(" {reason}"));
    }
    words
}

fn at_ms(entry: &Value) -> Option<u64> {
    signalbox_router::parse_rfc3339(entry["at"].as_str()?).map(|at| at.0)
}

/// Addresses as people write them, as those of the samples.
fn without_scheme(address: &str) -> &str {
    address.strip_prefix("sms:").unwrap_or(address)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_CHARACTERS_SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(TEXT_CHARACTERS_SHOWN).collect();
    format!("{start}…")
}
