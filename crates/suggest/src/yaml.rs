//! Texts as they stand in YAML.

use fluo_rules::as_scalar;

/// Returns a text as a matcher of itself, whatever it looks like.
pub(crate) fn matcher(text: &str) -> String {
    let scalar = as_scalar(text);
    // A path between slashes looks like a pattern.
    if scalar.starts_with(['"', '/']) { format!("{{eq: {scalar}}}") } else { scalar }
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
            ("checkout", "checkout"),
            ("POST /pay", "POST /pay"),
            ("/pay/", "{eq: /pay/}"),
            ("GET /products/{id}", r#"{eq: "GET /products/{id}"}"#),
            ("401", r#"{eq: "401"}"#),
            ("", r#"{eq: ""}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(matcher(text), expected);
        }
        assert_eq!(comment("a\nb\u{1b}[m"), "a\u{fffd}b\u{fffd}[m");
    }
}
