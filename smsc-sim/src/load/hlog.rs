//! HdrHistogram's interval log: a line per interval with its histogram as V2, deflated, in base64,
//! as HdrHistogram's own readers of every language take it. Values are microseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

use super::results::Times;

/// Microseconds of a millisecond: the longest time of an interval is shown in ms.
const US_PER_MS: f64 = 1_000.0;

/// What stands before the first interval of a load that started then.
#[must_use]
pub fn interval_log_head(started: SystemTime) -> String {
    let since = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "#[smsc-sim {version}: latencies from the scheduled time, in microseconds]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        since.as_secs_f64()
    )
}

/// The line of an interval that began so long after the start.
pub(super) fn line(began: Duration, length: Duration, times: &Times) -> String {
    let histogram = times.histogram();
    let mut octets = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut octets)
        .expect("counts fit their type and memory takes every write");
    let max_ms = if histogram.is_empty() {
        0.0
    } else {
        histogram.max() as f64 / US_PER_MS
    };
    format!(
        "{:.3},{:.3},{max_ms:.3},{}\n",
        began.as_secs_f64(),
        length.as_secs_f64(),
        STANDARD.encode(octets)
    )
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;

    use super::*;

    #[test]
    fn a_line_holds_its_histogram() {
        let mut times = Times::default();
        for ms in [1, 2, 40] {
            times.record(Duration::from_millis(ms));
        }
        let line = line(Duration::from_secs(1), Duration::from_millis(900), &times);
        let columns: Vec<&str> = line.trim_end().split(',').collect();
        assert_eq!(columns[..2], ["1.000", "0.900"]);
        // The header of every V2 histogram that was deflated.
        assert!(columns[3].starts_with("HISTFAAA"), "{line}");
        let octets = STANDARD.decode(columns[3]).unwrap();
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut octets.as_slice())
            .unwrap();
        assert_eq!(&read, times.histogram());
    }
}
