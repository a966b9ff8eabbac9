//! A text, and places in it as the protocol counts them.
//!
//! A position is a line and a number of code units from its beginning, in the encoding that both sides have agreed on. A
//! position behind the end of a line is its end.

use std::ops::Range;

use lsp_types::{Position, PositionEncodingKind};

/// The code units of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16, which are meant where nothing is agreed on.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// Takes bytes where the client knows them, since nothing has to be counted then; else what it prefers.
    pub(crate) fn agreed(offered: &[PositionEncodingKind]) -> Self {
        let known = |kind: &PositionEncodingKind| match kind {
            PositionEncodingKind::UTF8 => Some(Self::Utf8),
            PositionEncodingKind::UTF16 => Some(Self::Utf16),
            PositionEncodingKind::UTF32 => Some(Self::Utf32),
            PositionEncodingKind::Custom(_) => None,
        };
        let known: Vec<Self> = offered.iter().filter_map(known).collect();
        if known.contains(&Self::Utf8) { Self::Utf8 } else { known.first().copied().unwrap_or_default() }
    }

    /// As the protocol calls it.
    pub(crate) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn units(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A text and the beginnings of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    text: String,
    starts: Vec<usize>,
}

impl Text {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = starts(&text);
        Self { text, starts }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The byte of a position.
    pub(crate) fn offset(&self, position: Position, encoding: Encoding) -> usize {
        let Some(start) = usize::try_from(position.line).ok().and_then(|line| self.starts.get(line).copied())
        else {
            return self.text.len();
        };
        let line = self.line(start);
        let mut left = usize::try_from(position.character).unwrap_or(usize::MAX);
        for (at, c) in line.char_indices() {
            let units = encoding.units(c);
            // A position within a character is that of the character.
            if left < units {
                return start + at;
            }
            left -= units;
        }
        start + line.len()
    }

    /// The position of a byte.
    pub(crate) fn position(&self, offset: usize, encoding: Encoding) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        let units: usize = before.chars().map(|c| encoding.units(c)).sum();
        // Texts are far shorter than what these hold.
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            character: u32::try_from(units).unwrap_or(u32::MAX),
        }
    }

    /// The range of bytes.
    pub(crate) fn range(&self, bytes: &Range<usize>, encoding: Encoding) -> lsp_types::Range {
        lsp_types::Range {
            start: self.position(bytes.start, encoding),
            end: self.position(bytes.end, encoding),
        }
    }

    /// Puts a text in place of a range.
    pub(crate) fn replace(&mut self, range: lsp_types::Range, with: &str, encoding: Encoding) {
        let (start, end) = (self.offset(range.start, encoding), self.offset(range.end, encoding));
        self.text.replace_range(start..end.max(start), with);
        self.starts = starts(&self.text);
    }

    /// The line that begins at a byte, without its break.
    fn line(&self, start: usize) -> &str {
        let rest = self.text.get(start..).unwrap_or("");
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        &rest[..end]
    }
}

/// The beginnings of lines, which end with `\n`, `\r\n` or `\r`.
fn starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes
        .iter()
        .enumerate()
        .filter(|&(at, &byte)| byte == b'\n' || byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn positions_are_counted_in_the_units_that_were_agreed_on() {
        let text = Text::new("ä😀x\r\nb\rc\n");
        for (scenario, encoding, at, offset) in [
            ("first", Encoding::Utf16, position(0, 0), 0),
            ("behind an umlaut, utf-16", Encoding::Utf16, position(0, 1), 2),
            ("behind a pair, utf-16", Encoding::Utf16, position(0, 3), 6),
            ("behind a pair, utf-8", Encoding::Utf8, position(0, 6), 6),
            ("behind a pair, utf-32", Encoding::Utf32, position(0, 2), 6),
            ("end of line", Encoding::Utf16, position(0, 4), 7),
            ("second line", Encoding::Utf16, position(1, 0), 9),
            ("third line", Encoding::Utf8, position(2, 1), 12),
            ("last line", Encoding::Utf8, position(3, 0), 13),
        ] {
            assert_eq!(text.offset(at, encoding), offset, "{scenario}");
            assert_eq!(text.position(offset, encoding), at, "{scenario}");
        }
        assert_eq!(text.offset(position(0, 2), Encoding::Utf16), 2, "within a pair");
        assert_eq!(text.offset(position(0, 99), Encoding::Utf16), 7, "behind the end of the line");
        assert_eq!(text.offset(position(99, 0), Encoding::Utf16), 13, "behind the last line");
    }

    #[test]
    fn edits_follow_each_other() {
        let mut text = Text::new("a: b\nc: d\n");
        let range =
            |line, from, to| lsp_types::Range { start: position(line, from), end: position(line, to) };
        text.replace(range(0, 3, 4), "x\ny: z", Encoding::Utf16);
        assert_eq!(text.as_str(), "a: x\ny: z\nc: d\n");
        text.replace(range(2, 3, 4), "", Encoding::Utf16);
        assert_eq!(text.as_str(), "a: x\ny: z\nc: \n");
    }

    #[test]
    fn bytes_are_taken_where_the_client_knows_them() {
        use PositionEncodingKind::{UTF8, UTF16, UTF32};
        assert_eq!(Encoding::agreed(&[]), Encoding::Utf16);
        assert_eq!(Encoding::agreed(&[UTF16, UTF8]), Encoding::Utf8);
        assert_eq!(Encoding::agreed(&[UTF32, UTF16]), Encoding::Utf32);
    }
}
