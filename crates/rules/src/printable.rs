//! Text that came from outside, made harmless for a terminal and for whoever reads it.
//!
//! Rule files come by pull request from anybody, and values from whoever can send a request to the user's services. A
//! terminal obeys control characters, and a bidirectional override shows text in another order than it is written. So
//! none of these reaches anybody raw: [`line()`] replaces them for people, and [`crate::json`] escapes them where a
//! program must get the same text back.

/// Returns whether a character is not seen where it stands, and does something instead: control characters (C0, DEL,
/// C1), and of Unicode's separators and format characters those that end a line, change direction, hide or annotate.
/// The joiners U+200C and U+200D are none: scripts and emoji need them.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'                    // soft hyphen
            | '\u{61c}'                 // Arabic letter mark
            | '\u{180e}'                // Mongolian vowel separator
            | '\u{200b}'                // zero-width space
            | '\u{200e}' | '\u{200f}'   // direction marks
            | '\u{2028}' | '\u{2029}'   // separators of lines and paragraphs
            | '\u{202a}'..='\u{202e}'   // embeddings and overrides
            | '\u{2060}'..='\u{2064}'   // word joiner, invisible operators
            | '\u{2066}'..='\u{206f}'   // isolates, deprecated format characters
            | '\u{feff}'                // byte-order mark
            | '\u{fff9}'..='\u{fffb}'   // interlinear annotation
            | '\u{e0000}'..='\u{e007f}' // tags
        )
}

/// Returns `text` with every unseen character replaced by a visible one; line breaks become spaces.
pub fn line(text: &str) -> String {
    text.chars().map(|c| visible(c).unwrap_or(c)).collect()
}

/// Returns what stands for `c`, if `c` cannot be shown.
fn visible(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' => Some(' '),
        // The control pictures, in the order of the control characters.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        _ => is_unseen(c).then_some('\u{fffd}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_shown() {
        let cases = [
            ("nothing to show", "checkout – Größe 日本 👩‍💻", "checkout – Größe 日本 👩‍💻"),
            ("an escape", "a\u{1b}[2J", "a␛[2J"),
            ("its 8-bit form", "a\u{9b}2J", "a\u{fffd}2J"),
            ("delete", "a\u{7f}", "a␡"),
            ("an override", "a\u{202e}b", "a\u{fffd}b"),
            ("a line break", "a\r\nb", "a  b"),
        ];
        for (scenario, text, expected) in cases {
            assert_eq!(line(text), expected, "{scenario}");
        }
    }
}
