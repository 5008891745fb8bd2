//! Character sets other than the GSM alphabet: those of one octet per character that are simple,
//! and the national ones through `encoding_rs`. All are lossless or an error.

use encoding_rs as whatwg;

use super::{Encoding, TextError, Unencodable, gsm7, ucs2};

/// Appends `text` in `encoding` to `out`. [`Encoding::Gsm7`] is the default alphabet without
/// national shifts.
///
/// # Errors
/// The first character that the coding does not have, and for [`Encoding::Octets`] the first of
/// all. `out` may hold what stands before it.
pub fn encode(text: &str, encoding: Encoding, out: &mut Vec<u8>) -> Result<(), Unencodable> {
    match encoding {
        Encoding::Gsm7 => gsm7::encode(text, out),
        Encoding::Ia5 => encode_low(text, 0x7F, out),
        Encoding::Latin1 => encode_low(text, 0xFF, out),
        Encoding::Octets => match text.chars().next() {
            Some(character) => Err(Unencodable {
                offset: 0,
                character,
            }),
            None => Ok(()),
        },
        Encoding::Ucs2 => {
            ucs2::encode(text, out);
            Ok(())
        }
        Encoding::Utf8 => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
        _ => encode_national(text, encoding, out),
    }
}

/// Text of `octets` in `encoding`.
///
/// # Errors
/// The octets are no text of that coding.
pub fn decode(octets: &[u8], encoding: Encoding) -> Result<String, TextError> {
    let malformed = |offset| TextError::Malformed { encoding, offset };
    match encoding {
        Encoding::Gsm7 => gsm7::decode(octets),
        Encoding::Ucs2 => ucs2::decode(octets),
        Encoding::Octets => Err(TextError::NotText { encoding }),
        Encoding::Latin1 => Ok(octets.iter().map(|&octet| char::from(octet)).collect()),
        Encoding::Ia5 => match octets.iter().position(|octet| !octet.is_ascii()) {
            Some(offset) => Err(malformed(offset)),
            None => Ok(octets.iter().map(|&octet| char::from(octet)).collect()),
        },
        Encoding::Utf8 => match std::str::from_utf8(octets) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(malformed(error.valid_up_to())),
        },
        _ => decode_national(octets, encoding),
    }
}

/// Whether `encoding` has `character`.
pub fn has(character: char, encoding: Encoding) -> bool {
    match encoding {
        Encoding::Gsm7 => gsm7::width(character).is_some(),
        Encoding::Ia5 => character.is_ascii(),
        Encoding::Latin1 => u32::from(character) <= 0xFF,
        Encoding::Octets => false,
        Encoding::Ucs2 | Encoding::Utf8 => true,
        _ => {
            let mut octets = Vec::new();
            encode_national(character.encode_utf8(&mut [0; 4]), encoding, &mut octets).is_ok()
        }
    }
}

fn encode_low(text: &str, last: u32, out: &mut Vec<u8>) -> Result<(), Unencodable> {
    out.reserve(text.len());
    if text.is_ascii() {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    for (offset, character) in text.char_indices() {
        let scalar = u32::from(character);
        if scalar > last {
            return Err(Unencodable { offset, character });
        }
        out.push(scalar as u8);
    }
    Ok(())
}

fn whatwg_of(encoding: Encoding) -> &'static whatwg::Encoding {
    match encoding {
        Encoding::ShiftJis => whatwg::SHIFT_JIS,
        Encoding::Iso8859_5 => whatwg::ISO_8859_5,
        Encoding::Iso8859_8 => whatwg::ISO_8859_8,
        Encoding::Iso2022Jp => whatwg::ISO_2022_JP,
        Encoding::EucJp => whatwg::EUC_JP,
        Encoding::EucKr => whatwg::EUC_KR,
        Encoding::Gsm7
        | Encoding::Ia5
        | Encoding::Octets
        | Encoding::Latin1
        | Encoding::Ucs2
        | Encoding::Utf8 => unreachable!("{encoding} is encoded without encoding_rs"),
    }
}

/// `encoding_rs` also maps look-alikes onto one code (U+00A5 onto the backslash of Shift-JIS),
/// which would come back as another character: only what comes back as itself is taken.
fn encode_national(text: &str, encoding: Encoding, out: &mut Vec<u8>) -> Result<(), Unencodable> {
    let start = out.len();
    let mut encoder = whatwg_of(encoding).new_encoder();
    let room = encoder.max_buffer_length_from_utf8_without_replacement(text.len());
    out.resize(start + room.unwrap_or(text.len() * 8), 0);
    let (result, read, written) =
        encoder.encode_from_utf8_without_replacement(text, &mut out[start..], true);
    if let whatwg::EncoderResult::Unmappable(_) = result {
        out.truncate(start);
        // Not the character of the result: for ESC in ISO-2022-JP that is U+FFFD.
        let (offset, character) = text[..read]
            .char_indices()
            .next_back()
            .expect("the lacking character was read");
        return Err(Unencodable { offset, character });
    }
    out.truncate(start + written);
    match decode_national(&out[start..], encoding) {
        Ok(back) if back == text => Ok(()),
        back => {
            out.truncate(start);
            let back = back.unwrap_or_default();
            let changed = text
                .char_indices()
                .zip(back.chars().map(Some).chain([None]));
            let found = changed
                .into_iter()
                .find(|((_, one), other)| Some(*one) != *other);
            let (offset, character) = found.map_or((0, '\u{FFFD}'), |(at, _)| at);
            Err(Unencodable { offset, character })
        }
    }
}

fn decode_national(octets: &[u8], encoding: Encoding) -> Result<String, TextError> {
    let mut decoder = whatwg_of(encoding).new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length_without_replacement(octets.len());
    let mut text = String::with_capacity(room.unwrap_or(octets.len() * 4));
    let (result, read) = decoder.decode_to_string_without_replacement(octets, &mut text, true);
    match result {
        whatwg::DecoderResult::InputEmpty => Ok(text),
        whatwg::DecoderResult::Malformed(bad, after) => {
            let offset = read.saturating_sub(usize::from(bad) + usize::from(after));
            Err(TextError::Malformed { encoding, offset })
        }
        whatwg::DecoderResult::OutputFull => unreachable!("room is the library's own upper bound"),
    }
}
