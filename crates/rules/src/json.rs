//! JSON as all of fluo prints and stores it: what is not seen in a text is written as `\uXXXX`.
//!
//! The same text for every program that reads it, and nothing that a terminal obeys or a reviewer overlooks. JSON itself
//! asks only for C0; DEL, C1 and Unicode's format characters it lets through raw.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Error;

use crate::printable::is_unseen;

/// Returns a value as JSON on one line.
///
/// # Errors
///
/// Fails with the error of `serde_json` for a value that has no JSON form; texts, numbers, lists and maps with texts as
/// keys have one.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map(escaped)
}

/// Returns the same on several lines, indented.
///
/// # Errors
///
/// As [`to_string`].
pub fn to_string_pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map(escaped)
}

/// Writes what is not seen as escapes. Outside of strings JSON is ASCII, and within them control characters of ASCII but
/// DEL are escaped already: whatever else is found here stands in a string, behind no backslash.
fn escaped(json: String) -> String {
    let is_raw = |c: char| is_unseen(c) && c != '\n';
    if !json.contains(is_raw) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_raw(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_not_seen_is_escaped() {
        let cases = [
            ("seen", "Größe 日本 👩‍💻", r#""Größe 日本 👩‍💻""#),
            ("C0", "\u{1b}\n", r#""\u001b\n""#),
            ("DEL and C1", "\u{7f}\u{9b}", r#""\u007f\u009b""#),
            ("bidirectional", "\u{202e}x\u{2069}", r#""\u202ex\u2069""#),
            ("separators", "\u{2028}", r#""\u2028""#),
            ("beyond 16 bits", "\u{e0041}", r#""\udb40\udc41""#),
            ("behind a backslash", "\\\u{9b}\"", r#""\\\u009b\"""#),
        ];
        for (scenario, text, expected) in cases {
            assert_eq!(to_string(text).unwrap(), expected, "{scenario}");
        }
        assert_eq!(to_string_pretty(&json!({"\u{9b}": []})).unwrap(), "{\n  \"\\u009b\": []\n}");
    }

    proptest! {
        #[test]
        fn whoever_reads_it_gets_the_same_back(texts in prop::collection::vec(any::<String>(), 0..4)) {
            let value = json!({"texts": texts, "\u{202e}": 1});
            for text in [to_string(&value).unwrap(), to_string_pretty(&value).unwrap()] {
                prop_assert!(!text.contains(|c| is_unseen(c) && c != '\n'), "{text:?}");
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value.clone());
            }
        }
    }
}
