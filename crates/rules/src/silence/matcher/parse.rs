//! Text → matcher.

use std::ops::Range;

use super::characters::{is_angle, is_operator, is_quote, is_reserved};
use super::{Matcher, NoMatcher};
use crate::check::describe_pattern;

/// Operators of other languages and other orders, and what is written here.
const MEANT: [(&str, &str); 10] = [
    ("~=", "=~"),
    ("==", "="),
    ("===", "="),
    ("=!", "!="),
    ("!==", "!="),
    ("<>", "!="),
    ("~", "=~"),
    ("~!", "!~"),
    ("!", "!="),
    ("~~", "=~"),
];

impl Matcher {
    /// Reads a matcher. Whether it makes sense in a silence is for [`Matchers::new`](crate::silence::Matchers::new) to
    /// say.
    pub fn parse(text: &str) -> Result<Self, NoMatcher> {
        matcher(text)
    }
}

fn matcher(text: &str) -> Result<Matcher, NoMatcher> {
    let whole = trimmed(text, 0..text.len());
    if text[whole.clone()].starts_with('{') {
        return Err(
            problem(whole, "a matcher stands without braces").hint("write `rule=X`; each matcher by itself")
        );
    }
    let (label, label_at) = label(text, whole.clone())?;
    let rest = trimmed(text, label_at.end..whole.end);
    let after = &text[rest.clone()];
    // `rule<>X` is told as what it is, and `team=<none>` has a value that begins with `<`.
    let in_operator = if after.starts_with(is_operator) { is_operator } else { is_angle };
    let operator_length = after.find(|c| !in_operator(c)).unwrap_or(after.len());
    let operator = &after[..operator_length];
    let value = trimmed(text, rest.start + operator_length..rest.end);
    let shown = shown(&text[label_at.clone()]);
    if operator.is_empty() {
        let missing = problem(whole, "there is no operator");
        return Err(match &text[rest] {
            // The name of a rule alone is what amtool takes.
            "" => missing.hint(format!("write `rule={shown}` for the rule of this name")),
            _ => missing.hint("write `label=value`; the operators are `=`, `!=`, `=~` and `!~`"),
        });
    }
    if label.is_empty() {
        return Err(problem(whole, "there is no label before the operator").hint("write `rule=X`"));
    }
    let (negated, is_pattern) = match operator {
        "=" => (false, false),
        "!=" => (true, false),
        "=~" => (false, true),
        "!~" => (true, true),
        other => {
            let at = rest.start..rest.start + operator_length;
            let wrong = problem(at, format!("`{other}` is no operator"));
            let meant = MEANT.iter().find(|(known, _)| *known == other);
            return Err(match meant {
                Some((_, meant)) if meant.ends_with('~') => wrong.hint(format!(
                    "`{meant}` takes a regular expression, anchored at both ends: `{shown}{meant}\"…\"`"
                )),
                Some((_, meant)) => wrong.hint(format!("write `{shown}{meant}…`")),
                None => wrong.hint(
                    "the operators are `=`, `!=`, `=~` and `!~`; a value that begins with one of their characters stands in quotes",
                ),
            });
        }
    };
    let value_text = read_value(text, value.clone(), &shown, operator)?;
    let matcher = if is_pattern {
        Matcher::pattern(label, value_text.as_str()).map_err(|error| {
            let (why, _) = describe_pattern(&error, &value_text);
            NoMatcher { is_pattern: true, ..problem(value, format!("not a regular expression: {why}")) }
        })?
    } else {
        Matcher::equal(label, value_text)
    };
    Ok(if negated { matcher.negated() } else { matcher })
}

/// The label, and where it stands.
fn label(text: &str, whole: Range<usize>) -> Result<(String, Range<usize>), NoMatcher> {
    let rest = &text[whole.clone()];
    if rest.starts_with(is_quote) {
        let (label, length) = quoted(text, whole.clone())?;
        return Ok((label, whole.start..whole.start + length));
    }
    let end = rest.find(|c: char| is_operator(c) || is_angle(c) || c.is_whitespace());
    let label = &rest[..end.unwrap_or(rest.len())];
    let at = whole.start..whole.start + label.len();
    if label.contains(is_reserved) {
        return Err(problem(at, format!("the label {} needs quotes", shown(label)))
            .hint("a label with quotes, braces or commas in it stands in double quotes"));
    }
    Ok((label.to_owned(), at))
}

/// The value of `label operator value`.
fn read_value(text: &str, at: Range<usize>, label: &str, operator: &str) -> Result<String, NoMatcher> {
    let value = &text[at.clone()];
    if value.starts_with(is_quote) {
        let (value, length) = quoted(text, at.clone())?;
        let behind = at.start + length..at.end;
        if !behind.is_empty() {
            return Err(problem(behind, "there is something behind the quotes")
                .hint("a matcher is one label, one operator, one value"));
        }
        return Ok(value);
    }
    if value.starts_with(is_operator) {
        return Err(problem(at, format!("a value that begins with `{}` stands in quotes", &value[..1]))
            .hint(format!(
                "write `{label}{operator}\"{value}\"`, or one of the operators `=`, `!=`, `=~` and `!~`"
            )));
    }
    if let Some(quote) = value.find('"') {
        let quote = at.start + quote;
        return Err(problem(quote..quote + 1, "there is a quote within the value")
            .hint("quotes stand around the whole value; one in it is written `\\\"`"));
    }
    let second = value.split(',').skip(1).any(|part| matcher(part).is_ok());
    if second {
        return Err(problem(at, "there are two matchers in one text")
            .hint("give each by itself, or put a value with a comma in it in quotes"));
    }
    Ok(unescaped(value))
}

/// The content of what stands in quotes at the beginning of a part of the text, and how many bytes it takes.
fn quoted(text: &str, at: Range<usize>) -> Result<(String, usize), NoMatcher> {
    let rest = &text[at.clone()];
    let mut characters = rest.char_indices();
    let quote = characters.next().map_or('"', |(_, quote)| quote);
    let mut escaped = false;
    for (index, c) in characters {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            let inner = &rest[quote.len_utf8()..index];
            let content = if quote == '`' { inner.to_owned() } else { unescaped(inner) };
            return Ok((content, index + quote.len_utf8()));
        }
    }
    Err(problem(at.start..at.start + quote.len_utf8(), "a quote is not closed"))
}

/// A text without the backslashes of its escapes. As in amtool, what is no escape stays: `\d` and `\.` are for regular
/// expressions. So do `\b`, `\a`, `\f` and `\v`, which nobody means as control characters.
fn unescaped(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        read.push_str(before);
        let hexadecimal = |digits: usize| {
            let code =
                escape.get(2..2 + digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
            code.and_then(char::from_u32).map(|c| (c, 2 + digits))
        };
        let found = match escape.as_bytes().get(1) {
            Some(b'"') => Some(('"', 2)),
            Some(b'\'') => Some(('\'', 2)),
            Some(b'\\') => Some(('\\', 2)),
            Some(b'n') => Some(('\n', 2)),
            Some(b'r') => Some(('\r', 2)),
            Some(b't') => Some(('\t', 2)),
            Some(b'x') => hexadecimal(2),
            Some(b'u') => hexadecimal(4),
            Some(b'U') => hexadecimal(8),
            _ => None,
        };
        let (c, length) = found.unwrap_or(('\\', 1));
        read.push(c);
        rest = &escape[length..];
    }
    read + rest
}

/// A part of the text without white space around it.
fn trimmed(text: &str, at: Range<usize>) -> Range<usize> {
    let part = &text[at.clone()];
    let start = at.start + (part.len() - part.trim_start().len());
    let end = at.start + part.trim_end().len();
    start.min(end)..end
}

/// A part of the text as messages repeat it: short.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut characters = text.chars();
    let first: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() { first + "…" } else { first }
}

fn problem(at: Range<usize>, message: impl Into<String>) -> NoMatcher {
    NoMatcher { message: message.into(), hint: None, at, is_pattern: false }
}

impl NoMatcher {
    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
