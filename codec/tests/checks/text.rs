//! Codings and plans: what is encoded is decoded to the same, and a receiver of any plan reads the
//! text that was planned.

use signalbox_codec::segment::{LongMessage, SegmentOptions, USER_DATA_OCTETS_RANGE};
use signalbox_codec::text::packed::{self, Padding};
use signalbox_codec::text::{
    self, Encoding, Language, Plan, PlanError, PlanOptions, PreferredEncoding, Shifts, charset,
    gsm7, national, plan,
};
use signalbox_codec::udh::{InformationElement, PORTS_16, Udh};

use super::input::Input;

/// The first octet chooses among the checks of this file, the rest is theirs.
pub fn check_text(octets: &[u8]) {
    let mut input = Input::new(octets);
    match input.octet() % 5 {
        0 => check_decode(&mut input),
        1 => check_encode(&mut input),
        2 => check_packed(&mut input),
        3 => check_national(&mut input),
        _ => check_plan(&mut input),
    }
}

/// Any octets in any coding, with any header: text or an error, and the text comes back.
fn check_decode(input: &mut Input<'_>) {
    let data_coding = input.octet();
    let default_alphabet = input.pick(&Encoding::ALL);
    let header = input.below(32);
    let header = input.octets(header);
    let udh = Udh::split(header).ok().map(|(udh, _)| udh);
    let octets = input.rest();
    let Ok(text) = text::decode(octets, data_coding, default_alphabet, udh) else {
        return;
    };
    let mut again = Vec::new();
    match Encoding::of_data_coding(data_coding, default_alphabet) {
        Encoding::Gsm7 => {
            let shifts = udh.map_or(Shifts::NONE, Shifts::of_udh);
            // A place that a table leaves open is shown by a sign that no table has.
            if text.contains('\u{FFFD}') {
                return;
            }
            national::encode(&text, shifts, &mut again).expect("read with the same tables");
            assert_eq!(national::decode(&again, shifts), Ok(text));
        }
        encoding @ (Encoding::Ia5 | Encoding::Latin1 | Encoding::Utf8) => {
            charset::encode(&text, encoding, &mut again).expect("read with the same coding");
            assert_eq!(again, octets);
        }
        Encoding::Ucs2 if is_marked(octets) => {}
        Encoding::Ucs2 => {
            charset::encode(&text, Encoding::Ucs2, &mut again).expect("it has all characters");
            assert_eq!(again, octets);
        }
        // These have several octet sequences for some characters, and read some that they do not
        // write; `check_encode` has the other direction.
        _ => {}
    }
}

/// Whether UCS-2 begins with a byte order mark, which is no part of the text.
fn is_marked(octets: &[u8]) -> bool {
    octets.starts_with(&[0xFE, 0xFF]) || octets.starts_with(&[0xFF, 0xFE])
}

/// Any text in any coding: refused by a character that it names, or carried.
fn check_encode(input: &mut Input<'_>) {
    let encoding = input.pick(&Encoding::ALL);
    let text = String::from_utf8_lossy(input.rest()).into_owned();
    let mut octets = vec![0xAA];
    match charset::encode(&text, encoding, &mut octets) {
        Ok(()) => {
            assert_eq!(octets[0], 0xAA, "what was there stays");
            let octets = &octets[1..];
            if encoding == Encoding::Octets || (encoding == Encoding::Ucs2 && is_marked(octets)) {
                return;
            }
            assert_eq!(charset::decode(octets, encoding).as_ref(), Ok(&text));
            if encoding == Encoding::Gsm7 {
                assert_eq!(gsm7::septets(&text), Ok(octets.len()));
            }
        }
        Err(lacking) => {
            assert!(text[lacking.offset..].starts_with(lacking.character));
            if encoding == Encoding::Gsm7 {
                assert_eq!(gsm7::septets(&text), Err(lacking));
            }
        }
    }
}

/// Packing and unpacking at every fill, and unpacking of anything.
fn check_packed(input: &mut Input<'_>) {
    let fill_bits = input.below(8);
    let padding = input.pick(&[Padding::Zero, Padding::CarriageReturn]);
    let octets = input.rest();
    let count = packed::septets_max(octets.len(), fill_bits);
    let unpacked = packed::unpack(octets, fill_bits, count).expect("as many as there are");
    assert_eq!(unpacked.len(), count);
    assert!(packed::unpack(octets, fill_bits, count + 1).is_err());
    assert!(unpacked.starts_with(&packed::unpack_padded(octets, fill_bits)));

    let septets: Vec<u8> = octets.iter().map(|octet| octet & 0x7F).collect();
    let mut packed_octets = Vec::new();
    packed::pack(&septets, fill_bits, padding, &mut packed_octets).expect("septets");
    assert!(packed_octets.len() <= (fill_bits % 7 + septets.len() * 7).div_ceil(8) + 1);
    let back = packed::unpack(&packed_octets, fill_bits, septets.len());
    assert_eq!(back.as_ref(), Ok(&septets));
    if let Err(error) = packed::pack(octets, fill_bits, padding, &mut Vec::new()) {
        assert!(octets.iter().any(|octet| *octet > 0x7F), "{error}");
    }
}

fn shifts_of(input: &mut Input<'_>) -> Shifts {
    let mut language = || Language::from_identifier(input.octet() % 14);
    Shifts {
        locking: language(),
        single: language(),
    }
}

/// Any septets with any tables, and any text with them.
fn check_national(input: &mut Input<'_>) {
    let shifts = shifts_of(input);
    let octets = input.rest();
    let text = String::from_utf8_lossy(octets);
    let mut septets = Vec::new();
    if national::encode(&text, shifts, &mut septets).is_ok() {
        let width: Option<usize> = text.chars().map(|one| shifts.width(one)).sum();
        assert_eq!(width, Some(septets.len()));
        let back = national::decode(&septets, shifts);
        assert_eq!(back.as_deref(), Ok(text.as_ref()));
    }
    let is_septets = octets.iter().all(u8::is_ascii);
    assert_eq!(national::decode(octets, shifts).is_ok(), is_septets);
}

/// Any text under any options: an error that the options ask for, or segments within their bounds
/// that carry the whole text.
fn check_plan(input: &mut Input<'_>) {
    let ports = [InformationElement {
        id: PORTS_16,
        data: &[0x23, 0xF4, 0, 0],
    }];
    let languages: Vec<Language> = (0..input.below(4))
        .filter_map(|_| Language::from_identifier(1 + input.octet() % 13))
        .collect();
    let preferred_encoding = match input.below(16) {
        index @ 0..=11 => PreferredEncoding::Only(Encoding::ALL[index]),
        _ => PreferredEncoding::Auto,
    };
    let flags = input.octet();
    let options = PlanOptions {
        preferred_encoding,
        encoding_strict: flags & 1 != 0,
        default_alphabet: input.pick(&Encoding::ALL),
        languages: &languages,
        transliterate: flags & 2 != 0,
        segment: SegmentOptions {
            long_message: input.pick(&[
                LongMessage::Udh8,
                LongMessage::Udh16,
                LongMessage::Sar,
                LongMessage::Payload,
            ]),
            reference: 0x1234,
            segments_max: input.octet(),
            user_data_octets_max: input.octet() % 150,
            elements: if flags & 4 != 0 { &ports } else { &[] },
        },
    };
    let text = String::from_utf8_lossy(input.rest()).into_owned();
    match plan(&text, &options) {
        Ok(plan) => check_planned(&text, &options, &plan),
        Err(PlanError::Unencodable { character, .. }) => {
            assert!(options.encoding_strict && preferred_encoding != PreferredEncoding::Auto);
            assert!(text[character.offset..].starts_with(character.character));
        }
        Err(PlanError::NoDataCoding { encoding }) => {
            assert_eq!(encoding.data_coding(options.default_alphabet), None);
        }
        Err(PlanError::Segment(error)) => {
            let segment = &options.segment;
            let is_possible = segment.segments_max > 0
                && segment.elements.is_empty()
                && languages.is_empty()
                && USER_DATA_OCTETS_RANGE.contains(&segment.user_data_octets_max);
            assert!(!is_possible || text.chars().count() > 2, "{error}");
        }
    }
}

fn check_planned(text: &str, options: &PlanOptions<'_>, plan: &Plan) {
    let octets_max = usize::from(options.segment.user_data_octets_max);
    assert!(plan.segments.count() <= usize::from(options.segment.segments_max));
    let mut received = String::new();
    for segment in plan.segments.iter() {
        let body = segment.body().len();
        let on_air = match plan.encoding {
            Encoding::Gsm7 => (body * 7).div_ceil(8),
            _ => body,
        };
        assert!(segment.payload || segment.udh_octets + on_air <= octets_max);
        let udh = match segment.udh_octets {
            0 => None,
            _ => Some(Udh::split(segment.user_data).expect("a header").0),
        };
        let is_part = plan.segments.count() > 1;
        let concatenation = segment.sar.or_else(|| udh.and_then(Udh::concatenation));
        assert_eq!(concatenation.is_some(), is_part);
        // Of a mark at the beginning of a part a receiver cannot know that it is text.
        if plan.encoding == Encoding::Octets || is_marked(segment.body()) {
            return;
        }
        let (data_coding, alphabet) = (plan.data_coding, options.default_alphabet);
        received += &text::decode(segment.body(), data_coding, alphabet, udh).expect("text");
    }
    if plan.changed.is_empty() {
        assert_eq!(received, text, "{plan:?}");
    }
}
