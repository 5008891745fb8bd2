//! SMPP times (SMPP v3.4 §7.1.1): `YYMMDDhhmmsstnnp`, absolute with an offset from UTC or relative
//! to the SMSC's clock. Pure: who needs the present time passes it.

use std::fmt;
use std::ops::RangeInclusive;

/// Octets of a time, without the NUL that ends the field.
pub const TIME_OCTETS: usize = 16;
/// Quarter hours that an offset from UTC may have.
pub const OFFSET_QUARTERS_RANGE: RangeInclusive<i8> = -48..=48;
/// Two digits of a year stand for 2000 to 2099.
const CENTURY: u16 = 2000;
const SECONDS_PER_DAY: i64 = 86_400;
const MS_PER_QUARTER: i64 = 15 * 60 * 1000;

/// Date and time of day of the proleptic Gregorian calendar, without zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

/// A point in time with the offset that it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbsoluteTime {
    /// Local date and time.
    pub local: DateTime,
    /// Tenths of a second, 0 to 9.
    pub tenths: u8,
    /// Quarter hours that local time is ahead of UTC, -48 to 48.
    pub offset_quarters: i8,
}

/// A span from now on, each field 0 to 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RelativeTime {
    /// Calendar years.
    pub years: u8,
    /// Calendar months.
    pub months: u8,
    /// Days.
    pub days: u8,
    /// Hours.
    pub hours: u8,
    /// Minutes.
    pub minutes: u8,
    /// Seconds.
    pub seconds: u8,
}

/// A time as a PDU carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmppTime {
    /// Ends in `+` or `-`.
    Absolute(AbsoluteTime),
    /// Ends in `R`.
    Relative(RelativeTime),
}

impl DateTime {
    /// A date that exists, a time of day from 00:00:00 to 23:59:59.
    pub fn new(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let exists = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        exists.then_some(Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        })
    }

    /// Seconds since 1970-01-01T00:00:00 of the same clock.
    pub fn to_unix_seconds(self) -> i64 {
        let of_day =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        days_from_civil(self.year, self.month, self.day) * SECONDS_PER_DAY + of_day
    }

    /// The inverse of [`Self::to_unix_seconds`], for years 1 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days)?;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        Self::new(year, month, day, hour as u8, minute as u8, second as u8)
    }

    /// Digits `YYYYMMDDhhmmss`.
    pub fn digits(self) -> [u8; 14] {
        let mut digits = [0; 14];
        let year = [(self.year / 100) as u8, (self.year % 100) as u8];
        let rest = [self.month, self.day, self.hour, self.minute, self.second];
        for (at, number) in year.into_iter().chain(rest).enumerate() {
            digits[at * 2] = b'0' + number / 10 % 10;
            digits[at * 2 + 1] = b'0' + number % 10;
        }
        digits
    }

    /// The same time of day `months` later; the day is taken back to the month's last.
    fn plus_months(self, months: u32) -> Self {
        let total = u32::from(self.year) * 12 + u32::from(self.month) - 1 + months;
        let (year, month) = ((total / 12) as u16, (total % 12) as u8 + 1);
        let day = self.day.min(days_in_month(year, month));
        Self {
            year,
            month,
            day,
            ..self
        }
    }
}

impl AbsoluteTime {
    /// The time `unix_ms` written with an offset; `None` outside of the years 2000 to 2099 and of
    /// [`OFFSET_QUARTERS_RANGE`]. Less than a tenth of a second is dropped.
    pub fn from_unix_ms(unix_ms: i64, offset_quarters: i8) -> Option<Self> {
        let shifted = unix_ms.checked_add(i64::from(offset_quarters) * MS_PER_QUARTER)?;
        let local = DateTime::from_unix_seconds(shifted.div_euclid(1000))?;
        let tenths = (shifted.rem_euclid(1000) / 100) as u8;
        let writable = (CENTURY..CENTURY + 100).contains(&local.year)
            && OFFSET_QUARTERS_RANGE.contains(&offset_quarters);
        writable.then_some(Self {
            local,
            tenths,
            offset_quarters,
        })
    }

    /// Milliseconds since 1970-01-01T00:00:00 UTC.
    pub fn to_unix_ms(self) -> i64 {
        let local_ms = self.local.to_unix_seconds() * 1000 + i64::from(self.tenths) * 100;
        local_ms - i64::from(self.offset_quarters) * MS_PER_QUARTER
    }
}

impl RelativeTime {
    /// The span that leads from `now_unix_ms` to `then_unix_ms`, rounded up to whole seconds;
    /// `None` when that lies before, or more than 99 years on.
    pub fn between(now_unix_ms: i64, then_unix_ms: i64) -> Option<Self> {
        let span = then_unix_ms
            .checked_sub(now_unix_ms)
            .filter(|&span| span >= 0)?;
        let now = now_unix_ms.div_euclid(1000);
        let then = now.checked_add(span.div_euclid(1000) + i64::from(span % 1000 != 0))?;
        let start = DateTime::from_unix_seconds(now)?;
        let end = DateTime::from_unix_seconds(then)?;
        let count = |date: DateTime| u32::from(date.year) * 12 + u32::from(date.month);
        let mut months = count(end) - count(start);
        if start.plus_months(months).to_unix_seconds() > then {
            months -= 1;
        }
        let rest = then - start.plus_months(months).to_unix_seconds();
        Some(Self {
            years: u8::try_from(months / 12)
                .ok()
                .filter(|&years| years <= 99)?,
            months: (months % 12) as u8,
            days: (rest / SECONDS_PER_DAY) as u8,
            hours: (rest / 3600 % 24) as u8,
            minutes: (rest / 60 % 60) as u8,
            seconds: (rest % 60) as u8,
        })
    }

    /// The time that lies this span after `now_unix_ms`; years and months go by the calendar (UTC).
    /// `None` when now is outside of the years 1 to 9999.
    pub fn after(self, now_unix_ms: i64) -> Option<i64> {
        let start = DateTime::from_unix_seconds(now_unix_ms.div_euclid(1000))?;
        let months = u32::from(self.years) * 12 + u32::from(self.months);
        let moved = start.plus_months(months).to_unix_seconds();
        let rest = i64::from(self.days) * SECONDS_PER_DAY
            + i64::from(self.hours) * 3600
            + i64::from(self.minutes) * 60
            + i64::from(self.seconds);
        Some((moved + rest) * 1000 + now_unix_ms.rem_euclid(1000))
    }
}

impl SmppTime {
    /// Reads a field's octets, without the NUL; an empty field is `None` (at once, or the SMSC's
    /// default).
    ///
    /// # Errors
    /// Another length than 0 and 16, something that is no digit, a date that does not exist.
    pub fn parse(octets: &[u8]) -> Result<Option<Self>, TimeError> {
        if octets.is_empty() {
            return Ok(None);
        }
        let octets: &[u8; TIME_OCTETS] = octets.try_into().map_err(|_| TimeError::Length {
            octets: octets.len(),
        })?;
        if let Some(offset) = octets[..15]
            .iter()
            .position(|octet| !octet.is_ascii_digit())
        {
            return Err(TimeError::NotADigit {
                offset,
                octet: octets[offset],
            });
        }
        let pair = |at: usize| (octets[at] - b'0') * 10 + octets[at + 1] - b'0';
        let (years, months, days) = (pair(0), pair(2), pair(4));
        let (hours, minutes, seconds) = (pair(6), pair(8), pair(10));
        let sign = match octets[15] {
            b'R' => {
                let relative = RelativeTime {
                    years,
                    months,
                    days,
                    hours,
                    minutes,
                    seconds,
                };
                return Ok(Some(Self::Relative(relative)));
            }
            b'+' => 1,
            b'-' => -1,
            octet => return Err(TimeError::Sign { octet }),
        };
        let year = CENTURY + u16::from(years);
        let local = DateTime::new(year, months, days, hours, minutes, seconds)
            .ok_or(TimeError::NoSuchDate)?;
        let offset_quarters = pair(13) as i8 * sign;
        if !OFFSET_QUARTERS_RANGE.contains(&offset_quarters) {
            return Err(TimeError::Offset {
                quarters: offset_quarters,
            });
        }
        let tenths = octets[12] - b'0';
        Ok(Some(Self::Absolute(AbsoluteTime {
            local,
            tenths,
            offset_quarters,
        })))
    }

    /// The 16 octets of the field. What the fields' documented ranges exclude is written modulo
    /// 100.
    pub fn octets(self) -> [u8; TIME_OCTETS] {
        let mut octets = [b'0'; TIME_OCTETS];
        let mut put = |at: usize, number: u8| {
            octets[at] = b'0' + number / 10 % 10;
            octets[at + 1] = b'0' + number % 10;
        };
        match self {
            Self::Absolute(AbsoluteTime {
                local,
                tenths,
                offset_quarters,
            }) => {
                put(13, offset_quarters.unsigned_abs());
                octets[..12].copy_from_slice(&local.digits()[2..]);
                octets[12] = b'0' + tenths % 10;
                octets[15] = if offset_quarters < 0 { b'-' } else { b'+' };
            }
            Self::Relative(span) => {
                let days = [span.years, span.months, span.days];
                let times = [span.hours, span.minutes, span.seconds];
                for (at, number) in days.into_iter().chain(times).enumerate() {
                    put(at * 2, number);
                }
                octets[15] = b'R';
            }
        }
        octets
    }

    /// Milliseconds since 1970-01-01T00:00:00 UTC; a relative time counts from `now_unix_ms`.
    /// `None` when that is outside of the years 1 to 9999.
    pub fn to_unix_ms(self, now_unix_ms: i64) -> Option<i64> {
        match self {
            Self::Absolute(time) => Some(time.to_unix_ms()),
            Self::Relative(span) => span.after(now_unix_ms),
        }
    }
}

/// ISO 8601, `2018-07-11T07:00:03`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )
    }
}

/// ISO 8601 with tenths and offset, `2018-07-11T07:00:03.9+03:00`.
impl fmt::Display for AbsoluteTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            local,
            tenths,
            offset_quarters,
        } = self;
        let sign = if *offset_quarters < 0 { '-' } else { '+' };
        let minutes = u32::from(offset_quarters.unsigned_abs()) * 15;
        write!(
            f,
            "{local}.{tenths}{sign}{:02}:{:02}",
            minutes / 60,
            minutes % 60
        )
    }
}

/// Octets that are no SMPP time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeError {
    /// Neither 0 nor 16 octets.
    Length {
        /// Octets found.
        octets: usize,
    },
    /// Something else among the first 15 octets.
    NotADigit {
        /// Where.
        offset: usize,
        /// What.
        octet: u8,
    },
    /// The last octet is neither `+` nor `-` nor `R`.
    Sign {
        /// What it is.
        octet: u8,
    },
    /// Month, day, hour, minute or second that do not exist.
    NoSuchDate,
    /// Offset from UTC outside of [`OFFSET_QUARTERS_RANGE`].
    Offset {
        /// Quarter hours found.
        quarters: i8,
    },
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { octets } => write!(f, "time has {octets} octets, allowed are 0 and 16"),
            Self::NotADigit { offset, octet } => {
                write!(f, "octet 0x{octet:02X} at {offset} of the time is no digit")
            }
            Self::Sign { octet } => {
                write!(
                    f,
                    "time ends in 0x{octet:02X}, allowed are `+`, `-` and `R`"
                )
            }
            Self::NoSuchDate => f.write_str("time names a date or time of day that does not exist"),
            Self::Offset { quarters } => {
                write!(
                    f,
                    "time is {quarters} quarter hours off UTC, allowed are -48 to 48"
                )
            }
        }
    }
}

impl std::error::Error for TimeError {}

fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01, counted in eras of 400 years that begin in March, so that the leap day is
/// the last of its year.
fn days_from_civil(year: u16, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> Option<(u16, u8, u8)> {
    let shifted = days.checked_add(719_468)?;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let year = u16::try_from(year)
        .ok()
        .filter(|year| (1..=9999).contains(year))?;
    Some((year, month as u8, day))
}
