//! Bytes to lines and columns, for one text.

use std::ops::Range;

/// A place in a text as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters (Unicode scalar values; a tab is one).
    pub column: u32,
}

/// Where the lines of a text begin.
///
/// Lines end with `\n`, `\r\n` or a lone `\r`, as in YAML.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Finds the lines of `text`.
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let breaks = bytes
            .iter()
            .enumerate()
            .filter(|&(at, &byte)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        Self { starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// The position of byte `at` of the `text` that the lines were found in. Bytes behind the end, or
    /// inside a character, count as the next boundary before.
    pub fn position(&self, text: &str, at: usize) -> Position {
        let at = text.floor_char_boundary(at);
        let line = self.starts.partition_point(|&start| start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = text.get(start..at).unwrap_or("").chars().count() + 1;
        Position { line: saturate(line), column: saturate(column) }
    }

    /// Bytes of the line that holds byte `at`, without its line break.
    pub fn line_at(&self, text: &str, at: usize) -> Range<usize> {
        let line = self.starts.partition_point(|&start| start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let end = self.starts.get(line).copied().unwrap_or(text.len());
        let content = text.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        start..start + content.len()
    }
}

/// Files are at most 1 MiB, so that nothing saturates in practice.
fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_in_every_yaml_way() {
        for (scenario, text, at, line, column) in [
            ("first byte", "a: b\n", 0, 1, 1),
            ("behind umlauts", "ä: ü: x", 7, 1, 6),
            ("behind a surrogate pair's worth", "😀 x", 5, 1, 3),
            ("unix line break", "a\nb", 2, 2, 1),
            ("windows line break", "a\r\nb", 3, 2, 1),
            ("old mac line break", "a\rb", 2, 2, 1),
            ("end of text", "a\n", 2, 2, 1),
            ("behind the end", "a\n", 99, 2, 1),
            ("inside a character", "ä", 1, 1, 1),
            ("empty text", "", 0, 1, 1),
        ] {
            assert_eq!(Lines::of(text).position(text, at), Position { line, column }, "{scenario}");
        }
    }

    #[test]
    fn a_line_is_without_its_break() {
        let text = "one\r\ntwo\n";
        let lines = Lines::of(text);
        assert_eq!(lines.line_at(text, 1), 0..3);
        assert_eq!(lines.line_at(text, 6), 5..8);
        assert_eq!(lines.line_at(text, 9), 9..9);
    }
}
