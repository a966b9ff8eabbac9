//! Canonical text: the one form in which attribute values are stored, grouped and matched.
//!
//! | value | text |
//! | --- | --- |
//! | string | itself |
//! | integer | decimal |
//! | boolean | `true`, `false` |
//! | double, integral and below 2⁵³ | as an integer: `401`; minus zero is `0` |
//! | other doubles | shortest text that reads back as the same double, positional from 1e-4 up to 1e16 (`0.05`, `9007199254740992.0`), outside of that with an exponent (`1e300`, `1.5e-7`) |
//! | not finite | `NaN`, `Infinity`, `-Infinity` |
//! | bytes | base64, standard alphabet, padded |
//! | array | compact JSON |
//! | map | compact JSON, keys sorted by bytes, of equal keys the last |
//! | empty | empty text; `null` inside of arrays and maps |
//!
//! Inside of arrays and maps strings and bytes are JSON strings, and so are the three words for
//! doubles that are not finite, because JSON has no such numbers.
//!
//! [`number`], [`integer`] and [`array()`] read such texts back and define what "numeric" and "is an
//! array" mean to every rule.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Doubles below this (2⁵³) are integers without gaps.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// An OTLP `AnyValue`, borrowing what it can.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// No value is set.
    #[default]
    Empty,
    /// `string_value`
    String(Cow<'a, str>),
    /// `bool_value`
    Boolean(bool),
    /// `int_value`; wider than OTLP's, as JSON is met with unsigned integers above `i64::MAX`.
    Integer(i128),
    /// `double_value`
    Double(f64),
    /// `bytes_value`
    Bytes(Cow<'a, [u8]>),
    /// `array_value`
    Array(Vec<Value<'a>>),
    /// `kvlist_value`, as received.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// The canonical text of a value.
pub fn canonical(value: Value<'_>) -> String {
    canonical_text(value).into_owned()
}

/// The canonical text of a value, which is the value's own where it is text.
pub fn canonical_text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Empty => Cow::Borrowed(""),
        Value::String(text) => text,
        Value::Boolean(true) => Cow::Borrowed("true"),
        Value::Boolean(false) => Cow::Borrowed("false"),
        Value::Integer(integer) => Cow::Owned(match i64::try_from(integer) {
            Ok(small) => small.to_string(),
            Err(_) => integer.to_string(),
        }),
        Value::Double(double) => Cow::Owned(double_text(double)),
        Value::Bytes(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        Value::Array(_) | Value::Map(_) => {
            let mut json = String::new();
            write_json(value, &mut json);
            Cow::Owned(json)
        }
    }
}

/// The canonical text of a double.
#[expect(clippy::cast_possible_truncation, reason = "integral and below 2^53: exact")]
pub fn double_text(double: f64) -> String {
    if double.is_nan() {
        "NaN".to_owned()
    } else if double.is_infinite() {
        if double > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if double.fract() == 0.0 && double.abs() < EXACT_INTEGERS {
        (double as i64).to_string()
    } else {
        // `Debug`, not `Display`: the latter writes 1e300 with three hundred zeros.
        format!("{double:?}")
    }
}

/// The finite number that a text stands for: what Rust reads as an `f64` (`401`, `+1.5`, `.5`, `1e3`),
/// without the words for infinities and NaN, and nothing so large that it would become infinite. `-0` is 0.
pub fn number(text: &str) -> Option<f64> {
    // Most texts are words: refuse them before the parser does.
    if !matches!(text.as_bytes().first()?, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(|number: f64| number + 0.0)
}

/// The integer that a text stands for: an optional sign and decimal digits, within 64 bits.
pub fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The elements, in canonical text, of a text that is a JSON array (white space is allowed).
///
/// Arrays nested deeper than 127 are not taken for one; canonical text never is, as decoding bounds it.
pub fn array(text: &str) -> Option<Vec<String>> {
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('[') {
        return None;
    }
    let elements: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(|element| canonical(from_json(element))).collect())
}

fn from_json(json: serde_json::Value) -> Value<'static> {
    match json {
        serde_json::Value::Null => Value::Empty,
        serde_json::Value::Bool(boolean) => Value::Boolean(boolean),
        serde_json::Value::String(text) => Value::String(text.into()),
        serde_json::Value::Array(elements) => Value::Array(elements.into_iter().map(from_json).collect()),
        serde_json::Value::Object(members) => {
            Value::Map(members.into_iter().map(|(key, value)| (key.into(), from_json(value))).collect())
        }
        serde_json::Value::Number(number) => {
            if let Some(integer) = number.as_i128() {
                Value::Integer(integer)
            } else {
                // A number that is no integer is a double; serde_json refuses those out of range.
                number.as_f64().map_or(Value::Empty, Value::Double)
            }
        }
    }
}

fn write_json(value: Value<'_>, json: &mut String) {
    match value {
        Value::Empty => json.push_str("null"),
        Value::String(text) => write_string(&text, json),
        Value::Double(double) if !double.is_finite() => write_string(&double_text(double), json),
        Value::Bytes(bytes) => write_string(&STANDARD.encode(bytes), json),
        Value::Boolean(_) | Value::Integer(_) | Value::Double(_) => json.push_str(&canonical(value)),
        Value::Array(elements) => {
            json.push('[');
            for (at, element) in elements.into_iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write_json(element, json);
            }
            json.push(']');
        }
        Value::Map(mut members) => {
            // Stable: of equal keys the last received comes last.
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            json.push('{');
            let mut first = true;
            let mut members = members.into_iter().peekable();
            while let Some((key, value)) = members.next() {
                if members.peek().is_some_and(|(next, _)| *next == key) {
                    continue;
                }
                if !first {
                    json.push(',');
                }
                first = false;
                write_string(&key, json);
                json.push(':');
                write_json(value, json);
            }
            json.push('}');
        }
    }
}

/// A JSON string with the fewest escapes: quote, backslash and control characters.
fn write_string(text: &str, json: &mut String) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests;
