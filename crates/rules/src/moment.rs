//! Moments as test files and silences write them: RFC 3339.
//!
//! A moment is a number of nanoseconds since the Unix epoch in an `i64`, from 1677 to 2262.

use jiff::Timestamp;

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MomentError {
    /// Occurs when the text is not RFC 3339.
    #[error("`{text}` is not a moment; write it as `2026-11-22T11:04:51Z`")]
    NotRfc3339 {
        /// What was given.
        text: String,
    },
    /// Occurs when the moment is before 1677 or after 2262.
    #[error("`{text}` is outside the years 1677 to 2262")]
    OutOfRange {
        /// What was given.
        text: String,
    },
}

/// Reads RFC 3339: `2026-11-22T11:04:51.2Z`, `2026-11-22T12:04:51+01:00`.
pub(crate) fn parse(text: &str) -> Result<i64, MomentError> {
    // Besides RFC 3339, jiff reads forms without dashes, and those with a time zone's name in brackets, whose meaning
    // changes with politics.
    let dashes = matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', ..]);
    let moment: Timestamp = match text.parse() {
        Ok(moment) if dashes && !text.contains('[') => moment,
        _ => return Err(MomentError::NotRfc3339 { text: text.to_owned() }),
    };
    let ns = i64::try_from(moment.as_nanosecond());
    ns.map_err(|_| MomentError::OutOfRange { text: text.to_owned() })
}

/// `2026-11-22T11:04:51Z`, with as many digits of a fraction as are needed.
pub(crate) fn format(ns: i64) -> String {
    timestamp(ns).to_string()
}

/// Every `i64` of nanoseconds lies within the years that a `Timestamp` can hold (−9999 to 9999).
pub(crate) fn timestamp(ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_with_their_offset() {
        for (scenario, text, ns) in [
            ("UTC", "2026-11-22T11:04:51.2Z", 1_795_345_491_200_000_000),
            ("an offset", "2026-11-22T12:04:51.2+01:00", 1_795_345_491_200_000_000),
            ("the epoch", "1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(parse(text), Ok(ns), "{scenario}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (scenario, text, expected) in [
            ("no offset", "2026-11-22T11:04:51", "is not a moment"),
            ("a day", "2026-11-22", "is not a moment"),
            ("a named zone", "2026-11-22T11:04:51+01:00[Europe/Berlin]", "is not a moment"),
            ("no dashes", "20261122T110451Z", "is not a moment"),
            ("a word", "now", "is not a moment"),
            ("before 1677", "0001-01-01T00:00:00Z", "is outside the years"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{text}` {expected}")), "{scenario}: {message}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ns in any::<i64>()) {
            prop_assert_eq!(parse(&format(ns)), Ok(ns));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            drop(parse(&text));
        }
    }
}
