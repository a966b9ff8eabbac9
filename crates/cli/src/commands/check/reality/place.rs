//! Finds the place of a word of a rule in its file: a checked rule no longer knows its places.

use std::ops::Range;
use std::sync::Arc;

use fluo_rules::diagnostic::Place;
use fluo_rules::position::Lines;
use fluo_rules::rule::Rule;

/// The first line of a rule.
pub(in crate::commands::check) fn place_of(rule: &Rule) -> Place {
    let source = &rule.source;
    let line = source.text.get(source.range.clone()).and_then(|rule| rule.lines().next()).unwrap_or_default();
    place(rule, source.range.start..source.range.start + line.len())
}

/// The first place in a rule at which a word stands by itself; its first line where it is written in another way.
pub(super) fn word_in(rule: &Rule, word: &str) -> Place {
    let source = &rule.source;
    let text = source.text.get(source.range.clone()).unwrap_or_default();
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let stands_alone =
        |at: usize| !text[..at].ends_with(is_of_word) && !text[at + word.len()..].starts_with(is_of_word);
    let is_commented =
        |at: usize| text[..at].lines().last().is_some_and(|line| line.trim_start().starts_with('#'));
    let found = (!word.is_empty())
        .then(|| {
            text.match_indices(word).map(|(at, _)| at).find(|at| stands_alone(*at) && !is_commented(*at))
        })
        .flatten();
    match found {
        Some(at) => place(rule, source.range.start + at..source.range.start + at + word.len()),
        None => place_of(rule),
    }
}

fn place(rule: &Rule, bytes: Range<usize>) -> Place {
    let source = &rule.source;
    let lines = Lines::of(&source.text);
    let (start, end) = (lines.position(&source.text, bytes.start), lines.position(&source.text, bytes.end));
    Place { file: Arc::clone(&source.file), bytes, start, end }
}
