//! Regular expressions of rules: what compiles here compiles wherever a rule is evaluated.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

/// The largest size of a compiled regular expression, in bytes. It is below the default of the `regex` crate, so that
/// what compiles here compiles in every engine that is built on it; it is enough for some hundred repetitions of `\w`.
pub const PATTERN_SIZE_LIMIT: usize = 2 * (1 << 20);

/// Compiles the regular expression of `matches`: unanchored, in the syntax of the `regex` crate.
pub fn compile_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    compile(pattern)
}

/// Compiles the regular expression of `=~` and `!~`: the same, anchored at both ends.
pub fn compile_whole_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    // By itself first: `a)|(b` is no pattern, although it is one within parentheses.
    compile(pattern)?;
    // A comment of the `x` flag goes on to the end of its line.
    compile(&format!("^(?:{pattern})$")).or_else(|_| compile(&format!("^(?:{pattern}\n)$")))
}

/// Patterns that are kept compiled.
const MOST: usize = 256;

/// Compiles a pattern, or takes what was made of it before: it is checked, planned and asked for by rules that are alike,
/// and takes a millisecond.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known().get(pattern) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_LIMIT).nest_limit(100).build()?;
    let mut known = known();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}

/// Returns what is wrong with a pattern, in one line.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_patterns_match_from_end_to_end() {
        for (pattern, text, found, whole) in [
            ("GET", "GET /", true, false),
            ("GET.*", "GET /", true, true),
            ("^GET", "GET", true, true),
            ("a|ab", "ab", true, true),
            ("a|b", "xb", true, false),
            ("", "", true, true),
            ("", "x", true, false),
            ("(?i)get", "GET", true, true),
            ("(?x) a b # c", "ab", true, true),
            ("(?x) a b # c", "xab", true, false),
            ("(?m)^b$", "a\nb", true, false),
            ("a", "a\n", true, false),
        ] {
            assert_eq!(compile_pattern(pattern).unwrap().is_match(text), found, "{pattern} in {text:?}");
            assert_eq!(
                compile_whole_pattern(pattern).unwrap().is_match(text),
                whole,
                "{pattern} is {text:?}"
            );
        }
        for pattern in ["a)|(b", "(", "(?x)a#)", "a{1000}{1000}"] {
            assert_eq!(
                compile_whole_pattern(pattern).is_err(),
                compile_pattern(pattern).is_err(),
                "{pattern}"
            );
        }
    }
}
