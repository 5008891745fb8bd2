//! UCS-2 as data_coding 8 carries it: UTF-16, most significant octet first, surrogate pairs for
//! characters beyond U+FFFF.

use super::TextError;

/// Octets of one code unit.
pub const UNIT_OCTETS: usize = 2;

/// Appends `text` to `out`; every character has a form.
pub fn encode(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() * UNIT_OCTETS);
    for unit in text.encode_utf16() {
        out.extend_from_slice(&unit.to_be_bytes());
    }
}

/// Text of `octets`, without a leading byte order mark (which, when it says so, turns the order).
///
/// # Errors
/// An odd number of octets, or a surrogate without its partner, with its offset.
pub fn decode(octets: &[u8]) -> Result<String, TextError> {
    match octets {
        [0xFF, 0xFE, rest @ ..] => decode_units(rest, u16::from_le_bytes, 2),
        [0xFE, 0xFF, rest @ ..] => decode_units(rest, u16::from_be_bytes, 2),
        _ => decode_units(octets, u16::from_be_bytes, 0),
    }
}

/// Text of `octets` with U+FFFD in place of what is no text. It serves a segment that its sender
/// cut inside of a pair, or the odd octet of a broken phone.
pub fn decode_lossy(octets: &[u8]) -> String {
    let whole = octets.len() - octets.len() % UNIT_OCTETS;
    let units = octets[..whole].chunks_exact(UNIT_OCTETS);
    let mut text: String =
        char::decode_utf16(units.map(|unit| u16::from_be_bytes([unit[0], unit[1]])))
            .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
    if whole != octets.len() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

fn decode_units(
    octets: &[u8],
    unit_of: impl Fn([u8; 2]) -> u16,
    skipped: usize,
) -> Result<String, TextError> {
    if !octets.len().is_multiple_of(UNIT_OCTETS) {
        return Err(TextError::HalfUnit {
            octets: octets.len() + skipped,
        });
    }
    let mut units = octets
        .chunks_exact(UNIT_OCTETS)
        .map(|unit| unit_of([unit[0], unit[1]]));
    let mut text = String::with_capacity(octets.len());
    let mut offset = skipped;
    while let Some(unit) = units.next() {
        // Nearly all units are characters of their own.
        let character = match char::from_u32(u32::from(unit)) {
            None => units.next().and_then(|low| of_pair(unit, low)),
            own => own,
        };
        let Some(character) = character else {
            return Err(TextError::LoneSurrogate { offset });
        };
        text.push(character);
        offset += character.len_utf16() * UNIT_OCTETS;
    }
    Ok(text)
}

/// The character of two surrogates, if they are a high and a low one.
fn of_pair(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}
