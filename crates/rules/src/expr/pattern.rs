//! Regular expressions of rules: what compiles here compiles wherever a rule is evaluated.

use regex::{Regex, RegexBuilder};

/// How large a compiled regular expression may become, in bytes. Below the default of the `regex` crate, so that
/// what compiles here compiles in every engine that is built on it; enough for some hundred repetitions of `\w`.
pub const PATTERN_SIZE_LIMIT: usize = 2 * (1 << 20);

/// Compiles a rule's regular expression; unanchored, in the syntax of the `regex` crate.
pub fn compile_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_LIMIT).nest_limit(100).build()
}

/// What is wrong with a pattern, in one line.
pub(super) fn complaint(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it becomes too large; repeat less".to_owned(),
        // The crate's message draws the pattern and a caret over several lines; the last one says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().next_back().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}
