//! Text from rule files made harmless for a terminal.
//!
//! Rule files come by pull request from anybody. A terminal obeys control characters (and shows text in
//! another order than it is written after a bidirectional override), so that none reaches it.

/// `text` with every control character replaced by a visible one; line breaks become spaces.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| visible(c).unwrap_or(c)).collect()
}

/// What stands for `c`, if `c` cannot be shown.
pub(super) fn visible(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        // The control pictures, in the order of the control characters.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => Some('\u{fffd}'),
        _ => None,
    }
}
