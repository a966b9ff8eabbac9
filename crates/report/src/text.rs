//! Texts of others, inside HTML: the one place that makes markup of them.
//!
//! maud escapes what means something in HTML. Here, what is not seen is made visible, what runs from right to left is kept
//! apart from what stands around it, and what is too long is folded.

use fluo_alerts::template::NO_VALUE;
use fluo_rules::printable::is_unseen;
use fluo_time::moment;
use maud::{Markup, Render, html};

/// A text of more characters is folded.
const FOLDED: usize = 300;
/// A text of more characters is cut where nothing can be folded.
const LONG: usize = 120;
/// The most characters that are shown of a text.
const MOST: usize = 2000;
/// The most characters of a text that is read out.
const MOST_READ: usize = 160;

/// A text from outside; a long one can be unfolded.
pub(crate) struct Text<'a>(pub(crate) &'a str);

/// A text from outside, where nothing can be unfolded: in links, headings, beside bars.
pub(crate) struct Short<'a>(pub(crate) &'a str);

/// A text from outside, cut where `1` says.
struct Marked<'a>(&'a str, usize);

impl Render for Text<'_> {
    fn render(&self) -> Markup {
        let length = self.0.chars().count();
        if length <= FOLDED {
            return Marked(self.0, FOLDED).render();
        }
        let shown = if length > MOST { format!("the first {MOST}") } else { "all".to_owned() };
        html! {
            details class="long" {
                summary { (Marked(self.0, LONG)) " " span class="faint" { (length) " characters: show " (shown) } }
                (Marked(self.0, MOST))
            }
        }
    }
}

impl Render for Short<'_> {
    fn render(&self) -> Markup {
        Marked(self.0, LONG).render()
    }
}

impl Render for Marked<'_> {
    fn render(&self) -> Markup {
        let Self(text, most) = self;
        let is_cut = text.chars().nth(*most).is_some();
        let end = text.char_indices().nth(*most).map_or(text.len(), |(at, _)| at);
        let shown = &text[..end];
        html! {
            bdi {
                @for part in parts(shown) {
                    @match part {
                        Part::Plain(text) => (text),
                        Part::Space => " ",
                        Part::Unseen(c) => span class="unseen" { (format!("U+{:04X}", u32::from(c))) },
                    }
                }
                @if is_cut { "…" }
            }
        }
    }
}

enum Part<'a> {
    Plain(&'a str),
    /// Line breaks and tabs.
    Space,
    Unseen(char),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unseen(*c)) {
        if at > 0 {
            parts.push(Part::Plain(&rest[..at]));
        }
        parts.push(if matches!(c, '\n' | '\r' | '\t') { Part::Space } else { Part::Unseen(c) });
        rest = &rest[at + c.len_utf8()..];
    }
    if !rest.is_empty() {
        parts.push(Part::Plain(rest));
    }
    parts
}

/// Returns a text from outside for an attribute that is read out.
pub(crate) fn spoken(text: &str) -> String {
    let mut spoken: String = fluo_rules::printable::line(text).chars().take(MOST_READ).collect();
    if text.chars().nth(MOST_READ).is_some() {
        spoken.push('…');
    }
    spoken
}

/// The keys and values of a group.
pub(crate) struct Group<'a>(pub(crate) &'a [(String, Option<String>)]);

impl Render for Group<'_> {
    fn render(&self) -> Markup {
        html! {
            @for (at, (key, value)) in self.0.iter().enumerate() {
                @if at > 0 { ", " }
                span class="pair" {
                    span class="faint" { (Short(key)) "=" }
                    @match value {
                        Some(value) => (Short(value)),
                        None => span class="faint" { (NO_VALUE) },
                    }
                }
            }
        }
    }
}

/// A moment, in seconds.
pub(crate) struct Moment(pub(crate) i64);

impl Render for Moment {
    fn render(&self) -> Markup {
        html! { time datetime=(moment::format(self.0)) { (seconds(self.0)) } }
    }
}

/// Returns a moment in seconds: `2026-11-22 11:04:51`.
pub(crate) fn seconds(ns: i64) -> String {
    let text = moment::human(ns);
    text.strip_suffix(" UTC").unwrap_or(&text).to_owned()
}

/// Returns the time of day: `11:04:51`.
pub(crate) fn clock(ns: i64) -> String {
    seconds(ns).get(11..).unwrap_or_default().to_owned()
}

/// Returns a number of things: `1 rule`, `3 rules`.
pub(crate) fn number(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns a closeness as people read it: `87 %`.
pub(crate) fn percent(closeness: Option<f64>) -> String {
    match closeness {
        None => "no value".to_owned(),
        Some(share) if share >= 10.0 => "> 1000 %".to_owned(),
        Some(share) if share > 0.0 && share < 0.1 => format!("{:.1} %", share * 100.0),
        Some(share) => format!("{:.0} %", (share * 100.0 + 1e-9).floor()),
    }
}

/// A link to elsewhere: only where it is one for a browser to follow.
pub(crate) fn link(url: &str) -> Option<&str> {
    let is_web = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
    (is_web && !url.contains(is_unseen) && url.len() <= MOST).then_some(url)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup_or_moves_what_stands_around_it() {
        let hostile = "<script>alert('x')</script>\" onload=\"y&\u{202e}fdp\n\u{0}z";
        assert_snapshot!(Text(hostile).render().into_string(), @r##"<bdi>&lt;script&gt;alert('x')&lt;/script&gt;&quot; onload=&quot;y&amp;<span class="unseen">U+202E</span>fdp <span class="unseen">U+0000</span>z</bdi>"##);
        let said = spoken(hostile);
        assert!(!said.contains(is_unseen) && said.ends_with('z'), "{said:?}");
    }

    #[test]
    fn long_texts_are_folded_or_cut() {
        let long = "x".repeat(10_000);
        let folded = Text(&long).render().into_string();
        assert!(folded.starts_with("<details") && folded.len() < 2_600, "{folded}");
        assert!(folded.contains("10000 characters: show the first 2000"));
        assert_eq!(Short(&long).render().into_string().matches('x').count(), LONG);
        assert!(Text(&"é".repeat(400)).render().into_string().contains("400 characters: show all"));
    }

    #[test]
    fn links_lead_to_the_web_only() {
        assert_eq!(link("https://runbooks.example/x"), Some("https://runbooks.example/x"));
        for other in ["javascript:alert(1)", "data:text/html,x", "//x", " https://x", "https://x\u{202e}"] {
            assert_eq!(link(other), None, "{other}");
        }
    }

    #[test]
    fn closeness_is_never_rounded_up_to_a_limit() {
        for (share, expected) in [
            (None, "no value"),
            (Some(0.0), "0 %"),
            (Some(0.004), "0.4 %"),
            (Some(0.9999), "99 %"),
            (Some(1e3), "> 1000 %"),
        ] {
            assert_eq!(percent(share), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_text(text in any::<String>()) {
            let markup = Text(&text).render().into_string();
            let allowed = ["<bdi>", "</bdi>", "<span class=\"unseen\">", "<span class=\"faint\">", "</span>",
                "<details class=\"long\">", "</details>", "<summary>", "</summary>"];
            let rest = allowed.iter().fold(markup, |rest, tag| rest.replace(tag, ""));
            prop_assert!(!rest.contains(['<', '>']) && !rest.contains(is_unseen));
        }
    }
}
