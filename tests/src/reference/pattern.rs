//! Regular expressions of rules.

use regex::Regex;

/// Returns whether the pattern is found anywhere in the text.
///
/// # Panics
///
/// If the pattern is not valid. A checked rule has only valid ones, so the test that made this one is wrong.
pub(super) fn found(pattern: &str, text: &str) -> bool {
    compiled(pattern).is_match(text)
}

/// Returns whether the pattern matches the text from its beginning to its end.
///
/// # Panics
///
/// As [`found`].
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    // A comment in a pattern of the `x` flag ends with its line.
    let end = if pattern.starts_with("(?x)") { "\n" } else { "" };
    compiled(&format!(r"\A(?:{pattern}{end})\z")).is_match(text)
}

fn compiled(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => panic!("a checked rule holds an invalid pattern: {error}"),
    }
}
