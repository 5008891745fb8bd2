//! Reads receipt texts of all known forms, without allocation and without ever failing on a text
//! that has an id and a state.
//!
//! Keys are found by their colon, whatever their case and order and whatever stands between the
//! fields, because operators add, drop and rename parts. `text` takes the rest.

use super::{Receipt, ReceiptDate, ReceiptState};
use crate::time::{DateTime, SmppTime, TIME_OCTETS};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Sub,
    Dlvrd,
    SubmitDate,
    DoneDate,
    Stat,
    Err,
    Text,
    /// Some write it for `stat`; by itself it is a common word and makes no receipt.
    Status,
}

/// The fields in the order of SMPP v3.4 Appendix B, as nearly all texts have them.
const APPENDIX_B: [(&[u8], Key); 8] = [
    (b"id:", Key::Id),
    (b"sub:", Key::Sub),
    (b"dlvrd:", Key::Dlvrd),
    (b"submit date:", Key::SubmitDate),
    (b"done date:", Key::DoneDate),
    (b"stat:", Key::Stat),
    (b"err:", Key::Err),
    (b"text:", Key::Text),
];

/// Reads a receipt's text; `None` when no known field is in it, so that it is a subscriber's
/// message rather than a receipt. The first of equal keys counts.
pub fn parse(octets: &[u8]) -> Option<Receipt<'_>> {
    let mut receipt = Receipt::default();
    let mut found = false;
    // Where unread octets begin, and where `text` began when fields are looked for behind it.
    let (mut at, mut text_start) = (0, None);
    let mut expected = 0;
    let mut status = None;
    while let Some((key, key_start, value_start)) =
        expected_key(octets, at, expected).or_else(|| next_key(octets, at))
    {
        expected = key as usize + 1;
        found |= key != Key::Status;
        if let Some(start) = text_start {
            if key == Key::Text {
                at = value_start;
                continue;
            }
            if receipt.text.is_none() {
                receipt.text = Some(octets[start..key_start].trim_ascii_end());
            }
        }
        if key == Key::Text {
            if receipt.stat.is_some() || !has_stat(&octets[value_start..]) {
                receipt.text = receipt.text.or_else(|| Some(&octets[value_start..]));
                break;
            }
            text_start = Some(value_start);
            at = value_start;
            continue;
        }
        let value = value_at(octets, value_start);
        at = value_start + value.0 + value.1.len();
        if key == Key::Status {
            status = status.or_else(|| (!value.1.is_empty()).then_some(value.1));
        }
        set(&mut receipt, key, value.1);
    }
    if found && receipt.stat.is_none() {
        receipt.stat = status.or_else(|| bare_state(octets, receipt.text));
    }
    if found {
        Some(receipt)
    } else {
        parse_commas(octets)
    }
}

fn set<'a>(receipt: &mut Receipt<'a>, key: Key, value: &'a [u8]) {
    let word = (!value.is_empty()).then_some(value);
    match key {
        Key::Id => receipt.id = receipt.id.or(word),
        Key::Sub => receipt.sub = receipt.sub.or_else(|| number(value)),
        Key::Dlvrd => receipt.dlvrd = receipt.dlvrd.or_else(|| number(value)),
        Key::SubmitDate => {
            set_date(
                &mut receipt.submit_date,
                &mut receipt.submit_date_text,
                value,
            );
        }
        Key::DoneDate => set_date(&mut receipt.done_date, &mut receipt.done_date_text, value),
        Key::Stat => receipt.stat = receipt.stat.or(word),
        Key::Err => receipt.err = receipt.err.or(word),
        Key::Text | Key::Status => {}
    }
}

fn set_date<'a>(date: &mut Option<ReceiptDate>, text: &mut Option<&'a [u8]>, value: &'a [u8]) {
    if date.is_some() {
        return;
    }
    *date = parse_date(value);
    if date.is_some() {
        *text = None;
    } else if !value.is_empty() {
        *text = text.or(Some(value));
    }
}

/// The key of that place in [`APPENDIX_B`], if it stands there: the same that [`next_key`] would
/// find, with less searching.
#[inline]
fn expected_key(octets: &[u8], from: usize, expected: usize) -> Option<(Key, usize, usize)> {
    let (name, key) = APPENDIX_B.get(expected)?;
    let start = from + usize::from(octets.get(from) == Some(&b' '));
    let is_there = octets.get(start..)?.starts_with(name);
    is_there.then_some((*key, start, start + name.len()))
}

/// The next known key at or behind `from`: itself, where it begins, where its value begins.
fn next_key(octets: &[u8], from: usize) -> Option<(Key, usize, usize)> {
    let mut searched = from;
    loop {
        let colon = searched + octets[searched..].iter().position(|&octet| octet == b':')?;
        if let Some((key, start)) = key_before(&octets[from..colon]) {
            return Some((key, from + start, colon + 1));
        }
        searched = colon + 1;
    }
}

/// The known key at the end of `head` and where it begins.
fn key_before(head: &[u8]) -> Option<(Key, usize)> {
    let start = word_start(head);
    let word = &head[start..];
    let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
    let key = match word.len() {
        2 if is(b"id") => Key::Id,
        3 if is(b"sub") => Key::Sub,
        3 if is(b"err") => Key::Err,
        4 if is(b"stat") => Key::Stat,
        4 if is(b"text") => Key::Text,
        4 if is(b"date") => {
            let before = &head[..start];
            let gap = before
                .iter()
                .rev()
                .take_while(|&&octet| matches!(octet, b' ' | b'_'))
                .count();
            return date_key(&before[..before.len() - gap]);
        }
        5 if is(b"dlvrd") => Key::Dlvrd,
        6 if is(b"status") => Key::Status,
        8 | 10 if word[word.len() - 4..].eq_ignore_ascii_case(b"date") => {
            return date_key(&head[..head.len() - 4]);
        }
        _ => return None,
    };
    Some((key, start))
}

fn date_key(head: &[u8]) -> Option<(Key, usize)> {
    let start = word_start(head);
    let word = &head[start..];
    if word.eq_ignore_ascii_case(b"submit") {
        Some((Key::SubmitDate, start))
    } else if word.eq_ignore_ascii_case(b"done") {
        Some((Key::DoneDate, start))
    } else {
        None
    }
}

fn word_start(head: &[u8]) -> usize {
    head.len()
        - head
            .iter()
            .rev()
            .take_while(|octet| octet.is_ascii_alphabetic())
            .count()
}

/// Octets skipped before the value at `start`, and the value. Blanks may precede it; a key behind
/// them means that it is empty.
fn value_at(octets: &[u8], start: usize) -> (usize, &[u8]) {
    let rest = &octets[start..];
    let blanks = rest.iter().take_while(|&&octet| octet == b' ').count();
    let token = token(&rest[blanks..]);
    if blanks > 0 {
        let colon = token.iter().position(|&octet| octet == b':');
        let is_key = colon.is_some_and(|colon| key_before(&token[..colon]).is_some());
        let is_date = [&b"submit"[..], b"done"]
            .iter()
            .any(|one| token.eq_ignore_ascii_case(one));
        if is_key || is_date {
            return (0, &[]);
        }
    }
    (blanks, token)
}

/// Octets up to the next blank or separator.
fn token(octets: &[u8]) -> &[u8] {
    let ends = |octet: &u8| matches!(octet, 0..=b' ' | b',' | b';');
    &octets[..octets.iter().position(ends).unwrap_or(octets.len())]
}

fn has_stat(octets: &[u8]) -> bool {
    let has = |key: &[u8]| {
        octets
            .windows(key.len())
            .any(|word| word.eq_ignore_ascii_case(key))
    };
    has(b" stat:") || has(b" status:")
}

/// A state's word that stands without its key.
fn bare_state<'a>(octets: &'a [u8], text: Option<&[u8]>) -> Option<&'a [u8]> {
    let head = &octets[..octets.len() - text.map_or(0, <[u8]>::len)];
    head.split(|&octet| octet == b' ')
        .find(|word| word.len() >= 5 && ReceiptState::from_stat(word).is_some())
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |number, octet| {
        octet
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(octet - b'0'))
    })
}

/// Reads a receipt's date: 10 digits `YYMMDDhhmm`, 12 digits `YYMMDDhhmmss` or, where that is no
/// date, `YYYYMMDDhhmm`, 14 digits `YYYYMMDDhhmmss`, or an SMPP absolute time. What is no date,
/// such as all zeros, is `None`.
pub fn parse_date(octets: &[u8]) -> Option<ReceiptDate> {
    if octets.len() == TIME_OCTETS {
        return match SmppTime::parse(octets) {
            Ok(Some(SmppTime::Absolute(time))) => Some(ReceiptDate::Absolute(time)),
            _ => None,
        };
    }
    if !octets.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair = |at: usize| (octets[at] - b'0') * 10 + octets[at + 1] - b'0';
    let short = |second: u8| {
        let year = 2000 + u16::from(pair(0));
        DateTime::new(year, pair(2), pair(4), pair(6), pair(8), second)
    };
    let long = |second: u8| {
        let year = u16::from(pair(0)) * 100 + u16::from(pair(2));
        DateTime::new(year, pair(4), pair(6), pair(8), pair(10), second)
    };
    let date = match octets.len() {
        10 => short(0),
        12 => short(pair(10)).or_else(|| long(0)),
        14 => long(pair(12)),
        _ => None,
    };
    date.map(ReceiptDate::Local)
}

/// The form of some SMSCs' own: status, done date, submit date, error, destination, source, id.
fn parse_commas(octets: &[u8]) -> Option<Receipt<'_>> {
    let mut fields = octets.split(|&octet| octet == b',');
    let mut next = || fields.next();
    let (stat, done, submit, err) = (next()?, next()?, next()?, next()?);
    let (_destination, _source, id) = (next()?, next()?, next()?);
    let (done_date, submit_date) = (parse_date(done)?, parse_date(submit)?);
    let id = id.trim_ascii();
    if stat.is_empty() || id.is_empty() || next().is_some() {
        return None;
    }
    Some(Receipt {
        id: Some(id),
        submit_date: Some(submit_date),
        done_date: Some(done_date),
        stat: Some(stat),
        err: (!err.is_empty()).then_some(err),
        ..Receipt::default()
    })
}
