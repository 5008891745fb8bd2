//! From an application's answer to the router's [`Outcome`]. Pure; the one table of this channel.
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx | delivered |
//! | 408, 425, 429, 5xx | retry, after `Retry-After` if it says so |
//! | no connection, no head of an answer in time, or not all of it | retry |
//! | 3xx (not followed), 410, other 4xx, 1xx | rejected |

use signalbox_router::{ErrorCode, Outcome};

/// Longest `Retry-After` that is believed.
const RETRY_AFTER_MAX_S: u64 = 24 * 60 * 60;

/// What a status means. `retry_after` is the value of that header; only its form in seconds is
/// known here, a date leaves the time to the schedule.
#[must_use]
pub fn of_status(status: u16, retry_after: Option<&[u8]>) -> Outcome {
    let error = || ErrorCode::new(u32::from(status), name(status));
    match status {
        200..=299 => Outcome::Delivered,
        408 | 425 | 429 | 500..=599 => {
            let seconds =
                retry_after.and_then(|value| str::from_utf8(value).ok()?.trim().parse().ok());
            let after_ms = seconds.map(|seconds: u64| seconds.min(RETRY_AFTER_MAX_S) * 1_000);
            Outcome::RetryAfter {
                error: error(),
                after_ms,
            }
        }
        _ => Outcome::Rejected { error: error() },
    }
}

/// The application could not be reached or did not answer.
#[must_use]
pub fn unreachable(reason: &str) -> Outcome {
    let error = ErrorCode::new(0, reason);
    Outcome::RetryAfter {
        error,
        after_ms: None,
    }
}

/// The callback cannot be sent at all.
#[must_use]
pub fn refused(reason: &str) -> Outcome {
    Outcome::Rejected {
        error: ErrorCode::new(0, reason),
    }
}

const fn name(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed",
        401 | 403 => "the application refuses the callback",
        404 => "nothing at this callback_url",
        408 => "the application waited in vain",
        410 => "the callback_url is gone",
        429 => "the application wants fewer callbacks",
        400..=499 => "the application does not accept the callback",
        500..=599 => "the application has a problem",
        _ => "no status of HTTP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for status in 100..=999 {
            let outcome = of_status(status, None);
            let expected = match status {
                200..=299 => matches!(outcome, Outcome::Delivered),
                408 | 425 | 429 | 500..=599 => {
                    matches!(outcome, Outcome::RetryAfter { after_ms: None, .. })
                }
                _ => matches!(outcome, Outcome::Rejected { .. }),
            };
            assert!(expected, "{status}: {outcome:?}");
        }
    }

    #[test]
    fn retry_after() {
        let rows: [(&[u8], Option<u64>); 5] = [
            (b"7", Some(7_000)),
            (b" 0 ", Some(0)),
            (b"999999999", Some(86_400_000)),
            (b"Wed, 21 Oct 2026 07:28:00 GMT", None),
            (b"-1", None),
        ];
        for (value, expected) in rows {
            match of_status(503, Some(value)) {
                Outcome::RetryAfter { after_ms, error } => {
                    assert_eq!((after_ms, error.value()), (expected, 503));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
