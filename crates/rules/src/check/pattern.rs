//! Regular expressions, with the place of what is wrong in them.

use std::ops::Range;

use super::Report;
use crate::diagnostic::Code;
use crate::yaml::{Node, locate};

/// Reports `text`, which stands in `node`, unless it is a regular expression. Says whether it is one.
pub(super) fn check(report: &mut Report, node: &Node, text: &str) -> bool {
    let Err(error) = crate::expr::compile_pattern(text) else { return true };
    let (message, at) = describe(&error, text);
    let place =
        at.and_then(|at| locate(&report.text(), &node.at, text, &at)).filter(|_| node.alias.is_none());
    let message = format!("not a regular expression: {message}");
    match place {
        Some(place) => report.add(Code::BadPattern, place, message),
        None => report.at(Code::BadPattern, node, message),
    };
    false
}

/// The reason, and the bytes of the pattern it is about.
///
/// The crate tells the place only in the drawing that its message is: the pattern indented by four spaces,
/// carets under the part in question, and `error: ` before the reason. Patterns of several lines are drawn
/// otherwise; their findings point at the whole.
pub(crate) fn describe(error: &regex::Error, pattern: &str) -> (String, Option<Range<usize>>) {
    let text = error.to_string();
    if let regex::Error::CompiledTooBig(_) = error {
        return ("it is too large when compiled".to_owned(), None);
    }
    let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let reason = reason.unwrap_or("its syntax is wrong").to_owned();
    let carets = text.lines().find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty());
    let place = carets.filter(|_| !pattern.contains('\n')).and_then(|line| {
        let first = line.find('^')?.checked_sub(4)?;
        let count = line.matches('^').count();
        let mut bytes = pattern.char_indices().map(|(at, _)| at).chain(std::iter::once(pattern.len()));
        let start = bytes.nth(first)?;
        let end = bytes.nth(count - 1).unwrap_or(pattern.len());
        Some(start..end)
    });
    (reason, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_in_question_is_found() {
        for (pattern, part, reason) in [
            ("foo(bar", Some("("), "unclosed group"),
            ("ä[b-a]", Some("b-a"), "invalid character class range, the start must be <= the end"),
            ("a{2,1}", Some("{2,1}"), "invalid repetition count range, the start must be <= the end"),
            ("a{1000}{1000}{1000}", None, "it is too large when compiled"),
            ("a\n(", None, "unclosed group"),
        ] {
            let error = crate::expr::compile_pattern(pattern).unwrap_err();
            let (message, place) = describe(&error, pattern);
            assert_eq!((message.as_str(), place.map(|place| &pattern[place])), (reason, part), "{pattern}");
        }
    }
}
