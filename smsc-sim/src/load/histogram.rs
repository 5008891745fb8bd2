//! Counts durations in buckets that are 3 % wide.

use std::time::Duration;

/// Buckets per power of two, as a power of two.
const PRECISION_BITS: u32 = 5;
/// Buckets: every u64 of nanoseconds has one.
const BUCKETS: usize = ((64 - PRECISION_BITS + 1) << PRECISION_BITS) as usize;

/// Durations, counted.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts a duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// Adds what another one counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The duration below which this share (0 to 1) of them lies; zero when there is none.
    #[must_use]
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return Duration::from_nanos(upper_end(bucket));
            }
        }
        Duration::ZERO
    }
}

fn bucket(nanos: u64) -> usize {
    let Some(shift) = (63 - (nanos | 1).leading_zeros()).checked_sub(PRECISION_BITS) else {
        return nanos as usize;
    };
    ((shift as usize + 1) << PRECISION_BITS) + ((nanos >> shift) as usize & 0x1F)
}

fn upper_end(bucket: usize) -> u64 {
    let Some(shift) = (bucket >> PRECISION_BITS).checked_sub(1) else {
        return bucket as u64;
    };
    let start = (0x20 | bucket as u64 & 0x1F) << shift;
    start + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_values_and_is_three_percent_wide() {
        for nanos in (0..70_000).chain([1 << 40, u64::MAX - 1, u64::MAX]) {
            let end = upper_end(bucket(nanos));
            assert!(end >= nanos && end - nanos <= nanos / 32, "{nanos} {end}");
        }
    }

    #[test]
    fn quantiles_of_a_thousand() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        for micros in 1..=1_000 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let seen = histogram.quantile(share).as_secs_f64() * 1e6;
            assert!((seen / micros - 1.0).abs() < 0.035, "{share} {seen}");
        }
    }
}
