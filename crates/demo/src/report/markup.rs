//! Text inside HTML and SVG.

use std::fmt;

use fluo_alerts::escape;

/// A text from outside: made plain, cut, and with every character escaped that means something in HTML, in element
/// content as well as in quoted attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, &escape::plain(self.0))
    }
}

/// A text of several lines: as [`Escaped`], line by line.
pub(super) struct Lines<'a>(pub(super) &'a str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.lines() {
            escaped(f, &escape::plain(line))?;
            f.write_str("\n")?;
        }
        Ok(())
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;
    for c in text.chars() {
        match c {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '"' => f.write_str("&quot;")?,
            '\'' => f.write_str("&#39;")?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let hostile = "<script>alert('x')</script>\" onload=\"y&\u{202e}";
        let safe = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y&amp;";
        assert_eq!(Escaped(hostile).to_string(), safe);
        assert_eq!(Lines("a\n<b>").to_string(), "a\n&lt;b&gt;\n");
    }
}
