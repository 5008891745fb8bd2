//! User data headers and cuts against other people's test data: every row, each exception with its
//! reason.

mod vectors;

use serde_json::Value;
use signalbox_codec::segment::{LongMessage, SegmentOptions};
use signalbox_codec::text::packed::{self, Padding};
use signalbox_codec::text::{
    Encoding, Language, PlanOptions, PreferredEncoding, charset, gsm7, plan,
};
use signalbox_codec::udh::{self, Concatenation, InformationElement, ReferenceWidth, Udh};
use vectors::{check_all, hex};

/// Rows that differ on purpose: name, reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "TestSplit UCS2 limit 107 part 1/2",
        "cuts a text that fits one message without header",
    ),
    (
        "TestSplit UCS2 limit 107 part 2/2",
        "cuts a text that fits one message without header",
    ),
];

#[test]
fn every_header_row_agrees() {
    check_all("udh-concat.jsonl", check, |row| {
        let name = row["name"].as_str()?;
        EXCEPTIONS.iter().find(|one| one.0 == name).map(|one| one.1)
    });
}

fn check(row: &Value) -> Result<(), String> {
    if row["kind"] == "part-count" {
        return check_part_count(row);
    }
    match hex(row, "hex") {
        Some(user_data) => check_header(row, &user_data),
        None => check_cut(row),
    }
}

fn check_header(row: &Value, user_data: &[u8]) -> Result<(), String> {
    let (udh, body) = match (Udh::split(user_data), row["expect_error"] == true) {
        (Err(_), true) => return Ok(()),
        (Ok(_), true) => return Err("is a header".to_owned()),
        (split, _) => split.map_err(|error| error.to_string())?,
    };
    let expected = &row["expect"];
    let elements: Vec<_> = udh.iter().collect();
    let of_row = |element: &Value| (element["iei"].as_u64(), hex(element, "data_hex"));
    let rows: Vec<_> = expected["ies"]
        .as_array()
        .ok_or("no elements")?
        .iter()
        .map(of_row)
        .collect();
    let ours = elements
        .iter()
        .map(|element| (Some(element.id.into()), Some(element.data.to_vec())));
    if ours.collect::<Vec<_>>() != rows {
        return Err(format!("elements are {elements:02x?}"));
    }
    if Some(body) != hex(expected, "body_hex").as_deref() {
        return Err(format!("body is {body:02x?}"));
    }
    let invalid = row["quirk"]
        .as_str()
        .is_some_and(|quirk| quirk.starts_with("invalid concat"));
    let concatenation = if invalid {
        None
    } else {
        concatenation_of(&expected["concat"])
    };
    if udh.concatenation() != concatenation {
        return Err(format!("concatenation is {:?}", udh.concatenation()));
    }
    let ports = udh
        .ports()
        .map(|ports| (u64::from(ports.destination), u64::from(ports.source)));
    let expected_ports = &expected["ports"];
    if ports
        != expected_ports["dest"]
            .as_u64()
            .zip(expected_ports["orig"].as_u64())
    {
        return Err(format!("ports are {ports:?}"));
    }
    let mut written = Vec::new();
    udh::write(&elements, &mut written).map_err(|error| error.to_string())?;
    if written.as_slice() != &user_data[..udh.octets()] {
        return Err(format!("is written {written:02x?}"));
    }
    check_packed(row, udh, body)
}

fn concatenation_of(expected: &Value) -> Option<Concatenation> {
    let number = |field: &str| expected[field].as_u64();
    let width = match number("bits")? {
        8 => ReferenceWidth::Bits8,
        _ => ReferenceWidth::Bits16,
    };
    let (reference, total, seq) = (number("ref")?, number("total")?, number("seq")?);
    Concatenation::new(reference as u16, width, total as u8, seq as u8)
}

/// Rows that hold a packed text behind the header.
fn check_packed(row: &Value, udh: Udh<'_>, body: &[u8]) -> Result<(), String> {
    let Some(text) = row["expect_text"].as_str() else {
        return Ok(());
    };
    let fill_bits = packed::fill_bits(udh.octets());
    let count = gsm7::septets(text).map_err(|error| error.to_string())?;
    let septets = packed::unpack(body, fill_bits, count).map_err(|error| error.to_string())?;
    let decoded = gsm7::decode(&septets).map_err(|error| error.to_string())?;
    if decoded != text {
        Err(format!("text is {decoded:?}"))
    } else {
        Ok(())
    }
}

/// Rows of other people's cuts: one part of `whole_text`.
fn check_cut(row: &Value) -> Result<(), String> {
    let text = row["whole_text"].as_str().ok_or("no text")?;
    let part = row["expect_text"].as_str().ok_or("no part")?;
    // The source pads seven spare bits as USSD does; the carriage return is no part of the text.
    let (part, padding) = match part.strip_suffix('\r') {
        Some(part) => (part, Padding::CarriageReturn),
        None => (part, Padding::Zero),
    };
    let segment = SegmentOptions {
        user_data_octets_max: row["octet_limit"]
            .as_u64()
            .map_or(140, |octets| octets as u8 + 6),
        ..SegmentOptions::default()
    };
    if segment.user_data_octets_max > 140 {
        return Err("more octets than a short message has".to_owned());
    }
    let options = PlanOptions {
        segment,
        ..PlanOptions::default()
    };
    let plan = plan(text, &options).map_err(|error| error.to_string())?;
    let segments: Vec<_> = plan.segments.iter().collect();
    let body = match plan.encoding {
        Encoding::Ucs2 => hex(row, "body_hex").ok_or("no octets")?,
        _ => {
            let packed_body = hex(row, "packed_body_hex").ok_or("no octets")?;
            let mut septets = Vec::new();
            charset::encode(part, Encoding::Gsm7, &mut septets)
                .map_err(|error| error.to_string())?;
            let mut packed_again = Vec::new();
            let fill_bits = row["fill_bits"].as_u64().unwrap_or(0) as usize;
            packed::pack(&septets, fill_bits, padding, &mut packed_again)
                .map_err(|error| error.to_string())?;
            if packed_again != packed_body {
                return Err(format!("packs to {packed_again:02x?}"));
            }
            septets
        }
    };
    let found = segments.iter().any(|segment| segment.body() == body);
    if found {
        Ok(())
    } else {
        Err(format!("no segment is {part:?} of {}", segments.len()))
    }
}

fn check_part_count(row: &Value) -> Result<(), String> {
    let expected = row["expect_parts"].as_u64().ok_or("no count")?;
    let length = row["length"].as_u64().unwrap_or(0) as usize;
    let coding = row["coding"].as_str().ok_or("no coding")?;
    let text = match row["text"].as_str() {
        Some(text) => text.to_owned(),
        None => "A".repeat(length),
    };
    let encoding = if coding == "ucs2" {
        Encoding::Ucs2
    } else {
        Encoding::Gsm7
    };
    let options = PlanOptions {
        preferred_encoding: PreferredEncoding::Only(encoding),
        encoding_strict: true,
        languages: if coding.starts_with("gsm7+turkish") {
            &[Language::Turkish]
        } else {
            &[]
        },
        ..PlanOptions::default()
    };
    let plan = plan(&text, &options).map_err(|error| error.to_string())?;
    if plan.segments.count() as u64 != expected {
        return Err(format!("{} segments", plan.segments.count()));
    }
    // The row of Turkish names the septets of the single shift; the locking table takes fewer.
    if let Some(septets) = row["septets"].as_u64()
        && plan.septets.is_none_or(|ours| ours as u64 > septets)
    {
        return Err(format!("{:?} septets", plan.septets));
    }
    let last = plan
        .segments
        .iter()
        .last()
        .map_or(0, |segment| segment.body().len());
    let (left, capacity) = match (row["septets_left"].as_u64(), row["units_left"].as_u64()) {
        (Some(left), _) => (left as usize, if expected == 1 { 160 } else { 153 }),
        (_, Some(left)) => (left as usize * 2, if expected == 1 { 140 } else { 134 }),
        _ => return Ok(()),
    };
    if left + last == capacity {
        Ok(())
    } else {
        Err(format!("{last} in the last segment"))
    }
}

#[test]
fn long_forms_have_the_sizes_of_the_standard() {
    for (long_message, encoding, single, part) in [
        (LongMessage::Udh8, Encoding::Gsm7, 160, 153),
        (LongMessage::Udh16, Encoding::Gsm7, 160, 152),
        (LongMessage::Sar, Encoding::Gsm7, 160, 153),
        (LongMessage::Udh8, Encoding::Ucs2, 70, 67),
        (LongMessage::Udh16, Encoding::Ucs2, 70, 66),
        (LongMessage::Sar, Encoding::Ucs2, 70, 67),
        (LongMessage::Udh8, Encoding::Latin1, 140, 134),
        (LongMessage::Udh16, Encoding::Latin1, 140, 133),
    ] {
        let segment = SegmentOptions {
            long_message,
            ..SegmentOptions::default()
        };
        let preferred_encoding = PreferredEncoding::Only(encoding);
        let options = PlanOptions {
            preferred_encoding,
            segment,
            ..PlanOptions::default()
        };
        for (length, count) in [
            (single, 1),
            (single + 1, 2),
            (2 * part, 2),
            (2 * part + 1, 3),
            (255 * part, 255),
        ] {
            let plan = plan(&"x".repeat(length), &options).expect("fits");
            assert_eq!(
                plan.segments.count(),
                count,
                "{long_message:?} {encoding} {length}"
            );
        }
    }
}

#[test]
fn the_last_valid_concatenation_counts() {
    for (elements, expected) in [
        (&[(0, &[1, 3, 2][..]), (0, &[2, 3, 1])][..], Some((2, 3, 1))),
        (&[(8, &[1, 0, 3, 2]), (0, &[2, 3, 4])], Some((256, 3, 2))),
        (&[(0, &[1, 0, 0])], None),
        (&[(0, &[1, 2, 3])], None),
        (&[(8, &[1, 2, 3])], None),
    ] {
        let elements: Vec<_> = elements
            .iter()
            .map(|&(id, data)| InformationElement { id, data })
            .collect();
        let mut octets = Vec::new();
        udh::write(&elements, &mut octets).expect("short");
        let (udh, _) = Udh::split(&octets).expect("valid");
        let found = udh
            .concatenation()
            .map(|one| (one.reference, one.total, one.number));
        assert_eq!(found, expected);
    }
}

#[test]
fn special_messages_and_octet_ports_are_read() {
    let octets = [12, 1, 2, 0x80, 3, 4, 2, 200, 100, 1, 2, 0x02, 1];
    let (udh, _) = Udh::split(&octets).expect("valid");
    let special: Vec<_> = udh
        .special_messages()
        .map(|one| (one.store, one.kind, one.count))
        .collect();
    assert_eq!(special, [(true, 0, 3), (false, 2, 1)]);
    assert_eq!(
        udh.ports().map(|ports| (ports.destination, ports.source)),
        Some((200, 100))
    );
}

#[test]
fn headers_too_long_are_refused() {
    let data = [0; 200];
    let elements = [InformationElement { id: 1, data: &data }; 2];
    let mut out = vec![9];
    let error = udh::UdhError::TooLong { octets: 404 };
    assert_eq!(udh::write(&elements, &mut out), Err(error));
    assert_eq!(out, [9]);
}

#[test]
fn every_truncation_of_every_header_is_an_error_or_a_shorter_body() {
    for row in vectors::rows("udh-concat.jsonl") {
        let Some(user_data) = hex(&row, "hex") else {
            continue;
        };
        let whole = Udh::split(&user_data).ok();
        for end in 0..user_data.len() {
            let cut = Udh::split(&user_data[..end]);
            let within = whole.is_some_and(|(udh, _)| end >= udh.octets());
            assert_eq!(cut.is_ok(), within, "{end} octets of {user_data:02x?}");
        }
    }
}

#[test]
fn lengths_that_lie_are_refused_and_nothing_is_guessed() {
    use udh::UdhError::{ElementOverrun, LengthOverrun, NoLength};
    let overrun = |udhl, available| LengthOverrun { udhl, available };
    let element = |offset, id| ElementOverrun { offset, id };
    for (user_data, error) in [
        (&[][..], NoLength),
        (&[1], overrun(1, 0)),
        (&[5, 0, 3, 7, 2], overrun(5, 4)),
        (&[255, 0, 3, 7, 2, 1], overrun(255, 5)),
        // An element of one octet, or with a length beyond the header, though octets follow it.
        (&[1, 0, b'x'], element(1, 0)),
        (&[5, 0, 4, 7, 2, 1, b'x'], element(1, 0)),
        (&[4, 0, 3, 7, 2, 1, b'x'], element(1, 0)),
        (&[6, 0, 3, 7, 2, 1, 0x24, 1, 1], element(6, 0x24)),
        (&[7, 0, 3, 7, 2, 1, 0x24, 1, 1], element(6, 0x24)),
        (&[3, 0x24, 255, 1, b'x'], element(1, 0x24)),
    ] {
        let found = Udh::split(user_data).map(|(udh, body)| (udh.octets(), body));
        assert_eq!(found, Err(error), "{user_data:02x?}");
    }
    // No element, an element without data, and data that is no concatenation are headers.
    for (user_data, octets) in [
        (&[0, b'x'][..], 1),
        (&[2, 0x70, 0], 3),
        (&[4, 0, 2, 7, 2, b'x'], 5),
        (&[6, 0, 4, 7, 2, 1, 0, b'x'], 7),
        // Sixteen bits in the order of an example that is not the standard's: number 0.
        (&[6, 8, 4, 7, 2, 1, 0, b'x'], 7),
    ] {
        let (udh, body) = Udh::split(user_data).expect("a header");
        assert_eq!(udh.octets(), octets, "{user_data:02x?}");
        assert_eq!(body, &user_data[octets..]);
        assert_eq!(udh.concatenation(), None, "{user_data:02x?}");
    }
}
