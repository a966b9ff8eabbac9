//! Texts as they stand in YAML.

use fluo_rules::json;

/// Words that YAML, in one of its versions, does not read as texts.
const WORDS: [&str; 11] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// Returns a text as a scalar that is read as this text, within brackets, too.
pub(crate) fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ' ');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && !is_word && !text.ends_with(' ') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    // A text always has a form in JSON, which is one in YAML.
    json::to_string(text).unwrap_or_default()
}

/// Returns a text as a matcher of itself, whatever it looks like.
pub(crate) fn matcher(text: &str) -> String {
    let scalar = scalar(text);
    if scalar.starts_with('"') { format!("{{eq: {scalar}}}") } else { scalar }
}

/// Columns of a folded text.
const WIDTH: usize = 110;

/// Returns a text in lines, as they stand below `>-` of a rule's key.
pub(crate) fn folded(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::from("   ")];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        if lines[last].chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("    {word}"));
        } else {
            lines[last] += " ";
            lines[last] += word;
        }
    }
    lines.join("\n")
}

/// Returns a text for a comment: without what ends a line or is not seen.
pub(crate) fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' || fluo_rules::printable::is_unseen(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let cases = [
            ("checkout", "checkout", "checkout"),
            ("POST /pay", "POST /pay", "POST /pay"),
            ("GET /products/{id}", r#""GET /products/{id}""#, r#"{eq: "GET /products/{id}"}"#),
            ("401", r#""401""#, r#"{eq: "401"}"#),
            ("No", r#""No""#, r#"{eq: "No"}"#),
            ("a: b", r#""a: b""#, r#"{eq: "a: b"}"#),
            ("", r#""""#, r#"{eq: ""}"#),
            ("a\u{2028}b\n", r#""a\u2028b\n""#, r#"{eq: "a\u2028b\n"}"#),
        ];
        for (text, as_scalar, as_matcher) in cases {
            assert_eq!((scalar(text).as_str(), matcher(text).as_str()), (as_scalar, as_matcher));
        }
        assert_eq!(comment("a\nb\u{1b}[m"), "a\u{fffd}b\u{fffd}[m");
    }
}
