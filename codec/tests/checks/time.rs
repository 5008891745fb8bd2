//! Times of any octets and of any numbers.

use signalbox_codec::time::{AbsoluteTime, DateTime, RelativeTime, SmppTime};

use super::input::Input;

/// A calendar month is at least that long.
const MONTH_MS_MIN: i64 = 28 * 24 * 3_600_000;

pub fn check_time(octets: &[u8]) {
    check_parsed(octets);
    let mut input = Input::new(octets);
    let (first, second) = (input.number() as i64, input.number() as i64);
    let offset_quarters = input.octet() as i8;
    check_absolute(first, offset_quarters);
    check_span(first, second);
    // The years that real times are from, which random numbers hardly meet.
    check_absolute(first % 4_102_444_800_000, offset_quarters % 49);
    check_span(first % 4_102_444_800_000, second % 4_102_444_800_000);
}

/// What is read is written in the same way, but for the tenths and offset of a relative time.
fn check_parsed(octets: &[u8]) {
    for octets in [octets, &octets[..octets.len().min(16)]] {
        match SmppTime::parse(octets) {
            Ok(None) => assert!(octets.is_empty()),
            Ok(Some(time)) => {
                assert_eq!(SmppTime::parse(&time.octets()), Ok(Some(time)));
                if let SmppTime::Absolute(absolute) = time {
                    let written = time.octets();
                    let is_zero = absolute.offset_quarters == 0;
                    assert_eq!(written[..15], octets[..15]);
                    assert!(is_zero || written[15] == octets[15]);
                }
                let _ = time.to_unix_ms(i64::MAX);
                let _ = time.to_unix_ms(i64::MIN);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn check_absolute(unix_ms: i64, offset_quarters: i8) {
    if let Some(date) = DateTime::from_unix_seconds(unix_ms.div_euclid(1000)) {
        assert_eq!(date.to_unix_seconds(), unix_ms.div_euclid(1000));
    }
    let Some(time) = AbsoluteTime::from_unix_ms(unix_ms, offset_quarters) else {
        return;
    };
    assert_eq!(time.to_unix_ms(), unix_ms - unix_ms.rem_euclid(100));
    let octets = SmppTime::Absolute(time).octets();
    assert_eq!(SmppTime::parse(&octets), Ok(Some(SmppTime::Absolute(time))));
}

/// A span leads to its end, within the second that it is rounded up by.
fn check_span(now_unix_ms: i64, then_unix_ms: i64) {
    let Some(span) = RelativeTime::between(now_unix_ms, then_unix_ms) else {
        return;
    };
    let end = span.after(now_unix_ms).expect("now is a date");
    assert!(
        (then_unix_ms..then_unix_ms + 1000).contains(&end),
        "{span:?}"
    );
    let octets = SmppTime::Relative(span).octets();
    assert_eq!(SmppTime::parse(&octets), Ok(Some(SmppTime::Relative(span))));
    let months = i64::from(span.years) * 12 + i64::from(span.months);
    assert!(then_unix_ms - now_unix_ms >= (months - 1) * MONTH_MS_MIN);
}
