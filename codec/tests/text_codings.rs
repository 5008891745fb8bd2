//! Rules of the text codings: escapes, padding, errors that name the place, nothing lost.

use signalbox_codec::text::encoding::{MessageClass, message_class, message_waiting};
use signalbox_codec::text::packed::{self, Padding};
use signalbox_codec::text::{self, Encoding, Language, Shifts, TextError, Unencodable};
use signalbox_codec::text::{charset, gsm7, national, ucs2};
use signalbox_codec::udh::Udh;

#[test]
fn gsm7_reads_escapes_as_the_standard_shows_them() {
    for (septets, text) in [
        (&[0x1B, 0x65][..], "€"),
        (&[0x41, 0x1B], "A"),
        (&[0x1B, 0x1B, 0x40], " ¡"),
        (&[0x1B, 0x41], "A"),
        (&[0x1B, 0x0A, 0x0D], "\u{C}\r"),
    ] {
        assert_eq!(gsm7::decode(septets).as_deref(), Ok(text), "{septets:02x?}");
    }
}

#[test]
fn gsm7_names_the_first_octet_above_7f() {
    let mut septets = vec![b'a'; 70];
    septets[65] = 0x80;
    assert_eq!(
        gsm7::decode(&septets),
        Err(TextError::NotASeptet {
            offset: 65,
            octet: 0x80
        })
    );
    assert!(gsm7::decode(&[0x1B, 0xC0]).is_err());
    for octet in 0x80..=0xFF {
        assert_eq!(
            gsm7::decode(&[octet]),
            Err(TextError::NotASeptet { offset: 0, octet })
        );
    }
}

#[test]
fn gsm7_names_the_first_character_it_lacks() {
    let text = format!("{}é你", "a".repeat(90));
    let lacking = Unencodable {
        offset: 92,
        character: '你',
    };
    assert_eq!(gsm7::septets(&text), Err(lacking));
    assert_eq!(gsm7::encode(&text, &mut Vec::new()), Err(lacking));
}

#[test]
fn gsm7_takes_every_place_of_every_chunk() {
    for character in ['$', '@', '_', '{', '€', 'é', 'Ω', '\n', '¿'] {
        for at in 0..70 {
            let text = format!("{}{character}{}", "x".repeat(at), "y".repeat(70 - at));
            let mut septets = Vec::new();
            gsm7::encode(&text, &mut septets).expect("all in the alphabet");
            assert_eq!(gsm7::septets(&text), Ok(septets.len()));
            assert_eq!(gsm7::decode(&septets).as_deref(), Ok(text.as_str()));
        }
    }
}

#[test]
fn every_scalar_is_carried_or_refused_by_every_coding() {
    let mut counts = [0_usize; Encoding::ALL.len()];
    let mut octets = Vec::new();
    for character in '\0'..=char::MAX {
        let mut buffer = [0; 4];
        let text: &str = character.encode_utf8(&mut buffer);
        for (index, encoding) in Encoding::ALL.into_iter().enumerate() {
            // No national set reaches beyond the second supplementary plane.
            let is_far = character > '\u{2FFFF}';
            if is_far && !matches!(encoding, Encoding::Ucs2 | Encoding::Utf8 | Encoding::Gsm7) {
                continue;
            }
            octets.clear();
            if charset::encode(text, encoding, &mut octets).is_ok() {
                counts[index] += 1;
                let back = charset::decode(&octets, encoding);
                let is_mark =
                    encoding == Encoding::Ucs2 && matches!(character, '\u{FEFF}' | '\u{FFFE}');
                assert!(
                    is_mark || back.as_deref() == Ok(text),
                    "{encoding} {character:?}"
                );
            }
        }
    }
    let all = 0x11_0000 - 0x800;
    assert_eq!(counts[..4], [137, 128, 0, 256]);
    assert_eq!((counts[7], counts[11]), (all, all));
}

#[test]
fn national_characters_come_back_with_the_same_tables() {
    for language in Language::ALL {
        for (locking, single) in [
            (Some(language), None),
            (None, Some(language)),
            (Some(language), Some(language)),
        ] {
            let shifts = Shifts { locking, single };
            for character in '\u{1}'..='\u{2FFF}' {
                let text = character.to_string();
                let mut septets = Vec::new();
                let encoded = national::encode(&text, shifts, &mut septets);
                assert_eq!(encoded.is_ok(), shifts.width(character).is_some());
                if encoded.is_ok() {
                    assert_eq!(shifts.width(character), Some(septets.len()));
                    let back = national::decode(&septets, shifts);
                    assert_eq!(back.as_deref(), Ok(text.as_str()), "{shifts:?}");
                }
            }
        }
    }
}

#[test]
fn header_elements_of_shifts_are_read_back() {
    let shifts = Shifts {
        locking: Some(Language::Hindi),
        single: Some(Language::Urdu),
    };
    let mut user_data = vec![6];
    shifts.write_elements(&mut user_data);
    assert_eq!(user_data, [6, 0x24, 1, 13, 0x25, 1, 6]);
    let (udh, _) = Udh::split(&user_data).expect("valid header");
    assert_eq!(Shifts::of_udh(udh), shifts);
    let unknown = [6, 0x24, 1, 14, 0x25, 1, 0];
    let (udh, _) = Udh::split(&unknown).expect("valid header");
    assert_eq!(Shifts::of_udh(udh), Shifts::NONE);
}

#[test]
fn packing_starts_on_a_septet_boundary_after_a_header() {
    for (udh_octets, fill_bits) in [(0, 0), (6, 1), (7, 0), (4, 3), (9, 5), (12, 2)] {
        assert_eq!(
            packed::fill_bits(udh_octets),
            fill_bits,
            "{udh_octets} octets"
        );
        assert_eq!((udh_octets * 8 + fill_bits) % 7, 0);
    }
}

#[test]
fn packing_comes_back_at_every_length_and_fill() {
    let septets: Vec<u8> = (0..=200_u8).map(|one| one & 0x7F).collect();
    for fill_bits in 0..7 {
        for length in 0..septets.len() {
            let mut octets = Vec::new();
            let septets = &septets[..length];
            packed::pack(septets, fill_bits, Padding::Zero, &mut octets).expect("septets");
            assert_eq!(
                packed::unpack(&octets, fill_bits, length).as_deref(),
                Ok(septets)
            );
            let available = packed::septets_max(octets.len(), fill_bits);
            let wanted = available + 1;
            let error = TextError::TooFewSeptets { wanted, available };
            assert_eq!(packed::unpack(&octets, fill_bits, wanted), Err(error));
        }
    }
    assert!(packed::pack(&[0x80], 0, Padding::Zero, &mut Vec::new()).is_err());
}

#[test]
fn ucs2_refuses_halves_and_shows_them_when_asked() {
    assert_eq!(
        ucs2::decode(&[0, 0x41, 0]),
        Err(TextError::HalfUnit { octets: 3 })
    );
    let lone = [0, 0x41, 0xD8, 0x3D];
    assert_eq!(
        ucs2::decode(&lone),
        Err(TextError::LoneSurrogate { offset: 2 })
    );
    assert_eq!(
        ucs2::decode_lossy(&[0, 0x41, 0xD8, 0x3D, 0]),
        "A\u{FFFD}\u{FFFD}"
    );
}

#[test]
fn national_sets_have_their_standard_octets() {
    for (encoding, text, octets) in [
        (
            Encoding::Iso8859_5,
            "Привет",
            &[0xBF, 0xE0, 0xD8, 0xD2, 0xD5, 0xE2][..],
        ),
        (Encoding::Iso8859_8, "שלום", &[0xF9, 0xEC, 0xE5, 0xED]),
        (Encoding::ShiftJis, "日本", &[0x93, 0xFA, 0x96, 0x7B]),
        (Encoding::EucKr, "한국", &[0xC7, 0xD1, 0xB1, 0xB9]),
        (Encoding::EucJp, "日本", &[0xC6, 0xFC, 0xCB, 0xDC]),
        (Encoding::Iso2022Jp, "日a", b"\x1B$BF|\x1B(Ba"),
        (Encoding::Latin1, "\u{80}ÿ", &[0x80, 0xFF]),
    ] {
        let mut encoded = Vec::new();
        charset::encode(text, encoding, &mut encoded).expect(text);
        assert_eq!(encoded, octets, "{encoding}");
        assert_eq!(charset::decode(octets, encoding).as_deref(), Ok(text));
    }
}

#[test]
fn look_alikes_of_a_set_are_refused() {
    let mut octets = vec![7];
    let error = charset::encode("日¥", Encoding::ShiftJis, &mut octets);
    assert_eq!(
        error,
        Err(Unencodable {
            offset: 3,
            character: '¥'
        })
    );
    assert_eq!(octets, [7]);
    let error = TextError::Malformed {
        encoding: Encoding::EucKr,
        offset: 1,
    };
    assert_eq!(charset::decode(b"a\xFFb", Encoding::EucKr), Err(error));
}

#[test]
fn data_coding_names_the_coding() {
    for (data_coding, encoding) in [
        (0, Encoding::Latin1),
        (1, Encoding::Ia5),
        (2, Encoding::Octets),
        (3, Encoding::Latin1),
        (4, Encoding::Octets),
        (5, Encoding::ShiftJis),
        (6, Encoding::Iso8859_5),
        (7, Encoding::Iso8859_8),
        (8, Encoding::Ucs2),
        (9, Encoding::Octets),
        (10, Encoding::Iso2022Jp),
        (13, Encoding::EucJp),
        (14, Encoding::EucKr),
        (0x0F, Encoding::Octets),
        (0x10, Encoding::Gsm7),
        (0x14, Encoding::Octets),
        (0x18, Encoding::Ucs2),
        (0xC8, Encoding::Gsm7),
        (0xD9, Encoding::Gsm7),
        (0xE0, Encoding::Ucs2),
        (0xF0, Encoding::Gsm7),
        (0xF5, Encoding::Octets),
    ] {
        let found = Encoding::of_data_coding(data_coding, Encoding::Latin1);
        assert_eq!(found, encoding, "data_coding 0x{data_coding:02X}");
    }
    for encoding in Encoding::ALL {
        assert_eq!(Encoding::from_name(encoding.name()), Some(encoding));
        if let Some(data_coding) = encoding.data_coding(Encoding::Latin1) {
            assert_eq!(
                Encoding::of_data_coding(data_coding, Encoding::Latin1),
                encoding
            );
        }
    }
}

#[test]
fn data_coding_carries_class_and_waiting() {
    assert_eq!(message_class(0xF0), Some(MessageClass::Immediate));
    assert_eq!(message_class(0x1A), Some(MessageClass::Sim));
    assert_eq!(message_class(0x08), None);
    for encoding in [Encoding::Gsm7, Encoding::Octets, Encoding::Ucs2] {
        let data_coding = encoding
            .data_coding_of_class(MessageClass::Immediate)
            .expect("a value");
        assert_eq!(message_class(data_coding), Some(MessageClass::Immediate));
        assert_eq!(
            Encoding::of_data_coding(data_coding, Encoding::Ia5),
            encoding
        );
    }
    let waiting = message_waiting(0xCA).expect("a waiting group");
    assert_eq!(
        (waiting.discard, waiting.active, waiting.kind),
        (true, true, 2)
    );
    assert_eq!(message_waiting(0xF0), None);
}

#[test]
fn decode_follows_data_coding_and_header() {
    let user_data = [3, 0x24, 1, 1, b'a', 0x1B, 0x47];
    let (udh, body) = Udh::split(&user_data).expect("valid header");
    assert_eq!(
        text::decode(body, 0, Encoding::Gsm7, Some(udh)).as_deref(),
        Ok("aĞ")
    );
    assert_eq!(
        text::decode(b"\xE9", 0, Encoding::Latin1, None).as_deref(),
        Ok("é")
    );
    assert_eq!(
        text::decode(&[4, 0x16], 8, Encoding::Gsm7, None).as_deref(),
        Ok("Ж")
    );
    let error = TextError::NotText {
        encoding: Encoding::Octets,
    };
    assert_eq!(text::decode(b"a", 4, Encoding::Gsm7, None), Err(error));
}
