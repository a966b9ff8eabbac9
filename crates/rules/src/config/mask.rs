//! A configuration's text → the same without secrets, byte by byte in its place.
//!
//! Nothing is shown because it does not look like a secret. Shown are the words of the table of keys, and the values of
//! keys that the table knows to hold none; everything else becomes asterisks, comments too. Of a file that is no YAML,
//! the words alone are left.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::config::is_key;
use crate::diagnostic::{Finding, Hint};
use crate::keys::{Key, Shape, Table, sink_table};
use crate::yaml::{Node, Yaml};

/// The part of a file that may be shown.
#[derive(Default)]
pub(super) struct Masked {
    /// The text: of the same length in bytes and characters, with the same lines.
    pub(super) text: String,
    /// The texts that were masked, for messages that may repeat them. None of a file that is no YAML.
    hidden: Option<BTreeSet<String>>,
}

/// The shortest text that is looked for in messages: shorter ones are in every message by chance.
const SHORTEST: usize = 4;

impl Masked {
    /// Takes out of the findings' texts what was masked.
    pub(super) fn hide_in(&self, findings: &mut [Finding]) {
        let automaton = |hidden: &BTreeSet<String>| {
            // Other kinds are built for long searches: one long secret that repeats itself holds them up for a minute.
            AhoCorasick::builder().kind(Some(AhoCorasickKind::NoncontiguousNFA)).build(hidden).ok()
        };
        // More than a file may hold is needed to make no automaton of it.
        let Some(hidden) = self.hidden.as_ref().and_then(automaton) else {
            for finding in findings {
                // Its hint is ours.
                finding.message = without_quoted(&finding.message);
            }
            return;
        };
        for finding in findings {
            for text in std::iter::once(&mut finding.message).chain(finding.hint.as_mut().map(Hint::text_mut))
            {
                if hidden.is_match(text.as_str()) {
                    *text = without(&hidden, text);
                }
            }
        }
    }
}

/// A message without what is hidden. Where one secret overlaps another, or holds it, nothing of both is left.
fn without(hidden: &AhoCorasick, message: &str) -> String {
    let mut found: Vec<Range<usize>> =
        hidden.find_overlapping_iter(message).map(|found| found.range()).collect();
    found.sort_by_key(|range| range.start);
    let mut shown = String::new();
    let mut at = 0;
    for range in found {
        if range.start >= at {
            shown.push_str(&message[at..range.start]);
            shown.push_str("***");
        }
        at = at.max(range.end);
    }
    shown + &message[at..]
}

/// A parser's message without what it quotes of the file.
fn without_quoted(message: &str) -> String {
    let mut shown = String::new();
    let mut rest = message;
    while let Some(start) = rest.find(['`', '\'', '"']) {
        let (before, quoted) = rest.split_at(start);
        shown.push_str(before);
        let quote = quoted.chars().next().unwrap_or('`');
        let Some(end) = quoted[1..].find(quote) else {
            rest = "…";
            break;
        };
        let inner = &quoted[1..=end];
        shown.push(quote);
        shown.push_str(if inner.chars().count() <= 1 { inner } else { "…" });
        shown.push(quote);
        rest = &quoted[end + 2..];
    }
    shown + rest
}

/// `fluo.yml`.
pub(super) fn config(text: &str, roots: Option<&[Node]>) -> Masked {
    let mut ranges = Ranges::of(text);
    roots.unwrap_or_default().iter().for_each(|root| ranges.mapping(root, Table::Config));
    masked(text, ranges, roots.is_some())
}

/// A list of sinks.
pub(super) fn sinks(text: &str, roots: Option<&[Node]>) -> Masked {
    let mut ranges = Ranges::of(text);
    roots.unwrap_or_default().iter().for_each(|root| ranges.sinks(root));
    masked(text, ranges, roots.is_some())
}

fn masked(text: &str, ranges: Ranges<'_>, is_yaml: bool) -> Masked {
    let words = known_words();
    let mut bytes: Vec<bool> = vec![false; text.len()];
    let mut mark = |range: Range<usize>, shown: bool| {
        if let Some(bytes) = bytes.get_mut(range) {
            bytes.fill(shown);
        }
    };
    for run in runs(text) {
        mark(run.clone(), text.get(run).is_some_and(|run| words.contains(run)));
    }
    ranges.shown.iter().for_each(|range| mark(range.clone(), true));
    ranges.hidden.iter().for_each(|(range, _)| mark(range.clone(), false));
    let shown = text
        .char_indices()
        .map(|(at, c)| if is_structure(c) || bytes.get(at) == Some(&true) { c } else { mask(c) })
        .collect();
    let mut hidden: BTreeSet<String> = ranges.hidden.into_iter().map(|(_, text)| text).collect();
    hidden.retain(|text| text.len() >= SHORTEST && !words.contains(text.as_str()));
    Masked { text: shown, hidden: is_yaml.then_some(hidden) }
}

/// An asterisk, or what takes as many bytes.
fn mask(c: char) -> char {
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '\u{1f784}',
    }
}

/// White space, and what holds lists and mappings together.
fn is_structure(c: char) -> bool {
    c.is_whitespace() || matches!(c, '{' | '}' | '[' | ']' | ',' | ':' | '\u{feff}')
}

/// Returns the ranges between structure.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive(is_structure).map(move |piece| {
        let start = at;
        at += piece.len();
        start..start + piece.trim_end_matches(is_structure).len()
    })
}

/// The words of the table: its keys, what some of them may be, and those of YAML.
fn known_words() -> BTreeSet<&'static str> {
    let keys = || Table::of_config().flat_map(Table::keys);
    let values = keys().flat_map(|key| match &key.shape {
        Shape::Word(words) | Shape::Words(words) => words.to_vec(),
        Shape::SinkType(word) => vec![*word],
        _ => Vec::new(),
    });
    keys().map(|key| key.name).chain(values).chain(["-", "---", "true", "false", "null", "~"]).collect()
}

/// The ranges of a file that may be shown, and those that must not.
struct Ranges<'a> {
    file: &'a str,
    shown: Vec<Range<usize>>,
    hidden: Vec<(Range<usize>, String)>,
}

impl<'a> Ranges<'a> {
    fn of(file: &'a str) -> Self {
        Self { file, shown: Vec::new(), hidden: Vec::new() }
    }

    fn mapping(&mut self, node: &Node, table: Table) {
        for entry in node.entries().unwrap_or_default() {
            if is_key(&entry.key) {
                self.shown.push(entry.key_at.clone());
            } else {
                self.hidden.push((entry.key_at.clone(), entry.key.clone()));
            }
            match table.key(&entry.key) {
                Some(key) => self.value(&entry.value, key),
                None => self.hide(&entry.value),
            }
        }
        if node.entries().is_none() {
            self.hide(node);
        }
    }

    fn value(&mut self, node: &Node, key: &Key) {
        match key.shape {
            Shape::Secret | Shape::Secrets => self.secret(node),
            Shape::SecretMap => match node.entries() {
                Some(entries) => {
                    for entry in entries {
                        // The name of a header.
                        if is_key(&entry.key) {
                            self.shown.push(entry.key_at.clone());
                        } else {
                            self.hidden.push((entry.key_at.clone(), entry.key.clone()));
                        }
                        self.secret(&entry.value);
                    }
                }
                None => self.hide(node),
            },
            Shape::Sinks => self.sinks(node),
            Shape::Map(table) => self.mapping(node, table),
            Shape::SinkType(_) if !node.scalar_text(self.file).is_some_and(is_key) => self.hide(node),
            _ => self.show(node),
        }
    }

    fn sinks(&mut self, node: &Node) {
        let Yaml::List(items) = &node.value else { return self.hide(node) };
        for item in items {
            let word = item.get("type").and_then(|entry| entry.value.scalar_text(self.file));
            self.mapping(item, word.and_then(sink_table).unwrap_or(Table::AnySink));
        }
    }

    /// A secret: of `{env: NAME}` the name may be shown.
    fn secret(&mut self, node: &Node) {
        match &node.value {
            Yaml::List(items) => items.iter().for_each(|item| self.secret(item)),
            Yaml::Map(entries) => {
                for entry in entries {
                    if entry.key == "env" && entry.value.scalar_text(self.file).is_some_and(is_name) {
                        self.show(&entry.value);
                    } else {
                        self.hidden.push((entry.key_at.clone(), entry.key.clone()));
                        self.hide(&entry.value);
                    }
                }
            }
            _ => self.hide(node),
        }
    }

    /// Shows the scalars of a value, but for addresses that may hold a password.
    fn show(&mut self, node: &Node) {
        match &node.value {
            Yaml::List(items) => items.iter().for_each(|item| self.show(item)),
            Yaml::Map(entries) => {
                for entry in entries {
                    self.shown.push(entry.key_at.clone());
                    self.show(&entry.value);
                }
            }
            _ if node.scalar_text(self.file).is_some_and(may_hold_password) => self.hide(node),
            _ => self.shown.push(node.at.clone()),
        }
    }

    fn hide(&mut self, node: &Node) {
        match &node.value {
            Yaml::List(items) => items.iter().for_each(|item| self.hide(item)),
            Yaml::Map(entries) => {
                for entry in entries {
                    self.hidden.push((entry.key_at.clone(), entry.key.clone()));
                    self.hide(&entry.value);
                }
            }
            _ => {
                let text = node.scalar_text(self.file).unwrap_or_default();
                self.hidden.push((node.at.clone(), text.to_owned()));
            }
        }
    }
}

/// Returns whether a text is written as variables are: capitals and underscores.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Returns whether an address may hold user, password or token.
fn may_hold_password(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_secrets_that_overlap_nothing_is_left() {
        for (message, expected) in [
            ("`abcdef` is no address", "`***` is no address"),
            ("`abcd` and `cdef`", "`***` and `***`"),
            ("inner-secret-of-it", "***"),
            ("a secret", "a ***"),
            ("nothing", "nothing"),
        ] {
            let hidden = AhoCorasick::new(["abcd", "cdef", "secret", "inner-secret-of-it"]).unwrap();
            assert_eq!(without(&hidden, message), expected);
        }
    }
}
