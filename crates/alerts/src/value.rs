//! The value of an aggregate, for machines and for people.

use std::fmt::{self, Write as _};

use fluo_time::moment;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An aggregate's value at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// There is none: an average over nothing, a division by zero.
    None,
    /// A whole number, exact.
    Int(i128),
    /// Any other number. NaN and infinities are not values; where one gets here it is treated as `None`.
    Float(f64),
    /// Nanoseconds, exact.
    Duration(i128),
    /// A moment, in nanoseconds since the epoch: of a query, which tells when something was.
    Moment(i64),
}

/// 2⁵³: up to here a double holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// As in payloads: whole numbers and durations (nanoseconds) are JSON integers, as are floats that are whole and
/// below 2⁵³; other floats are the shortest number that reads back to the same double; a moment is a text as of RFC 3339;
/// no value is `null`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Int(int) | Self::Duration(int) => serializer.serialize_i128(int),
            Self::Float(float) => match whole(float) {
                Some(int) => serializer.serialize_i128(int),
                None if float.is_finite() => serializer.serialize_f64(float),
                None => serializer.serialize_none(),
            },
            Self::Moment(ns) => serializer.serialize_str(&moment::format(ns)),
            Self::None => serializer.serialize_none(),
        }
    }
}

/// The number as it stands; which of them were durations is not told.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a moment or null")
            }

            fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
                Ok(Value::Int(int.into()))
            }

            fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
                Ok(Value::Int(int.into()))
            }

            fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
                Ok(Value::Float(float))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                moment::parse_rfc3339(text).map(Value::Moment).map_err(E::custom)
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::None)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Value {
    /// In doubles; durations are nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "in doubles is what is asked for")]
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::None | Self::Moment(_) => None,
            Self::Int(int) | Self::Duration(int) => Some(int as f64),
            Self::Float(float) => Some(float).filter(|float| float.is_finite()),
        }
    }

    /// As people read it: `6`, `0.0532`, `1.2s`, `no value`.
    pub fn human(&self) -> String {
        match *self {
            Self::None => "no value".to_owned(),
            Self::Int(int) => int.to_string(),
            Self::Float(float) => human_number(float),
            Self::Duration(nanos) => human_duration(nanos),
            Self::Moment(ns) => moment::human(ns),
        }
    }
}

/// The whole number that `float` is, if it is one below 2⁵³.
#[expect(clippy::cast_possible_truncation, reason = "below 2^53 and whole: exact")]
fn whole(float: f64) -> Option<i128> {
    (float.abs() < EXACT && float.fract() == 0.0).then_some(float as i128)
}

/// Four digits behind the point, or four significant ones below 1; no thousands separators.
pub(crate) fn human_number(float: f64) -> String {
    if !float.is_finite() {
        return "no value".to_owned();
    }
    if let Some(int) = whole(float) {
        return int.to_string();
    }
    if float.abs() >= EXACT || float.abs() < 1e-4 {
        return format!("{:e}", four_significant(float));
    }
    let text = if float.abs() >= 1.0 { format!("{float:.4}") } else { four_significant(float).to_string() };
    trimmed(&text).to_owned()
}

/// `float` rounded to four significant digits.
pub(crate) fn four_significant(float: f64) -> f64 {
    significant(float, 4)
}

/// `float` rounded to so many significant digits, of at least one.
pub(crate) fn significant(float: f64, digits: usize) -> f64 {
    // Through its text: scaling by powers of ten would round a second time. What was formatted parses.
    format!("{float:.*e}", digits.saturating_sub(1)).parse().unwrap_or(float)
}

/// Without zeros behind the point that say nothing.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// In the largest unit below a minute with at most three digits behind the point (`1.2s`, `350ms`), above in
/// whole seconds (`1m30s`).
pub fn human_duration(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    if size < 1_000 {
        return if size == 0 { "0s".to_owned() } else { format!("{sign}{size}ns") };
    }
    // A size in thousandths of the unit; what would round up to the limit is shown in the next unit.
    for (unit, thousandth, limit) in
        [("us", 1, 1_000_000), ("ms", 1_000, 1_000_000), ("s", 1_000_000, 60_000)]
    {
        let thousandths = rounded(size, thousandth);
        if thousandths < limit {
            let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
            return format!("{sign}{}{unit}", trimmed(&text));
        }
    }
    let mut rest = rounded(size, 1_000_000_000);
    let mut text = sign.to_owned();
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{}{unit}", rest / seconds);
            rest %= seconds;
        }
    }
    text
}

/// `size / unit` to the nearest whole, halves up.
fn rounded(size: u128, unit: u128) -> u128 {
    size / unit + u128::from(size % unit * 2 >= unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_form() {
        let cases = [
            ("none", Value::None, "null"),
            ("a count", Value::Int(6), "6"),
            ("an exact sum beyond 64 bits", Value::Int(i128::MAX), "170141183460469231731687303715884105727"),
            ("a ratio", Value::Float(0.05), "0.05"),
            ("a whole float", Value::Float(3.0), "3"),
            ("minus zero", Value::Float(-0.0), "0"),
            ("a large float", Value::Float(1e300), "1e+300"),
            ("2^53 and above stay floats", Value::Float(9_007_199_254_740_992.0), "9007199254740992.0"),
            ("not a number", Value::Float(f64::NAN), "null"),
            ("a duration", Value::Duration(1_200_000_000), "1200000000"),
        ];
        for (scenario, value, expected) in cases {
            assert_eq!(serde_json::to_string(&value).unwrap(), expected, "{scenario}");
        }
    }

    #[test]
    fn human_form() {
        let cases = [
            ("none", Value::None, "no value"),
            ("thousands are left alone", Value::Int(1_234_567), "1234567"),
            ("a whole float", Value::Float(3.0), "3"),
            ("a ratio", Value::Float(0.053_219_8), "0.05322"),
            ("a third", Value::Float(10.0 / 3.0), "3.3333"),
            ("minus", Value::Float(-2.5), "-2.5"),
            ("tiny", Value::Float(0.000_012_345_6), "1.235e-5"),
            ("huge", Value::Float(1.5e300), "1.5e300"),
            ("seconds", Value::Duration(1_200_000_000), "1.2s"),
            ("milliseconds", Value::Duration(350_000_000), "350ms"),
            ("microseconds", Value::Duration(1_500), "1.5us"),
            ("nanoseconds", Value::Duration(7), "7ns"),
            ("zero", Value::Duration(0), "0s"),
            ("rounded", Value::Duration(1_234_567_890), "1.235s"),
            ("rounded up into the next unit", Value::Duration(999_999_700), "1s"),
            ("rounded up to a minute", Value::Duration(59_999_900_000), "1m"),
            ("minutes", Value::Duration(90_400_000_000), "1m30s"),
            ("days", Value::Duration(86_400_000_000_000 + 3_600_000_000_000), "1d1h"),
            ("negative", Value::Duration(-1_200_000_000), "-1.2s"),
        ];
        for (scenario, value, expected) in cases {
            assert_eq!(value.human(), expected, "{scenario}");
        }
    }

    proptest! {
        #[test]
        fn floats_read_back(float in any::<f64>().prop_filter("finite", |float| float.is_finite())) {
            let text = serde_json::to_string(&Value::Float(float)).unwrap();
            // Bit for bit, apart from the sign of zero.
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), (float + 0.0).to_bits());
        }

        #[test]
        fn any_duration_has_a_text(nanos in any::<i128>()) {
            prop_assert!(!human_duration(nanos).is_empty());
        }
    }
}
