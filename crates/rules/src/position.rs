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

/// The beginnings of the lines of a text, and the numbers of characters before them.
///
/// Lines end with `\n`, `\r\n` or a lone `\r`, as in YAML. A byte order mark belongs to no line.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
    /// Characters before each multiple of [`STRIDE`] bytes: a line may be as long as the file, and have a
    /// finding at every word.
    characters: Vec<usize>,
}

const STRIDE: usize = 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

impl Lines {
    /// Finds the lines of `text`.
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let breaks = bytes
            .iter()
            .enumerate()
            .filter(|&(at, &byte)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        let first = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        let starts = std::iter::once(first).chain(breaks.map(|(at, _)| at + 1)).collect();
        let mut counted = 0;
        let mut characters = vec![0];
        for stride in bytes.chunks(STRIDE) {
            counted += begun(stride);
            characters.push(counted);
        }
        Self { starts, characters }
    }

    /// The position of byte `at` of the `text` that the lines were found in. Bytes behind the end, or
    /// inside a character, count as the next boundary before.
    pub fn position(&self, text: &str, at: usize) -> Position {
        let at = text.floor_char_boundary(at);
        let (line, start) = self.line_of(at);
        let column = self.before(text, at).saturating_sub(self.before(text, start)) + 1;
        Position { line: saturate(line), column: saturate(column) }
    }

    /// Bytes of the line that holds byte `at`, without its line break.
    pub fn line_at(&self, text: &str, at: usize) -> Range<usize> {
        let (line, start) = self.line_of(at);
        let end = self.starts.get(line).copied().unwrap_or(text.len());
        let content = text.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        start..start + content.len()
    }

    /// The byte of a 1-based line and column; the end of the text where it has fewer.
    pub fn byte_at(&self, text: &str, line: u64, column: u64) -> usize {
        let number = |value: u64| usize::try_from(value.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = self.starts.get(number(line)).copied().unwrap_or(text.len());
        let rest = text.get(start..).unwrap_or("");
        start + rest.char_indices().nth(number(column)).map_or(rest.len(), |(at, _)| at)
    }

    /// Number of the line that holds byte `at`, and its first byte.
    fn line_of(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&start| start <= at).max(1);
        (line, self.starts.get(line - 1).copied().unwrap_or(0))
    }

    /// Returns the number of characters that begin before byte `at`.
    fn before(&self, text: &str, at: usize) -> usize {
        let stride = at / STRIDE;
        let rest = text.as_bytes().get(stride * STRIDE..at).unwrap_or_default();
        self.characters.get(stride).copied().unwrap_or(0) + begun(rest)
    }
}

/// Returns the number of characters that begin in these bytes of UTF-8.
fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count()
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
            ("behind a byte order mark", "\u{feff}ab", 4, 1, 2),
            ("the byte order mark itself", "\u{feff}ab", 0, 1, 1),
        ] {
            assert_eq!(Lines::of(text).position(text, at), Position { line, column }, "{scenario}");
        }
    }

    #[test]
    fn long_lines_are_counted_as_short_ones() {
        let text = "ä".repeat(5000);
        let lines = Lines::of(&text);
        for character in [0, 511, 512, 513, 4999, 5000] {
            assert_eq!(lines.position(&text, character * 2).column as usize, character + 1);
            assert_eq!(lines.byte_at(&text, 1, character as u64 + 1), character * 2);
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
