//! Times that may vary: fixed, or drawn from a distribution.

use std::time::Duration;

use crate::input::{Allowed, Table, Value, time};
use crate::random::Draws;

/// Longest delay that is drawn; what exceeds it is cut.
const DELAY_MAX: Duration = Duration::from_secs(7 * 86_400);

/// A time, or how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Delay {
    /// Always the same.
    Fixed(Duration),
    /// Each from min to max is as likely.
    Uniform { min: Duration, max: Duration },
    /// The normal distribution; what is below zero is zero.
    Normal { mean: Duration, deviation: Duration },
    /// The logarithm is normal: half of the values are below the median, few are far above.
    Lognormal { median: Duration, sigma: f64 },
    /// The time between events that come at random.
    Exponential { mean: Duration },
}

impl Delay {
    /// No delay.
    pub(crate) const ZERO: Self = Self::Fixed(Duration::ZERO);

    /// Draws a time.
    pub(crate) fn draw(self, draws: &mut Draws) -> Duration {
        let seconds = match self {
            Self::Fixed(time) => return time,
            Self::Uniform { min, max } => {
                min.as_secs_f64() + (max.saturating_sub(min)).as_secs_f64() * draws.unit()
            }
            Self::Normal { mean, deviation } => deviation
                .as_secs_f64()
                .mul_add(draws.normal(), mean.as_secs_f64()),
            Self::Lognormal { median, sigma } => {
                median.as_secs_f64() * (sigma * draws.normal()).exp()
            }
            Self::Exponential { mean } => -mean.as_secs_f64() * (1.0 - draws.unit()).ln(),
        };
        Duration::from_secs_f64(seconds.clamp(0.0, DELAY_MAX.as_secs_f64()))
    }

    /// Reads `"50ms"` or a table with one distribution: `{uniform = {min, max}}`,
    /// `{normal = {mean, deviation}}`, `{lognormal = {median, sigma}}`,
    /// `{exponential = {mean}}`.
    pub(crate) fn read(table: &mut Table<'_, '_>, key: &'static str) -> Option<Self> {
        let node = table.get(key)?;
        if matches!(node.value, Value::Table(_)) {
            return table.table(key, read_distribution)?;
        }
        table.parse(key, Allowed::text(ALLOWED), |node| match &node.value {
            Value::Text(text) => time(text).map(Self::Fixed),
            _ => None,
        })
    }
}

const ALLOWED: &str = "a time such as \"50ms\", or one of uniform = {min, max}, \
    normal = {mean, deviation}, lognormal = {median, sigma}, exponential = {mean}";

fn read_distribution(table: &mut Table<'_, '_>) -> Option<Delay> {
    let uniform = table.table("uniform", |inner| {
        let (min, max) = (required(inner, "min"), required(inner, "max"));
        if min > max {
            inner.report("max", "wanted: not less than min");
        }
        Delay::Uniform { min, max }
    });
    let normal = table.table("normal", |inner| Delay::Normal {
        mean: required(inner, "mean"),
        deviation: required(inner, "deviation"),
    });
    let lognormal = table.table("lognormal", |inner| Delay::Lognormal {
        median: required(inner, "median"),
        sigma: inner.number("sigma", 0.0..=10.0).unwrap_or(1.0),
    });
    let exponential = table.table("exponential", |inner| Delay::Exponential {
        mean: required(inner, "mean"),
    });
    let found = [uniform, normal, lognormal, exponential];
    let mut found = found.into_iter().flatten();
    let first = found.next();
    if first.is_none() || found.next().is_some() {
        table.report("", format!("wanted: {ALLOWED}"));
    }
    first
}

/// A time that must be there.
fn required(table: &mut Table<'_, '_>, key: &'static str) -> Duration {
    if !table.has(key) {
        table.report(key, "missing: a time such as \"50ms\"");
    }
    table.duration(key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_many_draws_is_where_it_should_be() {
        let ms = Duration::from_millis;
        let table = [
            (Delay::Fixed(ms(50)), 50.0, 50.0),
            (
                Delay::Uniform {
                    min: ms(10),
                    max: ms(30),
                },
                20.0,
                20.0,
            ),
            (
                Delay::Normal {
                    mean: ms(500),
                    deviation: ms(50),
                },
                500.0,
                500.0,
            ),
            (
                Delay::Lognormal {
                    median: ms(50),
                    sigma: 0.5,
                },
                50.0,
                56.7,
            ),
            (Delay::Exponential { mean: ms(100) }, 69.3, 100.0),
        ];
        for (delay, median, mean) in table {
            let mut draws = Draws::new(7);
            let mut drawn: Vec<f64> = (0..20_000)
                .map(|_| delay.draw(&mut draws).as_secs_f64() * 1_000.0)
                .collect();
            drawn.sort_by(f64::total_cmp);
            let sum: f64 = drawn.iter().sum();
            let near = |value: f64, wanted: f64| (value - wanted).abs() <= wanted * 0.03;
            assert!(
                near(drawn[10_000], median),
                "{delay:?}: median {}",
                drawn[10_000]
            );
            assert!(
                near(sum / 20_000.0, mean),
                "{delay:?}: mean {}",
                sum / 20_000.0
            );
        }
    }

    #[test]
    fn no_draw_is_negative_or_endless() {
        let wild = [
            Delay::Normal {
                mean: Duration::ZERO,
                deviation: DELAY_MAX,
            },
            Delay::Lognormal {
                median: DELAY_MAX,
                sigma: 10.0,
            },
            Delay::Exponential { mean: DELAY_MAX },
        ];
        let mut draws = Draws::new(1);
        for delay in wild {
            assert!(
                (0..1_000).all(|_| delay.draw(&mut draws) <= DELAY_MAX),
                "{delay:?}"
            );
        }
    }
}
