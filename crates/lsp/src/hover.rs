//! The meaning of a word.

use std::ops::Range;
use std::sync::Arc;

use fluo_plan::{RulePlan, words};
use fluo_rules::expected::{Step, Value, expected, key_at};
use fluo_rules::expr::documentation::{Documented, EARLIER, FIELDS, FUNCTIONS, OPERATORS};
use fluo_rules::rule::Rule;
use fluo_spans::layout::Layout;

use crate::outline::{Place, Role};
use crate::workspace::At;

/// The text about what stands at a byte, as Markdown, and the bytes that it is about.
pub(crate) fn hover(at: &At<'_>, offset: usize) -> Option<(String, Range<usize>)> {
    if let Some(found) = rule(at, offset) {
        return Some(found);
    }
    let text = at.text.as_str();
    let place = Place::of(text, offset);
    if place.role == Role::Key {
        let key = text.get(place.word.clone())?.trim_matches(['"', '\'']).to_owned();
        let path: Vec<Step> = place.path.iter().cloned().chain([Step::Key(key)]).collect();
        let found = key_at(at.kind, &path, place.sink.as_deref())?;
        return Some((shown(&found), place.word));
    }
    let expected = expected(at.kind, &place.path, place.sink.as_deref());
    let known: &[&[Documented]] = match expected.value {
        Value::OfSpan => &[FUNCTIONS, OPERATORS, FIELDS],
        Value::OfWindow => &[FUNCTIONS, EARLIER, OPERATORS],
        Value::Field => &[FIELDS],
        _ => return None,
    };
    let word = word_at(text, offset);
    let name = text.get(word.clone())?;
    let found = known.iter().copied().flatten().find(|it| it.name == name)?;
    Some((shown(found), word))
}

/// The meaning of the rule on whose name a byte is.
fn rule(at: &At<'_>, offset: usize) -> Option<(String, Range<usize>)> {
    let items = at.project.items(&at.name);
    let is_on = |bytes: &Range<usize>| bytes.start <= offset && offset <= bytes.end;
    let item = items.iter().find(|item| item.names.iter().any(|(_, place)| is_on(&place.bytes)))?;
    let (_, place) = item.names.first()?;
    let meaning = |rule: &Rule| {
        // A rule that the planner refuses has a finding instead.
        let plan = RulePlan::new(Arc::new(rule.clone())).ok()?;
        Some(format!("```text\n{}\n```", words(&plan, &Layout::builtin()).trim_end()))
    };
    let texts: Vec<String> = item.rules.iter().filter_map(meaning).collect();
    (!texts.is_empty()).then(|| (texts.join("\n\n"), place.bytes.clone()))
}

/// A line about a key, a function, an operator or a field.
pub(crate) fn shown(known: &Documented) -> String {
    let written = known.written.unwrap_or(known.name);
    let default = known.default.map(|default| format!("\n\nDefault: `{default}`")).unwrap_or_default();
    format!("`{written}`\n\n{}{default}", known.doc)
}

/// The word of an expression around a byte.
pub(crate) fn word_at(text: &str, offset: usize) -> Range<usize> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
    let offset = text.floor_char_boundary(offset);
    let before = &text[..offset];
    let start =
        before.len() - before.chars().rev().take_while(|c| is_part(*c)).map(char::len_utf8).sum::<usize>();
    let behind = text[offset..].chars().take_while(|c| is_part(*c)).map(char::len_utf8).sum::<usize>();
    start..offset + behind
}
