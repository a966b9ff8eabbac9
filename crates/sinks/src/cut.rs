//! A text, or a list of texts, cut to what there is room for: it ends with what says that something is missing.

use std::borrow::Cow;

/// The mark of the part that was cut off.
pub(crate) const ELLIPSIS: char = '…';

/// `text` cut to `max` bytes, on a character boundary, with `…` where something is missing.
pub(crate) fn cut_bytes(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(max.saturating_sub(ELLIPSIS.len_utf8()));
    Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]))
}

/// `text` cut to `max` characters as services count them, which is in UTF-16 units at most; with `…`.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    cut_escaped(text, max, |_| None)
}

/// The same where some characters are written as something longer, which must not be cut in its middle.
pub(crate) fn cut_escaped(
    text: &str,
    max: usize,
    escape: impl Fn(char) -> Option<&'static str>,
) -> Cow<'_, str> {
    let units = |c: char| escape(c).map_or(c.len_utf16(), str::len);
    let fits = text.chars().map(units).sum::<usize>() <= max;
    if fits && !text.contains(|c| escape(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut left = if fits { max } else { max.saturating_sub(ELLIPSIS.len_utf16()) };
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        let Some(rest) = left.checked_sub(units(c)) else { break };
        left = rest;
        match escape(c) {
            Some(longer) => written.push_str(longer),
            None => written.push(c),
        }
    }
    if !fits {
        written.push(ELLIPSIS);
    }
    Cow::Owned(written)
}

/// As many of `lines` as have room in `max` characters, each of at most `longest`, and how many more there are. What
/// counts is what they are once they are escaped, and no escape is cut.
pub(crate) fn lines_within(
    lines: &[String],
    (max, longest): (usize, usize),
    escape: impl Fn(char) -> Option<&'static str> + Copy,
) -> String {
    let mut text = String::new();
    let units = |text: &str| text.encode_utf16().count();
    for (at, line) in lines.iter().enumerate() {
        let line = cut_escaped(line, longest, escape);
        // Room for the line that says how many more.
        let more = format!("{ELLIPSIS} {} more", lines.len() - at);
        let reserved = if at + 1 == lines.len() { 0 } else { units(&more) + 1 };
        if units(&text) + usize::from(at > 0) + units(&line) + reserved > max {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&more);
            return text;
        }
        if at > 0 {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}

/// The first `max` of `items`, or one less and a line that says how many more there are.
pub(crate) fn first(items: &[String], max: usize) -> Vec<String> {
    if items.len() <= max {
        return items.to_vec();
    }
    let kept = max.saturating_sub(1);
    let mut shown = items[..kept].to_vec();
    shown.push(format!("{ELLIPSIS} {} more", items.len() - kept));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_say_so() {
        let amp = |c| (c == '&').then_some("&amp;");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("😀😀", 4), "😀😀", "two UTF-16 units each");
        assert_eq!(cut("😀😀😀", 4), "😀…");
        assert_eq!(cut_escaped("a&b", 7, amp), "a&amp;b");
        assert_eq!(cut_escaped("a&b&", 7, amp), "a&amp;…");
        assert_eq!(cut_escaped("&&", 5, amp), "…", "never half of an escape");
        assert_eq!(cut_bytes("éé", 4), "éé");
        assert_eq!(cut_bytes("ééé", 5), "é…");
    }

    #[test]
    fn lines_have_room_once_they_are_escaped() {
        let amp = |c| (c == '&').then_some("&amp;");
        let lines: Vec<_> = ["a&", "bb", "ccc"].map(str::to_owned).into();
        assert_eq!(lines_within(&lines, (100, 100), amp), "a&amp;\nbb\nccc");
        assert_eq!(lines_within(&lines, (15, 100), amp), "a&amp;\n… 2 more");
        assert_eq!(lines_within(&lines, (13, 100), amp), "… 3 more");
        assert_eq!(lines_within(&lines, (100, 3), amp), "a…\nbb\nccc");
    }

    #[test]
    fn lists_say_how_many_more() {
        let list: Vec<_> = ["a", "b", "c"].map(str::to_owned).into();
        assert_eq!(first(&list, 3), ["a", "b", "c"]);
        assert_eq!(first(&list, 2), ["a", "… 2 more"]);
    }
}
