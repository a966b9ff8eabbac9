//! Text that is safe to show.
//!
//! Group values, span names and attributes come from whoever can send a request to the user's services. Before
//! any of them is put on a terminal or into a message, this removes what could move the cursor, reverse the
//! line or hide text, and bounds its length. Markup (HTML, links of chat programs) is each sink's own matter.

use std::borrow::Cow;

use fluo_rules::printable::is_unseen;

/// The most bytes that remain of a text.
pub const MAX_BYTES: usize = 1024;

/// The character that stands for the part that was cut off.
const ELLIPSIS: char = '…';

/// `text` without control and direction characters, cut at [`MAX_BYTES`] on a character boundary with `…`.
///
/// Line breaks and tabs become spaces, so that words stay apart; everything else that is not shown is dropped.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_BYTES && !text.contains(|c| is_space(c) || is_unseen(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len().min(MAX_BYTES));
    let mut characters = text.chars().filter(|c| is_space(*c) || !is_unseen(*c));
    // One character more than fits is enough to know that something is cut off.
    for c in characters.by_ref() {
        safe.push(if is_space(c) { ' ' } else { c });
        if safe.len() > MAX_BYTES {
            safe.truncate(safe.floor_char_boundary(MAX_BYTES - ELLIPSIS.len_utf8()));
            safe.push(ELLIPSIS);
            break;
        }
    }
    Cow::Owned(safe)
}

/// An error and its causes in one safe line; causes that only repeat are left out.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    plain(&text).into_owned()
}

fn is_space(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_texts_become_harmless() {
        let cases = [
            ("plain text is kept", "checkout – Größe 日本 👩‍💻", "checkout – Größe 日本 👩‍💻"),
            ("terminal colours", "\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
            ("a terminal's title", "a\u{1b}]0;owned\u{7}b", "a]0;ownedb"),
            ("the 8-bit form of ESC [", "\u{9b}2J", "2J"),
            ("text that runs backwards", "invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("isolates", "\u{2066}x\u{2069}", "x"),
            ("line breaks forge no second line", "a\r\nALERT resolved\u{2028}b", "a  ALERT resolved b"),
            ("invisible text", "ad\u{200b}min\u{feff}", "admin"),
            ("backspace and delete", "ab\u{8}\u{7f}c", "abc"),
            ("empty", "", ""),
        ];
        for (scenario, text, expected) in cases {
            assert_eq!(plain(text), expected, "{scenario}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(plain(&"x".repeat(MAX_BYTES)), "x".repeat(MAX_BYTES));
        assert_eq!(plain(&"x".repeat(MAX_BYTES + 1)), format!("{}…", "x".repeat(MAX_BYTES - 3)));
        assert_eq!(plain(&"é".repeat(MAX_BYTES)), format!("{}…", "é".repeat((MAX_BYTES - 3) / 2)));
        assert_eq!(
            plain(&format!("{}\u{1b}", "x".repeat(MAX_BYTES))),
            "x".repeat(MAX_BYTES),
            "nothing shown is cut"
        );
    }

    proptest! {
        #[test]
        fn the_result_is_safe_short_and_final(text in any::<String>()) {
            let safe = plain(&text).into_owned();
            prop_assert!(safe.len() <= MAX_BYTES);
            prop_assert!(!safe.contains(|c| is_space(c) || is_unseen(c)));
            prop_assert_eq!(plain(&safe), safe.as_str());
        }
    }
}
