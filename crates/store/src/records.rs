//! The findings of an evaluator, and the records of its evaluations, as facts that other tools read.
//!
//! ```text
//! violations/date=2026-11-22/hour=11/1795345560000-42.parquet     violations that started in that hour
//! evaluations/date=2026-11-22/1795345560000-42.ndjson             one record a line
//!             └── of `eval_time` ┘└ eval_time in ms └ generation of the state
//! ```
//!
//! Names and bytes are functions of what was committed, so that who writes them again after a crash writes the same
//! (I2): with [`put_if_absent`](crate::put_if_absent).

use fluo_time::Nanos;

mod evaluations;
mod violations;

pub use evaluations::{evaluation_object, last_evaluation, read_evaluations};
pub use violations::{ViolationRow, read_violations, violation_objects};

/// The name of a file of records, without its extension.
fn stem(eval_time_ns: i64, generation: u64) -> String {
    format!("{:013}-{generation}", eval_time_ns.div_euclid(Nanos::MILLISECOND.0))
}

/// Reads what [`stem`] wrote: `eval_time` in milliseconds, and generation. `None` for every other text.
fn parse_stem(text: &str) -> Option<(i64, u64)> {
    let (millis, generation) = text.rsplit_once('-')?;
    let (millis, generation) = (millis.parse().ok()?, generation.parse().ok()?);
    (stem(i64::checked_mul(millis, Nanos::MILLISECOND.0)?, generation) == text)
        .then_some((millis, generation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let cases = [
            (0, 0, "0000000000000-0"),
            (1_795_345_560_000_999_999, 42, "1795345560000-42"),
            (-1, 1, "-000000000001-1"),
            (i64::MAX, u64::MAX, "9223372036854-18446744073709551615"),
        ];
        for (eval_time, generation, expected) in cases {
            assert_eq!(stem(eval_time, generation), expected);
            assert_eq!(parse_stem(expected), Some((eval_time.div_euclid(Nanos::MILLISECOND.0), generation)));
        }
        for other in
            ["", "1-1", "1795345560000", "1795345560000-042", "+795345560000-42", "1795345560000--1", "a-b"]
        {
            assert_eq!(parse_stem(other), None, "{other}");
        }
    }
}
