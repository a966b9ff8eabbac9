//! Regular expressions, with the place of what is wrong in them.

use std::ops::Range;

use super::Report;
use crate::diagnostic::{Code, Hint};
use crate::expr::{Expr, ExprKind};
use crate::yaml::Node;

/// Reports `text`, which stands in `node`, unless it is a regular expression that somebody may mean. Returns whether it
/// is one at all.
pub(super) fn check(report: &mut Report, node: &Node, text: &str) -> bool {
    refuse_control_character(report, node, text);
    let Err(error) = crate::expr::compile_pattern(text) else { return true };
    let (message, at) = describe(&error, text);
    let hint = beyond(&message);
    let message = format!("not a regular expression: {message}");
    let finding = match at {
        Some(at) => report.within(Code::BadPattern, node, text, &at, message),
        None => report.at(Code::BadPattern, node, message),
    };
    finding.hint = hint.map(Hint::from);
    false
}

/// Reports `pattern`, which stands in `node`, if it holds a control character.
pub(super) fn refuse_control_character(report: &mut Report, node: &Node, pattern: &str) {
    if let Some((message, hint)) = control_character(pattern) {
        report.at(Code::ControlInPattern, node, message).hint(hint);
    }
}

/// Reports the regular expressions of an expression, the text of `node`, that hold a control character.
pub(super) fn refuse_control_characters(report: &mut Report, node: &Node, text: &str, expr: &Expr) {
    if let ExprKind::Regex { pattern, .. } = &expr.kind
        && let Some((message, hint)) = control_character(pattern)
    {
        report.within(Code::ControlInPattern, node, text, &expr.at, message).hint(hint);
    }
    for child in expr.children() {
        refuse_control_characters(report, node, text, child);
    }
}

/// Warns of a pattern between slashes, which are letters like any others here.
pub(super) fn warn_of_slashes(report: &mut Report, node: &Node, key: &str, text: &str) {
    let Some((inner, flags)) = text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) else { return };
    let is_path =
        ["route", "path", "url", "uri", "target", "template", "name"].iter().any(|part| key.contains(part));
    let known_flags = flags.chars().all(|c| "gimsuxy".contains(c));
    if inner.is_empty() || inner.contains('/') || !known_flags || flags.is_empty() && is_path {
        return;
    }
    let kept: String = flags.chars().filter(|c| "imsx".contains(*c)).collect();
    let meant = if kept.is_empty() { inner.to_owned() } else { format!("(?{kept}){inner}") };
    report
        .at(Code::PatternAsText, node, format!("`{text}` is found where a text has these slashes"))
        .hint(format!("patterns stand without slashes: `{{matches: '{meant}'}}`"));
}

/// Returns the fault of a pattern that holds a control character, and what to do: no pattern names one by itself.
fn control_character(pattern: &str) -> Option<(String, String)> {
    let found = pattern.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))?;
    let message = format!("the regular expression holds the control character U+{:04X}", u32::from(found));
    let escape = match found {
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\u{1b}' => "\\e",
        _ => return Some((message, "write it as `\\x{…}`".to_owned())),
    };
    let hint = format!(
        "YAML reads `{escape}` in double quotes as this character: put the pattern in single quotes, or write `\\{escape}`"
    );
    Some((message, hint))
}

/// Returns what to write in place of what regular expressions of linear time cannot do.
pub(crate) fn beyond(message: &str) -> Option<&'static str> {
    if message.contains("look-around") {
        Some(
            "say it with two tests: `where: \"name =~ 'GET .*' and name !~ '.*/health'\"`, or with `not:` beside the other keys of `span`",
        )
    } else if message.contains("backreferences") {
        Some("regular expressions of linear time cannot compare a part of a text with another")
    } else {
        None
    }
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
