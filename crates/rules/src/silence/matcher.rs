//! The test of one label by a silence, as amtool writes it: `rule=X`, `severity!=critical`, `team=~"pay.*"`,
//! `"http.route"!~"/health|/ready"`.
//!
//! ```text
//!  matcher  =  label operator value           white space around each of them counts for nothing
//!  label    =  quoted | any characters but white space, quotes and = ! ~ < > { } ,
//!  operator =  "=" | "!=" | "=~" | "!~"       the last two: regular expressions, anchored at both ends
//!  value    =  quoted | the rest of the text, which begins with no quote and no operator
//!  quoted   =  "…" | '…' | `…`                `\"`, `\\`, `\n` and Go's other escapes in the first two
//! ```
//!
//! A label that an alert does not have is the empty text, as in Alertmanager: `team!=payments` and `team=~".*"` match
//! an alert without a team, `team=~".+"` does not.

mod characters;
mod parse;

use std::fmt;
use std::ops::Range;

use regex::Regex;

use crate::expr::{compile_pattern, compile_whole_pattern};

/// The test of one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    label: String,
    negated: bool,
    wanted: Wanted,
}

/// Values that are meant.
#[derive(Debug, Clone)]
enum Wanted {
    /// One of these texts; at least one.
    OneOf(Vec<String>),
    /// Those that the pattern matches from their first character to their last.
    Pattern { text: String, regex: Regex },
}

/// The fault of a matcher's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoMatcher {
    /// The fault, in one line.
    pub message: String,
    /// The text to write instead.
    pub hint: Option<String>,
    /// Bytes of the text, on character boundaries.
    pub at: Range<usize>,
    /// True if the regular expression is none.
    pub is_pattern: bool,
}

impl Matcher {
    /// `label=value`.
    pub fn equal(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), negated: false, wanted: Wanted::OneOf(vec![value.into()]) }
    }

    /// `label=~pattern`.
    pub fn pattern(label: impl Into<String>, pattern: impl Into<String>) -> Result<Self, regex::Error> {
        let text = pattern.into();
        let regex = compile_whole_pattern(&text)?;
        Ok(Self { label: label.into(), negated: false, wanted: Wanted::Pattern { text, regex } })
    }

    /// Matches the values in which the pattern is found, as `matches` of rules does.
    pub(crate) fn found(label: impl Into<String>, pattern: &str) -> Result<Self, regex::Error> {
        compile_pattern(pattern)?;
        let label = label.into();
        Self::pattern(label.as_str(), format!("(?s:.*)(?:{pattern})(?s:.*)"))
            // A comment of the `x` flag goes on to the end of its line.
            .or_else(|_| Self::pattern(label, format!("(?s:.*)(?:{pattern}\n)(?s:.*)")))
    }

    /// The label it is about: `rule`, `severity`, a rule's label, or a group key.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns whether it matches what does not match.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Returns whether the label's value is as it asks; of a label that is missing, the empty text.
    pub fn matches(&self, value: &str) -> bool {
        self.means(value) != self.negated
    }

    /// Returns whether the value is among those that it names, negated or not.
    pub(super) fn means(&self, value: &str) -> bool {
        match &self.wanted {
            Wanted::OneOf(values) => values.iter().any(|wanted| wanted == value),
            Wanted::Pattern { regex, .. } => regex.is_match(value),
        }
    }

    /// The texts of which a value must be one; none of a pattern.
    pub(super) fn values(&self) -> &[String] {
        match &self.wanted {
            Wanted::OneOf(values) => values,
            Wanted::Pattern { .. } => &[],
        }
    }

    /// The pattern, as written.
    pub(crate) fn pattern_text(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::OneOf(_) => None,
            Wanted::Pattern { text, .. } => Some(text),
        }
    }

    /// Returns its first text: a value or the pattern.
    pub fn named(&self) -> &str {
        self.pattern_text().or_else(|| self.values().first().map(String::as_str)).unwrap_or_default()
    }

    /// The same the other way round.
    fn negated(self) -> Self {
        Self { negated: !self.negated, ..self }
    }

    /// Takes the values of `other`, which is one `=` about the same label: of several, one must be equal.
    fn or_equal(&mut self, other: &mut Self) -> bool {
        let same = self.label == other.label && !self.negated && !other.negated;
        match (&mut self.wanted, &mut other.wanted) {
            (Wanted::OneOf(values), Wanted::OneOf(more)) if same => {
                values.append(more);
                true
            }
            _ => false,
        }
    }
}

/// Joins the `=` about one label, of whose values one must be equal: all of them could not. What stands beside each
/// matcher is kept for each of its values.
pub(crate) fn joined<T>(matchers: impl IntoIterator<Item = (Matcher, T)>) -> Vec<(Matcher, Vec<T>)> {
    let mut joined: Vec<(Matcher, Vec<T>)> = Vec::new();
    for (mut matcher, beside) in matchers {
        match joined.iter_mut().find_map(|(first, all)| first.or_equal(&mut matcher).then_some(all)) {
            Some(all) => all.push(beside),
            None => joined.push((matcher, vec![beside])),
        }
    }
    joined
}

/// Matchers are the same that are written the same.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// As it can be read again: `rule="X"`; of several texts the pattern that means them.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.label.is_empty() || self.label.contains(characters::is_reserved) {
            write_quoted(f, &self.label)?;
        } else {
            f.write_str(&self.label)?;
        }
        let (plain, pattern) = if self.negated { ("!=", "!~") } else { ("=", "=~") };
        match &self.wanted {
            Wanted::OneOf(values) if values.len() == 1 => {
                f.write_str(plain)?;
                values.iter().try_for_each(|value| write_quoted(f, value))
            }
            Wanted::OneOf(values) => {
                f.write_str(pattern)?;
                let texts: Vec<String> = values.iter().map(|value| escaped(value)).collect();
                write_quoted(f, &texts.join("|"))
            }
            Wanted::Pattern { text, .. } => {
                f.write_str(pattern)?;
                write_quoted(f, text)
            }
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// A pattern of this text alone. `regex::escape` escapes hyphens, too, which nobody would write.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests;
