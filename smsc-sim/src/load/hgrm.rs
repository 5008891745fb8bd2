//! HdrHistogram's text form of a distribution (`.hgrm`), as its plotters read it; times in ms.

use std::fmt::Write;

use super::results::Times;

/// Steps of each halving of the distance to 100 %.
const STEPS_PER_HALVING: u32 = 5;
/// Microseconds of a millisecond.
const US_PER_MS: f64 = 1_000.0;

/// Writes a distribution.
pub(crate) fn write(times: &Times) -> String {
    let histogram = times.histogram();
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    for step in histogram.iter_quantiles(STEPS_PER_HALVING) {
        total += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / US_PER_MS;
        let share = step.quantile_iterated_to();
        let inverse = 1.0 / (1.0 - share);
        // Writing to a String cannot fail.
        let _ = if inverse.is_finite() {
            writeln!(
                text,
                "{value:>12.3} {share:>14.12} {total:>10} {inverse:>14.2}"
            )
        } else {
            writeln!(text, "{value:>12.3} {share:>14.12} {total:>10}")
        };
    }
    let ms = |us: f64| us / US_PER_MS;
    let (mean, deviation) = (ms(histogram.mean()), ms(histogram.stdev()));
    let (max, count) = (ms(histogram.max() as f64), histogram.len());
    let (buckets, sub_buckets) = (histogram.buckets(), 2_048);
    let _ = writeln!(
        text,
        "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]"
    );
    let _ = writeln!(
        text,
        "#[Max     = {max:>12.3}, Total count    = {count:>12}]"
    );
    let _ = writeln!(
        text,
        "#[Buckets = {buckets:>12}, SubBuckets     = {sub_buckets:>12}]"
    );
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_are_ms_and_the_last_line_holds_all() {
        let mut times = Times::default();
        for ms in 1..=1_000 {
            times.record(Duration::from_millis(ms));
        }
        let text = write(&times);
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| {
                line.split_whitespace()
                    .map(|n| n.parse().unwrap())
                    .collect()
            })
            .collect();
        let half = rows.iter().find(|row| row[1] >= 0.5).unwrap();
        assert!((half[0] - 500.0).abs() < 1.0, "{half:?}");
        let last = rows.last().unwrap();
        assert_eq!(last[1..], [1.0, 1_000.0], "{last:?}");
        assert!((last[0] - 1_000.0).abs() < 1.0, "{last:?}");
        assert!(text.contains("Total count    =         1000"), "{text}");
    }
}
