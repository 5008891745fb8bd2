//! GSM 7-bit default alphabet and its extension, one septet per octet as SMPP carries it
//! (3GPP TS 23.038 §6.2.1). Packing is in [`super::packed`], national tables in
//! [`super::national`].

use super::{TextError, Unencodable};

/// The septet that shifts the next one into the extension table.
pub const ESC: u8 = 0x1B;

/// Characters of the default alphabet by septet; ESC has none (0).
#[rustfmt::skip]
pub(super) const DEFAULT: [u16; 128] = [
    0x0040, 0x00A3, 0x0024, 0x00A5, 0x00E8, 0x00E9, 0x00F9, 0x00EC, // 0x00
    0x00F2, 0x00C7, 0x000A, 0x00D8, 0x00F8, 0x000D, 0x00C5, 0x00E5, // 0x08
    0x0394, 0x005F, 0x03A6, 0x0393, 0x039B, 0x03A9, 0x03A0, 0x03A8, // 0x10
    0x03A3, 0x0398, 0x039E, 0x0000, 0x00C6, 0x00E6, 0x00DF, 0x00C9, // 0x18
    0x0020, 0x0021, 0x0022, 0x0023, 0x00A4, 0x0025, 0x0026, 0x0027, // 0x20
    0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D, 0x002E, 0x002F, // 0x28
    0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x0035, 0x0036, 0x0037, // 0x30
    0x0038, 0x0039, 0x003A, 0x003B, 0x003C, 0x003D, 0x003E, 0x003F, // 0x38
    0x00A1, 0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046, 0x0047, // 0x40
    0x0048, 0x0049, 0x004A, 0x004B, 0x004C, 0x004D, 0x004E, 0x004F, // 0x48
    0x0050, 0x0051, 0x0052, 0x0053, 0x0054, 0x0055, 0x0056, 0x0057, // 0x50
    0x0058, 0x0059, 0x005A, 0x00C4, 0x00D6, 0x00D1, 0x00DC, 0x00A7, // 0x58
    0x00BF, 0x0061, 0x0062, 0x0063, 0x0064, 0x0065, 0x0066, 0x0067, // 0x60
    0x0068, 0x0069, 0x006A, 0x006B, 0x006C, 0x006D, 0x006E, 0x006F, // 0x68
    0x0070, 0x0071, 0x0072, 0x0073, 0x0074, 0x0075, 0x0076, 0x0077, // 0x70
    0x0078, 0x0079, 0x007A, 0x00E4, 0x00F6, 0x00F1, 0x00FC, 0x00E0, // 0x78
];

/// Characters of the default extension table by the septet after ESC; 0 where it has none.
pub(super) const EXTENSION: [u16; 128] = {
    let mut table = [0; 128];
    let mut entry = 0;
    while entry < EXTENSION_ENTRIES.len() {
        table[EXTENSION_ENTRIES[entry].0 as usize] = EXTENSION_ENTRIES[entry].1;
        entry += 1;
    }
    table
};

#[rustfmt::skip]
const EXTENSION_ENTRIES: [(u8, u16); 10] = [
    (0x0A, 0x000C), (0x14, 0x005E), (0x28, 0x007B), (0x29, 0x007D), (0x2F, 0x005C),
    (0x3C, 0x005B), (0x3D, 0x007E), (0x3E, 0x005D), (0x40, 0x007C), (0x65, 0x20AC),
];

/// No septet for this character.
const NONE: u8 = 0xFF;
/// Set beside the septet of a character that needs ESC in front.
const EXTENDED: u8 = 0x80;
/// Septets of U+0000 to U+00FF, the range of nearly all text.
const LOW: [u8; 256] = reverse::<256>(0);
/// Septets of the Greek capitals, U+0390 to U+03AF.
const GREEK: [u8; 32] = reverse::<32>(0x0390);

const fn reverse<const N: usize>(first: u16) -> [u8; N] {
    let mut septets = [NONE; N];
    let mut septet = 0;
    while septet < 128 {
        let base = DEFAULT[septet] as usize;
        if base >= first as usize && base < first as usize + N && septet != ESC as usize {
            septets[base - first as usize] = septet as u8;
        }
        let extended = EXTENSION[septet] as usize;
        if extended != 0 && extended >= first as usize && extended < first as usize + N {
            septets[extended - first as usize] = septet as u8 | EXTENDED;
        }
        septet += 1;
    }
    septets
}

/// Octets looked at together. ASCII letters, digits and most punctuation are their own septets, so
/// that a whole chunk of them is copied.
const CHUNK: usize = 32;
/// Octets looked at together where others are among them.
const WORD: usize = 8;

/// Number of septets that `text` takes, an extension character counting as two.
///
/// # Errors
/// The first character that the default alphabet and its extension do not have.
pub fn septets(text: &str) -> Result<usize, Unencodable> {
    let octets = text.as_bytes();
    let (mut septets, mut at) = (0, 0);
    while at < octets.len() {
        let same = match octets[at..].first_chunk::<CHUNK>() {
            Some(chunk) if is_same(chunk) => CHUNK,
            _ => same_octets(&octets[at..]),
        };
        septets += same;
        at += same;
        if at == octets.len() || same == CHUNK {
            continue;
        }
        let character = character_at(text, at);
        let Some(width) = width(character) else {
            let offset = at;
            return Err(Unencodable { offset, character });
        };
        septets += width;
        at += character.len_utf8();
    }
    Ok(septets)
}

/// Appends the septets of `text`, one per octet, to `out`.
///
/// # Errors
/// The first character that the default alphabet and its extension do not have; `out` then holds
/// the septets of what stands before it.
pub fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), Unencodable> {
    out.reserve(text.len());
    let octets = text.as_bytes();
    let mut at = 0;
    while at < octets.len() {
        let chunk = &octets[at..octets.len().min(at + CHUNK)];
        if is_same(chunk) {
            out.extend_from_slice(chunk);
            at += chunk.len();
        } else {
            at = encode_chunk(text, at, at + chunk.len(), out)?;
        }
    }
    Ok(())
}

/// Appends the septets of what stands from `at` up to `stop`, or up to 10 octets more, and returns
/// where that ends. Whole words are copied and then counted, which is quicker than to copy as many
/// octets as count.
fn encode_chunk(
    text: &str,
    mut at: usize,
    stop: usize,
    out: &mut Vec<u8>,
) -> Result<usize, Unencodable> {
    let octets = text.as_bytes();
    let mut septets = [0; 2 * (CHUNK + WORD) + WORD];
    let mut count = 0;
    while at < stop {
        if let Some(word) = octets[at..].first_chunk::<WORD>() {
            septets[count..count + WORD].copy_from_slice(word);
            let same = same_octets_of_word(*word);
            count += same;
            at += same;
            if same == WORD {
                continue;
            }
        }
        let character = character_at(text, at);
        let septet = septet_of(character);
        if septet == NONE {
            out.extend_from_slice(&septets[..count]);
            let offset = at;
            return Err(Unencodable { offset, character });
        }
        let escapes = usize::from(septet >> 7);
        septets[count] = ESC;
        septets[count + escapes] = septet & !EXTENDED;
        count += 1 + escapes;
        at += character.len_utf8();
    }
    out.extend_from_slice(&septets[..count]);
    Ok(at)
}

/// Number of septets of one character: 1, 2 with ESC, or none when the alphabet lacks it.
pub fn width(character: char) -> Option<usize> {
    match septet_of(character) {
        NONE => None,
        septet if septet & EXTENDED != 0 => Some(2),
        _ => Some(1),
    }
}

/// Text of septets that stand one per octet.
///
/// ESC with a septet that the extension table lacks gives the character of the default alphabet,
/// ESC ESC a space, and an ESC at the end nothing (3GPP TS 23.038 §6.2.1.1).
///
/// # Errors
/// The first octet above 0x7F, with its offset.
pub fn decode(septets: &[u8]) -> Result<String, TextError> {
    let mut out = Vec::with_capacity(septets.len() + septets.len() / 8);
    let mut at = 0;
    while at < septets.len() {
        let chunk = &septets[at..septets.len().min(at + CHUNK)];
        if is_same(chunk) {
            out.extend_from_slice(chunk);
            at += chunk.len();
            continue;
        }
        let stop = at + chunk.len();
        while at < stop {
            let same = same_octets(&septets[at..stop]);
            if same > 0 {
                out.extend_from_slice(&septets[at..at + same]);
                at += same;
                continue;
            }
            let (unit, taken) = decode_one(septets, at, &DEFAULT, &EXTENSION)?;
            push_utf8(unit, &mut out);
            at += taken;
        }
    }
    Ok(String::from_utf8(out).expect("only whole characters are appended"))
}

/// The character at `septets[at]` (0 for a dangling ESC) and the septets it takes.
#[inline]
pub(super) fn decode_one(
    septets: &[u8],
    at: usize,
    locking: &[u16; 128],
    single: &[u16; 128],
) -> Result<(u16, usize), TextError> {
    let septet = septet_at(septets, at)?;
    if septet != ESC {
        return Ok((known(locking[usize::from(septet)]), 1));
    }
    let Some(_) = septets.get(at + 1) else {
        return Ok((0, 1));
    };
    let shifted = septet_at(septets, at + 1)?;
    if shifted == ESC {
        return Ok((u16::from(b' '), 2));
    }
    match single[usize::from(shifted)] {
        0 => Ok((known(locking[usize::from(shifted)]), 2)),
        unit => Ok((unit, 2)),
    }
}

/// Appends `unit` as UTF-8; the 0 of a dangling ESC appends nothing.
#[inline]
pub(super) fn push_utf8(unit: u16, out: &mut Vec<u8>) {
    match unit {
        0 => {}
        0x01..=0x7F => out.push(unit as u8),
        0x80..=0x7FF => out.extend_from_slice(&[0xC0 | (unit >> 6) as u8, continuation(unit)]),
        _ => {
            let lead = 0xE0 | (unit >> 12) as u8;
            out.extend_from_slice(&[lead, continuation(unit >> 6), continuation(unit)]);
        }
    }
}

fn continuation(bits: u16) -> u8 {
    0x80 | (bits & 0x3F) as u8
}

/// A reserved position is shown as U+FFFD, so that it is never taken for text.
fn known(unit: u16) -> u16 {
    if unit == 0 { 0xFFFD } else { unit }
}

fn septet_at(septets: &[u8], at: usize) -> Result<u8, TextError> {
    let octet = septets[at];
    if octet > 0x7F {
        return Err(TextError::NotASeptet { offset: at, octet });
    }
    Ok(octet)
}

/// The character that begins at `at`, which is a character's first octet.
#[inline]
fn character_at(text: &str, at: usize) -> char {
    match text.as_bytes()[at..] {
        [ascii @ 0..=0x7F, ..] => char::from(ascii),
        [lead @ (0xC2 | 0xC3), tail, ..] => char::from(lead << 6 | tail & 0x3F),
        _ => text[at..]
            .chars()
            .next()
            .expect("`at` is a character boundary inside"),
    }
}

#[inline]
fn septet_of(character: char) -> u8 {
    match character as u32 {
        low @ 0..=0xFF => LOW[low as usize],
        greek @ 0x0390..=0x03AF => GREEK[greek as usize - 0x0390],
        0x20AC => 0x65 | EXTENDED,
        _ => NONE,
    }
}

/// Whether every octet is ASCII that the default alphabet has at the same place. Written without
/// branches over a fixed length, which the compiler turns into vector instructions.
#[inline(always)]
fn is_same(chunk: &[u8]) -> bool {
    match <&[u8; CHUNK]>::try_from(chunk) {
        Ok(whole) => whole
            .iter()
            .fold(true, |same, &octet| same & is_same_octet(octet)),
        Err(_) => chunk.iter().all(|&octet| is_same_octet(octet)),
    }
}

/// Octets at the front that are ASCII at the same place.
#[inline(always)]
fn same_octets(octets: &[u8]) -> usize {
    let (words, rest) = octets.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let same = same_octets_of_word(*word);
        if same < WORD {
            return index * WORD + same;
        }
    }
    let same = rest.iter().take_while(|&&octet| is_same_octet(octet));
    words.len() * WORD + same.count()
}

/// As [`same_octets`], of eight at a time. Line ends count as others here, which costs a look at
/// them and nothing else.
#[inline(always)]
fn same_octets_of_word(word: [u8; WORD]) -> usize {
    const fn each(octet: u8) -> u64 {
        u64::from_ne_bytes([octet; WORD])
    }
    let word = u64::from_le_bytes(word);
    // Seven bits each, so that no sum carries into the next octet; bit 8 then tells `from` on.
    let low = word & each(0x7F);
    let from = |octet: u8| low + each(0x80 - octet);
    let is_not = |octet: u8| (low ^ each(octet)) + each(0x7F);
    let escaped = from(0x5B) & !from(0x61);
    let same = from(0x20) & is_not(b'$') & is_not(b'@');
    let others = (word | from(0x7B) | escaped | !same) & each(0x80);
    others.trailing_zeros() as usize / 8
}

#[inline(always)]
fn is_same_octet(octet: u8) -> bool {
    let printable = octet.wrapping_sub(0x20) <= 0x5A;
    let moved = (octet == b'$') | (octet == b'@') | (octet.wrapping_sub(0x5B) <= 5);
    (printable & !moved) | (octet == b'\n') | (octet == b'\r')
}
