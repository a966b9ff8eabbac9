//! Gives a plain scalar the meaning that it has to somebody who writes a rule.
//!
//! | plain scalar | is | because |
//! | --- | --- | --- |
//! | `401`, `-3`, `+5`, `1_000`, `0x1f`, `0o17` | a whole number | |
//! | `0.05`, `1e3`, `1_000.5` | a number | |
//! | `007`, `01234` | text | leading zeros are there on purpose: codes, not counts |
//! | `1e400`, `.inf`, `.nan`, `18446744073709551616` | unusable | no attribute compares with it exactly |
//! | `true`, `false`, `True`, `TRUE` … | a boolean | |
//! | `yes`, `on`, `5%`, `1m`, `2026-11-22`, `12:30` | text | what takes the value decides |

use super::Yaml;
use crate::matcher::Number;

/// The value of a plain scalar that YAML calls a number.
pub(super) fn number(source: &str) -> Yaml {
    let digits: String = source.chars().filter(|&c| c != '_').collect();
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let negative = digits.starts_with('-');
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = unsigned.strip_prefix(prefix) {
            let magnitude = i128::from_str_radix(rest, radix);
            return magnitude.map_or(TOO_LARGE, |value| whole(if negative { -value } else { value }));
        }
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Yaml::Text(source.to_owned());
        }
        return digits.strip_prefix('+').unwrap_or(&digits).parse::<i128>().map_or(TOO_LARGE, whole);
    }
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Yaml::Number(Number::Float(value)),
        _ => Yaml::Unusable("it is not a finite number"),
    }
}

const TOO_LARGE: Yaml = Yaml::Unusable("it does not fit into 64 bits");

fn whole(value: i128) -> Yaml {
    i64::try_from(value).map_or(TOO_LARGE, |value| Yaml::Number(Number::Int(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_their_spelling() {
        let int = |value| Yaml::Number(Number::Int(value));
        let float = |value| Yaml::Number(Number::Float(value));
        for (source, value) in [
            ("401", int(401)),
            ("-3", int(-3)),
            ("+5", int(5)),
            ("0", int(0)),
            ("1_000", int(1000)),
            ("0x1F", int(31)),
            ("-0x10", int(-16)),
            ("0o17", int(15)),
            ("9223372036854775807", int(i64::MAX)),
            ("-9223372036854775808", int(i64::MIN)),
            ("9223372036854775808", TOO_LARGE),
            ("18446744073709551616", TOO_LARGE),
            ("99999999999999999999999999999999999999999999", TOO_LARGE),
            ("0.05", float(0.05)),
            ("1.10", float(1.1)),
            ("1e3", float(1000.0)),
            ("1_000.5", float(1000.5)),
            ("007", Yaml::Text("007".to_owned())),
            ("1e400", Yaml::Unusable("it is not a finite number")),
            (".nan", Yaml::Unusable("it is not a finite number")),
            ("-.inf", Yaml::Unusable("it is not a finite number")),
        ] {
            assert_eq!(number(source), value, "{source}");
        }
    }
}
