//! Moments as people, files and payloads write them: RFC 3339, or relative to now.
//!
//! A moment is a number of nanoseconds since the Unix epoch in an `i64`, from 1677 to 2262.

use jiff::Timestamp;

use crate::duration::{DurationError, Nanos};

/// `2026-11-22T11:04:51.200Z`: 3, 6 or 9 fraction digits, as few as are exact.
pub fn format(ns: i64) -> String {
    let moment = timestamp(ns);
    if ns % 1_000_000 == 0 {
        format!("{moment:.3}")
    } else if ns % 1_000 == 0 {
        format!("{moment:.6}")
    } else {
        format!("{moment:.9}")
    }
}

/// `2026-11-22 11:04:51 UTC`: to the second, for people.
pub fn human(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{moment:.0}").replace('T', " ").replace('Z', " UTC")
}

/// `2026-11-22T11:04:51Z`, with as many digits of a fraction as are needed: as files have it.
pub fn format_short(ns: i64) -> String {
    timestamp(ns).to_string()
}

/// Returns the moment as jiff has it, for dates and hours of time zones.
pub fn timestamp(ns: i64) -> Timestamp {
    // Every `i64` of nanoseconds lies within the years that a `Timestamp` can hold (−9999 to 9999).
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The reasons why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Occurs when the text is neither `now`, nor a duration before now, nor RFC 3339.
    #[error("`{text}` is not a time; write `2026-11-22T11:04:51Z`, `-15m` or `now`")]
    NotATime {
        /// The text that was given.
        text: String,
    },
    /// Occurs when the text is not RFC 3339, and nothing else is read.
    #[error("`{text}` is not a moment; write it as `2026-11-22T11:04:51Z`")]
    NotRfc3339 {
        /// The text that was given.
        text: String,
    },
    /// Occurs when the text starts with a minus and the rest is no duration.
    #[error("`{text}` is not a time before now: {source}")]
    NotADuration {
        /// The text that was given.
        text: String,
        /// The fault of the duration.
        source: DurationError,
    },
    /// Occurs when the moment is before 1677 or after 2262.
    #[error("`{text}` is outside the years 1677 to 2262")]
    OutOfRange {
        /// The text that was given.
        text: String,
    },
}

/// Reads RFC 3339 (`2026-11-22T11:04:51.2Z`, `2026-11-22T12:04:51+01:00`), a time before now (`-15m`), or `now`.
pub fn parse(text: &str, now_ns: i64) -> Result<i64, TimeError> {
    let given = text.trim();
    let out_of_range = || TimeError::OutOfRange { text: given.to_owned() };
    if given == "now" {
        return Ok(now_ns);
    }
    if let Some(digits) = given.strip_prefix('-')
        && digits.starts_with(|c: char| c.is_ascii_digit())
    {
        let before = Nanos::parse(given)
            .map_err(|source| TimeError::NotADuration { text: given.to_owned(), source })?;
        return now_ns.checked_add(before.0).ok_or_else(out_of_range);
    }
    read(given, || TimeError::NotATime { text: given.to_owned() })
}

/// Reads RFC 3339 alone: `2026-11-22T11:04:51.2Z`, `2026-11-22T12:04:51+01:00`.
pub fn parse_rfc3339(text: &str) -> Result<i64, TimeError> {
    let not_one = || TimeError::NotRfc3339 { text: text.to_owned() };
    // jiff reads forms without dashes, too.
    let dashes = matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', ..]);
    if dashes { read(text, not_one) } else { Err(not_one()) }
}

fn read(text: &str, not_one: impl FnOnce() -> TimeError) -> Result<i64, TimeError> {
    // Besides RFC 3339, jiff reads forms with a time zone's name in brackets, whose meaning changes with politics.
    let moment: Timestamp = match text.parse() {
        Ok(moment) if !text.contains('[') => moment,
        _ => return Err(not_one()),
    };
    i64::try_from(moment.as_nanosecond()).map_err(|_| TimeError::OutOfRange { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_795_345_491_200_000_000;

    #[test]
    fn as_many_fraction_digits_as_needed() {
        let cases = [
            ("milliseconds", NOW, "2026-11-22T11:04:51.200Z"),
            ("whole seconds still have three", NOW - 200_000_000, "2026-11-22T11:04:51.000Z"),
            ("microseconds", NOW + 1_000, "2026-11-22T11:04:51.200001Z"),
            ("nanoseconds", NOW + 10, "2026-11-22T11:04:51.200000010Z"),
            ("the epoch", 0, "1970-01-01T00:00:00.000Z"),
            ("just before it", -1, "1969-12-31T23:59:59.999999999Z"),
            ("the first moment", i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            ("the last moment", i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ];
        for (scenario, ns, expected) in cases {
            assert_eq!(format(ns), expected, "{scenario}");
        }
    }

    #[test]
    fn times_are_read() {
        let cases = [
            ("now", "now", NOW),
            ("relative", "-15m", NOW - 15 * Nanos::MINUTE.0),
            ("relative, combined", "-1h30m", NOW - 90 * Nanos::MINUTE.0),
            ("UTC", "2026-11-22T11:04:51.2Z", NOW),
            ("an offset", "2026-11-22T12:04:51.2+01:00", NOW),
            ("white space around", " now\n", NOW),
        ];
        for (scenario, text, expected) in cases {
            assert_eq!(parse(text, NOW), Ok(expected), "{scenario}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            ("empty", "", "is not a time;"),
            ("a word", "yesterday", "is not a time;"),
            ("no time zone", "2026-11-22T11:04:51", "is not a time;"),
            ("a day only", "2026-11-22", "is not a time;"),
            ("a named zone", "2026-11-22T11:04:51+01:00[Europe/Berlin]", "is not a time;"),
            ("a duration without its minus", "15m", "is not a time;"),
            ("no unit", "-15", "is not a time before now: "),
            ("a minus and a word", "-x", "is not a time;"),
            ("before 1677", "0001-01-01T00:00:00Z", "is outside the years"),
            ("too long ago", "-100000d", "is outside the years"),
        ];
        for (scenario, text, expected) in cases {
            let error = parse(text, i64::MIN + 1).expect_err(scenario);
            assert!(error.to_string().starts_with(&format!("`{text}` {expected}")), "{scenario}: {error}");
        }
    }

    #[test]
    fn rfc_3339_is_read_with_its_offset() {
        for (scenario, text, ns) in [
            ("UTC", "2026-11-22T11:04:51.2Z", 1_795_345_491_200_000_000),
            ("an offset", "2026-11-22T12:04:51.2+01:00", 1_795_345_491_200_000_000),
            ("the epoch", "1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(parse_rfc3339(text), Ok(ns), "{scenario}");
        }
    }

    #[test]
    fn where_it_must_be_rfc_3339_everything_else_is_refused() {
        for (scenario, text, expected) in [
            ("no offset", "2026-11-22T11:04:51", "is not a moment"),
            ("a day", "2026-11-22", "is not a moment"),
            ("a named zone", "2026-11-22T11:04:51+01:00[Europe/Berlin]", "is not a moment"),
            ("no dashes", "20261122T110451Z", "is not a moment"),
            ("a word", "now", "is not a moment"),
            ("before 1677", "0001-01-01T00:00:00Z", "is outside the years"),
        ] {
            let message = parse_rfc3339(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{text}` {expected}")), "{scenario}: {message}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ns in any::<i64>()) {
            prop_assert_eq!(parse(&format(ns), 0), Ok(ns));
            prop_assert_eq!(parse_rfc3339(&format_short(ns)), Ok(ns));
        }

        #[test]
        fn no_text_panics(text in any::<String>(), now in any::<i64>()) {
            let _either = (parse(&text, now), parse_rfc3339(&text));
        }
    }
}
