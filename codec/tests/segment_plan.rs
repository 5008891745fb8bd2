//! Plans of texts: the coding chosen, the octets on the wire, where cuts fall, what is refused.

use signalbox_codec::segment::{self, LongMessage, SegmentError, SegmentOptions};
use signalbox_codec::text::encoding::Encoding;
use signalbox_codec::text::transliterate::Change;
use signalbox_codec::text::{
    self, Language, Plan, PlanError, PlanOptions, PreferredEncoding, plan,
};
use signalbox_codec::udh::{InformationElement, PORTS_16, ReferenceWidth, Udh};

fn with(long_message: LongMessage) -> PlanOptions<'static> {
    let segment = SegmentOptions {
        long_message,
        reference: 0x12A7,
        ..SegmentOptions::default()
    };
    PlanOptions {
        segment,
        ..PlanOptions::default()
    }
}

/// The text that a receiver makes of a plan's segments.
fn received(plan: &Plan, default_alphabet: Encoding) -> String {
    let mut text = String::new();
    for segment in plan.segments.iter() {
        let (udh, body) = match segment.udh_octets {
            0 => (None, segment.user_data),
            _ => {
                let (udh, body) = Udh::split(segment.user_data).expect("valid header");
                (Some(udh), body)
            }
        };
        assert_eq!(body, segment.body());
        let part = text::decode(body, plan.data_coding, default_alphabet, udh);
        text.push_str(&part.expect("each part is text of its own"));
    }
    text
}

#[test]
fn the_cheapest_coding_that_loses_nothing_is_chosen() {
    let all = Language::ALL;
    for (text, languages, encoding, data_coding, count) in [
        ("hello", &[][..], Encoding::Gsm7, 0, 1),
        ("", &[], Encoding::Gsm7, 0, 1),
        ("[€]", &[], Encoding::Gsm7, 0, 1),
        ("ışık", &[], Encoding::Ucs2, 8, 1),
        ("ışık", &[Language::Turkish], Encoding::Gsm7, 0, 1),
        ("ışık", &[Language::Spanish], Encoding::Ucs2, 8, 1),
        ("हिन्दी", &all, Encoding::Gsm7, 0, 1),
        ("日本", &all, Encoding::Ucs2, 8, 1),
        ("ğ😀", &all, Encoding::Ucs2, 8, 1),
        (&"ş".repeat(155), &[Language::Turkish], Encoding::Gsm7, 0, 1),
        (&"ş".repeat(156), &[Language::Turkish], Encoding::Gsm7, 0, 2),
        (&"€".repeat(81), &[], Encoding::Gsm7, 0, 2),
        (&"€".repeat(81), &[Language::Turkish], Encoding::Gsm7, 0, 1),
    ] {
        let plan = plan(
            text,
            &PlanOptions {
                languages,
                ..PlanOptions::default()
            },
        )
        .expect(text);
        let found = (plan.encoding, plan.data_coding, plan.segments.count());
        assert_eq!(found, (encoding, data_coding, count), "{text}");
        assert_eq!(received(&plan, Encoding::Gsm7), text);
        assert!(plan.changed.is_empty());
    }
}

#[test]
fn octets_are_those_of_the_wire() {
    let text = format!("{}[", "x".repeat(160));
    for (long_message, first, body_octets) in [
        (LongMessage::Udh8, &[5, 0, 3, 0xA7, 2, 1][..], 153),
        (LongMessage::Udh16, &[6, 8, 4, 0x12, 0xA7, 2, 1], 152),
        (LongMessage::Sar, &[], 153),
        (LongMessage::Payload, &[], 162),
    ] {
        let plan = plan(&text, &with(long_message)).expect("fits");
        let segment = plan.segments.iter().next().expect("one");
        assert_eq!((segment.udh(), segment.body().len()), (first, body_octets));
        assert_eq!(segment.payload, long_message == LongMessage::Payload);
        let sar = segment
            .sar
            .map(|sar| (sar.reference, sar.width, sar.total, sar.number));
        let is_sar = long_message == LongMessage::Sar;
        assert_eq!(sar, is_sar.then_some((0x12A7, ReferenceWidth::Sar, 2, 1)));
        assert_eq!((plan.septets, plan.octets), (Some(162), 162));
        assert_eq!(received(&plan, Encoding::Gsm7), text);
    }
}

#[test]
fn cuts_spare_what_belongs_together() {
    for (text, first_octets) in [
        (format!("{}[{}", "x".repeat(152), "y".repeat(20)), 152),
        (format!("{}\r\n{}", "x".repeat(152), "y".repeat(20)), 152),
        (format!("{}😀{}", "я".repeat(66), "я".repeat(20)), 132),
        (format!("{}e\u{301}{}", "я".repeat(66), "я".repeat(20)), 132),
        (format!("{}👨‍👩‍👧{}", "я".repeat(60), "я".repeat(20)), 120),
        (format!("{}🇩🇪🇫🇷{}", "я".repeat(62), "я".repeat(20)), 132),
        (
            format!(
                "{}한{}",
                "я".repeat(66),
                "\u{1112}\u{1161}\u{11AB}".repeat(8)
            ),
            134,
        ),
        (format!("я{}", "\u{301}".repeat(100)), 134),
    ] {
        let plan = plan(&text, &PlanOptions::default()).expect("fits");
        let first = plan.segments.iter().next().expect("one");
        assert_eq!(first.body().len(), first_octets, "{text}");
        assert_eq!(received(&plan, Encoding::Gsm7), text);
    }
}

#[test]
fn a_link_says_what_data_coding_0_means() {
    for (default_alphabet, text, encoding, data_coding) in [
        (Encoding::Latin1, "ç", Encoding::Latin1, 0),
        (Encoding::Latin1, "€", Encoding::Ucs2, 8),
        (Encoding::Ia5, "a", Encoding::Ia5, 0),
        (Encoding::Ia5, "é", Encoding::Ucs2, 8),
        (Encoding::Ucs2, "a", Encoding::Ucs2, 0),
        (Encoding::Utf8, "日", Encoding::Utf8, 0),
    ] {
        let options = PlanOptions {
            default_alphabet,
            ..PlanOptions::default()
        };
        let plan = plan(text, &options).expect(text);
        assert_eq!((plan.encoding, plan.data_coding), (encoding, data_coding));
        assert_eq!(received(&plan, default_alphabet), text);
    }
}

#[test]
fn a_preferred_coding_gives_way_unless_strict() {
    let preferred_encoding = PreferredEncoding::Only(Encoding::Latin1);
    let options = PlanOptions {
        preferred_encoding,
        ..PlanOptions::default()
    };
    let fitting = plan("ça", &options).expect("fits");
    assert_eq!(
        (fitting.encoding, fitting.data_coding),
        (Encoding::Latin1, 3)
    );
    assert_eq!(plan("a€", &options).expect("fits").encoding, Encoding::Ucs2);
    let strict = PlanOptions {
        encoding_strict: true,
        ..options
    };
    let error = plan("a€", &strict).expect_err("no euro sign");
    assert_eq!(
        error.to_string(),
        "latin1: no code for '€' (U+20AC) at octet 1 of the text"
    );
    let utf8 = PlanOptions {
        preferred_encoding: PreferredEncoding::Only(Encoding::Utf8),
        ..PlanOptions::default()
    };
    let error = PlanError::NoDataCoding {
        encoding: Encoding::Utf8,
    };
    assert_eq!(plan("a", &utf8), Err(error));
}

#[test]
fn transliteration_tells_what_it_changed() {
    let options = PlanOptions {
        transliterate: true,
        ..PlanOptions::default()
    };
    let plan_of = |text| plan(text, &options).expect("fits");
    let changed = plan_of("“Ça” — ő");
    assert_eq!(received(&changed, Encoding::Gsm7), "\"Ça\" - o");
    let quote = Change {
        offset: 0,
        from: '“',
        to: "\"",
    };
    assert_eq!((changed.changed.len(), changed.changed[0]), (4, quote));
    let kept = plan_of("ő日");
    assert_eq!((kept.encoding, kept.changed.len()), (Encoding::Ucs2, 0));
    let languages = &[Language::Turkish];
    let national = plan(
        "ş",
        &PlanOptions {
            languages,
            ..options
        },
    )
    .expect("fits");
    assert!(national.changed.is_empty() && national.encoding == Encoding::Gsm7);
}

#[test]
fn limits_are_named_when_they_are_exceeded() {
    let limited = |segments_max| PlanOptions {
        segment: SegmentOptions {
            segments_max,
            ..SegmentOptions::default()
        },
        ..PlanOptions::default()
    };
    let long = "x".repeat(307);
    assert!(plan(&long, &limited(3)).is_ok());
    let error = plan(&long, &limited(2)).expect_err("three segments");
    assert_eq!(
        error.to_string(),
        "the message takes 3 segments, segments_max is 2"
    );
    assert!(plan("x", &limited(0)).is_err());
    let error = plan(&"x".repeat(255 * 153 + 1), &PlanOptions::default());
    let segment = SegmentError::TooManySegments {
        segments: 256,
        segments_max: 255,
    };
    assert_eq!(error, Err(PlanError::Segment(segment)));
    let huge = "x".repeat(1 << 20);
    assert!(matches!(
        plan(&huge, &limited(255)),
        Err(PlanError::Segment(_))
    ));
    assert!(matches!(
        plan(&huge, &with(LongMessage::Payload)),
        Err(PlanError::Segment(_))
    ));
    let payload = plan(&"x".repeat(65_535), &with(LongMessage::Payload)).expect("fits");
    assert_eq!(
        (payload.segments.count(), payload.segments.octets()),
        (1, 65_535)
    );
    assert!(plan(&"x".repeat(65_536), &with(LongMessage::Payload)).is_err());
    for user_data_octets_max in [19, 141] {
        let options = SegmentOptions {
            user_data_octets_max,
            ..SegmentOptions::default()
        };
        let error = SegmentError::UserDataOctets {
            user_data_octets_max,
        };
        assert_eq!(segment::octets(b"x", &options), Err(error));
    }
}

#[test]
fn further_elements_stand_in_every_header() {
    let ports = [InformationElement {
        id: PORTS_16,
        data: &[0x0B, 0x84, 0x23, 0xF0],
    }];
    for (long_message, data_octets, header) in [
        (
            LongMessage::Udh8,
            300,
            &[11, 0, 3, 7, 3, 2, 5, 4, 0x0B, 0x84, 0x23, 0xF0][..],
        ),
        (
            LongMessage::Sar,
            300,
            &[12, 8, 4, 0, 7, 3, 2, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
        ),
        (LongMessage::Sar, 133, &[6, 5, 4, 0x0B, 0x84, 0x23, 0xF0]),
        (
            LongMessage::Payload,
            300,
            &[6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
        ),
    ] {
        let segment = SegmentOptions {
            long_message,
            reference: 7,
            elements: &ports,
            ..SegmentOptions::default()
        };
        let data: Vec<u8> = (0..data_octets).map(|one| one as u8).collect();
        let segments = segment::octets(&data, &segment).expect("fits");
        let middle = segments.iter().nth(segments.count() / 2).expect("one");
        assert_eq!(middle.udh(), header, "{long_message:?}");
        let bodies: Vec<u8> = segments
            .iter()
            .flat_map(|one| one.body().to_vec())
            .collect();
        assert_eq!(bodies, data);
        let fits = |one: segment::Segment<'_>| one.payload || one.user_data.len() <= 140;
        assert!(segments.iter().all(fits));
    }
    let data = [0; 130];
    let elements = [InformationElement {
        id: 0x70,
        data: &data,
    }];
    let options = SegmentOptions {
        elements: &elements,
        ..SegmentOptions::default()
    };
    let error = SegmentError::HeaderTooLong {
        octets: 138,
        octets_max: 140,
    };
    assert_eq!(segment::octets(b"x", &options), Err(error));
}

#[test]
fn every_coding_is_cut_between_its_characters() {
    for (encoding, unit) in [
        (Encoding::ShiftJis, "日a"),
        (Encoding::Iso2022Jp, "日本a"),
        (Encoding::EucJp, "日本"),
        (Encoding::EucKr, "한a국"),
        (Encoding::Iso8859_5, "Привет"),
        (Encoding::Iso8859_8, "שלום"),
        (Encoding::Ucs2, "a😀"),
        (Encoding::Utf8, "a€😀"),
    ] {
        for count in 1..120 {
            let text = unit.repeat(count);
            let options = PlanOptions {
                preferred_encoding: PreferredEncoding::Only(encoding),
                encoding_strict: true,
                default_alphabet: Encoding::Utf8,
                ..PlanOptions::default()
            };
            let plan = plan(&text, &options).expect("fits");
            assert_eq!(plan.encoding, encoding);
            assert_eq!(received(&plan, Encoding::Utf8), text, "{encoding}");
            assert!(plan.segments.iter().all(|one| one.user_data.len() <= 140));
        }
    }
}

/// Plans each character of `range` alone and reads it back.
fn sweep(range: impl Iterator<Item = char>, options: &PlanOptions<'_>) {
    for character in range {
        let mut buffer = [0; 4];
        let plan = plan(character.encode_utf8(&mut buffer), options).expect("always a coding");
        assert_eq!(plan.segments.count(), 1);
        // A byte order mark alone is read as such, not as a character.
        if plan.changed.is_empty() && character != '\u{FEFF}' && character != '\u{FFFE}' {
            assert!(
                received(&plan, Encoding::Gsm7).chars().eq([character]),
                "{character:?}"
            );
        }
    }
}

#[test]
fn every_scalar_passes_the_chooser() {
    sweep('\0'..=char::MAX, &PlanOptions::default());
}

#[test]
fn every_scalar_of_the_tables_passes_the_chooser_with_all_languages() {
    let languages = &Language::ALL;
    sweep(
        '\0'..='\u{2FFF}',
        &PlanOptions {
            languages,
            transliterate: true,
            ..Default::default()
        },
    );
}
