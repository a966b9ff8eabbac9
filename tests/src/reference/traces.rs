//! Rules about whole traces, from the rule language's section 7 and ADR 0024: all spans in, the rows of which
//! windows are made out.
//!
//! ```text
//! spans ─ members ─▶ one of each, by trace ─ stops ─▶ traces that violate the rule ─ row ─▶ rows, judged as spans are
//!                                              │
//!                              demands ◀───────┘
//!                                 │
//!               candidates, spansets, order
//! ```
//!
//! Of a rule across traces (`by`) every occasion that breaks it is a row: `across`.

mod across;
mod candidates;
mod demands;
mod members;
mod order;
mod row;
mod spansets;
mod stops;

use fluo_rules::rule::Rule;
use fluo_rules::trace::TraceRule;
use fluo_rules::trace::spanset::Spanset;
use fluo_spans::span::Span;

use super::moments::{self, History, Judged};
use super::terms::{Givens, RefValue, SpanKey};
use super::{copies, earlier};

/// A trace that violates its rule, as windows see it.
pub(super) struct Row {
    /// The row itself.
    span: Span,
    /// The numbers of spans that the rule counts, by name.
    counts: Vec<(String, RefValue)>,
    /// The demands that the trace breaks, as `failed` names them.
    failed: Vec<String>,
    /// The spans that show it.
    evidence: Vec<SpanKey>,
}

/// A rule, as all of these functions need to know it.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    rule: &'a Rule,
    trace: &'a TraceRule,
    givens: Givens<'a>,
}

impl About<'_> {
    /// Returns whether the step is `when` itself, so that its name stands for the occasion.
    fn is_occasion(&self, step: usize) -> bool {
        self.trace.when == Some(Spanset::Filter(step))
    }
}

/// The rows of the traces that violate the rule. Where the range says how far spans are there, `known_to`, a trace
/// that is to be judged later is not.
pub(super) fn rows(
    rule: &Rule,
    trace: &TraceRule,
    spans: &[Span],
    judged: Judged,
    known_to: Option<i64>,
    givens: Givens<'_>,
) -> Vec<Row> {
    let about = About { rule, trace, givens };
    if !trace.by.is_empty() {
        let is_known = |span: &&Span| known_to.is_none_or(|known_to| span.end_ns <= known_to);
        let known: Vec<&Span> = spans.iter().filter(is_known).collect();
        return across::rows(about, &known, known_to.map(i128::from));
    }
    let longest = i128::from(trace.max_duration.0);
    let behind = earlier::stretches(rule, givens).into_iter().map(|(begin, _)| begin).max();
    let after = judged.from - i128::from(behind.unwrap_or_default()) - 2 * longest;
    let last = judged.to + longest;
    let last = known_to.map_or(last, |known_to| last.min(i128::from(known_to)));
    let read: Vec<&Span> = spans
        .iter()
        .filter(|span| after < i128::from(span.end_ns) && i128::from(span.end_ns) <= last)
        .collect();
    members::by_trace(&read, givens)
        .iter()
        .flat_map(|members| {
            stops::violations(about, members, known_to.map(i128::from))
                .into_iter()
                .filter_map(move |violation| row::of(about, &violation))
        })
        .collect()
}

/// The rule as it is over these rows.
pub(super) fn over_rows(rule: &Rule, trace: &TraceRule) -> Rule {
    if trace.by.is_empty() { rule.clone() } else { across::over_rows(rule, trace) }
}

/// The rows as spans.
pub(super) fn spans(rows: &[Row]) -> Vec<Span> {
    rows.iter().map(|row| row.span.clone()).collect()
}

/// Gives every holding moment the counts of its window's first row, where there is one.
pub(super) fn add_counts(rule: &Rule, histories: &mut [History<'_>], rows: &[Row]) {
    for history in histories {
        for held in &mut history.held {
            let window = moments::window(rule, &history.spans, held.at);
            let of_first = in_order(&window, rows).first().map(|row| row.counts.clone());
            held.values.extend(of_first.unwrap_or_default());
        }
    }
}

/// The spans that show a window of rows, and what the first of them breaks.
pub(super) fn shown(rule: &Rule, window: &[&Span], rows: &[Row]) -> (Vec<SpanKey>, Vec<String>) {
    let in_order = in_order(window, rows);
    let mut evidence: Vec<SpanKey> = Vec::new();
    for key in in_order.iter().flat_map(|row| &row.evidence) {
        if !evidence.contains(key) {
            evidence.push(*key);
        }
    }
    evidence.truncate(rule.evidence_limit as usize);
    (evidence, in_order.first().map_or_else(Vec::new, |row| row.failed.clone()))
}

/// The rows of a window, by end and key.
fn in_order<'a>(window: &[&Span], rows: &'a [Row]) -> Vec<&'a Row> {
    let mut keys: Vec<SpanKey> = window.iter().map(|span| copies::key(span)).collect();
    keys.sort_by_key(|(trace, span, end)| (*end, *trace, *span));
    keys.iter().flat_map(|key| rows.iter().filter(move |row| copies::key(&row.span) == *key)).collect()
}
