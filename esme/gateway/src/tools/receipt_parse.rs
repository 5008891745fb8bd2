//! `signalbox receipt parse`: the text of a delivery receipt to its fields.

use std::io::{self, BufRead, Write};

use signalbox_codec::receipt::{Receipt, ReceiptDate, ReceiptState, parse};

use super::json::{Object, Problem};
use super::lines::{self, Input};

/// Parses each line of `input`. With `as_json` the answer is an object whose absent fields are
/// null. Behind the fields it tells what `stat` means: `state`, which is `unknown` for a word that
/// nobody knows, and `final`, whether no further receipt is to be expected. Such a word adds
/// `stat_known`, which is false; a date that cannot be read adds its text as `submit_date_text` or
/// `done_date_text`. Otherwise the answer is a line for people with the fields that are there, what
/// cannot be read marked with `!`. Returns whether all were receipts.
///
/// # Errors
/// Reading or writing failed.
pub fn run(as_json: bool, input: Input<'_, impl BufRead>, output: impl Write) -> io::Result<bool> {
    lines::each(input, output, |line, out| {
        let line = line.map_err(|long| Problem::of_line("line_too_long", long.detail()));
        let receipt = line.and_then(|line| {
            parse(line)
                .filter(says_something)
                .ok_or_else(|| Problem::of_line("not_a_receipt", "the text is no delivery receipt"))
        });
        match &receipt {
            Ok(receipt) if as_json => write_json(receipt, out),
            Ok(receipt) => write_text(receipt, out),
            Err(problem) => problem.write(as_json, out),
        }
        receipt.is_ok()
    })
}

/// Whether there is more than keys without values, than a text, or than dates nobody can read.
fn says_something(receipt: &Receipt<'_>) -> bool {
    let nothing = Receipt {
        submit_date_text: receipt.submit_date_text,
        done_date_text: receipt.done_date_text,
        text: receipt.text,
        ..Receipt::default()
    };
    *receipt != nothing
}

/// A value as text: UTF-8 where it is that, else each octet as the character of its value
/// (Latin-1), so that none is lost.
fn words(octets: Option<&[u8]>) -> Option<String> {
    octets.map(|octets| match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|&octet| char::from(octet)).collect(),
    })
}

/// The state that `stat` names: [`ReceiptState::Unknown`] for a word that nobody knows.
fn state(receipt: &Receipt<'_>) -> Option<ReceiptState> {
    receipt.stat?;
    Some(receipt.state().unwrap_or(ReceiptState::Unknown))
}

/// Whether `stat` is a word that nobody knows, and not the one for an unknown state.
fn is_unknown_word(receipt: &Receipt<'_>) -> bool {
    receipt.stat.is_some() && receipt.state().is_none()
}

fn write_json(receipt: &Receipt<'_>, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    let number = |object: &mut Object<'_>, name, value: Option<u32>| match value {
        Some(value) => object.number(name, u64::from(value)),
        None => object.text(name, None),
    };
    object.text("id", words(receipt.id).as_deref());
    number(&mut object, "sub", receipt.sub);
    number(&mut object, "dlvrd", receipt.dlvrd);
    let date = |date: Option<ReceiptDate>| date.map(|date| date.to_string());
    object.text("submit_date", date(receipt.submit_date).as_deref());
    object.text("done_date", date(receipt.done_date).as_deref());
    object.text("stat", words(receipt.stat).as_deref());
    object.text("err", words(receipt.err).as_deref());
    object.text("text", words(receipt.text).as_deref());
    let state = state(receipt);
    let word = state.map(|state| super::words::message_state(state.message_state()));
    object.text("state", word.as_deref());
    match state {
        Some(state) => object.flag("final", state.is_final()),
        None => object.text("final", None),
    }
    if is_unknown_word(receipt) {
        object.flag("stat_known", false);
    }
    for (name, date) in [
        ("submit_date_text", receipt.submit_date_text),
        ("done_date_text", receipt.done_date_text),
    ] {
        if date.is_some() {
            object.text(name, words(date).as_deref());
        }
    }
    object.end();
    out.push(b'\n');
}

fn write_text(receipt: &Receipt<'_>, out: &mut Vec<u8>) {
    let state = state(receipt).map(|state| {
        let word = super::words::message_state(state.message_state());
        let finality = if state.is_final() {
            "final"
        } else {
            "not final"
        };
        match is_unknown_word(receipt) {
            true => format!("!{word} (no known stat, {finality})"),
            false => format!("{word} ({finality})"),
        }
    });
    let date = |date: Option<ReceiptDate>, unread: Option<&[u8]>| {
        let unread = words(unread).map(|text| format!("!{text:?}"));
        date.map(|date| date.to_string()).or(unread)
    };
    let submit_date = date(receipt.submit_date, receipt.submit_date_text);
    let done_date = date(receipt.done_date, receipt.done_date_text);
    let fields = [
        ("id", words(receipt.id)),
        ("stat", words(receipt.stat)),
        ("state", state),
        ("err", words(receipt.err)),
        ("sub", receipt.sub.map(|sub| sub.to_string())),
        ("dlvrd", receipt.dlvrd.map(|dlvrd| dlvrd.to_string())),
        ("submit_date", submit_date),
        ("done_date", done_date),
        ("text", words(receipt.text).map(|text| format!("{text:?}"))),
    ];
    let present = fields
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let present: Vec<String> = present
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let line = present.join(" ");
    out.extend_from_slice(line.replace(char::is_control, " ").as_bytes());
    out.push(b'\n');
}
