//! Byte in a scalar's value → byte in the file.
//!
//! An expression is found to be wrong at a byte of its *value*; people look at the file, where the value may
//! be quoted, escaped, folded or indented. Both texts are walked together. Where they cannot be aligned the
//! answer is none, and the finding points at the scalar as a whole.

use std::ops::Range;

/// Bytes of the file that hold bytes `part` of `value`, which is written at `at` in `file`.
pub(crate) fn locate(
    file: &str,
    at: &Range<usize>,
    value: &str,
    part: &Range<usize>,
) -> Option<Range<usize>> {
    let source = file.get(at.clone())?;
    let indent = indentation(file, at.start);
    let places = align(source, value, indent)?;
    let start = *places.get(part.start)?;
    // A part that ends with the value ends with its last character, not with the closing quote.
    let end = if part.end > part.start { *places.get(part.end)? } else { start };
    let length = source.get(start..)?.chars().next().map_or(0, char::len_utf8);
    let end = end.max(if part.is_empty() { start } else { start + length });
    Some(at.start + start..at.start + end)
}

/// Width of the white space before `at` on its line.
fn indentation(file: &str, at: usize) -> usize {
    let before = file.get(..at).unwrap_or("");
    before.len() - before.trim_end_matches(' ').len()
}

/// For every byte of `value`, and its end, the byte of `source` it comes from.
fn align(source: &str, value: &str, indent: usize) -> Option<Vec<usize>> {
    let style = Style::of(source, value);
    let mut places = Vec::with_capacity(value.len() + 1);
    let mut at = match style {
        Style::Single | Style::Double => 1,
        Style::Bare => 0,
    };
    for wanted in value.chars() {
        let (start, next) = step(source, at, wanted, style, indent)?;
        places.extend(std::iter::repeat_n(start, wanted.len_utf8()));
        at = next;
    }
    places.push(at);
    Some(places)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Single,
    Double,
    /// Plain and block scalars.
    Bare,
}

impl Style {
    /// A block scalar may begin and end with quotes of its own; then its value begins with the same line.
    fn of(source: &str, value: &str) -> Self {
        let first_line = |text: &str| text.lines().next().map(str::to_owned).unwrap_or_default();
        let quoted = |quote| source.len() >= 2 && source.starts_with(quote) && source.ends_with(quote);
        if first_line(source) == first_line(value) {
            Self::Bare
        } else if quoted('\'') {
            Self::Single
        } else if quoted('"') {
            Self::Double
        } else {
            Self::Bare
        }
    }
}

/// Returns where in `source`, from `at` on, the character `wanted` of the value begins, and where it ends.
fn step(source: &str, mut at: usize, wanted: char, style: Style, indent: usize) -> Option<(usize, usize)> {
    loop {
        let rest = source.get(at..)?;
        let found = rest.chars().next()?;
        let length = found.len_utf8();
        match (style, found) {
            (Style::Single, '\'') if rest.starts_with("''") && wanted == '\'' => return Some((at, at + 2)),
            (Style::Double, '\\') => {
                let (decoded, width) = escape(rest)?;
                match decoded {
                    Some(decoded) if decoded == wanted => return Some((at, at + width)),
                    Some(_) => return None,
                    None => at += width,
                }
            }
            (_, '\n' | '\r') if wanted == ' ' || (wanted == '\n' && found == '\n') => {
                // Folded lines: one line break is a space. Then comes the next line's indentation.
                let begin = at;
                let skip = if rest.starts_with("\r\n") { 2 } else { 1 };
                let next = source.get(at + skip..)?;
                let spaces = next.len() - next.trim_start_matches(' ').len();
                let dropped =
                    if style == Style::Bare && wanted == '\n' { spaces.min(indent) } else { spaces };
                return Some((begin, at + skip + dropped));
            }
            _ if found == wanted => return Some((at, at + length)),
            // What folding drops: line breaks, indentation, white space at the ends of lines.
            (_, ' ' | '\t' | '\n' | '\r') => at += length,
            _ => return None,
        }
    }
}

/// The character that an escape in double quotes stands for (none for a continued line), and its width.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let kind = rest[1..].chars().next()?;
    let hex = |digits: usize| {
        let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 2 + digits))
    };
    let simple = match kind {
        'x' => return hex(2),
        'u' => return hex(4),
        'U' => return hex(8),
        '\n' => return Some((None, 2)),
        '\r' => return Some((None, if rest[1..].starts_with("\r\n") { 3 } else { 2 })),
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        ' ' | '"' | '/' | '\\' => kind,
        _ => return None,
    };
    Some((Some(simple), 2))
}

#[cfg(test)]
mod tests {
    use super::super::{Yaml, read, resolve};
    use super::*;

    /// Finds `part` in the value of the only key of `file`, and says what it points at in the file.
    fn pointed_at<'a>(file: &'a str, part: &str) -> Option<(usize, &'a str)> {
        let document = read(file).unwrap().remove(0);
        let (node, problems) = resolve(document, file);
        assert!(problems.is_empty(), "{problems:?}");
        let entry = &node.entries().unwrap()[0];
        let Yaml::Text(value) = &entry.value.value else { panic!("not text: {entry:?}") };
        let start = value.find(part).unwrap_or_else(|| panic!("`{part}` is not in {value:?}"));
        let place = locate(file, &entry.value.at, value, &(start..start + part.len()))?;
        Some((place.start, &file[place]))
    }

    #[test]
    fn parts_of_scalars_are_found_in_the_file() {
        for (scenario, file, part, expected) in [
            ("plain", "c: gt(count, 5)\n", "count", (6, "count")),
            ("plain, at its end", "c: gt(count, 5)\n", ")", (14, ")")),
            ("plain over two lines", "c: a and\n  b or c\n", "or", (13, "or")),
            ("single quotes", "c: 'x > 5'\n", "> 5", (6, "> 5")),
            ("single quotes with a quote in it", "c: 'it''s > 5'\n", "> 5", (10, "> 5")),
            ("single quotes, the quote itself", "c: 'it''s > 5'\n", "'s", (6, "''s")),
            ("double quotes", "c: \"x > 5\"\n", "5", (8, "5")),
            ("double quotes with escapes", "c: \"\\\"a\\\" \\u003e 5\"\n", ">", (10, "\\u003e")),
            ("double quotes over two lines", "c: \"a and\n  b\"\n", "b", (12, "b")),
            ("literal block", "c: |\n  a and\n  b > 5\n", "b > 5", (15, "b > 5")),
            ("literal block, deeper line", "c: |\n  a and\n    b > 5\n", "b > 5", (17, "b > 5")),
            ("literal block with quotes of its own", "c: |-\n  \"a\" = \"b\"\n", "b", (15, "b")),
            ("folded block", "c: >-\n  a and\n  b > 5\n", "> 5", (18, "> 5")),
            ("behind umlauts", "ü: ä and b\n", "b", (11, "b")),
            ("windows line breaks", "c: >-\r\n  a and\r\n  b > 5\r\n", "> 5", (20, "> 5")),
        ] {
            assert_eq!(pointed_at(file, part), Some(expected), "{scenario}");
        }
    }
}
