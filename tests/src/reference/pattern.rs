//! Regular expressions of rules.

use regex::Regex;

/// Whether the pattern is found anywhere in the text.
///
/// # Panics
///
/// If the pattern is not valid. A checked rule has only valid ones, so the test that made this one is wrong.
pub(super) fn found(pattern: &str, text: &str) -> bool {
    match Regex::new(pattern) {
        Ok(regex) => regex.is_match(text),
        Err(error) => panic!("a checked rule holds an invalid pattern: {error}"),
    }
}
