//! SMPP times: every field at its edge, offsets, and the way there and back.

use signalbox_codec::time::{AbsoluteTime, DateTime, RelativeTime, SmppTime, TimeError};

fn parse(text: &str) -> Result<Option<SmppTime>, TimeError> {
    SmppTime::parse(text.as_bytes())
}

#[test]
fn times_are_read_and_written_alike() {
    // Instants by `date -u -d … +%s`.
    for (text, iso, unix_ms) in [
        (
            "120305124350000+",
            "2012-03-05T12:43:50.0+00:00",
            1_330_951_430_000,
        ),
        (
            "150203040506708+",
            "2015-02-03T04:05:06.7+02:00",
            1_422_929_106_700,
        ),
        (
            "991231235959948+",
            "2099-12-31T23:59:59.9+12:00",
            4_102_401_599_900,
        ),
        (
            "991231235959948-",
            "2099-12-31T23:59:59.9-12:00",
            4_102_487_999_900,
        ),
        (
            "000229000000000-",
            "2000-02-29T00:00:00.0+00:00",
            951_782_400_000,
        ),
        (
            "180711070003912+",
            "2018-07-11T07:00:03.9+03:00",
            1_531_281_603_900,
        ),
        (
            "260101003000001-",
            "2026-01-01T00:30:00.0-00:15",
            1_767_228_300_000,
        ),
    ] {
        let Ok(Some(SmppTime::Absolute(time))) = parse(text) else {
            panic!("{text} is {:?}", parse(text));
        };
        assert_eq!(time.to_string(), iso);
        assert_eq!(time.to_unix_ms(), unix_ms, "{text}");
        assert_eq!(
            AbsoluteTime::from_unix_ms(unix_ms, time.offset_quarters),
            Some(time)
        );
        let written = SmppTime::Absolute(time).octets();
        assert_eq!(written[..15], text.as_bytes()[..15]);
    }
}

/// Written out by another calendar, Python's datetime.
#[test]
fn offsets_lead_over_years_and_leap_days() {
    for (text, utc) in [
        ("261231235959948+", "2026-12-31T11:59:59"),
        ("260101000000001+", "2025-12-31T23:45:00"),
        ("260101000000001-", "2026-01-01T00:15:00"),
        ("251231234500001-", "2026-01-01T00:00:00"),
        ("240229000000501+", "2024-02-28T23:45:00"),
        ("240301001459901+", "2024-02-29T23:59:59"),
        ("240228235000003-", "2024-02-29T00:35:00"),
        ("230228235959948-", "2023-03-01T11:59:59"),
        ("000101000000000+", "2000-01-01T00:00:00"),
        ("000101000000001+", "1999-12-31T23:45:00"),
        ("000301115959048+", "2000-02-29T23:59:59"),
        ("960229120000048-", "2096-03-01T00:00:00"),
        ("260329023000022+", "2026-03-28T21:00:00"),
        ("260701054500123+", "2026-07-01T00:00:00"),
        ("260701124500145+", "2026-07-01T01:30:00"),
        ("991231120000048-", "2100-01-01T00:00:00"),
        ("280229235959948-", "2028-03-01T11:59:59"),
        ("990301000000004+", "2099-02-28T23:00:00"),
    ] {
        let Ok(Some(SmppTime::Absolute(time))) = parse(text) else {
            panic!("{text} is {:?}", parse(text));
        };
        let seconds = time.to_unix_ms().div_euclid(1000);
        let found = DateTime::from_unix_seconds(seconds).expect("in range");
        assert_eq!(found.to_string(), utc, "{text}");
        let again = AbsoluteTime::from_unix_ms(time.to_unix_ms(), time.offset_quarters);
        assert_eq!(again, Some(time), "{text}");
    }
}

#[test]
fn relative_time_counts_from_now() {
    let span = RelativeTime {
        days: 2,
        hours: 6,
        minutes: 30,
        ..RelativeTime::default()
    };
    assert_eq!(
        parse("000002063000000R"),
        Ok(Some(SmppTime::Relative(span)))
    );
    assert_eq!(&SmppTime::Relative(span).octets(), b"000002063000000R");
    assert_eq!(
        SmppTime::Relative(span).to_unix_ms(5_007),
        Some(196_205_007)
    );
}

#[test]
fn relative_months_end_with_the_month() {
    let january = DateTime::new(2024, 1, 31, 12, 0, 0)
        .expect("exists")
        .to_unix_seconds()
        * 1000;
    let month = RelativeTime {
        months: 1,
        ..RelativeTime::default()
    };
    let after = month.after(january).expect("in range");
    let date = DateTime::from_unix_seconds(after / 1000).expect("in range");
    assert_eq!(date.to_string(), "2024-02-29T12:00:00");
}

#[test]
fn spans_lead_where_they_were_measured_to() {
    let start = 1_706_702_399_123; // 2024-01-31T11:59:59.123Z
    for span_ms in [
        0,
        1,
        999,
        1000,
        59_000,
        86_400_000,
        2_592_000_000,
        2_678_400_000,
    ]
    .into_iter()
    .chain((1..400).map(|n| n * 86_400_000 * 5 + n * 1_234_567))
    {
        let span = RelativeTime::between(start, start + span_ms).expect("ahead");
        let reached = span.after(start).expect("in range");
        assert!((0..1000).contains(&(reached - start - span_ms)), "{span:?}");
        assert!(span.days <= 31 && span.months < 12 && span.hours < 24);
    }
    assert_eq!(RelativeTime::between(start, start - 1), None);
    assert_eq!(RelativeTime::between(start, i64::MAX), None);
    assert_eq!(RelativeTime::between(i64::MIN, i64::MAX), None);
}

#[test]
fn every_day_of_a_century_comes_back() {
    let first = DateTime::new(2000, 1, 1, 23, 59, 59)
        .expect("exists")
        .to_unix_seconds();
    let mut before = None;
    for day in 0..36_525 {
        let date = DateTime::from_unix_seconds(first + day * 86_400).expect("in range");
        assert_eq!(date.to_unix_seconds(), first + day * 86_400);
        assert!(Some(date) > before, "{date}");
        before = Some(date);
    }
    assert_eq!(
        before.map(|date| date.to_string()).as_deref(),
        Some("2099-12-31T23:59:59")
    );
    assert_eq!(DateTime::from_unix_seconds(i64::MAX), None);
    assert_eq!(DateTime::from_unix_seconds(i64::MIN), None);
}

#[test]
fn what_is_no_time_is_named() {
    assert_eq!(parse(""), Ok(None));
    for (text, error) in [
        ("1203051243500", TimeError::Length { octets: 13 }),
        (
            "12O305124350000+",
            TimeError::NotADigit {
                offset: 2,
                octet: b'O',
            },
        ),
        ("120305124350000Z", TimeError::Sign { octet: b'Z' }),
        ("121305124350000+", TimeError::NoSuchDate),
        ("120005124350000+", TimeError::NoSuchDate),
        ("230229124350000+", TimeError::NoSuchDate),
        ("120305244350000+", TimeError::NoSuchDate),
        ("120305126050000+", TimeError::NoSuchDate),
        ("120305124360000+", TimeError::NoSuchDate),
        ("120305124350049+", TimeError::Offset { quarters: 49 }),
        ("120305124350049-", TimeError::Offset { quarters: -49 }),
        ("120305124350099+", TimeError::Offset { quarters: 99 }),
        ("250229000000000+", TimeError::NoSuchDate),
        ("240230000000000+", TimeError::NoSuchDate),
        ("240431000000000+", TimeError::NoSuchDate),
        ("240100000000000+", TimeError::NoSuchDate),
        ("000000020630000r", TimeError::Sign { octet: b'r' }),
        ("120305124350000\0", TimeError::Sign { octet: 0 }),
        (
            "12030512435000 +",
            TimeError::NotADigit {
                offset: 14,
                octet: b' ',
            },
        ),
        (
            "-20305124350000+",
            TimeError::NotADigit {
                offset: 0,
                octet: b'-',
            },
        ),
        ("120305124350000+\0", TimeError::Length { octets: 17 }),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn only_years_with_two_digits_are_written() {
    assert_eq!(AbsoluteTime::from_unix_ms(-1, 0), None);
    assert_eq!(AbsoluteTime::from_unix_ms(4_102_444_800_000, 0), None);
    assert!(AbsoluteTime::from_unix_ms(4_102_444_800_000, -1).is_some());
    assert_eq!(AbsoluteTime::from_unix_ms(951_782_400_000, 49), None);
    assert_eq!(AbsoluteTime::from_unix_ms(i64::MAX, 48), None);
}
