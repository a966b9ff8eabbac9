//! Durations as rules write them: `500ms`, `1.5s`, `2m`, `1h30m`, `7d`.
//!
//! A duration is one or more numbers with a unit, the larger unit first: `w d h m s ms us ns` (`µs` is `us`).
//! A number may have a fraction as long as the whole is a number of nanoseconds. Only `0` needs no unit.

mod meant;

use std::fmt;
use std::str::FromStr;

pub use meant::with_unit;

/// A length of time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub i64);

impl Nanos {
    /// One millisecond.
    pub const MILLISECOND: Self = Self(1_000_000);
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);
    /// One minute.
    pub const MINUTE: Self = Self(60 * Self::SECOND.0);
    /// One hour.
    pub const HOUR: Self = Self(60 * Self::MINUTE.0);
    /// One day of 24 hours.
    pub const DAY: Self = Self(24 * Self::HOUR.0);

    /// Reads a duration that must be longer than nothing, as every setting is; says what is wrong, and what to write.
    pub fn positive(text: &str) -> Result<Self, String> {
        match Self::parse(text) {
            Ok(duration) if duration.0 > 0 => Ok(duration),
            Ok(_) => Err(format!("`{text}` must be longer than nothing")),
            Err(error) => Err(format!("{error}; {}", error.hint())),
        }
    }

    /// Reads a duration; a leading `-` makes it negative.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        Self::read(text).map_err(|reason| DurationError { text: text.to_owned(), reason })
    }

    fn read(text: &str) -> Result<Self, Reason> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if digits.is_empty() {
            return Err(Reason::Empty);
        }
        if digits == "0" {
            return Ok(Self(0));
        }
        let mut total: i128 = 0;
        let mut rest = digits;
        let mut last: Option<usize> = None;
        while !rest.is_empty() {
            let number = take(&mut rest, |c| c.is_ascii_digit() || matches!(c, '.' | '_'));
            let unit = take(&mut rest, |c| !c.is_ascii_digit() && c != '.');
            if number.is_empty() {
                return Err(Reason::NoNumber { at: unit.to_owned() });
            }
            if unit.is_empty() {
                return Err(Reason::NoUnit { number: number.to_owned() });
            }
            let position = unit_index(unit).ok_or_else(|| Reason::UnknownUnit { unit: unit.to_owned() })?;
            if last.is_some_and(|last| last >= position) {
                return Err(Reason::Order { unit: unit.to_owned() });
            }
            last = Some(position);
            let part = scaled(number, UNITS[position].1)?;
            total = total.checked_add(part).ok_or(Reason::TooLong)?;
        }
        let signed = if negative { -total } else { total };
        i64::try_from(signed).map(Self).map_err(|_| Reason::TooLong)
    }
}

/// A text that is not a duration, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DurationError {
    text: String,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reason {
    /// Occurs when there is nothing.
    #[error("a duration is missing")]
    Empty,
    /// Occurs when a unit stands without a number.
    #[error("`{at}` has no number before it")]
    NoNumber {
        /// The text that stands there.
        at: String,
    },
    /// Occurs when a number stands without a unit.
    #[error("`{number}` has no unit")]
    NoUnit {
        /// The number.
        number: String,
    },
    /// Occurs when a number has two points, or none of its digits.
    #[error("`{number}` is not a number")]
    BadNumber {
        /// The text that stands there.
        number: String,
    },
    /// Occurs when the unit is none of the known ones.
    #[error("`{unit}` is not a unit of time")]
    UnknownUnit {
        /// The text that stands there.
        unit: String,
    },
    /// Occurs when a unit is repeated or follows a smaller one.
    #[error("`{unit}` must come before smaller units, and once")]
    Order {
        /// The unit out of order.
        unit: String,
    },
    /// Occurs when a fraction is finer than a nanosecond.
    #[error("`{number}` is finer than a nanosecond")]
    TooFine {
        /// The number.
        number: String,
    },
    /// Occurs beyond 2⁶³ − 1 nanoseconds, which is about 292 years.
    #[error("the duration is longer than 292 years")]
    TooLong,
}

impl FromStr for Nanos {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The units a duration is written in, longest first.
const UNITS: [(&str, i64); 8] = [
    ("w", 7 * Nanos::DAY.0),
    ("d", Nanos::DAY.0),
    ("h", Nanos::HOUR.0),
    ("m", Nanos::MINUTE.0),
    ("s", Nanos::SECOND.0),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

fn unit_index(unit: &str) -> Option<usize> {
    // The micro sign and the Greek letter look alike, and keyboards have one or the other.
    let unit = if matches!(unit, "µs" | "μs") { "us" } else { unit };
    UNITS.iter().position(|(known, _)| *known == unit)
}

/// Splits off the longest prefix of which every character satisfies `belongs`.
fn take<'a>(rest: &mut &'a str, belongs: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

/// `number × unit`, exactly.
fn scaled(number: &str, unit: i64) -> Result<i128, Reason> {
    let bad = || Reason::BadNumber { number: number.to_owned() };
    let too_fine = || Reason::TooFine { number: number.to_owned() };
    let plain: String = number.chars().filter(|&c| c != '_').collect();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let fraction = fraction.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || plain.trim_matches('.').is_empty() {
        return Err(bad());
    }
    // 15 decimals of the largest unit are far below a nanosecond, and 20 digits far above what there is room for: both
    // products stay within 128 bits.
    let whole = whole.trim_start_matches('0');
    if whole.len() > 20 {
        return Err(Reason::TooLong);
    }
    if fraction.len() > 15 {
        return Err(too_fine());
    }
    let product = |digits: &str| match digits {
        "" => Ok(0),
        digits => digits.parse::<i128>().map(|digits| digits * i128::from(unit)).map_err(|_| bad()),
    };
    let divisor = (0..fraction.len()).fold(1_i128, |power, _| power * 10);
    let (whole, part) = (product(whole)?, product(fraction)?);
    if part % divisor != 0 {
        return Err(too_fine());
    }
    Ok(whole + part / divisor)
}

/// The shortest form in whole units: `1m`, `1h30m`, `1s500ms`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        // Weeks are read, not written: nobody says "1w" of a window of seven days.
        for (unit, nanos) in &UNITS[1..] {
            let nanos = nanos.unsigned_abs();
            if rest >= nanos {
                write!(f, "{}{unit}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, nanos) in [
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 2 * Nanos::MINUTE.0),
            ("1h30m", 90 * Nanos::MINUTE.0),
            ("7d", 7 * Nanos::DAY.0),
            ("2w", 14 * Nanos::DAY.0),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("10μs", 10_000),
            ("1_000ns", 1_000),
            ("0", 0),
            ("0s", 0),
            ("-1m", -Nanos::MINUTE.0),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(Nanos::parse(text), Ok(Nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_says_why() {
        for (text, message) in [
            ("", "a duration is missing"),
            ("-", "a duration is missing"),
            ("500", "`500` has no unit"),
            ("1h30", "`30` has no unit"),
            ("5 m", "` m` is not a unit of time"),
            ("1y", "`y` is not a unit of time"),
            ("5M", "`M` is not a unit of time"),
            ("m", "`m` has no number before it"),
            ("1.2.3s", "`1.2.3` is not a number"),
            (".s", "`.` is not a number"),
            ("30m1h", "`h` must come before smaller units, and once"),
            ("1m1m", "`m` must come before smaller units, and once"),
            ("0.5ns", "`0.5` is finer than a nanosecond"),
            ("0.0000000000000001w", "`0.0000000000000001` is finer than a nanosecond"),
            ("9223372036854775808ns", "the duration is longer than 292 years"),
            ("99999999999999999999999w", "the duration is longer than 292 years"),
            (
                "192307291056845467.724046160341948d",
                "`192307291056845467.724046160341948` is finer than a nanosecond",
            ),
            ("192307291056845467.5d", "the duration is longer than 292 years"),
            (
                "99999999999999999999.999999999999999w",
                "`99999999999999999999.999999999999999` is finer than a nanosecond",
            ),
            ("99999999999999999999w99999999999999999999d", "the duration is longer than 292 years"),
        ] {
            assert_eq!(Nanos::parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(nanos in any::<i64>()) {
            prop_assert_eq!(Nanos::parse(&Nanos(nanos).to_string()), Ok(Nanos(nanos)));
        }

        #[test]
        fn nothing_panics(text in ".{0,40}") {
            drop(Nanos::parse(&text));
        }
    }
}
