//! Durations as people write them, on the command line and in the control API.

use std::time::Duration;

/// Reads a whole number with `ms`, `s`, `m`, `h` or `d`; `None` when it is none.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let units = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    units.into_iter().find_map(|(unit, factor_ms)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(factor_ms).map(Duration::from_millis)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        let table = [
            ("50ms", Some(50)),
            ("2s", Some(2_000)),
            ("3m", Some(180_000)),
            ("48h", Some(172_800_000)),
            ("2d", Some(172_800_000)),
            ("5", None),
            ("-1s", None),
            ("1.5s", None),
            ("s", None),
            ("99999999999999999d", None),
        ];
        for (text, ms) in table {
            let duration = parse_duration(text);
            assert_eq!(duration, ms.map(Duration::from_millis), "{text}");
        }
    }
}
